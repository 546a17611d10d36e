# Trees that have done their work.

from lxml.includes.etreepublic cimport _Element


cdef enum:
    # Octets of a document whose tree takes long enough to be freed to be worth giving up the GIL for.
    LONG_TREE = 8192


cpdef int release_tree(_Element root, Py_ssize_t holders) except -1
