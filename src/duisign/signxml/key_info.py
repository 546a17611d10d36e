"""KeyInfo: what a Signature says about its key (XML Signature 1.1 section 4.5), as signxml writes it."""

from __future__ import annotations

import copy
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from duisign.distinguished_name import rfc2253
from duisign.signxml.document import DSIG
from duisign.signxml.exceptions import InvalidInput
from duisign.signxml.private_key import public_key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509
    from lxml.etree import _Element

    from duisign.external_key import PrivateKey
    from duisign.signxml.certificate_chain import ShownCertificate

__all__ = [
    "DSIG11",
    "SigningSettings",
    "add_issuer_serial",
    "add_key_info",
    "add_x509_digest",
    "checked_key_info",
    "written_key_info",
]

DSIG11 = "http://www.w3.org/2009/xmldsig11#"
P256 = "urn:oid:1.2.840.10045.3.1.7"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


@dataclass(frozen=True)
class SigningSettings:
    """What an annotator is told of the signing that is going on.

    `cert_chain`: as signxml has it, objects or the base64 of PEM; `shown`: the same, read.
    """

    key: PrivateKey
    key_name: str | None
    key_info: _Element | None
    always_add_key_value: bool
    cert_chain: list[str | x509.Certificate] | None
    shown: list[ShownCertificate] | None

    def __repr__(self) -> str:
        return "<SigningSettings>"


def add_key_info(sig_root: _Element, signing_settings: SigningSettings) -> None:
    """The annotator that every XMLSigner begins with: writes KeyInfo by the options of `sign`."""
    settings = signing_settings
    if settings.key_info is not None:
        sig_root.append(copy.deepcopy(settings.key_info))
        return
    key_info = etree.SubElement(sig_root, f"{{{DSIG}}}KeyInfo")
    if settings.key_name is not None:
        etree.SubElement(key_info, f"{{{DSIG}}}KeyName").text = settings.key_name
    if settings.shown is None or settings.always_add_key_value:
        _add_key_value(key_info, settings.key)
    if settings.shown is not None:
        x509_data = etree.SubElement(key_info, f"{{{DSIG}}}X509Data")
        for shown in settings.shown:
            etree.SubElement(x509_data, f"{{{DSIG}}}X509Certificate").text = shown.text


def _add_key_value(key_info: _Element, key: PrivateKey) -> None:
    public_key = public_key_of(key)
    if public_key is None:
        raise InvalidInput(
            "key-public", "The key does not tell its public key, so no KeyValue can be written: pass cert."
        )
    key_value = etree.SubElement(key_info, f"{{{DSIG}}}KeyValue")
    ec_key_value = etree.SubElement(key_value, f"{{{DSIG11}}}ECKeyValue", nsmap={"dsig11": DSIG11})
    etree.SubElement(ec_key_value, f"{{{DSIG11}}}NamedCurve", URI=P256)
    point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    etree.SubElement(ec_key_value, f"{{{DSIG11}}}PublicKey").text = b64encode(point).decode()


def add_issuer_serial(sig_root: _Element, signing_settings: SigningSettings) -> None:
    """Annotator: X509IssuerSerial of the signer's certificate, the form by which the DCC finds it, into X509Data."""
    x509_data, certificate = _x509_data(sig_root, signing_settings)
    issuer_serial = etree.SubElement(x509_data, f"{{{DSIG}}}X509IssuerSerial")
    etree.SubElement(issuer_serial, f"{{{DSIG}}}X509IssuerName").text = rfc2253(certificate.issuer)
    etree.SubElement(issuer_serial, f"{{{DSIG}}}X509SerialNumber").text = str(certificate.serial_number)


def add_x509_digest(sig_root: _Element, signing_settings: SigningSettings) -> None:
    """Annotator: X509Digest of the signer's certificate, SHA-256 of its DER form, into X509Data."""
    x509_data, certificate = _x509_data(sig_root, signing_settings)
    digest = etree.SubElement(x509_data, f"{{{DSIG11}}}X509Digest", Algorithm=SHA256, nsmap={"dsig11": DSIG11})
    digest.text = b64encode(certificate.fingerprint(hashes.SHA256())).decode()


def _x509_data(sig_root: _Element, settings: SigningSettings) -> tuple[_Element, x509.Certificate]:
    x509_data = sig_root.find(f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data")
    if x509_data is None or not settings.shown:
        raise InvalidInput("annotator", "There is no certificate to write of: pass cert to sign(), and no key_info.")
    return x509_data, settings.shown[0].certificate


_OWN = (add_key_info, add_issuer_serial, add_x509_digest)


def written_key_info(annotators: tuple[Callable[..., object], ...], settings: SigningSettings) -> bytes | None:
    """What annotators of this module write, as it stands in a Signature that binds ``ds`` and knows nothing else.

    None for other annotators or none, and for what may be written otherwise. Raises what they raise.
    """
    if not annotators or not all(any(annotator is own for own in _OWN) for annotator in annotators):
        return None
    # An empty text is not the same as none, and an element of the caller's may be anything.
    if settings.key_name == "" or settings.key_info is not None:
        return None
    says_more = settings.key_name is not None or settings.always_add_key_value
    if says_more or settings.shown is None or len(settings.shown) > 1 or len(annotators) > len(_OWN):
        return _written(annotators, settings)
    # What is said of one certificate alone, by not too many, is kept with it.
    key_infos = settings.shown[0].key_infos
    found = key_infos.get(annotators)
    if found is None:
        found = key_infos[annotators] = _written(annotators, settings)
    return found


def _written(annotators: tuple[Callable[..., object], ...], settings: SigningSettings) -> bytes:
    signature = etree.Element(f"{{{DSIG}}}Signature", nsmap={"ds": DSIG})
    for annotator in annotators:
        annotator(signature, signing_settings=settings)
    written = etree.tostring(signature, encoding="UTF-8")
    return written[written.index(b">") + 1 : written.rindex(b"</")]


def checked_key_info(key_info: object) -> _Element | None:
    """The option `key_info` of `sign`, the caller's, which is only read; raises InvalidInput."""
    if key_info is None:
        return None
    if not isinstance(key_info, etree._Element) or key_info.tag != f"{{{DSIG}}}KeyInfo":
        raise InvalidInput("key-info", "key_info must be a ds:KeyInfo element: wrap what you have in one.")
    if (key_info.tail or "").strip():
        raise InvalidInput("key-info", "There is text behind the element of key_info: pass one without.")
    for node in key_info.iter():
        if not isinstance(node.tag, str) or node.tag == f"{{{DSIG}}}Signature":
            raise InvalidInput("key-info", "key_info may hold no comments, instructions, entities or Signatures.")
    return key_info
