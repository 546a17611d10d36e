# Namespace bindings of the open elements: a stack with a hash index, so that thousands of declarations cost
# no more than a few. Prefixes and URIs are borrowed from the tree or the document, which outlives the walk.
# And the orders of names.

from libc.stdlib cimport free
from libc.string cimport memcmp, memset, strlen


cdef enum:
    # Bindings and buckets that need no allocation; genuine messages have at most six bindings.
    INLINE_BINDINGS = 24
    INLINE_BUCKETS = 16


cdef struct Text:
    # borrowed, never NULL
    const unsigned char* octets
    size_t length


cdef struct Binding:
    # empty is the default namespace
    Text prefix
    # empty is no namespace
    Text uri
    unsigned int hash
    # index of the binding below in the same bucket, or -1
    int below


cdef struct Bindings:
    Binding* items
    int count
    int capacity
    int* buckets
    # a power of two, less one
    unsigned int mask
    bint failed
    Binding inline_items[INLINE_BINDINGS]
    int inline_buckets[INLINE_BUCKETS]


cdef unsigned int binding_seed


cdef inline Text text_of(const char* string) noexcept nogil:
    cdef Text text
    text.octets = <const unsigned char*> string
    text.length = strlen(string)
    return text


cdef inline bint differ(Text one, Text other) noexcept nogil:
    # Mostly they are the same octets of the tree or the document.
    return one.length != other.length or (
        one.octets != other.octets and memcmp(one.octets, other.octets, one.length) != 0
    )


cdef inline int ordered(Text one, Text other) noexcept nogil:
    """Negative, 0 or positive, as strcmp: UTF-8 octets sort as code points do."""
    cdef size_t length = one.length if one.length < other.length else other.length
    cdef int order = memcmp(one.octets, other.octets, length)
    if order != 0 or one.length == other.length:
        return order
    return -1 if one.length < other.length else 1


cdef unsigned long long text_key(Text text) noexcept nogil
cdef unsigned long long expanded_name_key(Text uri, Text local) noexcept nogil


cdef inline void bindings_open(Bindings* stack) noexcept nogil:
    stack.items = stack.inline_items
    stack.count = 0
    stack.capacity = INLINE_BINDINGS
    stack.buckets = stack.inline_buckets
    stack.mask = INLINE_BUCKETS - 1
    stack.failed = False
    memset(stack.inline_buckets, 0xFF, sizeof(stack.inline_buckets))


cdef inline void bindings_free(Bindings* stack) noexcept nogil:
    if stack.items != stack.inline_items:
        free(stack.items)
    if stack.buckets != stack.inline_buckets:
        free(stack.buckets)


cdef inline unsigned int prefix_hash(Text prefix) noexcept nogil:
    # FNV-1a from a random seed, so that nobody can choose prefixes that share a bucket.
    cdef unsigned int value = binding_seed
    cdef size_t index
    for index in range(prefix.length):
        value = (value ^ prefix.octets[index]) * <unsigned int> 16777619
    return value ^ (value >> 15)


cdef inline int bound_index(const Bindings* stack, Text prefix) noexcept nogil:
    """The index of the binding of `prefix` that holds, or -1."""
    cdef unsigned int value = prefix_hash(prefix)
    cdef int index = stack.buckets[value & stack.mask]
    while index >= 0:
        if stack.items[index].hash == value and not differ(stack.items[index].prefix, prefix):
            return index
        index = stack.items[index].below
    return -1


cdef inline Text bound_uri(const Bindings* stack, Text prefix) noexcept nogil:
    """The namespace URI that `prefix` is bound to; empty for none, bound or not."""
    cdef int index = bound_index(stack, prefix)
    if index < 0:
        return text_of(b"")
    return stack.items[index].uri


cdef int bindings_grow(Bindings* stack) noexcept nogil


cdef inline void bind(Bindings* stack, Text prefix, Text uri) noexcept nogil:
    cdef Binding* item
    cdef int* bucket
    if stack.count == stack.capacity and bindings_grow(stack) < 0:
        stack.failed = True
        return
    item = &stack.items[stack.count]
    item.prefix = prefix
    item.uri = uri
    item.hash = prefix_hash(prefix)
    bucket = &stack.buckets[item.hash & stack.mask]
    item.below = bucket[0]
    bucket[0] = stack.count
    stack.count += 1


cdef inline void unbind_to(Bindings* stack, int count) noexcept nogil:
    # Last in, first out: the top binding is always the first of its bucket.
    cdef Binding* item
    while stack.count > count:
        stack.count -= 1
        item = &stack.items[stack.count]
        stack.buckets[item.hash & stack.mask] = item.below
