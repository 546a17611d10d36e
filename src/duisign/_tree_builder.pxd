# The nodes of a tree, made of what libxml2's parser says.

from lxml.includes.tree cimport xmlDoc, xmlNode, xmlNs
from lxml.includes.xmlparser cimport xmlParserCtxt, xmlSAXHandler


cdef enum:
    # Names in namespaces that are found again without a new xmlNs; a power of 2.
    NAMESPACES = 16


ctypedef void (*OfContext)(xmlParserCtxt* context) noexcept nogil


# A part of a tree's memory; octets follow.
cdef struct Block:
    Block* before


cdef struct Builder:
    # libxml2's parser, and its xmlStopParser
    xmlParserCtxt* context
    OfContext stop
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


cdef void free_blocks(Block* block) noexcept nogil
cdef void fill_handler(xmlSAXHandler* handler) noexcept
cdef const char* begin_tree(
    Builder* builder, const char* first, size_t first_length, const char* second, size_t second_length,
    size_t padding,
) noexcept nogil
