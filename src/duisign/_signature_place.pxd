# Where the Signatures of a document stand.

from libc.string cimport strcmp

from lxml.includes.tree cimport XML_ELEMENT_NODE, xmlNode


cdef struct Places:
    # the Signature that is a child of the root, or NULL
    xmlNode* outer
    int outer_count
    int inner_count
    int misplaced_count
    bint too_deep


cdef const char* DSIG


cdef inline bint is_named(const xmlNode* node, const char* uri, const char* name) noexcept nogil:
    return (
        strcmp(<const char*> node.name, name) == 0
        and node.ns != NULL and node.ns.href != NULL and strcmp(<const char*> node.ns.href, uri) == 0
    )


cdef inline bint has_elements(const xmlNode* element) noexcept nogil:
    cdef const xmlNode* node = element.children
    while node != NULL:
        if node.type == XML_ELEMENT_NODE:
            return True
        node = node.next
    return False


cdef xmlNode* checked_root(object root) except NULL
cdef xmlNode* last_signature(const xmlNode* root) noexcept nogil
cdef bint holds_signature(xmlNode* signature, int max_depth) noexcept nogil
cdef int locate(object root, int max_depth, Py_ssize_t size, Places* places) except -1
