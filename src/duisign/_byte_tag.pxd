# The start tag in the byte lane.

from libc.string cimport memcmp

from duisign._byte_text cimport (
    LONGEST_NAME, Attributes, Lane, between, duisign_scan_name, duisign_scan_value, flush, starts_name,
)
from duisign._octets cimport put, put_octet


cdef bint read_start_tag(Lane* lane) noexcept nogil
cdef bint binds_ds_to_xmldsig(const Lane* lane) noexcept nogil
cdef void attributes_open(Attributes* array) noexcept nogil
cdef void attributes_free(Attributes* array) noexcept nogil


cdef inline void finish_tag(Lane* lane) noexcept nogil:
    put_octet(lane.out, c">")
    if lane.is_empty:
        put(lane.out, b"</", 2)
        put(lane.out, lane.name.octets, lane.name.length)
        put_octet(lane.out, c">")


cdef inline bint read_known_start(Lane* lane) noexcept nogil:
    """Read a start tag whose prefix was resolved last, with at most one attribute; False, and nothing done, for others.

    The attribute has no prefix and is no declaration. Such a tag is canonical as it stands, but for the end tag of an
    empty element. So are most tags of a message.
    """
    cdef const unsigned char* name = lane.at + 1
    cdef const unsigned char* local = name
    cdef const unsigned char* behind_name
    cdef const unsigned char* attribute
    cdef const unsigned char* at
    cdef size_t length = lane.known_prefix.length
    cdef size_t index
    if not lane.known:
        return False
    if length:
        # No prefix has the NUL in it that ends the document.
        for index in range(length):
            if name[index] != lane.known_prefix.octets[index]:
                return False
        if name[length] != c":":
            return False
        local += length + 1
    at = behind_name = duisign_scan_name(local, lane.end)
    if not starts_name(local[0]) or at - name > LONGEST_NAME:
        return False
    if at - local == 9 and memcmp(local, b"Signature", 9) == 0:
        return False
    if at[0] == c" ":
        attribute = at + 1
        at = duisign_scan_name(attribute, lane.end)
        # "xmlns" begins with an "x".
        if attribute[0] == c"x" or not starts_name(attribute[0]) or at - attribute > LONGEST_NAME:
            return False
        if at[0] != c"=" or at[1] != c'"':
            return False
        at = duisign_scan_value(at + 2, lane.end)
        if at[0] != c'"':
            return False
        at += 1
    if at[0] == c">":
        lane.is_empty = False
        lane.name = between(name, behind_name)
        lane.at = at + 1
        return True
    if at[0] != c"/" or at[1] != c">":
        return False
    lane.is_empty = True
    lane.name = between(name, behind_name)
    lane.at = at + 2
    flush(lane, at)
    finish_tag(lane)
    lane.run = lane.at
    return True
