#!/usr/bin/env python3
"""Fuzz target: the reading of usual Signatures against that of any, with atheris; `python run.py` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

from readings import compare, document_of


def test_one_input(data: bytes) -> None:
    """One input; raises ReadingsDifferError if the property does not hold."""
    compare(document_of(data))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
