"""How the tests of duisign.signxml call it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from lxml import etree

from duisign.signxml import CanonicalizationMethod, InvalidInput, XMLSigner, XMLVerifier, methods

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
INCLUSIVE = CanonicalizationMethod.CANONICAL_XML_1_0
PLACEHOLDER = f'<ds:Signature xmlns:ds="{DS}" Id="placeholder"/>'


def make(method=EXCLUSIVE):
    return XMLSigner(methods.enveloped, "ecdsa-sha256", "sha256", method)


def parsed(text):
    return etree.fromstring(text)


def refused(data="<a/>", *, signer=None, **options):
    with pytest.raises(InvalidInput) as caught:
        (signer or make()).sign(parsed(data) if isinstance(data, str) else data, **options)
    assert caught.value.__cause__ is None
    return caught.value.code


def pem(key, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def verified(root, certificate, **options):
    return XMLVerifier().verify(etree.tostring(root), x509_cert=certificate, **options)


class RemoteKey:
    """A key elsewhere: what signxml asks of one."""

    key_size = 256

    def __init__(self, key):
        self._key = key

    def sign(self, data, signature_algorithm):
        return self._key.sign(data, signature_algorithm)


def make_with(**attributes):
    signer = make()
    for name, value in attributes.items():
        setattr(signer, name, value)
    return signer


def sign(identity, data=b"<a><b>x</b></a>", method=EXCLUSIVE, annotators=(), **options):
    signer = make(method)
    signer.signature_annotators += annotators
    options.setdefault("cert", [identity.certificate])
    return etree.tostring(signer.sign(etree.fromstring(data), key=identity.private_key, **options))
