"""RequestID and ResponseID: who asks whom, and the originator counter (DUIS; DESIGN section 2)."""

from __future__ import annotations

import dataclasses
import re

from duisign.errors import DocumentError

__all__ = ["RequestId"]

_EUI64 = "[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){7}"
_FORM = re.compile(rf"({_EUI64}):({_EUI64}):([0-9]{{1,20}})", re.ASCII)
_COUNTER_END = 1 << 64


@dataclasses.dataclass(frozen=True, slots=True)
class RequestId:
    """An identifier ``ORIGINATOR:TARGET:COUNTER``.

    `originator`, `target`: EUI-64s as upper-case hex pairs with hyphens. `counter`: 0 to 2^64 - 1.
    """

    originator: str
    target: str
    counter: int

    @classmethod
    def parse(cls, text: str) -> RequestId:
        """Read the text of a RequestID or ResponseID, white space collapsed; raises DocumentError."""
        match = _FORM.fullmatch(" ".join(text.split()))
        if match is None or int(match[3]) >= _COUNTER_END:
            raise DocumentError(
                "request-id",
                "The RequestID is not ORIGINATOR:TARGET:COUNTER with EUI-64s and a 64-bit counter.",
            )
        return cls(match[1].upper(), match[2].upper(), int(match[3]))

    def __str__(self) -> str:
        return f"{self.originator}:{self.target}:{self.counter}"
