"""How the cost of a document grows with its size: the fitted exponent of time against octets, by job and shape.

Run: python bench/bench_scaling.py [--check] [--fast]. Needs the extra "bench". Method of timing: see measurement.py.

A signature has a cost that no octet of the document adds to: ECDSA above all, and the calls around it. What is fitted
is therefore the time beyond that of the document ``<a/>``, measured in the same rounds; nothing is subtracted that was
not measured. ``log(time - time of <a/>) = exponent * log(octets) + constant``, by least squares over all sizes. At 1 KB
the two differ by a few microseconds, so the fastest of the rounds counts on both sides: whatever else the machine does
only adds. The exponent of the whole time stands beside it. lxml's parsing alone, by the same libxml2, is measured
along, so that one sees whose growth it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from statistics import linear_regression, median
from typing import Any

import pyperf
from lxml import etree

from bars import Bar, FigureBar, Spread, Verdict, bar_table, write_verdicts
from competitors import OURS, TREE_LANE, Call, Remote, Task, named
from documents import SHAPES, shaped_request
from duisign.testing import Smki
from environment import machine, versions
from measurement import FAST, FULL, Effort, interleaved, parsed_options, spawned
from reference import WrongResultError

SIZES = {
    "1 KB": 1_024,
    "10 KB": 10_000,
    "100 KB": 100_000,
    "1 MB": 1_000_000,
    "4 MB": 4_000_000,
    "15 MB": 15_000_000,
}
JOBS = ("sign", "sign, tree lane", "verify", "canonicalize")
PARSE = "parse with lxml"

QUADRATIC_FROM = 1.5
"""An exponent between two neighbouring sizes from which on it is nearer to a square than to a line."""

# So many rounds for the short documents, where the time beyond that of the empty one is a few microseconds.
FULL_SCALING = dataclasses.replace(FULL, processes=2, rounds=60, least_rounds=2, seconds=4.0)
FAST_SIZES = ("1 KB", "10 KB", "100 KB")

_EMPTY = b"<a/>"
_ON_EMPTY = "{} of <a/>"
"""Name of the same job on the empty document."""


def exponent_name(job: str, shape: str) -> str:
    """What the figure of a fit is called."""
    return f"{job}, {shape}: exponent of time against size"


def steepest_name(job: str, shape: str) -> str:
    """What the figure of the steepest piece is called."""
    return f"{job}, {shape}: largest exponent between neighbouring sizes"


BARS: tuple[Bar, ...] = tuple(
    FigureBar(exponent_name(job, shape), at_least=0.97, at_most=1.03) for shape in SHAPES for job in JOBS
) + tuple(FigureBar(steepest_name(job, shape), at_most=QUADRATIC_FROM) for shape in SHAPES for job in JOBS)


Points = Sequence[tuple[float, float]]
"""Octets and seconds."""


def slope(points: Points) -> float:
    """The exponent of a power law through `points`, by least squares of their logarithms."""
    octets, seconds = zip(*points, strict=True)
    return linear_regression([math.log(one) for one in octets], [math.log(one) for one in seconds]).slope


def steepest(points: Points) -> float:
    """The largest exponent between two neighbouring points."""
    return max(slope(pair) for pair in pairwise(points))


def fitted(fit: Callable[[Points], float], workers: Sequence[Points]) -> Spread | None:
    """A fit over workers. None if one of them saw a document cost no more than the empty one: that is noise."""
    if any(seconds <= 0 for points in workers for _, seconds in points):
        return None
    return Spread.of([fit(points) for points in workers])


def work(fast: bool) -> dict[str, Any]:
    """One worker's results: octets, and times in each round by job, of every shape and size."""
    smki = Smki.create()
    effort, sizes = (FAST, FAST_SIZES) if fast else (FULL_SCALING, tuple(SIZES))
    (tree_lane,) = named(TREE_LANE)
    assert isinstance(tree_lane, Remote)
    try:
        return {
            shape: {size: _measured(smki, shape, SIZES[size], effort, tree_lane) for size in sizes} for shape in SHAPES
        }
    finally:
        tree_lane.stop()


def _measured(smki: Smki, shape: str, octets: int, effort: Effort, tree_lane: Remote) -> dict[str, Any]:
    document, canonical = shaped_request(smki, shape, octets)
    calls = _calls(smki, document, canonical, tree_lane)
    empty = {_ON_EMPTY.format(job): call for job, call in _calls(smki, _EMPTY, b"<a></a>", tree_lane).items()}
    times = {name: cell["values"] for name, cell in interleaved({**calls, **empty}, effort).items()}
    tree_lane.forget()
    return {"octets": len(document), "times": times}


def _calls(smki: Smki, document: bytes, canonical: bytes, tree_lane: Remote) -> dict[str, Call]:
    """What is timed, once its results are right."""
    (ours,) = named(OURS)
    task = Task(smki.user, document)
    sign, sign_by_tree = ours.signing(task), tree_lane.signing(task)
    signed = sign()
    verify, canonicalize = ours.verifying(smki.user, signed), ours.canonicalizing(document)
    digest_value = b">" + b64encode(hashlib.sha256(canonical).digest()) + b"<"
    if digest_value not in signed or digest_value not in sign_by_tree():
        raise WrongResultError("its DigestValue is not the digest of its content")
    if verify().signed_bytes != canonical or canonicalize() != canonical:
        raise WrongResultError("it is not the canonical form")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    parse = partial(etree.fromstring, document, parser)
    return {**dict(zip(JOBS, (sign, sign_by_tree, verify, canonicalize), strict=True)), PARSE: parse}


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Several workers' results, and what they say."""

    results: Sequence[Mapping[str, Any]]

    def medians(self, shape: str, job: str) -> list[Points]:
        """Of each worker: octets and seconds of each size, medians over rounds."""
        return [
            [(cell["octets"], median(cell["times"][job])) for cell in result[shape].values()] for result in self.results
        ]

    def whole(self, shape: str, job: str) -> list[Points]:
        """The same of the fastest round."""
        return [
            [(cell["octets"], min(cell["times"][job])) for cell in result[shape].values()] for result in self.results
        ]

    def beyond(self, shape: str, job: str) -> list[Points]:
        """The same for the time beyond that of the empty document."""
        return [
            [
                (cell["octets"], min(cell["times"][job]) - min(cell["times"][_ON_EMPTY.format(job)]))
                for cell in result[shape].values()
            ]
            for result in self.results
        ]

    def figure(self, name: str) -> Spread | None:
        """An exponent by its name."""
        return self._figures()[name]

    def ratio(self, workload: str, numerator: str, denominator: str) -> None:
        """No bar of this suite is on a ratio."""

    def speed(self, workload: str, competitor: str) -> None:
        """No bar of this suite is on a speed."""

    def verdicts(self) -> list[Verdict]:
        """All bars with what was measured."""
        return [Verdict.of("scaling", bar, self) for bar in BARS]

    def suite(self) -> pyperf.BenchmarkSuite:
        """All times, for pyperf's tools."""
        benchmarks = []
        for shape in SHAPES:
            for size, cell in self.results[0][shape].items():
                for name in cell["times"]:
                    metadata = {"name": f"scaling {shape} {size} {name}", "unsigned_octets": cell["octets"]}
                    times = [result[shape][size]["times"][name] for result in self.results]
                    benchmarks.append(pyperf.Benchmark([pyperf.Run(one, metadata=metadata) for one in times]))
        return pyperf.BenchmarkSuite(benchmarks)

    def markdown(self) -> str:
        """The whole report."""
        sizes = list(self.results[0][next(iter(SHAPES))])
        lines = [
            "## scaling",
            "",
            f"| shape | job | {' | '.join(f'{size}, ns per octet' for size in sizes)} | exponent | of the whole time |",
            f"| --- | --- | {'---: | ' * len(sizes)}---: | ---: |",
        ]
        for shape in SHAPES:
            for job in (*JOBS, PARSE):
                medians = self.medians(shape, job)
                costs = [median(worker[number][1] for worker in medians) for number in range(len(sizes))]
                octets = [point[0] for point in medians[0]]
                cells = [f"{cost / length * 1e9:.1f}" for cost, length in zip(costs, octets, strict=True)]
                exponents = [fitted(slope, self.beyond(shape, job)), fitted(slope, self.whole(shape, job))]
                cells += ["" if exponent is None else f"{exponent.median:.3f}" for exponent in exponents]
                lines.append(f"| {shape} | {job} | {' | '.join(cells)} |")
        method = (
            f"Fitted from {sizes[0]} to {sizes[-1]}; the exponent is that of the time beyond the one of "
            f"{_EMPTY.decode()} in the same rounds, of the fastest on both sides. The times of the table are medians."
        )
        return "\n".join([*lines, "", *bar_table(self.verdicts()), "", method, versions({}), machine(), ""])

    def _figures(self) -> dict[str, Spread | None]:
        figures = {}
        for shape in SHAPES:
            for job in JOBS:
                points = self.beyond(shape, job)
                figures[exponent_name(job, shape)] = fitted(slope, points)
                figures[steepest_name(job, shape)] = fitted(steepest, points)
        return figures


def main(arguments: Sequence[str]) -> int:
    """Measure, print the report, write it; 1 if `--check` finds a bar missed, else 0."""
    options = parsed_options(f"Fit how the cost of a document grows with its size, for {OURS}.", arguments)
    if options.worker:
        json.dump(work(options.fast), sys.stdout)
        return 0
    start = time.monotonic()
    scaling = Scaling(list(spawned("bench_scaling.py", FAST if options.fast else FULL_SCALING)))
    options.output.mkdir(parents=True, exist_ok=True)
    scaling.suite().dump(str(options.output / "scaling.json"), replace=True)
    (options.output / "scaling.md").write_text(scaling.markdown())
    write_verdicts(options.output / "scaling.bars.json", scaling.verdicts())
    print(scaling.markdown())
    print(f"scaling: {time.monotonic() - start:.0f} s, written to {options.output}", file=sys.stderr)
    return 1 if options.check and not all(verdict.met for verdict in scaling.verdicts()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
