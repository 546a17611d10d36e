"""What a DUIS message says of itself, read from the nodes of a tree: where its payload stands, and its identifiers.

Text is the concatenation of all text nodes below an element, as in the canonical octets: a comment hides nothing.
"""

from libc.string cimport strcmp

from lxml.includes.etreepublic cimport _Element, import_lxml__etree
from lxml.includes.tree cimport XML_CDATA_SECTION_NODE, XML_ELEMENT_NODE, XML_TEXT_NODE, xmlNode

from duisign.errors import element_error

cdef const char* SERVICE_GATEWAY = b"http://www.dccinterface.co.uk/ServiceUserGateway"

cdef enum:
    # Elements below one parent whose names are kept. Genuine messages have fewer than twenty.
    MOST_NAMES = 64


cdef inline bint in_gateway(const xmlNode* node) noexcept nogil:
    return (
        node.type == XML_ELEMENT_NODE and node.ns != NULL and node.ns.href != NULL
        and strcmp(<const char*> node.ns.href, SERVICE_GATEWAY) == 0
    )


cdef bytes joined_text(const xmlNode* element):
    """All text nodes below an element, in document order."""
    cdef const xmlNode* node = element.children
    cdef list pieces = []
    if node != NULL and node.next == NULL and node.type == XML_TEXT_NODE and node.content != NULL:
        return <bytes> (<const char*> node.content)
    while node != NULL:
        if (node.type == XML_TEXT_NODE or node.type == XML_CDATA_SECTION_NODE) and node.content != NULL:
            pieces.append(<bytes> (<const char*> node.content))
        if node.type == XML_ELEMENT_NODE and node.children != NULL:
            node = node.children
            continue
        while node != element and node.next == NULL:
            node = node.parent
        if node == element:
            break
        node = node.next
    return b"".join(pieces)


cdef class MessageFacts:
    """Facts of one message, all as text of its own; nothing is checked.

    `root`: local name of the root in the Service User Gateway namespace, or None. `bodies`: how many Body elements it
    has. `contents`: names of the elements in Body. `payloads`: names of the elements in the first of those.
    `request_ids`, `response_ids`, `variants`: texts of RequestID and ResponseID in Header, and of
    ServiceReferenceVariant in Header or in the first element of Body.
    """

    cdef readonly object root
    cdef readonly int bodies
    cdef readonly list contents
    cdef readonly list payloads
    cdef readonly list request_ids
    cdef readonly list response_ids
    cdef readonly list variants


cdef int read_header(MessageFacts facts, const xmlNode* header) except -1:
    cdef const xmlNode* node = header.children
    cdef const char* name
    while node != NULL:
        if in_gateway(node):
            name = <const char*> node.name
            if strcmp(name, b"RequestID") == 0:
                facts.request_ids.append(joined_text(node).decode())
            elif strcmp(name, b"ResponseID") == 0:
                facts.response_ids.append(joined_text(node).decode())
            elif strcmp(name, b"ServiceReferenceVariant") == 0:
                facts.variants.append(joined_text(node).decode())
        node = node.next
    return 0


cdef int read_names(const xmlNode* parent, list names, list variants) except -1:
    cdef const xmlNode* node = parent.children
    while node != NULL:
        if in_gateway(node):
            if len(names) == MOST_NAMES:
                # A name that no class has: such a message is none of the table.
                names.append("")
                return 0
            if strcmp(<const char*> node.name, b"ServiceReferenceVariant") == 0:
                variants.append(joined_text(node).decode())
            names.append((<const char*> node.name).decode())
        node = node.next
    return 0


def message_facts(_Element root not None):
    """The MessageFacts of a tree; raises DocumentError if `root` is no element."""
    cdef const xmlNode* node = root._c_node
    cdef const xmlNode* first
    cdef MessageFacts facts
    cdef int headers = 0
    if node == NULL or node.type != XML_ELEMENT_NODE:
        raise element_error()
    facts = MessageFacts.__new__(MessageFacts)
    facts.bodies = 0
    facts.contents, facts.payloads, facts.variants = [], [], []
    facts.request_ids, facts.response_ids = [], []
    if not in_gateway(node):
        return facts
    facts.root = (<const char*> node.name).decode()
    node = node.children
    while node != NULL:
        if in_gateway(node):
            if strcmp(<const char*> node.name, b"Header") == 0:
                if headers:
                    # With two headers nobody can say which identifier counts: none is the only one then.
                    facts.request_ids.append("")
                    facts.response_ids.append("")
                headers += 1
                read_header(facts, node)
            elif strcmp(<const char*> node.name, b"Body") == 0:
                facts.bodies += 1
                read_names(node, facts.contents, [])
                first = node.children
                while first != NULL and not in_gateway(first):
                    first = first.next
                if first != NULL:
                    read_names(first, facts.payloads, facts.variants)
        node = node.next
    return facts


import_lxml__etree()
