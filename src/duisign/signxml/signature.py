"""Signatures: one that stands in a document, read by strict rules. Nothing in it is trusted yet.

XML Signature 1.1 section 4, restricted to what `XMLSigner` writes and to the DUIS wire profile.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from duisign import _signature_element
from duisign._signature_place import check_signatures
from duisign._tree_lane import canonicalize_document, canonicalize_element
from duisign.algorithms import Profile
from duisign.errors import DuisignError
from duisign.external_key import KEY_OCTETS, ORDER
from duisign.limits import MAX_DEPTH, MAX_KEY_HINTS
from duisign.signxml.algorithms import (
    LANE_ALGORITHM,
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from duisign.signxml.document import DSIG, own_tree
from duisign.signxml.exceptions import InvalidDigest, InvalidInput, InvalidSignature, invalid_input
from duisign.signxml.key_info import DSIG11, P256, SHA256

if TYPE_CHECKING:
    from lxml.etree import _Element

    from duisign._signature_element import SignatureElement

__all__ = ["KeyInfo", "Signature", "read_signature"]

_WHITE_SPACE = " \t\r\n"
_WITHOUT_WHITE_SPACE = str.maketrans("", "", _WHITE_SPACE)
_READABLE = {method.value: method for method in LANE_ALGORITHM}
_DIGEST_OCTETS = 32


@dataclass(frozen=True)
class KeyInfo:
    """What KeyInfo says: `certificates`: texts in base64. `names`: issuer, serial number and X509Digest, or None each.

    `x509`: whether there is X509Data. `keys`: the public keys of KeyValue and DEREncodedKeyValue.
    """

    x509: bool
    certificates: tuple[str, ...]
    names: tuple[str | None, str | None, str | None]
    keys: dict[str, ec.EllipticCurvePublicKey]


@dataclass(frozen=True)
class Signature:
    """A Signature of a document.

    `transform`: the canonicalization that its Transforms name, None if they name none. `der_signature`: SignatureValue
    as DER, both integers in range. `signed_info_digest`: SHA-256 of the canonical SignedInfo. `read`: the Signature as
    the engine has read it, if it has.
    """

    root: _Element
    element: _Element
    uri: str
    transform: CanonicalizationMethod | None
    digest_value: bytes
    der_signature: bytes
    signed_info_digest: bytes
    key_info: KeyInfo
    read: SignatureElement | None = None

    def signed_octets(self) -> bytes:
        """The canonical octets of the document without the Signature, which may be taken out of this own tree."""
        try:
            return self._octets_without() if self.read is None else self.read.signed_octets()
        except DuisignError as error:
            raise invalid_input(error) from None

    def digest_holds(self, octets: bytes) -> bool:
        """Whether DigestValue is the digest of these signed octets."""
        # The engine has made it with the octets.
        return sha256(octets).digest() == self.digest_value if self.read is None else self.read.digest_holds()

    def _octets_without(self) -> bytes:
        method = self.transform or CanonicalizationMethod.CANONICAL_XML_1_0
        element, parent = self.element, self.root
        tail, previous = element.tail or "", element.getprevious()
        if previous is None:
            parent.text = (parent.text or "") + tail
        else:
            previous.tail = (previous.tail or "") + tail
        element.tail = None
        parent.remove(element)
        return canonicalize_document(parent, LANE_ALGORITHM[method], (), MAX_DEPTH, 0)


def read_signature(data: object) -> Signature:
    """The Signature of a document; raises InvalidInput, InvalidDigest, InvalidSignature."""
    root, size = own_tree(data)
    usual = _read_by_engine(root, size)
    if usual is not None:
        return usual
    try:
        check_signatures(root, MAX_DEPTH, size)
    except DuisignError as error:
        raise invalid_input(error) from None
    signature = next(root.iterchildren(f"{{{DSIG}}}Signature"), None)
    if signature is None:
        raise InvalidInput(
            "unsigned",
            "Expected to find XML element Signature below the root: nobody vouches for the document.",
            check="signature",
        )
    _attributes(signature)
    signed_info, value, *rest = _elements(signature, "SignedInfo", "SignatureValue", optional="KeyInfo")
    _attributes(signed_info)
    method, signature_method, reference = _elements(
        signed_info, "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    canonicalization = _canonicalization(method)
    if _algorithm(signature_method) != SignatureMethod.ECDSA_SHA256.value:
        raise InvalidInput(
            "signature-method", "The SignatureMethod is not ECDSA_SHA256: no other is verified.", check="algorithms"
        )
    uri, transform, digest_value = _reference(reference)
    _attributes(value)
    der_signature = _der_signature(_text(value))
    key_info = _key_info(rest[0] if rest else None)
    try:
        octets = canonicalize_element(signed_info, LANE_ALGORITHM[canonicalization], (), MAX_DEPTH)
    except DuisignError as error:
        raise invalid_input(error) from None
    digest = sha256(octets).digest()
    return Signature(root, signature, uri, transform, digest_value, der_signature, digest, key_info)


def _read_by_engine(root: _Element, size: int) -> Signature | None:
    """A Signature in one of the two forms that the engine knows, which most have; None: read it here, or refuse it."""
    try:
        read = _signature_element.read_signature(root, True, True, False, False, MAX_DEPTH, size)
        digest = read.signed_info_digest()
        # Where there is no canonical form of the document, there may be none of SignedInfo.
        read.signed_octets()
    except DuisignError:
        return None
    element = next(root.iterchildren(f"{{{DSIG}}}Signature"))
    transform = None
    if read.profile is Profile.SIGNXML:
        transform = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    key_info = _key_info(element[2] if len(element) > 2 else None)
    return Signature(root, element, "", transform, read.digest_value, read.der_signature, digest, key_info, read)


def _reference(reference: _Element) -> tuple[str, CanonicalizationMethod | None, bytes]:
    """URI, canonicalization that the Transforms name, and DigestValue."""
    uri = _attributes(reference, "URI")["URI"]
    if uri and not uri.startswith("#"):
        raise InvalidInput(
            "reference-uri",
            "The Reference is to something outside the document: nothing is fetched.",
            check="signature",
        )
    transforms, digest_method, digest_value = _elements(reference, "Transforms", "DigestMethod", "DigestValue")
    _attributes(transforms)
    algorithms = [_algorithm(transform) for transform in _elements(transforms, "Transform", optional="Transform")]
    if algorithms[0] != SignatureConstructionMethod.enveloped.value:
        raise _transforms_error()
    if _algorithm(digest_method) != DigestAlgorithm.SHA256.value:
        raise InvalidInput("digest-method", "The DigestMethod is not SHA256: no other is verified.", check="algorithms")
    _attributes(digest_value)
    digest = _decoded(_text(digest_value))
    if digest is None or len(digest) != _DIGEST_OCTETS:
        raise InvalidDigest("digest-value", "DigestValue is not 32 octets in strict base64.", check="signature")
    if len(algorithms) == 1:
        return uri, None, digest
    if algorithms[1] not in _READABLE:
        raise _transforms_error()
    return uri, _READABLE[algorithms[1]], digest


def _transforms_error() -> InvalidInput:
    return InvalidInput(
        "transforms",
        "The Transforms are not enveloped-signature, then Exclusive C14N 1.0, C14N 1.0 or nothing: none is skipped.",
        check="algorithms",
    )


def _canonicalization(element: _Element) -> CanonicalizationMethod:
    algorithm = _algorithm(element)
    if algorithm not in _READABLE:
        raise InvalidInput(
            "canonicalization-method",
            "SignedInfo is not canonicalized by Exclusive C14N 1.0 or C14N 1.0 without comments.",
            check="algorithms",
        )
    return _READABLE[algorithm]


def _key_info(element: _Element | None) -> KeyInfo:
    certificates: list[str] = []
    names: dict[str, str] = {}
    keys: dict[str, ec.EllipticCurvePublicKey] = {}
    seen = set()
    for child in [] if element is None else _children(element):
        if child.tag in (f"{{{DSIG}}}X509Data", f"{{{DSIG}}}KeyValue", f"{{{DSIG11}}}DEREncodedKeyValue"):
            if child.tag in seen:
                raise _key_info_error("KeyInfo says the same kind of thing twice: have the sender say it once.")
            seen.add(child.tag)
        if child.tag == f"{{{DSIG}}}X509Data":
            _read_x509_data(child, certificates, names)
        elif child.tag == f"{{{DSIG}}}KeyValue":
            keys["KeyValue"] = _key_value(child)
        elif child.tag == f"{{{DSIG11}}}DEREncodedKeyValue":
            keys["DEREncodedKeyValue"] = _der_key_value(child)
    identified = (names.get("X509IssuerName"), names.get("X509SerialNumber"), names.get("X509Digest"))
    return KeyInfo(f"{{{DSIG}}}X509Data" in seen, tuple(certificates), identified, keys)


def _read_x509_data(element: _Element, certificates: list[str], names: dict[str, str]) -> None:
    children = _children(element)
    if len(children) > MAX_KEY_HINTS:
        raise _key_info_error(f"X509Data says more than {MAX_KEY_HINTS} things: have the sender say one.")
    for child in children:
        if child.tag == f"{{{DSIG}}}X509Certificate":
            text = _text(child)
            if _decoded(text) is None:
                raise _key_info_error("An X509Certificate is not strict base64: have the sender mend its encoder.")
            certificates.append(text)
        elif child.tag == f"{{{DSIG}}}X509IssuerSerial":
            said = {part.tag: _text(part) for part in _elements(child, "X509IssuerName", "X509SerialNumber")}
            _name(names, "X509IssuerName", said[f"{{{DSIG}}}X509IssuerName"])
            _name(names, "X509SerialNumber", said[f"{{{DSIG}}}X509SerialNumber"])
        elif child.tag == f"{{{DSIG11}}}X509Digest":
            text = _text(child)
            if _algorithm(child, empty=False) != SHA256 or _decoded(text) is None:
                raise _key_info_error("X509Digest is not by SHA-256, or not strict base64: no other is read.")
            _name(names, "X509Digest", text)


def _name(names: dict[str, str], kind: str, text: str) -> None:
    if kind in names:
        raise _key_info_error("X509Data names several certificates: have the sender name its own.")
    names[kind] = text


def _key_value(element: _Element) -> ec.EllipticCurvePublicKey:
    children = _children(element)
    if len(children) != 1 or children[0].tag != f"{{{DSIG11}}}ECKeyValue":
        raise _key_info_error("KeyValue holds no ECKeyValue: only keys on P-256 are read.")
    parts = _children(children[0])
    if [part.tag for part in parts] != [f"{{{DSIG11}}}NamedCurve", f"{{{DSIG11}}}PublicKey"]:
        raise _key_info_error("ECKeyValue does not hold NamedCurve and PublicKey: have the sender write them.")
    if _attributes(parts[0], "URI")["URI"] != P256:
        raise _key_info_error("ECKeyValue is not on P-256: no other curve is read.")
    point = _decoded(_text(parts[1]))
    # 4: both coordinates follow (SEC 1 section 2.3.3).
    if point is None or len(point) != 1 + 2 * KEY_OCTETS or point[0] != 4:
        raise _key_info_error("PublicKey is not the 65 octets of an uncompressed point in strict base64.")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise _key_info_error("PublicKey is no point of P-256: treat it as forged.") from None


def _der_key_value(element: _Element) -> ec.EllipticCurvePublicKey:
    octets = _decoded(_text(element))
    try:
        key = None if octets is None else load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _key_info_error("DEREncodedKeyValue holds no P-256 key in strict base64: no other is read.")
    return key


def _key_info_error(sentence: str) -> InvalidInput:
    return InvalidInput("key-info-content", sentence, check="key-info")


def _der_signature(text: str) -> bytes:
    raw = _decoded(text)
    if raw is None:
        raise InvalidSignature("signature-value-encoding", "SignatureValue is not strict base64.", check="signature")
    if len(raw) != 2 * KEY_OCTETS:
        raise InvalidSignature(
            "signature-value-width",
            "SignatureValue is not 64 octets: it must be raw r and s of 32 octets each.",
            check="signature",
        )
    r, s = int.from_bytes(raw[:KEY_OCTETS], "big"), int.from_bytes(raw[KEY_OCTETS:], "big")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise InvalidSignature(
            "signature-value-range", "SignatureValue holds an integer outside 1 to n - 1.", check="signature"
        )
    return utils.encode_dss_signature(r, s)


def _decoded(text: str) -> bytes | None:
    """The octets of strict base64 (RFC 4648 section 4) with white space of XML anywhere, or None."""
    compact = text.translate(_WITHOUT_WHITE_SPACE)
    try:
        octets = b64decode(compact, validate=True)
    except ValueError:
        return None
    # One spelling: no bits behind the last octet.
    return octets if b64encode(octets).decode() == compact else None


def _children(element: _Element) -> list[_Element]:
    """The child elements; raises InvalidInput unless there is only white space between them."""
    children = list(element)
    texts = [element.text, *(child.tail for child in children)]
    if any(not isinstance(child.tag, str) for child in children) or any(
        (text or "").strip(_WHITE_SPACE) for text in texts
    ):
        raise _content_error()
    return children


def _elements(element: _Element, *names: str, optional: str | None = None) -> list[_Element]:
    """The child elements of XML Signature's namespace with exactly these names, and one more that may be missing."""
    children = _children(element)
    expected = [f"{{{DSIG}}}{name}" for name in names]
    found = [child.tag for child in children]
    if found != expected and (optional is None or found != [*expected, f"{{{DSIG}}}{optional}"]):
        if names[-1] == "Reference" and found == [*expected, *expected[-1:] * (len(found) - len(expected))]:
            raise InvalidInput("reference-count", "SignedInfo has more than its one Reference.", check="signature")
        raise _content_error()
    return children


def _content_error() -> InvalidInput:
    return InvalidInput(
        "signature-content",
        "An element, text, comment or instruction in the Signature is missing, foreign or out of order.",
        check="signature",
    )


def _attributes(element: _Element, *names: str) -> dict[str, str]:
    """The attributes, which must be exactly these; raises InvalidInput."""
    attributes = {str(name): str(value) for name, value in element.items()}
    if set(attributes) != set(names):
        raise InvalidInput(
            "signature-attribute",
            "An element of the Signature lacks its attribute, or has another.",
            check="signature",
        )
    return attributes


def _algorithm(element: _Element, *, empty: bool = True) -> str:
    """The Algorithm of an element, empty unless it holds a value."""
    if empty and _children(element):
        raise _content_error()
    return _attributes(element, "Algorithm")["Algorithm"]


def _text(element: _Element) -> str:
    """The text of an element that holds text alone; raises InvalidInput."""
    if len(element):
        raise _content_error()
    return element.text or ""
