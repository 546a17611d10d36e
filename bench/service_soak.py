"""Good and bad requests mixed, each answer checked against its request, while memory and failures are watched."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import psutil

import duisign
from http_client import Answer, Run, post, run_closed
from service_servers import Running

__all__ = ["Mix", "Soak", "soak"]

_COUNTER = re.compile(rb"(?<=:)[0-9]{1,20}(?=\s*</[^>]*RequestID>)")
_XML = {"Content-Type": "application/xml"}
_SLICE_SECONDS = 5.0
_SEED = 20240531

GROWTH = 0.05
"""Share by which memory may differ between the first third and the last, of what it was."""
GROWTH_OCTETS = 4 << 20
"""Octets beyond that: an allocator's arena or two."""


@dataclass
class _Expected:
    """What the answer to a request must be. `counter`: what its RequestID must have. `octets`: the whole body."""

    status: int
    code: str | None = None
    counter: bytes | None = None
    octets: bytes | None = None
    is_json: bool = False


class Mix:
    """Endless requests of nine kinds over many documents, and the check of their answers."""

    def __init__(self, documents: list[bytes], ring: duisign.KeyRing, verifier: duisign.Verifier) -> None:
        self._documents = documents
        self._verifier = verifier
        self._signed = [ring.sign(document) for document in documents]
        self._verified = [verifier.verify(document).signed_bytes for document in self._signed]
        self._random = random.Random(_SEED)
        self._expected: dict[int, _Expected] = {}
        self.kinds: dict[str, int] = {}

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        kinds = [self._sign, self._sign, self._sign_raw, self._verify, self._verify_raw]
        kinds += [self._tampered, self._no_json, self._no_xml, self._unknown_sender]
        for number in itertools.count():
            kind = self._random.choice(kinds)
            name = kind.__name__.lstrip("_")
            self.kinds[name] = self.kinds.get(name, 0) + 1
            request, self._expected[number] = kind(number)
            yield number, request

    def check(self, number: int, answer: Answer) -> None:
        """Raise AssertionError unless this is the answer to that request."""
        status, body = answer
        expected = self._expected.pop(number)
        assert status == expected.status, f"status {status}, not {expected.status}"
        if expected.code is not None:
            facts = json.loads(body)
            code = facts.get("errorCode", facts.get("code"))
            assert code == expected.code, f"code {code}, not {expected.code}"
            return
        octets = base64.b64decode(json.loads(body)["message"]) if expected.is_json else body
        if expected.octets is not None:
            assert octets == expected.octets, "the octets of another message"
        if expected.counter is not None:
            message = self._verifier.verify(octets)
            found = message.request_id.counter if message.request_id is not None else None
            assert found == int(expected.counter), "the counter of another message"

    def _numbered(self, number: int) -> tuple[bytes, bytes]:
        """A document whose counter is the number of its request."""
        counter = b"%d" % (10**12 + number)
        return _COUNTER.sub(counter, self._random.choice(self._documents), count=1), counter

    def _sign(self, number: int) -> tuple[bytes, _Expected]:
        document, counter = self._numbered(number)
        return _in_json("/sign", document, preserveCounter=True), _Expected(200, counter=counter, is_json=True)

    def _sign_raw(self, number: int) -> tuple[bytes, _Expected]:
        document, counter = self._numbered(number)
        return post("/v1/sign", document, _XML), _Expected(200, counter=counter)

    def _verify(self, number: int) -> tuple[bytes, _Expected]:
        index = self._random.randrange(len(self._signed))
        expected = _Expected(200, octets=self._verified[index], is_json=True)
        return _in_json("/verify", self._signed[index]), expected

    def _verify_raw(self, number: int) -> tuple[bytes, _Expected]:
        index = self._random.randrange(len(self._signed))
        return post("/v1/verify", self._signed[index], _XML), _Expected(200, octets=self._verified[index])

    def _tampered(self, number: int) -> tuple[bytes, _Expected]:
        signed = _COUNTER.sub(b"%d" % number, self._random.choice(self._signed), count=1)
        return _in_json("/verify", signed), _Expected(400, "digest-mismatch")

    def _no_json(self, number: int) -> tuple[bytes, _Expected]:
        return post("/sign", b"{" * self._random.randrange(1, 5000)), _Expected(400, "body-malformed")

    def _no_xml(self, number: int) -> tuple[bytes, _Expected]:
        document, _ = self._numbered(number)
        return post("/v1/sign", document[: len(document) // 2], _XML), _Expected(400, "malformed-xml")

    def _unknown_sender(self, number: int) -> tuple[bytes, _Expected]:
        document = re.sub(rb"(RequestID>\s*)[0-9A-Fa-f-]{23}", rb"\g<1>00-00-00-00-00-00-00-01", self._documents[0])
        return post("/v1/sign", document, _XML), _Expected(422, "signing-key-unknown")


def _in_json(path: str, document: bytes, **more: object) -> bytes:
    return post(path, json.dumps({"message": base64.b64encode(document).decode(), **more}).encode())


@dataclass
class Soak:
    """What a soak found. `memory`: octets of all processes of the server, one figure for each slice of time."""

    run: Run = field(default_factory=Run)
    memory: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def growth(self) -> tuple[float, float]:
        """Octets in the first third, after a warm-up, and in the last."""
        figures = self.memory[max(1, len(self.memory) // 10) :]
        third = max(1, len(figures) // 3)
        return median(figures[:third]), median(figures[-third:])

    @property
    def has_grown(self) -> bool:
        """Whether the server takes more memory than at first."""
        first, last = self.growth
        return last - first > GROWTH * first + GROWTH_OCTETS

    @property
    def server_errors(self) -> int:
        """Answers with a status from 500 on."""
        return sum(count for status, count in self.run.statuses.items() if status >= 500)

    @property
    def is_fine(self) -> bool:
        """Whether nothing was lost, mixed up, failed or kept."""
        return not (self.run.wrong or self.failures or self.server_errors or self.has_grown)


async def soak(server: Running, mix: Mix, minutes: float, connections: int) -> Soak:
    """Load the server for so long."""
    found = Soak()
    requests = iter(mix)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        seconds = min(_SLICE_SECONDS, max(0.5, end - time.monotonic()))
        run = await run_closed(
            ("127.0.0.1", server.port), requests, connections=connections, seconds=seconds, check=mix.check
        )
        for status, count in run.statuses.items():
            found.run.statuses[status] = found.run.statuses.get(status, 0) + count
        found.run.wrong += run.wrong
        found.run.seconds += run.seconds
        found.memory.append(_memory(server))
    found.failures = list(server.failures)
    return found


def _memory(server: Running) -> int:
    first = psutil.Process(server.process.pid)
    return sum(one.memory_info().rss for one in [first, *first.children(recursive=True)])
