"""What libxml2 2.11, which lxml's wheels for Windows carry, makes of a document otherwise than 2.14 does, in its tree.

It takes elements at any depth, and "&#38;" for the "&" of a namespace name, where XML 1.0 section 4.4 has the
character.
"""

from libc.string cimport strchr

from lxml.includes.etreepublic cimport _Element, import_lxml__etree
from lxml.includes.tree cimport XML_ELEMENT_NODE, xmlNode, xmlNs

from duisign.errors import element_error

cdef enum Misreading:
    NONE
    TOO_DEEP
    AMPERSAND


cdef bint declares_ampersand(const xmlNode* element) noexcept nogil:
    cdef const xmlNs* declaration = element.nsDef
    while declaration != NULL:
        if declaration.href != NULL and strchr(<const char*> declaration.href, c"&") != NULL:
            return True
        declaration = declaration.next
    return False


cdef Misreading find(const xmlNode* root, int levels) noexcept nogil:
    cdef const xmlNode* node = root
    cdef int depth = 1
    while True:
        if node.type == XML_ELEMENT_NODE:
            if depth > levels:
                return TOO_DEEP
            if declares_ampersand(node):
                return AMPERSAND
            if node.children != NULL:
                node = node.children
                depth += 1
                continue
        while node != root and node.next == NULL:
            node = node.parent
            depth -= 1
        if node == root:
            return NONE
        node = node.next


def misreading(_Element root not None, int levels):
    """"too-deep" if there are more levels of elements, "ampersand" if a namespace name holds one, None otherwise."""
    cdef const xmlNode* node = root._c_node
    cdef Misreading found
    if node == NULL or node.type != XML_ELEMENT_NODE:
        raise element_error()
    with nogil:
        found = find(node, levels)
    if found == TOO_DEEP:
        return "too-deep"
    return "ampersand" if found == AMPERSAND else None


import_lxml__etree()
