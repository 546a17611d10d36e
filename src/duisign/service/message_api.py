"""``/v1/sign`` and ``/v1/verify``: documents as they are in and out, refusals as problem details."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from duisign.errors import DuisignError
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.service.problem import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

    from duisign.service.engine import Engine
    from duisign.service.outcome import Outcome
    from duisign.service.runner import Runner

__all__ = ["COUNTERS", "FACTS", "MessageApi", "facts_of", "preserves_counter"]

COUNTERS = {"preserve": True, "new": False}
"""The values of the parameter ``counter``, and whether they preserve it."""

FACTS = ("message_class", "request_id", "response_id", "service_reference_variant")
"""What is told of a message beside who signed it."""

_MEDIA_TYPES = ("application/xml", "text/xml")


def preserves_counter(request: Request) -> bool:
    """What the query says about the counter; raises RequestError."""
    stray = request.query_params.keys() - {"counter"}
    value = request.query_params.get("counter", "preserve")
    if stray or value not in COUNTERS:
        raise RequestError("query-malformed", "The only parameter is counter, with the value preserve or new.", 400)
    return COUNTERS[value]


def facts_of(message: VerifiedMessage | UnsignedMessage) -> dict[str, Any]:
    """Who signed a message, and what it says it is; None for what it does not say in a form that is read here."""
    facts: dict[str, Any] = {"signed": isinstance(message, VerifiedMessage)}
    if isinstance(message, VerifiedMessage):
        role = None if message.role is None else f"{int(message.role):02X}"
        facts |= {"profile": message.profile.value, "role": role, "entity_id": message.entity_id}
    for name in FACTS:
        try:
            fact = getattr(message, name)
        except DuisignError:
            fact = None
        facts[name] = None if fact is None else str(fact)
    return facts


class MessageApi:
    """The endpoints for one message."""

    def __init__(self, engine: Engine, runner: Runner) -> None:
        self._engine = engine
        self._runner = runner

    async def sign(self, request: Request) -> Response:
        """Answer ``/v1/sign``: the signed document. The counter is preserved unless the query says ``counter=new``."""
        preserve = preserves_counter(request)
        document = await _document(request)
        signed = await self._runner.run(len(document), self._engine.sign, document, preserve_counter=preserve)
        outcome: Outcome = request.scope["duisign"]
        outcome.message("ok")
        return Response(signed, media_type="application/xml")

    async def verify(self, request: Request) -> Response:
        """Answer ``/v1/verify``: the octets that were signed; for ``Accept: application/json`` the signer too."""
        document = await _document(request)
        message = await self._runner.run(len(document), self._engine.verify, document)
        outcome: Outcome = request.scope["duisign"]
        outcome.message("ok")
        octets = message.octets if isinstance(message, UnsignedMessage) else message.signed_bytes
        if "application/json" in request.headers.get("accept", ""):
            facts = facts_of(message) | {"message": b64encode(octets).decode()}
            return Response(json.dumps(facts).encode(), media_type="application/json")
        return Response(octets, media_type="application/xml")


async def _document(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _MEDIA_TYPES:
        raise RequestError("media-type", "A message comes with Content-Type: application/xml.", 415)
    return await request.body()
