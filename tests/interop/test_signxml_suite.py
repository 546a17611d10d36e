"""signxml's own test module with the import swapped: each test passes, or differs as docs/signxml.md says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interop import peers

ROOT = Path(__file__).parents[2]
SUITE = Path(__file__).parent / "signxml_suite.py"
PAGE = (ROOT / "docs" / "signxml.md").read_text(encoding="utf-8")
TIMEOUT_SECONDS = 300

# How the exception of a differing test shows which difference of the documentation is at work.
SIGNS = {
    "algorithms": "_algorithm \\w+ is not supported|^InvalidInput: SHA1-based|does not match .*_algorithm \\w+ is not",
    "method": "^InvalidInput: method detached is not supported",
    "hook": "is a hook of signxml's",
    "internals": "there is no XMLSignatureProcessor|^ImportError: .*p_sha1|no attribute '(schemas|XMLProcessor)'",
    "xades": "^AbsentError: there is no XAdES",
    "placement": "^InvalidInput: A Signature stands where none may be",
    "reference": "^InvalidInput: reference_uri to an element below the root",
    "namespaces": "^InvalidInput: namespaces without prefix",
    "validate-schema": "^InvalidInput: validate_schema=False",
}


def table(title: str) -> list[list[str]]:
    """The rows of the table below a heading of the page."""
    section = re.split(r"^## ", PAGE.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows[2:]]


DOCUMENTED = {row[0].strip("`"): {"published": row[1], "subset": row[2]} for row in table("signxml's own tests")}


def verdict(said: list[str], but_for: list[str]) -> str:
    """The outcome of a test in the words of the page."""
    failed = [one for one in said if one]
    reasons = set()
    for one in failed:
        found = [name for name, sign in SIGNS.items() if re.search(sign, one)]
        assert len(found) == 1, f"no documented difference, or several: {one}"
        reasons.update(found)
    if not failed:
        return "passes" + (f" but for {', '.join(sorted(set(but_for)))}" if but_for else "")
    partly = f" in {len(failed)} of {len(said)}" if len(failed) < len(said) else ""
    return f"differs{partly}: {', '.join(sorted(reasons))}"


@pytest.fixture(scope="module", params=["published", "subset"])
def outcomes(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    folder = peers.SIGNXML_SOURCES.unpack() / "test"
    done = subprocess.run(
        [sys.executable, str(SUITE), str(folder), request.param],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    but_for = found["differences"]
    return request.param, {test: verdict(said, but_for.get(test, [])) for test, said in found["outcomes"].items()}


def test_every_outcome_is_the_documented_one(outcomes: tuple[str, dict[str, str]]) -> None:
    mode, found = outcomes
    assert len(found) == 40
    assert found == {test: row[mode] for test, row in DOCUMENTED.items()}


def test_every_reason_is_explained() -> None:
    explained = {row[0].strip("`") for row in table("Differences")}
    named = {
        name
        for row in DOCUMENTED.values()
        for outcome in row.values()
        if outcome != "passes"
        for name in re.split(r" but for |: ", outcome)[1].split(", ")
    }
    assert named <= explained
    assert named & set(SIGNS) == set(SIGNS)
