"""Work on several threads: a call for each of many items, and the results in the order of the items.

The thread that asks for results works too: while the oldest result is not there yet, it takes chunks that no other
thread has begun. So N workers are N - 1 threads and the caller's; one worker needs no thread at all. Documents are
handed over in chunks, and without locks, because a signature takes no longer than a few hand-overs, and a thread that
sleeps takes longer to wake.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from operator import length_hint
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from duisign.errors import DuisignError
from duisign.limits import (
    CHUNK_DOCUMENTS,
    CHUNK_OCTETS,
    READ_AHEAD_DOCUMENTS,
    READ_AHEAD_OCTETS,
    WAITING_CHUNKS,
)

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["InChunks", "results_in_order"]

_SLOW_SECONDS = 0.001
_SLOW_SECONDS_EACH = 0.00003
"""Seconds. Items of which a chunk takes longer, and as many times longer as there are, come more slowly than they are
worked off."""

_FEW_DOCUMENTS = 7
"""The first documents, of the first three chunks, for which no thread is started: that takes as long as they do."""

_FEW_OCTETS = 65536
"""Octets of documents that are worked off as quickly as a thread is started, or as what comes slowly comes."""

_LONG_SECONDS = 0.001
"""Seconds. A call that takes longer waits for a key or a disk more than it computes: chunks would only keep it from
other threads."""

_CHUNK_SECONDS = 0.002
"""Seconds that a chunk may take, as far as the last one tells: so long its results, or an end, may be waited for."""

_LEAST_SHARE = 8
"""One of so many parts of what may make a chunk is worth a piece, when no more items come and chunks are cut."""

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


class InChunks(NamedTuple, Generic[_Item, _Value]):
    """What several threads do in place of a call for each item, to need Python's lock less often.

    `work_off`: appends to a list what the call would give for each item of a chunk; None: `otherwise` tells. Where the
    call would raise for an item, it raises behind those before.
    """

    work_off: Callable[[list[_Item], list[_Value | None]], None]
    otherwise: Callable[[_Item], _Value]


def results_in_order(
    call: Callable[[_Item], _Value],
    make: Callable[[int, _Value | None, DuisignError | None], _Result],
    items: Iterable[_Item],
    workers: int,
    *,
    weigh: Callable[[_Item], int],
    at_hand: Callable[[], bool] | None = None,
    in_chunks: InChunks[_Item, _Value] | None = None,
) -> Generator[_Result, None, None]:
    """A result for each item, in their order: `make` of its index, what `call` gave, and the DuisignError it raised.

    `items` is iterated in the thread that asks for results, ahead of them by at most `READ_AHEAD_DOCUMENTS` items and
    about `READ_AHEAD_OCTETS` (by `weigh`) per worker. Any other exception, of `call` or of `items`, is raised behind
    the results of the items before it, as in a plain loop. `at_hand`: whether the next item comes without waiting; if
    not, all results are given out first. `in_chunks`: what several workers do instead of `call`. However the generator
    ends, its threads end with it.
    """
    feed = _Feed(items, weigh, at_hand)
    if workers == 1:
        return _results_of_one(call, make, feed.iterator)
    return _results_of_several(call, in_chunks, make, feed, workers)


def _lightened(error: DuisignError) -> DuisignError:
    """The error without what would keep its document and the frames of a thread."""
    error.__context__ = None
    # What an external key raised: its words may be needed.
    if error.__cause__ is not None:
        error.__cause__.__context__ = error.__cause__.__cause__ = None
        error.__cause__.__traceback__ = None
    return error.with_traceback(None)


def _result(
    call: Callable[[_Item], _Value],
    make: Callable[[int, _Value | None, DuisignError | None], _Result],
    index: int,
    item: _Item,
) -> _Result:
    """What became of one item."""
    try:
        return make(index, call(item), None)
    except DuisignError as error:
        return make(index, None, _lightened(error))


def _results_of_one(
    call: Callable[[_Item], _Value],
    make: Callable[[int, _Value | None, DuisignError | None], _Result],
    items: Iterator[_Item],
) -> Generator[_Result, None, None]:
    for index, item in enumerate(items):
        yield _result(call, make, index, item)


class _Feed(Generic[_Item]):
    """The items, in chunks. `open`: there may be more. `failure`: what iterating them raised, which closed it.

    Of the chunk taken last, `octets`: its weight; `slow`: it was cut short because its items come slowly; `dry`:
    because the next one is not at hand. `most`: items of a chunk, to be set. `sized`: it is known how many there are.
    """

    __slots__ = (
        "_at_hand",
        "_size",
        "_weigh",
        "dry",
        "failure",
        "iterator",
        "most",
        "octets",
        "open",
        "sized",
        "slow",
    )

    def __init__(
        self, items: Iterable[_Item], weigh: Callable[[_Item], int], at_hand: Callable[[], bool] | None
    ) -> None:
        self.iterator: Iterator[_Item] = iter(items)
        self._weigh = weigh
        self._at_hand = at_hand
        self.sized = length_hint(self.iterator) > 0
        # Small at first: all workers begin at once, and the first result comes soon.
        self._size = 1
        self.open = True
        self.failure: Exception | None = None
        self.octets = 0
        self.most = CHUNK_DOCUMENTS
        self.slow = self.dry = False

    def take(self, most: int, awaited: bool) -> list[_Item]:
        """The next chunk, at most `most` items. `awaited`: earlier results are not out yet."""
        size = min(self._size, most, self.most)
        if self.most > 1:
            self._size = min(2 * self._size, CHUNK_DOCUMENTS)
        self.octets = 0
        self.slow = self.dry = False
        at_hand, weigh, clock = self._at_hand, self._weigh, time.perf_counter
        start = clock()
        items: list[_Item] = []
        try:
            while len(items) < size and self.octets < CHUNK_OCTETS and not self.slow:
                if at_hand is not None and (items or awaited) and not at_hand():
                    self.dry = True
                    break
                item = next(self.iterator)
                items.append(item)
                self.octets += weigh(item)
                taken = clock() - start
                self.slow = taken > _SLOW_SECONDS and taken > _SLOW_SECONDS_EACH * len(items)
        except StopIteration:
            self.open = False
        except Exception as failure:  # noqa: BLE001 - raised behind the results of what came before it
            self.open = False
            self.failure = failure
        return items


class _Failed:
    """An exception that is no result, behind the results of a chunk."""

    __slots__ = ("failure",)

    def __init__(self, failure: BaseException) -> None:
        self.failure: BaseException | None = failure


def _taken_failure(holder: _Feed[Any] | _Failed) -> BaseException:
    """What is to be raised, no longer held by what its traceback holds."""
    failure, holder.failure = holder.failure, None
    assert failure is not None
    return failure


class _Work(Generic[_Item, _Value, _Result]):
    """Chunks of items that whoever has time works off, and their results by the index of their first item.

    `waiting`: chunks that nobody has begun. `_resting`: an entry for each thread that has nothing to do. Taking from
    these, and putting into them, are single steps of the interpreter: they need no lock, which others would wait for.
    `long`: each call takes long, as far as the caller's thread knows; `most`: how many of them make a chunk; `least`:
    how many of them are worth a piece at last.
    """

    __slots__ = (
        "_awaited",
        "_call",
        "_executor",
        "_finished",
        "_in_chunks",
        "_make",
        "_ready",
        "_resting",
        "_stopped",
        "_threads",
        "least",
        "long",
        "most",
        "waiting",
    )

    def __init__(
        self,
        call: Callable[[_Item], _Value],
        in_chunks: InChunks[_Item, _Value] | None,
        make: Callable[[int, _Value | None, DuisignError | None], _Result],
        threads: int,
    ) -> None:
        self._call = call
        self._in_chunks = in_chunks
        self._make = make
        self.waiting: deque[tuple[int, list[_Item]]] = deque()
        self._resting = [None] * threads
        # The identifiers of those that have begun.
        self._threads: set[int] = set()
        self._executor: ThreadPoolExecutor | None = None
        self._stopped = False
        self._finished: dict[int, tuple[list[_Result], _Failed | None]] = {}
        self._awaited = -1
        self._ready = threading.Event()
        self.long = False
        self.most = CHUNK_DOCUMENTS
        self.least = 1

    def is_finished(self, first: int) -> bool:
        """Whether the results of a chunk are there."""
        return first in self._finished

    def results(self, first: int) -> tuple[list[_Result], _Failed | None]:
        """The results of a finished chunk, and what ended it, which are forgotten here."""
        return self._finished.pop(first)

    def work_one(self) -> bool:
        """Work off a chunk; False if none waits. Raises what is no Exception, as KeyboardInterrupt."""
        try:
            first, items = self.waiting.popleft()
        except IndexError:
            return False
        start = time.perf_counter()
        _, failed = self._finished[first] = self._worked_off(first, items)
        seconds = (time.perf_counter() - start) / len(items)
        self.long = seconds > _LONG_SECONDS
        if self.long:
            self.most = 1
        else:
            self.most = int(_CHUNK_SECONDS / max(seconds, _CHUNK_SECONDS / CHUNK_DOCUMENTS))
        self.least = max(1, self.most // _LEAST_SHARE)
        if failed is not None and not isinstance(failed.failure, Exception):
            raise _taken_failure(failed)
        return True

    def share_out(self, shares: int) -> list[tuple[int, int]]:
        """Cut the chunks that nobody has begun, the last ones, into smaller ones, so that all workers end at once.

        Each is one of so many shares of what is left, as far as its chunk goes, with what would be too little for a
        piece of its own. Returns the index of its first item and the length of each.
        """
        chunks: deque[tuple[int, list[_Item]]] = deque()
        with suppress(IndexError):
            while True:
                chunks.appendleft(self.waiting.pop())
        left = sum(len(items) for _, items in chunks)
        cuts: list[tuple[int, int]] = []
        for first, items in chunks:
            start = 0
            while start < len(items):
                end = start + max(self.least, left // shares)
                piece = items[start:] if len(items) - end < self.least else items[start:end]
                self.waiting.append((first + start, piece))
                cuts.append((first + start, len(piece)))
                start += len(piece)
                left -= len(piece)
        return cuts

    def hand_over(self) -> None:
        """Have threads that have nothing to do work off the chunks that wait."""
        for _ in range(min(len(self._resting), len(self.waiting))):
            if self._executor is None:
                self._executor = _executor(len(self._resting), self._threads)
            self._resting.pop()
            self._executor.submit(self._work_all)

    def stop(self) -> None:
        """End the threads, at their next item, or behind what they work off at once."""
        self._stopped = True
        if self._executor is not None:
            # A generator in a cycle of references may be ended by the garbage collector, in one of its own threads.
            self._executor.shutdown(wait=threading.get_ident() not in self._threads, cancel_futures=True)

    def _work_all(self) -> None:
        """Work off chunks until none waits, or all shall stop: what a thread does."""
        try:
            while not self._stopped:
                try:
                    first, items = self.waiting.popleft()
                except IndexError:
                    return
                self._finished[first] = self._worked_off(first, items)
                if first == self._awaited:
                    self._ready.set()
        finally:
            self._resting.append(None)

    def wait(self, first: int) -> None:
        """Wait for a chunk that a thread has begun."""
        self._ready.clear()
        self._awaited = first
        # It may have been finished before anybody knew that it is awaited.
        if first not in self._finished:
            self._ready.wait()
        self._awaited = -1

    def _worked_off(self, first: int, items: list[_Item]) -> tuple[list[_Result], _Failed | None]:
        results: list[_Result] = []
        try:
            if self._in_chunks is not None:
                self._work_off_at_once(self._in_chunks, first, items, results)
            for index, item in enumerate(items[len(results) :], first + len(results)):
                if self._stopped:
                    break
                results.append(_result(self._call, self._make, index, item))
        except BaseException as failure:  # noqa: BLE001 - raised behind the results of what came before it
            return results, _Failed(failure)
        return results, None

    def _work_off_at_once(
        self, in_chunks: InChunks[_Item, _Value], first: int, items: list[_Item], results: list[_Result]
    ) -> None:
        """Append the results of a chunk, as far as they come at once; raises behind them what is no result."""
        make = self._make
        values: list[_Value | None] = []
        refusal = None
        try:
            in_chunks.work_off(items, values)
        except DuisignError as error:
            refusal = _lightened(error)
        finally:
            for index, value in enumerate(values, first):
                if value is not None:
                    results.append(make(index, value, None))
                elif self._stopped:
                    break
                else:
                    results.append(_result(in_chunks.otherwise, make, index, items[index - first]))
        if refusal is not None and not self._stopped:
            results.append(make(first + len(results), None, refusal))


def _results_of_several(
    call: Callable[[_Item], _Value],
    in_chunks: InChunks[_Item, _Value] | None,
    make: Callable[[int, _Value | None, DuisignError | None], _Result],
    feed: _Feed[_Item],
    workers: int,
) -> Generator[_Result, None, None]:
    work: _Work[_Item, _Value, _Result] = _Work(call, in_chunks, make, workers - 1)
    # First index, length and octets of each chunk whose results are not out yet.
    pending: deque[tuple[int, int, int]] = deque()
    taken = ahead = octets = 0
    hold = shared = False
    # Not many documents yet, which take no time; and none of which it is known how long it takes, among who knows how
    # many.
    few = True
    new = not feed.sized
    try:
        while True:
            while (
                feed.open
                and not (pending and (hold or (few and new)))
                and len(work.waiting) < WAITING_CHUNKS * workers
                and ahead < READ_AHEAD_DOCUMENTS * workers
                and octets < READ_AHEAD_OCTETS * workers
            ):
                items = feed.take(READ_AHEAD_DOCUMENTS * workers - ahead, bool(pending))
                if items:
                    pending.append((taken, len(items), feed.octets))
                    work.waiting.append((taken, items))
                    taken += len(items)
                    ahead += len(items)
                    octets += feed.octets
                del items
                few = taken <= _FEW_DOCUMENTS and octets <= _FEW_OCTETS
                # Where items come slowly, results wait for none; what takes long is worked off meanwhile.
                hold = feed.dry or (feed.slow and octets <= _FEW_OCTETS)
                if feed.slow and pending and work.is_finished(pending[0][0]):
                    break
                if feed.slow and not few:
                    work.hand_over()
            if not feed.open and not shared:
                shared = True
                cuts = work.share_out(2 * workers)
                while cuts and pending and pending[-1][0] >= cuts[0][0]:
                    pending.pop()
                # No more is taken: their octets do not matter.
                pending.extend((first, length, 0) for first, length in cuts)
            if not few or work.long:
                work.hand_over()
            if not pending:
                break
            first, length, weight = pending[0]
            if not work.is_finished(first):
                if not work.work_one():
                    work.wait(first)
                new = False
                feed.most = work.most
                continue
            pending.popleft()
            results, failed = work.results(first)
            results.reverse()
            while results:
                yield results.pop()
            if failed is not None:
                raise _taken_failure(failed)
            ahead -= length
            octets -= weight
        if feed.failure is not None:
            raise _taken_failure(feed)
    finally:
        work.stop()


def _executor(workers: int, threads: set[int]) -> ThreadPoolExecutor:
    """So many threads, which note their identifiers in `threads`."""
    # Not before it is needed: it takes longer to load than many a batch.
    from concurrent.futures import ThreadPoolExecutor

    # Of all kinds of threads, these are the ones that are told and waited for when the interpreter ends.
    return ThreadPoolExecutor(workers, "duisign", lambda: threads.add(threading.get_ident()))
