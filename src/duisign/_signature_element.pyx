"""The Signature element in a tree: what it may hold, and what it says.

XMLDSig Core 1.1 section 4, restricted to the wire profile (DESIGN section 2). Nodes are borrowed and only read; a
`SignatureElement` keeps their document alive.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcmp, memcpy, strcmp, strlen

from lxml.includes.tree cimport (
    XML_CDATA_SECTION_NODE, XML_ELEMENT_NODE, XML_TEXT_NODE, xmlAttr, xmlNode, xmlNs,
)

from duisign._document_tree cimport LONG_TREE, root_node
from duisign._sha256 cimport DIGEST, Sha256Start
from duisign._signature_frame cimport BASE64_OF_DIGEST, SIGNED_INFO_END, put_signed_info_end
from duisign._signature_place cimport (
    DSIG, Places, checked_root, holds_signature, is_named, last_signature, locate,
)
from duisign._signature_value cimport decode_base64, der_from_raw
from duisign._tree_lane cimport EXCLUSIVE, canonical

from duisign import limits
from duisign.algorithms import Profile
from duisign.errors import CanonicalizationError, SignatureFormatError, UnsignedMessageError

cdef const char* DSIG11 = b"http://www.w3.org/2009/xmldsig11#"
cdef const char* EXCLUSIVE_C14N = b"http://www.w3.org/2001/10/xml-exc-c14n#"
cdef const char* EXCLUSIVE_C14N_UNMARKED = b"http://www.w3.org/2001/10/xml-exc-c14n"
cdef const char* ENVELOPED_SIGNATURE = b"http://www.w3.org/2000/09/xmldsig#enveloped-signature"
cdef const char* ECDSA_SHA256 = b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
cdef const char* SHA256 = b"http://www.w3.org/2001/04/xmlenc#sha256"

# The canonical SignedInfo of profile DUIS, as duisign, the JDK and the DCC write it, up to the text of DigestValue.
cdef bytes USUAL_START = (
    b'<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    b'<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>'
    b'<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod>'
    b'<ds:Reference URI=""><ds:Transforms>'
    b'<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform></ds:Transforms>'
    b'<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>'
)
cdef Sha256Start AFTER_USUAL_START = Sha256Start(USUAL_START)

cdef int MAX_KEY_HINTS = limits.MAX_KEY_HINTS
cdef object _DUIS = Profile.DUIS
cdef object _SIGNXML = Profile.SIGNXML


cdef object malformed(str code, str sentence):
    check = "key-info" if code.startswith("key-info") else "signature"
    return SignatureFormatError(code, sentence, check=check)


cdef xmlNode* element_from(xmlNode* node, str code) except? NULL:
    """The first element from `node` on among its siblings, or NULL; only white space may stand before it."""
    cdef const unsigned char* octet
    while node != NULL:
        if node.type == XML_ELEMENT_NODE:
            return node
        if node.type != XML_TEXT_NODE and node.type != XML_CDATA_SECTION_NODE:
            raise malformed(code, "A comment, instruction or entity stands in the Signature: it must hold none.")
        octet = node.content
        while octet != NULL and octet[0] != 0:
            if octet[0] != c" " and octet[0] != c"\n" and octet[0] != c"\r" and octet[0] != c"\t":
                raise malformed(code, "Text stands between the elements of the Signature: it must hold none.")
            octet += 1
        node = node.next
    return NULL


cdef xmlNode* expected(xmlNode* node, const char* name, str code) except NULL:
    """The element `name` of XMLDSig, which must be the first from `node` on."""
    node = element_from(node, code)
    if node == NULL or not is_named(node, DSIG, name):
        raise malformed(code, f"The Signature lacks {name.decode()} where it must stand, or has something else there.")
    return node


cdef int end_of_content(xmlNode* node, str code) except -1:
    if element_from(node, code) != NULL:
        raise malformed(code, "The Signature holds an element that the wire profile does not allow.")
    return 0


cdef int no_attributes(const xmlNode* node) except -1:
    if node.properties != NULL:
        raise malformed("signature-attribute", "An element of the Signature has an attribute that it may not have.")
    return 0


cdef const char* sole_attribute(const xmlNode* node, const char* name) except NULL:
    """The value of the attribute `name`, which must be the only one."""
    cdef const xmlAttr* attribute = node.properties
    if (
        attribute == NULL or attribute.next != NULL or attribute.ns != NULL
        or strcmp(<const char*> attribute.name, name) != 0
        or (attribute.children != NULL
            and (attribute.children.type != XML_TEXT_NODE or attribute.children.next != NULL))
    ):
        raise malformed("signature-attribute", "An element of the Signature lacks its attribute, or has another.")
    if attribute.children == NULL or attribute.children.content == NULL:
        return b""
    return <const char*> attribute.children.content


cdef xmlNode* algorithm_element(xmlNode* node, const char* name, const char* uri, str code) except NULL:
    """The empty element `name` from `node` on, whose Algorithm must be exactly `uri`."""
    node = expected(node, name, "signature-content")
    if strcmp(sole_attribute(node, b"Algorithm"), uri) != 0:
        raise SignatureFormatError(
            code, f"{name.decode()} is not {uri.decode()}: the wire profile allows no other.", check="algorithms"
        )
    end_of_content(node.children, "signature-content")
    return node


cdef bytes leaf_text(const xmlNode* node, str code):
    """The text of an element that holds text alone."""
    cdef const xmlNode* child = node.children
    cdef list pieces
    if child != NULL and child.next == NULL and child.type == XML_TEXT_NODE and child.content != NULL:
        return <bytes> (<const char*> child.content)
    pieces = []
    while child != NULL:
        if child.type != XML_TEXT_NODE and child.type != XML_CDATA_SECTION_NODE:
            raise malformed(code, "A value of the Signature holds something else than text: it must not.")
        if child.content != NULL:
            pieces.append(<bytes> (<const char*> child.content))
        child = child.next
    return b"".join(pieces)


cdef class SignatureElement:
    """A Signature of the wire profile, read and checked; nothing in it is trusted yet.

    `profile`: the Profile that its Transforms name. `digest_value`: 32 octets. `der_signature`: the ECDSA signature
    as DER, both integers in range.
    """

    cpdef bytes signed_octets(self):
        """The canonical octets of the document without this Signature: what DigestValue is about."""
        if self.octets is None:
            self.walk(False)
        return self.octets

    cpdef bint digest_holds(self) except -1:
        """Whether DigestValue is the digest of the signed octets."""
        if self.octets is None:
            self.walk(False)
        return memcmp(self.octets_digest, self.digest, DIGEST) == 0

    @property
    def digest_value(self):
        """What DigestValue says, 32 octets."""
        return (<const char*> self.digest)[:DIGEST]

    cdef bint walk(self, bint stop_at_signature) except -1:
        """Make the canonical octets; False where there is another Signature and the walk shall stop at it."""
        self.octets = canonical(
            <xmlNode*> root_node(self.root).doc, self.signature, 0 if self.profile is _DUIS else EXCLUSIVE, (),
            self.max_depth, self.size, False, self.octets_digest, self.size >= LONG_TREE, stop_at_signature,
        )
        return self.octets is not None

    cdef bint is_sole(self) except -1:
        """Whether the document has no other Signature, wherever; the walk that tells makes the canonical octets too.

        False as well if the depth or the canonical form is not as it must be.
        """
        try:
            if not self.walk(True):
                return False
        except CanonicalizationError:
            return False
        return self.signature == NULL or not holds_signature(self.signature, self.max_depth)

    cpdef bytes signed_info_digest(self):
        """SHA-256 of the Exclusive C14N form of SignedInfo, 32 octets: what SignatureValue is about."""
        cdef bytes end
        if not self.is_usual:
            return canonical(self.signed_info, NULL, EXCLUSIVE, (), self.max_depth, 0, True, NULL, False, False)
        end = PyBytes_FromStringAndSize(NULL, SIGNED_INFO_END)
        put_signed_info_end(PyBytes_AS_STRING(end), self.digest)
        return AFTER_USUAL_START.digest_with(end)

    cpdef list key_hints(self):
        """What KeyInfo says of the key: None without KeyInfo, else a list of tuples whose first item is a kind.

        ("issuer-serial", issuer text, serial text), ("certificate", DER), ("ski", octets), ("subject-name", text),
        ("digest", SHA-256 of the certificate). What could supply a key by itself is left out.
        """
        cdef xmlNode* node
        cdef xmlNode* item
        cdef list hints
        if self.known_hints is not None:
            return self.known_hints
        if self.key_info == NULL:
            return None
        hints = []
        node = element_from(self.key_info.children, "key-info-content")
        while node != NULL:
            if is_named(node, DSIG, b"X509Data"):
                no_attributes(node)
                item = element_from(node.children, "key-info-content")
                while item != NULL:
                    add_hint(hints, item)
                    if len(hints) > MAX_KEY_HINTS:
                        raise malformed(
                            "key-info-content", f"KeyInfo says more than {MAX_KEY_HINTS} things of its key: name one."
                        )
                    item = element_from(item.next, "key-info-content")
            node = element_from(node.next, "key-info-content")
        return hints


cdef int add_hint(list hints, xmlNode* node) except -1:
    cdef xmlNode* issuer
    cdef xmlNode* serial
    if is_named(node, DSIG, b"X509IssuerSerial"):
        issuer = expected(node.children, b"X509IssuerName", "key-info-content")
        serial = expected(issuer.next, b"X509SerialNumber", "key-info-content")
        end_of_content(serial.next, "key-info-content")
        hints.append((
            "issuer-serial",
            leaf_text(issuer, "key-info-content").decode(), leaf_text(serial, "key-info-content").decode(),
        ))
    elif is_named(node, DSIG, b"X509Certificate"):
        hints.append(("certificate", binary_hint(node)))
    elif is_named(node, DSIG, b"X509SKI"):
        hints.append(("ski", binary_hint(node)))
    elif is_named(node, DSIG, b"X509SubjectName"):
        hints.append(("subject-name", leaf_text(node, "key-info-content").decode()))
    elif is_named(node, DSIG11, b"X509Digest"):
        if strcmp(sole_attribute(node, b"Algorithm"), SHA256) != 0:
            raise malformed("key-info-content", f"X509Digest is not by {SHA256.decode()}: no other is read.")
        hints.append(("digest", binary_hint(node)))
    return 0


cdef bytes binary_hint(const xmlNode* node):
    cdef bytes encoded = leaf_text(node, "key-info-content")
    decoded = decode_base64(encoded, len(encoded))
    if decoded is None:
        raise malformed("key-info-content", "A value in KeyInfo is not strict base64: encode it by RFC 4648 section 4.")
    return decoded


cdef object read_transforms(xmlNode* transforms):
    """The Profile that a Transforms element names, or None."""
    cdef xmlNode* node = expected(transforms.children, b"Transform", "signature-content")
    cdef xmlNode* second
    if strcmp(sole_attribute(node, b"Algorithm"), ENVELOPED_SIGNATURE) != 0:
        return None
    if element_from(node.children, "signature-content") != NULL:
        return None
    second = element_from(node.next, "signature-content")
    if second == NULL:
        return _DUIS
    second = expected(second, b"Transform", "signature-content")
    if strcmp(sole_attribute(second, b"Algorithm"), EXCLUSIVE_C14N) != 0:
        return None
    if element_from(second.children, "signature-content") != NULL:
        return None
    if element_from(second.next, "signature-content") != NULL:
        return None
    return _SIGNXML


cdef bytes read_digest_value(const xmlNode* node):
    cdef bytes encoded = leaf_text(node, "digest-value")
    decoded = decode_base64(encoded, len(encoded))
    if decoded is None or len(decoded) != 32:
        raise SignatureFormatError("digest-value", "DigestValue is not 32 octets in strict base64.")
    return decoded


cdef bytes read_signature_value(const xmlNode* node, bint java_widths):
    """The SignatureValue as DER."""
    cdef bytes encoded = leaf_text(node, "signature-value-encoding")
    cdef Py_ssize_t width
    decoded = decode_base64(encoded, len(encoded))
    if decoded is None:
        raise SignatureFormatError("signature-value-encoding", "SignatureValue is not strict base64.")
    width = len(<bytes> decoded)
    if width != 64 and not (java_widths and (width == 62 or width == 66)):
        raise SignatureFormatError(
            "signature-value-width", "SignatureValue is not 64 octets: it must be raw r and s of 32 octets each."
        )
    der = der_from_raw(<bytes> decoded, width // 2)
    if der is None:
        raise SignatureFormatError("signature-value-range", "SignatureValue holds an integer outside 1 to n - 1.")
    return der


cdef inline bint declares_ds_alone(const xmlNode* node) noexcept nogil:
    """Whether an element declares no namespace, or that of XMLDSig by the prefix ds."""
    cdef const xmlNs* ns = node.nsDef
    return ns == NULL or (
        ns.next == NULL and ns.prefix != NULL and strcmp(<const char*> ns.prefix, b"ds") == 0
        and strcmp(<const char*> ns.href, DSIG) == 0
    )


cdef bint is_usual(const xmlNode* root) noexcept nogil:
    """Whether a SignedInfo has the prefix ds throughout, no other declaration, and no text but one node in DigestValue.

    Then its canonical form follows from what else was checked: elements, their order, and all attributes. Another
    declaration, of the Signature too, might be one for which there is no canonical form.
    """
    cdef const xmlNode* node = root
    if not declares_ds_alone(root.parent):
        return False
    while True:
        if node.type != XML_ELEMENT_NODE:
            if node.type != XML_TEXT_NODE or node.next != NULL or node.prev != NULL or node.parent.name[6] != c"V":
                return False
        else:
            if node.ns == NULL or node.ns.prefix == NULL or strcmp(<const char*> node.ns.prefix, b"ds") != 0:
                return False
            if not declares_ds_alone(node):
                return False
            if node.children != NULL:
                node = node.children
                continue
        while node != root and node.next == NULL:
            node = node.parent
        if node == root:
            return True
        node = node.next


cdef struct Accepted:
    # of the profiles and of what is loose: see Verifier
    bint duis
    bint signxml
    bint unmarked_c14n
    bint java_widths


cpdef SignatureElement read_signature(
    object root, bint accept_duis, bint accept_signxml, bint unmarked_c14n, bint java_widths, int max_depth,
    Py_ssize_t size,
):
    """Find the Signature of a parsed document and check it against the wire profile.

    Returns a SignatureElement; raises DocumentError, UnsignedMessageError, SignatureFormatError.
    """
    cdef Places places
    cdef SignatureElement found
    cdef Accepted accepted = Accepted(accept_duis, accept_signxml, unmarked_c14n, java_widths)
    cdef xmlNode* last = last_signature(checked_root(root))
    if last != NULL:
        # Mostly it is the only one and fine. Then one walk over the tree is enough, which takes long when it is large.
        # It makes the canonical octets even for a signer that nobody knows; he could name one that is known as well.
        try:
            found = signature_at(last, root, accepted, max_depth, size)
            if found.is_sole():
                return found
        except SignatureFormatError:
            # Where Signatures stand comes first among what may be wrong.
            pass
    locate(root, max_depth, size, &places)
    if places.outer == NULL:
        raise UnsignedMessageError("unsigned", "The message has no Signature: nobody vouches for it.")
    return signature_at(places.outer, root, accepted, max_depth, size)


cdef SignatureElement signature_at(
    xmlNode* signature, object root, Accepted accepted, int max_depth, Py_ssize_t size,
):
    """Check a Signature against the wire profile, but for its place."""
    cdef SignatureElement found = SignatureElement.__new__(SignatureElement)
    cdef xmlNode* node
    cdef xmlNode* reference
    cdef xmlNode* signature_value
    cdef const char* method
    found.root = root
    found.max_depth = max_depth
    found.size = size
    found.signature = signature
    no_attributes(signature)

    # Signature: SignedInfo, SignatureValue, KeyInfo or nothing
    found.signed_info = expected(signature.children, b"SignedInfo", "signature-content")
    no_attributes(found.signed_info)
    signature_value = expected(found.signed_info.next, b"SignatureValue", "signature-content")
    no_attributes(signature_value)
    found.key_info = element_from(signature_value.next, "signature-content")
    if found.key_info != NULL:
        found.key_info = expected(found.key_info, b"KeyInfo", "signature-content")
        no_attributes(found.key_info)
        end_of_content(found.key_info.next, "signature-content")

    # SignedInfo: CanonicalizationMethod, SignatureMethod, one Reference
    node = expected(found.signed_info.children, b"CanonicalizationMethod", "signature-content")
    method = sole_attribute(node, b"Algorithm")
    if accepted.unmarked_c14n and strcmp(method, EXCLUSIVE_C14N_UNMARKED) == 0:
        end_of_content(node.children, "signature-content")
    else:
        algorithm_element(node, b"CanonicalizationMethod", EXCLUSIVE_C14N, "canonicalization-method")
    node = algorithm_element(node.next, b"SignatureMethod", ECDSA_SHA256, "signature-method")
    reference = expected(node.next, b"Reference", "signature-content")
    if element_from(reference.next, "signature-content") != NULL:
        raise SignatureFormatError("reference-count", "SignedInfo has more than its one Reference to the document.")

    # Reference: URI="", Transforms, DigestMethod, DigestValue
    if strlen(sole_attribute(reference, b"URI")) != 0:
        raise SignatureFormatError("reference-uri", 'The Reference must have URI="", the whole document.')
    node = expected(reference.children, b"Transforms", "signature-content")
    no_attributes(node)
    found.profile = read_transforms(node)
    if not (found.profile is _DUIS and accepted.duis or found.profile is _SIGNXML and accepted.signxml):
        raise SignatureFormatError(
            "transforms", "The Transforms are not those of an accepted profile, in its order.", check="algorithms"
        )
    node = algorithm_element(node.next, b"DigestMethod", SHA256, "digest-method")
    node = expected(node.next, b"DigestValue", "signature-content")
    no_attributes(node)
    memcpy(found.digest, PyBytes_AS_STRING(read_digest_value(node)), DIGEST)
    end_of_content(node.next, "signature-content")
    # Without white space its digest is written in one way.
    found.is_usual = (
        found.profile is _DUIS and strcmp(method, EXCLUSIVE_C14N) == 0 and is_usual(found.signed_info)
        and strlen(<const char*> node.children.content) == BASE64_OF_DIGEST
    )
    found.der_signature = read_signature_value(signature_value, accepted.java_widths)
    return found
