"""The ``xmlsec1`` program (Debian package xmlsec1), both ways, on the templates and generated documents."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

import duisign
from interop.peers import Identity
from interop.signature_parts import issuer_serial, with_signature_to_fill, without_signature
from interop.verifiers import pinned
from interop.xmlsec1 import XmlSec1
from xml_documents import Shape, generate, generate_duis

# libxml2 leaves an ampersand in a namespace name unescaped, see interop/canonicalization.py.
SHAPE = Shape(dsig_prefixes=("ds", "ns3"), ampersand_in_namespace_names=False)
DOCUMENTS = [generator(seed, SHAPE) for generator in (generate, generate_duis) for seed in range(150)]

IdentityOf = Callable[[bytes], Identity]


def write_all(documents: list[bytes], folder: Path) -> list[Path]:
    files = [folder / f"{number}.xml" for number in range(len(documents))]
    for file, document in zip(files, documents, strict=True):
        file.write_bytes(document)
    return files


def by_identity(templates: list[Path], identity_of: IdentityOf) -> list[tuple[Identity, list[bytes]]]:
    """The templates without their placeholder Signature, by originator."""
    groups: dict[Path, tuple[Identity, list[bytes]]] = {}
    for template in templates:
        document = without_signature(template.read_bytes())
        identity = identity_of(document)
        groups.setdefault(identity.key_file, (identity, []))[1].append(document)
    return list(groups.values())


def assert_accepted(
    documents: list[bytes], signer: duisign.Signer, certificate: Path, xmlsec1: XmlSec1, folder: Path
) -> None:
    accepted = xmlsec1.accepted(write_all(list(map(signer.sign, documents)), folder), certificate)
    assert accepted == len(documents), documents[accepted]


def test_xmlsec1_accepts_every_template_signed_here(
    duis_templates: list[Path], dcc_identity: IdentityOf, xmlsec1: XmlSec1, tmp_path: Path
) -> None:
    for identity, documents in by_identity(duis_templates, dcc_identity):
        signer = duisign.Signer(identity.private_key, identity.certificate)
        assert_accepted(documents, signer, identity.certificate_file, xmlsec1, tmp_path)


@pytest.mark.parametrize("profile", duisign.Profile)
def test_xmlsec1_accepts_generated_documents_signed_here(
    profile: duisign.Profile, identity: Identity, xmlsec1: XmlSec1, tmp_path: Path
) -> None:
    signer = duisign.Signer(identity.private_key, identity.certificate, profile=profile)
    assert_accepted(DOCUMENTS, signer, identity.certificate_file, xmlsec1, tmp_path)


def test_xmlsec1_refuses_a_tampered_message(identity: Identity, xmlsec1: XmlSec1, tmp_path: Path) -> None:
    signed = duisign.Signer(identity.private_key, identity.certificate).sign(generate_duis(0))
    tampered = signed.replace(b"ServiceReference>1.1<", b"ServiceReference>1.2<")
    assert xmlsec1.accepted(write_all([signed, tampered, signed], tmp_path), identity.certificate_file) == 1


def test_templates_signed_by_xmlsec1_verify_here(
    duis_templates: list[Path], dcc_identity: IdentityOf, xmlsec1: XmlSec1, tmp_path: Path
) -> None:
    for identity, documents in by_identity(duis_templates, dcc_identity):
        signed = signed_by_xmlsec1(documents, duisign.Profile.DUIS, identity, xmlsec1, tmp_path)
        for message in map(pinned(identity.certificate).verify, signed):
            assert message.profile is duisign.Profile.DUIS


@pytest.mark.parametrize("profile", duisign.Profile)
def test_generated_documents_signed_by_xmlsec1_verify_here(
    profile: duisign.Profile, identity: Identity, xmlsec1: XmlSec1, tmp_path: Path
) -> None:
    signed = signed_by_xmlsec1(DOCUMENTS, profile, identity, xmlsec1, tmp_path)
    for message in map(pinned(identity.certificate).verify, signed):
        assert message.profile is profile


def signed_by_xmlsec1(
    documents: list[bytes], profile: duisign.Profile, identity: Identity, xmlsec1: XmlSec1, folder: Path
) -> list[bytes]:
    key_info = issuer_serial(identity.certificate)
    to_sign = [with_signature_to_fill(document, profile, deepcopy(key_info)) for document in documents]
    return xmlsec1.sign(write_all(to_sign, folder), identity.key_file)
