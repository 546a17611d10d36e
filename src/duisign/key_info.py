"""KeyInfo: what a Signer writes about its key (XMLDSig Core 1.1 section 4.5)."""

from __future__ import annotations

import copy
from base64 import b64encode
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from lxml import etree

from duisign.algorithms import KeyInfo
from duisign.distinguished_name import rfc2253
from duisign.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from duisign.organisation_certificate import OrganisationCertificate

__all__ = ["key_info_octets"]

DSIG = "http://www.w3.org/2000/09/xmldsig#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def key_info_octets(form: KeyInfo | _Element, certificate: OrganisationCertificate) -> bytes:
    """The KeyInfo element as it stands in a Signature that binds ``ds``: ASCII, b"" for KeyInfo.NONE.

    `form`: one of the forms, or the caller's own ``ds:KeyInfo`` element, which is copied. Raises ConfigurationError.
    """
    if isinstance(form, etree._Element):
        return _from_element(form)
    if not isinstance(form, KeyInfo):
        raise ConfigurationError("key-info", "key_info must be a duisign.KeyInfo or a ds:KeyInfo element.")
    if form is KeyInfo.NONE:
        return b""
    content = "".join(write(certificate) for write in _FORMS[form])
    return f"<ds:KeyInfo><ds:X509Data>{content}</ds:X509Data></ds:KeyInfo>".encode("ascii", "xmlcharrefreplace")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _issuer_serial(certificate: OrganisationCertificate) -> str:
    return (
        f"<ds:X509IssuerSerial><ds:X509IssuerName>{_escaped(rfc2253(certificate.certificate.issuer))}</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{certificate.serial_number}</ds:X509SerialNumber></ds:X509IssuerSerial>"
    )


def _certificate(certificate: OrganisationCertificate) -> str:
    # The body of the PEM form with its line feeds, the last one too: the octets that signxml writes.
    lines = certificate.certificate.public_bytes(serialization.Encoding.PEM).decode().splitlines(keepends=True)
    return f"<ds:X509Certificate>{''.join(lines[1:-1])}</ds:X509Certificate>"


def _ski(certificate: OrganisationCertificate) -> str:
    if certificate.key_identifier is None:
        raise ConfigurationError("key-info", "The certificate has no subject key identifier: choose another KeyInfo.")
    return f"<ds:X509SKI>{b64encode(certificate.key_identifier).decode()}</ds:X509SKI>"


def _digest(certificate: OrganisationCertificate) -> str:
    return (
        f'<dsig11:X509Digest xmlns:dsig11="{DSIG11}" Algorithm="{SHA256}">'
        f"{b64encode(certificate.fingerprint).decode()}</dsig11:X509Digest>"
    )


def _subject_name(certificate: OrganisationCertificate) -> str:
    return f"<ds:X509SubjectName>{_escaped(rfc2253(certificate.certificate.subject))}</ds:X509SubjectName>"


_FORMS: dict[KeyInfo, tuple[Callable[[OrganisationCertificate], str], ...]] = {
    KeyInfo.ISSUER_SERIAL: (_issuer_serial,),
    KeyInfo.CERTIFICATE: (_certificate,),
    KeyInfo.ISSUER_SERIAL_AND_CERTIFICATE: (_issuer_serial, _certificate),
    KeyInfo.SKI: (_ski,),
    KeyInfo.DIGEST: (_digest,),
    KeyInfo.SUBJECT_NAME: (_subject_name,),
}


def _from_element(element: _Element) -> bytes:
    """The octets that lxml gives the element as the last child of a Signature that binds ``ds``."""
    if element.tag != f"{{{DSIG}}}KeyInfo":
        raise ConfigurationError("key-info", "The element given as key_info is not a ds:KeyInfo.")
    for node in element.iter():
        if not isinstance(node.tag, str) or not node.tag.startswith("{"):
            raise ConfigurationError(
                "key-info", "KeyInfo may hold no comments, instructions, or elements without namespace."
            )
        if node.tag == f"{{{DSIG}}}Signature":
            raise ConfigurationError("key-info", "KeyInfo may hold no Signature.")
    parent = etree.Element(f"{{{DSIG}}}Signature", nsmap={"ds": DSIG})
    child = copy.deepcopy(element)
    child.tail = None
    parent.append(child)
    written = etree.tostring(parent)
    return written[written.index(b">") + 1 : written.rindex(b"</")]
