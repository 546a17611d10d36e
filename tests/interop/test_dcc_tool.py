"""Smart DCC's own tool (@smartdcc/duis-sign-wrap, dist/tool.jar) and its 297 request templates, both ways.

Keys and certificates are those of @smartdcc/dccboxed-keystore, chosen by the originator in RequestID as the
tool chooses them. The tool drops white space between elements before it digests, so what it is to accept is
signed with ``whitespace="strip"``. It leaves an unsigned Response unchecked with exit code 0, so that alone
counts for nothing here.
"""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography import x509

import duisign
from interop.peers import Identity, JavaDriver, KeyStoreEntry
from interop.verifiers import CLOCK, pinned

# Of the message in tool.jar that the DCC signed.
DCC_MESSAGE_CLOCK = datetime.datetime(2022, 6, 16, 17, 0, tzinfo=datetime.UTC)

IdentityOf = Callable[[bytes], Identity]


@pytest.fixture(scope="module")
def signed_here(duis_templates: list[Path], dcc_identity: IdentityOf) -> dict[str, bytes]:
    signed = {}
    for template in duis_templates:
        document = template.read_bytes()
        identity = dcc_identity(document)
        signer = duisign.Signer(
            identity.private_key, identity.certificate, whitespace="strip", existing_signature="replace"
        )
        signed[template.name] = signer.sign(document)
    assert len(signed) == 297
    return signed


@pytest.fixture(scope="module")
def signed_by_tool(duis_templates: list[Path], dcc_identity: IdentityOf, tool_sign: JavaDriver) -> dict[str, bytes]:
    signed = {}
    for template in duis_templates:
        document = template.read_bytes()
        identity = dcc_identity(document)
        code, messages, output = tool_sign.ask(document, str(identity.key_file), str(identity.certificate_file))
        assert code == b"0", messages.decode()
        signed[template.name] = output
    return signed


def parsed(entries: Iterable[KeyStoreEntry]) -> list[x509.Certificate]:
    """The digital signature certificates; two of the 33 published ones are not valid DER."""
    certificates = []
    for entry in entries:
        if entry.usage == "digitalSignature" and not entry.name.startswith("mdr-"):
            certificates.append(x509.load_pem_x509_certificate(entry.certificate.encode()))
    return certificates


def verifier(entries: Iterable[KeyStoreEntry], clock: datetime.datetime = CLOCK) -> duisign.Verifier:
    return pinned(*parsed(entries), clock=clock)


def tool_accepts(answer: list[bytes]) -> bool:
    code, messages, _ = answer
    return code == b"0" and b"[I] passed signature check" in messages.splitlines()


def tampered(document: bytes) -> bytes:
    """With the last digit of the originator counter changed, which stays valid under the schema."""

    def other(match: re.Match[bytes]) -> bytes:
        return match[1] + b"%d" % ((int(match[2]) + 1) % 10) + match[3]

    changed, count = re.subn(rb"(RequestID>[^<]*)(\d)(\s*</)", other, document, count=1)
    assert count == 1
    return changed


def test_the_tool_accepts_every_template_signed_here(
    signed_here: dict[str, bytes], dcc_identity: IdentityOf, tool_validate: JavaDriver
) -> None:
    refused = {}
    for name, document in signed_here.items():
        answer = tool_validate.ask(document, str(dcc_identity(document).certificate_file))
        if not tool_accepts(answer):
            refused[name] = answer[1].decode()
    print(f"tool.jar accepts {len(signed_here) - len(refused)} of {len(signed_here)} templates signed here")
    assert not refused


def test_the_jdk_accepts_every_template_signed_here(
    signed_here: dict[str, bytes], dcc_identity: IdentityOf, jdk_verify: JavaDriver
) -> None:
    refused = {}
    for name, document in signed_here.items():
        verdict, details, _ = jdk_verify.ask(document, str(dcc_identity(document).certificate_file))
        if verdict != b"valid":
            refused[name] = details.decode()
    print(f"the JDK accepts {len(signed_here) - len(refused)} of {len(signed_here)} templates signed here")
    assert not refused


def test_the_tool_digests_the_octets_that_the_verifier_returns(
    signed_here: dict[str, bytes],
    dcc_identity: IdentityOf,
    dcc_keystore: list[KeyStoreEntry],
    tool_validate: JavaDriver,
) -> None:
    verify = verifier(dcc_keystore).verify
    for document in signed_here.values():
        answer = tool_validate.ask(document, str(dcc_identity(document).certificate_file))
        assert verify(document).signed_bytes == answer[2].removesuffix(b"\n")


def test_the_tool_and_the_jdk_refuse_a_tampered_message(
    signed_here: dict[str, bytes], dcc_identity: IdentityOf, tool_validate: JavaDriver, jdk_verify: JavaDriver
) -> None:
    for document in signed_here.values():
        certificate = str(dcc_identity(document).certificate_file)
        code, messages, _ = tool_validate.ask(tampered(document), certificate)
        assert (code, b"[I] failed signature check" in messages.splitlines()) == (b"10", True)
        verdict, details, _ = jdk_verify.ask(tampered(document), certificate)
        assert (verdict, details) == (b"invalid", b"signature value valid; reference '' invalid")


def test_an_unsigned_response_does_not_count_as_accepted(
    dcc_tool_jar: Path,
    dcc_identity: IdentityOf,
    dcc_keystore: list[KeyStoreEntry],
    tool_validate: JavaDriver,
) -> None:
    with zipfile.ZipFile(dcc_tool_jar) as jar:
        document = jar.read("message2.xml")
    answer = tool_validate.ask(document, str(dcc_identity(document).certificate_file))
    assert answer[0] == b"0"
    assert not tool_accepts(answer)
    with pytest.raises(duisign.UnsignedMessageError):
        verifier(dcc_keystore).verify(document)


def test_white_space_between_elements_divides_the_tool_from_the_standard(
    duis_templates: list[Path], dcc_identity: IdentityOf, tool_validate: JavaDriver, jdk_verify: JavaDriver
) -> None:
    """The tool drops it before it digests: why only compact messages are accepted by everyone."""
    template = duis_templates[0].read_bytes()
    identity = dcc_identity(template)
    certificate = str(identity.certificate_file)
    signers = {
        whitespace: duisign.Signer(
            identity.private_key, identity.certificate, whitespace=whitespace, existing_signature="replace"
        )
        for whitespace in ("preserve", "strip")
    }
    indented = signers["preserve"].sign(template)
    assert jdk_verify.ask(indented, certificate)[0] == b"valid"
    assert not tool_accepts(tool_validate.ask(indented, certificate))

    indented_afterwards = signers["strip"].sign(template).replace(b"<sr:Body>", b"\n  <sr:Body>")
    assert tool_accepts(tool_validate.ask(indented_afterwards, certificate))
    assert jdk_verify.ask(indented_afterwards, certificate)[0] == b"invalid"
    with pytest.raises(duisign.DigestMismatchError):
        pinned(identity.certificate).verify(indented_afterwards)


def test_messages_signed_by_the_tool_verify_here(
    signed_by_tool: dict[str, bytes], dcc_identity: IdentityOf, dcc_keystore: list[KeyStoreEntry]
) -> None:
    verify = verifier(dcc_keystore).verify
    for document in signed_by_tool.values():
        message = verify(document)
        assert message.profile is duisign.Profile.DUIS
        assert message.certificate == dcc_identity(document).certificate
    print(f"{len(signed_by_tool)} messages signed by tool.jar verify here")


def test_tampered_messages_of_the_tool_are_refused_here(
    signed_by_tool: dict[str, bytes], dcc_keystore: list[KeyStoreEntry]
) -> None:
    verify = verifier(dcc_keystore).verify
    for document in signed_by_tool.values():
        with pytest.raises(duisign.DigestMismatchError):
            verify(tampered(document))


def test_the_message_inside_the_tool_verifies_here(dcc_tool_jar: Path, dcc_keystore: list[KeyStoreEntry]) -> None:
    """A response of 2022 whose SignatureValue the DCC's Java stack broke after 76 characters."""
    with zipfile.ZipFile(dcc_tool_jar) as jar:
        document = jar.read("message.xml")
    message = verifier(dcc_keystore, DCC_MESSAGE_CLOCK).verify(document)
    assert message.certificate is not None
    assert message.certificate.serial_number == 117636141832862931915946451229571981153
