"""How well batches scale: `sign_many` and `verify_many` with two workers against one, by size of the documents.

Run: python bench/bench_batches.py [--check] [--fast]. Needs the extra "bench", and two processors that are free: beside
each ratio stands that of ECDSA alone on two threads, which is what the machine gave at that time, and at the end what
other processes took.

As in measurement.py, a round times one sample of everything, one right behind the other and in an order that changes;
a ratio is the median over the ratios within each round, over several fresh processes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pyperf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import duisign
from bars import RatioBar, Spread, Verdict, bar_table, write_verdicts
from documents import service_request
from duisign.testing import Smki

SIZES = {"0.6 KB": 600, "1 KB": 1024, "2.8 KB": 2800, "28 KB": 28_000, "0.7 MB": 700_000}
JOBS = ("sign", "verify")
WORKERS = 2
AT_LEAST = 1.8
"""The bar of issue 4 on the ratio of the rates."""

RESULTS = Path(__file__).parent / "results"
PROCESSES, ROUNDS, SECONDS = 3, 15, 0.1
"""Fresh processes, rounds in each, and seconds that a sample takes at least."""
FAST_PROCESSES, FAST_ROUNDS, FAST_SECONDS = 1, 2, 0.005

ONE, SEVERAL = "1 worker", f"{WORKERS} workers"
LIMIT_ONE, LIMIT_SEVERAL = "ECDSA alone, 1 thread", f"ECDSA alone, {WORKERS} threads"
WORKLOADS = {f"{job}_many {size}": (job, size) for job in JOBS for size in SIZES}
"""Job and size by the name in the bars."""
BARS = tuple(RatioBar(workload, ONE, SEVERAL, at_least=AT_LEAST) for workload in WORKLOADS)

_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_DIGEST = sha256(b"a digest of 32 octets").digest()

Run = Callable[[int], object]
"""Does its work so many times."""


def runs(smki: Smki, job: str, octets: int) -> dict[str, Run]:
    """What is timed, once it has been found to give right results."""
    key, certificate = smki.user.private_key, smki.user.certificate
    signer = duisign.Signer(key, certificate)
    verifier = duisign.Verifier(duisign.PinnedCertificates([certificate]))
    document = service_request(smki, octets)
    signed = signer.sign(document)
    der = key.sign(_DIGEST, _PREHASHED)
    many, given, ecdsa = {
        "sign": (signer.sign_many, document, lambda: key.sign(_DIGEST, _PREHASHED)),
        "verify": (verifier.verify_many, signed, lambda: key.public_key().verify(der, _DIGEST, _PREHASHED)),
    }[job]

    def batch(workers: int) -> Run:
        def run(times: int) -> None:
            # Each the result of a call of its own, as in a stream of different documents.
            documents = (bytes(bytearray(given)) for _ in range(times))
            right = sum(result.ok for result in many(documents, workers=workers))
            assert right == times

        return run

    def limit(threads: int) -> Run:
        def share(times: int) -> None:
            for _ in range(times):
                ecdsa()

        def run(times: int) -> None:
            running = [threading.Thread(target=share, args=(times // threads,)) for _ in range(threads)]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()

        return run

    for result in signer.sign_many([document] * 10, workers=WORKERS):
        verifier.verify(result.unwrap())
    return {
        LIMIT_ONE: limit(1),
        LIMIT_SEVERAL: limit(WORKERS),
        ONE: batch(1),
        SEVERAL: batch(WORKERS),
    }


def sampled(run: Run, times: int) -> float:
    """Seconds for each of so many times."""
    start = pyperf.perf_counter()
    run(times)
    return (pyperf.perf_counter() - start) / times


def calibrated(run: Run, seconds: float) -> int:
    """How many times fill so many seconds, an even number."""
    times = WORKERS
    while (taken := sampled(run, times) * times) < seconds:
        times = max(2 * times, round(times * 1.1 * seconds / taken) // WORKERS * WORKERS)
    return times


def work(fast: bool) -> dict[str, Any]:
    """One process's seconds by job, size and name, and how many processors others took meanwhile."""
    rounds, seconds = (FAST_ROUNDS, FAST_SECONDS) if fast else (ROUNDS, SECONDS)
    smki = Smki.create()
    found: dict[str, Any] = {}
    taken_by_others = []
    for job in JOBS:
        for size, octets in SIZES.items():
            calls = runs(smki, job, octets)
            times = {name: calibrated(run, seconds) for name, run in calls.items()}
            values: dict[str, list[float]] = {name: [] for name in calls}
            names = list(calls)
            for number in range(rounds):
                busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
                shift = number % len(names)
                for name in names[shift:] + names[:shift]:
                    values[name].append(sampled(calls[name], times[name]))
                others = busy_seconds() - busy - (time.process_time() - own)
                taken_by_others.append(others / (time.perf_counter() - start))
            found.setdefault(job, {})[size] = {name: {"loops": times[name], "values": values[name]} for name in names}
    return {"found": found, "others": taken_by_others}


def busy_seconds() -> float:
    """Seconds that all processors together have worked for anybody, the hypervisor's other guests included; 0 if the
    system does not tell.
    """
    try:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(
            int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        )
    except OSError:
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Report:
    """Several processes' results."""

    def __init__(self, results: Sequence[dict[str, Any]]) -> None:
        self._found = [result["found"] for result in results]
        self._others = sorted(share for result in results for share in result["others"])

    def ratio(self, workload: str, numerator: str, denominator: str) -> Spread:
        """How two times relate, in each round."""
        job, size = WORKLOADS[workload]
        above, below = self._values(job, size, numerator), self._values(job, size, denominator)
        fastest = min(above) / min(below)
        return Spread.of([one / other for one, other in zip(above, below, strict=True)], fastest)

    def speed(self, workload: str, competitor: str) -> None:
        """No bar of this suite is on a speed."""

    def figure(self, name: str) -> None:
        """No bar of this suite is on another figure."""

    def verdicts(self) -> list[Verdict]:
        """All bars with what was measured."""
        return [Verdict.of("batches", bar, self) for bar in BARS]

    def missed(self) -> list[Verdict]:
        """The bars that were missed."""
        return [verdict for verdict in self.verdicts() if not verdict.met]

    def suite(self) -> pyperf.BenchmarkSuite:
        """All benchmarks, for pyperf's tools."""
        benchmarks = []
        for job in JOBS:
            for size in SIZES:
                for name in self._found[0][job][size]:
                    cells = [found[job][size][name] for found in self._found]
                    metadata = {"name": f"{job} {size}, {name}", "unsigned_octets": SIZES[size]}
                    benchmarks.append(
                        pyperf.Benchmark(
                            [
                                pyperf.Run(cell["values"], metadata={**metadata, "loops": cell["loops"]})
                                for cell in cells
                            ]
                        )
                    )
        return pyperf.BenchmarkSuite(benchmarks)

    def markdown(self) -> str:
        """The whole report."""
        lines = [
            "## batches",
            "",
            f"| job | document | {ONE}, µs | {SEVERAL}, µs | ratio | ratio of ECDSA alone |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
        ]
        for workload, (job, size) in WORKLOADS.items():
            one, several = (median(self._values(job, size, name)) * 1e6 for name in (ONE, SEVERAL))
            ratio = self.ratio(workload, ONE, SEVERAL).median
            limit = self.ratio(workload, LIMIT_ONE, LIMIT_SEVERAL).median
            lines.append(f"| {job} | {size} | {one:.1f} | {several:.1f} | {ratio:.2f} | {limit:.2f} |")
        lines += ["", *bar_table(self.verdicts())]
        low, middle, high = quantiles(self._others, n=4)
        lines += [
            "",
            "Each time is a median, each ratio the median of those within rounds.",
            f"Others took {middle:.2f} processors ({low:.2f} to {high:.2f}) of {os.cpu_count()}: where that is not 0, "
            "a ratio of two workers means little.",
            f"Versions: {platform.python_implementation()} {platform.python_version()}, duisign {version('duisign')}, "
            f"lxml {version('lxml')}, cryptography {version('cryptography')}.",
            "",
        ]
        return "\n".join(lines)

    def _values(self, job: str, size: str, name: str) -> list[float]:
        """Seconds of all rounds."""
        return [value for found in self._found for value in found[job][size][name]["values"]]


def main(arguments: Sequence[str]) -> int:
    """Measure, print the report, write it to `bench/results/`; 1 if `--check` finds a bar missed, else 0."""
    parser = argparse.ArgumentParser(description="Measure how well batches scale.")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--fast", action="store_true", help="show that it works, not how fast")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        json.dump(work(options.fast), sys.stdout)
        return 0
    results = []
    for number in range(FAST_PROCESSES if options.fast else PROCESSES):
        print(f"batches: process {number + 1}", file=sys.stderr)
        command = [sys.executable, __file__, "--worker", *(["--fast"] if options.fast else [])]
        results.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    report = Report(results)
    options.output.mkdir(parents=True, exist_ok=True)
    report.suite().dump(str(options.output / "batches.json"), replace=True)
    text = report.markdown()
    (options.output / "batches.md").write_text(text)
    write_verdicts(options.output / "batches.bars.json", report.verdicts())
    print(text)
    return 1 if options.check and report.missed() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
