"""Trees of documents that this library alone reads: libxml2's nodes, without lxml's elements.

lxml's parser takes Python's lock three times for each document, and frees the tree with it, node by node. So libxml2's
parser is called here as lxml calls it: the same functions, looked up in lxml's module, with the options that matter
here. Its calls of a SAX2 handler, of which libxml2's own would make a tree in as many blocks of memory as there are
nodes, texts and names, make the same tree here in a few blocks, which are freed as they are. No DTD, no entities, no
network.

What such a tree might not show exactly as lxml's is left to lxml, whose word counts: everything with an error or a
warning. Where libxml2's parser is out of reach, so is every document.

Short documents are parsed with white space behind them, which changes nothing but the time (`_document_parser.pyx`).
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from libc.string cimport strcmp

from lxml.includes.etreepublic cimport _Element, import_lxml__etree
from lxml.includes.tree cimport XML_ELEMENT_NODE, xmlChar, xmlDoc, xmlNode
from lxml.includes.xmlparser cimport (
    XML_PARSE_HUGE, XML_PARSE_NOCDATA, XML_PARSE_NONET, xmlParserCtxt, xmlSAXHandler,
)

from duisign._heap cimport keep_memory
from duisign._tree_builder cimport Builder, OfContext, begin_tree, fill_handler, free_blocks

import os

from lxml import etree

from duisign import limits

ctypedef const xmlChar* Name

cdef extern from "Python.h":
    # Borrowed; NULL where the thread has none.
    PyObject* PyThreadState_GetDict() noexcept

cdef extern from "_loaded_module.h":
    void* duisign_open_module(const char* path) noexcept nogil
    void* duisign_own_symbol(void* module, const char* name) noexcept nogil

cdef enum:
    # Octets of a longer document would be more than libxml2 counts for one text.
    LONGEST_DOCUMENT = 1 << 29

cdef Py_ssize_t PARSER_OCTETS = limits.PARSER_OCTETS
cdef Py_ssize_t SHARED_PARSER_OCTETS = limits.SHARED_PARSER_OCTETS
cdef Py_ssize_t SHORT_OCTETS = limits.SHORT_OCTETS
cdef str PARSER = "duisign._document_tree"


# libxml2's functions, by the names that they have there

ctypedef xmlParserCtxt* (*NewContext)(const xmlSAXHandler* handler, void* builder) noexcept nogil
ctypedef xmlDoc* (*Read)(
    xmlParserCtxt* context, const char* octets, int length, const char* url, const char* encoding, int options,
) noexcept nogil
ctypedef int (*Status)(xmlParserCtxt* context) noexcept nogil
ctypedef Name (*Version)(xmlParserCtxt* context) noexcept nogil

cdef struct Functions:
    NewContext new_context
    OfContext free_context
    Read read
    OfContext stop
    Status status
    Version version

cdef Functions libxml2


# none, until all functions are found
cdef xmlSAXHandler HANDLER
cdef bint in_reach


@cython.final
@cython.internal
cdef class LibxmlParser:
    """A context of libxml2's parser with a dictionary of its own."""

    cdef Builder builder
    # of all documents so far
    cdef Py_ssize_t octets

    def __cinit__(self):
        self.builder.stop = libxml2.stop
        self.builder.context = libxml2.new_context(&HANDLER, &self.builder)
        if self.builder.context == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.builder.context != NULL:
            libxml2.free_context(self.builder.context)


cdef bint build(
    Builder* builder, const char* first, size_t first_length, const char* second, size_t second_length,
    size_t padding,
) noexcept nogil:
    """Make the tree of a document in two parts, with so much white space behind it; False if it is declined."""
    cdef xmlParserCtxt* context = builder.context
    cdef const char* octets = begin_tree(builder, first, first_length, second, second_length, padding)
    if octets == NULL:
        return False
    libxml2.read(
        context, octets, <int> (first_length + second_length + padding), NULL, NULL,
        XML_PARSE_HUGE | XML_PARSE_NOCDATA | XML_PARSE_NONET,
    )
    # In other versions of XML libxml2 sees nothing worse than a warning.
    return (
        not builder.declined and libxml2.status(context) == 0 and builder.depth == 0
        and (libxml2.version(context) == NULL or strcmp(<const char*> libxml2.version(context), b"1.0") == 0)
    )


@cython.final
@cython.no_gc
cdef class DocumentTree:
    """The nodes of a document, for native code alone; without DTD, entities and IDs, in XML 1.0."""

    def __init__(self):
        raise TypeError("A DocumentTree is made by document_tree.")

    def __dealloc__(self):
        free_blocks(self.blocks)


cdef xmlNode* root_of(const xmlDoc* document) noexcept nogil:
    """The one element of a document, or NULL."""
    cdef xmlNode* node = document.children
    while node != NULL and node.type != XML_ELEMENT_NODE:
        node = node.next
    return node


cdef DocumentTree tree_by(
    LibxmlParser parser, const char* first, Py_ssize_t first_length, const char* second, Py_ssize_t second_length,
):
    # Before the parse: Python's collector may run for it, and a finalizer may want the same parser.
    cdef DocumentTree tree = DocumentTree.__new__(DocumentTree)
    cdef Py_ssize_t length = first_length + second_length
    cdef size_t padding = INPUT_CHUNK if length <= SHORT_OCTETS else 0
    cdef bint built
    if length < LONG_TREE:
        built = build(&parser.builder, first, first_length, second, second_length, padding)
    else:
        with nogil:
            built = build(&parser.builder, first, first_length, second, second_length, padding)
    tree.parser = parser
    tree.blocks = parser.builder.blocks
    parser.builder.blocks = NULL
    if built:
        tree.root = root_of(parser.builder.document)
    return tree if tree.root != NULL else None


cdef DocumentTree tree_of_parts(
    const char* first, Py_ssize_t first_length, const char* second, Py_ssize_t second_length,
):
    """The tree of a document in UTF-8, of which two parts are given; None: it is left to lxml."""
    cdef Py_ssize_t length = first_length + second_length
    cdef PyObject* state
    cdef LibxmlParser parser = None
    if not in_reach or length > LONGEST_DOCUMENT:
        return None
    if length >= LONG_TREE:
        keep_memory(TREE_EXPANSION * <size_t> length)
    if length > SHARED_PARSER_OCTETS:
        # One of its own, so that it leaves nothing to others.
        return tree_by(LibxmlParser(), first, first_length, second, second_length)
    # The thread's own, which no other can have: nothing of Python's runs from the parse until the tree has its nodes.
    state = PyThreadState_GetDict()
    if state != NULL:
        parser = (<dict> state).get(PARSER)
    if parser is None or parser.octets >= PARSER_OCTETS:
        parser = LibxmlParser()
        if state != NULL:
            (<dict> state)[PARSER] = parser
    parser.octets += length
    return tree_by(parser, first, first_length, second, second_length)


cpdef DocumentTree document_tree(bytes document):
    """The tree of a document in UTF-8 without DTD; None: it is left to lxml."""
    cdef const char* octets = PyBytes_AS_STRING(document)
    return tree_of_parts(octets, len(document), b"", 0)


cdef xmlNode* root_node(object root) noexcept:
    """The root of a DocumentTree, or the node of an lxml element; NULL if it is neither."""
    if isinstance(root, DocumentTree):
        return (<DocumentTree> root).root
    if isinstance(root, _Element):
        return (<_Element> root)._c_node
    return NULL


cdef bint find(void* module) noexcept:
    """Fill in `libxml2`; False if something is not there."""
    libxml2.new_context = <NewContext> duisign_own_symbol(module, b"xmlNewSAXParserCtxt")
    libxml2.free_context = <OfContext> duisign_own_symbol(module, b"xmlFreeParserCtxt")
    libxml2.read = <Read> duisign_own_symbol(module, b"xmlCtxtReadMemory")
    libxml2.stop = <OfContext> duisign_own_symbol(module, b"xmlStopParser")
    libxml2.status = <Status> duisign_own_symbol(module, b"xmlCtxtGetStatus")
    # Since libxml2 2.14, whose structures these are.
    libxml2.version = <Version> duisign_own_symbol(module, b"xmlCtxtGetVersion")
    return (
        libxml2.new_context != NULL and libxml2.free_context != NULL and libxml2.read != NULL
        and libxml2.stop != NULL and libxml2.status != NULL and libxml2.version != NULL
    )


cdef bint find_parser() except -1:
    """Whether libxml2's parser is in reach; then what it calls is ready."""
    cdef void* module
    path = getattr(etree, "__file__", None)
    if path is None:
        # Built into the interpreter.
        return False
    module = duisign_open_module(os.fsencode(path))
    if module == NULL or not find(module):
        return False
    fill_handler(&HANDLER)
    return True


in_reach = find_parser()

BY_LIBXML2 = in_reach
"""Whether trees are made here."""

import_lxml__etree()
