"""Where signing and verifying run: small documents in the event loop's thread, others in a pool."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from duisign.limits import DEFAULT_WORKERS

__all__ = ["INLINE_OCTETS", "Runner"]

INLINE_OCTETS = 32 * 1024
"""Octets of a body up to which the hand-over to a thread costs more than it spares others: docs/service.md has the
measurement. Below, a request holds up the others for less than half a millisecond."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Runner:
    """Runs what takes processor time. The pool begins with the first large document.

    `inline_octets`: of a body that is not handed over; 0 where the work waits for others.
    """

    def __init__(self, inline_octets: int = INLINE_OCTETS) -> None:
        self._inline_octets = inline_octets
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, octets: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What `work` gives for a body of so many octets."""
        if octets <= self._inline_octets:
            return work(*args, **kwargs)
        if self._pool is None:
            threads = max(2, min(DEFAULT_WORKERS, os.cpu_count() or 1))
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="duisign")
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
