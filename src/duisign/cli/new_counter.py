"""New originator counters for the Requests of one run."""

from __future__ import annotations

import threading

from duisign.request_counter import RequestCounter, milliseconds

__all__ = ["NewCounter"]


class NewCounter:
    """Gives each Request the current time in milliseconds, or one more than the last if that is not more.

    So the counters of one run rise, as the DCC wants them, however many Requests it signs in a millisecond.
    """

    def __init__(self) -> None:
        self._counter = RequestCounter()
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self, document: bytes) -> bytes:
        """The document with a new counter; raises DocumentError if it is no Request."""
        with self._lock:
            self._last = max(self._last + 1, milliseconds())
            counter = self._last
        return self._counter.set(document, counter)
