"""Where Signatures stand in a tree, and what a Signer needs to know of a document.

The one of the message is a child of the root; the only others are the inner ones of SMETS1 messages (DESIGN section 3).
Nodes are borrowed and only read.
"""

from libc.string cimport strcmp

from lxml.includes.tree cimport XML_ELEMENT_NODE, xmlNode, xmlNs

from duisign._document_tree cimport LONG_TREE, root_node
from duisign._tree_lane cimport canonical

from duisign.errors import (
    DocumentError, SignatureExistsError, SignatureFormatError, doctype_error, element_error,
)

DSIG = b"http://www.w3.org/2000/09/xmldsig#"
cdef const char* SERVICE_GATEWAY = b"http://www.dccinterface.co.uk/ServiceUserGateway"

# Parents of the inner signatures of SMETS1 messages, innermost first (DESIGN section 3).
cdef enum:
    INNER_PATHS = 2
    INNER_PATH_LENGTH = 6
cdef const char* INNER[INNER_PATHS][INNER_PATH_LENGTH]
INNER[0] = [b"SMETS1SignedResponse", b"SMETS1ResponseMessage", b"Body", b"Response", NULL, NULL]
INNER[1] = [b"S1SPAlert", b"S1SPAlertDSP", b"DCCAlert", b"DCCAlertMessage", b"Body", b"Response"]


cdef bint is_inner_place(const xmlNode* signature) noexcept nogil:
    cdef int path, level
    cdef const xmlNode* ancestor
    for path in range(INNER_PATHS):
        ancestor = signature.parent
        for level in range(INNER_PATH_LENGTH):
            if INNER[path][level] == NULL:
                break
            if ancestor.type != XML_ELEMENT_NODE or not is_named(ancestor, SERVICE_GATEWAY, INNER[path][level]):
                ancestor = NULL
                break
            ancestor = ancestor.parent
        if ancestor != NULL and ancestor.type != XML_ELEMENT_NODE:
            return True
    return False


cdef void find_signatures(xmlNode* root, int max_depth, Places* places) noexcept nogil:
    """Visit every element of the document, find its Signatures, and stop below the depth limit."""
    cdef xmlNode* node = root
    cdef int depth = 1
    places.outer = NULL
    places.outer_count = places.inner_count = places.misplaced_count = 0
    places.too_deep = False
    while True:
        if node.type == XML_ELEMENT_NODE:
            if node.name[0] == c"S" and is_named(node, DSIG, b"Signature"):
                if node.parent == root:
                    places.outer = node
                    places.outer_count += 1
                elif is_inner_place(node):
                    places.inner_count += 1
                else:
                    places.misplaced_count += 1
            if node.children != NULL:
                if depth == max_depth:
                    # A text node below the last level is fine, an element there is not.
                    if has_elements(node):
                        places.too_deep = True
                        return
                else:
                    node = node.children
                    depth += 1
                    continue
        while node != root and node.next == NULL:
            node = node.parent
            depth -= 1
        if node == root:
            return
        node = node.next


cdef xmlNode* last_signature(const xmlNode* root) noexcept nogil:
    """The last element below the root if it is a Signature, or NULL."""
    cdef xmlNode* node = root.last
    while node != NULL and node.type != XML_ELEMENT_NODE:
        node = node.prev
    return node if node != NULL and is_named(node, DSIG, b"Signature") else NULL


cdef bint holds_signature(xmlNode* signature, int max_depth) noexcept nogil:
    """Whether there is a Signature within a Signature below the root, or no telling because of the depth."""
    cdef Places places
    if max_depth < 2:
        return True
    find_signatures(signature, max_depth - 1, &places)
    return places.too_deep or places.outer_count + places.inner_count + places.misplaced_count != 1


cdef xmlNode* checked_root(object root) except NULL:
    """The node of a root element, once the document as a whole is found fit."""
    cdef xmlNode* node = root_node(root)
    if node == NULL or node.type != XML_ELEMENT_NODE:
        raise element_error()
    if node.doc.intSubset != NULL or node.doc.extSubset != NULL:
        raise doctype_error()
    if node.doc.version != NULL and strcmp(<const char*> node.doc.version, b"1.0") != 0:
        raise DocumentError("xml-version", "The document is not XML 1.0: declare and send XML 1.0.")
    return node


cdef int locate(object root, int max_depth, Py_ssize_t size, Places* places) except -1:
    """Check the document as a whole, and find its Signatures."""
    cdef xmlNode* node = checked_root(root)
    if size >= LONG_TREE:
        with nogil:
            find_signatures(node, max_depth, places)
    else:
        find_signatures(node, max_depth, places)
    if places.too_deep:
        raise DocumentError("too-deep", f"Elements are nested deeper than {max_depth} levels: refuse the document.")
    if places.misplaced_count or is_named(node, DSIG, b"Signature"):
        raise SignatureFormatError(
            "signature-misplaced",
            "A Signature stands where none may be: only a child of the root, or a SMETS1 inner signature, can be.",
        )
    if places.inner_count > 1:
        raise SignatureFormatError("signature-repeated", "There are several inner Signatures where one may be.")
    if places.outer_count > 1:
        raise SignatureFormatError(
            "signature-repeated", "The root has several Signatures: have the sender send exactly one."
        )
    return 0


def check_signatures(root, int max_depth, Py_ssize_t size):
    """Raise DocumentError or SignatureFormatError unless the document has Signatures where they may stand alone."""
    cdef Places places
    locate(root, max_depth, size, &places)


def digest_for_signing(
    root, int algorithm, bint replace, int max_depth, Py_ssize_t size, str exists_sentence not None,
):
    """What `Signer` needs to know of a document.

    Returns the SHA-256 digest of its canonical form without its Signature (32 octets), whether the root binds the
    prefix ds to XMLDSig, the index of the existing Signature among the elements below the root, or -1, and whether the
    root is the last node of the document. That digest is the tree's: where octets are to be signed, text around a
    Signature may be read otherwise without it.
    """
    cdef Places places
    cdef xmlNode* node
    cdef const xmlNs* ns
    cdef int index = -1
    cdef bint binds_ds = False
    cdef const xmlNode* top = checked_root(root)
    places.outer = NULL
    # Mostly there is none: then one walk does for the search and the digest.
    digest = canonical(
        <xmlNode*> top.doc, NULL, algorithm, (), max_depth, size, True, NULL, size >= LONG_TREE, True
    )
    if digest is None:
        locate(root, max_depth, size, &places)
    if places.outer != NULL:
        if not replace:
            raise SignatureExistsError("signature-exists", exists_sentence)
        node = places.outer
        while node != NULL:
            if node.type == XML_ELEMENT_NODE:
                index += 1
            node = node.prev
    ns = top.nsDef
    while ns != NULL:
        if ns.prefix != NULL and strcmp(<const char*> ns.prefix, b"ds") == 0:
            binds_ds = ns.href != NULL and strcmp(<const char*> ns.href, DSIG) == 0
        ns = ns.next
    if digest is None:
        digest = canonical(
            <xmlNode*> top.doc, places.outer, algorithm, (), max_depth, size, True, NULL, size >= LONG_TREE,
            False,
        )
    return digest, binds_ds, index, top.next == NULL
