"""An HTTP/1.1 client that costs as little as it can: one request at a time on each of several open connections.

Requests are octets that were written before; of a response the status and the body are kept. The same client measures
every server.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

__all__ = ["Answer", "Connection", "LostError", "Run", "post", "run_closed", "run_paced"]

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_clock = time.perf_counter
_ANSWER_SECONDS = 30.0
"""Seconds after which an answer counts as lost."""

Answer = tuple[int, bytes]
Check = Callable[[int, Answer], None]
"""Called with the number of the request and its answer; raises AssertionError if the one does not fit the other."""


class LostError(Exception):
    """The connection ended, or nothing came, before the answer was complete."""


def post(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A request, ready to be sent."""
    lines = {"Host": "localhost", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One connection. `ask` must not be called before the answer to the last call is there."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._need = -1
        self._body = 0
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """A connection; raises OSError."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Not isinstance: uvloop's is of a class of its own.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        octets = self._octets
        octets += data
        while True:
            if self._need < 0:
                end = octets.find(b"\r\n\r\n")
                if end < 0:
                    return
                length = _LENGTH.search(octets, 0, end + 2)
                self._body = end + 4
                self._need = self._body + (int(length[1]) if length else 0)
            if len(octets) < self._need:
                return
            answer = int(octets[9:12]), bytes(octets[self._body : self._need])
            del octets[: self._need]
            self._need = -1
            # An interim answer says that the real one comes.
            if answer[0] >= 200:
                break
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits gets a LostError."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(LostError(str(exc or "closed")))

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request; raises LostError."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise LostError("closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()


@dataclass
class Run:
    """What a run measured. `latencies`: seconds. `seconds`: of the whole run. `wrong`: sentences."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Seconds within which so much of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def count(self, number: int, answer: Answer, seconds: float, check: Check | None) -> None:
        """Take down one answer."""
        self.latencies.append(seconds)
        self.statuses[answer[0]] = self.statuses.get(answer[0], 0) + 1
        if check is not None:
            try:
                check(number, answer)
            except AssertionError as error:
                self.wrong.append(f"request {number}: {error}")


async def run_closed(
    address: tuple[str, int],
    requests: Iterator[tuple[int, bytes]],
    *,
    connections: int,
    seconds: float,
    check: Check | None = None,
) -> Run:
    """As many requests as the server takes: each connection sends the next one as soon as its answer is there.

    Ends before its time if there are no more.
    """
    end = _clock() + seconds
    return await _run(address, requests, iter(lambda: min(_clock(), end), end), connections=connections, check=check)


async def run_paced(
    address: tuple[str, int],
    requests: Iterator[tuple[int, bytes]],
    *,
    connections: int,
    seconds: float,
    per_second: float,
    check: Check | None = None,
) -> Run:
    """So many requests per second, at times that were fixed before.

    Latencies count from these times, not from when a connection was free: a server that stalls is not spared what
    would have come meanwhile.
    """
    begin = _clock()
    due = (begin + index / per_second for index in range(int(seconds * per_second)))
    return await _run(address, requests, due, connections=connections, check=check)


async def _run(
    address: tuple[str, int],
    requests: Iterator[tuple[int, bytes]],
    due: Iterator[float],
    *,
    connections: int,
    check: Check | None,
) -> Run:
    """One request at each time of `due`, or later when no connection is free."""
    run = Run()
    begin = _clock()

    async def work() -> None:
        connection = await Connection.open(*address)
        for start in due:
            wait = start - _clock()
            if wait > 0:
                await asyncio.sleep(wait)
            if (upcoming := next(requests, None)) is None:
                break
            number, request = upcoming
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    answer = await connection.ask(request)
            except (LostError, TimeoutError) as error:
                run.wrong.append(f"request {number}: no answer: {error!r}")
                connection.close()
                connection = await Connection.open(*address)
                continue
            run.count(number, answer, _clock() - start, check)
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    run.seconds = _clock() - begin
    return run
