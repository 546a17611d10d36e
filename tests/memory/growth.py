"""How much a process grows while a call is repeated.

Three figures, each the difference between after and before:

* resident memory, in octets, from /proc: what the bar is about, though not precise, since pages come late and go
  never;
* blocks that Python's allocator has in use, and octets that malloc has (glibc): exact, so that one object lost in a
  hundred calls shows long before it fills a page.

Each workload runs in a process of its own, forked from one that has the modules loaded and nothing measured yet.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from duisign import DuisignError

CALLS = 100_000
PATH_CALLS = 5_000
"""Calls of one path of many through a function whose other workloads make 100,000. That is enough for the exact
figures, in which one object lost per hundred calls shows; a hundred paths of 100,000 calls would take minutes."""
WARM_UP_CALLS = 500


@dataclasses.dataclass(frozen=True)
class Workload:
    """A call that is repeated. `code`: of the DuisignError that it raises each time; None: it returns.

    `warm_up`: calls until every cache that the call fills is full.
    """

    name: str
    call: Callable[[], object]
    code: str | None = None
    calls: int = CALLS
    warm_up: int = WARM_UP_CALLS


def fresh(document: bytes) -> bytes:
    """A copy: a reference that a call keeps to its argument then costs a whole document."""
    return bytes(memoryview(document))


def status(field: str) -> int:
    """Octets of a line of /proc/self/status that is in kB, such as VmRSS or VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(field)


class _MallocInfo(ctypes.Structure):
    _fields_ = [  # glibc: struct mallinfo2
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


try:
    _mallinfo2 = ctypes.CDLL(None).mallinfo2
except (AttributeError, OSError, TypeError):  # not glibc, or Windows
    _mallinfo2 = None
else:
    _mallinfo2.restype = _MallocInfo


def malloc_octets() -> int:
    """Octets that malloc has handed out; 0 where the C library does not tell."""
    if _mallinfo2 is None:
        return 0
    information = _mallinfo2()
    return information.uordblks + information.hblkhd


def mapped_blocks() -> int:
    """Blocks of malloc that have a mapping of their own; 0 where the C library does not tell."""
    return 0 if _mallinfo2 is None else _mallinfo2().hblks


def mixed(name: str, workloads: Iterable[Workload]) -> Workload:
    """All of the given workloads in turn, each call of which does what that workload's does."""
    turns = itertools.cycle(list(workloads))

    def call() -> None:
        _repeat(next(turns), 1)

    return Workload(name, call)


def _repeat(workload: Workload, calls: int) -> None:
    call, code = workload.call, workload.code
    for _ in range(calls):
        try:
            call()
        except DuisignError as error:
            if error.code != code:
                raise
        else:
            if code is not None:
                raise AssertionError(f"{workload.name} did not raise {code}")


def _figures() -> dict[str, int]:
    gc.collect()
    return {"resident": status("VmRSS"), "blocks": sys.getallocatedblocks(), "malloc": malloc_octets()}


def _measured(workload: Workload) -> dict[str, object]:
    _repeat(workload, workload.warm_up)
    _figures()  # what the figures themselves need is there before the first that counts
    start, before = time.perf_counter(), _figures()
    _repeat(workload, workload.calls)
    after, seconds = _figures(), time.perf_counter() - start
    growth = {name: after[name] - before[name] for name in after}
    return {"name": workload.name, "calls": workload.calls, **growth, "seconds": round(seconds, 2)}


def main(workloads: Iterable[Workload]) -> int:
    """Measure each workload (or those named by arguments) in a process of its own, one line of JSON each.

    The exit code is 1 if a call did not do what its workload says.
    """
    failed = 0
    for workload in workloads:
        if sys.argv[1:] and workload.name not in sys.argv[1:]:
            continue
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            exit_code = 1
            try:
                print(json.dumps(_measured(workload)), flush=True)
                exit_code = 0
            finally:
                if exit_code:
                    sys.excepthook(*sys.exc_info())
                    print(f"in workload {workload.name}", file=sys.stderr, flush=True)
                os._exit(exit_code)
        failed |= os.waitpid(child, 0)[1]
    return 1 if failed else 0
