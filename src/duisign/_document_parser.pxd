# Trees of short documents, by the thread's own parser.

from lxml.includes.etreepublic cimport _Element


cdef _Element root_of_parts(
    const char* first, Py_ssize_t first_length, const char* second, Py_ssize_t second_length,
)
