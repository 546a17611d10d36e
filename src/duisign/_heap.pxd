# The heap of the process.


cdef void keep_memory(size_t octets) noexcept nogil
