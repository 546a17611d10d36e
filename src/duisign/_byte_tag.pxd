# The start tag in the byte lane.

from libc.string cimport memcmp

from duisign._byte_text cimport LONGEST_NAME, Attributes, Lane, duisign_scan_name, starts_name


cdef bint read_start_tag(Lane* lane) noexcept nogil
cdef bint binds_ds_to_xmldsig(const Lane* lane) noexcept nogil
cdef void attributes_open(Attributes* array) noexcept nogil
cdef void attributes_free(Attributes* array) noexcept nogil


cdef inline const unsigned char* behind_known_name(const Lane* lane) noexcept nogil:
    """The ">" of a start tag at lane.at that has nothing but a name, with the prefix resolved last; NULL for others.

    It is canonical as it stands, and needs nothing else. So are most tags of a message.
    """
    cdef const unsigned char* name = lane.at + 1
    cdef const unsigned char* local = name
    cdef const unsigned char* end
    cdef size_t length = lane.known_prefix.length
    cdef size_t index
    if not lane.known:
        return NULL
    if length:
        # No prefix has the NUL in it that ends the document.
        for index in range(length):
            if name[index] != lane.known_prefix.octets[index]:
                return NULL
        if name[length] != c":":
            return NULL
        local += length + 1
    end = duisign_scan_name(local, lane.end)
    if end[0] != c">" or not starts_name(local[0]) or end - name > LONGEST_NAME:
        return NULL
    if end - local == 9 and memcmp(local, b"Signature", 9) == 0:
        return NULL
    return end
