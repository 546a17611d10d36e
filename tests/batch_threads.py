"""Threads of batches, and documents that are quickly refused, for the tests."""

from __future__ import annotations

import threading

SECONDS = 120


def own_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("duisign")]


def tiny(count, size=0):
    """A generator of documents that are quickly refused, and the list of those that were taken from it."""
    taken = []

    def documents():
        for index in range(count):
            taken.append(index)
            yield b"<%d" % index + b" " * size

    return documents(), taken
