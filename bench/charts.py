"""Charts of what the suites have measured, drawn from their JSON alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import pyperf
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullLocator

import bench_parts
import bench_workers
from competitors import DROP_IN, LIMIT, OURS, PHYSICAL, TREE_LANE
from documents import SIZES

STYLE = {
    "svg.hashsalt": "duisign",  # the same data gives the same file
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
}
OURS_COLOUR = "#c1121f"
LIMIT_COLOUR = "#7a7a7a"
THREADS_COLOUR = "#1d6996"
LOOKS = {
    "signxml": ("#e17c05", "v"),
    "signxml, prepared": ("#edad08", "^"),
    "python-xmlsec": ("#73af48", "D"),
    "pybergshamra": ("#1d6996", "P"),
    "minisignxml": ("#0f8554", "<"),
    "lxml": ("#8c6d31", ">"),
    "JDK": ("#38a6a5", "s"),
    "DCC tool": ("#94346e", "X"),
}
"""Colour and marker of each competitor, the same in every chart."""
WAYS: dict[str, dict[str, Any]] = {
    "*_many": {"color": OURS_COLOUR, "linewidth": 2.6, "marker": "o", "label": "duisign, sign_many or verify_many"},
    bench_workers.THREADS: {"color": THREADS_COLOUR, "linewidth": 1.4, "marker": "s", "label": "duisign, threads"},
    LIMIT: {"color": LIMIT_COLOUR, "linewidth": 1.2, "linestyle": "--", "marker": ".", "label": LIMIT},
}
PART_COLOURS = {
    bench_parts.ECDSA: "#c9c9c9",
    "parse": "#8ecae6",
    "parse, check Signature, canonicalize, digest": "#219ebc",
    "signer": "#126782",
    "canonicalize and digest": "#fb8500",
    "SignedInfo": "#ffb703",
    "splice": "#6a994e",
    bench_parts.REST: "#c1121f",
    "scan and digest": "#6d597a",
}
"""What is not ours to remove is grey."""


def time_against_size(suite: pyperf.BenchmarkSuite, job: str) -> Figure:
    """Median time against octets of the document, both logarithmic, a line per competitor."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for benchmark in suite.get_benchmarks():
        size, competitor = _cell(benchmark.get_name(), job)
        if size in SIZES:
            octets = benchmark.get_metadata()["unsigned_octets"]
            lines.setdefault(competitor, []).append((octets, benchmark.median() * 1e6))
    figure, axes = pyplot.subplots(figsize=(9, 5.6), layout="constrained")
    for competitor, points in sorted(lines.items(), key=lambda item: -item[1][-1][1]):
        octets, times = zip(*sorted(points), strict=True)
        if competitor in PHYSICAL:
            style = {"color": LIMIT_COLOUR, "linestyle": _dashes(competitor), "linewidth": 1.2}
        elif competitor == OURS:
            style = {"color": OURS_COLOUR, "linewidth": 2.6, "marker": "o", "markersize": 6, "zorder": 5}
        elif competitor == TREE_LANE:
            style = {"color": OURS_COLOUR, "linewidth": 1.4, "linestyle": "--", "marker": ".", "zorder": 4}
        elif competitor == DROP_IN:
            style = {
                "color": OURS_COLOUR,
                "linewidth": 1.4,
                "linestyle": ":",
                "marker": "v",
                "markersize": 5,
                "zorder": 4,
            }
        else:
            colour, marker = LOOKS[competitor]
            style = {"color": colour, "linewidth": 1.4, "marker": marker, "markersize": 5}
        axes.plot(octets, times, label=competitor, **style)
    axes.set(xscale="log", yscale="log", xlabel="octets of the document", title=f"Time to {job}, one thread")
    axes.xaxis.set_major_formatter(FuncFormatter(_octets))
    axes.yaxis.set_major_formatter(FuncFormatter(_time))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure


def throughput_by_workers(suite: pyperf.BenchmarkSuite) -> Figure:
    """Documents per second against threads, for signing and for verifying."""
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    for axes, job in zip(panels, bench_workers.JOBS, strict=True):
        for way, points in bench_workers.rates(suite, job).items():
            numbers, rates = zip(*points, strict=True)
            axes.plot(numbers, rates, **WAYS[way.replace(job, "*")])
        axes.set(title=f"{job}, {bench_workers.DOCUMENT} requests", xlabel="workers", ylim=(0, None))
        axes.xaxis.set_major_locator(MultipleLocator(1))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,.0f}"))
    panels[0].set_ylabel("documents per second")
    _legend_below(figure, panels)
    return figure


def where_the_microseconds_go(suite: pyperf.BenchmarkSuite) -> Figure:
    """One bar for each job and size, of its parts."""
    rows = [(name, size) for name in bench_parts.WHOLES for size in bench_parts.DOCUMENTS]
    figure, axes = pyplot.subplots(figsize=(9, 5.0), layout="constrained")
    for place, (name, size) in enumerate(rows):
        y = -(place + place // len(bench_parts.DOCUMENTS) * 0.6)
        left = 0.0
        parts = bench_parts.parts_of(suite, name, size)
        for part, time in parts.items():
            axes.barh(y, time, left=left, color=PART_COLOURS[part], label=part, height=0.8)
            left += time
        axes.text(left, y, f" {left:.1f} µs", va="center")
    places = [-(place + place // len(bench_parts.DOCUMENTS) * 0.6) for place in range(len(rows))]
    axes.set_yticks(places, [f"{name}, {size}" for name, size in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.1)
    axes.set(xlabel="µs, median", title="Where the microseconds go")
    _legend_below(figure, [axes], tuple(PART_COLOURS))
    return figure


def draw(results: Path) -> list[Path]:
    """Draw every chart that `results` has the JSON for, as SVG beside it."""
    drawn = []
    with pyplot.rc_context(STYLE):
        for job in ("sign", "verify", "canonicalize"):
            if (source := results / f"{job}.json").exists():
                drawn.append(_saved(time_against_size(_loaded(source), job), results / f"{job}-time-by-size.svg"))
        if (source := results / "workers.json").exists():
            drawn.append(_saved(throughput_by_workers(_loaded(source)), results / "throughput-by-workers.svg"))
        if (source := results / "parts.json").exists():
            drawn.append(_saved(where_the_microseconds_go(_loaded(source)), results / "where-the-microseconds-go.svg"))
    return drawn


def _loaded(source: Path) -> pyperf.BenchmarkSuite:
    return pyperf.BenchmarkSuite.load(str(source))


def _saved(figure: Figure, target: Path) -> Path:
    figure.savefig(target, metadata={"Date": None})
    pyplot.close(figure)
    return target


def _cell(name: str, job: str) -> tuple[str, str]:
    """Size and competitor of a benchmark; the size is empty if it is of a workload that has none."""
    for size in SIZES:
        prefix = f"{job} {size} "
        if name.startswith(prefix):
            return size, name.removeprefix(prefix)
    return "", name


def _dashes(competitor: str) -> str:
    return {PHYSICAL[0]: "--", PHYSICAL[1]: "-.", PHYSICAL[2]: ":"}[competitor]


def _legend_below(figure: Figure, panels: Sequence[pyplot.Axes], order: Sequence[str] = ()) -> None:
    """One entry per label of all panels; those in `order` come in that order."""
    handles: dict[str, Any] = dict.fromkeys(order)
    for axes in panels:
        handles.update({label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)})
    shown = {label: handle for label, handle in handles.items() if handle is not None}
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=4, frameon=False)


def _octets(octets: float, _: object) -> str:
    return f"{octets / 1e6:g} MB" if octets >= 1e6 else f"{octets / 1e3:g} KB"


def _time(microseconds: float, _: object) -> str:
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:g} s"
    return f"{microseconds / 1e3:g} ms" if microseconds >= 1e3 else f"{microseconds:g} µs"
