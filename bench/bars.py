"""The bars of the project's issues, and how what was measured stands beside them."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Protocol

_MEGABYTE = 1e6


@dataclasses.dataclass(frozen=True)
class Spread:
    """Median of what was found in each round, and its middle half.

    `fastest`: of a ratio or a speed, what the fastest rounds of each side give. Whatever else the machine does only
    adds, and not to both sides alike: where the two differ much, it was busy.
    """

    median: float
    low: float
    high: float
    fastest: float | None = None

    @classmethod
    def of(cls, values: Sequence[float], fastest: float | None = None) -> Spread:
        """Of one or more values."""
        ordered = sorted(values)
        return cls(median(ordered), ordered[len(ordered) // 4], ordered[len(ordered) * 3 // 4], fastest)

    def divided_by(self, unit: float) -> Spread:
        """The same in another unit."""
        fastest = None if self.fastest is None else self.fastest / unit
        return Spread(self.median / unit, self.low / unit, self.high / unit, fastest)


class Measured(Protocol):
    """What bars are held against."""

    def ratio(self, workload: str, numerator: str, denominator: str) -> Spread | None:
        """How the times of two competitors relate; None if either has no figure."""
        ...

    def speed(self, workload: str, competitor: str) -> Spread | None:
        """Octets of the document per second; None without a figure."""
        ...

    def figure(self, name: str) -> Spread | None:
        """Another figure, by its name; None if there is none."""
        ...


@dataclasses.dataclass(frozen=True)
class Figures:
    """What has been measured where all bars are on figures by name."""

    found: Mapping[str, Spread]

    def ratio(self, workload: str, numerator: str, denominator: str) -> None:
        """There is none."""

    def speed(self, workload: str, competitor: str) -> None:
        """There is none."""

    def figure(self, name: str) -> Spread | None:
        """A figure by its name; None if there is none."""
        return self.found.get(name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar(ABC):
    """A bound, both ends of which count as met."""

    at_most: float = math.inf
    at_least: float = -math.inf

    @abstractmethod
    def measure(self, measured: Measured) -> Spread | None:
        """The figure that the bar is about, or None."""

    @abstractmethod
    def subject(self) -> str:
        """What the bar is about."""

    def is_met(self, value: float) -> bool:
        """Whether a figure is within the bar."""
        return self.at_least <= value <= self.at_most

    def __str__(self) -> str:
        at_most, at_least = math.isfinite(self.at_most), math.isfinite(self.at_least)
        if at_most and at_least:
            bound = f"{self.at_least:g} to {self.at_most:g}"
        else:
            bound = f"at most {self.at_most:g}" if at_most else f"at least {self.at_least:g}"
        return f"{self.subject()}: {bound}"


@dataclasses.dataclass(frozen=True)
class RatioBar(Bar):
    """On a ratio of times in one run: `numerator` / `denominator`."""

    workload: str
    numerator: str
    denominator: str

    def measure(self, measured: Measured) -> Spread | None:
        return measured.ratio(self.workload, self.numerator, self.denominator)

    def subject(self) -> str:
        return f"{self.workload}: time of {self.numerator} / {self.denominator}"


@dataclasses.dataclass(frozen=True)
class SpeedBar(Bar):
    """On octets per second, in MB (10^6 octets) per second."""

    workload: str
    competitor: str

    def measure(self, measured: Measured) -> Spread | None:
        speed = measured.speed(self.workload, self.competitor)
        return None if speed is None else speed.divided_by(_MEGABYTE)

    def subject(self) -> str:
        return f"{self.workload}: MB/s of {self.competitor}"


@dataclasses.dataclass(frozen=True)
class FigureBar(Bar):
    """On a figure that has a name."""

    name: str

    def measure(self, measured: Measured) -> Spread | None:
        return measured.figure(self.name)

    def subject(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A bar and what was measured: `found` is None when there is no figure, which is not met."""

    job: str
    bar: str
    found: Spread | None
    met: bool

    @classmethod
    def of(cls, job: str, bar: Bar, measured: Measured) -> Verdict:
        """Hold `bar` against what was measured."""
        found = bar.measure(measured)
        return cls(job, str(bar), found, found is not None and bar.is_met(found.median))


def bar_table(verdicts: Sequence[Verdict]) -> list[str]:
    """Lines of Markdown."""
    lines = ["| bar | measured | middle half | fastest rounds | |", "| --- | ---: | --- | ---: | --- |"]
    for verdict in verdicts:
        found = verdict.found
        if found is None:
            lines.append(f"| {verdict.job}, {verdict.bar} | | | | **no figure** |")
        else:
            met = "met" if verdict.met else "**missed**"
            half, fastest = f"{found.low:.3g} to {found.high:.3g}", f"{found.fastest:.3g}" if found.fastest else ""
            lines.append(f"| {verdict.job}, {verdict.bar} | {found.median:.3g} | {half} | {fastest} | {met} |")
    return lines


def write_verdicts(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Keep verdicts for the summary of all suites."""
    path.write_text(json.dumps([dataclasses.asdict(verdict) for verdict in verdicts], indent=1) + "\n")


def read_verdicts(path: Path) -> list[Verdict]:
    """What `write_verdicts` has kept."""
    kept: list[dict[str, Any]] = json.loads(path.read_text())
    return [Verdict(**{**one, "found": Spread(**one["found"]) if one["found"] else None}) for one in kept]
