"""The originator counter of a Request: set anew in the caller's bytes, of which nothing else changes."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from duisign._markup import leaf
from duisign._message_facts import message_facts
from duisign.document import DocumentReader
from duisign.errors import ConfigurationError, DocumentError
from duisign.limits import MAX_DOCUMENT_OCTETS
from duisign.request_id import COUNTER_END, sole_identifier

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["RequestCounter", "milliseconds"]

_PLAIN = re.compile(rb"[ \t\r\n]*[0-9A-Fa-f-]{23}:[0-9A-Fa-f-]{23}:([0-9]{1,20})[ \t\r\n]*")


def milliseconds() -> int:
    """The counter that the DCC's tool gives a Request: milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000


class RequestCounter:
    """Sets the counter of ``ORIGINATOR:TARGET:COUNTER`` in the RequestID of Requests. Shared by threads.

    `max_octets`: the limit of a document. Raises ConfigurationError.
    """

    __slots__ = ("_reader",)

    def __init__(self, *, max_octets: int = MAX_DOCUMENT_OCTETS) -> None:
        self._reader = DocumentReader(max_octets)

    def set(self, document: bytes, counter: int | None = None) -> bytes:
        """The document with `counter`, 0 to 2^64 - 1, in its RequestID; None means `milliseconds`.

        Every other octet stays, those of originator, target and the white space around them too. A Signature that the
        document has no longer holds. Two Requests of one millisecond get one counter, and the DCC refuses the second:
        whoever sends more counts for himself.

        Raises DocumentError: `request-counter` if it is no Request, or if RequestID holds anything but plain
        characters (a comment, CDATA, a reference), since readers differ in what it says then. ConfigurationError for
        what is no counter.
        """
        if counter is None:
            counter = milliseconds()
        if type(counter) is not int or not 0 <= counter < COUNTER_END:
            raise ConfigurationError("request-counter", "A counter is a whole number from 0 to 2^64 - 1.")
        root, is_utf8 = self._reader.read(document)
        place = _place(root)
        if is_utf8:
            return _replaced(document, place, counter)
        text, codec = self._reader.decode(document)
        return _replaced(text.encode(), place, counter).decode().encode(codec)


def _place(root: _Element) -> tuple[int, int]:
    """Which child of the root its Header is, and which child of that the RequestID is; raises DocumentError."""
    facts = message_facts(root)
    if facts.root != "Request":
        raise DocumentError(
            "request-counter",
            "The document is no Request, and nothing else has a counter of its sender's: preserve the counter.",
        )
    # Refuses what is missing, repeated or malformed. One identifier means one Header.
    sole_identifier(facts.request_ids or [""])
    namespace = str(root.tag).partition("}")[0] + "}"
    header = root.find(f"{namespace}Header")
    element = None if header is None else header.find(f"{namespace}RequestID")
    assert header is not None
    assert element is not None
    return _number(header), _number(element)


def _number(element: _Element) -> int:
    return sum(1 for _ in element.itersiblings("*", preceding=True))


def _replaced(utf8: bytes, place: tuple[int, int], counter: int) -> bytes:
    start, end = leaf(utf8, *place)
    plain = _PLAIN.fullmatch(utf8, start, end)
    if plain is None:
        raise DocumentError(
            "request-counter",
            "RequestID holds a comment, CDATA or a reference beside its characters: write it plainly.",
        )
    return b"%b%d%b" % (utf8[: plain.start(1)], counter, utf8[plain.end(1) :])
