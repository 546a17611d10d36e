"""The HTTP API of the DCC's signing tool: ``POST /sign`` and ``POST /verify`` with messages in base64 in JSON.

Written from its description: an existing Signature is replaced, white space between tags dropped, the counter of
RequestID set to the current time unless it is preserved, and a verified message comes back without its Signature.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from duisign.json_object import json_object
from duisign.message import UnsignedMessage
from duisign.service.problem import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

    from duisign.service.engine import Engine
    from duisign.service.outcome import Outcome
    from duisign.service.runner import Runner

__all__ = ["DccApi"]


class DccApi:
    """The endpoints. `preserve_counter`: what counts for a request that does not say."""

    def __init__(self, engine: Engine, runner: Runner, *, preserve_counter: bool) -> None:
        self._engine = engine
        self._runner = runner
        self._preserve = preserve_counter

    async def sign(self, request: Request) -> Response:
        """Answer ``/sign``."""
        return await self._answer(request, self._signed)

    async def verify(self, request: Request) -> Response:
        """Answer ``/verify``."""
        return await self._answer(request, self._verified)

    async def _answer(self, request: Request, work: Any) -> Response:
        outcome: Outcome = request.scope["duisign"]
        body = await request.body()
        octets = await self._runner.run(len(body), work, body)
        outcome.message("ok")
        return Response(octets, media_type="application/json")

    def _signed(self, body: bytes) -> bytes:
        facts = _object(body)
        preserve = facts.get("preserveCounter", self._preserve)
        if not isinstance(preserve, bool):
            raise RequestError("body-malformed", "preserveCounter is true or false.", 400)
        return _encoded(self._engine.sign(_document(facts), preserve_counter=preserve))

    def _verified(self, body: bytes) -> bytes:
        message = self._engine.verify(_document(_object(body)))
        return _encoded(message.octets if isinstance(message, UnsignedMessage) else message.signed_bytes)


def _object(body: bytes) -> dict[str, Any]:
    facts = json_object(body)
    if facts is None:
        raise RequestError("body-malformed", 'The body is no JSON object such as {"message": "PGE..."}.', 400)
    return facts


def _document(facts: dict[str, Any]) -> bytes:
    message = facts.get("message")
    document = None
    if isinstance(message, str):
        try:
            document = b64decode(message, validate=True)
        except ValueError:
            document = None
    if document is None:
        raise RequestError("body-malformed", "message is the octets of an XML document in base64.", 400)
    return document


def _encoded(document: bytes) -> bytes:
    return b'{"message":"%b"}' % b64encode(document)
