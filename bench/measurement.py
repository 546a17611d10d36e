"""Interleaved measuring: ratios that hold on a noisy machine, in pyperf's format.

pyperf's own Runner measures all worker processes of one benchmark, then those of the next. What else the machine
does changes in the minute between, and goes straight into their ratio: on two cores, one of them busy, four runs of
it gave 1.32 to 1.61 for one and the same ratio, and three runs of this module 1.644 to 1.650. Here a *round* times
one sample of every competitor, a few milliseconds each, one right behind the other and in an order that changes
every round; a ratio is the median over the ratios within each round, so that a slow moment is slow for both sides
of it. Competitors in processes of their own (see `adapters.remote`) take their turn in the same rounds.

Everything else is as pyperf does it, and with its tools: several fresh worker processes one after the other (each has
its own memory layout, and its own keys), loops calibrated to a least sample time, pyperf's clock, metadata and JSON,
which ``python -m pyperf stats`` and ``compare_to`` read.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pyperf

from adapters.remote import Remote, RemoteCall
from competitors import OURS
from duisign.testing import Smki
from report import Bar, Report
from task import Call, Competitor, Task, UnsupportedError
from workloads import WORKLOADS, Workload

RESULTS = Path(__file__).parent / "results"
_WARM_UP_SAMPLES = 3
_SLOW = 0.2
"""Seconds. A call that takes so long is not made again to find out how long it takes."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure, in each of several processes.

    `rounds`: at most so many, and no more than fill `seconds`, though `least_rounds` in any case. `sample`: seconds
    that one sample takes at least. `warm_up`: seconds that a Java machine runs a call before it is timed. `every`: of
    many documents, only every so many-th.
    """

    processes: int
    rounds: int
    least_rounds: int
    seconds: float
    sample: float
    warm_up: float
    every: int


FULL = Effort(processes=4, rounds=60, least_rounds=4, seconds=2.0, sample=0.005, warm_up=1.0, every=1)
FAST = Effort(processes=1, rounds=5, least_rounds=1, seconds=0.3, sample=0.001, warm_up=0.02, every=27)


@dataclasses.dataclass(frozen=True)
class Job:
    """What is measured. `prepare` gives the call to time; `wrong`, what is wrong with its result, or None.

    `figures`: what else is measured, once per process, by name.
    """

    name: str
    competitors: tuple[Competitor, ...]
    prepare: Callable[[Competitor, Task], Call]
    wrong: Callable[[Competitor, Task], str | None]
    bars: tuple[Bar, ...]
    workloads: tuple[Workload, ...] = WORKLOADS
    figures: Mapping[str, Callable[[], float]] = dataclasses.field(default_factory=dict)


def sampled(call: Call, loops: int, clock: Callable[[], float] = pyperf.perf_counter) -> float:
    """Seconds per call, over `loops` calls; a driver's are by its own clock."""
    if isinstance(call, RemoteCall):
        return call.sample(loops)
    iterations = range(loops)
    start = clock()
    for _ in iterations:
        call()
    return (clock() - start) / loops


def calibrated(call: Call, effort: Effort) -> tuple[int, float]:
    """Calls that fill a sample, after a warm-up, and the seconds that they take."""
    if isinstance(call, RemoteCall):
        call.warm_up(effort.warm_up)
    loops = 1
    while (seconds := sampled(call, loops) * loops) < effort.sample:
        loops *= 2
    if seconds < _SLOW:
        # The first calls are slow, and may have been interrupted: a sample of too few calls has cold caches.
        fastest = min(sampled(call, loops) for _ in range(_WARM_UP_SAMPLES))
        loops = max(1, round(effort.sample / fastest))
        seconds = loops * fastest
    return loops, seconds


def interleaved(calls: Mapping[str, Call], effort: Effort) -> dict[str, dict[str, Any]]:
    """By name: loops, and seconds per call of each round."""
    calibrations = {name: calibrated(call, effort) for name, call in calls.items()}
    values: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    rounds = effort.rounds
    if seconds := sum(seconds for _, seconds in calibrations.values()):
        rounds = min(rounds, max(effort.least_rounds, int(effort.seconds / seconds)))
    for number in range(rounds):
        shift = number % len(names) if names else 0
        for name in names[shift:] + names[:shift]:
            values[name].append(sampled(calls[name], calibrations[name][0]))
    return {name: {"loops": calibrations[name][0], "values": values[name]} for name in names}


def together(calls: Sequence[Call]) -> Call:
    """One call that makes all of these, of one competitor, in turn."""
    if len(calls) == 1:
        return calls[0]
    remote = [call for call in calls if isinstance(call, RemoteCall)]
    if remote:
        return RemoteCall(remote[0].driver, [number for call in remote for number in call.numbers])

    def call() -> None:
        for one in calls:
            one()

    return call


def work(job: Job, effort: Effort, competitors: Sequence[Competitor] | None = None) -> dict[str, Any]:
    """One worker's results by workload: `measured` by competitor, why a cell stays `empty`, how many `documents`, and
    their mean `octets`.
    """
    competitors = job.competitors if competitors is None else competitors
    smki = Smki.create()
    try:
        return {one.name: _work_on(one, job, effort, competitors, smki) for one in job.workloads}
    finally:
        for competitor in competitors:
            if isinstance(competitor, Remote):
                competitor.stop()


def _work_on(
    workload: Workload, job: Job, effort: Effort, competitors: Sequence[Competitor], smki: Smki
) -> dict[str, Any]:
    try:
        tasks = workload.tasks(smki, effort.every)
    except UnsupportedError as error:
        empty = {competitor.name: str(error) for competitor in competitors}
        return {"measured": {}, "empty": empty, "documents": 0, "octets": 0}
    empty = {}
    calls: dict[str, Call] = {}
    for competitor in competitors:
        # The first wrong answer is enough.
        reason = next(filter(None, (job.wrong(competitor, task) for task in tasks)), None)
        if isinstance(competitor, Remote):
            competitor.forget()
        if reason is None:
            calls[competitor.name] = together([job.prepare(competitor, task) for task in tasks])
        else:
            empty[competitor.name] = reason
    measured = interleaved(calls, effort)
    for cell in measured.values():
        cell["values"] = [seconds / len(tasks) for seconds in cell["values"]]
    for competitor in competitors:
        if isinstance(competitor, Remote):
            competitor.forget()
    octets = mean(len(task.bare) for task in tasks)
    return {"measured": measured, "empty": empty, "documents": len(tasks), "octets": octets}


def collected(job: Job, results: Iterable[dict[str, Any]], competitors: Sequence[Competitor] | None = None) -> Report:
    """The report on several workers' results; a cell is empty if it was in any of them."""
    competitors = job.competitors if competitors is None else competitors
    results = list(results)
    report = Report(job.name, {competitor.name: competitor.version for competitor in competitors}, job.bars)
    versions = {f"{competitor.name}_version": competitor.version for competitor in competitors}
    for workload in (one.name for one in job.workloads):
        rows = [result[workload] for result in results]
        octets = rows[0]["octets"]
        report.add_workload(workload, rows[0]["documents"], octets)
        for competitor in competitors:
            reasons = [reason for row in rows if (reason := row["empty"].get(competitor.name))]
            if reasons:
                report.leave_empty(workload, competitor.name, reasons[0])
                continue
            metadata = {"name": f"{job.name} {workload} {competitor.name}", "unsigned_octets": octets, **versions}
            runs = [
                pyperf.Run(cell["values"], metadata={**metadata, "loops": cell["loops"]})
                for cell in (row["measured"][competitor.name] for row in rows)
            ]
            report.add(workload, competitor.name, pyperf.Benchmark(runs))
    return report


def spawned(script: str, effort: Effort) -> Iterable[dict[str, Any]]:
    """The results of fresh worker processes, one after the other.

    They do not inherit DUISIGN_LANES: "duisign" is duisign with the lane that it chooses itself.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DUISIGN_LANES"}
    command = [sys.executable, str(Path(__file__).with_name(script)), "--worker"]
    if effort is FAST:
        command.append("--fast")
    for number in range(effort.processes):
        print(f"{script}: process {number + 1} of {effort.processes}", file=sys.stderr)
        yield json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def main(job: Job, arguments: Sequence[str]) -> int:
    """Measure, print the report, write it to `bench/results/`; 1 if `--check` finds a bar missed, else 0."""
    options = parsed_options(f"Measure how fast {OURS} and its competitors {job.name}.", arguments)
    effort = FAST if options.fast else FULL
    if options.worker:
        json.dump(work(job, effort), sys.stdout)
        return 0
    start = time.monotonic()
    report = collected(job, spawned(f"bench_{job.name}.py", effort))
    for name, measure in job.figures.items():
        report.add_figure(name, [measure() for _ in range(effort.processes)])
    report.write(options.output)
    print(report.markdown())
    print(f"{job.name}: {time.monotonic() - start:.0f} s, written to {options.output}", file=sys.stderr)
    return 1 if options.check and report.missed() else 0


def parsed_options(description: str, arguments: Sequence[str]) -> Any:
    """The options that every suite has."""
    import argparse

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--fast", action="store_true", help="show that it works, not how fast")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)
