# Trees that have done their work.

from lxml.includes.etreepublic cimport _Element


cpdef int release_tree(_Element root, Py_ssize_t octets) except -1
