"""`duisign sign` and `verify` with --ndjson: one answer for each line, in order, and no waiting for the next."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest

import duisign
from duisign.cli import ndjson
from duisign.cli.ndjson import Lines, MessageLine
from duisign.testing import Smki
from folder_desk import COMMAND, ERROR, KEY_MISSING, NOT_VALID, OK, Done, signed_by

ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "error"}
NO_OBJECT = 'The line is no JSON object such as {"id": 1, "message": "<xml/>"}, each name once.'
NO_MESSAGE = "The line has no message that is a string: XML, or its octets in base64."


@dataclass(frozen=True)
class Desk:
    """A folder with a throw-away SMKI."""

    folder: Path
    smki: Smki
    document: bytes

    @property
    def signing(self) -> list[str | Path]:
        key = ["--key", self.folder / "user.key", "--cert", self.folder / "user.pem"]
        return [*COMMAND, "sign", "--ndjson", "--deterministic", *key]

    @property
    def verifying(self) -> list[str | Path]:
        return [*COMMAND, "verify", "--ndjson", "--cert", self.folder]

    def signed(self, document: bytes) -> bytes:
        return signed_by(self.smki, document)


@pytest.fixture
def desk(smki: Smki, request_document: bytes, tmp_path: Path) -> Desk:
    smki.write(tmp_path)
    return Desk(tmp_path, smki, request_document)


def run(command: list[str | Path], stdin: bytes = b"", **options: object) -> Done[bytes]:
    done = subprocess.run(
        command, input=stdin, **{"capture_output": True, "env": ENVIRONMENT, "timeout": 60, **options}, check=False
    )
    assert b"Traceback" not in (done.stderr or b"")
    return done


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def answers(done: Done[bytes]) -> list[dict]:
    assert not done.stdout or done.stdout.endswith(b"\n")
    return [json.loads(line) for line in done.stdout.splitlines()]


class TestSigning:
    @pytest.mark.parametrize("workers", ["1", "2", "4"])
    def test_an_answer_for_each_line_in_their_order(self, desk: Desk, workers: str) -> None:
        documents = [desk.document.replace(b"Fern", b"Fern" * (1 + index % 50)) for index in range(500)]
        given = lines(*({"id": index, "message": one.decode()} for index, one in enumerate(documents)))
        done = run([*desk.signing, "--workers", workers], given)
        assert done.returncode == OK
        assert done.stderr.startswith(b"duisign: 500 signed; ")
        assert answers(done) == [
            {
                "id": index,
                "line": index + 1,
                "status": "signed",
                "code": None,
                "reason": None,
                "message": desk.signed(one).decode(),
            }
            for index, one in enumerate(documents)
        ]

    def test_the_answer_has_the_form_of_the_question(self, desk: Desk) -> None:
        text = desk.document.decode().replace("Fern", "F\u00e8rn \U0001f33f")
        utf_16 = text.replace("UTF-8", "UTF-16").encode("utf-16")
        given = lines(
            {"id": 1, "message": text},
            {"id": 2, "message": b64encode(text.encode()).decode()},
            {"id": 3, "message": b64encode(utf_16).decode()},
            {"id": 4, "message": "\ufeff" + text},
        )
        first, second, third, fourth = (one["message"] for one in answers(run(desk.signing, given)))
        assert first == desk.signed(text.encode()).decode()
        assert b64decode(second) == first.encode()
        assert b64decode(third) == desk.signed(utf_16)
        assert fourth == desk.signed(("\ufeff" + text).encode()).decode()

    def test_lines_that_hold_no_document_have_an_answer_too(self, desk: Desk) -> None:
        text = desk.document.decode()
        given = [
            (b"nonsense", None, NO_OBJECT),
            (b"[1]", None, NO_OBJECT),
            (b'{"id": 1', None, NO_OBJECT),
            (b'{"id": NaN, "message": "<a/>"}', None, NO_OBJECT),
            (b'{"message": "<a/>", "message": "<b/>"}', None, NO_OBJECT),
            (b'{"id": 1, "message": "\xff<a/>"}', None, NO_OBJECT),
            (b"[" * 100_000, None, NO_OBJECT),
            (b'{"id": ' + b"9" * 5000 + b"}", None, NO_OBJECT),
            (b"{}", None, NO_MESSAGE),
            (b'{"id": 2}', 2, NO_MESSAGE),
            (b'{"id": 3, "message": null}', 3, NO_MESSAGE),
            (b'{"id": 4, "message": ["<a/>"]}', 4, NO_MESSAGE),
            (b'{"id": 1.0, "message": "<a/>"}', None, "The id of the line is neither a string nor an integer."),
            (b'{"id": true, "message": "<a/>"}', None, "The id of the line is neither a string nor an integer."),
            (b'{"id": "five", "message": "not base64!"}', "five", "The message is neither XML nor strict base64."),
            (b'{"id": 6, "message": "PGEvPg="}', 6, "The message is neither XML nor strict base64."),
            (b'{"id": 7, "message": "\\u00e9"}', 7, "The message is neither XML nor strict base64."),
            (
                b'{"id": 8, "message": "<a>\\ud800</a>"}',
                8,
                "The message is no text: it holds half a surrogate pair.",
            ),
            (
                lines({"id": 9, "message": text.replace("UTF-8", "ISO-8859-1")}).strip(),
                9,
                "The message is text, and its XML declaration names another encoding than UTF-8: "
                "give its octets in base64.",
            ),
        ]
        good = lines({"id": "good", "message": text})
        done = run(desk.signing, good + b"".join(line + b"\n" for line, _, _ in given) + good)
        assert done.returncode == ERROR
        first, *malformed, last = answers(done)
        assert (first["status"], last["status"], last["line"]) == ("signed", "signed", len(given) + 2)
        assert malformed == [
            {
                "id": sender_id,
                "line": number,
                "status": "failed",
                "code": "line-malformed",
                "reason": sentence,
                "message": None,
            }
            for number, (_, sender_id, sentence) in enumerate(given, 2)
        ]
        assert done.stderr.splitlines()[-1].startswith(b"duisign: 2 signed, %d failed; " % len(given))

    def test_documents_that_cannot_be_signed(self, desk: Desk) -> None:
        done = run(
            [*desk.signing, "--refuse-signed"], lines({"message": "<open>"}, {"message": "<a/>"}, {"message": ""})
        )
        assert done.returncode == ERROR
        assert [one["code"] for one in answers(done)] == ["malformed-xml", None, "malformed-xml"]
        stranger = desk.document.replace(b"00-DB-12-34-A5-00-00-01:", b"00-DB-12-34-A5-00-00-99:").decode()
        command = [*COMMAND, "sign", "--ndjson", "--keyring", desk.folder]
        done = run(command, lines({"message": desk.document.decode()}, {"message": stranger}))
        assert done.returncode == KEY_MISSING
        assert [one["code"] for one in answers(done)] == [None, "signing-key-unknown"]

    def test_ids_come_back_as_they_were(self, desk: Desk) -> None:
        ids = [0, -7, 2**80, "", "\u00e8\U0001f33f", "\ud800", "a\nb", None]
        done = run(desk.signing, lines(*({"message": "<a/>", "id": one, "more": {"id": 1}} for one in ids)))
        assert [one["id"] for one in answers(done)] == ids

    def test_lines_as_others_end_and_space_them(self, desk: Desk) -> None:
        line = lines({"id": 1, "message": "<a/>"}).strip()
        done = run(desk.signing, b"\xef\xbb\xbf" + line + b"\r\n\n  \n\t" + line + b"  \r\n" + line)
        assert [(one["line"], one["status"]) for one in answers(done)] == [(1, "signed"), (4, "signed"), (5, "signed")]
        assert answers(run(desk.signing, b"")) == []

    def test_what_is_dropped_and_replaced_is_counted(self, desk: Desk) -> None:
        loose = desk.document.replace(b"<sr:Body>", b"\n<sr:Body>").decode()
        signed = desk.signed(desk.document).decode()
        done = run(desk.signing, lines({"message": loose}, {"message": signed}))
        assert {one["message"] for one in answers(done)} == {signed}
        assert done.stderr.splitlines()[:2] == [
            b"duisign: Documents of which white space between tags was dropped: 1.",
            b"duisign: Documents of which a Signature was replaced: 1.",
        ]

    def test_from_file_to_file(self, desk: Desk) -> None:
        given, output, report = (desk.folder / name for name in ("in.ndjson", "out.ndjson", "report.json"))
        given.write_bytes(lines({"id": 1, "message": "<a/>"}, {"id": 2, "message": "<a>"}))
        expected = run(desk.signing, given.read_bytes()).stdout
        done = run([*desk.signing, given, "-o", output, "--report", report])
        assert (done.returncode, done.stdout) == (ERROR, b"")
        assert output.read_bytes() == expected
        found = json.loads(report.read_bytes())
        assert found["counts"] == {"signed": 1, "failed": 1}
        assert [(one["id"], one["line"], one["status"]) for one in found["results"]] == [
            (1, 1, "signed"),
            (2, 2, "failed"),
        ]
        assert "message" not in found["results"][0]
        done = run([*desk.signing, desk.folder / "absent"])
        assert done.stderr.decode() == f"duisign: Cannot read {desk.folder}/absent: no such file or directory.\n"
        assert done.returncode == ERROR


class TestVerifying:
    def test_the_round_trip(self, desk: Desk) -> None:
        documents = [desk.document.replace(b"Fern", b"F\xc3\xa8rn %d" % index) for index in range(300)]
        given = lines(*({"id": str(index), "message": one.decode()} for index, one in enumerate(documents)))
        signed = run(desk.signing, given)
        done = run(desk.verifying, signed.stdout)
        assert done.returncode == OK
        found = answers(done)
        assert [one["id"] for one in found] == [str(index) for index in range(300)]
        assert [one["message"].encode() for one in found] == list(map(duisign.canonicalize, documents))
        assert done.stderr.startswith(b"duisign: 300 valid; ")

    def test_answers_are_the_reports_of_single_files_and_the_signed_octets(self, desk: Desk) -> None:
        signed = desk.signed(desk.document)
        messages = [signed, signed.replace(b"Fern", b"Farn"), desk.document, b"<open>"]
        given = lines(*({"id": index, "message": b64encode(one).decode()} for index, one in enumerate(messages)))
        done = run(desk.verifying, given + b"nonsense\n")
        assert done.returncode == NOT_VALID
        for index, (message, found) in enumerate(zip(messages, answers(done)[:-1], strict=True)):
            single = json.loads(run([*COMMAND, "verify", "--json", "--cert", desk.folder], message).stdout)
            del single["file"]
            octets = duisign.canonicalize(desk.document) if index == 0 else None
            form = None if octets is None else b64encode(octets).decode()
            assert found == {"id": index, "line": index + 1} | single | {"message": form}
        malformed = answers(done)[-1]
        assert (malformed["line"], malformed["verdict"], malformed["code"]) == (5, "unreadable", "line-malformed")
        assert list(malformed) == list(answers(done)[0])
        assert done.stderr.startswith(b"duisign: 1 valid, 1 invalid, 1 unsigned, 2 unreadable; ")

    def test_a_failed_signing_is_no_message(self, desk: Desk) -> None:
        signed = run(desk.signing, lines({"id": 1, "message": "<a>"}))
        (answer,) = answers(run(desk.verifying, signed.stdout))
        assert (answer["id"], answer["code"], answer["reason"]) == (1, "line-malformed", NO_MESSAGE)


class TestStreams:
    @pytest.mark.parametrize("workers", ["1", "2", "4"])
    def test_a_peer_that_waits_for_each_answer_gets_it(self, desk: Desk, workers: str) -> None:
        command = [*desk.signing, "--workers", workers]
        with subprocess.Popen(
            command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            # Not for ever, should it not answer.
            watchdog = threading.Timer(60, process.kill)
            watchdog.start()
            for count in (1, 1, 300, 1, 70, 1):
                # So short that all of them fit into the pipe, since nobody reads meanwhile.
                message = lines({"id": count, "message": "<a/>"})
                process.stdin.write(message * count)
                process.stdin.flush()
                for _ in range(count):
                    assert json.loads(process.stdout.readline())["status"] == "signed"
            process.stdin.close()
            assert process.stdout.read() == b""
            assert process.stderr.read().startswith(b"duisign: 374 signed; ")
            watchdog.cancel()
        assert process.returncode == OK

    def test_a_reader_who_goes(self, desk: Desk) -> None:
        with subprocess.Popen(
            desk.signing, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            process.stdin.write(lines({"id": 1, "message": "<a/>"}))
            process.stdin.flush()
            assert process.stdout.readline()
            process.stdout.close()
            process.stdin.write(lines({"id": 1, "message": "<a/>"}))
            process.stdin.flush()
            assert process.stderr.read() == b""
            assert process.wait(120) == ERROR

    @pytest.mark.parametrize("name", ["-", "out.ndjson"])
    def test_an_interruption_while_it_waits(self, desk: Desk, name: str) -> None:
        output = name if name == "-" else desk.folder / name
        with subprocess.Popen(
            [*desk.signing, "-o", output, "--report", desk.folder / "report.json"],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdin.write(lines({"id": 1, "message": "<a/>"}) * 10)
            process.stdin.flush()
            if name == "-":
                for _ in range(10):
                    process.stdout.readline()
            else:
                # There is no answer to wait for: until the pipe is empty, and a moment for ten signatures.
                while fcntl.ioctl(process.stdin, termios.FIONREAD, b"1234") != bytes(4):
                    time.sleep(0.01)
                time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=120)
        assert (process.returncode, rest) == (128 + signal.SIGINT, b"")
        *unwritten, interrupted, summary = errors.splitlines()
        assert unwritten == (
            [] if name == "-" else [f"duisign: {output} was not written, since not all is done.".encode()]
        )
        assert interrupted == b"duisign: Interrupted."
        found = json.loads((desk.folder / "report.json").read_bytes())
        # The signal may come upon the last one when it is written, and not counted.
        counted = found["counts"]["signed"]
        assert counted in ([9, 10] if name == "-" else [10])
        assert found["interrupted"]
        assert summary.startswith(b"duisign: %d signed; " % counted)
        # Whole or not at all.
        assert not (desk.folder / "out.ndjson").exists()
        assert not list(desk.folder.glob(".duisign*"))

    @pytest.mark.parametrize("workers", ["1", "2"])
    @pytest.mark.parametrize("behind", [b"\n", b"\r\n \t\n", b" \n" * 3_000_000])
    def test_blank_lines_keep_no_answer_back(self, desk: Desk, workers: str, behind: bytes) -> None:
        with subprocess.Popen(
            [*desk.signing, "--workers", workers], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdin.write(lines({"id": 1, "message": "<a/>"}) + behind)
            process.stdin.flush()
            # Waits for ever otherwise.
            assert json.loads(process.stdout.readline())["id"] == 1
            process.stdin.write(lines({"id": 2, "message": "<a/>"}))
            process.stdin.close()
            assert json.loads(process.stdout.readline())["line"] == 2 + behind.count(b"\n")
            assert process.wait(120) == OK

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_half_a_line_keeps_no_answer_back(self, desk: Desk, workers: str) -> None:
        with subprocess.Popen(
            [*desk.signing, "--workers", workers], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            first, second = lines({"id": 1, "message": "<a/>"}), lines({"id": 2, "message": f"<a>{'x' * 100_000}</a>"})
            process.stdin.write(first + second[:70_000])
            process.stdin.flush()
            # Waits for ever otherwise.
            assert json.loads(process.stdout.readline())["id"] == 1
            process.stdin.write(second[70_000:])
            process.stdin.close()
            assert json.loads(process.stdout.readline())["id"] == 2
            assert process.wait(120) == OK

    @pytest.mark.parametrize("device", ["/dev/null", "/dev/stdout"])
    def test_answers_go_to_a_device(self, desk: Desk, device: str) -> None:
        done = run([*desk.signing, "-o", device], stdin=lines({"id": 1, "message": "<a/>"}))
        assert done.returncode == OK
        assert [answer["id"] for answer in map(json.loads, done.stdout.splitlines())] == [1] * (device != "/dev/null")

    def test_a_reader_that_goes_away_leaves_a_report(self, desk: Desk) -> None:
        report = desk.folder / "report.json"
        with subprocess.Popen(
            [*desk.signing, "--report", report], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdin.write(lines({"id": 1, "message": "<a/>"}))
            process.stdin.flush()
            process.stdout.readline()
            process.stdout.close()
            process.stdin.write(lines({"id": 2, "message": "<a/>"}))
            process.stdin.close()
            assert process.wait(120) == ERROR
        found = json.loads(report.read_bytes())
        # What nobody could be told is not in it.
        assert (found["exit_status"], [one["id"] for one in found["results"]]) == (ERROR, [1])

    def test_an_interruption_within_an_answer_is_not_reported_as_done(self, desk: Desk) -> None:
        report = desk.folder / "report.json"
        message = f"<a>{'x' * 200_000}</a>"
        with subprocess.Popen(
            [*desk.signing, "--report", report],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdin.write(lines({"id": 1, "message": message}))
            process.stdin.flush()
            # It has begun to write, and the pipe is full.
            while int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, b"1234"), sys.byteorder) < 65536:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 128 + signal.SIGTERM
        assert not output.endswith(b"\n")
        found = json.loads(report.read_bytes())
        assert (found["interrupted"], found["results"]) == (True, [])

    def test_streams_that_are_closed(self, desk: Desk) -> None:
        done = run([*desk.signing, "-o", desk.folder / "out"], stdin=None, preexec_fn=lambda: os.close(0))
        assert done.returncode == ERROR
        assert done.stderr == b"duisign: There is no standard input to read from: name a file.\n"
        done = run([*desk.signing, desk.folder], preexec_fn=None)
        assert b"leave out --ndjson" in done.stderr

    def test_a_line_that_is_too_long_is_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ndjson, "MAX_LINE_OCTETS", 100_000)
        reading, writing = os.pipe()
        source = Lines(reading, "a pipe")
        found = []
        try:
            lines_of_it = iter(source)
            for octets in (b"short\n", *[b"x" * 50_000] * 10, b"\nla", b"st\n", b"half"):
                os.write(writing, octets)
                # A line is at hand when it is whole, and what has come of it before is taken off the sender.
                while source.at_hand():
                    line = next(lines_of_it)
                    found.append((line.number, line.octets))
                assert len(found) == {b"\nla": 2, b"st\n": 3, b"half": 3}.get(octets, 1)
                assert fcntl.ioctl(reading, termios.FIONREAD, b"1234") == bytes(4)
                assert sum(map(len, source._begun or [])) <= 100_000
            os.close(writing)
            assert source.at_hand()
            found += [(line.number, line.octets) for line in lines_of_it]
        finally:
            os.close(reading)
        assert found == [(1, b"short"), (2, None), (3, b"last"), (4, b"half")]
        assert MessageLine(None).problem == "The line is longer than 0 MiB."

    @pytest.mark.release_build
    def test_memory_does_not_grow_with_the_lines(self, desk: Desk) -> None:
        line = lines({"id": 1, "message": "<a/>"})
        peaks = []
        for count in (2_000, 40_000):
            program = (
                "import resource, subprocess, sys;"
                "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
            )
            command = [sys.executable, "-c", program, *desk.signing]
            peaks.append(int(run(command, line * count).stdout))
        # In units of 1,024 octets; the lines alone are 1 MB more.
        assert peaks[1] - peaks[0] < 1000
