"""Interleaved measuring: ratios that hold on a noisy machine, in pyperf's format.

pyperf's own Runner measures all worker processes of one benchmark, then those of the next. What else the machine
does changes in the minute between, and goes straight into their ratio: on two cores, one of them busy, four runs of
it gave 1.32 to 1.61 for one and the same ratio, and three runs of this module 1.644 to 1.650. Here a *round* times
one sample of every competitor, a few milliseconds each, one right behind the other and in an order that changes
every round; a ratio is the median over the ratios within each round, so that a slow moment is slow for both sides
of it.

Everything else is as pyperf does it, and with its tools: several fresh worker processes one after the other (each has
its own memory layout, and its own keys), loops calibrated to a least sample time, pyperf's clock, metadata and JSON,
which ``python -m pyperf stats`` and ``compare_to`` read.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyperf

from competitors import COMPETITORS, OURS, Call, Competitor, Task
from documents import SIZES, service_request
from duisign.testing import Smki
from report import Bar, Report

RESULTS = Path(__file__).parent / "results"
_WARM_UP_SAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure. `sample`: seconds that one sample takes at least."""

    processes: int
    rounds: int
    sample: float


FULL = Effort(processes=6, rounds=60, sample=0.005)
FAST = Effort(processes=1, rounds=5, sample=0.001)


@dataclasses.dataclass(frozen=True)
class Job:
    """What is measured. `prepare` gives the call to time; `wrong`, what is wrong with its result, or None."""

    name: str
    prepare: Callable[[Competitor, Task], Call]
    wrong: Callable[[Competitor, Task], str | None]
    bars: tuple[Bar, ...]


def sampled(call: Call, loops: int) -> float:
    """Seconds per call, over `loops` calls."""
    clock = pyperf.perf_counter
    iterations = range(loops)
    start = clock()
    for _ in iterations:
        call()
    return (clock() - start) / loops


def calibrated(call: Call, sample: float) -> int:
    """Calls that fill `sample` seconds, after a warm-up."""
    loops = 1
    while sampled(call, loops) * loops < sample:
        loops *= 2
    return max(1, round(sample / min(sampled(call, loops) for _ in range(_WARM_UP_SAMPLES))))


def interleaved(calls: Mapping[str, Call], effort: Effort) -> dict[str, dict[str, Any]]:
    """By name: loops, and seconds per call of each round."""
    loops = {name: calibrated(call, effort.sample) for name, call in calls.items()}
    values: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(effort.rounds):
        shift = number % len(names) if names else 0
        for name in names[shift:] + names[:shift]:
            values[name].append(sampled(calls[name], loops[name]))
    return {name: {"loops": loops[name], "values": values[name]} for name in names}


def work(job: Job, effort: Effort, competitors: Sequence[Competitor] = COMPETITORS) -> dict[str, Any]:
    """One worker's results: `measured` by size and competitor, and why a cell stays `empty`."""
    smki = Smki.create()
    measured: dict[str, Any] = {}
    empty: dict[str, dict[str, str]] = {}
    for size, octets in SIZES.items():
        task = Task.of(smki, service_request(smki, octets))
        empty[size] = {}
        for competitor in competitors:
            reason = job.wrong(competitor, task)
            if reason is not None:
                empty[size][competitor.name] = reason
        right = [competitor for competitor in competitors if competitor.name not in empty[size]]
        measured[size] = interleaved({one.name: job.prepare(one, task) for one in right}, effort)
    return {"measured": measured, "empty": empty}


def collected(job: Job, results: Iterable[dict[str, Any]], competitors: Sequence[Competitor] = COMPETITORS) -> Report:
    """The report on several workers' results; a cell is empty if it was in any of them."""
    results = list(results)
    report = Report(job.name, [competitor.name for competitor in competitors], job.bars)
    versions = {f"{competitor.name}_version": competitor.version for competitor in competitors}
    for size, octets in SIZES.items():
        for competitor in competitors:
            reasons = [reason for result in results if (reason := result["empty"][size].get(competitor.name))]
            if reasons:
                report.leave_empty(size, competitor.name, reasons[0])
                continue
            metadata = {"name": f"{job.name} {size} {competitor.name}", "unsigned_octets": octets, **versions}
            runs = [
                pyperf.Run(cell["values"], metadata={**metadata, "loops": cell["loops"]})
                for cell in (result["measured"][size][competitor.name] for result in results)
            ]
            report.add(size, competitor.name, pyperf.Benchmark(runs))
    return report


def _spawned(job: Job, effort: Effort) -> Iterable[dict[str, Any]]:
    script = str(Path(__file__).with_name(f"bench_{job.name}.py"))
    for number in range(effort.processes):
        print(f"{job.name}: process {number + 1} of {effort.processes}", file=sys.stderr)
        command = [sys.executable, script, "--worker", *(["--fast"] if effort is FAST else [])]
        yield json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main(job: Job, arguments: Sequence[str]) -> int:
    """Measure, print the report, write it to `bench/results/`; 1 if `--check` finds a bar missed, else 0."""
    options = _options(job, arguments)
    effort = FAST if options.fast else FULL
    if options.worker:
        json.dump(work(job, effort), sys.stdout)
        return 0
    start = time.monotonic()
    report = collected(job, _spawned(job, effort))
    options.output.mkdir(parents=True, exist_ok=True)
    report.suite().dump(str(options.output / f"{job.name}.json"), replace=True)
    text = report.markdown()
    (options.output / f"{job.name}.md").write_text(text)
    print(text)
    print(f"{job.name}: {time.monotonic() - start:.0f} s, written to {options.output}", file=sys.stderr)
    return 1 if options.check and report.missed() else 0


def _options(job: Job, arguments: Sequence[str]) -> Any:
    import argparse

    parser = argparse.ArgumentParser(description=f"Measure how fast {OURS} and its competitors {job.name}.")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--fast", action="store_true", help="show that it works, not how fast")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)
