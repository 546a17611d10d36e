#!/usr/bin/env python3
"""Fuzz target: the byte lane against the tree lane, with atheris; `python run.py` builds what it needs and runs it.

An input is one octet that chooses the options, then a document. Python's own code is not instrumented: what counts is
the coverage of the native modules.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

from lanes import OPTIONS, compare


def test_one_input(data: bytes) -> None:
    """One input; raises LanesDifferError if the property does not hold."""
    if data:
        compare(data[1:], *OPTIONS[data[0] % len(OPTIONS)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
