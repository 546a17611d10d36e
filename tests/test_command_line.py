"""The command `duisign` as a process: exit statuses, streams, files, and what it says and does not say."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import resource
import shlex
import signal
import stat
import struct
import subprocess
import sys
import termios
import threading
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from command_line import (
    COMMAND,
    ENVIRONMENT,
    ERROR,
    EUI64,
    KEY_MISSING,
    NOT_VALID,
    OK,
    SCRIPTS,
    Desk,
    refusal,
    reports,
    run,
    said,
)
from duisign import KeyInfo, Profile, canonicalize
from duisign.cli.credentials import load_private_key, load_signing_certificate
from duisign.testing import Smki
from folder_desk import wait_until_asleep

START_SECONDS = 0.35
START_TRIES = 60


@pytest.fixture
def desk(smki: Smki, request_document: bytes, signed: bytes, tmp_path: Path) -> Desk:
    return Desk.create(tmp_path, smki, request_document, signed)


def pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class TestSigning:
    @pytest.mark.parametrize("source", ["file", "-", None])
    def test_xml_alone_goes_to_standard_output(self, desk: Desk, source: str | None) -> None:
        arguments = {"file": [desk.folder / "unsigned.xml"], "-": ["-"], None: []}[source]
        stdin = b"" if source == "file" else desk.unsigned
        done = run("sign", *arguments, *desk.key, "--deterministic", stdin=stdin)
        assert done.returncode == OK
        assert done.stdout == desk.signer().sign(desk.unsigned)
        assert done.stderr == b""

    @pytest.mark.parametrize(
        ("profile", "key_info"),
        [(Profile.SIGNXML, KeyInfo.CERTIFICATE), (Profile.DUIS, KeyInfo.SKI), (Profile.DUIS, KeyInfo.NONE)],
    )
    def test_profile_and_key_info_are_those_of_the_library(
        self, desk: Desk, profile: Profile, key_info: KeyInfo
    ) -> None:
        options = ["--deterministic", "--profile", profile.value, "--key-info", key_info.value]
        done = run("sign", desk.folder / "unsigned.xml", *desk.key, *options)
        assert done.stdout == desk.signer(profile=profile, key_info=key_info).sign(desk.unsigned)

    @pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
    def test_white_space_and_placeholder_go_and_this_is_said(self, desk: Desk, codec: str) -> None:
        text = desk.unsigned.decode().replace("UTF-8", codec)
        placeholder = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n <ds:SignedInfo/>\n</ds:Signature>'
        loose = text.replace("<sr:Body>", "\n<sr:Body>\n\t").replace(
            "</sr:Request>", f"\n {placeholder}\n</sr:Request>"
        )
        done = run("sign", *desk.key, "--deterministic", stdin=loose.encode(codec))
        assert done.stdout == desk.signer().sign(text.encode(codec))
        octets = 6 if codec == "utf-8" else 12
        assert done.stderr.decode().splitlines() == [
            f"duisign: Dropped white space between tags: {octets} octets.",
            "duisign: Replaced the Signature that the document had.",
        ]

    def test_both_can_be_turned_off(self, desk: Desk) -> None:
        loose = desk.unsigned.replace(b"<sr:Body>", b"\n<sr:Body>")
        done = run("sign", *desk.key, "--deterministic", "--keep-whitespace", "--refuse-signed", stdin=loose)
        assert (done.returncode, done.stdout, done.stderr) == (OK, desk.signer().sign(loose), b"")
        done = run("sign", *desk.key, "--refuse-signed", stdin=desk.signed)
        assert done.returncode == ERROR
        assert said(done) == "The document already has a Signature: leave out --refuse-signed to replace it."

    def test_it_pipes_into_verify(self, desk: Desk) -> None:
        sign = shlex.join(["duisign", "sign", str(desk.folder / "unsigned.xml"), *map(str, desk.key)])
        verify = shlex.join(["duisign", "verify", "-", "--json", *map(str, desk.trust)])
        pipe = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{sign} | {verify}"], env=ENVIRONMENT, capture_output=True, check=False
        )
        assert (pipe.returncode, pipe.stderr) == (OK, b"")
        assert [report["verdict"] for report in reports(pipe)] == ["valid"]

    @pytest.mark.parametrize("document", [b"", b"<open>", b"not XML", b"<!DOCTYPE a><a/>", b"\xff\xfe\x00"])
    def test_a_document_that_cannot_be_signed_is_an_error(self, desk: Desk, document: bytes) -> None:
        output = desk.file("out.xml", b"as it was")
        done = run("sign", *desk.key, "-o", output, stdin=document)
        assert done.returncode == ERROR
        assert "document" in said(done)
        assert output.read_bytes() == b"as it was"

    def test_a_document_that_is_too_long_is_not_read_to_its_end(self, desk: Desk) -> None:
        done = run("sign", "/dev/zero", *desk.key)
        assert done.returncode == ERROR
        assert said(done) == "/dev/zero is longer than 16 MiB, more than any DUIS message."


class TestKeys:
    def test_not_given_or_not_there(self, desk: Desk) -> None:
        key, cert = desk.key[:2], desk.key[2:]
        for arguments, sentence in [
            (cert, "No private key is given: name its file with --key."),
            (key, "No certificate is given: name the file of the signer's certificate with --cert."),
            (["--key", "no.key", *cert], "Cannot read no.key: no such file or directory."),
            ([*key, "--cert", desk.folder], f"Cannot read {desk.folder}: is a directory."),
        ]:
            done = run("sign", *arguments, stdin=desk.unsigned)
            assert (done.returncode, said(done)) == (KEY_MISSING, sentence)

    @pytest.mark.parametrize("form", ["pkcs8", "traditional", "der"])
    def test_an_encrypted_key(self, desk: Desk, form: str) -> None:
        formats = serialization.PrivateFormat
        octets = desk.smki.user.private_key.private_bytes(
            serialization.Encoding.DER if form == "der" else serialization.Encoding.PEM,
            formats.TraditionalOpenSSL if form == "traditional" else formats.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
        path = desk.file("encrypted.key", octets)
        done = run("sign", "--key", path, *desk.trust, stdin=desk.unsigned)
        assert done.returncode == KEY_MISSING
        assert said(done).startswith(f"The private key in {path} is encrypted")

    def test_what_is_no_usable_key(self, desk: Desk) -> None:
        for name, octets, sentence in [
            ("empty.key", b"", "{} holds no private key that can be read: give one in PEM or DER."),
            ("user.pem", None, "{} holds no private key that can be read: give one in PEM or DER."),
            ("p384.key", pem(ec.generate_private_key(ec.SECP384R1())), "The private key in {} is not on P-256"),
            ("rsa.key", pem(rsa.generate_private_key(65537, 2048)), "The private key in {} is not on P-256"),
        ]:
            path = desk.folder / name if octets is None else desk.file(name, octets)
            assert refusal(load_private_key, str(path)).startswith(sentence.format(path))

    def test_what_is_no_usable_certificate(self, desk: Desk) -> None:
        smki, folder = desk.smki, desk.folder
        again = smki.issue(entity_id=EUI64, role=0x87, private_key=smki.user.private_key)
        for name, octets, sentence in [
            ("empty.pem", b"", "{} holds no certificate that can be read: give one in PEM or DER."),
            ("user.key", None, "{} holds no certificate that can be read: give one in PEM or DER."),
            ("dcc.pem", None, "No certificate in {} holds the public key of the private key: give the key's own."),
            ("two.pem", smki.user.certificate_pem() + again.certificate_pem(), "Several certificates in {} hold this"),
        ]:
            path = folder / name if octets is None else desk.file(name, octets)
            sentence = sentence.format(path)
            assert refusal(load_signing_certificate, str(path), smki.user.private_key).startswith(sentence)
        agreement = smki.issue(entity_id=EUI64, role=0x87, private_key=smki.user.private_key, key_usage="key_agreement")
        path = desk.file("agreement.pem", agreement.certificate_pem())
        done = run("sign", *desk.key[:2], "--cert", path, stdin=desk.unsigned)
        assert done.returncode == KEY_MISSING
        assert said(done).startswith("The certificate's keyUsage has no digitalSignature")

    def test_the_certificate_of_the_key_is_found_among_others(self, desk: Desk) -> None:
        smki = desk.smki
        octets = smki.issuing_ca.certificate_pem() + smki.user.certificate_pem() + smki.user.private_key_pem()
        path = str(desk.file("everything.pem", octets))
        key = load_private_key(path)
        assert load_signing_certificate(path, key) == smki.user.certificate


class TestOutputFiles:
    def sign(self, desk: Desk, output: Path, **options: object) -> subprocess.CompletedProcess[bytes]:
        document = desk.folder / "unsigned.xml"
        return run("sign", document, *desk.key, "--deterministic", "--output", output, **options)

    def expected(self, desk: Desk) -> bytes:
        return desk.signer().sign(desk.unsigned)

    def test_a_new_file_has_the_usual_mode(self, desk: Desk) -> None:
        output = desk.folder / "out.xml"
        done = self.sign(desk, output, umask=0o027)
        assert (done.returncode, done.stdout, done.stderr) == (OK, b"", b"")
        assert output.read_bytes() == self.expected(desk)
        assert stat.S_IMODE(output.stat().st_mode) == 0o640

    def test_an_old_file_is_replaced_as_a_whole_and_keeps_its_mode(self, desk: Desk) -> None:
        output = desk.file("out.xml", b"old")
        output.chmod(0o604)
        link = desk.folder / "link.xml"
        link.symlink_to(output)
        with output.open("rb") as still_open:
            assert self.sign(desk, link).returncode == OK
            assert still_open.read() == b"old"
        assert link.is_symlink()
        assert output.read_bytes() == self.expected(desk)
        assert stat.S_IMODE(output.stat().st_mode) == 0o604

    def test_a_file_can_be_signed_in_place(self, desk: Desk) -> None:
        assert self.sign(desk, desk.folder / "unsigned.xml").returncode == OK
        assert (desk.folder / "unsigned.xml").read_bytes() == self.expected(desk)

    def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(self, desk: Desk) -> None:
        output = desk.file("out.xml", b"old")
        before = set(desk.folder.iterdir())
        done = self.sign(
            desk, output, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        )
        assert done.returncode == ERROR
        assert said(done) == f"Cannot write {output}: file too large."
        assert output.read_bytes() == b"old"
        assert set(desk.folder.iterdir()) == before

    def test_a_place_where_no_file_can_be(self, desk: Desk) -> None:
        for output, problem in [
            (desk.folder, "is a directory"),
            (desk.folder / "no" / "out.xml", "no such file or directory"),
            (desk.folder / "unsigned.xml" / "out.xml", "not a directory"),
        ]:
            done = self.sign(desk, output)
            assert (done.returncode, said(done)) == (ERROR, f"Cannot write {output}: {problem}.")

    def test_a_named_pipe_is_written_to_and_stays(self, desk: Desk) -> None:
        pipe = desk.folder / "pipe"
        os.mkfifo(pipe)
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
        reader.start()
        assert self.sign(desk, pipe).returncode == OK
        reader.join(10)
        assert received == [self.expected(desk)]
        assert stat.S_ISFIFO(pipe.stat().st_mode)


class TestCanonicalForms:
    DOCUMENT = b'<?xml version="1.0"?>\n<?a b?><r xmlns:u="urn:u" z="1" a="2"><!-- c --><e/></r>\n'

    def test_the_four_methods(self, desk: Desk) -> None:
        for options, expected in [
            ([], b'<?a b?>\n<r xmlns:u="urn:u" a="2" z="1"><e></e></r>'),
            (["--with-comments"], b'<?a b?>\n<r xmlns:u="urn:u" a="2" z="1"><!-- c --><e></e></r>'),
            (["--exclusive", "--with-comments"], b'<?a b?>\n<r a="2" z="1"><!-- c --><e></e></r>'),
            (
                ["--exclusive", "--inclusive-prefixes", "v u", "--inclusive-prefixes=#default"],
                b'<?a b?>\n<r xmlns:u="urn:u" a="2" z="1"><e></e></r>',
            ),
        ]:
            done = run("canonicalize", *options, stdin=self.DOCUMENT)
            assert (done.returncode, done.stdout, done.stderr) == (OK, expected, b"")
        source, output = desk.file("in.xml", self.DOCUMENT), desk.folder / "out.xml"
        done = run("canonicalize", source, "-o", output)
        assert (done.returncode, done.stdout) == (OK, b"")
        assert output.read_bytes() == canonicalize(self.DOCUMENT)

    def test_what_cannot_be(self) -> None:
        done = run("canonicalize", "--inclusive-prefixes", "u", stdin=self.DOCUMENT)
        assert done.returncode == ERROR
        assert said(done).startswith("Only Exclusive C14N has a PrefixList")
        for document in (b"", b'<a xmlns="relative"/>'):
            done = run("canonicalize", stdin=document)
            assert done.returncode == ERROR
            assert said(done)


class TestProcess:
    def test_version(self) -> None:
        for command in (COMMAND, [SCRIPTS / "duisign"]):
            done = subprocess.run([*command, "--version"], env=ENVIRONMENT, capture_output=True, check=True)
            assert (done.stdout.decode(), done.stderr) == (f"duisign {version('duisign')}\n", b"")

    def test_on_another_system(self) -> None:
        program = "import os; os.name = 'nt'; from duisign.__main__ import main; main()"
        done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, check=False)
        assert done.returncode == ERROR
        assert said(done) == "The command line needs a POSIX system, such as Linux or macOS: use the library here."

    def test_usage(self) -> None:
        for arguments in (
            ["--no-such-option"],
            ["no-such-command"],
            ["sign", "--profile", "other"],
            ["sign", "a", "b", "c", "d"],
        ):
            done = run(*arguments)
            assert (done.returncode, done.stdout) == (ERROR, b"")
            assert b"Usage: duisign" in done.stderr
        for arguments in (
            ["verify", "-", "-", "--cert=x"],
            ["verify", "a", "b", "-o", "c"],
            ["sign", "--key=-"],
        ):
            done = run(*arguments)
            assert done.returncode == ERROR
            assert said(done)

    def test_help_names_every_option_in_full(self) -> None:
        done = run("verify", "--help")
        assert (done.returncode, done.stderr) == (OK, b"")
        for option in ("--accept-unmarked-exclusive-c14n", "--dangerously-accept-java-widths", "--json", "--cert"):
            assert option in done.stdout.decode().split()

    @pytest.mark.parametrize("module", ["typer", "rich"])
    def test_without_the_extra(self, module: str) -> None:
        program = f"import sys; sys.modules['{module}'] = None; from duisign.__main__ import main; main()"
        done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, check=False)
        assert done.returncode == ERROR
        assert said(done) == (
            f"The command line needs {module}, which the library does not: install it with pip install 'duisign[cli]'."
        )

    def test_no_payload_and_no_key_in_what_is_said(self, desk: Desk) -> None:
        secret = b"0penSesame"
        broken_key = desk.smki.user.private_key_pem().replace(b"\nM", b"\n!" + secret)
        key = desk.file("broken.key", broken_key)
        runs = [run("sign", "--key", key, *desk.trust, stdin=desk.unsigned), run("verify", "--cert", key)]
        for document in (b"<a>%s</b>" % secret, b'<a xmlns="%s"/>' % secret):
            runs.append(run("sign", *desk.key, stdin=document))
            runs.append(run("verify", *desk.trust, stdin=document))
        runs.append(run("verify", *desk.trust, stdin=desk.signed.replace(b"Fern", secret)))
        for done in runs:
            assert done.returncode != OK
            assert secret not in done.stdout + done.stderr

    def test_file_names_cannot_steer_the_terminal(self, desk: Desk) -> None:
        name = os.fsencode(desk.folder) + b"/\x1b[31m\xff.xml"
        Path(os.fsdecode(name)).write_bytes(desk.signed)
        for arguments in (["verify", *desk.trust, name], ["verify", *desk.trust, name + b"!"], ["sign", name]):
            done = run(*arguments)
            assert b"\x1b" not in done.stdout + done.stderr
        assert json.loads(run("verify", *desk.trust, "--json", name).stdout)["file"] == os.fsdecode(name)

    @pytest.mark.parametrize("columns", [80, 120])
    def test_a_terminal_gets_colours_and_lines_that_fit(self, desk: Desk, columns: int) -> None:
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        terminal = {"stdin": follower, "stdout": follower, "env": ENVIRONMENT | {"TERM": "xterm-256color"}}
        command = [*COMMAND, "verify", "tampered.xml", "--cert", "user.pem"]
        done = subprocess.run(command, cwd=desk.folder, stderr=subprocess.PIPE, check=False, **terminal)
        os.close(follower)
        shown = os.read(leader, 65536).decode()
        os.close(leader)
        assert (done.returncode, done.stderr) == (NOT_VALID, b"")
        assert "\x1b[1;31mfailed" in shown
        lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()]
        assert max(map(len, lines)) <= columns
        reason = "The document is not the one that was signed:"
        if columns == 120:
            reason += " it was changed, or re-indented."
        assert f"  digest             failed         {reason}" in lines

    @pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["verify"], ["canonicalize"]])
    def test_a_reader_who_is_gone(self, desk: Desk, arguments: list[str]) -> None:
        given = desk.trust if arguments[0] == "verify" else []
        reading, writing = os.pipe()
        os.close(reading)
        done = run(*arguments, *given, stdin=desk.signed, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
        os.close(writing)
        assert (done.returncode, done.stderr) == (ERROR, b"")

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_reader_who_goes_in_the_middle(self, desk: Desk, unbuffered: str) -> None:
        path = desk.file("long.xml", b"<a>" + b"x" * 4_000_000 + b"</a>")
        with subprocess.Popen(
            [*COMMAND, "sign", path, *desk.key],
            env=ENVIRONMENT | {"PYTHONUNBUFFERED": unbuffered},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout.read(3) == b"<a>"
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == ERROR

    def test_a_device_that_is_full(self, desk: Desk) -> None:
        for arguments in (["sign", *desk.key], ["verify", *desk.trust], ["--version"]):
            with Path("/dev/full").open("wb") as full:
                done = run(*arguments, stdin=desk.signed, capture_output=False, stdout=full, stderr=subprocess.PIPE)
            assert done.returncode == ERROR
            assert done.stderr.splitlines()[0] == b"duisign: Cannot write the standard output: no space left on device."

    def test_streams_that_are_closed(self, desk: Desk) -> None:
        sign = shlex.join([*COMMAND, "sign", "--deterministic", *map(str, desk.key)])
        signed = f"{desk.folder}/signed.xml"
        for redirections, words in (("<&-", "no standard input"), (f"<{signed} >&-", "no standard output")):
            done = subprocess.run(
                f"{sign} {redirections}", shell=True, env=ENVIRONMENT, stderr=subprocess.PIPE, check=False
            )
            assert done.returncode == ERROR
            assert words in done.stderr.decode()
            assert b"Traceback" not in done.stderr
        # What would be said does not go elsewhere.
        done = subprocess.run(f"{sign} <{signed} 2>&-", shell=True, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
        assert done.stdout == desk.signer().sign(desk.unsigned)

    def test_an_interruption(self, desk: Desk) -> None:
        pipe = desk.folder / "pipe"
        os.mkfifo(pipe)
        # The signal may come between the opening of the file and the block that closes it: no matter.
        environment = ENVIRONMENT | {"PYTHONWARNINGS": "ignore::ResourceWarning"}
        command = [*COMMAND, "sign", pipe, *desk.key]
        with (
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
            pipe.open("wb"),  # waits for the reader
        ):
            wait_until_asleep(process.pid)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=120)
        assert (process.returncode, output) == (130, b"")
        assert b"Traceback" not in errors

    def test_garbage_is_collected_once_it_runs(self) -> None:
        script = (
            "import atexit, gc, sys\n"
            "from duisign.__main__ import main\n"
            "atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 0))\n"
            "sys.argv[1:] = ['--version']\n"
            "main()"
        )
        done = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, check=True)
        assert done.stdout.splitlines()[1:] == [b"True True"]

    @pytest.mark.timed
    @pytest.mark.parametrize("arguments", [["--version"], ["verify", "signed.xml", "--cert", "user.pem"]])
    def test_it_starts_quickly(self, desk: Desk, arguments: list[str]) -> None:
        best = START_SECONDS
        for _ in range(START_TRIES):
            start = time.perf_counter()
            subprocess.run(
                [SCRIPTS / "duisign", *arguments], cwd=desk.folder, env=ENVIRONMENT, capture_output=True, check=True
            )
            best = min(best, time.perf_counter() - start)
            if best < START_SECONDS:
                return
        pytest.fail(f"no start of {START_TRIES} took less than {START_SECONDS} s")
