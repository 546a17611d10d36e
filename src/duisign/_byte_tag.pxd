# The start tag in the byte lane.

from duisign._byte_text cimport Attributes, Lane


cdef bint read_start_tag(Lane* lane) noexcept nogil
cdef bint binds_ds_to_xmldsig(const Lane* lane) noexcept nogil
cdef void attributes_open(Attributes* array) noexcept nogil
cdef void attributes_free(Attributes* array) noexcept nogil
