"""The progress of a batch on the terminal: how many are done, how fast, and how many failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["ProgressBar"]

_SECONDS = 0.1
"""Seconds between two drawings."""


class ProgressBar:
    """A bar on standard error, gone when it is closed. `total`: how many there are, None if nobody knows."""

    def __init__(self, total: int | None) -> None:
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TextColumn("{task.fields[failed]:,} failed", style="red"),
            TimeElapsedColumn(),
            *([] if total is None else [TimeRemainingColumn()]),
            console=Console(stderr=True),
            # Drawn by whoever takes the results: no thread, and nothing drawn while something else is said.
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=total, rate=0.0, failed=0)
        self._start = self._drawn = time.monotonic()
        self._bar.start()

    def show(self, done: int, failed: int) -> None:
        """Draw the bar, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._drawn >= _SECONDS:
            self._drawn = now
            rate = done / (now - self._start)
            self._bar.update(self._task, completed=done, failed=failed, rate=rate, refresh=True)

    @contextmanager
    def out_of_the_way(self) -> Iterator[None]:
        """Room for something else on the terminal."""
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
