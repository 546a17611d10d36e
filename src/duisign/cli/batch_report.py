"""What became of a batch: counts, the sentence that sums it up, and the report file."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Self

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import reason, write_pieces

__all__ = ["BatchReport", "Finished", "Spool"]

_PIECE_OCTETS = 1 << 20
_REPORT_START = re.compile(rb'\{"command": "(sign|verify)", "version": "[^"]*", "begun": "')
"""How every report file begins, and no document, key or NDJSON does."""
_START_OCTETS = 200


@dataclass(slots=True)
class Finished:
    """What became of one document of a batch.

    `word`: what it is counted as. `facts`: for the report. `said`: what people are told of it, if anything. `line`:
    what programs are told of it, if anything. `remarks`: what else it is counted as.
    """

    word: str
    status: ExitStatus
    facts: dict[str, Any]
    said: str | None = None
    line: bytes | None = None
    remarks: Sequence[str] = ()


class Spool:
    """What will be a file as soon as it is whole. Until then it has no name, so that nothing is left of it otherwise.

    To be closed by ``with``. Raises Failure.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        path = Path(name)
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            # Beside a device there may be no place for files.
            folder = str(path.parent) if path.is_file() or not path.exists() else None
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by its owner
        except OSError as error:
            raise Failure(f"Cannot write {name}: {reason(error)}.") from None

    def write(self, octets: bytes) -> None:
        """Add to it."""
        try:
            self._file.write(octets)
        except OSError as error:
            raise Failure(f"Cannot write {self._name}: {reason(error)}.") from None

    def publish(self, head: bytes = b"", tail: bytes = b"") -> None:
        """Let it be the file, between `head` and `tail`."""
        write_pieces(self._name, self._pieces(head, tail))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What is still buffered is not wanted any more: that there is no room for it says nothing new.
        with contextlib.suppress(OSError):
            self._file.close()

    def _pieces(self, head: bytes, tail: bytes) -> Iterator[bytes]:
        yield head
        self._file.seek(0)
        yield from iter(partial(self._file.read, _PIECE_OCTETS), b"")
        yield tail


class BatchReport:
    """Counts what is finished. `words`: what documents are counted as. `name`: of the report file, if there is one.

    To be closed by ``with``.
    """

    def __init__(self, command: str, words: Sequence[str], name: str | None) -> None:
        self.counts = dict.fromkeys(words, 0)
        self.remarks: Counter[str] = Counter()
        self.status = ExitStatus.OK
        self.done = self.failed = 0
        self._codes: Counter[str] = Counter()
        self._command = command
        self._begun = datetime.now(UTC)
        self._start = time.monotonic()
        self._name = name
        self._results = None if name is None else Spool(_replaceable(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._results is not None:
            self._results.__exit__()

    def add(self, finished: Finished) -> None:
        """Count a document."""
        self.counts[finished.word] += 1
        self.done += 1
        self.remarks.update(finished.remarks)
        if finished.status is not ExitStatus.OK:
            self.status = max(self.status, finished.status)
            self.failed += 1
            self._codes[finished.facts["code"]] += 1
        if self._results is not None:
            self._results.write((",\n" if self.done > 1 else "\n").encode() + json.dumps(finished.facts).encode())

    def summary(self) -> str:
        """The counts, and how long it took."""
        seconds = time.monotonic() - self._start
        counts = ", ".join(f"{count:,} {word}" for word, count in self.counts.items() if count) or "No documents"
        rate = f", {self.done / seconds:,.0f} per second" if self.done else ""
        return f"{counts}; {seconds:.1f} s{rate}."

    def publish(self, status: int, *, interrupted: bool) -> None:
        """Write the report file, if there is to be one: an object with the results as its last member."""
        if self._results is None or self._name is None:
            return
        # It may have become an output meanwhile.
        _replaceable(self._name)
        head = {
            "command": self._command,
            "version": version("duisign"),
            "begun": self._begun.isoformat(),
            "seconds": round(time.monotonic() - self._start, 3),
            "interrupted": interrupted,
            "exit_status": status,
            "counts": self.counts,
            "codes": dict(sorted(self._codes.items())),
            "results": [],
        }
        self._results.publish(json.dumps(head).encode().removesuffix(b"]}"), b"\n]}\n")


def _replaceable(name: str) -> str:
    """The name of a report file; raises Failure where it is that of another file, such as a key or an output."""
    path = Path(name)
    try:
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(_START_OCTETS)
            if start and not _REPORT_START.match(start):
                raise Failure(f"{name} is there already, and is no report: name another file with --report.")
    except OSError as error:
        raise Failure(f"Cannot write {name}: {reason(error)}.") from None
    return name
