"""The nodes of a tree, made of what libxml2's parser says, in a few blocks of memory.

They are those that libxml2's own SAX2 handler would make of the same calls (its SAX2.c), without entities and IDs: of
the same types, with the same names, namespaces, contents and links. It takes a block of memory for each node and text.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset, strlen, strncmp

from lxml.includes.tree cimport (
    XML_ATTRIBUTE_NODE, XML_COMMENT_NODE, XML_DOCUMENT_NODE, XML_ELEMENT_NODE, XML_PI_NODE, XML_TEXT_NODE, xmlAttr,
    xmlChar, xmlDoc, xmlElementType, xmlNode, xmlNs,
)
from lxml.includes.xmlerror cimport xmlError
from lxml.includes.xmlparser cimport XML_SAX2_MAGIC, xmlParserCtxt, xmlSAXHandler

from duisign import limits

ctypedef const xmlChar* Name

cdef extern from *:
    """
    /* What lxml's declarations lack, and what differs between versions of libxml2: a const. */
    #define duisign_make_declaration(ns) ((ns)->type = XML_NAMESPACE_DECL)
    #define duisign_set_error(handler, function) ((handler)->serror = (xmlStructuredErrorFunc)(function))
    #define duisign_set_white_space(handler, function) ((handler)->ignorableWhitespace = (function))
    """
    ctypedef void (*ErrorFunction)(void* builder, const xmlError* what) noexcept nogil
    ctypedef void (*CharactersFunction)(void* builder, Name octets, int length) noexcept nogil
    void make_declaration "duisign_make_declaration" (xmlNs* ns) nogil
    void set_error "duisign_set_error" (xmlSAXHandler* handler, ErrorFunction function) nogil
    void set_white_space "duisign_set_white_space" (xmlSAXHandler* handler, CharactersFunction function) nogil

cdef enum:
    # Octets of nodes per octet of a document. Those of messages have from 4 to 7, "<a/>" 30.
    NODE_EXPANSION = 7
    # Octets of nodes that a document gets room for at least, and that one block gets at most.
    LEAST_ROOM = 4096
    MOST_ROOM = 1 << 23

cdef int DEEPEST = limits.DEEPEST
cdef const char* TEXT = b"text"
cdef const char* COMMENT = b"comment"


cdef void decline(Builder* builder) noexcept nogil:
    builder.declined = True
    builder.stop(builder.context)


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


cdef inline bint keep_content(Builder* builder, xmlNode* node, Name octets, size_t length) noexcept nogil:
    node.content = kept(builder, octets, length)
    return node.content != NULL


cdef inline xmlNode* new_node(Builder* builder, xmlElementType type, Name name) noexcept nogil:
    cdef xmlNode* node = <xmlNode*> room(builder, sizeof(xmlNode))
    if node != NULL:
        node.type = type
        node.name = name
        node.doc = builder.document
    return node


cdef inline void append(Builder* builder, xmlNode* node) noexcept nogil:
    cdef xmlNode* parent = builder.parent
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
        value = new_node(builder, XML_TEXT_NODE, <Name> TEXT)
        if value == NULL:
            return False
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
    element = new_node(builder, XML_ELEMENT_NODE, name)
    if element == NULL:
        return
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
    node = new_node(builder, XML_TEXT_NODE, <Name> TEXT)
    if node != NULL and keep_content(builder, node, octets, length):
        append(builder, node)
        builder.open_text = node


cdef void comment(void* context, Name value) noexcept nogil:
    cdef Builder* builder = <Builder*> context
    cdef xmlNode* node = NULL if builder.declined else new_node(builder, XML_COMMENT_NODE, <Name> COMMENT)
    if node != NULL and keep_content(builder, node, value, strlen(<const char*> value)):
        append(builder, node)


cdef void processing_instruction(void* context, Name target, Name data) noexcept nogil:
    cdef Builder* builder = <Builder*> context
    cdef const xmlChar* name = NULL if builder.declined else kept(builder, target, strlen(<const char*> target))
    cdef xmlNode* node = NULL if name == NULL else new_node(builder, XML_PI_NODE, name)
    if node != NULL and (data == NULL or keep_content(builder, node, data, strlen(<const char*> data))):
        append(builder, node)


cdef void document_type(void* context, Name name, Name public, Name system) noexcept nogil:
    decline(<Builder*> context)


cdef void reference(void* context, Name name) noexcept nogil:
    decline(<Builder*> context)


cdef void error(void* context, const xmlError* what) noexcept nogil:
    # Without its words, which quote the document.
    decline(<Builder*> context)


cdef void fill_handler(xmlSAXHandler* handler) noexcept:
    """Have libxml2 call what makes a tree; all else it shall not know."""
    memset(handler, 0, sizeof(xmlSAXHandler))
    handler.initialized = XML_SAX2_MAGIC
    handler.startElementNs = start_element
    handler.endElementNs = end_element
    handler.characters = characters
    set_white_space(handler, characters)
    handler.comment = comment
    handler.processingInstruction = processing_instruction
    handler.internalSubset = document_type
    handler.reference = reference
    set_error(handler, error)


cdef const char* begin_tree(
    Builder* builder, const char* first, size_t first_length, const char* second, size_t second_length,
    size_t padding,
) noexcept nogil:
    """Make ready for a document in two parts; what to parse: it, with so much white space behind. NULL: no memory."""
    cdef xmlParserCtxt* context = builder.context
    cdef OfContext stop = builder.stop
    cdef size_t length = first_length + second_length
    cdef size_t nodes = min(NODE_EXPANSION * length + LEAST_ROOM, <size_t> MOST_ROOM)
    cdef size_t copied = 0 if second_length == 0 and padding == 0 else length + padding
    cdef const char* octets = first
    cdef char* copy
    memset(builder, 0, sizeof(Builder))
    builder.context = context
    builder.stop = stop
    if not add_block(builder, nodes + copied + length + padding + 1):
        return NULL
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
        return NULL
    builder.document.type = XML_DOCUMENT_NODE
    builder.document.doc = builder.document
    builder.parent = <xmlNode*> builder.document
    return octets
