"""Has it become slower? Ratios of times in one run, held against the committed ones (ratios.json).

Run: make bench-quick. Times are those of the processor for this thread, which stand still while it does something else,
and of the fastest of many short rounds: what runs beside only adds, and it adds more to signxml than to ECDSA. A ratio
that is more than 25 % worse than the committed one fails, after a second chance. After an intended change:
make bench-quick-update.

Each test is one benchmark of pytest-benchmark: its rounds are samples of duisign's, and before each of them one of
each competitor is taken.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from competitors import LIMIT, OURS, SIGNXML_PREPARED, Call, Competitor, Task, named, wrong_signing, wrong_verifying
from documents import SIZES
from duisign.testing import Smki
from measurement import FULL, calibrated, sampled
from ratios import COST, LEAD, Ratios

EFFORT = dataclasses.replace(FULL, sample=0.002)
SECONDS = 4.0
PATIENCE = 40.0
"""Seconds for a test; and how many more at most before it fails, since the machine may have been busy all along."""
WORKLOADS = {
    "sign": ("0.6 KB", "1 KB", "2.8 KB", "70 KB", "0.7 MB"),
    "verify": ("0.6 KB", "1 KB", "2.8 KB", "0.7 MB"),
}
"""Documents by job. Of signing 70 KB about a third is SHA-256, which no count of instructions sees: to digest the
document twice costs more than 25 %."""

Job = tuple[Callable[[Competitor, Task], Call], Callable[[Competitor, Task], str | None]]
JOBS: dict[str, Job] = {
    "sign": (lambda competitor, task: competitor.signing(task), wrong_signing),
    "verify": (lambda competitor, task: competitor.verifying(task.identity, task.signed), wrong_verifying),
}


@pytest.fixture(scope="module")
def smki() -> Smki:
    return Smki.create()


@pytest.mark.benchmark(timer=time.thread_time)
@pytest.mark.parametrize(("job", "size"), [(job, size) for job in JOBS for size in WORKLOADS[job]])
def test_no_slower_than_committed(
    job: str, size: str, smki: Smki, ratios: Ratios, updates: bool, benchmark: Any
) -> None:
    prepare, wrong = JOBS[job]
    task, competitors = Task.of(smki, SIZES[size](smki)), named(OURS, LIMIT, SIGNXML_PREPARED)
    assert [wrong(competitor, task) for competitor in competitors] == [None, None, None]
    samples = Samples(*(prepare(competitor, task) for competitor in competitors))
    benchmark.pedantic(samples.take_ours, setup=samples.take_others, rounds=samples.rounds(SECONDS), iterations=1)
    workload = f"{job} {size}"
    ratios.add(workload, samples.ratios())
    end = time.monotonic() + PATIENCE
    while not updates and ratios.worse(workload) and time.monotonic() < end:
        samples.take_others()
        samples.take_ours()
        ratios.add(workload, samples.ratios())
    benchmark.extra_info.update(samples.ratios())
    if not updates:
        assert not ratios.worse(workload)


class Samples:
    """The fastest samples of the three calls."""

    def __init__(self, ours: Call, limit: Call, signxml: Call) -> None:
        self._calls = (ours, limit, signxml)
        calibrations = [calibrated(call, EFFORT) for call in self._calls]
        self._loops = [loops for loops, _ in calibrations]
        self._seconds = sum(seconds for _, seconds in calibrations)
        self._fastest = [math.inf] * len(self._calls)

    def rounds(self, seconds: float) -> int:
        """How many fill so many seconds."""
        return max(1, round(seconds / self._seconds))

    def take_ours(self) -> None:
        """Take a sample of duisign's."""
        self._take(0)

    def take_others(self) -> None:
        """Take one of each of the others."""
        self._take(1)
        self._take(2)

    def ratios(self) -> dict[str, float]:
        """What the fastest samples give."""
        ours, limit, signxml = self._fastest
        return {COST: ours / limit, LEAD: signxml / ours}

    def _take(self, number: int) -> None:
        seconds = sampled(self._calls[number], self._loops[number], time.thread_time)
        self._fastest[number] = min(self._fastest[number], seconds)
