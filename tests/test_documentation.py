"""Every command and example of the documentation runs, in the order in which a reader meets them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import duisign

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SCRIPTS = Path(sys.executable).parent


def run(command, folder):
    environment = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("readme")
    done = run(["duisign", "demo", "--folder", "."], path)
    assert done.returncode == 0, done.stderr
    return path


def test_the_two_commands_are_targets_and_ci_runs_them():
    (commands,) = (body for kind, body in BLOCKS if kind == "sh" and body.startswith("make"))
    lines = [line.partition("#")[0].split() for line in commands.splitlines()]
    assert lines == [["make", "demo"], ["make", "test"]]
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "lint", "bench", "bench-quick", "count"):
        assert re.search(rf"^{target}:.*\n(?:\t.*\n)+", makefile, re.MULTILINE)
    for path in re.findall(r"\b(?:bench|tests|src)/[\w/]+\.py\b", makefile):
        assert (ROOT / path).exists(), path
    commands = {"make demo", "make lint", "make test", "make count", "make bench-quick", "make bench BENCH=--fast"}
    assert commands <= set(ci)


def test_the_commands_of_the_performance_page_are_targets_and_options():
    page = (ROOT / "docs" / "performance.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    lines = [
        line for body in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) for line in body.splitlines()
    ]
    assert len(lines) > 5
    for line in lines:
        make, target, *options = line.partition("#")[0].split()
        assert make == "make"
        assert re.search(rf"^{target}: ", makefile, re.MULTILINE), line
        assert all(option in ("BENCH=--fast", "BENCH=--check") for option in options), line
    for path in re.findall(r"`(bench/[\w./]+)`", page):
        assert (ROOT / path).exists() or path == "bench/results/", path


def test_the_examples_run(folder):
    outputs = []
    for kind, body in BLOCKS:
        if kind == "python":
            done = run([sys.executable, "-W", "error", "-c", body], folder)
            assert (done.returncode, done.stderr) == (0, ""), body
            outputs.append(done.stdout)
        elif not body.startswith("make"):
            for line in body.splitlines():
                done = run(["bash", "-euo", "pipefail", "-c", line], folder)
                assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert len(outputs) == 3
    assert outputs[2].startswith("00-DB-12-34-A5-00-00-01 XML_SIGN ")
    assert outputs[1].startswith("service-request 00-DB-12-34-")


def test_the_api_table_names_what_there_is():
    table = README[README.index("## API") : README.index("## Limits")]
    named = set(re.findall(r"\b(\w+)\b", table))
    missing = [name for name in duisign.__all__ if name not in named and not name.endswith("Error")]
    assert missing == ["VerifiedMessage"] or missing == []
    import inspect

    for name in ("Signer", "Verifier", "PinnedCertificates", "Policy", "SmkiTrust", "canonicalize"):
        function = getattr(duisign, name)
        (written,) = re.findall(rf"`{function.__name__}\(([^`]*)\)`", table)
        parameters = [name.strip() for name in written.replace("*,", "").split(",")]
        assert parameters == list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/errors.md", "docs/performance.md"]
)
def test_links_and_paths_exist(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target
    if page == "CONTRIBUTING.md":
        for row in re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE):
            paths = re.findall(r"`([^`]+)`", row)
            for path in paths:
                parent = Path(paths[0]).parent
                assert (ROOT / path).exists() or (ROOT / parent / path).exists(), path


def test_the_version_stands_in_one_place():
    import tomllib
    from importlib.metadata import version

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version("duisign") == declared
    sources = [path for path in (ROOT / "src").rglob("*.py*") if path.suffix in (".py", ".pyx", ".pyi", ".pxd")]
    assert not [path for path in sources if f'"{declared}"' in path.read_text()]
