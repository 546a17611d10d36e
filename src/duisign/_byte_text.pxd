# The state of the byte lane: where it reads, what is in scope, where it writes; and what it reads besides tags.

from libc.string cimport memcmp

from duisign._bindings cimport Bindings, Text
from duisign._octets cimport Octets, put
from duisign._pointers cimport Pointers


cdef extern from "_scan.h" nogil:
    const unsigned char* duisign_scan_text(const unsigned char* at, const unsigned char* end)
    const unsigned char* duisign_scan_value(const unsigned char* at, const unsigned char* end)
    const unsigned char* duisign_scan_name(const unsigned char* at, const unsigned char* end)
    const unsigned char* duisign_scan_to(const unsigned char* at, const unsigned char* end, unsigned char stop)
    const unsigned char* duisign_skip_space(const unsigned char* at)
    bint duisign_same(
        const unsigned char* one, const unsigned char* other, const unsigned char* end, size_t length,
    )
    int duisign_character(const unsigned char* at)
    const char* DUISIGN_SCAN


cdef enum Decline:
    NOT_DECLINED = 0
    # not well-formed, or taken for that
    MALFORMED
    DOCTYPE
    ENCODING
    NAME
    NAMESPACE
    XML_ATTRIBUTE
    INSTRUCTION
    SIGNATURE
    TOO_DEEP
    TOO_LARGE
    # attributes, namespaces or names; only where a parser is to read the document
    TOO_MANY
    DECLINES


cdef enum:
    # Octets of a name or namespace URI that this lane takes. libxml2 has a limit for names, far above; genuine names
    # have fewer than 70.
    LONGEST_NAME = 1000
    # Attributes of an element, namespaces declared by open elements, and different words that a parser keeps, in a
    # document for one. Genuine messages have fewer than 10, 20 and 100.
    MOST_ATTRIBUTES = 128
    MOST_BINDINGS = 256
    MOST_WORDS = 1000
    # Levels and namespace declarations around elements, summed over all elements and attributes with a prefix, for each
    # octet: among so many a parser may look for what a prefix is bound to. Genuine messages have fewer than 4.
    MOST_AROUND = 16
    # Attributes, and declarations, of one element that need no allocation.
    INLINE_ATTRIBUTES = 6


# An attribute or a declaration, in few octets, since an element may have a million: what is written of it comes first.
cdef struct Attribute:
    # qualified name; its length is up to LONGEST_NAME, that of its prefix 0 without one
    const unsigned char* name
    unsigned short name_length
    unsigned short prefix_length
    # between the quotes, as it is written
    const unsigned char* value
    size_t value_length
    # namespace URI; empty without prefix, and of a declaration
    Text uri


cdef struct Attributes:
    Attribute* items
    int count
    int capacity
    bint failed
    Attribute inline_items[INLINE_ATTRIBUTES]


cdef struct Lane:
    # the next octet; the end, where a NUL can be read
    const unsigned char* at
    const unsigned char* end
    # what is canonical as it stands, but not yet in out, begins here
    const unsigned char* run
    Octets* out
    bint exclusive
    # borrowed; NULL but for a parser: the words so far. Then every declaration counts as a binding, one that repeats
    # what holds too.
    Bindings* words
    # namespaces declared by the open elements; exclusive only: those written by them
    Bindings in_scope
    Bindings rendered
    # the prefix resolved last, which an exclusive form has written; void after any change of the bindings
    bint known
    Text known_prefix
    Text known_uri
    # the start tag read last
    Text name
    bint is_empty
    bint is_signature
    # scratch of that tag
    Attributes attributes
    Attributes declarations
    Pointers sorted
    Decline decline


cdef bint keep_word(Lane* lane, Text word) noexcept nogil
cdef const unsigned char* read_name(
    Lane* lane, const unsigned char* at, Text* name, Text* prefix, Text* local,
) noexcept nogil
cdef const unsigned char* read_value(Lane* lane, const unsigned char* at, Text* value, bint* plain) noexcept nogil
cdef void put_value(Lane* lane, Text value) noexcept nogil
cdef bint read_text(Lane* lane) noexcept nogil
cdef bint read_cdata(Lane* lane) noexcept nogil
cdef bint read_comment(Lane* lane) noexcept nogil
cdef bint read_instruction(Lane* lane) noexcept nogil
cdef bint read_declaration(Lane* lane) noexcept nogil
cdef str reason_of(Decline decline)


cdef inline Text between(const unsigned char* start, const unsigned char* end) noexcept nogil:
    cdef Text text
    text.octets = start
    text.length = end - start
    return text


cdef inline Text name_of(const Attribute* attribute) noexcept nogil:
    return between(attribute.name, attribute.name + attribute.name_length)


cdef inline Text prefix_of(const Attribute* attribute) noexcept nogil:
    return between(attribute.name, attribute.name + attribute.prefix_length)


cdef inline Text local_of(const Attribute* attribute) noexcept nogil:
    # A colon stands behind a prefix.
    cdef size_t before = attribute.prefix_length + 1 if attribute.prefix_length else 0
    return between(attribute.name + before, attribute.name + attribute.name_length)


cdef inline Text value_of(const Attribute* attribute) noexcept nogil:
    return between(attribute.value, attribute.value + attribute.value_length)


cdef inline Text declared_prefix(const Attribute* declaration) noexcept nogil:
    """What a declaration binds: of xmlns nothing, of xmlns:ds the prefix ds."""
    return local_of(declaration) if declaration.prefix_length else prefix_of(declaration)


cdef inline bint starts_name(unsigned char octet) noexcept nogil:
    return c"a" <= (octet | 0x20) <= c"z" or octet == c"_"


cdef inline bint is_space(unsigned char octet) noexcept nogil:
    return octet == c" " or octet == c"\n" or octet == c"\t" or octet == c"\r"


cdef inline void flush(Lane* lane, const unsigned char* to) noexcept nogil:
    """Write what is canonical as it stands, up to `to`."""
    if to != lane.run:
        put(lane.out, lane.run, to - lane.run)


cdef inline bint declined(Lane* lane, Decline reason) noexcept nogil:
    lane.decline = reason
    return False


cdef inline bint begins(const Lane* lane, const unsigned char* at, const char* word, size_t length) noexcept nogil:
    return <size_t> (lane.end - at) >= length and memcmp(at, word, length) == 0
