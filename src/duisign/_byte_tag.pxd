# The start tag in the byte lane.

from libc.string cimport memcmp

from duisign._byte_text cimport LONGEST_NAME, Attributes, Lane, between, duisign_scan_name, starts_name


cdef bint read_start_tag(Lane* lane) noexcept nogil
cdef bint read_known_rest(Lane* lane, const unsigned char* at) noexcept nogil
cdef bint binds_ds_to_xmldsig(const Lane* lane) noexcept nogil
cdef void attributes_open(Attributes* array) noexcept nogil
cdef void attributes_free(Attributes* array) noexcept nogil


cdef inline bint read_known_start(Lane* lane) noexcept nogil:
    """Read a start tag whose prefix was resolved last, with at most one attribute; False, and nothing done, for others.

    The attribute has no prefix and is no declaration. Such a tag is canonical as it stands, but for the end tag of an
    empty element. So are most tags of a message.
    """
    cdef const unsigned char* name = lane.at + 1
    cdef const unsigned char* local = name
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
    at = duisign_scan_name(local, lane.end)
    if not starts_name(local[0]) or at - name > LONGEST_NAME:
        return False
    if at - local == 9 and memcmp(local, b"Signature", 9) == 0:
        return False
    if at[0] != c">":
        return read_known_rest(lane, at)
    lane.is_empty = False
    lane.name = between(name, at)
    lane.at = at + 1
    return True
