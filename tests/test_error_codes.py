"""Codes are stable and documented: docs/errors.md and the source name the same ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import duisign
import duisign.signxml
from duisign.errors import CHECKS

ROOT = Path(__file__).parents[1]
SOURCES = [p for p in (ROOT / "src" / "duisign").glob("*.py*") if p.suffix in (".py", ".pyx")]
SOURCES += (ROOT / "src" / "duisign" / "signxml").glob("*.py")
SOURCES += (ROOT / "src" / "duisign" / "service").glob("*.py")
ROWS = re.findall(r"^\| `([a-z0-9-]+)` \| (.*)$", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)


def raised_codes():
    codes = set()
    for source in SOURCES:
        text = source.read_text()
        codes |= set(re.findall(r'(?:Error|malformed|Invalid[A-Z][a-z]+)\(\s*"([a-z0-9-]+)"', text))
        codes |= set(
            re.findall(r'^    [A-Z_]+: \(\s*"([a-z-]+)"', text, re.MULTILINE) if source.suffix == ".pyx" else []
        )
        codes |= set(re.findall(r'code: str = "([a-z-]+)"', text))
        codes |= set(re.findall(r'_bad_path\(".*", "([a-z-]+)"\)', text))
        codes |= set(re.findall(r'algorithm_element\([^)]*"([a-z-]+)"\)', text))
        codes |= set(re.findall(r'(?:expected|element_from|end_of_content|leaf_text)\([^)]*"([a-z-]+)"\)', text))
    return codes


@pytest.mark.release_build
def test_every_code_is_documented_and_every_documented_code_exists():
    documented = [code for code, _ in ROWS]
    assert len(documented) == len(set(documented))
    assert set(documented) == raised_codes()


def test_each_row_fills_its_table():
    for table in (ROOT / "docs" / "errors.md").read_text().split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("| ")]
        assert len({line.count(" | ") for line in rows}) <= 1, rows[:1]


def test_documented_classes_exist():
    for code, rest in ROWS:
        for name in re.findall(r"`(\w+Error)`", rest):
            assert issubclass(getattr(duisign, name), duisign.DuisignError), code
        for name in re.findall(r"`(Invalid\w+)`", rest):
            assert issubclass(getattr(duisign.signxml, name), duisign.DuisignError), code


@pytest.mark.parametrize("name", [name for name in duisign.__all__ if name.endswith("Error")])
def test_every_exception_is_ours(name):
    kind = getattr(duisign, name)
    assert issubclass(kind, duisign.DuisignError)
    error = kind("a-code", "A sentence.")
    assert (error.code, str(error)) == ("a-code", "A sentence.")
    assert error.check in (*CHECKS, "configuration")
