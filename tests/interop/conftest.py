"""Fixtures of the interop tests: the peers, running or installed, and the keys to sign with."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from interop import peers
from interop.xmlsec1 import XmlSec1


@pytest.fixture(scope="session")
def duis_templates() -> list[Path]:
    """The request templates that Smart DCC publishes; each ends in a placeholder Signature."""
    templates = sorted((peers.DUIS_TEMPLATES.install() / "templates").glob("*.XML"))
    assert len(templates) == 297
    return templates


@pytest.fixture(scope="session")
def dcc_keystore() -> list[peers.KeyStoreEntry]:
    """The published test certificates of the DCC with their keys."""
    keystore = peers.DCCBOXED_KEYSTORE.install() / "keystore.json"
    entries = peers.key_store_entries(json.loads(keystore.read_text(encoding="utf-8")))
    assert len(entries) == 33
    return entries


@pytest.fixture(scope="session")
def dcc_tool_jar() -> Path:
    """The DCC's Java signer and validator."""
    return peers.DUIS_SIGN_WRAP.install() / "dist" / "tool.jar"


@pytest.fixture(scope="session")
def jdk() -> peers.Jdk:
    return peers.Jdk(java=peers.require_program("java"), javac=peers.require_program("javac"))


@pytest.fixture(scope="session")
def xmlsec1() -> XmlSec1:
    return XmlSec1(peers.require_program("xmlsec1"))


@contextmanager
def _jdk_driver(jdk: peers.Jdk, name: str) -> Iterator[peers.JavaDriver]:
    classes = jdk.compile(["Jobs", "Dom", "JdkCanonicalize", "JdkSign", "JdkVerify"])
    with jdk.start(name, [classes]) as driver:
        yield driver


@contextmanager
def _tool_driver(jdk: peers.Jdk, jar: Path, name: str) -> Iterator[peers.JavaDriver]:
    classes = jdk.compile(["Jobs", "Dom", "Tool", "ToolSign", "ToolValidate"], [jar])
    with jdk.start(name, [classes, jar]) as driver:
        yield driver


@pytest.fixture(scope="session")
def jdk_canonicalize(jdk: peers.Jdk) -> Iterator[peers.JavaDriver]:
    with _jdk_driver(jdk, "JdkCanonicalize") as driver:
        yield driver


@pytest.fixture(scope="session")
def jdk_sign(jdk: peers.Jdk) -> Iterator[peers.JavaDriver]:
    with _jdk_driver(jdk, "JdkSign") as driver:
        yield driver


@pytest.fixture(scope="session")
def jdk_verify(jdk: peers.Jdk) -> Iterator[peers.JavaDriver]:
    with _jdk_driver(jdk, "JdkVerify") as driver:
        yield driver


@pytest.fixture(scope="session")
def tool_sign(jdk: peers.Jdk, dcc_tool_jar: Path) -> Iterator[peers.JavaDriver]:
    with _tool_driver(jdk, dcc_tool_jar, "ToolSign") as driver:
        yield driver


@pytest.fixture(scope="session")
def tool_validate(jdk: peers.Jdk, dcc_tool_jar: Path) -> Iterator[peers.JavaDriver]:
    with _tool_driver(jdk, dcc_tool_jar, "ToolValidate") as driver:
        yield driver


@pytest.fixture(scope="session")
def dcc_identity(
    dcc_keystore: list[peers.KeyStoreEntry], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bytes], peers.Identity]:
    """Finds the key and certificate of a request's originator in the DCC's test key store."""
    folder = tmp_path_factory.mktemp("dcc-keys")
    identities: dict[str, peers.Identity] = {}

    def of(document: bytes) -> peers.Identity:
        entry = peers.signing_entry(dcc_keystore, document)
        if entry.name not in identities:
            identities[entry.name] = peers.Identity.from_pem(
                entry.private_key.encode(), entry.certificate.encode(), folder
            )
        return identities[entry.name]

    return of


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> peers.Identity:
    """A throw-away P-256 key with a certificate shaped like those of SMKI: OU before CN, 39-digit serial."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([_rdn(NameOID.ORGANIZATIONAL_UNIT_NAME, "07"), _rdn(NameOID.COMMON_NAME, "T1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([_rdn(NameOID.ORGANIZATIONAL_UNIT_NAME, "87")]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(0x7F << 120 | x509.random_serial_number() >> 40)
        .not_valid_before(datetime.datetime(2018, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2118, 1, 1, tzinfo=datetime.UTC))
        .add_extension(_digital_signature(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(bytes(range(8))), critical=False)
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return peers.Identity.from_pem(private_key, pem, tmp_path_factory.mktemp("own-key"))


def _rdn(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute:
    return x509.NameAttribute(oid, value)


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
