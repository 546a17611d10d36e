"""The ASGI application: endpoints, and the gate before them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.routing import Route, Router

from duisign.errors import ConfigurationError
from duisign.service.authentication import Callers
from duisign.service.batch_api import BatchApi
from duisign.service.dcc_api import DccApi
from duisign.service.event_log import EventLog
from duisign.service.gate import Address, Gate
from duisign.service.message_api import MessageApi
from duisign.service.metrics import Metrics
from duisign.service.probes import Probes
from duisign.service.problem import dcc_error
from duisign.service.runner import Runner

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from duisign.service.engine import Engine
    from duisign.service.settings import Settings

__all__ = ["Application"]


class Application:
    """The service of one process. Raises ConfigurationError.

    `engine`: made of the same settings; several processes may have begun with one.
    """

    def __init__(self, settings: Settings, engine: Engine, log: EventLog) -> None:
        self._engine = engine
        self._log = log
        self._callers = Callers(settings)
        self.metrics = Metrics(lambda: engine.keys)
        runner = Runner()
        dcc = DccApi(engine, runner, preserve_counter=settings.signing.preserve_counter)
        one, many = MessageApi(engine, runner), BatchApi(engine, runner)
        probes = Probes(engine, self.metrics)
        tool = Address(method="POST", error=dcc_error)
        post, stream = Address(method="POST"), Address(method="POST", is_stream=True)
        get, probe = Address(method="GET"), Address(method="GET", is_open=True)
        table = {
            "/sign": (tool, dcc.sign),
            "/verify": (tool, dcc.verify),
            "/v1/sign": (post, one.sign),
            "/v1/verify": (post, one.verify),
            "/v1/sign/batch": (stream, many.sign),
            "/v1/verify/batch": (stream, many.verify),
            "/healthz": (probe, probes.health),
            "/readyz": (probe, probes.ready),
            "/metrics": (get, probes.numbers),
            "/openapi.json": (get, probes.openapi),
            "/docs": (get, probes.docs),
        }
        routes = [Route(path, endpoint, methods=[address.method]) for path, (address, endpoint) in table.items()]
        addresses = {path: address for path, (address, _) in table.items()}
        self._gate = Gate(
            Router(routes, redirect_slashes=False), addresses, self._callers, self.metrics, log, settings.server
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._gate(scope, receive, send)

    async def reload(self) -> bool:
        """Read keys, trust and tokens again, while requests go on; whether all of it could be read."""
        try:
            await asyncio.to_thread(self._engine.reload)
            await asyncio.to_thread(self._callers.reload)
        except ConfigurationError as error:
            self.metrics.reload("failed")
            self._log.write("reload-failed", code=error.code, sentence=str(error))
            return False
        self.metrics.reload("ok")
        self._log.write("reloaded", problems=self._engine.problems)
        return True
