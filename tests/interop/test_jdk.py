"""The JDK's javax.xml.crypto.dsig, both ways, on the DCC's templates and on generated documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import duisign
from interop.peers import Identity, JavaDriver
from interop.signature_parts import without_signature
from interop.verifiers import pinned
from xml_documents import Shape, generate, generate_duis

SHAPE = Shape(dsig_prefixes=("ds", "ns3"))
DOCUMENTS = [generator(seed, SHAPE) for generator in (generate, generate_duis) for seed in range(150)]


@pytest.mark.parametrize("profile", duisign.Profile)
def test_the_jdk_accepts_generated_documents_signed_here(
    profile: duisign.Profile, identity: Identity, jdk_verify: JavaDriver
) -> None:
    signer = duisign.Signer(identity.private_key, identity.certificate, profile=profile)
    verify = pinned(identity.certificate).verify
    for document in DOCUMENTS:
        signed = signer.sign(document)
        verdict, details, digested = jdk_verify.ask(signed, str(identity.certificate_file))
        assert (verdict, details) == (b"valid", b"signature value valid; reference '' valid"), document
        assert verify(signed).signed_bytes == digested


def test_the_jdk_refuses_another_key(
    identity: Identity, dcc_identity: Callable[[bytes], Identity], jdk_verify: JavaDriver
) -> None:
    document = generate_duis(0)
    signed = duisign.Signer(identity.private_key, identity.certificate).sign(document)
    verdict, details, _ = jdk_verify.ask(signed, str(dcc_identity(document).certificate_file))
    assert (verdict, details) == (b"invalid", b"signature value invalid; reference '' valid")


def test_templates_signed_by_the_jdk_verify_here(
    duis_templates: list[Path], dcc_identity: Callable[[bytes], Identity], jdk_sign: JavaDriver
) -> None:
    for template in duis_templates:
        document = without_signature(template.read_bytes())
        signer = dcc_identity(document)
        (signed,) = jdk_sign.ask(document, str(signer.key_file), str(signer.certificate_file))
        assert b"&#13;\n" in signed  # inside SignatureValue
        assert pinned(signer.certificate).verify(signed).profile is duisign.Profile.DUIS


def test_generated_documents_signed_by_the_jdk_verify_here(identity: Identity, jdk_sign: JavaDriver) -> None:
    verify = pinned(identity.certificate).verify
    for document in DOCUMENTS:
        (signed,) = jdk_sign.ask(document, str(identity.key_file), str(identity.certificate_file))
        assert verify(signed).certificate == identity.certificate
