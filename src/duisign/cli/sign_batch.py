"""``duisign sign`` for a folder, and for NDJSON."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from duisign.cli.batch_options import BatchOptions
from duisign.cli.batch_report import BatchReport, Finished, Spool
from duisign.cli.batch_run import run_batch
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import STANDARD_STREAM, note, output_is_terminal, read_file, write_octets
from duisign.cli.folder import FILE_UNREADABLE, FILE_UNWRITABLE, FoundFile, InputFolder, OutputFolder
from duisign.cli.ndjson import Line, MessageLine, json_line, open_lines
from duisign.cli.signing import changes, refusal
from duisign.errors import DuisignError

__all__ = ["sign_folder", "sign_lines"]

Sign = Callable[[bytes], bytes]

_SIGNED, _SKIPPED, _FAILED = "signed", "skipped", "failed"
_STRIPPED, _REPLACED = "stripped", "replaced"


def sign_folder(signs: Sign, name: str, output_name: str, options: BatchOptions, *, strips: bool) -> int:
    """Sign the files of a folder into another; the exit status. `strips`: `signs` drops white space between tags."""
    if output_name == STANDARD_STREAM:
        raise Failure(f"{name} is a folder: name with --output the one for the signed documents.")
    source = InputFolder(name, options.pattern)
    with (
        OutputFolder(output_name, name, sync=options.fsync) as output,
        BatchReport("sign", (_SIGNED, _SKIPPED, _FAILED), options.report) as report,
    ):
        ending = run_batch(
            partial(_sign_file, signs, output, options.resume, strips),
            source.files(output),
            report,
            workers=options.threads,
            weigh=lambda file: file.octets,
            tell=lambda finished: note(str(finished.said)),
            total=source.count,
            finish=lambda interrupted: output.finish(),
            lasting=True,
        )
    _sum_up(report)
    source.note_left_alone(nothing_taken=not report.done and not ending.interrupted)
    return ending.status


def sign_lines(signs: Sign, name: str, output_name: str, options: BatchOptions, *, strips: bool) -> int:
    """Sign the documents in the lines of a file or of standard input; the exit status."""
    with (
        nullcontext() if output_name == STANDARD_STREAM else Spool(output_name) as spool,
        BatchReport("sign", (_SIGNED, _FAILED), options.report) as report,
        open_lines(name) as lines,
    ):
        write = partial(write_octets, None) if spool is None else spool.write
        ending = run_batch(
            partial(_sign_line, signs, strips),
            lines,
            report,
            workers=options.threads,
            weigh=len,
            tell=lambda finished: write(finished.line or b""),
            at_hand=lines.at_hand,
            bar=spool is not None or not output_is_terminal(),
            finish=None if spool is None else partial(_publish, spool, output_name),
        )
    _sum_up(report)
    return ending.status


def _publish(spool: Spool, name: str, interrupted: bool) -> None:
    if interrupted:
        note(f"{name} was not written, since not all is done.")
    else:
        spool.publish()


def _sign_file(signs: Sign, output: OutputFolder, resume: bool, strips: bool, file: FoundFile) -> Finished:
    facts: dict[str, Any] = {"file": file.path}
    if file.problem is not None:
        code, sentence = file.problem
        return _failed(facts, code, Failure(sentence))
    if resume and output.is_done(file):
        return _ended(facts, _SKIPPED)
    code = FILE_UNREADABLE
    try:
        document = read_file(file.path)
        signed = signs(document)
        code = FILE_UNWRITABLE
        output.write(file, signed)
    except DuisignError as error:
        finished = _failed(facts, error.code, refusal(error))
        finished.said = f"{file.path}: {finished.said}"
        return finished
    except Failure as failure:
        return _failed(facts, code, failure)
    return _signed(facts, document, signed, strips)


def _sign_line(signs: Sign, strips: bool, line: Line) -> Finished:
    message = MessageLine(line.octets)
    facts: dict[str, Any] = {"id": message.id, "line": line.number}
    signed = None
    if message.problem is not None:
        finished = _failed(facts, "line-malformed", Failure(message.problem))
    else:
        try:
            signed = signs(message.document)
        except DuisignError as error:
            finished = _failed(facts, error.code, refusal(error))
        else:
            finished = _signed(facts, message.document, signed, strips)
    written = None if signed is None else message.written(signed)
    finished.line = json_line(finished.facts | {"message": written})
    return finished


def _failed(facts: dict[str, Any], code: str, failure: Failure) -> Finished:
    finished = _ended(facts, _FAILED, code, str(failure))
    finished.status, finished.said = failure.status, str(failure)
    return finished


def _signed(facts: dict[str, Any], document: bytes, signed: bytes, strips: bool) -> Finished:
    white_space, replaced = changes(document, signed)
    finished = _ended(facts, _SIGNED)
    finished.remarks = [_STRIPPED] * (strips and white_space > 0) + [_REPLACED] * replaced
    return finished


def _ended(facts: dict[str, Any], word: str, code: str | None = None, reason: str | None = None) -> Finished:
    return Finished(word, ExitStatus.OK, facts | {"status": word, "code": code, "reason": reason})


def _sum_up(report: BatchReport) -> None:
    stripped, replaced = report.remarks[_STRIPPED], report.remarks[_REPLACED]
    if stripped:
        note(f"Documents of which white space between tags was dropped: {stripped:,}.")
    if replaced:
        note(f"Documents of which a Signature was replaced: {replaced:,}.")
    note(report.summary())
