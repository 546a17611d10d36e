"""Growth of the namespace binding stack, its hash seed, and the keys of sorting."""

import os

from libc.limits cimport INT_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

binding_seed = int.from_bytes(os.urandom(4), "little")


cdef int bindings_grow(Bindings* stack) noexcept nogil:
    """Double the stack and its buckets; -1 when memory or the range of int is used up."""
    cdef Binding* items
    cdef int* buckets
    cdef int index
    cdef int* bucket
    cdef size_t bucket_count = 2 * (<size_t> stack.mask + 1)
    if stack.capacity > INT_MAX // 4:
        return -1
    if stack.items == stack.inline_items:
        items = <Binding*> malloc(2 * <size_t> stack.capacity * sizeof(Binding))
        if items != NULL:
            memcpy(items, stack.inline_items, sizeof(stack.inline_items))
    else:
        items = <Binding*> realloc(stack.items, 2 * <size_t> stack.capacity * sizeof(Binding))
    if items == NULL:
        return -1
    stack.items = items
    stack.capacity *= 2
    buckets = <int*> malloc(bucket_count * sizeof(int))
    if buckets == NULL:
        return -1
    if stack.buckets != stack.inline_buckets:
        free(stack.buckets)
    stack.buckets = buckets
    stack.mask = <unsigned int> (bucket_count - 1)
    memset(buckets, 0xFF, bucket_count * sizeof(int))
    for index in range(stack.count):
        bucket = &buckets[stack.items[index].hash & stack.mask]
        stack.items[index].below = bucket[0]
        bucket[0] = index
    return 0


cdef unsigned long long text_key(Text text) noexcept nogil:
    """The first eight octets as a number, zeros for those that are missing: ordered as `ordered` does."""
    cdef unsigned long long key = 0
    cdef size_t index
    cdef size_t count = text.length if text.length < 8 else 8
    for index in range(count):
        key |= <unsigned long long> text.octets[index] << (56 - 8 * index)
    return key


cdef unsigned long long expanded_name_key(Text uri, Text local) noexcept nogil:
    """A key for names by namespace URI, then local name (Canonical XML 1.0 section 2.2).

    The highest bit tells those in a namespace. What begins with an octet from 0x80 on has it already: such names are
    the last without a namespace, such URIs, which no absolute one is, the last of all; their keys tell no more.
    """
    cdef unsigned long long highest = <unsigned long long> 1 << 63
    cdef unsigned long long key
    if uri.length == 0:
        key = text_key(local)
        return key if key < highest else highest - 1
    key = text_key(uri)
    return key | highest if key < highest else <unsigned long long> -1
