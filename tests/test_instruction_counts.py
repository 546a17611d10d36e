"""`make count` counts what it says, and fails for what is 3 % longer; the figures themselves are in bench/."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import instructions
from interop import peers

BENCH = Path(__file__).parents[1] / "bench"
SECONDS = 300

TOOLS = {"python": "3.11 of May", "lxml": "6.1.3", "compiler": "GCC 12"}
COMMITTED = {
    "toolchain": TOOLS,
    "figures": {"sign 1 KB": {"duisign": 10_000, "lxml": 100_000, "python": 20_000, "nothing": 0, "releases": 2}},
}

DUMP = """# callgrind format
version: 1
desc: Trigger: Client Request: sign 0.6 KB, 20

positions: line
events: Ir

ob=(1) /site-packages/duisign/_tree_lane.so
fn=(1) walk
0 100
cob=(2) /lib/libc.so.6
cfn=(2) memcpy
calls=3 0
0 5000
cob=(3) /bin/python3.11
cfn=(4) PyEval_SaveThread
calls=5 0
0 40
+1 20

ob=(2)
fn=(2)
0 5000

ob=(1)
fn=(3) end
* 3
cob=(3)
cfn=(4)
calls=2 0
0 16

ob=(3)
fn=(4)
0 56
"""


def figures(**changes):
    return {"sign 1 KB": {**COMMITTED["figures"]["sign 1 KB"], **changes}}


def test_a_dump_is_read_by_object_without_what_calls_cost():
    name, found, releases = instructions.read_dump(DUMP.splitlines())
    assert name == "sign 0.6 KB, 20"
    assert found == {"/site-packages/duisign/_tree_lane.so": 123, "/lib/libc.so.6": 5000, "/bin/python3.11": 56}
    assert releases == 7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"duisign": 10_301}, "Mend it"),
        ({"lxml": 103_001}, "Mend it"),
        ({"python": 20_601}, "Mend it"),
        ({"nothing": 21}, "Mend it"),
        ({"duisign": 9_699}, "so that the gain stays"),
    ],
)
def test_three_percent_fail_either_way(changes, words):
    (sentence,) = instructions.problems(COMMITTED, figures(**changes), TOOLS)
    assert words in sentence
    assert instructions.UPDATE in sentence


@pytest.mark.parametrize("changes", [{}, {"duisign": 10_300}, {"duisign": 9_700}, {"nothing": 20}])
def test_less_does_not_fail(changes):
    assert instructions.problems(COMMITTED, figures(**changes), TOOLS) == []


@pytest.mark.parametrize("releases", [0, 1, 3])
def test_any_other_number_of_times_that_the_lock_is_let_go_fails(releases):
    tools = {**TOOLS, "python": "3.11 of June"}
    (sentence,) = instructions.problems(COMMITTED, figures(releases=releases), tools)
    assert f"2 times and now does {releases} times" in sentence
    assert instructions.UPDATE in sentence


def test_another_interpreter_is_not_compared_and_other_tools_are_told():
    tools = {**TOOLS, "python": "3.11 of June", "compiler": "GCC 13"}
    assert instructions.problems(COMMITTED, figures(python=90_000), tools) == []
    assert len(instructions.problems(COMMITTED, figures(python=90_000, duisign=11_000), tools)) == 1
    first, second = instructions.differences(COMMITTED, tools)
    assert "3.11 of May" in first
    assert "here it is GCC 13" in second


def test_a_workload_without_a_figure_fails():
    (sentence,) = instructions.problems(COMMITTED, {"verify 1 KB": {"duisign": 1}}, TOOLS)
    assert instructions.UPDATE in sentence


def test_the_committed_figures_are_of_all_workloads():
    committed = json.loads(instructions.FIGURES.read_text())
    assert set(committed["figures"]) == set(instructions.workloads())
    assert all(set(parts) == {"duisign", "lxml", "python", "releases"} for parts in committed["figures"].values())
    signing = [name for name in committed["figures"] if name.startswith("sign ")]
    assert {name.split(", ")[1] for name in signing} == set(instructions.LANES)


def test_short_documents_let_the_lock_go_for_the_key_alone():
    """What docs/performance.md says, in the figures that `make count` holds."""
    committed = json.loads(instructions.FIGURES.read_text())["figures"]
    releases = {name: parts["releases"] for name, parts in committed.items() if "700 KB" not in name}
    jobs = {"sign ": 1, "verify ": 1, "canonicalize ": 0}
    assert releases == {name: count for name in releases for job, count in jobs.items() if name.startswith(job)}


def counted(path, only, *, environment=None, update=False):
    command = [sys.executable, str(BENCH / "instructions.py"), "--figures", str(path), "--only", only, "--runs", "1"]
    command += ["--update"] if update else []
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=SECONDS)


SLOWER = """
import duisign

class Slower(duisign.Signer):
    def sign(self, document):
        for _ in range({times}):
            duisign.canonicalize({extra!r})
        return super().sign(document)

duisign.Signer = Slower
"""


def test_a_call_that_is_three_percent_longer_fails(tmp_path):
    """A genuine count: signing 700 KB, and the same with so much more to canonicalize before it."""
    peers.require_program("valgrind")
    path, workload, extra = tmp_path / "figures.json", "sign 700 KB, tree lane", "canonicalize 0.6 KB"
    done = counted(path, f"{workload}|{extra}", update=True)
    assert done.returncode == 0, done.stderr
    committed = json.loads(path.read_text())
    cost = {name: committed["figures"][name]["duisign"] for name in (workload, extra)}
    # What is called more often is Python too, and no part of this test.
    committed["toolchain"]["python"] = "another"
    releases = {name: committed["figures"][name]["releases"] for name in (workload, extra)}

    def with_growth(share):
        times = math.ceil(share * cost[workload] / cost[extra])
        # These are counted to the last one.
        committed["figures"][workload]["releases"] = releases[workload] + times * releases[extra]
        path.write_text(json.dumps(committed))
        document = bytes.fromhex((tmp_path / "document.hex").read_text())
        (tmp_path / "sitecustomize.py").write_text(SLOWER.format(times=times, extra=document))
        return counted(path, workload, environment={"PYTHONPATH": str(tmp_path)})

    from documents import service_request
    from duisign.testing import Smki

    (tmp_path / "document.hex").write_text(service_request(Smki.create(), 600).hex())
    done = with_growth(0.032)
    assert done.returncode == 1, done.stdout
    assert f"{workload}, duisign: " in done.stderr
    assert "Mend it" in done.stderr
    assert "The committed figures were counted with python another" in done.stderr
    done = with_growth(0.02)
    assert done.returncode == 0, done.stderr


def test_a_count_does_not_depend_on_what_else_is_counted():
    peers.require_program("valgrind")
    workload = "verify 2.8 KB"
    alone = instructions.count(f"^{workload}$", 1)[workload]
    behind_others = instructions.count("verify (0.6|2.8)|canonicalize 0.6", 1)[workload]
    # A few instructions go by addresses.
    assert behind_others["duisign"] == pytest.approx(alone["duisign"], rel=0.005)
    assert behind_others["lxml"] == pytest.approx(alone["lxml"], rel=0.005)
    assert behind_others["python"] == pytest.approx(alone["python"], rel=0.02)


def test_without_valgrind_nothing_is_said_to_be_fine(tmp_path):
    done = counted(tmp_path / "figures.json", "sign", environment={"PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "valgrind is not installed" in done.stderr
    assert not (tmp_path / "figures.json").exists()
