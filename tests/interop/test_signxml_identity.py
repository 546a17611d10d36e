"""Byte identity with signxml 5.2: same document, same key, same nonce, same octets.

Both sides take the deterministic nonce of RFC 6979. Documents are the DCC's templates, their placeholder
Signature removed first, and generated ones whose root binds the XMLDSig namespace to ``ds`` or not at all,
without processing instructions around the root: signxml leaves those out of the digest, against section
4.4.3.3 of XML Signature 1.1. signxml serializes what it is given to ASCII and parses it again; the generated
documents have been through that (it makes ``<a/>`` of ``<a><![CDATA[]]></a>``) and have ASCII markup (libxml2
writes other names, processing instructions and comments wrong there).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import signxml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from interop import signature_parts as parts
from interop.peers import Identity
from xml_documents import Shape, documents, duis_documents, generate, generate_duis

SEEDS = range(250)
SHAPE = Shape(
    processing_instructions_around_root=False,
    dsig_prefixes=("ds",),
    ampersand_in_namespace_names=False,
    ascii_markup=True,
)
PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


@dataclass(frozen=True)
class DeterministicKey:
    """What signxml needs of a private key, with the nonce of RFC 6979."""

    key: ec.EllipticCurvePrivateKey

    @property
    def key_size(self) -> int:
        return self.key.key_size

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.key.curve

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self.key.public_key()

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        assert isinstance(signature_algorithm.algorithm, hashes.SHA256)
        return self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


@dataclass(frozen=True)
class Form:
    """A form of KeyInfo: how signxml and how we are asked for it."""

    name: str
    signxml: Callable[[x509.Certificate], dict[str, Any]]
    ours: Callable[[x509.Certificate], duisign.KeyInfo | etree._Element]

    def __str__(self) -> str:
        return self.name


def given_element(element: Callable[[x509.Certificate], etree._Element], ours: duisign.KeyInfo | None = None) -> Form:
    """signxml takes an element over; we write the same by name or take it over, too."""
    return Form(
        f"{element.__name__}-{'element' if ours is None else ours.value}",
        lambda certificate: {"key_info": element(certificate)},
        element if ours is None else lambda _: ours,
    )


def key_name_and_certificate(certificate: x509.Certificate) -> etree._Element:
    key_info = parts.key_name("a key")
    key_info.append(parts.DS.X509Data(parts.DS.X509Certificate(parts.pem_body(certificate))))
    return key_info


def key_value(certificate: x509.Certificate) -> etree._Element:
    public_key = certificate.public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    return parts.key_value(public_key)


FORMS = [
    Form(
        "certificate",
        lambda certificate: {"cert": [certificate]},
        lambda _: duisign.KeyInfo.CERTIFICATE,
    ),
    Form(
        "key-name-and-certificate",
        lambda certificate: {"cert": [certificate], "key_name": "a key"},
        key_name_and_certificate,
    ),
    Form("key-value", lambda _: {}, key_value),
    given_element(parts.issuer_serial, duisign.KeyInfo.ISSUER_SERIAL),
    given_element(parts.issuer_serial),
    given_element(parts.issuer_serial_and_certificate, duisign.KeyInfo.ISSUER_SERIAL_AND_CERTIFICATE),
    given_element(parts.subject_key_identifier, duisign.KeyInfo.SKI),
    given_element(parts.certificate_digest, duisign.KeyInfo.DIGEST),
    given_element(parts.subject_name, duisign.KeyInfo.SUBJECT_NAME),
]


def signed_by_signxml(root: etree._Element, identity: Identity, form: Form) -> bytes:
    signer = signxml.XMLSigner(
        method=signxml.SignatureConstructionMethod.enveloped,
        signature_algorithm=signxml.SignatureMethod.ECDSA_SHA256,
        digest_algorithm=signxml.DigestAlgorithm.SHA256,
        c14n_algorithm=signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    key: Any = DeterministicKey(identity.private_key)
    return etree.tostring(signer.sign(root, key=key, **form.signxml(identity.certificate)))


def our_signer(identity: Identity, form: Form) -> duisign.Signer:
    return duisign.Signer(
        identity.private_key,
        identity.certificate,
        profile=duisign.Profile.SIGNXML,
        key_info=form.ours(identity.certificate),
        deterministic=True,
    )


def assert_identical(document: bytes, identity: Identity, form: Form, signer: duisign.Signer) -> None:
    root = etree.fromstring(etree.tostring(etree.fromstring(document, PARSER)), PARSER)
    text = etree.tostring(root)
    expected = signed_by_signxml(root, identity, form)
    assert signer.sign(text) == expected
    assert etree.tostring(signer.sign_element(root)) == expected


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_templates(form: Form, duis_templates: list[Path], dcc_identity: Callable[[bytes], Identity]) -> None:
    signers: dict[Path, duisign.Signer] = {}
    for template in duis_templates:
        document = parts.without_signature(template.read_bytes())
        identity = dcc_identity(document)
        signer = signers.setdefault(identity.key_file, our_signer(identity, form))
        assert_identical(document, identity, form, signer)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_documents_of_seeds(form: Form, identity: Identity) -> None:
    signer = our_signer(identity, form)
    for generator in (generate, generate_duis):
        for seed in SEEDS:
            assert_identical(generator(seed, SHAPE), identity, form, signer)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(document=documents(SHAPE) | duis_documents(SHAPE), form=st.sampled_from(FORMS))
def test_generated_documents(document: bytes, form: Form, identity: Identity) -> None:
    assert_identical(document, identity, form, our_signer(identity, form))
