"""RequestID and ResponseID: who asks whom, and the originator counter (DUIS; DESIGN section 2)."""

from __future__ import annotations

import re
from typing import NamedTuple

from duisign._request_id import identifier_parts
from duisign.errors import DocumentError

__all__ = ["COUNTER_END", "RequestId", "collapsed", "entity_id_of", "sole_identifier"]

_SPACE = "[ \t\r\n]"
_ENTITY_ID = re.compile(r"[0-9A-F]{16}", re.ASCII)
_SPACES = re.compile(f"{_SPACE}+")
COUNTER_END = 1 << 64
"""The first number that is no counter any more."""


def collapsed(text: str) -> str:
    """The text of an xs:token: XML white space collapsed, and no other."""
    return _SPACES.sub(" ", text).strip(" ")


def entity_id_of(text: object) -> str:
    """An EUI-64 of the caller's, with hyphens or without, as upper-case hex pairs with hyphens; ValueError if none."""
    digits = text.upper().replace("-", "") if isinstance(text, str) else ""
    if not _ENTITY_ID.fullmatch(digits):
        raise ValueError("not an EUI-64")
    return bytes.fromhex(digits).hex("-").upper()


class RequestId(NamedTuple):
    """An identifier ``ORIGINATOR:TARGET:COUNTER``.

    `originator`, `target`: EUI-64s as upper-case hex pairs with hyphens. `counter`: 0 to 2^64 - 1.
    """

    originator: str
    target: str
    counter: int

    @classmethod
    def parse(cls, text: str) -> RequestId:
        """Read the text of a RequestID or ResponseID; raises DocumentError."""
        parts = identifier_parts(text)
        if parts is None:
            raise DocumentError(
                "request-id", "The RequestID is not ORIGINATOR:TARGET:COUNTER with EUI-64s and a 64-bit counter."
            )
        return cls._make(parts)

    def __str__(self) -> str:
        return f"{self.originator}:{self.target}:{self.counter}"


def sole_identifier(texts: list[str]) -> RequestId | None:
    """The identifier of a header that has one; None if it has none, DocumentError if malformed or repeated."""
    if not texts:
        return None
    if len(texts) > 1:
        raise DocumentError("request-id", "The message has several RequestIDs where one may be: refuse it.")
    return RequestId.parse(texts[0])
