"""Exit statuses of the command line, and the exceptions that end it with one."""

from __future__ import annotations

import enum

__all__ = ["ExitStatus", "Failure", "ReaderGone"]


class ExitStatus(enum.IntEnum):
    """What the process tells its caller: the numbers of the DCC's own tool."""

    OK = 0
    ERROR = 2
    """Usage, a document that cannot be read, input or output."""
    KEY_MISSING = 3
    """A key or certificate is not given, cannot be found, or cannot be used."""
    NOT_VALID = 10
    """Verification refused the message, a document is not valid by its schema, a certificate is not valid, or a party
    of a key ring has no key that signs."""


class Failure(Exception):
    """Ends the command with a sentence on standard error."""

    def __init__(self, sentence: str, status: ExitStatus = ExitStatus.ERROR) -> None:
        super().__init__(sentence)
        self.status = status


class ReaderGone(Exception):
    """Whoever read the standard output has closed it: nothing is left to do, and nothing to say."""
