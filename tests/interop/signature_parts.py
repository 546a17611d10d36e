"""Signatures without values, and KeyInfo elements, for peers that fill in or take over what they get."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from lxml.builder import ElementMaker

import duisign

DSIG = "http://www.w3.org/2000/09/xmldsig#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

DS = ElementMaker(namespace=DSIG, nsmap={"ds": DSIG})

TRANSFORMS = {
    duisign.Profile.DUIS: (ENVELOPED,),
    duisign.Profile.SIGNXML: (ENVELOPED, EXCLUSIVE_C14N),
}

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


def with_signature_to_fill(document: bytes, profile: duisign.Profile, key_info: etree._Element | None = None) -> bytes:
    """The document with a last child Signature whose DigestValue and SignatureValue are empty."""
    root = etree.fromstring(document, _PARSER)
    transforms = (DS.Transform(Algorithm=algorithm) for algorithm in TRANSFORMS[profile])
    signed_info = DS.SignedInfo(
        DS.CanonicalizationMethod(Algorithm=EXCLUSIVE_C14N),
        DS.SignatureMethod(Algorithm=ECDSA_SHA256),
        DS.Reference(DS.Transforms(*transforms), DS.DigestMethod(Algorithm=SHA256), DS.DigestValue(), URI=""),
    )
    root.append(DS.Signature(signed_info, DS.SignatureValue(), *([] if key_info is None else [key_info])))
    return serialized(root)


def without_signature(document: bytes) -> bytes:
    """The document without the Signature among the children of its root and the white space behind it."""
    root = etree.fromstring(document, _PARSER)
    for signature in root.findall(f"{{{DSIG}}}Signature"):
        root.remove(signature)
    return serialized(root)


def reserialized(document: bytes) -> bytes:
    """As libxml2 writes it: line feeds alone, and references for other white space where it has to stay."""
    return serialized(etree.fromstring(document, _PARSER))


def serialized(root: etree._Element) -> bytes:
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)


def rfc2253(name: x509.Name) -> str:
    """The text of a name. cryptography's own lacks the DER tag and length of x500UniqueIdentifier."""
    parts = []
    for attribute in reversed(list(name)):
        if attribute.oid == NameOID.X500_UNIQUE_IDENTIFIER:
            assert isinstance(attribute.value, bytes)
            bit_string = bytes([0x03, len(attribute.value)]) + attribute.value
            parts.append(f"{attribute.oid.dotted_string}=#{bit_string.hex()}")
        else:
            parts.append(attribute.rfc4514_string())
    return ",".join(parts)


def issuer_serial(certificate: x509.Certificate) -> etree._Element:
    """The KeyInfo of the wire profile."""
    return DS.KeyInfo(
        DS.X509Data(
            DS.X509IssuerSerial(
                DS.X509IssuerName(rfc2253(certificate.issuer)),
                DS.X509SerialNumber(str(certificate.serial_number)),
            )
        )
    )


def subject_key_identifier(certificate: x509.Certificate) -> etree._Element:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return DS.KeyInfo(DS.X509Data(DS.X509SKI(base64.b64encode(extension.value.digest).decode())))


def subject_name(certificate: x509.Certificate) -> etree._Element:
    return DS.KeyInfo(DS.X509Data(DS.X509SubjectName(rfc2253(certificate.subject))))


def certificate_digest(certificate: x509.Certificate) -> etree._Element:
    """X509Digest of XML Signature 1.1, its namespace declared where it is used."""
    digest = etree.Element(f"{{{DSIG11}}}X509Digest", Algorithm=SHA256, nsmap={"dsig11": DSIG11})
    digest.text = base64.b64encode(certificate.fingerprint(hashes.SHA256())).decode()
    return DS.KeyInfo(DS.X509Data(digest))


def key_name(name: str) -> etree._Element:
    return DS.KeyInfo(DS.KeyName(name))


def key_value(public_key: ec.EllipticCurvePublicKey) -> etree._Element:
    """ECKeyValue of XML Signature 1.1 on P-256, its namespace declared where it is used."""
    dsig11 = ElementMaker(namespace=DSIG11, nsmap={"dsig11": DSIG11})
    point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    value = dsig11.ECKeyValue(
        dsig11.NamedCurve(URI="urn:oid:1.2.840.10045.3.1.7"),
        dsig11.PublicKey(base64.b64encode(point).decode()),
    )
    return DS.KeyInfo(DS.KeyValue(value))


def pem_body(certificate: x509.Certificate) -> str:
    """Base64 in lines of 64, each with its line feed: what signxml writes into X509Certificate."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode().splitlines(keepends=True)[1:-1])


def issuer_serial_and_certificate(certificate: x509.Certificate) -> etree._Element:
    key_info = issuer_serial(certificate)
    key_info[0].append(DS.X509Certificate(pem_body(certificate)))
    return key_info
