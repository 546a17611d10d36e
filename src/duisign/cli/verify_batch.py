"""``duisign verify`` for folders, and for NDJSON."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from duisign.cli.batch_options import BatchOptions
from duisign.cli.batch_report import BatchReport, Finished
from duisign.cli.batch_run import run_batch
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import (
    STANDARD_STREAM,
    is_folder,
    note,
    output_is_terminal,
    printable,
    read_document,
    read_file,
    write_octets,
    write_text,
)
from duisign.cli.folder import FILE_UNREADABLE, FoundFile, InputFolder
from duisign.cli.ndjson import Line, MessageLine, json_line, open_lines
from duisign.cli.verdict import Examiner, Report, Verdict

__all__ = ["verify_folders", "verify_lines"]

_WORDS = [verdict.value for verdict in Verdict]


class _Examiners(threading.local):
    """An Examiner for each thread: it remembers the document that it is at."""

    def __init__(self, make: Callable[[], Examiner]) -> None:
        self.own = make()


def verify_folders(make: Callable[[], Examiner], names: Sequence[str], options: BatchOptions, *, as_json: bool) -> int:
    """Verify files, and the files in folders; the exit status. `as_json`: tell of each in JSON, not of refusals."""
    folders = {name: InputFolder(name, options.pattern) for name in names if is_folder(name)}
    # Before threads begin: an interruption then ends the waiting for it.
    read = {STANDARD_STREAM: _standard_input()} if STANDARD_STREAM in names else {}
    with BatchReport("verify", _WORDS, options.report) as report:
        ending = run_batch(
            partial(_verify_file, _Examiners(make), as_json, options.report is not None),
            _files(names, folders, read),
            report,
            workers=options.threads,
            weigh=lambda file: file.octets,
            tell=_tell,
            total=lambda: sum(folders[name].count() if name in folders else 1 for name in names),
            bar=not as_json or not output_is_terminal(),
            # Who has verified nothing must not take it for a good sign.
            empty=ExitStatus.ERROR,
        )
    for folder in folders.values():
        folder.note_left_alone(nothing_taken=not report.done and not ending.interrupted)
    _sum_up(report, as_json)
    return ending.status


def verify_lines(make: Callable[[], Examiner], name: str, options: BatchOptions) -> int:
    """Verify the documents in the lines of a file or of standard input; the exit status."""
    with BatchReport("verify", _WORDS, options.report) as report, open_lines(name) as lines:
        ending = run_batch(
            partial(_verify_line, _Examiners(make)),
            lines,
            report,
            workers=options.threads,
            weigh=len,
            tell=_tell,
            at_hand=lines.at_hand,
            bar=not output_is_terminal(),
        )
    _sum_up(report, True)
    return ending.status


def _files(names: Sequence[str], folders: dict[str, InputFolder], read: dict[str, FoundFile]) -> Iterator[FoundFile]:
    for name in names:
        if name in folders:
            yield from folders[name].files()
        else:
            yield read.get(name) or FoundFile(name, name)


def _standard_input() -> FoundFile:
    """What standard input holds, or why it cannot be read."""
    found = FoundFile(STANDARD_STREAM, STANDARD_STREAM)
    try:
        found.document = read_document(STANDARD_STREAM)
    except Failure as failure:
        found.problem = FILE_UNREADABLE, str(failure)
    return found


def _verify_file(examiners: _Examiners, as_json: bool, reported: bool, file: FoundFile) -> Finished:
    examiner = examiners.own
    problem = None if file.problem is None else file.problem[1]
    document = file.document or b""
    if problem is None and file.document is None:
        try:
            document = read_file(file.path)
        except Failure as failure:
            problem = str(failure)
    if problem is not None:
        verdict = examiner.unreadable(file.path, problem)
        said = problem
    else:
        verdict = examiner.examine(file.path, document)
        said = f"{file.path}: {verdict.verdict} ({verdict.code}). {verdict.reason}"
    finished = _finished(verdict)
    if as_json or reported:
        finished.facts = verdict.facts()
    if as_json:
        finished.line = json_line(finished.facts)
    elif finished.status is not ExitStatus.OK:
        finished.said = said
    return finished


def _verify_line(examiners: _Examiners, line: Line) -> Finished:
    examiner, message = examiners.own, MessageLine(line.octets)
    if message.problem is not None:
        verdict = examiner.unreadable("", message.problem, code="line-malformed")
    else:
        verdict = examiner.examine("", message.document)
    finished = _finished(verdict)
    facts = verdict.facts()
    del facts["file"]
    finished.facts = {"id": message.id, "line": line.number} | facts
    signed = None if verdict.message is None else message.written(verdict.message.signed_bytes)
    finished.line = json_line(finished.facts | {"message": signed})
    return finished


def _finished(verdict: Report) -> Finished:
    return Finished(verdict.verdict, verdict.verdict.exit_status, {"code": verdict.code})


def _tell(finished: Finished) -> None:
    if finished.line is not None:
        write_octets(None, finished.line)
    else:
        write_text(f"{printable(str(finished.said))}\n")


def _sum_up(report: BatchReport, as_json: bool) -> None:
    if as_json:
        note(report.summary())
    else:
        write_text(f"{report.summary()}\n")
