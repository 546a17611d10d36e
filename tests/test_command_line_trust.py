"""The command line and the SMKI: paths, revocation, policy, key rings, and what it tells of certificates and keys."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from duisign import PinnedCertificates, Signer, Verifier
from duisign.errors import CHECKS
from duisign.testing import TEST_POLICY_OID, Identity, Sample, Smki
from forgery import forge

OK, ERROR, KEY_MISSING, NOT_VALID = 0, 2, 3, 10
COMMAND = [sys.executable, "-m", "duisign"]
NOT_INHERITED = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | {
    "PYTHONWARNINGS": "error"
}
PEM = serialization.Encoding.PEM
PASSPHRASE = b"0pen sesame"
OTHER_ID = "00-DB-12-34-C0-FF-EE-07"
BROKEN = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

Done = subprocess.CompletedProcess


@dataclass(frozen=True)
class Desk:
    """A folder with a throw-away SMKI in `smki` (see `Smki.write`)."""

    folder: Path
    smki: Smki

    def file(self, name: str, octets: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(octets)
        return path

    def certificate(self, name: str, identity: Identity) -> Path:
        return self.file(name, identity.certificate_pem())

    def crl(self, name: str, *revoked: Identity, **options: object) -> Path:
        return self.file(name, self.smki.crl(revoked, **options).public_bytes(PEM))

    def smki_options(self, *, without: str = "", policy: str = TEST_POLICY_OID) -> list[str | Path]:
        folder = self.folder / "smki"
        options = {"--root": folder / "root.pem", "--ca": folder, "--crl": folder, "--policy-oid": policy}
        return [word for name, value in options.items() if name != without for word in (name, value)]


@pytest.fixture
def desk(smki: Smki, tmp_path: Path) -> Desk:
    smki.write(tmp_path / "smki")
    return Desk(tmp_path, smki)


def run(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> Done[bytes]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        env=ENVIRONMENT | environment,
        timeout=120,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"PRIVATE KEY" not in done.stdout + done.stderr
    assert PASSPHRASE not in done.stdout + done.stderr
    return done


def facts(done: Done[bytes]) -> dict:
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def said(done: Done[bytes]) -> str:
    """The sentence of a command that failed: one line on standard error, nothing on standard output."""
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    return line.removeprefix("duisign: ")


def assert_lines_fit(*arguments: str | Path, **options: bytes) -> None:
    for columns in (80, 120):
        done = run(*arguments, COLUMNS=str(columns), **options)
        assert max(map(len, done.stdout.decode().splitlines())) <= columns


def encrypted(identity: Identity, encoding: serialization.Encoding = PEM) -> bytes:
    return identity.private_key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(PASSPHRASE)
    )


def both(identity: Identity) -> bytes:
    return identity.private_key_pem() + identity.certificate_pem()


def said_lines(done: Done[bytes]) -> list[str]:
    return [line.removeprefix("duisign: ") for line in done.stderr.decode().splitlines()]


class TestVerifyingByTheSmki:
    def verify(self, desk: Desk, document: bytes, *options: str | Path, **smki: str) -> Done[bytes]:
        return run("verify", "--json", *desk.smki_options(**smki), *options, stdin=document)

    def known(self, desk: Desk) -> list[str | Path]:
        return ["--cert", desk.folder / "smki"]

    def test_a_valid_path(self, desk: Desk, signed: bytes) -> None:
        done = self.verify(desk, signed, *self.known(desk))
        assert (done.returncode, done.stderr) == (OK, b"")
        report = facts(done)
        assert report["checks"] == dict.fromkeys(CHECKS, "passed")
        assert report["signer"]["entity_id"] == desk.smki.user.entity_id
        assert report["smki"] == {
            "policy_oids": [TEST_POLICY_OID],
            "revocation_checked": True,
            "path": [
                "2.5.4.45=#03090000db1234a5000001,OU=87",
                "CN=duisign test CA,OU=07",
                "CN=duisign test root,OU=00",
            ],
        }
        assert "at" not in report

    def test_the_table(self, desk: Desk, signed: bytes) -> None:
        arguments = ["verify", *desk.smki_options(), *self.known(desk)]
        lines = run(*arguments, stdin=signed).stdout.decode().splitlines()
        assert "  certificate        passed     path to a root, validity, revocation, usage" in lines
        assert "  policy             passed     the signer may sign this message" in lines
        index = lines.index("  path           CN=duisign test CA,OU=07")
        assert lines[index + 1].split() == ["CN=duisign", "test", "root,OU=00"]
        assert_lines_fit(*arguments, stdin=signed)

    def test_revocation(self, desk: Desk, signed: bytes) -> None:
        revoking = desk.crl("newer.crl", desk.smki.user, number=2)
        for options, without, code in [
            (["--crl", revoking], "", "certificate-revoked"),
            ([], "--crl", "revocation-unknown"),
            (["--crl", desk.folder / "smki" / "issuing-ca.crl.pem"], "--crl", "revocation-unknown"),
            (["--dangerously-skip-revocation"], "--crl", None),
        ]:
            done = self.verify(desk, signed, *self.known(desk), *options, without=without)
            report = facts(done)
            assert (done.returncode, report["code"]) == (NOT_VALID if code else OK, code)
            assert report["checks"]["certificate"] == ("failed" if code else "passed")
            assert report["smki"]["revocation_checked"] is (code is not None)
            warned = b"duisign: Revocation is NOT checked: whoever stole a revoked key passes.\n"
            assert done.stderr == (warned if "--dangerously-skip-revocation" in options else b"")
        done = run(
            "verify",
            *desk.smki_options(without="--crl"),
            *self.known(desk),
            "--dangerously-skip-revocation",
            stdin=signed,
        )
        assert "path to a root, validity, usage; not revocation" in done.stdout.decode()
        assert done.stdout.decode().splitlines()[0] == "standard input: valid, revocation NOT checked"

    def test_another_certificate_policy(self, desk: Desk, signed: bytes) -> None:
        done = self.verify(desk, signed, *self.known(desk), policy="1.2.826.0.1.1")
        assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "certificate-policy")
        done = self.verify(desk, signed, *self.known(desk), "--policy-oid", TEST_POLICY_OID, policy="1.2.826.0.1.1")
        assert done.returncode == OK

    def test_no_path(self, desk: Desk, signed: bytes) -> None:
        root = desk.certificate("other.pem", Smki.create().root)
        done = self.verify(desk, signed, *self.known(desk), "--root", root, without="--root")
        assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "certificate-path")
        done = self.verify(desk, signed)
        assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "unknown-signer")

    def test_a_certificate_without_authority_key_identifier(self, desk: Desk, request_document: bytes) -> None:
        user = desk.smki.user
        builder = x509.CertificateBuilder(
            desk.smki.issuing_ca.certificate.subject,
            user.certificate.subject,
            user.private_key.public_key(),
            77,
            user.certificate.not_valid_before_utc,
            user.certificate.not_valid_after_utc,
        )
        for extension in user.certificate.extensions:
            if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
                builder = builder.add_extension(extension.value, extension.critical)
        bare = Identity(user.private_key, builder.sign(desk.smki.issuing_ca.private_key, hashes.SHA256()))
        path, option = desk.certificate("bare.pem", bare), "--accept-missing-authority-key-identifier"
        for command, stdin in (
            (["verify", "--cert", path], Signer(bare.private_key, bare.certificate).sign(request_document)),
            (["certificate", path], b""),
        ):
            done = run(*command, "--json", *desk.smki_options(), stdin=stdin)
            assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "certificate-path")
            assert run(*command, *desk.smki_options(), option, stdin=stdin).returncode == OK

    def test_the_wrong_role(self, desk: Desk, request_document: bytes) -> None:
        dcc = desk.smki.dcc
        document = Signer(dcc.private_key, dcc.certificate).sign(request_document)
        done = run("verify", *desk.smki_options(), *self.known(desk), stdin=document)
        assert done.returncode == NOT_VALID
        text = " ".join(done.stdout.decode().split())
        assert text.startswith("standard input: invalid (signer-role-for-class)")
        assert "policy failed The signer's role may not sign messages of class service-request" in text
        assert "The signature is the named signer's, and the message is refused all the same." in text
        # Pinned certificates come without a policy.
        assert run("verify", "--cert", desk.folder / "smki" / "dcc.pem", stdin=document).returncode == OK

    def test_a_request_id_that_is_malformed(self, desk: Desk) -> None:
        document = forge(desk.smki.user, (":7</sr:RequestID>", ":seven</sr:RequestID>"))
        done = self.verify(desk, document, *self.known(desk))
        assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "request-id")
        assert facts(done)["checks"] == dict.fromkeys(CHECKS, "passed") | {"policy": "failed"}

    def test_the_decimal_role(self, desk: Desk, samples: dict[str, Sample]) -> None:
        old = desk.smki.issue(entity_id=OTHER_ID, role="137")
        known = ["--cert", desk.certificate("old.pem", old)]
        document = Signer(old.private_key, old.certificate).sign(samples["dcc-alert"].document)
        done = self.verify(desk, document, *known)
        assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "signer-role")
        done = self.verify(desk, document, *known, "--accept-decimal-role-137")
        assert (done.returncode, facts(done)["signer"]["role"]) == (OK, "89")

    def test_an_archive(self, desk: Desk, request_document: bytes) -> None:
        end = desk.smki.now + dt.timedelta(hours=-1)
        old = desk.smki.issue(entity_id=desk.smki.user.entity_id, role=0x87, not_after=end)
        path = desk.certificate("old.pem", old)
        document = Signer(old.private_key, old.certificate).sign(request_document)
        then = (end - dt.timedelta(minutes=5)).astimezone(dt.timezone(dt.timedelta(hours=1))).isoformat()
        for trust in ([], desk.smki_options()):
            done = run("verify", "--json", "--cert", path, *trust, stdin=document)
            assert (done.returncode, facts(done)["code"]) == (NOT_VALID, "certificate-expired")
            done = run("verify", "--json", "--cert", path, *trust, "--at", then, stdin=document)
            assert (done.returncode, facts(done)["at"]) == (OK, then)
        text = run("verify", "--cert", path, "--at", then, stdin=document).stdout.decode()
        assert f"  judged as of   {then}\n" in text

    def test_one_broken_certificate_is_noted(self, desk: Desk, signed: bytes) -> None:
        broken = desk.file("smki/broken.pem", BROKEN)
        done = self.verify(desk, signed, *self.known(desk))
        assert done.returncode == OK
        sentence = f"duisign: {broken}: This certificate cannot be read; it was left out."
        # Once, though the folder is that of the CAs and of the known ones.
        assert done.stderr.decode().splitlines() == [sentence]

    def test_what_is_missing_or_broken(self, desk: Desk) -> None:
        folder = desk.folder / "smki"
        for options in (
            ["--root", "absent.pem", "--policy-oid", TEST_POLICY_OID],
            ["--root", folder / "user.key", "--policy-oid", TEST_POLICY_OID],
            [*desk.smki_options(), "--crl", folder / "root.pem"],
            [*desk.smki_options(), "--crl", desk.file("broken.crl", b"\x30\x03\x02\x01")],
        ):
            done = run("verify", *options)
            assert done.returncode == KEY_MISSING
            assert said(done)

    def test_usage(self, desk: Desk) -> None:
        folder = desk.folder / "smki"
        for options, words in [
            (desk.smki_options(without="--root"), "--ca says nothing without --root"),
            (["--dangerously-skip-revocation"], "--dangerously-skip-revocation says nothing without --root"),
            (["--accept-decimal-role-137"], "--accept-decimal-role-137 says nothing without --root"),
            (desk.smki_options(without="--policy-oid"), f"environment is {TEST_POLICY_OID}."),
            (desk.smki_options(policy="test"), "--policy-oid takes a dotted OID"),
        ]:
            done = run("verify", "--cert", folder, *options)
            assert done.returncode == ERROR
            assert words in said(done)
        for time in ("yesterday", "2024-05-31T12:00:00"):
            done = run("verify", "--cert", folder, "--at", time)
            assert (done.returncode, done.stdout) == (ERROR, b"")
            assert b"Invalid value for '--at'" in done.stderr

    def test_help_names_the_policy_of_the_test_environment(self) -> None:
        assert TEST_POLICY_OID in run("verify", "--help").stdout.decode()

    def test_without_the_extra(self, desk: Desk) -> None:
        program = "import sys; sys.modules['OpenSSL'] = None; from duisign.__main__ import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, "verify", *desk.smki_options()],
            env=ENVIRONMENT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == ERROR
        assert said(done) == "Path validation needs pyOpenSSL: install it with `pip install 'duisign[trust]'`."

    def test_a_command_loads_what_it_needs(self, desk: Desk, signed: bytes) -> None:
        arguments = ["verify", "--cert", desk.folder / "smki" / "user.pem"]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "duisign", *arguments],
            input=signed,
            env=ENVIRONMENT,
            capture_output=True,
            check=True,
        )
        imported = {line.rpartition(b"|")[2].strip() for line in done.stderr.splitlines()}
        assert b"duisign.cli.verdict" in imported
        # Who does not ask the SMKI does not load OpenSSL a second time; nor is a command loaded that is not asked for.
        assert not {b"OpenSSL", b"duisign.cli.certificate_report", b"duisign.cli.signing"} & imported


class TestPassphrases:
    @pytest.mark.parametrize("encoding", [PEM, serialization.Encoding.DER])
    def test_an_encrypted_key(self, desk: Desk, request_document: bytes, encoding: serialization.Encoding) -> None:
        user = desk.smki.user
        key = desk.file("user.key", encrypted(user, encoding))
        file = desk.file("passphrase", PASSPHRASE + b"\r\nsecond line\n")
        sign = ["sign", "--deterministic", "--key", key, "--cert", desk.folder / "smki" / "user.pem"]
        expected = Signer(user.private_key, user.certificate, deterministic=True).sign(request_document)
        for options, environment in [
            (["--password-env", "DUISIGN_TEST"], {"DUISIGN_TEST": PASSPHRASE.decode()}),
            (["--password-file", file], {}),
        ]:
            done = run(*sign, *options, stdin=request_document, **environment)
            assert (done.returncode, done.stdout, done.stderr) == (OK, expected, b"")

    def test_what_does_not_open_it(self, desk: Desk) -> None:
        key = desk.file("user.key", encrypted(desk.smki.user))
        wrong = desk.file("wrong", b"close sesame")
        sign = ["sign", "--key", key, "--cert", desk.folder / "smki" / "user.pem"]
        for options, status, words in [
            ([], KEY_MISSING, f"The private key in {key} is encrypted: say with --password-env or --password-file"),
            (["--password-file", wrong], KEY_MISSING, "The passphrase does not open the private key"),
            (["--password-file", desk.folder / "absent"], KEY_MISSING, "cannot be read."),
            (["--password-env", "DUISIGN_ABSENT"], KEY_MISSING, "is not set."),
            (["--password-env", "A=B"], ERROR, "Give the name of the environment variable"),
            (["--password-env", "A", "--password-file", wrong], ERROR, "not both"),
        ]:
            done = run(*sign, *options)
            assert done.returncode == status
            assert words in said(done)

    @pytest.mark.parametrize("command", [["keyring"], ["certificate"], ["sign", "--key"], ["verify", "--root"]])
    def test_a_key_where_a_name_belongs_is_not_quoted(self, desk: Desk, command: list[str]) -> None:
        """As of `--key "$(cat user.key)"`: neither as a file that is not there, nor as a wrong option."""
        key = desk.smki.user.private_key_pem().decode()
        done = run(*command, key)
        assert (done.returncode, said(done)) == (
            ERROR,
            "An argument is what a file of keys or certificates holds: give the name of the file.",
        )
        assert not any(line in done.stderr.decode() for line in key.splitlines()[1:-1])

    def test_a_key_that_is_not_encrypted_needs_none(self, desk: Desk, request_document: bytes) -> None:
        folder = desk.folder / "smki"
        options = ["--key", folder / "user.key", "--cert", folder / "user.pem", "--password-file", "absent"]
        assert run("sign", *options, stdin=request_document).returncode == OK

    def test_pkcs12(self, desk: Desk, request_document: bytes) -> None:
        user = desk.smki.user
        lock = serialization.BestAvailableEncryption(PASSPHRASE)
        octets = pkcs12.serialize_key_and_certificates(b"user", user.private_key, user.certificate, None, lock)
        path, file = desk.file("user.p12", octets), desk.file("passphrase", PASSPHRASE)
        done = run("sign", "--keyring", path, "--password-file", file, stdin=request_document)
        assert done.returncode == OK
        assert Verifier(PinnedCertificates([user.certificate])).verify(done.stdout).entity_id == user.entity_id
        done = run("sign", "--key", path, "--cert", path, stdin=request_document)
        assert (done.returncode, said(done).split(": ")[1]) == (KEY_MISSING, "give its PKCS #12 to --keyring.")
        done = run("sign", "--keyring", path, stdin=request_document)
        assert done.returncode == KEY_MISSING
        assert "there is no password for it" in done.stderr.decode()


class TestSigningWithARing:
    def test_the_message_chooses(self, desk: Desk, samples: dict[str, Sample]) -> None:
        smki = desk.smki
        verifier = Verifier(PinnedCertificates([smki.user.certificate, smki.dcc.certificate]))
        for name, party in (("service-request", smki.user), ("dcc-alert", smki.dcc)):
            done = run("sign", "--keyring", desk.folder / "smki", stdin=samples[name].document)
            assert (done.returncode, done.stderr) == (OK, b"")
            assert verifier.verify(done.stdout).entity_id == party.entity_id

    def test_no_key_for_the_message(self, desk: Desk, request_document: bytes) -> None:
        folder = desk.folder / "smki"
        ring = ["--keyring", folder / "dcc.key", "--keyring", folder / "dcc.pem"]
        done = run("sign", *ring, stdin=request_document)
        assert done.returncode == KEY_MISSING
        assert said(done).startswith("The ring has no XML signing key of the message's sender")
        assert f"RequestID: {desk.smki.user.entity_id}:" in said(done)
        done = run("sign", "--keyring", folder, stdin=b"<a/>")
        assert (done.returncode, said(done).partition(",")[0]) == (ERROR, "The document is no message of DUIS")

    def test_a_broken_file_is_noted_and_the_others_sign(self, desk: Desk, request_document: bytes) -> None:
        broken = desk.file("smki/broken.pem", BROKEN)
        done = run("sign", "--keyring", desk.folder / "smki", "--deterministic", stdin=request_document)
        user = desk.smki.user
        assert done.stdout == Signer(user.private_key, user.certificate, deterministic=True).sign(request_document)
        assert said_lines(done) == [f"{broken}: This certificate cannot be read; it was left out."]

    def test_a_revoked_key_does_not_sign(self, desk: Desk, request_document: bytes) -> None:
        sign = ["sign", "--keyring", desk.folder / "smki", *desk.smki_options()]
        assert run(*sign, stdin=request_document).returncode == OK
        done = run(*sign, "--crl", desk.crl("newer.crl", desk.smki.user, number=2), stdin=request_document)
        assert done.returncode == KEY_MISSING
        assert "may sign now: revoked." in said(done)

    def test_the_dcc_party(self, desk: Desk, samples: dict[str, Sample]) -> None:
        other = desk.smki.issue(entity_id=OTHER_ID, role=0x89)
        ring = ["--keyring", desk.folder / "smki", "--keyring", desk.file("other.pem", both(other))]
        # Sent by a Device, so that no key is the sender's own.
        document = samples["device-alert"].document
        done = run("sign", *ring, stdin=document)
        assert done.returncode == KEY_MISSING
        assert "which DCC party" in said(done)
        done = run("sign", *ring, "--dcc-entity-id", OTHER_ID.lower(), stdin=document)
        assert done.returncode == OK
        assert Verifier(PinnedCertificates([other.certificate])).verify(done.stdout).entity_id == OTHER_ID

    def test_usage(self, desk: Desk) -> None:
        folder = desk.folder / "smki"
        for options, status, words in [
            (["--keyring", folder, "--key", folder / "user.key"], ERROR, "not both"),
            (["--dcc-entity-id", OTHER_ID], ERROR, "give --keyring too"),
            (["--keyring", folder, "--dcc-entity-id", "x"], ERROR, "An EUI-64 is"),
            (["--keyring", folder, "--dcc-entity-id", OTHER_ID], KEY_MISSING, "no DCC key of the party"),
            (["--keyring", folder / "absent"], KEY_MISSING, "cannot be opened"),
            (["--keyring", folder, "--root", folder / "root.pem"], ERROR, "--policy-oid"),
        ]:
            done = run("sign", *options)
            assert done.returncode == status
            assert words in said(done)


class TestKeyRings:
    def test_all_is_well(self, desk: Desk) -> None:
        done = run("keyring", desk.folder / "smki", "--json")
        assert (done.returncode, done.stderr) == (OK, b"")
        report, user = facts(done), desk.smki.user
        assert list(report) == ["entries", "parties", "problems"]
        assert {entry["entity_id"]: entry["status"] for entry in report["entries"]} == {
            user.entity_id: "signs",
            desk.smki.dcc.entity_id: "signs",
            desk.smki.s1sp.entity_id: "wrong-role",
        }
        (entry,) = (entry for entry in report["entries"] if entry["role"] == "87")
        folder = desk.folder / "smki"
        assert entry == {
            "entity_id": user.entity_id,
            "role": "87",
            "role_name": "xml-sign",
            "issuer": "CN=duisign test CA,OU=07",
            "serial_number": str(user.certificate.serial_number),
            "valid_from": user.certificate.not_valid_before_utc.isoformat(),
            "valid_to": user.certificate.not_valid_after_utc.isoformat(),
            "status": "signs",
            "source": f"{folder / 'user.key'}, {folder / 'user.pem'}",
        }
        assert [(party["role_name"], party["signs"]) for party in report["parties"]] == [
            ("xml-sign", True),
            ("dsp-xml-sign", True),
        ]
        assert report["problems"] == []

    def test_what_is_wrong(self, desk: Desk) -> None:
        smki = desk.smki
        expired = smki.issue(entity_id=OTHER_ID, role=0x87, not_after=smki.now - dt.timedelta(hours=1))
        newer = smki.issue(entity_id=smki.user.entity_id, role=0x87, not_before=smki.now - dt.timedelta(hours=1))
        ring = desk.folder / "smki"
        broken = desk.file("smki/broken.pem", BROKEN)
        desk.file("smki/expired.pem", both(expired))
        desk.file("smki/newer.pem", both(newer))
        locked = desk.file("smki/locked.key", encrypted(smki.root))
        arguments = ["keyring", ring]
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (NOT_VALID, b"")
        lines = done.stdout.decode().splitlines()
        rows = [line.split()[:2] + line.split()[5:] for line in lines if line.startswith("00-")]
        assert rows == [
            ["00-DB-12-34-A5-00-00-01", "87", "signs"],
            ["00-DB-12-34-A5-00-00-01", "87", "superseded"],
            ["00-DB-12-34-A5-00-00-02", "89", "signs"],
            ["00-DB-12-34-A5-00-00-03", "7F", "wrong", "role"],
            [OTHER_ID, "87", "expired"],
        ]
        assert f"  xml-sign, serial {newer.certificate.serial_number}" in lines
        assert "2 of 3 parties have a key that signs now." in lines
        problems = "".join(line.strip() for line in lines[lines.index("Problems") :]).replace(" ", "")
        assert f"{broken}:Thiscertificatecannotberead" in problems
        assert f"{locked}isencrypted" in problems
        assert_lines_fit(*arguments)
        then = (smki.now - dt.timedelta(hours=2)).isoformat()
        done = run(*arguments, "--at", then, "--json")
        assert done.returncode == OK
        assert {entry["status"] for entry in facts(done)["entries"]} == {"signs", "not-yet-valid", "wrong-role"}

    def test_path_and_revocation(self, desk: Desk) -> None:
        crl = desk.crl("newer.crl", desk.smki.user, number=2)
        done = run("keyring", desk.folder / "smki", *desk.smki_options(), "--crl", crl, "--json")
        assert done.returncode == NOT_VALID
        statuses = {entry["role"]: entry["status"] for entry in facts(done)["entries"]}
        assert statuses == {"87": "revoked", "89": "signs", "7F": "wrong-role"}

    def test_a_ring_that_cannot_be_used(self, desk: Desk) -> None:
        locked, broken = desk.file("a/user.key", encrypted(desk.smki.user)), desk.file("a/broken.pem", BROKEN)
        desk.file("a/user.pem", desk.smki.user.certificate_pem())
        done = run("keyring", desk.folder / "a", "--password-file", desk.file("wrong", b"close sesame"))
        assert (done.returncode, done.stdout) == (KEY_MISSING, b"")
        *problems, last = said_lines(done)
        assert [problem.partition(": ")[0] for problem in problems] == [str(broken), str(locked)]
        assert "The password does not open" in problems[1]
        assert last.startswith("The ring has no key that can sign now or later")


class TestCertificates:
    def test_what_one_says(self, desk: Desk) -> None:
        certificate = desk.smki.user.certificate
        path = desk.folder / "smki" / "user.pem"
        done = run("certificate", path, "--json")
        assert (done.returncode, done.stderr) == (OK, b"")
        ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        assert facts(done) == {
            "file": str(path),
            "subject": "2.5.4.45=#03090000db1234a5000001,OU=87",
            "issuer": "CN=duisign test CA,OU=07",
            "serial_number": str(certificate.serial_number),
            "role": "87",
            "role_name": "xml-sign",
            "entity_id": "00-DB-12-34-A5-00-00-01",
            "valid_from": certificate.not_valid_before_utc.isoformat(),
            "valid_to": certificate.not_valid_after_utc.isoformat(),
            "period": "valid",
            "authority": False,
            "key_usage": ["digitalSignature"],
            "policies": [TEST_POLICY_OID],
            "subject_key_identifier": ski.hex(),
            "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
            "status": None,
            "code": None,
            "reason": None,
            "path": None,
            "revocation_checked": None,
        }
        text = run("certificate", path).stdout.decode()
        assert text.splitlines()[0] == str(path)
        assert f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, current\n" in text

    def statuses(self, done: Done[bytes]) -> dict[str, tuple[str, str | None]]:
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        return {Path(report["file"]).name: (report["status"], report["code"]) for report in reports}

    def test_status(self, desk: Desk) -> None:
        smki, hour = desk.smki, dt.timedelta(hours=1)
        own = ec.generate_private_key(ec.SECP256R1())
        revoked = smki.issue(entity_id=OTHER_ID, role=0x87)
        for name, identity in {
            "expired": smki.issue(entity_id=OTHER_ID, role=0x87, not_after=smki.now - hour),
            "future": smki.issue(entity_id=OTHER_ID, role=0x87, not_before=smki.now + hour),
            "revoked": revoked,
            "own": smki.issue(
                entity_id=OTHER_ID, role=0x87, private_key=own, issuer=Identity(own, smki.issuing_ca.certificate)
            ),
            "policy": smki.issue(entity_id=OTHER_ID, role=0x87, policies=["1.2.826.0.1.1"]),
            "agrees": smki.issue(entity_id=OTHER_ID, role=0x02, key_usage="key_agreement"),
        }.items():
            desk.certificate(f"more/{name}.pem", identity)
        crl = desk.crl("newer.crl", revoked, number=2)
        arguments = ["certificate", desk.folder / "smki", desk.folder / "more", *desk.smki_options(), "--crl", crl]
        done = run(*arguments, "--json")
        assert (done.returncode, done.stderr) == (NOT_VALID, b"")
        valid = [f"{name}.pem" for name in ("root", "issuing-ca", "user", "dcc", "s1sp")]
        assert self.statuses(done) == dict.fromkeys(valid, ("valid", None)) | {
            "expired.pem": ("expired", "certificate-expired"),
            "future.pem": ("not-yet-valid", "certificate-not-yet-valid"),
            "revoked.pem": ("revoked", "certificate-revoked"),
            "own.pem": ("no-path", "certificate-path"),
            "policy.pem": ("no-path", "certificate-policy"),
            "agrees.pem": ("unusable", "certificate-key-usage"),
        }
        text = run(*arguments).stdout.decode()
        assert f"{desk.folder / 'more' / 'own.pem'}: no path (certificate-path)\n" in text
        assert f"{desk.folder / 'smki' / 'user.pem'}: valid\n" in text
        assert "  path       CN=duisign test CA,OU=07\n             CN=duisign test root,OU=00\n" in text
        done = run("certificate", desk.folder / "smki", *desk.smki_options())
        assert (done.returncode, done.stderr) == (OK, b"")

    def test_authorities(self, desk: Desk) -> None:
        other = Smki.create(now=desk.smki.now)
        authority = desk.folder / "smki" / "issuing-ca.pem"
        stranger = desk.certificate("stranger.pem", other.issuing_ca)
        revoking = desk.crl("root.crl", desk.smki.issuing_ca, issuer=desk.smki.root, number=2)
        late = (desk.smki.now + dt.timedelta(days=4000)).isoformat()
        for path, options, without, status in [
            (stranger, [], "", ("no-path", "certificate-path")),
            (authority, ["--crl", revoking], "", ("revoked", "certificate-revoked")),
            (authority, [], "--crl", ("revocation-unknown", "revocation-unknown")),
            (authority, ["--dangerously-skip-revocation"], "--crl", ("valid", None)),
            (authority, ["--at", late], "", ("expired", "certificate-expired")),
        ]:
            done = run("certificate", "--json", path, *desk.smki_options(without=without), *options)
            assert self.statuses(done) == {path.name: status}
            assert done.returncode == (OK if status[1] is None else NOT_VALID)
            assert facts(done)["revocation_checked"] is ("--dangerously-skip-revocation" not in options)
        arguments = [*desk.smki_options(without="--crl"), "--dangerously-skip-revocation"]
        text = run("certificate", authority, *arguments).stdout.decode()
        assert text.splitlines()[0] == f"{authority}: valid, revocation NOT checked"
        # A policy that the CA does not assert would do: it asserts anyPolicy.
        assert run("certificate", authority, *desk.smki_options(policy="1.2.3")).returncode == OK

    def test_what_cannot_be_read(self, desk: Desk) -> None:
        user = desk.smki.user.certificate_pem()
        mixed, broken = desk.file("mixed.pem", user + BROKEN), desk.file("broken.pem", BROKEN)
        key = desk.folder / "smki" / "user.key"
        done = run("certificate", mixed)
        assert done.returncode == ERROR
        assert done.stdout.decode().splitlines()[0] == f"{mixed}, block 1 of 2"
        assert [line.partition(": ")[0] for line in said_lines(done)] == [f"{mixed}, block 2 of 2"]
        (desk.folder / "empty").mkdir()
        for path, notes in [(broken, 1), (key, 1), (desk.folder / "absent.pem", 1), (desk.folder / "empty", 0)]:
            done = run("certificate", path)
            assert (done.returncode, done.stdout) == (KEY_MISSING, b"")
            lines = said_lines(done)
            assert (len(lines), lines[-1]) == (notes + 1, "No certificate can be read from what is named.")
        done = run("certificate", mixed, "--json")
        good, bad = (json.loads(line) for line in done.stdout.splitlines())
        assert list(good) == list(bad)
        assert (bad["status"], bad["code"], bad["subject"]) == ("unreadable", "certificate-malformed", None)
        assert (done.returncode, done.stderr) == (ERROR, b"")

    def test_lines_fit(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        long = desk.smki.issue(entity_id=OTHER_ID, role=0x42, common_name="a common name " * 4)
        path = desk.certificate("c.pem", long)
        monkeypatch.chdir(desk.folder)
        assert_lines_fit("certificate", path.name, *desk.smki_options(without="--crl"))
        assert b"  role       42 (unknown)\n" in run("certificate", path).stdout
