"""``/healthz``, ``/readyz``, ``/metrics``, and the description of the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from duisign.service.description import description
from duisign.service.page import page

if TYPE_CHECKING:
    from starlette.requests import Request

    from duisign.service.engine import Engine
    from duisign.service.metrics import Metrics

__all__ = ["Probes"]

_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class Probes:
    """The endpoints for whoever runs the service."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        described = description()
        self._description = json.dumps(described).encode()
        self._page = page(described).encode()

    async def health(self, request: Request) -> Response:
        """Answer ``/healthz``: the process lives."""
        return _state(200, "ok")

    async def ready(self, request: Request) -> Response:
        """Answer ``/readyz``: there is a key that signs now, if signing is configured."""
        return _state(200, "ready") if self._engine.is_ready else _state(503, "no key signs now")

    async def numbers(self, request: Request) -> Response:
        """Answer ``/metrics``."""
        text, media_type = self._metrics.text()
        return Response(text, headers={"Content-Type": media_type})

    async def openapi(self, request: Request) -> Response:
        """Answer ``/openapi.json``."""
        return Response(self._description, media_type="application/json")

    async def docs(self, request: Request) -> Response:
        """Answer ``/docs``: the same for people, without anything from elsewhere."""
        return Response(self._page, media_type="text/html", headers=_PAGE_HEADERS)


def _state(status: int, word: str) -> Response:
    return Response(json.dumps({"status": word}).encode(), status, media_type="application/json")
