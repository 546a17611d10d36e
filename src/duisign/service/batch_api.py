"""``/v1/sign/batch`` and ``/v1/verify/batch``: NDJSON in, and for each line one out, in order, while more comes in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from duisign.cli.ndjson import MAX_LINE_OCTETS, MessageLine, json_line
from duisign.errors import DuisignError
from duisign.message import UnsignedMessage
from duisign.service.message_api import facts_of, preserves_counter
from duisign.service.problem import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from duisign.service.engine import Engine
    from duisign.service.outcome import Outcome
    from duisign.service.runner import Runner

__all__ = ["MEDIA_TYPE", "BatchApi"]

MEDIA_TYPE = "application/x-ndjson"

_Work = Callable[[MessageLine], tuple[bytes, dict[str, Any]]]


class _Stream(StreamingResponse):
    """Reads nothing by itself: whoever makes the answer still reads the body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await self.stream_response(send)


class BatchApi:
    """The endpoints for many messages. A refusal is a line of the answer, and not its end."""

    def __init__(self, engine: Engine, runner: Runner) -> None:
        self._engine = engine
        self._runner = runner

    async def sign(self, request: Request) -> StreamingResponse:
        """Answer ``/v1/sign/batch``."""
        preserve = preserves_counter(request)

        def work(line: MessageLine) -> tuple[bytes, dict[str, Any]]:
            return self._engine.sign(line.document, preserve_counter=preserve), {"status": "signed"}

        return self._answer(request, work)

    async def verify(self, request: Request) -> StreamingResponse:
        """Answer ``/v1/verify/batch``."""

        def work(line: MessageLine) -> tuple[bytes, dict[str, Any]]:
            message = self._engine.verify(line.document)
            octets = message.octets if isinstance(message, UnsignedMessage) else message.signed_bytes
            return octets, {"status": "valid"} | facts_of(message)

        return self._answer(request, work)

    def _answer(self, request: Request, work: _Work) -> StreamingResponse:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise RequestError("media-type", f"A batch comes with Content-Type: {MEDIA_TYPE}.", 415)
        return _Stream(self._lines(request, work), media_type=MEDIA_TYPE)

    async def _lines(self, request: Request, work: _Work) -> AsyncIterator[bytes]:
        outcome: Outcome = request.scope["duisign"]
        number = 0
        async for lines in _split(request.stream()):
            octets = sum(len(line or b"") for line in lines)
            answers, codes = await self._runner.run(octets, _answers, work, lines, number)
            for code in codes:
                outcome.message(code)
            number += len(lines)
            if answers:
                yield answers


def _answers(work: _Work, lines: list[bytes | None], number: int) -> tuple[bytes, list[str]]:
    """The answers to lines behind line `number`, and their codes. Empty lines have none."""
    answers, codes = [], []
    for index, octets in enumerate(lines, number + 1):
        if octets is not None and not octets.strip():
            continue
        line = MessageLine(octets)
        facts: dict[str, Any] = {"id": line.id, "line": index}
        code, reason, message = None, None, None
        if line.problem is not None:
            code, reason = "line-malformed", line.problem
        else:
            try:
                document, more = work(line)
            except DuisignError as error:
                code, reason = error.code, str(error)
            else:
                facts |= more
                message = line.written(document)
        if code is not None:
            facts["status"] = "refused"
        answers.append(json_line(facts | {"code": code, "reason": reason, "message": message}))
        codes.append(code or "ok")
    return b"".join(answers), codes


async def _split(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes | None]]:
    """The lines that each chunk ends; None for one that is too long."""
    begun: list[bytes] = []
    length = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        lines: list[bytes | None] = []
        for end in ends:
            lines.append(b"".join((*begun, end)) if length + len(end) <= MAX_LINE_OCTETS else None)
            begun, length = [], 0
        length += len(rest)
        if length <= MAX_LINE_OCTETS:
            begun.append(rest)
        else:
            begun = []
        if lines:
            yield lines
    if length:
        yield [b"".join(begun) if length <= MAX_LINE_OCTETS else None]
