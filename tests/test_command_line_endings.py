"""How batches of the command line end: reports, interruptions, and going on with what was interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from duisign.cli import verify_batch
from duisign.cli.batch_options import BatchOptions
from duisign.cli.batch_run import Ending, _Interruptions
from duisign.cli.exit_status import Failure
from duisign.cli.folder import InputFolder, OutputFolder
from duisign.testing import Smki
from folder_desk import (
    COMMAND,
    ENVIRONMENT,
    ERROR,
    MANY,
    OK,
    Desk,
    refusal,
    report,
    run,
    said,
    wait_for,
    wait_until_asleep,
)


@pytest.fixture
def desk(smki: Smki, request_document: bytes, tmp_path: Path) -> Desk:
    return Desk.create(tmp_path, smki, request_document)


@pytest.fixture
def many(desk: Desk) -> dict[str, bytes]:
    return desk.put_many()


class TestReports:
    @pytest.mark.parametrize("what", ["key", "input", "output"])
    def test_they_replace_nothing_but_reports(self, desk: Desk, what: str) -> None:
        source = desk.put("a.xml")
        target = {"key": desk.folder / "smki/user.key", "input": source, "output": desk.target / "a.xml"}[what]
        before = target.read_bytes() if target.exists() else None
        done = desk.sign("--report", target)
        assert done.returncode == ERROR
        assert f"{target} is there already, and is no report: name another file with --report." in done.stderr.decode()
        assert target.read_bytes() == (desk.signed() if before is None else before)

    def test_they_replace_reports_and_what_is_empty(self, desk: Desk) -> None:
        desk.put("a.xml")
        path = desk.folder / "report.json"
        path.touch()
        for _ in range(2):
            assert desk.sign("--report", path).returncode == OK
            assert report(path)["counts"]["signed"] == 1

    def test_what_looks_a_little_like_one_is_none(self, desk: Desk) -> None:
        desk.put("a.xml")
        path = desk.folder / "other.json"
        path.write_bytes(b'{"command": "npx", "args": ["server"]}')
        done = desk.sign("--report", path)
        assert (done.returncode, path.read_bytes()[:18]) == (ERROR, b'{"command": "npx",')

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_one_that_nobody_reads_can_be_given_up(self, desk: Desk, number: signal.Signals) -> None:
        desk.put("a.xml")
        pipe = desk.folder / "pipe"
        os.mkfifo(pipe)
        command = [*COMMAND, *desk.signing("--report", pipe)]
        with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE) as process:
            wait_for(lambda: (desk.target / "a.xml").exists())
            for _ in range(2):
                # In the opening of the pipe.
                wait_until_asleep(process.pid)
                process.send_signal(number)
            assert process.wait(120) == -number
        assert desk.outputs() == {"a.xml": desk.signed()}

    def test_a_folder_is_refused_before_anything_is_done(self, desk: Desk) -> None:
        desk.put("a.xml")
        assert refusal(desk.sign("--report", desk.folder)) == f"Cannot write {desk.folder}: is a directory."
        assert not desk.target.exists() or not desk.outputs()

    def test_a_full_disk(self, desk: Desk) -> None:
        """The limit is for any file: of outputs too, so that the report has much to hold."""
        for number in range(50):
            desk.put(f"{number}.xml")
        command = ["prlimit", "--fsize=4096", *COMMAND, *desk.signing("--report", desk.folder / "report.json")]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
        assert done.returncode == ERROR
        assert done.stderr.decode() == f"duisign: Cannot write {desk.folder}/report.json: file too large.\n"
        assert not (desk.folder / "report.json").exists()

    def test_the_exit_status_is_that_of_the_process(self, desk: Desk) -> None:
        path = desk.folder / "report.json"
        assert desk.verify(desk.source, "--report", path).returncode == ERROR
        assert report(path)["exit_status"] == ERROR
        lines = desk.folder / "lines"
        lines.write_bytes(b'{"id": 1, "message": "<a/>"}\n')
        (desk.folder / "answers").mkdir()
        command = desk.signing("--ndjson", "--report", path)
        command[1:4] = [lines, "-o", path]
        assert run(*command).returncode == ERROR
        assert json.loads(path.read_bytes().splitlines()[0])["id"] == 1


class TestResuming:
    def test_it_skips_what_is_done_and_newer(self, desk: Desk) -> None:
        for name in ("a.xml", "b.xml", "sub/c.xml"):
            desk.put(name)
        assert desk.sign().returncode == OK
        (desk.target / "a.xml").write_bytes(b"mine")
        (desk.target / "sub/c.xml").write_bytes(b"")
        changed = desk.put("b.xml", desk.document.replace(b"Fern", b"Moor"))
        desk.put("d.xml")
        # An old file that is moved to the place of another is new all the same.
        os.utime(changed, (0, 0))
        done = desk.sign("--resume", "--report", desk.folder / "report.json")
        assert done.returncode == OK
        assert said(done)[0].startswith("3 signed, 1 skipped; ")
        assert desk.outputs() == {
            "a.xml": b"mine",
            "b.xml": desk.signed(changed.read_bytes()),
            "sub/c.xml": desk.signed(),
            "d.xml": desk.signed(),
        }
        results = report(desk.folder / "report.json")["results"]
        assert {Path(one["file"]).name: one["status"] for one in results if one["status"] != "signed"} == {
            "a.xml": "skipped"
        }

    def test_after_a_kill_in_the_middle_nothing_is_partial_and_it_is_completed(
        self, desk: Desk, many: dict[str, bytes]
    ) -> None:
        with subprocess.Popen([*COMMAND, *desk.signing("--fsync")], env=ENVIRONMENT) as process:
            wait_for(lambda: len(list(desk.target.rglob("*.xml"))) > 20)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        done = {name: octets for name, octets in desk.outputs().items() if name.endswith(".xml")}
        assert 20 < len(done) < MANY
        assert done.items() <= many.items()
        # As if it had been killed between two system calls.
        (desk.target / ".duisign-batch-0123456789abcdef").write_bytes(b"half a docum")
        (desk.target / "sub").mkdir(exist_ok=True)
        (desk.target / "sub/.duisign-batch-0123456789abcdee").write_bytes(b"")
        resumed = desk.sign("--resume", "--report", desk.folder / "report.json")
        assert resumed.returncode == OK
        assert desk.outputs() == many
        counts = report(desk.folder / "report.json")["counts"]
        assert counts == {"signed": MANY - len(done), "skipped": len(done), "failed": 0}

    def test_fsync_gives_the_same(self, desk: Desk) -> None:
        desk.put("a.xml")
        desk.put("sub/b.xml")
        assert desk.sign("--fsync").returncode == OK
        assert desk.outputs() == {"a.xml": desk.signed(), "sub/b.xml": desk.signed()}

    def test_fsync_is_asked_of_files_and_folders(self, desk: Desk, monkeypatch, closing) -> None:
        synced = []
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        )
        desk.put("sub/a.xml")
        output = closing(OutputFolder(str(desk.target), str(desk.source), sync=True))
        (file,) = InputFolder(str(desk.source), "*.xml").files(output)
        output.write(file, b"octets")
        assert synced[0].startswith(f"{desk.target}/sub/.duisign-batch-")
        output.finish()
        # And of what holds the names of folders that are new.
        assert synced[1:] == [str(desk.folder), str(desk.target), f"{desk.target}/sub"]

        def fail(descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(Failure, match=r"^Cannot write to .*: input/output error\.$"):
            output.finish()
        with pytest.raises(Failure, match=r"^Cannot write .*/sub/a.xml: input/output error\.$"):
            output.write(file, b"other")
        assert desk.outputs() == {"sub/a.xml": b"octets"}


class TestInterruptions:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_one_while_a_result_is_added_comes_behind_it(self, number: signal.Signals) -> None:
        interruptions, steps = _Interruptions(), []

        def step() -> None:
            interruptions.handle(number, None)
            steps.append(number)

        with pytest.raises(KeyboardInterrupt):
            interruptions.behind(step)
        assert steps == [number]
        # One is enough.
        interruptions.handle(number, None)
        with pytest.raises(KeyboardInterrupt):
            _Interruptions().handle(number, None)
        ended = _Interruptions()
        ended.end()
        ended.handle(number, None)
        ended.restore()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 20), (signal.SIGTERM, 1)])
    def test_it_ends_cleanly_and_can_be_resumed(
        self, desk: Desk, many: dict[str, bytes], number: signal.Signals, times: int
    ) -> None:
        command = [*COMMAND, *desk.signing("--fsync", "--workers", "3", "--report", desk.folder / "report.json")]
        # The signal may come between the opening of a file and the block that closes it: no matter.
        environment = ENVIRONMENT | {"PYTHONWARNINGS": "ignore::ResourceWarning"}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            wait_for(lambda: len(list(desk.target.rglob("*.xml"))) > 20)
            for _ in range(times):
                process.send_signal(number)
                time.sleep(0.002 if times > 1 else 0)
            output, errors = process.communicate(timeout=120)
        assert (process.returncode, output) == (128 + number, b"")
        lines = errors.decode().splitlines()
        if times > 1:
            # Python itself tells of interrupts that it drops, with a traceback.
            lines = [line for line in lines if line.startswith("duisign: ") or " signed; " in line]
        interrupted, summary = lines
        assert interrupted == "duisign: Interrupted."
        assert " signed; " in summary
        done = desk.outputs()
        assert 20 < len(done) < MANY
        assert done.items() <= many.items()
        found = report(desk.folder / "report.json")
        assert (found["interrupted"], found["exit_status"]) == (True, 128 + number)
        # The one that the signal came upon may be written, and not reported.
        assert len(done) - 1 <= found["counts"]["signed"] == len(found["results"]) <= len(done)
        assert not list(desk.folder.glob(".duisign*"))
        assert desk.sign("--resume").returncode == OK
        assert desk.outputs() == many

    @pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]])
    def test_while_standard_input_is_awaited(self, desk: Desk, numbers: list[signal.Signals]) -> None:
        desk.put("a.xml", desk.signed())
        command = [*COMMAND, "verify", desk.source, "-", "--cert", desk.folder / "smki", "--workers", "2"]
        with subprocess.Popen(
            command, env=ENVIRONMENT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            # In the reading of its input.
            wait_until_asleep(process.pid)
            for number in numbers:
                process.send_signal(number)
            # Not communicate(), which would end the input.
            assert process.wait(120) in [128 + signal.SIGINT, *(-number for number in numbers)]
            assert (process.stdout.read(), b"Traceback" in process.stderr.read()) == (b"", False)

    @pytest.mark.parametrize("interrupted", [False, True])
    def test_names_are_missed_by_whole_batches_alone(self, desk: Desk, monkeypatch, capsys, interrupted: bool) -> None:
        monkeypatch.setattr(verify_batch, "run_batch", lambda *_, **__: Ending(ERROR, interrupted))
        options = BatchOptions(workers=1, glob=None, report=None)
        assert verify_batch.verify_folders(lambda: None, [str(desk.source)], options, as_json=True) == ERROR
        assert ("No file in" in capsys.readouterr().err) is not interrupted
