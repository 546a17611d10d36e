"""`duisign verify` of single documents: reports, trusted certificates, and which check is named."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization

from command_line import ERROR, EUI64, KEY_MISSING, NOT_VALID, OK, Desk, refusal, reports, run, said
from duisign import KeyInfo, PinnedCertificates, Profile, canonicalize
from duisign.cli.credentials import load_pinned
from duisign.cli.verdict import Examiner, Outcome
from duisign.errors import CHECKS
from duisign.testing import Identity, Smki
from forgery import forge

NO_POLICY = {"policy": "not-applicable"}
"""Pinned certificates come without a policy."""


@pytest.fixture
def desk(smki: Smki, request_document: bytes, signed: bytes, tmp_path: Path) -> Desk:
    return Desk.create(tmp_path, smki, request_document, signed)


def public_pem(identity: Identity) -> bytes:
    return identity.private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


class TestVerifying:
    def test_a_valid_message(self, desk: Desk) -> None:
        done = run("verify", desk.folder / "signed.xml", *desk.trust)
        certificate = desk.smki.user.certificate
        assert (done.returncode, done.stderr) == (OK, b"")
        lines = done.stdout.decode().splitlines()
        assert lines[0] == f"{desk.folder / 'signed.xml'}: valid"
        assert [line.split()[:2] for line in lines[3 : 3 + len(CHECKS)]] == [
            *([check, "passed"] for check in CHECKS[:-1]),
            ["policy", "n/a"],
        ]
        for fact in ("service-request", "CN=duisign test CA,OU=07", "87 xml-sign", "00-DB-12-34-A5-00-00-01"):
            assert fact in done.stdout.decode()
        assert str(certificate.serial_number) in done.stdout.decode()
        assert f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" in done.stdout.decode()
        assert b"\x1b" not in done.stdout

    def test_a_tampered_message(self, desk: Desk) -> None:
        done = run("verify", *desk.trust, stdin=desk.tampered)
        assert (done.returncode, done.stderr) == (NOT_VALID, b"")
        text = done.stdout.decode()
        assert text.startswith("standard input: invalid (digest-mismatch)\n")
        assert "  digest             failed         The document is not the one that was signed: it was " in text
        assert "  signature-value    not reached\n" in text
        assert "The named signer is what KeyInfo says; nothing proves it." in text

    def test_an_unsigned_message(self, desk: Desk) -> None:
        done = run("verify", *desk.trust, desk.folder / "unsigned.xml")
        assert done.returncode == NOT_VALID
        assert done.stdout.decode().splitlines()[0].endswith("unsigned.xml: unsigned")
        assert "  named RequestID  00-DB-12-34-A5-00-00-01:00-DB-12-35-00-00-C3-50:" in done.stdout.decode()
        assert "The named RequestID is what the message says; nothing proves it." in done.stdout.decode()

    def test_reports_for_machines(self, desk: Desk) -> None:
        names = [str(desk.folder / f"{name}.xml") for name in ("signed", "tampered", "unsigned", "broken", "absent")]
        desk.file("broken.xml", b"<a>")
        done = run("verify", "--json", *names, *desk.trust)
        assert (done.returncode, done.stderr) == (NOT_VALID, b"")
        signed, tampered, unsigned, broken, absent = found = reports(done)
        assert [report["file"] for report in found] == names
        keys = (
            "file verdict code reason checks profile message_class request_id response_id octets signer named_signer "
            "named_request_id"
        )
        assert [" ".join(report) for report in found] == [keys] * 5
        certificate = desk.smki.user.certificate
        signer = {
            "kind": "certificate",
            "issuer": "CN=duisign test CA,OU=07",
            "serial_number": str(certificate.serial_number),
            "role": "87",
            "role_name": "xml-sign",
            "entity_id": "00-DB-12-34-A5-00-00-01",
            "valid_from": certificate.not_valid_before_utc.isoformat(),
            "valid_to": certificate.not_valid_after_utc.isoformat(),
            "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        }
        assert signed == {
            "file": names[0],
            "verdict": "valid",
            "code": None,
            "reason": None,
            "checks": dict.fromkeys(CHECKS, "passed") | NO_POLICY,
            "profile": "duis",
            "message_class": "service-request",
            "request_id": "00-DB-12-34-A5-00-00-01:00-DB-12-35-00-00-C3-50:4102444800017",
            "response_id": None,
            "octets": len(canonicalize(desk.unsigned)),
            "signer": signer,
            "named_signer": None,
            "named_request_id": None,
        }
        assert list(signed["checks"]) == list(CHECKS)
        nothing = dict.fromkeys(keys.split())
        assert tampered == nothing | {
            "file": names[1],
            "verdict": "invalid",
            "code": "digest-mismatch",
            "reason": "The document is not the one that was signed: it was changed, or re-indented.",
            "checks": signed["checks"] | {"digest": "failed", "signature-value": "not-reached"},
            "named_signer": signer,
            "named_request_id": signed["request_id"],
        }
        not_reached = dict.fromkeys(CHECKS, "not-reached") | NO_POLICY
        assert unsigned == nothing | {
            "file": names[2],
            "verdict": "unsigned",
            "code": "unsigned",
            "reason": "The message has no Signature: nobody vouches for it.",
            "checks": not_reached | {"document": "passed", "signature": "failed"},
            "named_request_id": signed["request_id"],
        }
        assert broken == nothing | {
            "file": names[3],
            "verdict": "unreadable",
            "code": "malformed-xml",
            "reason": broken["reason"],
            "checks": not_reached | {"document": "failed"},
        }
        assert absent == nothing | {
            "file": names[4],
            "verdict": "unreadable",
            "code": "file-unreadable",
            "reason": f"Cannot read {names[4]}: no such file or directory.",
            "checks": not_reached | {"policy": "not-reached"},
        }

    def test_the_exit_status_of_documents_that_cannot_be_read(self, desk: Desk) -> None:
        done = run("verify", *desk.trust, stdin=b"<a>")
        assert done.returncode == ERROR
        assert done.stdout.startswith(b"standard input: unreadable (malformed-xml)\n")
        done = run("verify", *desk.trust, "absent.xml")
        assert (done.returncode, said(done)) == (ERROR, "Cannot read absent.xml: no such file or directory.")

    def test_the_signed_octets_go_to_standard_output_and_the_report_makes_room(self, desk: Desk) -> None:
        done = run("verify", desk.folder / "signed.xml", *desk.trust, "-o", "-")
        assert done.stdout == canonicalize(desk.unsigned)
        assert b"signed.xml: valid\n" in done.stderr
        done = run("verify", desk.folder / "signed.xml", *desk.trust, "-o", "-", "--json")
        assert done.stdout == canonicalize(desk.unsigned)
        assert json.loads(done.stderr)["verdict"] == "valid"

    def test_the_signed_octets_go_to_a_file_unless_the_message_is_refused(self, desk: Desk) -> None:
        output = desk.folder / "verified.xml"
        for name, status in (("tampered", NOT_VALID), ("unsigned", NOT_VALID), ("absent", ERROR)):
            done = run("verify", desk.folder / f"{name}.xml", *desk.trust, "-o", output)
            assert done.returncode == status
            assert not output.exists()
        done = run("verify", desk.folder / "signed.xml", *desk.trust, "-o", output)
        assert done.stdout.splitlines()[0].endswith(b"signed.xml: valid")
        assert output.read_bytes() == canonicalize(desk.unsigned)

    def test_profiles_and_loose_modes(self, desk: Desk) -> None:
        user = desk.smki.user
        exclusive = desk.signer(profile=Profile.SIGNXML).sign(desk.unsigned)
        unmarked = forge(user, ("xml-exc-c14n#", "xml-exc-c14n"))
        wide = forge(user, value=lambda raw: b64encode(b"\0" + raw[:32] + b"\0" + raw[32:]).decode())
        for document, options, code in [
            (exclusive, ["--profile", "signxml"], None),
            (exclusive, ["--profile", "duis"], "transforms"),
            (unmarked, [], "canonicalization-method"),
            (unmarked, ["--accept-unmarked-exclusive-c14n"], None),
            (wide, [], "signature-value-width"),
            (wide, ["--dangerously-accept-java-widths"], None),
        ]:
            done = run("verify", "--json", *desk.trust, *options, stdin=document)
            assert reports(done)[0]["code"] == code
            assert done.returncode == (OK if code is None else NOT_VALID)

    def test_a_malformed_request_id_is_no_request_id(self, desk: Desk) -> None:
        document = forge(desk.smki.user, (":7</sr:RequestID>", ":seven</sr:RequestID>"))
        done = run("verify", *desk.trust, stdin=document)
        assert done.returncode == OK
        assert "  RequestID      malformed\n" in done.stdout.decode()
        (report,) = reports(run("verify", "--json", *desk.trust, stdin=document))
        assert report["request_id"] is None


class TestTrustedCertificates:
    BROKEN = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

    def test_none_given(self, desk: Desk) -> None:
        done = run("verify", stdin=desk.signed)
        assert done.returncode == KEY_MISSING
        assert said(done) == "No certificate is given: name the trusted ones with --cert, as files or folders."

    def test_none_readable(self, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
        broken = desk.file("broken.pem", self.BROKEN)
        (desk.folder / "empty").mkdir()
        for name, complaint in [
            (desk.folder / "empty", None),
            ("absent.pem", "Cannot read absent.pem: no such file or directory."),
            (
                desk.folder / "user.key",
                f"{desk.folder / 'user.key'} holds neither certificate nor public key: skipped.",
            ),
            (broken, f"{broken} is skipped: This is no X.509 certificate that can be read: give one in PEM or DER."),
            (
                desk.folder / "signed.xml",
                f"{desk.folder / 'signed.xml'} is skipped: This is no X.509 certificate "
                "that can be read: give one in PEM or DER.",
            ),
        ]:
            sentence = refusal(load_pinned, [str(name)])
            assert sentence == "No certificate or public key can be read from what --cert names: nobody is trusted."
            assert capsys.readouterr() == ("", f"duisign: {complaint}\n" if complaint else "")

    def test_a_folder_in_which_one_file_is_broken(self, desk: Desk) -> None:
        folder = desk.folder / "trusted"
        desk.smki.write(folder)  # private keys and revocation lists too
        (folder / "a.der").write_bytes(b"\x30\x03\x02\x01")
        (folder / "notes.txt").write_text("no certificate, and not called one")
        done = run("verify", "--cert", folder, stdin=desk.signed)
        assert done.returncode == OK
        assert [line.split(": ")[1] for line in done.stderr.decode().splitlines()] == [f"{folder / 'a.der'} is skipped"]

    def test_forms_of_certificates(self, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
        smki = desk.smki
        user = smki.user.certificate_pem()
        for name, octets, count, remarks in [
            ("one.der", smki.user.certificate.public_bytes(serialization.Encoding.DER), 1, 0),
            ("several.pem", smki.dcc.certificate_pem() + b"words\n" + user, 2, 0),
            ("broken-among-them.pem", self.BROKEN + user, 1, 1),
            ("with-its-key.pem", smki.user.private_key_pem() + user, 1, 0),
            ("user.pub", public_pem(smki.dcc), 1, 0),
        ]:
            assert len(load_pinned([str(desk.file(name, octets))])) == count
            assert len(capsys.readouterr().err.splitlines()) == remarks

    def test_a_bare_public_key(self, desk: Desk) -> None:
        bare = desk.file("user.pub", public_pem(desk.smki.user))
        (report,) = reports(run("verify", "--json", "--cert", bare, stdin=desk.signed))
        assert report["verdict"] == "valid"
        assert report["checks"]["certificate"] == "not-applicable"
        assert report["signer"] == dict.fromkeys(report["signer"]) | {"kind": "public-key"}
        done = run("verify", "--cert", bare, stdin=desk.signed)
        assert "  signer      a trusted public key without certificate\n" in done.stdout.decode()

    def test_two_certificates_of_one_name(self, desk: Desk) -> None:
        serial = desk.smki.user.certificate.serial_number
        other = desk.smki.issue(entity_id=EUI64, role=0x87, serial_number=serial)
        sentence = refusal(load_pinned, [str(desk.trust[1]), str(desk.file("other.pem", other.certificate_pem()))])
        assert sentence.startswith("Two different certificates have the same issuer and serial number")


class TestOutcomes:
    """No check is said to have passed that was not made."""

    LETTERS = {"p": Outcome.PASSED, "f": Outcome.FAILED, "i": Outcome.INCOMPLETE, "-": Outcome.NOT_REACHED}

    def assert_outcomes(self, letters: str, code: str | None, document: bytes, trusted: list[object]) -> None:
        report = Examiner(PinnedCertificates(trusted)).examine("a document", document)
        assert report.code == code
        assert list(report.outcomes) == list(CHECKS)
        words = self.LETTERS | {"n": Outcome.NOT_APPLICABLE}
        # Pinned certificates come without a policy.
        assert list(report.outcomes.values()) == [words[letter] for letter in letters + "n"]

    @pytest.mark.parametrize(
        ("letters", "code", "changes"),
        [
            ("pppppppp", None, []),
            ("pf------", "unsigned", [("ds:Signature>", "ds:Signiture>")]),
            ("pfi-----", "reference-uri", [('URI=""', 'URI="#a"')]),
            ("pif-----", "signature-method", [("ecdsa-sha256", "ecdsa-sha1")]),
            ("pif-----", "transforms", [("#enveloped-signature", "#base64")]),
            ("pppf----", "key-info-serial", [("@SERIAL@", "0x10")]),
            ("pppf----", "key-info-name", [("@ISSUER@", "nobody")]),
            ("pppf----", "key-info-content", [("<ds:X509IssuerName>@ISSUER@</ds:X509IssuerName>", "")]),
            ("ppppf---", "unknown-signer", [("@SERIAL@", "10")]),
        ],
    )
    def test_of_a_signer_who_is_named(
        self, smki: Smki, letters: str, code: str | None, changes: list[tuple[str, str]]
    ) -> None:
        self.assert_outcomes(letters, code, forge(smki.user, *changes), [smki.user.certificate, smki.dcc.certificate])

    def test_of_a_document_that_cannot_be_read(self, smki: Smki) -> None:
        trusted = [smki.user.certificate]
        self.assert_outcomes("f-------", "malformed-xml", forge(smki.user)[:-20], trusted)
        deep = forge(smki.user).replace(b">x<", b">" + b"<a>" * 300 + b"</a>" * 300 + b"<")
        self.assert_outcomes("f-------", "too-deep", deep, trusted)
        # This is found out when the digest is to be made.
        relative = forge(smki.user).replace(b"urn:unused", b"relative")
        self.assert_outcomes("fpppppi-", "relative-namespace", relative, trusted)

    def test_of_a_certificate_that_has_expired(self, smki: Smki) -> None:
        old = smki.issue(entity_id=EUI64, role=0x87, not_after=smki.now.replace(year=2001))
        self.assert_outcomes("pppppf--", "certificate-expired", forge(old), [old.certificate])

    def test_of_digest_and_signature(self, smki: Smki) -> None:
        changed = forge(smki.user).replace(b">x<", b">y<")
        forged = forge(Identity(smki.dcc.private_key, smki.user.certificate))
        user = smki.user.certificate
        self.assert_outcomes("ppppppf-", "digest-mismatch", changed, [user])
        self.assert_outcomes("pppppppf", "signature-mismatch", forged, [user])
        # Of bare keys only the signature tells whose it is.
        bare = smki.user.private_key.public_key()
        self.assert_outcomes("ppppinf-", "digest-mismatch", changed, [bare])
        self.assert_outcomes("ppppinpf", "signature-mismatch", forged, [bare])
        self.assert_outcomes("pppppnpp", None, forge(smki.user), [bare])

    def test_without_key_info(self, desk: Desk) -> None:
        smki = desk.smki
        user, bare = smki.user.certificate, smki.user.private_key.public_key()
        document = desk.signer(key_info=KeyInfo.NONE).sign(desk.unsigned)
        self.assert_outcomes("pppnpppp", None, document, [user, smki.dcc.certificate])
        self.assert_outcomes("pppnf---", "unknown-signer", document, [])
        self.assert_outcomes("pppnfppp", "ambiguous-signer", document, [user, bare])
        self.assert_outcomes("pppniif-", "digest-mismatch", document.replace(b"Fern", b"Farn"), [user])
        self.assert_outcomes("pppniipf", "signature-mismatch", document, [smki.dcc.certificate])
