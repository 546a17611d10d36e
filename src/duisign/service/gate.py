"""What each request passes before and behind its endpoint: who calls, limits, refusals, metrics, log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request

from duisign.errors import DuisignError
from duisign.service.authentication import Callers
from duisign.service.event_log import EventLog
from duisign.service.metrics import Metrics
from duisign.service.outcome import Outcome
from duisign.service.problem import RequestError, problem
from duisign.service.settings import ServerSettings

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

__all__ = ["Address", "Gate"]

_GONE = 499
"""Logged as the status of a request whose caller left before the answer, as nginx does."""
_CLOSE = {"Connection": "close"}
"""The header of an answer behind which the rest of the body is not read. Of other refusals it is read, and dropped."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """One path, and what answers there.

    `error`: how its refusals look. `is_open`: for everybody, and at any load. `is_stream`: the limits of time and size
    hold for each part of its body, not for the whole.
    """

    method: str
    endpoint: Callable[[Request], Awaitable[Response]]
    error: Callable[[DuisignError], Response] = problem
    is_open: bool = False
    is_stream: bool = False


async def _nothing(request: Request) -> Response:
    raise RequestError("not-found", "There is nothing at this address: /docs lists what there is.", 404)


_ELSEWHERE = Address(method="", endpoint=_nothing)


class Gate:
    """The outermost part of the ASGI application. `addresses`: by path."""

    def __init__(
        self,
        addresses: Mapping[str, Address],
        callers: Callers,
        metrics: Metrics,
        log: EventLog,
        limits: ServerSettings,
    ) -> None:
        self._addresses = addresses
        self._callers = callers
        self._metrics = metrics
        self._log = log
        self._limits = limits
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        start = time.perf_counter()
        path = scope["path"]
        address = self._addresses.get(path, _ELSEWHERE)
        outcome = Outcome(path if path in self._addresses else "other", self._metrics)
        scope["duisign"] = outcome
        exchange = _Exchange(receive, send, self._limits, address)
        self._at_work += not address.is_open
        self._metrics.in_flight.inc()
        try:
            await self._answer(scope, exchange, address, outcome)
        finally:
            self._at_work -= not address.is_open
            self._metrics.in_flight.dec()
            self._account(scope, exchange, outcome, time.perf_counter() - start)

    async def _answer(self, scope: Scope, exchange: _Exchange, address: Address, outcome: Outcome) -> None:
        error: DuisignError
        try:
            self._admit(scope, address)
            async with asyncio.timeout(None if address.is_stream else self._limits.request_timeout):
                response = await address.endpoint(Request(scope, exchange.receive))
                await response(scope, exchange.receive, exchange.send)
            return
        except ClientDisconnect:
            return
        except TimeoutError:
            error = exchange.late()
        except DuisignError as refusal:
            error = refusal
            if not isinstance(refusal, RequestError) or exchange.is_complete:
                outcome.message(refusal.code)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the caller gets an answer, and the log no payload
            error = RequestError("internal", "The service failed: its log says where.", 500)
            self._log.write("failure", **_where(failure))
        outcome.code = error.code
        if exchange.status is None:
            await address.error(error)(scope, exchange.receive, exchange.send)
            return
        # Half an answer cannot be called back: the server closes the connection, so that the caller notices.
        raise ConnectionAbortedError(error.code)

    def _admit(self, scope: Scope, address: Address) -> None:
        """Raise RequestError unless the request may go on."""
        if not address.is_open:
            self._callers.check(scope["headers"])
            if self._at_work > self._limits.max_concurrent_requests:
                raise RequestError("busy", "Too many requests are at work: come again later.", 503, self._later())
        # Where GET is, so is HEAD (RFC 9110, section 9.1): the server drops the body of the answer.
        allowed = ("GET", "HEAD") if address.method == "GET" else (address.method,)
        if scope["method"] not in allowed and address is not _ELSEWHERE:
            raise RequestError("method", f"Here the method is {address.method}.", 405, {"Allow": ", ".join(allowed)})

    def _later(self) -> dict[str, str]:
        return {"Retry-After": str(self._limits.retry_after)}

    def _account(self, scope: Scope, exchange: _Exchange, outcome: Outcome, seconds: float) -> None:
        status = exchange.status or _GONE
        self._metrics.request(outcome.operation, status, seconds)
        if self._log.requests:
            client = scope.get("client")
            self._log.write(
                "request",
                caller=client[0] if client else None,
                method=scope["method"] if outcome.operation != "other" else "other",
                path=outcome.operation,
                status=status,
                code=outcome.code,
                messages=outcome.messages,
                octets=exchange.octets,
                milliseconds=round(seconds * 1000, 3),
            )


class _Exchange:
    """The messages of one request: counts what comes in, and notes how the answer begins."""

    __slots__ = ("_limits", "_receive", "_send", "_stream", "is_complete", "octets", "status")

    def __init__(self, receive: Receive, send: Send, limits: ServerSettings, address: Address) -> None:
        self._receive = receive
        self._send = send
        self._limits = limits
        self._stream = address.is_stream
        self.octets = 0
        self.is_complete = False
        self.status: int | None = None

    async def receive(self) -> Message:
        """The next part of the body; raises RequestError if that is too much."""
        if self._stream:
            async with asyncio.timeout(self._limits.request_timeout):
                message = await self._receive()
        else:
            message = await self._receive()
        if message["type"] == "http.request":
            self.octets += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            if not self._stream and self.octets > self._limits.max_body_octets:
                raise RequestError(
                    "body-too-large",
                    f"The body is longer than the limit of {self._limits.max_body_octets} octets.",
                    413,
                    _CLOSE,
                )
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        if self._stream:
            # A caller who does not read must not hold a place for ever.
            async with asyncio.timeout(self._limits.request_timeout):
                await self._send(message)
        else:
            await self._send(message)

    def late(self) -> RequestError:
        """The refusal of a request that took too long."""
        if not self.is_complete:
            return RequestError("request-timeout", "The body took too long to come.", 408, _CLOSE)
        headers = {"Retry-After": str(self._limits.retry_after)}
        return RequestError("timeout", "The answer took too long: come again later.", 503, headers)


def _where(failure: Exception) -> dict[str, object]:
    """The class of an exception and the line that raised it: no words of its own, which may quote what came in."""
    traceback = failure.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = None
    if traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno}"
    return {"exception": type(failure).__name__, "place": place}
