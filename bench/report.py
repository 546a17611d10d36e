"""The report of a measurement: a Markdown table, the bars beside what was measured, versions and machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyperf

from adapters.limits import LIMIT
from adapters.ours import OURS
from bars import Bar, Spread, Verdict, bar_table, write_verdicts
from competitors import PHYSICAL
from environment import machine, versions

_MICROSECONDS = 1_000_000
_MEGABYTE = 1e6


class Report:
    """The measured benchmarks of one job, by workload and competitor. `competitors`: their versions by name."""

    def __init__(self, job: str, competitors: Mapping[str, str], bars: Sequence[Bar]) -> None:
        self._job = job
        self._competitors = competitors
        self._bars = bars
        self._documents: dict[str, int] = {}
        self._octets: dict[str, float] = {}
        self._cells: dict[str, dict[str, pyperf.Benchmark | str]] = {}
        self._figures: dict[str, Spread] = {}

    def add_workload(self, workload: str, documents: int, octets: float) -> None:
        """Begin a row: how many documents, and their mean length, not signed."""
        self._documents[workload] = documents
        self._octets[workload] = octets
        self._cells[workload] = {}

    def add(self, workload: str, competitor: str, benchmark: pyperf.Benchmark) -> None:
        """Put a measured benchmark into its cell."""
        self._cells[workload][competitor] = benchmark

    def leave_empty(self, workload: str, competitor: str, reason: str) -> None:
        """Note why a cell has no figure."""
        self._cells[workload][competitor] = reason

    def add_figure(self, name: str, values: Sequence[float]) -> None:
        """Note a figure that is no time, measured once or more."""
        self._figures[name] = Spread.of(values)

    def suite(self) -> pyperf.BenchmarkSuite:
        """All benchmarks, for pyperf's tools."""
        cells = [cell for row in self._cells.values() for cell in row.values()]
        return pyperf.BenchmarkSuite([cell for cell in cells if isinstance(cell, pyperf.Benchmark)])

    def ratio(self, workload: str, numerator: str, denominator: str) -> Spread | None:
        """How the times of two competitors relate, in each round; None if either has no figure."""
        return self._against(workload, numerator, [denominator])

    def limit_ratio(self, workload: str, competitor: str) -> Spread | None:
        """How a competitor's time relates to the sum of what nobody can do without."""
        physical = [name for name in PHYSICAL if self._values(workload, name)]
        return self._against(workload, competitor, physical) if physical else None

    def speed(self, workload: str, competitor: str) -> Spread | None:
        """Octets of the document per second; None without a figure."""
        values = self._values(workload, competitor)
        if not values:
            return None
        octets = self._octets[workload]
        return Spread.of([octets / seconds for seconds in values], octets / min(values))

    def figure(self, name: str) -> Spread | None:
        """A figure that is no time; None if there is none of this name."""
        return self._figures.get(name)

    def verdicts(self) -> list[Verdict]:
        """All bars with what was measured."""
        return [Verdict.of(self._job, bar, self) for bar in self._bars]

    def missed(self) -> list[Verdict]:
        """The bars that were missed, those without a figure included."""
        return [verdict for verdict in self.verdicts() if not verdict.met]

    def markdown(self) -> str:
        """The whole report."""
        lines = [f"## {self._job}", "", *self._table(), "", *bar_table(self.verdicts()), "", *self._method(), ""]
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """The benchmarks as pyperf's JSON, the report as Markdown, the bars for the summary."""
        folder.mkdir(parents=True, exist_ok=True)
        self.suite().dump(str(folder / f"{self._job}.json"), replace=True)
        (folder / f"{self._job}.md").write_text(self.markdown())
        write_verdicts(folder / f"{self._job}.bars.json", self.verdicts())

    def _values(self, workload: str, competitor: str) -> tuple[float, ...]:
        cell = self._cells.get(workload, {}).get(competitor)
        return cell.get_values() if isinstance(cell, pyperf.Benchmark) else ()

    def _against(self, workload: str, competitor: str, others: Sequence[str]) -> Spread | None:
        above, below = self._values(workload, competitor), [self._values(workload, name) for name in others]
        if not above or not all(below):
            return None
        rounds = zip(above, *below, strict=True)
        fastest = min(above) / sum(min(values) for values in below)
        return Spread.of([time / sum(other) for time, *other in rounds], fastest)

    def _table(self) -> list[str]:
        lines = [
            f"| document | {self._job} with | median, µs | per second | MB/s | time / {OURS} | time / {LIMIT} "
            "| time / limit |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        notes: dict[tuple[str, str], list[str]] = {}
        for workload, row in self._cells.items():
            for competitor in self._competitors:
                cell = row[competitor]
                if isinstance(cell, str):
                    lines.append(f"| {workload} | {competitor} | | | | | | |")
                    notes.setdefault((competitor, cell), []).append(workload)
                    continue
                seconds = cell.median()
                speed = self._octets[workload] / seconds / _MEGABYTE
                ratios = [self.ratio(workload, competitor, other) for other in (OURS, LIMIT)]
                ratios.append(self.limit_ratio(workload, competitor))
                lines.append(
                    f"| {workload} | {competitor} | {seconds * _MICROSECONDS:,.1f} | {_rate(1 / seconds)} "
                    f"| {speed:,.1f} | {' | '.join('' if one is None else f'{one.median:.2f}' for one in ratios)} |"
                )
        sentences = [
            f"No figure for {name}, {', '.join(workloads)}: {reason}." for (name, reason), workloads in notes.items()
        ]
        return [*lines, *(f"\n{sentence}" for sentence in sentences)]

    def _method(self) -> list[str]:
        limit = " + ".join(name for name in self._competitors if name in PHYSICAL)
        means = [
            f"{workload}: mean over {number} documents of {self._octets[workload]:,.0f} octets on average. "
            for workload, number in self._documents.items()
            if number > 1
        ]
        return [
            "Each time is a median over rounds, each ratio the median of the ratios within rounds; one thread. "
            "Beside a bar stands what the fastest rounds of each side give; where it differs, the machine was busy. "
            f"The limit is {limit}. MB are 10^6 octets of the document without Signature. {''.join(means)}",
            versions({name: number for name, number in self._competitors.items() if name not in PHYSICAL}),
            machine(),
        ]


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}"
