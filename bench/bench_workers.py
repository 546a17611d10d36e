"""Throughput by workers: documents per second of threads that share one Signer or Verifier.

Run: python bench/bench_workers.py [--fast]. Needs the extra "bench". Method of timing: see measurement.py.

Three ways to sign or verify a batch of 1 KB requests: `sign_many` and `verify_many`, as far as this version has them;
threads of the caller's that call `sign` or `verify`; and threads that do nothing but the ECDSA operation, the limit.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyperf

import duisign
from competitors import LIMIT, Call, Task, named
from documents import SIZES
from duisign.testing import Smki
from environment import machine, versions
from measurement import FAST, FULL, interleaved, parsed_options, spawned
from reference import WrongResultError

JOBS = ("sign", "verify")
THREADS = "threads"
DOCUMENT = "1 KB"
WORKERS_MAX = 8
BATCH, FAST_BATCH = 4_000, 200
"""Documents."""

FULL_WORKERS = dataclasses.replace(FULL, processes=3, rounds=15, least_rounds=15)


def workers() -> list[int]:
    """One, two, and so on to the number of cores, or to 8: two in any case, to show what one core makes of them."""
    return list(range(1, max(2, min(WORKERS_MAX, os.cpu_count() or 1)) + 1))


def in_threads(call: Call, batch: int, number: int) -> Call:
    """`batch` calls, shared by so many threads."""
    shares = [batch // number + (index < batch % number) for index in range(number)]

    def run(share: int) -> None:
        for _ in range(share):
            call()

    def together() -> None:
        threads = [threading.Thread(target=run, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return together


def many(method: Callable[..., Iterable[Any]], document: bytes, batch: int, number: int) -> Call:
    """One batch through `sign_many` or `verify_many`; it raises if a document fails."""
    documents = [document] * batch

    def together() -> None:
        results = collections.Counter(result.error is None for result in method(documents, workers=number))
        if results != {True: batch}:
            raise WrongResultError(f"{batch} documents gave {dict(results)}")

    return together


def calls(job: str, task: Task, batch: int) -> dict[str, Call]:
    """What is timed, by "way, workers"."""
    (limit,) = named(LIMIT)
    signer, verifier = task.signer(), duisign.Verifier(duisign.PinnedCertificates([task.identity.certificate]))
    if job == "sign":
        owner, call, alone, document = signer, lambda: signer.sign(task.document), limit.signing(task), task.document
    else:
        owner, call, document = verifier, lambda: verifier.verify(task.signed), task.signed
        alone = limit.verifying(task.identity, task.signed)
    found = {}
    for number in workers():
        if hasattr(owner, f"{job}_many"):
            found[f"{job}_many, {number}"] = many(getattr(owner, f"{job}_many"), document, batch, number)
        found[f"{THREADS}, {number}"] = in_threads(call, batch, number)
        found[f"{LIMIT}, {number}"] = in_threads(alone, batch, number)
    return found


def work(fast: bool) -> dict[str, Any]:
    """One worker process's seconds per document, by job and "way, workers"."""
    smki = Smki.create()
    task, batch = Task.of(smki, SIZES[DOCUMENT](smki)), FAST_BATCH if fast else BATCH
    return {
        job: {
            name: [seconds / batch for seconds in cell["values"]]
            for name, cell in interleaved(calls(job, task, batch), FAST if fast else FULL_WORKERS).items()
        }
        for job in JOBS
    }


def collected(results: Sequence[Mapping[str, Any]]) -> pyperf.BenchmarkSuite:
    """All times per document, for pyperf's tools and the chart."""
    return pyperf.BenchmarkSuite(
        [
            pyperf.Benchmark(
                [pyperf.Run(result[job][name], metadata={"name": f"workers {job} {name}"}) for result in results]
            )
            for job in JOBS
            for name in results[0][job]
        ]
    )


def rates(suite: pyperf.BenchmarkSuite, job: str) -> dict[str, list[tuple[int, float]]]:
    """Documents per second by number of workers, for each way."""
    found: dict[str, list[tuple[int, float]]] = {}
    for benchmark in suite.get_benchmarks():
        prefix = f"workers {job} "
        if benchmark.get_name().startswith(prefix):
            way, _, number = benchmark.get_name().removeprefix(prefix).rpartition(", ")
            found.setdefault(way, []).append((int(number), 1 / benchmark.median()))
    return found


def markdown(suite: pyperf.BenchmarkSuite) -> str:
    """The whole report."""
    lines = ["## workers", "", "| job | way | workers | documents per second | times one |"]
    lines.append("| --- | --- | ---: | ---: | ---: |")
    for job in JOBS:
        for way, points in rates(suite, job).items():
            one = points[0][1]
            lines += [f"| {job} | {way} | {number} | {rate:,.0f} | {rate / one:.2f} |" for number, rate in points]
    missing = [f"{job}_many" for job in JOBS if f"{job}_many" not in rates(suite, job)]
    notes = [f"This version of duisign has no {' and no '.join(missing)}.", ""] if missing else []
    return "\n".join([*lines, "", *notes, f"Documents of {DOCUMENT}.", versions({}), machine(), ""])


def main(arguments: Sequence[str]) -> int:
    """Measure, print the report, write it."""
    options = parsed_options("Measure the throughput of threads.", arguments)
    if options.worker:
        json.dump(work(options.fast), sys.stdout)
        return 0
    start = time.monotonic()
    suite = collected(list(spawned("bench_workers.py", FAST if options.fast else FULL_WORKERS)))
    options.output.mkdir(parents=True, exist_ok=True)
    suite.dump(str(options.output / "workers.json"), replace=True)
    (options.output / "workers.md").write_text(markdown(suite))
    print(markdown(suite))
    print(f"workers: {time.monotonic() - start:.0f} s, written to {options.output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
