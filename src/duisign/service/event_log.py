"""The log: one JSON object on each line of standard error. Never a payload, a key, a token or a header's value."""

from __future__ import annotations

import json
import logging
import os
import sys
import time

__all__ = ["EventLog"]


class EventLog:
    """Writes events. `requests`: those of requests too."""

    def __init__(self, *, requests: bool = True) -> None:
        self.requests = requests

    def write(self, event: str, **facts: object) -> None:
        """One line: time (UTC), process, event, facts."""
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = {"time": f"{moment}.{int(now % 1 * 1000):03}Z", "process": os.getpid(), "event": event, **facts}
        stream = sys.stderr
        if stream is None:
            return
        try:
            # In one write, so that lines of several processes do not mix.
            stream.write(json.dumps(line) + "\n")
            stream.flush()
        except OSError:
            # Nobody listens; requests are answered all the same.
            return

    def take_over(self, name: str) -> None:
        """Have the warnings of a library's logger come this way, without what its exceptions say."""
        logger = logging.getLogger(name)
        logger.handlers = [_Handler(self)]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


class _Handler(logging.Handler):
    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        # Not the arguments, nor the traceback: both may quote what came in.
        self._log.write("server", level=record.levelname.lower(), sentence=str(record.msg)[:200])
