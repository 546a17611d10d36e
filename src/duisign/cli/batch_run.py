"""Runs a batch: hands its documents to threads, and tells what becomes of each, and of all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from duisign.cli.batch_report import BatchReport, Finished
from duisign.cli.exit_status import ExitStatus, Failure, ReaderGone
from duisign.cli.files import note
from duisign.work import results_in_order

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from duisign.cli.progress import ProgressBar

__all__ = ["Ending", "run_batch"]

_Item = TypeVar("_Item")

_SIGNAL = 128
"""The exit status of a process that a signal has ended is this and the number of the signal, as shells count."""


class Ending(NamedTuple):
    """How a batch ended: the exit status, and whether before its time."""

    status: int
    interrupted: bool


class _TerminationError(KeyboardInterrupt):
    """The process is to end, not by the keyboard but by SIGTERM."""


class _Interruptions:
    """What SIGINT and SIGTERM do: raise at once, or behind a step that must be done as a whole."""

    def __init__(self) -> None:
        self._held = self._over = self._late = False
        self._number = 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal came. The first one is enough: what is left to do takes no longer than the documents at work.

        Behind the last document the first one is too late, and the second one ends the process: what is being written
        then may be for a pipe that nobody reads.
        """
        if self._over:
            if self._late:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self._late = True
            return
        if self._number:
            return
        self._number = number
        if not self._held:
            self._raise(number)

    def begin(self) -> None:
        """From now on signals come here."""
        signal.signal(signal.SIGTERM, self.handle)
        # Not where it is ignored, as in the background of a shell.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self.handle)

    def end(self) -> None:
        """The last document is done."""
        self._over = True

    def restore(self) -> None:
        """From now on signals do what they did before, unless they are ignored since the first."""
        for number, usual in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
            if signal.getsignal(number) == self.handle:
                signal.signal(number, usual)

    def behind(self, step: Callable[[], None]) -> None:
        """Do a step as a whole; raises what it raises, and what came meanwhile."""
        self._held = True
        try:
            step()
        finally:
            self._held = False
        if self._number:
            self._raise(self._number)

    def _raise(self, number: int) -> NoReturn:
        raise _TerminationError if number == signal.SIGTERM else KeyboardInterrupt


def run_batch(
    call: Callable[[_Item], Finished],
    items: Iterable[_Item],
    report: BatchReport,
    *,
    workers: int,
    weigh: Callable[[_Item], int],
    tell: Callable[[Finished], None],
    at_hand: Callable[[], bool] | None = None,
    total: Callable[[], int] | None = None,
    bar: bool = True,
    finish: Callable[[bool], None] | None = None,
    empty: ExitStatus = ExitStatus.OK,
    lasting: bool = False,
) -> Ending:
    """Call a function for each item in threads, and `tell` of results in input order.

    `bar`: show how far it is, if standard error is a terminal, of `total` items if that can be known. An interruption
    by SIGINT or SIGTERM lets the documents that are being worked on be finished. `finish`: what remains to be done
    before the report is written, told whether there was one. `empty`: the exit status if there are no documents.
    `lasting`: what a call has done stays, and is to be reported also if it could not be told of. Raises Failure,
    ReaderGone, both behind the report.
    """
    shown = _progress_bar(total) if bar and sys.stderr is not None and sys.stderr.isatty() else None
    # What has been told, or lasts, and the report does not have yet, by identity.
    unreported: dict[int, Finished] = {}
    if lasting:
        call = partial(_kept, unreported, call)
    results = results_in_order(call, _finished, items, workers, weigh=weigh, at_hand=at_hand)
    failure: Failure | ReaderGone | None = None
    number = 0
    interruptions = _Interruptions()
    interruptions.begin()
    try:
        for finished in results:
            # First, so that the report never has what could not be told.
            if finished.said is not None or finished.line is not None:
                with _room(shown):
                    tell(finished)
            unreported[id(finished)] = finished
            # Counts and results of the report are of the same documents.
            interruptions.behind(partial(_report, report, unreported, finished))
            if shown is not None:
                shown.show(report.done, report.failed)
        interruptions.end()
    except KeyboardInterrupt as interruption:
        number = signal.SIGTERM if isinstance(interruption, _TerminationError) else signal.SIGINT
        # Also when the interpreter ends.
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
    except (Failure, ReaderGone) as error:
        interruptions.end()
        failure = error
    finally:
        results.close()
        if shown is not None:
            shown.close()
    if failure is None:
        try:
            for finished in list(unreported.values()):
                _report(report, unreported, finished)
            if finish is not None:
                finish(bool(number))
        except Failure as error:
            failure = error
    status = _SIGNAL + number if number else max(report.status, ExitStatus.OK if report.done else empty)
    if failure is not None:
        status = failure.status if isinstance(failure, Failure) else ExitStatus.ERROR
    report.publish(int(status), interrupted=bool(number))
    interruptions.restore()
    if failure is not None:
        raise failure
    if number:
        note("Interrupted.")
    return Ending(int(status), bool(number))


def _kept(unreported: dict[int, Finished], call: Callable[[_Item], Finished], item: _Item) -> Finished:
    finished = call(item)
    unreported[id(finished)] = finished
    return finished


def _report(report: BatchReport, unreported: dict[int, Finished], finished: Finished) -> None:
    report.add(finished)
    unreported.pop(id(finished), None)


def _finished(index: int, finished: Finished | None, error: object) -> Finished:
    assert finished is not None
    return finished


def _progress_bar(total: Callable[[], int] | None) -> ProgressBar:
    # rich takes a while to load.
    from duisign.cli.progress import ProgressBar

    return ProgressBar(None if total is None else total())


def _room(bar: ProgressBar | None) -> AbstractContextManager[None]:
    return nullcontext() if bar is None else bar.out_of_the_way()
