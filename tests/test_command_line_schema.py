"""The command line with schemas and counters, and with certificate and key as arguments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pytest

from duisign import PinnedCertificates, Verifier
from duisign.cli.new_counter import NewCounter
from schema_set import DOCUMENT, write_set

SECONDS = 120
REQUEST_ID = re.compile(rb"RequestID>([^<]*):([0-9]+)<")


@pytest.fixture
def folder(tmp_path, smki, request_document):
    write_set(tmp_path / "xsd")
    (tmp_path / "user.key").write_bytes(smki.user.private_key_pem())
    (tmp_path / "user.pem").write_bytes(smki.user.certificate_pem())
    (tmp_path / "request.xml").write_bytes(request_document)
    (tmp_path / "good.xml").write_bytes(DOCUMENT)
    (tmp_path / "bad.xml").write_bytes(DOCUMENT.replace(b">1<", b">s3cret<"))
    return tmp_path


def run(folder, *arguments, given=b""):
    command = [sys.executable, "-W", "error", "-m", "duisign", *arguments]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, input=given, env=environment, capture_output=True, timeout=SECONDS)
    assert b"s3cret" not in done.stderr
    return done.returncode, done.stdout, done.stderr.decode()


KEYS = ["--key", "user.key", "--cert", "user.pem"]


class TestValidate:
    def test_each_file_is_told(self, folder):
        (folder / "broken.xml").write_bytes(b"<")
        status, out, err = run(folder, "validate", "--schema", "xsd", "good.xml", "bad.xml")
        assert (status, err) == (10, "")
        good, bad = out.decode().splitlines()
        assert good == "good.xml: valid"
        assert bad.startswith("bad.xml: not valid. The document is not valid by its schema, line 3: element Counted: ")
        assert b"s3cret" not in out
        assert run(folder, "validate", "--schema", "xsd", "good.xml")[0] == 0
        assert run(folder, "validate", "--schema", "xsd", given=DOCUMENT)[:2] == (0, b"-: valid\n")
        status, out, err = run(folder, "validate", "--schema", "xsd", "broken.xml", "absent.xml", "good.xml")
        assert (status, out) == (2, b"good.xml: valid\n")
        assert "broken.xml: The document is not well-formed" in err
        assert "absent.xml" in err
        assert run(folder, "validate", "--schema", "xsd", "broken.xml", "bad.xml")[0] == 10

    def test_a_schema_is_needed(self, folder):
        assert run(folder, "validate", "good.xml")[0] == 2
        status, _, err = run(folder, "validate", "--schema", "absent", "good.xml")
        assert (status, "folder cannot be opened" in err) == (2, True)
        assert run(folder, "validate", "--schema", "xsd", "-", "-")[0] == 2


class TestOptions:
    def test_sign(self, folder, smki):
        status, signed, err = run(folder, "sign", "good.xml", *KEYS, "--schema", "xsd")
        assert status == 0, err
        assert Verifier(PinnedCertificates([smki.user.certificate])).verify(signed)
        status, signed, err = run(folder, "sign", "bad.xml", *KEYS, "--schema", "xsd")
        assert (status, signed) == (10, b"")
        assert "not valid by its schema" in err

    def test_verify_tells_the_schema_last_or_first(self, folder):
        _, signed, _ = run(folder, "sign", "bad.xml", *KEYS)
        (folder / "signed.xml").write_bytes(signed)
        (folder / "changed.xml").write_bytes(signed.replace(b">s3cret<", b">s3cretly<"))
        expected = {
            ("signed.xml", False): ("schema-invalid", "passed"),
            ("signed.xml", True): ("schema-invalid", "not-reached"),
            ("changed.xml", False): ("digest-mismatch", "failed"),
            ("changed.xml", True): ("schema-invalid", "not-reached"),
        }
        for (name, first), (code, digest) in expected.items():
            arguments = ["--cert", "user.pem", "--schema", "xsd", "--json", *["--schema-first"][: int(first)]]
            status, out, _ = run(folder, "verify", name, *arguments)
            facts = json.loads(out)
            assert (status, facts["verdict"], facts["code"], facts["checks"]["digest"]) == (10, "invalid", code, digest)
            assert facts["checks"]["document"] == ("failed" if code == "schema-invalid" else "passed")
        assert run(folder, "verify", "signed.xml", "--cert", "user.pem", "--schema-first")[0] == 2

    def test_a_folder(self, folder):
        (folder / "in").mkdir()
        for name in ("good", "bad"):
            (folder / f"{name}.xml").rename(folder / "in" / f"{name}.xml")
        status, _, err = run(folder, "sign", "in", "-o", "out", *KEYS, "--schema", "xsd")
        assert status == 10
        assert "bad.xml" in err
        assert [path.name for path in (folder / "out").glob("*.xml")] == ["good.xml"]


class TestArguments:
    def test_certificate_and_key_as_the_tool_of_the_dcc_takes_them(self, folder):
        status, signed, err = run(folder, "sign", "request.xml", "user.pem", "user.key")
        assert status == 0, err
        (folder / "signed.xml").write_bytes(signed)
        assert run(folder, "verify", "signed.xml", "user.pem")[0] == 0
        assert run(folder, "verify", "signed.xml", "signed.xml", "user.pem")[0] == 0
        assert run(folder, "verify", "signed.xml")[0] == 3
        # A message never becomes the certificate that is trusted.
        (folder / "forged.xml").write_bytes((folder / "user.pem").read_bytes())
        status, _, err = run(folder, "verify", "signed.xml", "forged.xml")
        assert (status, "No certificate is given" in err) == (3, True)
        assert run(folder, "sign", "request.xml", "user.pem", "--key", "user.key")[0] == 0
        assert run(folder, "sign", "request.xml", "user.pem")[0] == 3

    def test_not_twice(self, folder):
        assert run(folder, "sign", "request.xml", "user.pem", "user.key", "--cert", "user.pem")[0] == 2
        assert run(folder, "sign", "request.xml", "user.pem", "user.key", "--key", "user.key")[0] == 2
        assert run(folder, "sign", "request.xml", "user.pem", "user.key", "--keyring", ".")[0] == 2
        assert run(folder, "sign", "-", "-", "user.key")[0] == 2


class TestCounter:
    def test_it_is_preserved_unless_told_otherwise(self, folder, request_document, smki):
        (who, old) = REQUEST_ID.search(request_document).groups()
        verify = Verifier(PinnedCertificates([smki.user.certificate])).verify
        for arguments in ([], ["--preserve-counter"]):
            _, signed, _ = run(folder, "sign", "request.xml", *KEYS, *arguments)
            assert REQUEST_ID.search(verify(signed).signed_bytes).groups() == (who, old)
        before = time.time_ns() // 1_000_000
        _, signed, _ = run(folder, "sign", "request.xml", *KEYS, "--new-counter")
        found, counter = REQUEST_ID.search(verify(signed).signed_bytes).groups()
        assert found == who
        assert before <= int(counter) <= time.time_ns() // 1_000_000

    def test_those_of_one_run_differ(self, folder, request_document):
        (folder / "in").mkdir()
        for number in range(50):
            (folder / "in" / f"{number}.xml").write_bytes(request_document)
        assert run(folder, "sign", "in", "-o", "out", *KEYS, "--new-counter", "--workers", "4")[0] == 0
        found = {REQUEST_ID.search(path.read_bytes())[2] for path in (folder / "out").glob("*.xml")}
        assert len(found) == 50

    def test_they_rise_though_the_clock_stands(self, monkeypatch, request_document):
        monkeypatch.setattr("duisign.cli.new_counter.milliseconds", lambda: 1000)
        count = NewCounter()
        found = [int(REQUEST_ID.search(count(request_document))[2]) for _ in range(3)]
        assert found == [1000, 1001, 1002]

    def test_what_is_no_request_has_none(self, folder):
        status, signed, err = run(folder, "sign", "good.xml", *KEYS, "--new-counter")
        assert (status, signed) == (2, b"")
        assert "no Request" in err
