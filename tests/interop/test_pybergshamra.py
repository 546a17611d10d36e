"""pybergshamra 0.11 (Rust, its own XML parser and canonicalizer), both ways.

Generated documents are written anew by libxml2 first: pybergshamra's parser normalizes neither line ends nor
attribute values (XML 1.0 sections 2.11 and 3.3.3), so that it digests others than the standard's octets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pybergshamra
import pytest

import duisign
from interop.peers import Identity
from interop.signature_parts import (
    ECDSA_SHA256,
    issuer_serial,
    reserialized,
    with_signature_to_fill,
    without_signature,
)
from interop.verifiers import pinned
from xml_documents import Shape, generate, generate_duis

SHAPE = Shape(dsig_prefixes=("ds", "ns3"))
DOCUMENTS = [reserialized(generator(seed, SHAPE)) for generator in (generate, generate_duis) for seed in range(150)]

IdentityOf = Callable[[bytes], Identity]


def context(key: pybergshamra.Key) -> pybergshamra.DsigContext:
    manager = pybergshamra.KeysManager()
    manager.add_key(key)
    return pybergshamra.DsigContext(manager)


def verifying(identity: Identity) -> pybergshamra.DsigContext:
    return context(pybergshamra.load_x509_cert_pem(identity.certificate_file.read_bytes()))


def signing(identity: Identity) -> pybergshamra.DsigContext:
    return context(pybergshamra.load_pem_auto(identity.key_file.read_bytes()))


def test_pybergshamra_accepts_every_template_signed_here(duis_templates: list[Path], dcc_identity: IdentityOf) -> None:
    for template in duis_templates:
        document = template.read_bytes()
        identity = dcc_identity(document)
        signer = duisign.Signer(identity.private_key, identity.certificate, existing_signature="replace")
        result = pybergshamra.verify(verifying(identity), signer.sign(document).decode())
        assert result.all_reference_digests_verified, result.reason


@pytest.mark.parametrize("profile", duisign.Profile)
def test_pybergshamra_accepts_generated_documents_signed_here(profile: duisign.Profile, identity: Identity) -> None:
    signer = duisign.Signer(identity.private_key, identity.certificate, profile=profile)
    for document in DOCUMENTS:
        result = pybergshamra.verify(verifying(identity), signer.sign(document).decode())
        assert result.all_reference_digests_verified, (result.reason, document)


def test_pybergshamra_refuses_a_tampered_message(identity: Identity) -> None:
    signed = duisign.Signer(identity.private_key, identity.certificate).sign(generate_duis(0)).decode()
    tampered = signed.replace("ServiceReference>1.1<", "ServiceReference>1.2<")
    assert not pybergshamra.verify(verifying(identity), tampered).is_valid


def test_templates_signed_by_pybergshamra_verify_here(duis_templates: list[Path], dcc_identity: IdentityOf) -> None:
    for template in duis_templates:
        document = without_signature(template.read_bytes())
        identity = dcc_identity(document)
        key_info = issuer_serial(identity.certificate)
        to_sign = with_signature_to_fill(document, duisign.Profile.DUIS, key_info)
        signed = pybergshamra.sign(signing(identity), to_sign.decode()).encode()
        assert pinned(identity.certificate).verify(signed).profile is duisign.Profile.DUIS


@pytest.mark.parametrize("profile", duisign.Profile)
def test_generated_documents_signed_by_pybergshamra_verify_here(profile: duisign.Profile, identity: Identity) -> None:
    verify = pinned(identity.certificate).verify
    for document in DOCUMENTS:
        to_sign = with_signature_to_fill(document, profile, issuer_serial(identity.certificate))
        assert verify(pybergshamra.sign(signing(identity), to_sign.decode()).encode()).profile is profile


def test_its_own_enveloped_signatures_verify_here(duis_templates: list[Path], dcc_identity: IdentityOf) -> None:
    """Its Signature is the first child of the root, not the last, and embeds the certificate."""
    for template in duis_templates:
        document = without_signature(template.read_bytes())
        identity = dcc_identity(document)
        signed = pybergshamra.sign_enveloped(
            signing(identity),
            document.decode(),
            signature_method=ECDSA_SHA256,
            cert_pem=identity.certificate_file.read_text(),
        )
        assert pinned(identity.certificate).verify(signed.encode()).profile is duisign.Profile.SIGNXML
