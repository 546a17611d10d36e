"""A connection: uvicorn's, with limits for what comes before a request is at work, and deaf to offers of HTTP/2."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from duisign.service.problem import RequestError, problem_facts

if TYPE_CHECKING:
    import asyncio

__all__ = ["MAX_HEAD_OCTETS", "Connection"]

MAX_HEAD_OCTETS = 64 * 1024
"""Octets of a request's first line and headers: some KiB are usual. Reached by what is read at once, or some more."""

_OFFERS = (b"upgrade", b"http2-settings")
"""Headers of an offer to go on with another protocol."""


class Connection(HttpToolsProtocol):
    """One connection of one worker.

    `seconds`: how long the head of a request may take, and what is left of a body whose request was refused. A
    connection on which nothing has come is idle, and ends as one between two requests does.

    Who offers another protocol is answered in the one that he speaks (RFC 9110, section 7.8): Java's HttpClient offers
    HTTP/2 with its first request. llhttp would take what follows the head for that protocol, and leave the request
    without its body.
    """

    def __init__(self, *arguments: Any, seconds: float, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._seconds = seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = self._in_body = self._is_offer = False
        self._head_octets = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._deadline is not None:
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """Read some octets."""
        self._unset_keepalive_if_required()
        if not self._in_body:
            self._head_octets += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._in_head and self._head_octets > MAX_HEAD_OCTETS:
            sentence = f"The head of the request is longer than the limit of {MAX_HEAD_OCTETS} octets."
            self._refuse(RequestError("head-too-large", sentence, 431))
            return
        self._watch()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """End the head of a request, unless `_feed` gives it to the parser again."""
        self._is_offer = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._is_offer:
            super().on_headers_complete()
            self._in_head, self._in_body, self._head_octets = False, True, 0

    def on_message_complete(self) -> None:
        """End a request."""
        if not self._is_offer:
            super().on_message_complete()
            self._in_body = False

    def on_response_complete(self) -> None:
        """End an answer."""
        super().on_response_complete()
        self._watch()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._head_without_offer() + data[offer.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                # As uvicorn's own.
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            else:
                return

    def _head_without_offer(self) -> bytes:
        """The head of the request, of which the parser has read every octet, written anew."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [one for one in map(bytes.strip, value.split(b",")) if one.lower() not in _OFFERS]
                lines.append(b"connection: " + b", ".join(kept))
            elif name not in _OFFERS:
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join([*lines, b"", b""])

    def _watch(self) -> None:
        """Limit the time of what comes while no request is at work."""
        if self.transport.is_closing():
            return
        at_work = self.cycle is not None and not self.cycle.response_complete
        if at_work or not (self._in_head or self._in_body):
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
            if not at_work and self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._seconds, self._late)

    def _late(self) -> None:
        if self._in_head:
            self._refuse(RequestError("request-timeout", "The head of the request took too long to come.", 408))
        else:
            # Of a request that has its answer.
            self.transport.close()

    def _refuse(self, error: RequestError) -> None:
        """Answer a request of which there is no more than a part of its head, and end the connection."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = json.dumps(problem_facts(error)).encode()
            head = (
                f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
                "Content-Type: application/problem+json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
