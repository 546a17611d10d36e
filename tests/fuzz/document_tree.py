#!/usr/bin/env python3
"""Fuzz target: trees of documents against lxml's, with atheris; `python run.py` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

from duisign._markup import UTF8, prolog
from nodes import compare


def test_one_input(data: bytes) -> None:
    """One input; raises TreesDifferError if the tree is not lxml's, node by node."""
    if prolog(data, False) == UTF8:
        compare(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
