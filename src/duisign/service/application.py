"""The ASGI application: endpoints, and the gate before them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from duisign.errors import DuisignError
from duisign.service.batch_api import BatchApi
from duisign.service.dcc_api import DccApi
from duisign.service.event_log import EventLog
from duisign.service.gate import Address, Gate
from duisign.service.message_api import MessageApi
from duisign.service.metrics import Metrics
from duisign.service.probes import Probes
from duisign.service.problem import dcc_error
from duisign.service.runner import INLINE_OCTETS, Runner

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from duisign.service.settings import Settings
    from duisign.service.state import State

__all__ = ["Application"]


class Application:
    """The service of one process. Raises ConfigurationError.

    `state`: made of the same settings; several processes may have begun with one.
    """

    def __init__(self, settings: Settings, state: State, log: EventLog) -> None:
        self._state = state
        self._log = log
        engine = state.engine
        self.metrics = Metrics(lambda: engine.keys)
        runner = Runner(0 if engine.waits else INLINE_OCTETS)
        dcc = DccApi(engine, runner, preserve_counter=settings.signing.preserve_counter)
        one, many = MessageApi(engine, runner), BatchApi(engine, runner)
        probes = Probes(engine, self.metrics)
        post, get = partial(Address, method="POST"), partial(Address, method="GET")
        addresses = {
            "/sign": post(endpoint=dcc.sign, error=dcc_error),
            "/verify": post(endpoint=dcc.verify, error=dcc_error),
            "/v1/sign": post(endpoint=one.sign),
            "/v1/verify": post(endpoint=one.verify),
            "/v1/sign/batch": post(endpoint=many.sign, is_stream=True),
            "/v1/verify/batch": post(endpoint=many.verify, is_stream=True),
            "/healthz": get(endpoint=probes.health, is_open=True),
            "/readyz": get(endpoint=probes.ready, is_open=True),
            "/metrics": get(endpoint=probes.numbers),
            "/openapi.json": get(endpoint=probes.openapi),
            "/docs": get(endpoint=probes.docs),
        }
        self._gate = Gate(addresses, state.callers, self.metrics, log, settings.server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._gate(scope, receive, send)

    async def reload(self) -> bool:
        """Read all of the state again, while requests go on; whether all of it could be read."""
        try:
            await asyncio.to_thread(self._state.reload)
            self._state.tls.reload()
        except DuisignError as error:
            self.metrics.reload("failed")
            self._log.write("reload-failed", code=error.code, sentence=str(error))
            return False
        self.metrics.reload("ok")
        self._log.write("reloaded", problems=self._state.engine.problems)
        return True
