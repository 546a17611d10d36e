"""The judge of results: XMLDSig verified by lxml's canonicalization, hashlib and OpenSSL, without duisign.

It knows the two profiles of DESIGN section 2 and trusts the caller for everything else. lxml's C14N of whole
documents, and its Exclusive C14N of elements, are right; only those are used.
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INTEGER = 32
"""Octets of r and of s."""
_WHITE_SPACE = " \t\r\n"


class WrongResultError(Exception):
    """What a competitor gave is not the right answer; the sentence says why."""


def check_signed(signed: bytes, document: bytes, certificate: x509.Certificate) -> None:
    """Raise WrongResultError unless `signed` is `document` with a valid Signature in it by the key of `certificate`,
    which its KeyInfo tells.
    """
    root = _parsed(signed)
    signatures = root.findall(f"{_DS}Signature")
    if len(signatures) != 1 or signatures[0].tail:
        raise WrongResultError("it has not exactly one Signature below its root")
    signed_info = signatures[0].find(f"{_DS}SignedInfo")
    value = signatures[0].findtext(f"{_DS}SignatureValue")
    if signed_info is None or not value:
        raise WrongResultError("its Signature is not complete")
    if not _tells(signatures[0], certificate):
        raise WrongResultError("its KeyInfo does not tell the signer's certificate")
    exclusive = _is_exclusive(signed_info)
    digest_value = signed_info.findtext(f"{_DS}Reference/{_DS}DigestValue")
    octets = etree.tostring(signed_info, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    root.remove(signatures[0])
    content = _canonical(root, exclusive)
    if b64decode(digest_value or "") != sha256(content).digest():
        raise WrongResultError("its DigestValue is not the digest of its content")
    if content != _canonical(_parsed(document), exclusive):
        raise WrongResultError("its content is not the document")
    raw = b64decode(value)
    if len(raw) != 2 * _INTEGER:
        raise WrongResultError("its SignatureValue is not 64 octets")
    r, s = int.from_bytes(raw[:_INTEGER], "big"), int.from_bytes(raw[_INTEGER:], "big")
    public_key = certificate.public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    check_ecdsa(utils.encode_dss_signature(r, s), sha256(octets).digest(), public_key)


def check_ecdsa(der: bytes, digest: bytes, public_key: ec.EllipticCurvePublicKey) -> None:
    """Raise WrongResultError unless `der` is a signature of a SHA-256 digest by `public_key`."""
    try:
        public_key.verify(der, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature:
        raise WrongResultError("its SignatureValue does not verify with the signer's key") from None


def check_canonical(octets: object, document: bytes) -> None:
    """Raise WrongResultError unless `octets` is the C14N 1.0 form, without comments, of `document`."""
    if octets != _canonical(_parsed(document), exclusive=False):
        raise WrongResultError("it is not the canonical form")


def without_blank_text(document: bytes) -> bytes:
    """The document without the white-space-only text between the tags of elements that have element children."""
    root = _parsed(document)
    for parent in root.iter(etree.Element):
        texts = [parent.text, *(child.tail for child in parent)]
        if len(parent) and not any(text and text.strip(_WHITE_SPACE) for text in texts):
            parent.text = None
            for child in parent:
                child.tail = None
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)


def _tells(signature: etree._Element, certificate: x509.Certificate) -> bool:
    """Whether the KeyInfo names the certificate by issuer and serial number, or has all of it: signxml writes no other
    of its own accord, and that is no less to do.
    """
    data = signature.find(f"{_DS}KeyInfo/{_DS}X509Data")
    if data is None:
        return False
    issuer = data.findtext(f"{_DS}X509IssuerSerial/{_DS}X509IssuerName")
    serial_number = data.findtext(f"{_DS}X509IssuerSerial/{_DS}X509SerialNumber")
    if issuer and serial_number:
        named = (x509.Name.from_rfc4514_string(issuer), int(serial_number))
        return named == (certificate.issuer, certificate.serial_number)
    return b64decode(data.findtext(f"{_DS}X509Certificate") or "") == certificate.public_bytes(Encoding.DER)


def _is_exclusive(signed_info: etree._Element) -> bool:
    transforms = signed_info.findall(f"{_DS}Reference/{_DS}Transforms/{_DS}Transform")
    algorithms = [transform.get("Algorithm") for transform in transforms]
    if algorithms not in ([_ENVELOPED], [_ENVELOPED, _EXCLUSIVE]):
        raise WrongResultError("its Transforms are of neither profile")
    return len(algorithms) > 1


def _parsed(document: bytes) -> etree._Element:
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


def _canonical(root: etree._Element, exclusive: bool) -> bytes:
    return etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=False)
