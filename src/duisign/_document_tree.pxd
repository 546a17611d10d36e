# Trees of documents that no lxml element shows, and the nodes of those that one does.

cimport cython

from lxml.includes.tree cimport xmlNode

from duisign._tree_builder cimport Block


cdef enum:
    # Octets of a document whose parse or walk is worth giving up the GIL for: another thread that runs Python's own
    # code keeps it for five milliseconds then. Threads of a batch gain nothing where it is given up for shorter ones.
    LONG_TREE = 8192
    # Octets that libxml2's parser wants at hand: INPUT_CHUNK of its parserInternals.h.
    INPUT_CHUNK = 250
    # Octets of memory that a tree and what is made of it may take per octet of the document, but for hostile ones.
    TREE_EXPANSION = 16


@cython.final
@cython.no_gc
cdef class DocumentTree:
    # its root element
    cdef xmlNode* root
    cdef Block* blocks
    # whose dictionary has the names; nothing that could lead back to the tree
    cdef object parser


cdef xmlNode* root_node(object root) noexcept


cdef DocumentTree tree_of_parts(
    const char* first, Py_ssize_t first_length, const char* second, Py_ssize_t second_length,
)
