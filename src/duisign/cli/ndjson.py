"""NDJSON: one JSON object on each line, with ``id`` and ``message``, and one line for each in answer."""

from __future__ import annotations

import json
import os
import select
import sys
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from duisign._markup import OTHER_ENCODING, prolog
from duisign.cli.exit_status import Failure
from duisign.cli.files import STANDARD_STREAM, reason
from duisign.json_object import json_object
from duisign.limits import MAX_DOCUMENT_OCTETS

__all__ = ["Line", "Lines", "MessageLine", "json_line", "open_lines"]

MAX_LINE_OCTETS = 4 * MAX_DOCUMENT_OCTETS
"""Octets of a line: the largest document with every third character escaped, or in base64."""

_READ_OCTETS = 65536
"""Octets that are read at once: what a pipe holds."""
_READS_AT_ONCE = 64
"""Reads after which a line that is still not whole counts as not at hand: answers wait no longer for it."""
_NEWLINE = b"\n"


@dataclass(slots=True)
class Line:
    """A line of the input. `number`: from 1. `octets`: None if it is too long."""

    number: int
    octets: bytes | None

    def __len__(self) -> int:
        return len(self.octets or b"")


class Lines:
    """The lines of an open file or pipe that are not empty. Raises Failure."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self._number = 0
        self._complete: deque[Line] = deque()
        # The beginning of the next line, in pieces; None: it is too long already.
        self._begun: list[bytes] | None = []
        self._begun_octets = 0
        self._ended = False

    def __iter__(self) -> Iterator[Line]:
        while self._complete or not self._ended:
            if not self._complete:
                self._read()
                continue
            yield self._complete.popleft()

    def at_hand(self) -> bool:
        """Whether a whole line, or the end, is there without waiting for the sender. Raises Failure."""
        for _ in range(_READS_AT_ONCE):
            if self._complete or self._ended:
                return True
            if not select.select([self._descriptor], [], [], 0)[0]:
                return False
            self._read()
        return bool(self._complete) or self._ended

    def _read(self) -> None:
        try:
            octets = os.read(self._descriptor, _READ_OCTETS)
        except OSError as error:
            raise Failure(f"Cannot read {self._name}: {reason(error)}.") from None
        if not octets:
            self._ended = True
            if self._begun != []:
                self._end_line()
            return
        *ends, rest = octets.split(_NEWLINE)
        for end in ends:
            self._begin(end)
            self._end_line()
        self._begin(rest)

    def _begin(self, octets: bytes) -> None:
        self._begun_octets += len(octets)
        if self._begun_octets > MAX_LINE_OCTETS:
            self._begun = None
        elif self._begun is not None and octets:
            self._begun.append(octets)

    def _end_line(self) -> None:
        self._number += 1
        octets = None if self._begun is None else b"".join(self._begun)
        if octets is None or octets.strip():
            self._complete.append(Line(self._number, octets))
        self._begun, self._begun_octets = [], 0


@contextmanager
def open_lines(name: str) -> Iterator[Lines]:
    """The lines of a file, or of standard input if the name is ``-``. Raises Failure."""
    if name == STANDARD_STREAM:
        if sys.stdin is None:
            raise Failure("There is no standard input to read from: name a file.")
        yield Lines(sys.stdin.fileno(), "the standard input")
        return
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Failure(f"Cannot read {name}: {reason(error)}.") from None
    try:
        yield Lines(descriptor, name)
    finally:
        os.close(descriptor)


class MessageLine:
    """What a line says: its `id` (a string, an integer or None) and the octets of its document.

    A document is text in the JSON string, of which the octets are UTF-8, or base64, in which no "<" can be; the answer
    has the same form. `problem`: why there is no document, a sentence.
    """

    __slots__ = ("_as_text", "document", "id", "problem")

    def __init__(self, octets: bytes | None) -> None:
        self.id: str | int | None = None
        self.document = b""
        self._as_text = False
        self.problem: str | None = None
        try:
            self._read(_object(octets))
        except _ProblemError as problem:
            self.problem = str(problem)

    def written(self, document: bytes) -> str:
        """A document in the form in which this one came."""
        return document.decode() if self._as_text else b64encode(document).decode()

    def _read(self, facts: dict[str, Any]) -> None:
        sender_id, message = facts.get("id"), facts.get("message")
        if not (sender_id is None or isinstance(sender_id, str) or type(sender_id) is int):
            raise _ProblemError("The id of the line is neither a string nor an integer.")
        self.id = sender_id
        if not isinstance(message, str):
            raise _ProblemError("The line has no message that is a string: XML, or its octets in base64.")
        self._as_text = "<" in message
        self.document = _octets_of_text(message) if self._as_text else _octets_of_base64(message)


class _ProblemError(Exception):
    """What is wrong with a line."""


def json_line(facts: dict[str, Any]) -> bytes:
    """An object as a line."""
    return json.dumps(facts).encode() + _NEWLINE


def _object(octets: bytes | None) -> dict[str, Any]:
    if octets is None:
        raise _ProblemError(f"The line is longer than {MAX_LINE_OCTETS // (1 << 20)} MiB.")
    facts = json_object(octets)
    if facts is None:
        raise _ProblemError('The line is no JSON object such as {"id": 1, "message": "<xml/>"}, each name once.')
    return facts


def _octets_of_text(message: str) -> bytes:
    try:
        document = message.encode()
    except UnicodeEncodeError:
        raise _ProblemError("The message is no text: it holds half a surrogate pair.") from None
    if prolog(document, False) == OTHER_ENCODING:
        raise _ProblemError(
            "The message is text, and its XML declaration names another encoding than UTF-8: give its octets in base64."
        )
    return document


def _octets_of_base64(message: str) -> bytes:
    try:
        return b64decode(message, validate=True)
    except ValueError:
        raise _ProblemError("The message is neither XML nor strict base64.") from None
