"""One process that answers requests: uvicorn over a socket that is open already, and what signals do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from duisign.service.connection import Connection
from duisign.service.settings import BACKLOG, Settings

if TYPE_CHECKING:
    from duisign.service.application import Application
    from duisign.service.event_log import EventLog
    from duisign.service.tls import ServerTls

__all__ = ["run_worker"]


def _make_config(settings: Settings, application: Application, tls: ServerTls) -> uvicorn.Config:
    server = settings.server
    config = uvicorn.Config(
        application,
        http=partial(Connection, seconds=server.request_timeout),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(server.keep_alive_timeout) or 1,
        timeout_graceful_shutdown=int(server.shutdown_timeout) or 1,
    )
    config.load()
    config.ssl = tls.context
    return config


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the loop has handlers of its own."""
        yield


async def _run(
    settings: Settings,
    application: Application,
    tls: ServerTls,
    listening: socket.socket,
    log: EventLog,
    mask: set[int | signal.Signals],
    lifeline: int | None,
) -> None:
    config = _make_config(settings, application, tls)
    server = _Server(config)
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[bool]] = set()

    def stop() -> None:
        # The second time without waiting for what is at work.
        server.force_exit = server.should_exit
        server.should_exit = True

    def reload() -> None:
        task = loop.create_task(application.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    def abandoned(descriptor: int) -> None:
        loop.remove_reader(descriptor)
        stop()

    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if lifeline is not None:
        # The end of the other side: the supervisor is gone, however that came about.
        loop.add_reader(lifeline, abandoned, lifeline)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    log.take_over("uvicorn")
    log.take_over("asyncio")
    await server.serve(sockets=[listening])


def run_worker(
    settings: Settings,
    application: Application,
    tls: ServerTls,
    listening: socket.socket,
    log: EventLog,
    *,
    mask: set[int | signal.Signals],
    lifeline: int | None = None,
) -> None:
    """Answer requests until a signal ends it.

    `mask`: the signals to block, once the others have their handlers. `lifeline`: a descriptor that ends with the
    supervisor.
    """
    # What is there now stays: collections need not look at it while requests wait.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, application, tls, listening, log, mask, lifeline))
