"""Signatures of any shape, right in every way but the one that a test is about.

Written on lxml's canonicalization and cryptography alone, so that what the Verifier refuses is the shape and
not a digest that does not fit.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"

TEMPLATE = (
    '<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" xmlns:ds="' + DS + '" '
    'xmlns:ns3="urn:unused" schemaVersion="5.1"><sr:Header><sr:RequestID>'
    "00-DB-12-34-A5-00-00-01:00-DB-12-35-00-00-C3-50:7</sr:RequestID></sr:Header><sr:Body><sr:Payload>x</sr:Payload>"
    "</sr:Body><ds:Signature><ds:SignedInfo>"
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
    '<ds:Reference URI=""><ds:Transforms>'
    '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    "<ds:DigestValue>@DIGEST@</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    "<ds:SignatureValue>@SIGNATURE@</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial>"
    "<ds:X509IssuerName>@ISSUER@</ds:X509IssuerName><ds:X509SerialNumber>@SERIAL@</ds:X509SerialNumber>"
    "</ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature></sr:Request>"
)


def _outer(root):
    """The Signature among the root's children."""
    return next((child for child in root if child.tag == f"{{{DS}}}Signature"), None)


def _without(root):
    signature = _outer(root)
    if signature is not None:
        previous, tail = signature.getprevious(), signature.tail or ""
        if previous is not None:
            previous.tail = (previous.tail or "") + tail
        else:
            root.text = (root.text or "") + tail
        root.remove(signature)
    return root


def raw_octets(key, message):
    """ECDSA with SHA-256 as r‖s."""
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def forge(identity, *changes, template=TEMPLATE, exclusive=False, value=None, digest=None, encode=None):
    """The template with each (old, new) of `changes`, digested and signed as it then stands.

    `exclusive`: digest over Exclusive C14N. `value`: turns raw octets into the text of SignatureValue. `digest`:
    turns the digest into the text of DigestValue.
    """
    text = template
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    issuer = identity.certificate.issuer.rfc4514_string()
    text = text.replace("@ISSUER@", issuer).replace("@SERIAL@", str(identity.certificate.serial_number))
    root = _without(etree.fromstring(text.encode()))
    octets = etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=False)
    digest_octets = hashlib.sha256(octets).digest()
    text = text.replace("@DIGEST@", digest(digest_octets) if digest else b64encode(digest_octets).decode())
    signed_info = etree.fromstring(text.encode()).find(f"{{{DS}}}Signature/{{{DS}}}SignedInfo")
    if signed_info is not None:
        message = etree.tostring(signed_info, method="c14n", exclusive=True, with_comments=False, with_tail=False)
        raw = raw_octets(identity.private_key, message)
        text = text.replace("@SIGNATURE@", value(raw) if value else b64encode(raw).decode())
    return text.encode(encode or "utf-8")
