"""Batches: many documents on several threads, their results in input order."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from duisign.errors import ConfigurationError, DuisignError
from duisign.limits import DEFAULT_WORKERS, MAX_WORKERS
from duisign.work import results_in_order

if TYPE_CHECKING:
    from duisign.message import VerifiedMessage
    from duisign.work import InChunks

__all__ = ["SignResult", "VerifyResult", "available_workers", "results_of_documents"]

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


@dataclass(slots=True, eq=False, repr=False)
class SignResult:
    """What became of one document of `sign_many`.

    `index`: the place of the document in the input, from 0. `document`: signed, or None. `error`: why not, or None.
    """

    index: int
    document: bytes | None
    error: DuisignError | None

    @property
    def ok(self) -> bool:
        """Whether the document is signed."""
        return self.error is None

    def unwrap(self) -> bytes:
        """The signed document; raises the error if there is one."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        assert self.document is not None
        return self.document

    def __repr__(self) -> str:
        return f"<SignResult {self.index}: {'signed' if self.error is None else self.error.code}>"


@dataclass(slots=True, eq=False, repr=False)
class VerifyResult:
    """What became of one document of `verify_many`.

    `index`: the place of the document in the input, from 0. `message`: what was signed, or None. `error`: why the
    document is refused, or None.
    """

    index: int
    message: VerifiedMessage | None
    error: DuisignError | None

    @property
    def ok(self) -> bool:
        """Whether the document is verified."""
        return self.error is None

    def unwrap(self) -> VerifiedMessage:
        """The verified message; raises the error if there is one."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        assert self.message is not None
        return self.message

    def __repr__(self) -> str:
        return f"<VerifyResult {self.index}: {'verified' if self.error is None else self.error.code}>"


def results_of_documents(
    call: Callable[[bytes], _Value],
    make: Callable[[int, _Value | None, DuisignError | None], _Result],
    documents: Iterable[bytes],
    workers: int | None,
    *,
    in_chunks: InChunks[bytes, _Value] | None = None,
) -> Generator[_Result, None, None]:
    """`results_in_order` for the arguments of a public method; raises ConfigurationError before anything is done."""
    if isinstance(documents, (bytes, bytearray, memoryview, str)) or not isinstance(documents, Iterable):
        raise ConfigurationError(
            "documents", f"documents is {type(documents).__name__}: give a list or generator of documents as bytes."
        )
    if workers is None:
        workers = available_workers()
    if type(workers) is not int or not 1 <= workers <= MAX_WORKERS:
        raise ConfigurationError("workers", f"workers must be None or a number of threads from 1 to {MAX_WORKERS}.")
    return results_in_order(call, make, documents, workers, weigh=_octets, in_chunks=in_chunks)


def available_workers() -> int:
    """As many threads as there are processors for this process, up to `DEFAULT_WORKERS`."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), DEFAULT_WORKERS)
    return min(os.cpu_count() or 1, DEFAULT_WORKERS)


def _octets(document: object) -> int:
    # Anything else is refused at once.
    return len(document) if type(document) is bytes else 0
