"""What a DUIS message says of itself, read from the nodes of a tree: where its payload stands, and its identifiers.

Text is the concatenation of all text nodes of an element, as in the canonical octets: a comment hides nothing.
What DUIS has at no such place is never passed over as if it were not there: it gets a name that nothing has.
"""

from libc.string cimport strcmp, strspn

from lxml.includes.tree cimport (
    XML_CDATA_SECTION_NODE,
    XML_COMMENT_NODE,
    XML_ELEMENT_NODE,
    XML_TEXT_NODE,
    xmlNode,
)

from duisign._document_tree cimport root_node
from duisign._signature_place cimport has_elements

from duisign.errors import element_error

cdef const char* SERVICE_GATEWAY = b"http://www.dccinterface.co.uk/ServiceUserGateway"
cdef const char* DSIG = b"http://www.w3.org/2000/09/xmldsig#"

UNKNOWN = ""
"""The name, in lists of names, of whatever is neither an element of the Service User Gateway nor nothing at all."""

cdef enum:
    # Elements below one parent whose names are kept. Genuine messages have fewer than twenty.
    MOST_NAMES = 64


cdef inline bint is_in(const xmlNode* node, const char* namespace) noexcept nogil:
    return (
        node.type == XML_ELEMENT_NODE and node.ns != NULL and node.ns.href != NULL
        and strcmp(<const char*> node.ns.href, namespace) == 0
    )


cdef inline bint in_gateway(const xmlNode* node) noexcept nogil:
    return is_in(node, SERVICE_GATEWAY)


cdef inline bint is_text(const xmlNode* node) noexcept nogil:
    return node.type == XML_TEXT_NODE or node.type == XML_CDATA_SECTION_NODE


cdef inline bint is_nothing(const xmlNode* node) noexcept nogil:
    """Whether a node is what may stand between elements: a comment, or text that is white space."""
    if node.type == XML_COMMENT_NODE:
        return True
    return is_text(node) and (
        node.content == NULL or (<const char*> node.content)[strspn(<const char*> node.content, b" \t\r\n")] == 0
    )


cdef str joined_text(const xmlNode* element):
    """All text of an element that holds nothing else, in document order; "" if it does."""
    cdef const xmlNode* node = element.children
    cdef list pieces
    if node != NULL and node.next == NULL and node.type == XML_TEXT_NODE and node.content != NULL:
        return (<const char*> node.content).decode()
    pieces = []
    while node != NULL:
        if is_text(node):
            if node.content != NULL:
                pieces.append(<bytes> (<const char*> node.content))
        elif node.type != XML_COMMENT_NODE:
            return UNKNOWN
        node = node.next
    return b"".join(pieces).decode()


cdef class MessageFacts:
    """Facts of one message, all as text of its own; nothing is checked.

    `root`: local name of the root in the Service User Gateway namespace, or None. `bodies`: how many Body elements it
    has. `contents`: names of what is in Body. `payloads`: names of what is in the first element of Body. Both have
    `UNKNOWN` for each thing there that is no element of the Service User Gateway. `containers`: those of `payloads`
    that hold elements. `is_plain`: whether the root holds only Header, Body and Signature, and Header only elements of
    the Service User Gateway. `request_ids`, `response_ids`, `variants`: texts of RequestID and ResponseID in Header,
    and of ServiceReferenceVariant in Header or in the first element of Body; "" for one that holds more than text.
    """


cdef int read_header(MessageFacts facts, const xmlNode* header) except -1:
    cdef const xmlNode* node = header.children
    cdef const char* name
    while node != NULL:
        if in_gateway(node):
            name = <const char*> node.name
            if strcmp(name, b"RequestID") == 0:
                facts.request_ids.append(joined_text(node))
            elif strcmp(name, b"ResponseID") == 0:
                facts.response_ids.append(joined_text(node))
            elif strcmp(name, b"ServiceReferenceVariant") == 0:
                facts.variants.append(joined_text(node))
        elif not is_nothing(node):
            facts.is_plain = False
        node = node.next
    return 0


cdef int read_names(MessageFacts facts, const xmlNode* parent, list names, bint payloads) except -1:
    """Name what is in `parent`. `payloads`: note variants and containers too."""
    cdef const xmlNode* node = parent.children
    while node != NULL:
        if in_gateway(node) and len(names) < MOST_NAMES:
            if payloads:
                if strcmp(<const char*> node.name, b"ServiceReferenceVariant") == 0:
                    facts.variants.append(joined_text(node))
                if has_elements(node):
                    facts.containers.append((<const char*> node.name).decode())
            names.append((<const char*> node.name).decode())
        elif not is_nothing(node):
            names.append(UNKNOWN)
            if len(names) > MOST_NAMES:
                return 0
        node = node.next
    return 0


cpdef MessageFacts message_facts(object root):
    """The MessageFacts of a tree; raises DocumentError if `root` is neither an lxml element nor a DocumentTree."""
    cdef const xmlNode* node = root_node(root)
    cdef const xmlNode* first
    cdef MessageFacts facts
    cdef int headers = 0
    if node == NULL or node.type != XML_ELEMENT_NODE:
        raise element_error()
    facts = MessageFacts.__new__(MessageFacts)
    facts.bodies = 0
    facts.is_plain = True
    facts.contents, facts.payloads, facts.containers = [], [], []
    facts.request_ids, facts.response_ids, facts.variants = [], [], []
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
                read_names(facts, node, facts.contents, False)
                first = node.children
                while first != NULL and not in_gateway(first):
                    first = first.next
                if first != NULL:
                    read_names(facts, first, facts.payloads, True)
            else:
                facts.is_plain = False
        elif not is_nothing(node) and not (is_in(node, DSIG) and strcmp(<const char*> node.name, b"Signature") == 0):
            facts.is_plain = False
        node = node.next
    return facts
