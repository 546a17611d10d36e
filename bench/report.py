"""The report of a measurement: a Markdown table, the bars beside what was measured, versions and machine."""

from __future__ import annotations

import dataclasses
import math
import os
import platform
import ssl
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import pyperf
from cryptography.hazmat.backends.openssl import backend
from lxml import etree

from competitors import LIMIT, OURS, SIGNXML

_PACKAGES = ("duisign", "cryptography", "lxml", "signxml", "pybergshamra", "pyperf")
_MICROSECONDS = 1_000_000


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bar of issue 2 on a ratio of times in one run: `numerator` / `denominator`, documents of `size`."""

    size: str
    numerator: str
    denominator: str
    at_most: float = math.inf
    at_least: float = 0.0

    def is_met(self, ratio: float) -> bool:
        """Whether a measured ratio is within the bar."""
        return self.at_least <= ratio <= self.at_most

    def __str__(self) -> str:
        bound = f"at least {self.at_least:g}" if self.at_least else f"at most {self.at_most:g}"
        return f"{self.numerator} / {self.denominator}, {self.size}: {bound}"


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Median of the ratios within each round, and its middle half."""

    median: float
    low: float
    high: float


class Report:
    """The measured benchmarks of one job, by document size and competitor."""

    def __init__(self, job: str, competitors: Sequence[str], bars: Sequence[Bar]) -> None:
        self._job = job
        self._competitors = competitors
        self._bars = bars
        self._cells: dict[str, dict[str, pyperf.Benchmark | str]] = {}

    def add(self, size: str, competitor: str, benchmark: pyperf.Benchmark) -> None:
        """Put a measured benchmark into its cell."""
        self._cells.setdefault(size, {})[competitor] = benchmark

    def leave_empty(self, size: str, competitor: str, reason: str) -> None:
        """Note why a cell has no figure."""
        self._cells.setdefault(size, {})[competitor] = reason

    def suite(self) -> pyperf.BenchmarkSuite:
        """All benchmarks, for pyperf's tools."""
        cells = [cell for row in self._cells.values() for cell in row.values()]
        return pyperf.BenchmarkSuite([cell for cell in cells if isinstance(cell, pyperf.Benchmark)])

    def ratio(self, size: str, numerator: str, denominator: str) -> Ratio | None:
        """How the times of two competitors relate; None if either has no figure."""
        row = self._cells.get(size, {})
        above, below = row.get(numerator), row.get(denominator)
        if not isinstance(above, pyperf.Benchmark) or not isinstance(below, pyperf.Benchmark):
            return None
        pairs = zip(above.get_values(), below.get_values(), strict=True)
        ratios = sorted(one / other for one, other in pairs)
        return Ratio(median(ratios), ratios[len(ratios) // 4], ratios[len(ratios) * 3 // 4])

    def missed(self) -> list[Bar]:
        """The bars that were missed, those without a figure included."""
        ratios = [(bar, self.ratio(bar.size, bar.numerator, bar.denominator)) for bar in self._bars]
        return [bar for bar, ratio in ratios if ratio is None or not bar.is_met(ratio.median)]

    def markdown(self) -> str:
        """The whole report."""
        lines = [f"## {self._job}", "", *self._table(), "", *self._bar_table(), "", *_environment(), ""]
        return "\n".join(lines)

    def _table(self) -> list[str]:
        lines = [
            f"| document | {self._job} with | median, µs | per second | time / {LIMIT} | {SIGNXML} / time |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
        ]
        notes = []
        for size, row in self._cells.items():
            for competitor in self._competitors:
                cell = row[competitor]
                if isinstance(cell, str):
                    lines.append(f"| {size} | {competitor} | | | | |")
                    notes.append(f"No figure for {competitor}, {size}: {cell}.")
                    continue
                seconds = cell.median()
                limit, signxml = self.ratio(size, competitor, LIMIT), self.ratio(size, SIGNXML, competitor)
                lines.append(
                    f"| {size} | {competitor} | {seconds * _MICROSECONDS:.1f} | {1 / seconds:,.0f} "
                    f"| {_shown(limit)} | {_shown(signxml)} |"
                )
        return [*lines, *(f"\n{note}" for note in notes)]

    def _bar_table(self) -> list[str]:
        lines = ["| bar | measured | middle half | |", "| --- | ---: | --- | --- |"]
        for bar in self._bars:
            ratio = self.ratio(bar.size, bar.numerator, bar.denominator)
            if ratio is None:
                lines.append(f"| {bar} | | | **no figure** |")
            else:
                verdict = "met" if bar.is_met(ratio.median) else "**missed**"
                middle_half = f"{ratio.low:.3f} to {ratio.high:.3f}"
                lines.append(f"| {bar} | {ratio.median:.3f} | {middle_half} | {verdict} |")
        return lines


def _shown(ratio: Ratio | None) -> str:
    return "" if ratio is None else f"{ratio.median:.2f}"


def _environment() -> list[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return [
        "Each time is a median over rounds, each ratio the median of the ratios within rounds; one thread.",
        f"Versions: {platform.python_implementation()} {platform.python_version()}, {packages}, "
        f"libxml2 {libxml2}, {backend.openssl_version_text()} ({ssl.OPENSSL_VERSION} in Python).",
        f"Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, load {load}.",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def bars(*, limit: float, signxml: float) -> tuple[Bar, ...]:
    """The bars of a job on a 1 KB request: at most `limit` of ECDSA alone, `signxml` times faster than
    signxml.
    """
    return (Bar("1 KB", OURS, LIMIT, at_most=limit), Bar("1 KB", SIGNXML, OURS, at_least=signxml))
