"""Every suite of `make bench` runs from end to end, and its report, JSON and charts have what there is."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pyperf
import pytest

import bench_canonicalize
import bench_parts
import bench_scaling
import bench_sign
import bench_verify
import bench_workers
import duisign
import summary
from competitors import (
    DCC_TOOL,
    DROP_IN,
    JDK,
    LIMIT,
    PYBERGSHAMRA,
    SIGNXML,
    SIGNXML_PREPARED,
)
from documents import SHAPES, SIZES
from workloads import STRIPPED_TEMPLATES, TEMPLATES, WORKLOADS

BENCH = Path(__file__).parents[1] / "bench"
JOBS = {"sign": bench_sign.SIGN, "verify": bench_verify.VERIFY, "canonicalize": bench_canonicalize.CANONICALIZE}
SECONDS = 300

XMLSEC, MINISIGNXML = "python-xmlsec", "minisignxml"
BELOW_15_MB = tuple(SIZES)[:-1]
ROWS = {"sign": tuple(one.name for one in WORKLOADS)}
ROWS["verify"] = ROWS["sign"]
ROWS["canonicalize"] = ROWS["sign"][:-1]
INVALID_TO_ITS_SCHEMA = {(row, DCC_TOOL) for row in BELOW_15_MB}
EMPTY = {
    "sign": {
        *INVALID_TO_ITS_SCHEMA,
        (TEMPLATES, DCC_TOOL),  # it drops their white space
        *((row, MINISIGNXML) for row in ROWS["sign"]),
        *((STRIPPED_TEMPLATES, name) for name in (DROP_IN, SIGNXML, SIGNXML_PREPARED, XMLSEC, PYBERGSHAMRA, JDK)),
        *(("15 MB", name) for name in (SIGNXML, SIGNXML_PREPARED)),  # its second parser has libxml2's limit
    },
    "verify": {
        *INVALID_TO_ITS_SCHEMA,
        (TEMPLATES, DCC_TOOL),
        *((row, MINISIGNXML) for row in ROWS["verify"]),
    },
    "canonicalize": set(),
}
"""What a competitor cannot do. Every other cell has a figure."""


def run(script, *arguments):
    command = [sys.executable, "-W", "error", str(BENCH / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture(scope="module")
def suites(tmp_path_factory, competitors_installed):
    """What every script prints, run as `make bench BENCH=--fast` runs them, and the folder of their results."""
    folder = tmp_path_factory.mktemp("results")
    printed = {}
    for script in (*(f"bench_{name}" for name in (*JOBS, "scaling", "parts", "workers")), "summary"):
        done = run(script, "--fast", "--output", folder)
        assert done.returncode == 0, done.stderr
        printed[script.removeprefix("bench_")] = done.stdout
    return SimpleNamespace(printed=printed, folder=folder)


@pytest.mark.parametrize("job", JOBS)
def test_the_script_reports_every_competitor(job, suites):
    printed = suites.printed[job]
    names = [competitor.name for competitor in JOBS[job].competitors]
    for row in ROWS[job]:
        for name in names:
            (line,) = [line for line in printed.splitlines() if line.startswith(f"| {row} | {name} |")]
            cells = [cell.strip().replace(",", "") for cell in line.split("|")[3:-1]]
            if (row, name) in EMPTY[job]:
                assert set(cells) == {""}, line
                assert any(row in note for note in printed.splitlines() if note.startswith(f"No figure for {name}"))
            else:
                assert all(float(cell) >= 0 for cell in cells if cell), line
                assert all(float(cell) > 0 for cell in cells[:2]), line
    if job != "canonicalize":
        assert f"signxml {version('signxml')}" in printed
    suite = pyperf.BenchmarkSuite.load(str(suites.folder / f"{job}.json"))
    filled = {(row, name) for row in ROWS[job] for name in names} - EMPTY[job]
    assert set(suite.get_benchmark_names()) == {f"{job} {row} {name}" for row, name in filled}
    verdicts = summary.read_verdicts(suites.folder / f"{job}.bars.json")
    assert [verdict.bar for verdict in verdicts] == [str(bar) for bar in JOBS[job].bars]
    assert all(verdict.found is not None for verdict in verdicts)


def test_scaling_reports_every_shape_and_job(suites):
    for shape in SHAPES:
        for job in (*bench_scaling.JOBS, bench_scaling.PARSE):
            (line,) = [
                line for line in suites.printed["scaling"].splitlines() if line.startswith(f"| {shape} | {job} |")
            ]
            assert all(float(cell) > 0 for cell in line.split("|")[3 : 3 + len(bench_scaling.FAST_SIZES)])
    assert len(summary.read_verdicts(suites.folder / "scaling.bars.json")) == len(bench_scaling.BARS)


def test_the_parts_are_those_of_the_whole(suites):
    suite = pyperf.BenchmarkSuite.load(str(suites.folder / "parts.json"))
    for size in bench_parts.DOCUMENTS:
        for name in bench_parts.WHOLES:
            parts = bench_parts.parts_of(suite, name, size)
            assert next(iter(parts)) == bench_parts.ECDSA
            assert all(time >= 0 for time in parts.values())
        assert set(bench_parts.parts_of(suite, "verify", size)) == {*bench_parts.VERIFY_PARTS, bench_parts.REST}


def test_workers_are_reported(suites):
    suite = pyperf.BenchmarkSuite.load(str(suites.folder / "workers.json"))
    for job in bench_workers.JOBS:
        rates = bench_workers.rates(suite, job)
        assert set(rates) >= {bench_workers.THREADS, LIMIT}
        assert (f"{job}_many" in rates) is hasattr(duisign.Signer, "sign_many")
        for points in rates.values():
            assert [number for number, _ in points] == bench_workers.workers()


def test_the_summary_has_all_bars_and_draws_every_chart(suites):
    for bar in [bar for job in ("sign", "verify") for bar in JOBS[job].bars] + list(bench_scaling.BARS):
        assert f"{bar} |" in suites.printed["summary"]
    charts = {path.name: path.read_text() for path in suites.folder.glob("*.svg")}
    assert set(charts) == {
        *(f"{job}-time-by-size.svg" for job in JOBS),
        "throughput-by-workers.svg",
        "where-the-microseconds-go.svg",
    }
    for job in JOBS:
        for competitor in JOBS[job].competitors:
            shown = f"<!-- {competitor.name} -->" in charts[f"{job}-time-by-size.svg"]
            assert shown is (competitor.name != MINISIGNXML), competitor.name
    for part in {*bench_parts.SIGN_PARTS, *bench_parts.SIGN_TREE_PARTS, *bench_parts.VERIFY_PARTS, bench_parts.REST}:
        assert f"<!-- {part} -->" in charts["where-the-microseconds-go.svg"]
