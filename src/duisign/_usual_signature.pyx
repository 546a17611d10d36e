"""The usual Signature: as duisign and most Users write it, to the octet, last in the root. It is read without a tree.

A document that ends in it is split: what stands before and behind goes to the parser, a third less work. That is as
good as parsing all of it, for these reasons. The rest is parsed, and its root is the last node, so its last tag is the
root's end tag, and where the Signature was cut out the parser was between nodes of the root's content. A parser goes
from left to right; in the whole document it would be in the same state there, meet a Signature that is complete, has
its prefix from itself or the root and holds neither references nor markup that this module does not know, and go on
in the same state. So the tree of the whole document is the tree of the rest with this Signature as last child of the
root.

Whatever is not exactly so is left to `read_signature`, which words the refusals.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcmp, memcpy, strcmp

from lxml.includes.tree cimport xmlNode, xmlNs

from duisign._document_tree cimport tree_of_parts
from duisign._markup cimport IN_UTF8, prolog_of
from duisign._sha256 cimport DIGEST
from duisign._signature_element cimport SignatureElement
from duisign._signature_frame cimport BASE64_OF_DIGEST, BASE64_OF_RAW, RAW
from duisign._signature_place cimport Places, checked_root, locate
from duisign._signature_value cimport der_from_raw, put_decoded

from duisign import limits
from duisign.algorithms import Profile
from duisign.errors import DuisignError

cdef enum:
    # Characters of an issuer's name. Genuine ones have fewer than 40.
    LONGEST_ISSUER = 128
    # Octets of a document above which the parse of a Signature is nothing, but a copy of the rest is.
    LONGEST_DOCUMENT = 65536

cdef int MAX_SERIAL_DIGITS = limits.MAX_SERIAL_DIGITS
cdef int SIGNED_LEVELS = limits.SIGNED_LEVELS
cdef object _DUIS = Profile.DUIS

cdef const char* DSIG = b"http://www.w3.org/2000/09/xmldsig#"
cdef bytes TAG = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
cdef bytes TAG_BOUND = b"<ds:Signature>"
cdef bytes BEHIND_TAG = (
    b"<ds:SignedInfo>"
    b'<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    b'<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
    b'<ds:Reference URI=""><ds:Transforms>'
    b'<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></ds:Transforms>'
    b'<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>'
)
cdef bytes BEHIND_DIGEST = b"</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>"
cdef bytes BEHIND_VALUE = (
    b"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>"
)
cdef bytes BEHIND_ISSUER = b"</ds:X509IssuerName><ds:X509SerialNumber>"
cdef bytes BEHIND_SERIAL = (
    b"</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature>"
)


cdef struct Parts:
    const char* document
    # "<" of the Signature
    const char* start
    # it has the prefix ds from the root
    bint bound_by_root
    const char* digest_value
    const char* signature_value
    const char* issuer
    const char* issuer_end
    const char* serial
    const char* serial_end
    # "<" of the root's end tag
    const char* root_end


cdef inline const char* before(const Parts* parts, const char* at, bytes text) noexcept:
    """Where `text` begins that must end at `at`, or NULL."""
    cdef Py_ssize_t length = len(text)
    if at - parts.document < length or memcmp(at - length, PyBytes_AS_STRING(text), length) != 0:
        return NULL
    return at - length


cdef inline bint is_name_character(char octet) noexcept:
    # As in distinguished names, and never markup or a reference.
    return c" " <= octet <= c"~" and octet != c"<" and octet != c">" and octet != c"&"


cdef bint find_parts(Parts* parts, const char* end) noexcept:
    """Find the parts of the usual Signature at the end of a document, from behind."""
    cdef const char* at = end
    while at > parts.document and ((at - 1)[0] == c"\n" or (at - 1)[0] == c"\r" or (at - 1)[0] == c" "):
        at -= 1
    while at > parts.document and (at - 1)[0] != c"<":
        at -= 1
    if at == parts.document or at[0] != c"/":
        return False
    parts.root_end = at - 1
    at = before(parts, parts.root_end, BEHIND_SERIAL)
    if at == NULL:
        return False
    parts.serial_end = at
    while at > parts.document and c"0" <= (at - 1)[0] <= c"9" and parts.serial_end - at <= MAX_SERIAL_DIGITS:
        at -= 1
    parts.serial = at
    at = before(parts, at, BEHIND_ISSUER)
    if at == NULL or not 0 < parts.serial_end - parts.serial <= MAX_SERIAL_DIGITS:
        return False
    parts.issuer_end = at
    while at > parts.document and is_name_character((at - 1)[0]) and parts.issuer_end - at <= LONGEST_ISSUER:
        at -= 1
    parts.issuer = at
    at = before(parts, at, BEHIND_VALUE)
    if at == NULL or not 0 < parts.issuer_end - parts.issuer <= LONGEST_ISSUER:
        return False
    if at - parts.document < BASE64_OF_RAW:
        return False
    parts.signature_value = at - BASE64_OF_RAW
    at = before(parts, parts.signature_value, BEHIND_DIGEST)
    if at == NULL or at - parts.document < BASE64_OF_DIGEST:
        return False
    parts.digest_value = at - BASE64_OF_DIGEST
    at = before(parts, parts.digest_value, BEHIND_TAG)
    if at == NULL:
        return False
    parts.start = before(parts, at, TAG)
    parts.bound_by_root = parts.start == NULL
    if parts.bound_by_root:
        parts.start = before(parts, at, TAG_BOUND)
    return parts.start != NULL


cdef str text(const char* start, const char* end):
    return start[:end - start].decode("ascii")


cpdef SignatureElement usual_signature(document, Py_ssize_t max_octets, int max_depth):
    """The usual Signature of a document, read; None if there is no such thing.

    Then the whole document must be parsed, and may be refused: it has another Signature, or something is wrong.
    """
    cdef Parts parts
    cdef SignatureElement found
    # with room for what other numbers of "=" would leave
    cdef unsigned char[DIGEST + 1] digest
    cdef unsigned char[RAW + 2] raw
    cdef const char* end
    cdef Py_ssize_t length
    if type(document) is not bytes:
        return None
    parts.document, length = <bytes> document, len(<bytes> document)
    end = parts.document + length
    if length > LONGEST_DOCUMENT or length > max_octets or max_depth < SIGNED_LEVELS or not find_parts(&parts, end):
        return None
    if prolog_of(parts.document, parts.start, False) != IN_UTF8:
        return None
    if (
        put_decoded(<const unsigned char*> parts.digest_value, BASE64_OF_DIGEST, digest) != DIGEST
        or put_decoded(<const unsigned char*> parts.signature_value, BASE64_OF_RAW, raw) != RAW
    ):
        return None
    found = SignatureElement.__new__(SignatureElement)
    found.der_signature = der_from_raw(raw, RAW // 2)
    if found.der_signature is None:
        return None
    found.root = tree_of_parts(
        parts.document, parts.start - parts.document, parts.root_end, end - parts.root_end,
    )
    if found.root is None:
        return None
    memcpy(found.digest, digest, DIGEST)
    found.is_usual = True
    found.profile = _DUIS
    found.known_hints = [(
        "issuer-serial", text(parts.issuer, parts.issuer_end), text(parts.serial, parts.serial_end),
    )]
    found.max_depth = max_depth
    found.size = length
    return found if belongs_to(found, parts.bound_by_root) else None


cdef bint binds_ds(const xmlNode* root) noexcept:
    """Whether the root itself binds the prefix ds to XMLDSig."""
    cdef const xmlNs* ns = root.nsDef
    while ns != NULL:
        if ns.prefix != NULL and strcmp(<const char*> ns.prefix, b"ds") == 0:
            return ns.href != NULL and strcmp(<const char*> ns.href, DSIG) == 0
        ns = ns.next
    return False


cdef bint belongs_to(SignatureElement signature, bint bound_by_root) except -1:
    """Whether this is the one Signature of the document whose rest was parsed."""
    cdef Places places
    cdef const xmlNode* root
    try:
        root = checked_root(signature.root)
    except DuisignError:
        return False
    # A comment or instruction behind the root could have held what was taken for its end tag, and the Signature.
    if root.next != NULL or (bound_by_root and not binds_ds(root)):
        return False
    if signature.is_sole():
        return True
    # There is an inner one, or something is wrong.
    try:
        locate(signature.root, signature.max_depth, signature.size, &places)
    except DuisignError:
        return False
    return places.outer == NULL
