"""Trees of documents that this library alone reads: libxml2's nodes, without lxml's elements.

lxml's parser takes Python's lock three times for each document, and frees the tree with it, node by node. So libxml2's
parser is called here as lxml calls it: the same functions, looked up in lxml's module, with the options that matter
here. Its calls of a SAX2 handler, of which libxml2's own would make a tree in as many blocks of memory as there are
nodes, texts and names, make the same tree here in a few blocks, which are freed as they are. No DTD, no entities, no
network.

What such a tree might not show exactly as lxml's is left to lxml, whose word counts: everything with an error or a
warning. Where libxml2's parser is out of reach, so is every document.

Short documents are parsed with white space behind them. Where fewer octets are left than libxml2 wants at hand, its
parser looks for more at each step, an eighth of its work on a request of 0.6 KB. White space behind a document is part
of it (XML 1.0 section 2.8, production 22) and ends nothing that was not ended before it: what is well-formed with it is
so without, and its tree is the same.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset, strcmp, strlen, strncmp

from lxml.includes.etreepublic cimport _Element, import_lxml__etree
from lxml.includes.tree cimport (
    XML_ATTRIBUTE_NODE, XML_COMMENT_NODE, XML_DOCUMENT_NODE, XML_ELEMENT_NODE, XML_PI_NODE, XML_TEXT_NODE, xmlAttr,
    xmlChar, xmlDoc, xmlNode, xmlNs,
)
from lxml.includes.xmlerror cimport xmlError
from lxml.includes.xmlparser cimport (
    XML_PARSE_HUGE, XML_PARSE_NOCDATA, XML_PARSE_NONET, XML_SAX2_MAGIC, xmlParserCtxt, xmlSAXHandler,
)

from duisign._heap cimport keep_memory

import os

from lxml import etree

from duisign import limits

ctypedef const xmlChar* Name

cdef extern from *:
    """
    /* What lxml's declarations lack. */
    #define duisign_make_declaration(ns) ((ns)->type = XML_NAMESPACE_DECL)
    #define duisign_set_white_space(handler, function) ((handler)->ignorableWhitespace = (function))
    """
    ctypedef void (*CharactersFunction)(void* builder, Name octets, int length) noexcept nogil
    void make_declaration "duisign_make_declaration" (xmlNs* ns) nogil
    void set_white_space "duisign_set_white_space" (xmlSAXHandler* handler, CharactersFunction function) nogil

cdef extern from "Python.h":
    # Borrowed; NULL where the thread has none.
    PyObject* PyThreadState_GetDict() noexcept

cdef extern from "_loaded_module.h":
    void* duisign_open_module(const char* path) noexcept nogil
    void* duisign_own_symbol(void* module, const char* name) noexcept nogil

cdef enum:
    # Octets that libxml2's parser wants at hand: INPUT_CHUNK of its parserInternals.h.
    INPUT_CHUNK = 250

    # Octets of nodes per octet of a document. Those of messages have from 4 to 7, "<a/>" 30.
    NODE_EXPANSION = 7
    # Octets of memory that a tree and what is made of it may take per octet of the document, but for hostile ones.
    TREE_EXPANSION = 16
    # Octets of nodes that a document gets room for at least, and that one block gets at most.
    LEAST_ROOM = 4096
    MOST_ROOM = 1 << 23

    # Octets of a longer document would be more than libxml2 counts for one text.
    LONGEST_DOCUMENT = 1 << 29
    # Names in namespaces that are found again without a new xmlNs; a power of 2.
    NAMESPACES = 16

cdef Py_ssize_t PARSER_OCTETS = limits.PARSER_OCTETS
cdef Py_ssize_t SHARED_PARSER_OCTETS = limits.SHARED_PARSER_OCTETS
cdef Py_ssize_t SHORT_OCTETS = limits.SHORT_OCTETS
cdef int DEEPEST = limits.DEEPEST
cdef str PARSER = "duisign._document_tree"
cdef const char* TEXT = b"text"
cdef const char* COMMENT = b"comment"


# libxml2's functions, by the names that they have there

ctypedef xmlParserCtxt* (*NewContext)(const xmlSAXHandler* handler, void* builder) noexcept nogil
ctypedef void (*OfContext)(xmlParserCtxt* context) noexcept nogil
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


# The tree, node by node

cdef struct Builder:
    xmlParserCtxt* context
    Block* blocks
    # room for nodes in the newest block, and how much the next one gets
    char* nodes
    char* nodes_end
    size_t next_room
    # room for text, in the first one
    char* text
    char* text_end
    xmlDoc* document
    # the open element, or the document
    xmlNode* parent
    int depth
    # the last node that was made if it is text; its octets end where room for text begins
    xmlNode* open_text
    xmlNs* namespaces[NAMESPACES]
    # this document is lxml's
    bint declined


cdef void decline(Builder* builder) noexcept nogil:
    builder.declined = True
    libxml2.stop(builder.context)


cdef bint add_block(Builder* builder, size_t octets) noexcept nogil:
    """Make a block with so much room for nodes."""
    cdef Block* block = <Block*> malloc(sizeof(Block) + octets)
    if block == NULL:
        return False
    block.before = builder.blocks
    builder.blocks = block
    builder.nodes = <char*> (block + 1)
    builder.nodes_end = builder.nodes + octets
    return True


cdef void free_blocks(Block* block) noexcept nogil:
    cdef Block* before
    while block != NULL:
        before = block.before
        free(block)
        block = before


cdef inline void* room(Builder* builder, size_t octets) noexcept nogil:
    """Zeroed room for a node; NULL, and the document declined, if there is none."""
    cdef void* at
    if <size_t> (builder.nodes_end - builder.nodes) < octets:
        if not add_block(builder, builder.next_room):
            decline(builder)
            return NULL
        builder.next_room = min(2 * builder.next_room, <size_t> MOST_ROOM)
    at = builder.nodes
    builder.nodes += octets
    memset(at, 0, octets)
    return at


cdef inline xmlChar* kept(Builder* builder, const void* octets, size_t length) noexcept nogil:
    """A copy of some octets, with an end; NULL, and the document declined, if there is no room."""
    cdef char* at = builder.text
    # There is: each text stands in the document, and something else behind it.
    if <size_t> (builder.text_end - at) <= length:
        decline(builder)
        return NULL
    memcpy(at, octets, length)
    at[length] = 0
    builder.text = at + length + 1
    builder.open_text = NULL
    return <xmlChar*> at


cdef inline void append(Builder* builder, xmlNode* node) noexcept nogil:
    cdef xmlNode* parent = builder.parent
    node.doc = builder.document
    node.parent = parent
    node.prev = parent.last
    if parent.last == NULL:
        parent.children = node
    else:
        parent.last.next = node
    parent.last = node


cdef inline xmlNs** place_of(Builder* builder, Name prefix, Name uri) noexcept nogil:
    # Both are in the parser's dictionary: the same name has the same address.
    return &builder.namespaces[((<size_t> prefix >> 3) ^ (<size_t> uri >> 3)) & (NAMESPACES - 1)]


cdef xmlNs* new_namespace(Builder* builder, Name prefix, Name uri) noexcept nogil:
    cdef xmlNs* ns = <xmlNs*> room(builder, sizeof(xmlNs))
    if ns != NULL:
        make_declaration(ns)
        ns.prefix = prefix
        ns.href = uri
        place_of(builder, prefix, uri)[0] = ns
    return ns


cdef inline xmlNs* namespace_of(Builder* builder, Name prefix, Name uri) noexcept nogil:
    """An xmlNs of a name; its declaration's, but for where that is long ago."""
    cdef xmlNs* ns = place_of(builder, prefix, uri)[0]
    if ns != NULL and ns.prefix == prefix and ns.href == uri:
        return ns
    return new_namespace(builder, prefix, uri)


cdef bint read_ampersands(Builder* builder, char* value) noexcept nogil:
    """Have a value say "&" where libxml2 says "&#38;", as it does for all of them when it replaces no entities."""
    cdef char* to = value
    while value[0] != 0:
        if value[0] == c"&":
            if strncmp(value, b"&#38;", 5) != 0:
                decline(builder)
                return False
            value += 4
            value[0] = c"&"
        to[0] = value[0]
        to += 1
        value += 1
    to[0] = 0
    return True


cdef bint add_attributes(Builder* builder, xmlNode* element, int count, Name* attributes) noexcept nogil:
    """Add what libxml2 gives for each attribute: local name, prefix, namespace URI, value, end of value."""
    cdef xmlAttr** link = &element.properties
    cdef xmlAttr* before = NULL
    cdef xmlAttr* attribute
    cdef xmlNode* value
    cdef size_t length
    cdef Name* end = attributes + 5 * count
    while attributes != end:
        length = attributes[4] - attributes[3]
        attribute = <xmlAttr*> room(builder, sizeof(xmlAttr))
        if attribute == NULL:
            return False
        attribute.type = XML_ATTRIBUTE_NODE
        attribute.name = attributes[0]
        attribute.doc = builder.document
        attribute.parent = element
        attribute.prev = before
        if attributes[1] != NULL:
            attribute.ns = namespace_of(builder, attributes[1], attributes[2])
            if attribute.ns == NULL:
                return False
        value = <xmlNode*> room(builder, sizeof(xmlNode))
        if value == NULL:
            return False
        value.type = XML_TEXT_NODE
        value.name = <Name> TEXT
        value.doc = builder.document
        value.parent = <xmlNode*> attribute
        value.content = kept(builder, attributes[3], length)
        if value.content == NULL:
            return False
        if memchr(value.content, c"&", length) != NULL and not read_ampersands(builder, <char*> value.content):
            return False
        attribute.children = attribute.last = value
        link[0] = before = attribute
        link = &attribute.next
        attributes += 5
    return True


cdef void start_element(
    void* context, Name name, Name prefix, Name uri, int namespaces, Name* declarations, int attributes, int defaulted,
    Name* values,
) noexcept nogil:
    cdef Builder* builder = <Builder*> context
    cdef xmlNode* element
    cdef xmlNs** link
    cdef int index
    if builder.declined:
        return
    if builder.depth == DEEPEST or defaulted or (prefix != NULL and uri == NULL):
        decline(builder)
        return
    element = <xmlNode*> room(builder, sizeof(xmlNode))
    if element == NULL:
        return
    element.type = XML_ELEMENT_NODE
    element.name = name
    append(builder, element)
    link = &element.nsDef
    for index in range(namespaces):
        link[0] = new_namespace(builder, declarations[2 * index], declarations[2 * index + 1])
        if link[0] == NULL:
            return
        link = &link[0].next
    if uri != NULL:
        element.ns = namespace_of(builder, prefix, uri)
        if element.ns == NULL:
            return
    if not add_attributes(builder, element, attributes, values):
        return
    builder.parent = element
    builder.depth += 1
    builder.open_text = NULL


cdef void end_element(void* context, Name name, Name prefix, Name uri) noexcept nogil:
    cdef Builder* builder = <Builder*> context
    if builder.declined or builder.depth == 0:
        return
    builder.parent = builder.parent.parent
    builder.depth -= 1
    builder.open_text = NULL


cdef void characters(void* context, Name octets, int length) noexcept nogil:
    """Text, or a part of one."""
    cdef Builder* builder = <Builder*> context
    cdef xmlNode* node
    if builder.declined or builder.depth == 0:
        return
    if builder.open_text != NULL:
        if builder.text_end - builder.text < length:
            decline(builder)
            return
        memcpy(builder.text - 1, octets, length)
        builder.text += length
        (builder.text - 1)[0] = 0
        return
    node = <xmlNode*> room(builder, sizeof(xmlNode))
    if node == NULL:
        return
    node.type = XML_TEXT_NODE
    node.name = <Name> TEXT
    node.content = kept(builder, octets, length)
    if node.content != NULL:
        append(builder, node)
        builder.open_text = node


cdef void comment(void* context, Name value) noexcept nogil:
    cdef Builder* builder = <Builder*> context
    cdef xmlNode* node
    if builder.declined:
        return
    node = <xmlNode*> room(builder, sizeof(xmlNode))
    if node == NULL:
        return
    node.type = XML_COMMENT_NODE
    node.name = <Name> COMMENT
    node.content = kept(builder, value, strlen(<const char*> value))
    if node.content != NULL:
        append(builder, node)


cdef void processing_instruction(void* context, Name target, Name data) noexcept nogil:
    cdef Builder* builder = <Builder*> context
    cdef xmlNode* node
    if builder.declined:
        return
    node = <xmlNode*> room(builder, sizeof(xmlNode))
    if node == NULL:
        return
    node.type = XML_PI_NODE
    node.name = kept(builder, target, strlen(<const char*> target))
    if node.name == NULL:
        return
    if data != NULL:
        node.content = kept(builder, data, strlen(<const char*> data))
        if node.content == NULL:
            return
    builder.open_text = NULL
    append(builder, node)


cdef void document_type(void* context, Name name, Name public, Name system) noexcept nogil:
    decline(<Builder*> context)


cdef void reference(void* context, Name name) noexcept nogil:
    decline(<Builder*> context)


cdef void error(void* context, const xmlError* what) noexcept nogil:
    # Without its words, which quote the document.
    decline(<Builder*> context)


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
    cdef size_t length = first_length + second_length
    cdef size_t nodes = min(NODE_EXPANSION * length + LEAST_ROOM, <size_t> MOST_ROOM)
    cdef size_t copied = 0 if second_length == 0 and padding == 0 else length + padding
    cdef const char* octets = first
    cdef char* copy
    memset(builder, 0, sizeof(Builder))
    builder.context = context
    if not add_block(builder, nodes + copied + length + padding + 1):
        return False
    builder.nodes_end = builder.nodes + nodes
    builder.next_room = nodes
    if copied:
        copy = builder.nodes_end
        memcpy(copy, first, first_length)
        memcpy(copy + first_length, second, second_length)
        memset(copy + length, c" ", padding)
        octets = copy
    builder.text = builder.nodes_end + copied
    builder.text_end = builder.text + length + padding + 1
    builder.document = <xmlDoc*> room(builder, sizeof(xmlDoc))
    if builder.document == NULL:
        return False
    builder.document.type = XML_DOCUMENT_NODE
    builder.document.doc = builder.document
    builder.parent = <xmlNode*> builder.document
    libxml2.read(
        context, octets, <int> (length + padding), NULL, NULL, XML_PARSE_HUGE | XML_PARSE_NOCDATA | XML_PARSE_NONET
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
    memset(&HANDLER, 0, sizeof(HANDLER))
    HANDLER.initialized = XML_SAX2_MAGIC
    HANDLER.startElementNs = start_element
    HANDLER.endElementNs = end_element
    HANDLER.characters = characters
    set_white_space(&HANDLER, characters)
    HANDLER.comment = comment
    HANDLER.processingInstruction = processing_instruction
    HANDLER.internalSubset = document_type
    HANDLER.reference = reference
    HANDLER.serror = error
    return True


in_reach = find_parser()

BY_LIBXML2 = in_reach
"""Whether trees are made here."""

import_lxml__etree()
