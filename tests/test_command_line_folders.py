"""`duisign sign` and `verify` for folders: every file whole or not at all, and what is refused."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import resource
import socket
import stat
import struct
import subprocess
import termios
import threading
from pathlib import Path

import pytest

from duisign.cli.files import locked, remove_dead, replace_file
from duisign.cli.folder import InputFolder, OutputFolder
from duisign.testing import Smki, make_samples
from folder_desk import ENVIRONMENT, ERROR, KEY_MISSING, MANY, NOT_VALID, OK, Desk, refusal, report, run, said


@pytest.fixture
def desk(smki: Smki, request_document: bytes, tmp_path: Path) -> Desk:
    return Desk.create(tmp_path, smki, request_document)


@pytest.fixture
def many(desk: Desk) -> dict[str, bytes]:
    return desk.put_many()


class TestSigning:
    @pytest.mark.parametrize("workers", [None, "1", "2", "5"])
    def test_each_file_gets_its_signature_under_its_own_name(
        self, desk: Desk, many: dict[str, bytes], workers: str | None
    ) -> None:
        done = desk.sign(*([] if workers is None else ["--workers", workers]))
        assert done.returncode == OK
        (summary,) = said(done)
        assert summary.startswith(f"{MANY} signed; ")
        assert desk.outputs() == many

    def test_an_error_does_not_keep_the_others_from_it(self, desk: Desk) -> None:
        desk.put("a.xml")
        desk.put("b.xml", b"<open>")
        desk.put("sub/c.xml")
        desk.put("sub/d.xml", b"")
        done = desk.sign("--report", desk.folder / "report.json")
        assert done.returncode == ERROR
        broken, empty, summary = said(done)
        assert broken.startswith(f"{desk.source}/b.xml: The document is not well-formed XML")
        assert empty.startswith(f"{desk.source}/sub/d.xml: The document is not well-formed XML")
        assert summary.startswith("2 signed, 2 failed; ")
        assert desk.outputs() == {"a.xml": desk.signed(), "sub/c.xml": desk.signed()}
        found = report(desk.folder / "report.json")
        results = found.pop("results")
        assert [(Path(one["file"]).name, one["status"], one["code"]) for one in results] == [
            ("a.xml", "signed", None),
            ("b.xml", "failed", "malformed-xml"),
            ("c.xml", "signed", None),
            ("d.xml", "failed", "malformed-xml"),
        ]
        assert [one["reason"] is None for one in results] == [True, False, True, False]
        assert found.pop("seconds") > 0
        assert found.pop("begun").endswith("+00:00")
        assert found.pop("version")
        assert found == {
            "command": "sign",
            "interrupted": False,
            "exit_status": ERROR,
            "counts": {"signed": 2, "skipped": 0, "failed": 2},
            "codes": {"malformed-xml": 2},
        }

    def test_what_is_dropped_and_replaced_is_counted(self, desk: Desk) -> None:
        loose = desk.document.replace(b"<sr:Body>", b"\n<sr:Body>\n")
        for name, octets in (("a.xml", loose), ("b.xml", desk.signed()), ("c.xml", loose), ("d.xml", None)):
            desk.put(name, octets)
        *remarks, _ = said(desk.sign())
        assert remarks == [
            "Documents of which white space between tags was dropped: 2.",
            "Documents of which a Signature was replaced: 1.",
        ]
        assert set(desk.outputs().values()) == {desk.signed()}
        *remarks, _ = said(desk.sign("--keep-whitespace"))
        assert remarks == ["Documents of which a Signature was replaced: 1."]
        done = desk.sign("--refuse-signed")
        assert said(done)[0].endswith(
            "b.xml: The document already has a Signature: leave out --refuse-signed to replace it."
        )
        assert done.returncode == ERROR

    def test_a_key_ring_signs_for_each_sender(self, desk: Desk) -> None:
        samples = make_samples(desk.smki)
        for name in ("service-request", "dcc-alert", "pre-command"):
            desk.put(f"{name}.xml", samples[name].document)
        stranger = desk.document.replace(b"00-DB-12-34-A5-00-00-01:", b"00-DB-12-34-A5-00-00-99:")
        desk.put("stranger.xml", stranger)
        done = run("sign", desk.source, "-o", desk.target, "--keyring", desk.folder / "smki")
        assert done.returncode == KEY_MISSING
        sentence, summary = said(done)
        assert "stranger.xml: The ring has no XML signing key of the message's sender" in sentence
        assert sentence.split(" RequestID: ")[1].startswith("00-DB-12-34-A5-00-00-99:")
        assert summary.startswith("3 signed, 1 failed; ")
        done = desk.verify(desk.target, "--json")
        signers = {Path(one["file"]).stem: one["signer"]["role"] for one in map(json.loads, done.stdout.splitlines())}
        assert signers == {"service-request": "87", "dcc-alert": "89", "pre-command": "89"}

    def test_outputs_that_are_there_are_replaced_and_others_stay(self, desk: Desk) -> None:
        desk.put("a.xml")
        desk.target.mkdir()
        (desk.target / "a.xml").write_bytes(b"old")
        (desk.target / "other.xml").write_bytes(b"other")
        assert desk.sign(umask=0o027).returncode == OK
        assert desk.outputs() == {"a.xml": desk.signed(), "other.xml": b"other"}
        assert stat.S_IMODE((desk.target / "a.xml").stat().st_mode) == 0o640


class TestFilesThatAreTaken:
    def test_by_their_names(self, desk: Desk) -> None:
        for name in ("a.xml", "B.XML", "sub/deep/c.Xml"):
            desk.put(name)
        for name in ("a.txt", "xml", ".hidden.xml", ".hidden/d.xml", "a.xml.bak"):
            desk.put(name, b"no XML")
        (desk.source / "empty").mkdir()
        done = desk.sign()
        assert done.returncode == OK
        _, left_alone = said(done)
        assert left_alone == (
            f"Left alone in {desk.source}: 5 entries that are hidden, links to folders, or not named like *.xml."
        )
        assert set(desk.outputs()) == {"a.xml", "B.XML", "sub/deep/c.Xml"}
        # No folder without a document is made.
        assert {path.name for path in desk.target.iterdir()} == {"a.xml", "B.XML", "sub"}
        assert desk.sign("--glob", "[xX]*", "-o", desk.folder / "other").returncode == ERROR
        assert not any((desk.folder / "other").iterdir())

    def test_a_folder_in_which_there_is_nothing(self, desk: Desk) -> None:
        done = desk.sign()
        assert (done.returncode, said(done)[1:]) == (OK, [f"No file in {desk.source} is named like *.xml."])
        # Nothing verified is no good sign.
        done = desk.verify(desk.source)
        assert done.returncode == ERROR
        assert done.stdout.startswith(b"No documents; ")

    def test_names_that_are_no_utf_8_and_would_steer_a_terminal(self, desk: Desk) -> None:
        good, bad = b"\xff\x1b[31m.xml", b"\xfe\x1b[32m.xml"
        desk.put(good)
        desk.put(bad, b"<open>")
        done = desk.sign("--report", desk.folder / "report.json")
        assert done.returncode == ERROR
        assert b"\x1b" not in done.stderr
        assert desk.outputs() == {os.fsdecode(good): desk.signed()}
        files = [one["file"] for one in report(desk.folder / "report.json")["results"]]
        assert [os.fsencode(file).rpartition(b"/")[2] for file in files] == [bad, good]
        done = desk.verify(desk.source)
        assert b"\x1b" not in done.stdout + done.stderr

    def test_symbolic_links(self, desk: Desk) -> None:
        outside = desk.folder / "outside"
        outside.mkdir()
        (outside / "a.xml").write_bytes(desk.document)
        (desk.source / "file.xml").symlink_to(outside / "a.xml")
        (desk.source / "folder.xml").symlink_to(outside)
        (desk.source / "folder").symlink_to(outside)
        (desk.source / "circle").symlink_to(desk.source)
        done = desk.sign()
        assert done.returncode == OK
        assert said(done)[1].startswith(f"Left alone in {desk.source}: 3 entries")
        assert desk.outputs() == {"file.xml": desk.signed()}
        assert not (desk.target / "file.xml").is_symlink()

    def test_what_cannot_be_read_is_an_error_and_does_not_block(self, desk: Desk, monkeypatch) -> None:
        desk.put("good.xml")
        (desk.source / "dangling.xml").symlink_to("nowhere")
        (desk.source / "loop.xml").symlink_to("loop.xml")
        (desk.source / "device.xml").symlink_to("/dev/zero")
        os.mkfifo(desk.source / "pipe.xml")
        desk.put("long.xml", b" " * (16 * 1024 * 1024 + 1))
        monkeypatch.chdir(desk.source)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.xml")
            done = desk.sign("--report", desk.folder / "report.json")
        assert done.returncode == ERROR
        *sentences, summary = said(done)
        assert [sentence.replace(f"{desk.source}/", "") for sentence in sentences] == [
            "Cannot read dangling.xml: no such file or directory.",
            "device.xml is not a regular file: name a pipe or device by itself.",
            "long.xml is longer than 16 MiB, more than any DUIS message.",
            # in the C library's words
            f"Cannot read loop.xml: {os.strerror(errno.ELOOP).lower()}.",
            "pipe.xml is not a regular file: name a pipe or device by itself.",
            "Cannot read socket.xml: no such device or address.",
        ]
        assert summary.startswith("1 signed, 6 failed; ")
        assert report(desk.folder / "report.json")["codes"] == {"file-unreadable": 6}
        done = desk.verify(desk.source)
        assert done.returncode == NOT_VALID  # good.xml is not signed
        assert len(done.stdout.splitlines()) == 8

    def test_a_folder_that_cannot_be_read(self, desk: Desk, monkeypatch) -> None:
        desk.put("good.xml")
        desk.put("sub/other.xml")
        scan = os.scandir
        refused = PermissionError(13, "Permission denied")
        monkeypatch.setattr(os, "scandir", lambda path: scan(path) if not path.endswith("sub/") else _raise(refused))
        good, sub = InputFolder(str(desk.source), "*.xml").files()
        assert good.problem is None
        assert sub.problem == ("file-unreadable", f"Cannot read {desk.source}/sub/: permission denied.")


def _raise(error: Exception) -> None:
    raise error


class TestOutputFolders:
    @pytest.mark.parametrize("place", ["in", "in/out", "in/sub/../out", ".", "link", "link/out"])
    def test_input_and_output_are_apart(self, desk: Desk, place: str) -> None:
        desk.put("a.xml")
        (desk.folder / "link").symlink_to(desk.source)
        before = set(desk.folder.rglob("*"))
        done = desk.sign("--output", desk.folder / place)
        assert refusal(done).endswith("are in one another, or the same: name a folder beside it with --output.")
        assert set(desk.folder.rglob("*")) == before

    def test_a_name_that_only_begins_like_the_input_folder(self, desk: Desk) -> None:
        desk.put("a.xml")
        assert desk.sign("-o", desk.folder / "in-signed").returncode == OK

    def test_it_must_be_named_and_a_folder(self, desk: Desk) -> None:
        path = desk.put("a.xml")
        key = ["--key", desk.folder / "smki/user.key", "--cert", desk.folder / "smki/user.pem"]
        sentence = refusal(run("sign", desk.source, *key))
        assert sentence == f"{desk.source} is a folder: name with --output the one for the signed documents."
        other = desk.folder / "other.xml"
        other.write_bytes(b"other")
        assert refusal(desk.sign("-o", other)) == f"{other} is no folder: name one with --output."
        assert refusal(desk.sign("-o", other / "out")) == f"Cannot write to {other}/out: not a directory."
        assert other.read_bytes() == b"other"
        assert path.read_bytes() == desk.document

    def test_a_link_in_the_place_of_an_output_is_replaced_and_not_followed(self, desk: Desk) -> None:
        path = desk.put("a.xml")
        desk.target.mkdir()
        (desk.target / "a.xml").symlink_to(path)
        assert desk.sign().returncode == OK
        assert path.read_bytes() == desk.document
        assert desk.outputs() == {"a.xml": desk.signed()}

    def test_links_in_the_output_folder_do_not_lead_into_the_input_or_to_one_folder(self, desk: Desk) -> None:
        for name in ("a.xml", "one/b.xml", "two/c.xml", "three/d.xml"):
            desk.put(name)
        desk.target.mkdir()
        (desk.target / "one").symlink_to(desk.source / "one")
        (desk.folder / "shared").mkdir()
        for name in ("two", "three"):
            (desk.target / name).symlink_to(desk.folder / "shared")
        done = desk.sign("--report", desk.folder / "report.json")
        assert done.returncode == ERROR
        into, same, summary = said(done)
        assert into == f"{desk.target}/one/ leads into the input folder: remove the link."
        assert same.startswith(f"{desk.target}/two/ is the same folder as {desk.target}/three/")
        assert summary.startswith("2 signed, 2 failed; ")
        assert report(desk.folder / "report.json")["codes"] == {"file-unwritable": 2}
        assert (desk.source / "one/b.xml").read_bytes() == desk.document
        assert {path.name for path in (desk.folder / "shared").iterdir()} == {"d.xml"}

    def test_names_that_the_file_system_does_not_tell_apart(self, desk: Desk, monkeypatch, closing) -> None:
        for name in ("a.xml", "A.xml", "e\u0301.xml", "\u00e9.xml", "sub/a.xml"):
            desk.put(name)
        source = InputFolder(str(desk.source), "*.xml")
        output = closing(OutputFolder(str(desk.target), str(desk.source), sync=False))
        assert not output.folds_names("")
        assert [file.problem for file in source.files(output)] == [None] * 5
        assert desk.outputs() == {}
        exists = os.path.lexists
        # As where names are looked up without regard to case.
        monkeypatch.setattr(os.path, "lexists", lambda path: exists(Path(path).parent / Path(path).name.lower()))
        assert output.folds_names("sub/")
        monkeypatch.setattr(output, "_folds", {"": True, "sub/": True})
        source = InputFolder(str(desk.source), "*.xml")
        problems = {file.name: file.problem for file in source.files(output)}
        assert [name for name, problem in problems.items() if problem is None] == ["A.xml", "e\u0301.xml", "sub/a.xml"]
        code, sentence = problems["a.xml"]
        assert code == "file-unwritable"
        assert sentence.startswith(f"{desk.source}/a.xml would be written to the same file as A.xml, since ")

    def test_outputs_that_cannot_be_written(self, desk: Desk) -> None:
        for name in ("a.xml", "b.xml", "sub/c.xml"):
            desk.put(name)
        desk.target.mkdir()
        (desk.target / "sub").write_bytes(b"a file")
        (desk.target / "b.xml").mkdir()
        done = desk.sign("--report", desk.folder / "report.json")
        assert done.returncode == ERROR
        place, folder, _ = said(done)
        assert place == f"Cannot write {desk.target}/b.xml: is a directory."
        assert folder == f"Cannot write to {desk.target}/sub/: file exists."
        assert report(desk.folder / "report.json")["codes"] == {"file-unwritable": 2}
        assert desk.outputs() == {"a.xml": desk.signed(), "sub": b"a file"}

    def test_a_write_that_fails_leaves_nothing(self, desk: Desk) -> None:
        desk.put("a.xml")
        limit = (1000, resource.RLIM_INFINITY)
        done = desk.sign(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        assert done.returncode == ERROR
        assert said(done)[0] == f"Cannot write {desk.target}/a.xml: file too large."
        assert desk.outputs() == {}

    def test_one_process_at_a_time(self, desk: Desk) -> None:
        desk.put("a.xml")
        desk.target.mkdir()
        descriptor = os.open(desk.target, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            assert refusal(desk.sign()).startswith(f"Another duisign is writing to {desk.target}: ")
        finally:
            os.close(descriptor)
        assert desk.sign().returncode == OK

    def test_temporary_files_of_the_living_stay(self, desk: Desk) -> None:
        """Who writes below the folder of another, or where links lead, takes nothing away from it."""
        desk.put("sub/a.xml")
        (desk.target / "sub").mkdir(parents=True)
        dead, living = (desk.target / f"sub/.duisign-batch-{what}" for what in ("dead", "living"))
        dead.write_bytes(b"<")

        def pieces():
            yield b"<a"
            assert desk.sign().returncode == OK
            assert living.exists()
            assert not dead.exists()
            yield b"/>"

        replace_file(desk.target / "sub/b.xml", pieces(), living, sync=False)
        assert desk.outputs() == {"sub/a.xml": desk.signed(), "sub/b.xml": b"<a/>"}

    def test_what_is_no_temporary_file_of_ours_stays(self, desk: Desk) -> None:
        desk.put("a.xml")
        desk.target.mkdir()
        os.mkfifo(desk.target / ".duisign-batch-pipe")
        (desk.target / ".duisign-batch-link").symlink_to(desk.folder)
        assert desk.sign().returncode == OK
        assert (desk.target / "a.xml").read_bytes() == desk.signed()
        assert (desk.target / ".duisign-batch-link").is_symlink()

    def test_nothing_is_left_open_where_descriptors_end(self, desk: Desk, monkeypatch) -> None:
        def fail(descriptor: int) -> int:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(os, "dup", fail)
        before = sorted(Path("/proc/self/fd").iterdir())
        with pytest.raises(OSError, match="Too many open files"):
            replace_file(desk.folder / "a.xml", [b"<a/>"], desk.folder / ".duisign-batch-a", sync=False)
        assert sorted(Path("/proc/self/fd").iterdir()) == before
        assert not list(desk.folder.glob("*a*"))

    def test_a_file_that_was_taken_for_dead_is_made_anew(self, desk: Desk, monkeypatch) -> None:
        path, temporary, calls = desk.folder / "a.xml", desk.folder / ".duisign-batch-a", []

        def late(descriptor: int, *, wait: bool = False) -> bool:
            if not calls:
                calls.append(descriptor)
                remove_dead(str(temporary))
            return locked(descriptor, wait=wait)

        monkeypatch.setattr("duisign.cli.files.locked", late)
        replace_file(path, [b"<a/>"], temporary, sync=False)
        assert len(calls) == 1
        assert (path.read_bytes(), temporary.exists()) == (b"<a/>", False)


class TestVerifying:
    @pytest.fixture
    def messages(self, desk: Desk) -> Path:
        desk.put("a.xml", desk.signed())
        desk.put("b.xml", desk.signed().replace(b"Fern", b"Farn"))
        desk.put("sub/c.xml", desk.document)
        desk.put("sub/d.xml", b"<open>")
        desk.put("sub/e.xml", desk.signed())
        return desk.source

    def test_refusals_are_told_and_all_are_counted(self, desk: Desk, messages: Path) -> None:
        done = desk.verify(messages)
        assert (done.returncode, done.stderr) == (NOT_VALID, b"")
        tampered, unsigned, broken, summary = done.stdout.decode().splitlines()
        assert tampered == (
            f"{messages}/b.xml: invalid (digest-mismatch). The document is not the one that was signed: "
            "it was changed, or re-indented."
        )
        assert (
            unsigned
            == f"{messages}/sub/c.xml: unsigned (unsigned). The message has no Signature: nobody vouches for it."
        )
        assert broken.startswith(f"{messages}/sub/d.xml: unreadable (malformed-xml). The document is not well-formed")
        assert summary.startswith("2 valid, 1 invalid, 1 unsigned, 1 unreadable; ")

    def test_reports_for_machines_are_those_of_single_files(self, desk: Desk, messages: Path) -> None:
        names = sorted(str(path) for path in messages.rglob("*.xml"))
        single = desk.verify(*names, "--json")
        done = desk.verify(messages, "--json", "--report", desk.folder / "report.json", "--workers", "3")
        assert (done.returncode, done.stdout) == (single.returncode, single.stdout)
        assert done.stderr.startswith(b"duisign: 2 valid, 1 invalid, 1 unsigned, 1 unreadable; ")
        found = report(desk.folder / "report.json")
        assert found["results"] == [json.loads(line) for line in single.stdout.splitlines()]
        assert found["counts"] == {"valid": 2, "invalid": 1, "unsigned": 1, "unreadable": 1}
        assert found["codes"] == {"digest-mismatch": 1, "malformed-xml": 1, "unsigned": 1}
        assert found["exit_status"] == NOT_VALID

    def test_folders_and_files_together_and_the_exit_status(self, desk: Desk, messages: Path) -> None:
        for names, status, valid in [
            ([messages / "a.xml", messages / "sub"], NOT_VALID, 2),
            ([messages / "sub", messages / "a.xml", messages / "absent.xml"], NOT_VALID, 2),
        ]:
            done = desk.verify(*names)
            assert (done.returncode, done.stdout.splitlines()[-1].split()[0]) == (status, b"%d" % valid)
        for name in ("b.xml", "sub/c.xml"):
            (messages / name).unlink()
        assert desk.verify(messages).returncode == ERROR
        (messages / "sub/d.xml").unlink()
        done = desk.verify(messages)
        assert (done.returncode, len(done.stdout.splitlines())) == (OK, 1)

    def test_by_the_smki(self, desk: Desk, messages: Path) -> None:
        smki = desk.folder / "smki"
        options = [
            "--root",
            smki / "root.pem",
            "--ca",
            smki,
            "--crl",
            smki,
            "--policy-oid",
            "1.2.826.0.1.8641679.1.2.1.4",
        ]
        names = sorted(str(path) for path in messages.rglob("*.xml"))
        single = desk.verify(*names, "--json", *options)
        done = desk.verify(messages, "--json", *options)
        assert done.stdout == single.stdout
        first = json.loads(done.stdout.splitlines()[0])
        assert (first["verdict"], len(first["smki"]["path"])) == ("valid", 3)

    def test_a_reader_who_is_gone(self, desk: Desk, messages: Path) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        command = ["verify", messages, "--json", "--cert", desk.folder / "smki"]
        done = run(*command, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
        os.close(writing)
        assert (done.returncode, done.stderr) == (ERROR, b"")


class TestOptions:
    def test_what_says_nothing_is_refused(self, desk: Desk) -> None:
        path = desk.put("a.xml")
        key = ["--key", desk.folder / "smki/user.key", "--cert", desk.folder / "smki/user.pem"]
        trust = ["--cert", desk.folder / "smki"]
        of_one, of_folders = "says nothing for one document", "says nothing without a folder of documents"
        for arguments, sentence in [
            (["sign", path, *key, "--workers", "2"], f"--workers {of_one}: name a folder, or give --ndjson."),
            (["sign", path, *key, "--report", "r"], f"--report {of_one}: name a folder, or give --ndjson."),
            (["verify", path, *trust, "--workers", "2"], f"--workers {of_one}: name a folder, or give --ndjson."),
            (["sign", path, *key, "--resume"], f"--resume {of_folders}: name one."),
            (["sign", path, *key, "--fsync", "--ndjson"], f"--fsync {of_folders}: name one."),
            (["verify", path, *trust, "--glob", "*"], f"--glob {of_folders}: name one."),
            (
                ["sign", desk.source, *key, "--ndjson"],
                "A folder holds XML, one document in each file: leave out --ndjson.",
            ),
            (["verify", desk.source, *trust, "-o", "x"], "With --output, name one document only."),
            (["verify", path, *trust, "--ndjson", "-o", "x"], "With --output, name one document only."),
            (["verify", path, path, *trust, "--ndjson"], "With --ndjson, name one file only."),
            (["verify", desk.source, *trust, "--report", "-"], "--report needs the name of a file."),
            (["verify", desk.source, *trust, "--report", "no/r"], "Cannot write no/r: no such file or directory."),
        ]:
            assert refusal(run(*arguments)) == sentence
        for workers in ("0", "257", "many"):
            assert desk.sign("--workers", workers).returncode == ERROR
        assert not desk.target.exists() or not any(desk.target.iterdir())

    def test_without_a_key_nothing_is_made(self, desk: Desk) -> None:
        desk.put("a.xml")
        done = run("sign", desk.source, "-o", desk.target)
        assert done.returncode == KEY_MISSING
        assert not desk.target.exists()


class TestProgress:
    def shown(self, desk: Desk, *arguments: str | Path) -> tuple[int, str, bytes]:
        """Exit status, what a terminal on standard error is sent, standard output."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        pieces: list[bytes] = []

        def read() -> None:
            try:
                while piece := os.read(leader, 65536):
                    pieces.append(piece)
            except OSError:
                # Linux's word for a terminal that nobody has open any more.
                return

        reader = threading.Thread(target=read)
        reader.start()
        done = run(
            *arguments,
            capture_output=False,
            stdout=subprocess.PIPE,
            stderr=follower,
            env=ENVIRONMENT | {"TERM": "xterm-256color"},
        )
        os.close(follower)
        reader.join(10)
        os.close(leader)
        return done.returncode, b"".join(pieces).decode(), done.stdout

    def test_a_terminal_shows_how_far_it_is(self, desk: Desk, many: dict[str, bytes]) -> None:
        desk.put("999.xml", b"<open>")
        status, shown, _ = self.shown(desk, *desk.signing("--fsync"))
        assert status == ERROR
        assert f"/{MANY + 1}" in shown
        assert "/s" in shown
        assert "0 failed" in shown
        assert f"duisign: {desk.source}/999.xml: The document is not well-formed XML" in shown
        # The bar goes; what was said stays.
        last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "").splitlines()[-1]
        assert last.startswith(f"duisign: {MANY} signed, 1 failed; ")
        assert desk.outputs() == many

    def test_reports_go_to_standard_output_untouched(self, desk: Desk, many: dict[str, bytes]) -> None:
        assert desk.sign().returncode == OK
        status, shown, output = self.shown(desk, "verify", desk.target, "--cert", desk.folder / "smki", "--json")
        assert status == OK
        assert f"/{MANY}" in shown
        assert [json.loads(line)["verdict"] for line in output.splitlines()] == ["valid"] * MANY

    def test_no_terminal_no_bar(self, desk: Desk) -> None:
        desk.put("a.xml")
        done = desk.sign()
        assert b"\x1b" not in done.stderr
        assert len(done.stderr.splitlines()) == 1
