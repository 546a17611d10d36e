"""What a request is called in metrics and log, and what became of its messages."""

from __future__ import annotations

from duisign.service.metrics import Metrics

__all__ = ["Outcome"]


class Outcome:
    """Of one request. `code`: of the last message, "ok" or the refusal's; None if there was none."""

    __slots__ = ("_metrics", "code", "messages", "operation")

    def __init__(self, operation: str, metrics: Metrics) -> None:
        self._metrics = metrics
        self.operation = operation
        self.code: str | None = None
        self.messages = 0

    def message(self, code: str) -> None:
        """Count a message."""
        self.code = code
        self.messages += 1
        self._metrics.message(self.operation, code)
