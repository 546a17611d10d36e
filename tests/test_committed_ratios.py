"""`make bench-quick` fails for what is 25 % worse than the committed ratios; the ratios themselves are in bench/."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import test_regression
from ratios import COST, LEAD, RATIOS, Ratios

ROOT = Path(__file__).parents[1]
SECONDS = 120


def kept(path, **ratios):
    path.write_text(json.dumps({"versions": "CPython.", "processor": "Z80", "ratios": ratios}))
    return path


@pytest.fixture
def committed(tmp_path):
    return kept(tmp_path / "ratios.json", **{"sign 0.6 KB": {COST: 1.2, LEAD: 8.0}})


@pytest.mark.parametrize(
    ("found", "worse"),
    [
        ({COST: 1.2, LEAD: 8.0}, 0),
        ({COST: 1.49, LEAD: 6.41}, 0),
        ({COST: 0.1, LEAD: 80.0}, 0),
        ({COST: 1.51, LEAD: 8.0}, 1),
        ({COST: 1.2, LEAD: 6.39}, 1),
        ({COST: 1.51, LEAD: 6.39}, 2),
    ],
)
def test_a_quarter_worse_is_worse(committed, found, worse):
    ratios = Ratios(committed)
    ratios.add("sign 0.6 KB", found)
    sentences = ratios.worse("sign 0.6 KB")
    assert len(sentences) == (worse + 1 if worse else 0)
    assert not worse or "Z80" in sentences[-1]


def test_a_workload_without_a_ratio_is_worse(committed):
    ratios = Ratios(committed)
    ratios.add("verify 0.6 KB", {COST: 1.0, LEAD: 1.0})
    (sentence,) = ratios.worse("verify 0.6 KB")
    assert "make bench-quick-update" in sentence


def test_what_was_found_is_kept_beside_what_was_not_measured(committed):
    ratios = Ratios(committed)
    ratios.add("verify 0.6 KB", {COST: 1.0, LEAD: 1.0})
    ratios.write()
    assert set(json.loads(committed.read_text())["ratios"]) == {"sign 0.6 KB", "verify 0.6 KB"}
    ratios = Ratios(committed)
    ratios.add("verify 0.6 KB", {COST: 1.0, LEAD: 1.0})
    assert ratios.worse("verify 0.6 KB") == []


def test_the_committed_ratios_are_of_all_workloads():
    ratios = json.loads(RATIOS.read_text())["ratios"]
    assert set(ratios) == {f"{job} {size}" for job in test_regression.JOBS for size in test_regression.WORKLOADS[job]}
    assert all(set(one) == {COST, LEAD} for one in ratios.values())


@pytest.mark.timed
def test_the_suite_measures_and_fails_for_a_ratio_that_nobody_reaches(tmp_path):
    """The same measurement: against what it can and what it cannot reach."""

    def status(**ratios):
        path = kept(tmp_path / "ratios.json", **{"sign 0.6 KB": ratios})
        command = [sys.executable, "-m", "pytest", "-q", "-k", "sign and 0.6", "--ratios", str(path)]
        command.append(str(ROOT / "bench" / "test_regression.py"))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
        assert "1 passed" in done.stdout or "1 failed" in done.stdout, done.stdout
        return done.returncode

    assert status(**{COST: 100.0, LEAD: 0.01}) == 0
    assert status(**{COST: 0.5, LEAD: 0.01}) == 1
    assert status(**{COST: 100.0, LEAD: 1000.0}) == 1
