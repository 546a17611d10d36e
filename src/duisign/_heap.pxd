# The heap of the process.


cdef void keep_memory(size_t octets) noexcept nogil
cdef void merge_free_blocks() noexcept nogil
