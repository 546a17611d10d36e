"""What Prometheus can ask: messages by verdict code, requests by status, latencies, keys and their ends.

With several workers prometheus_client keeps the numbers in files of a folder, which `share_between_processes` names; it
looks for that when it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from duisign.service.engine import KeyFact

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

__all__ = ["Metrics", "share_between_processes"]

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds: from a small message to the request timeout."""


def share_between_processes(folder: str | None) -> None:
    """Have prometheus_client add up what the processes count, or with None just count; before anything imports it.

    A folder that the environment names is another program's, with its numbers in it.
    """
    os.environ.pop(_FOLDER, None)
    if folder is not None:
        os.environ[_FOLDER] = folder


class Metrics:
    """The counters of one service. `keys`: asked at each scrape."""

    def __init__(self, keys: Callable[[], list[KeyFact]]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._keys = keys
        self._registry = CollectorRegistry()
        self._messages = Counter(
            "duisign_messages", "Messages by what became of them.", ["operation", "code"], registry=self._registry
        )
        self._requests = Counter(
            "duisign_requests", "Requests by status.", ["operation", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "duisign_request_seconds",
            "Time from the head to the answer.",
            ["operation"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "duisign_requests_in_flight", "Requests at work.", multiprocess_mode="livesum", registry=self._registry
        )
        self._reloads = Counter("duisign_reloads", "Reloads of keys and trust.", ["outcome"], registry=self._registry)

    def message(self, operation: str, code: str) -> None:
        """Count one message. `code`: "ok" or that of the refusal."""
        self._messages.labels(operation, code).inc()

    def request(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def reload(self, outcome: str) -> None:
        """Count one reload: "ok" or "failed"."""
        self._reloads.labels(outcome).inc()

    def text(self) -> tuple[bytes, str]:
        """All numbers in Prometheus' text format, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry: CollectorRegistry = self._registry
        if _FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(_Keys(self._keys())), CONTENT_TYPE_LATEST


class _Keys:
    """Looks like a registry: the ends of the keys, which are facts of the moment and the same in each process."""

    def __init__(self, keys: list[KeyFact]) -> None:
        self._facts = keys

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        names = ["entity_id", "role", "serial_number"]
        expiry = GaugeMetricFamily(
            "duisign_key_expiry_timestamp_seconds", "When the certificate of a key ends.", labels=names
        )
        signs = GaugeMetricFamily("duisign_key_signs", "Whether a key may sign now.", labels=names)
        for fact in self._facts:
            labels = [fact.entity_id, fact.role, fact.serial_number]
            expiry.add_metric(labels, fact.expires.timestamp())
            signs.add_metric(labels, float(fact.signs))
        yield expiry
        yield signs
