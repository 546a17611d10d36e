"""The options of the regression suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ratios import RATIOS, Ratios

UPDATE = "--update-ratios"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption(UPDATE, action="store_true", help="write the ratios instead of comparing them")
    parser.addoption("--ratios", type=Path, default=RATIOS, help="the file of the committed ratios")


@pytest.fixture(scope="session")
def updates(request: pytest.FixtureRequest) -> bool:
    """Whether the ratios are to be written."""
    return bool(request.config.getoption(UPDATE))


@pytest.fixture(scope="session")
def ratios(request: pytest.FixtureRequest, updates: bool) -> Iterator[Ratios]:
    """The committed ones; written at the end, if the option says so."""
    kept = Ratios(request.config.getoption("--ratios"))
    yield kept
    if updates:
        kept.write()
