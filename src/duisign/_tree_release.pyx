"""Trees that have done their work: their nodes are freed without the GIL.

lxml frees a tree with the last of its proxies, and holds the GIL meanwhile: a twentieth of the time of a verification,
for which other threads wait, and longer than it is, since a thread that sleeps takes some 30 us to wake. So the tree of
a long document, which nobody but this library has seen, is freed by libxml2's own function, which is looked up in
lxml's module: the one that lxml itself calls. Where it is out of reach, lxml frees the tree, as any other.
"""

from cpython.object cimport PyObject

from lxml.includes.etreepublic cimport _Element, import_lxml__etree
from lxml.includes.tree cimport xmlDoc, xmlNode

from duisign._heap cimport merge_free_blocks

import os

from lxml import etree

# libxml2's xmlFreeNodeList: some nodes that follow each other, with all below them.
ctypedef void (*FreeFunction)(xmlNode* first) noexcept nogil

cdef extern from "Python.h":
    Py_ssize_t reference_count "Py_REFCNT" (PyObject* counted) noexcept

cdef extern from "_loaded_module.h":
    void* duisign_open_module(const char* path) noexcept nogil
    void* duisign_own_symbol(void* module, const char* name) noexcept nogil

# NULL: lxml frees
cdef FreeFunction free_nodes


cpdef int release_tree(_Element root, Py_ssize_t holders) except -1:
    """Free the tree of a document by its root, which is no element from then on.

    Does nothing if the root, or any other element, may be in other hands: if more than `holders` hold it, if it has a
    class of the application's, or if another proxy may exist. Nor if the document has a DTD or a table of its IDs.
    """
    cdef xmlNode* nodes
    cdef xmlDoc* document
    # Classes of applications may keep what is made of them, and lxml does not always ask a proxy whether it has a node.
    if (
        free_nodes == NULL or root is None or type(root) is not _Element or reference_count(<PyObject*> root) > holders
        or root._c_node == NULL
    ):
        return 0
    document = root._c_node.doc
    # Each proxy holds lxml's object of the document: there is one.
    if (
        reference_count(<PyObject*> root._doc) != 1 or document != root._doc._c_doc or document.ids != NULL
        or root._c_node.parent != <xmlNode*> document or document.intSubset != NULL or document.extSubset != NULL
    ):
        return 0
    nodes = document.children
    document.children = document.last = NULL
    # A proxy without a node gives nothing back when it goes.
    root._c_node = NULL
    with nogil:
        free_nodes(nodes)
        merge_free_blocks()
    return 0


cdef int find_function() except -1:
    """Fill in `free_nodes`, or leave it empty."""
    global free_nodes
    cdef void* module
    path = getattr(etree, "__file__", None)
    if path is None:
        # Built into the interpreter.
        return 0
    module = duisign_open_module(os.fsencode(path))
    if module != NULL:
        free_nodes = <FreeFunction> duisign_own_symbol(module, b"xmlFreeNodeList")
    return 0


find_function()

BY_LIBXML2 = free_nodes != NULL
"""Whether trees are freed without the GIL."""

import_lxml__etree()
