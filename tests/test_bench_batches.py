"""The measurement of batches runs and knows its bar; what it finds, `bench/bench_batches.py` tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyperf
import pytest

import summary
from bars import read_verdicts

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture(scope="module")
def bench_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import bench_batches

        yield bench_batches


def test_the_script_reports_every_size(bench_batches, tmp_path):
    command = [sys.executable, "-W", "error", str(BENCH / "bench_batches.py"), "--fast", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for job in bench_batches.JOBS:
        for size in bench_batches.SIZES:
            (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"| {job} | {size} |")]
            assert all(float(cell) > 0 for cell in line.split("|")[3:7]), line
    assert (tmp_path / "batches.md").read_text() in done.stdout
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "batches.json"))
    assert len(suite.get_benchmark_names()) == len(bench_batches.JOBS) * len(bench_batches.SIZES) * 4
    verdicts = read_verdicts(tmp_path / "batches.bars.json")
    assert [verdict.bar for verdict in verdicts] == [str(bar) for bar in bench_batches.BARS]
    summary.main(["--output", str(tmp_path)])
    kept = (tmp_path / "summary.md").read_text()
    for job in bench_batches.JOBS:
        bar = f"| batches, {job}_many 1 KB: time of 1 worker / 2 workers: at least 1.8 | "
        (line,) = [line for line in kept.splitlines() if line.startswith(bar)]
        assert float(line.split("|")[2]) > 0


def test_the_bar_is_on_the_ratio_of_one_round(bench_batches):
    def result(one, several):
        cells = {
            bench_batches.ONE: {"loops": 1, "values": one},
            bench_batches.SEVERAL: {"loops": 1, "values": several},
            bench_batches.LIMIT_ONE: {"loops": 1, "values": [2.0] * 3},
            bench_batches.LIMIT_SEVERAL: {"loops": 1, "values": [1.0] * 3},
        }
        found = {job: dict.fromkeys(bench_batches.SIZES, cells) for job in bench_batches.JOBS}
        return bench_batches.Report([{"found": found, "others": [0.0, 0.1]}])

    # A slow round is slow for both.
    met = result([1.9, 19.0, 1.8], [1.0, 10.0, 1.0])
    assert met.missed() == []
    assert "| sign | 1 KB | 1900000.0 | 1000000.0 | 1.90 |" in met.markdown()
    assert "missed" not in met.markdown()
    missed = result([1.7, 1.9, 1.7], [1.0, 1.0, 1.0])
    assert len(missed.missed()) == len(bench_batches.JOBS) * len(bench_batches.SIZES)
    assert "**missed**" in missed.markdown()
