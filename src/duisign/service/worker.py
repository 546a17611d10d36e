"""One process that answers requests: uvicorn over a socket that is open already, and what signals do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from duisign.service.settings import BACKLOG, Settings, refusal

if TYPE_CHECKING:
    from duisign.service.application import Application
    from duisign.service.event_log import EventLog

__all__ = ["make_config", "run_worker"]


def make_config(settings: Settings, application: Application | None) -> uvicorn.Config:
    """How uvicorn runs; raises ConfigurationError if TLS cannot be."""
    tls, server = settings.tls, settings.server
    options = {}
    if tls.certificate is not None:
        options = {
            "ssl_certfile": str(tls.certificate),
            "ssl_keyfile": str(tls.key),
            "ssl_ca_certs": None if tls.client_ca is None else str(tls.client_ca),
            "ssl_cert_reqs": ssl.CERT_NONE if tls.client_ca is None else ssl.CERT_REQUIRED,
        }
    config = uvicorn.Config(
        application,  # type: ignore[arg-type]
        http="httptools",
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
        **options,  # type: ignore[arg-type]
    )
    try:
        config.load()
    except (OSError, ssl.SSLError):
        raise refusal("The files of tls cannot be read: give a certificate, its key and a CA, each in PEM.") from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
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
    listening: socket.socket,
    log: EventLog,
    mask: set[int | signal.Signals],
    lifeline: int | None,
) -> None:
    config = make_config(settings, application)
    server = _Server(config)
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def stop() -> None:
        # The second time without waiting for what is at work.
        server.force_exit = server.should_exit
        server.should_exit = True

    async def reload_all() -> None:
        if await application.reload() and config.ssl is not None:
            try:
                config.ssl.load_cert_chain(str(settings.tls.certificate), str(settings.tls.key))
            except (OSError, ssl.SSLError):
                log.write("reload-failed", code="service-settings", sentence="The files of tls cannot be read.")

    def reload() -> None:
        task = loop.create_task(reload_all())
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
        runner.run(_run(settings, application, listening, log, mask, lifeline))
