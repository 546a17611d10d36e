"""`duisign serve`: opens the sockets, and runs one process or a supervisor with several."""

from __future__ import annotations

import signal
import socket
import tempfile
from typing import TYPE_CHECKING

from duisign.service.event_log import EventLog
from duisign.service.metrics import share_between_processes
from duisign.service.settings import BACKLOG, Settings, refusal
from duisign.service.state import State

if TYPE_CHECKING:
    from duisign.service.application import Application

__all__ = ["SIGNALS", "check", "serve"]

SIGNALS = frozenset({signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
"""What the service listens to; SIGCHLD with several workers."""


def check(settings: Settings) -> list[str]:
    """Make all that the service needs, but for the socket; raises ConfigurationError. What is wrong all the same."""
    return State(settings).engine.problems


def serve(settings: Settings) -> None:
    """Run the service until a signal ends it; raises ConfigurationError, if it cannot begin."""
    log = EventLog(requests=settings.logging.requests)
    state = State(settings)
    problems = state.engine.problems
    sockets = _open(settings)
    scheme = "http" if settings.tls.certificate is None else "https"
    host, port = sockets[0].getsockname()[:2]
    address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    if settings.has_tokens and settings.tls.certificate is None and not settings.server.is_loopback:
        problems.append("Tokens cross the network in the clear: give tls.certificate, or put TLS in front.")
    for problem in problems:
        log.write("problem", sentence=problem)

    def application() -> Application:
        from duisign.service.application import Application

        return Application(settings, state, log)

    # Kept until there are handlers: whoever reads the next line may send some.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    log.write("listening", address=address, workers=settings.server.workers)
    if settings.server.workers == 1:
        from duisign.service.worker import run_worker

        share_between_processes(None)
        run_worker(settings, application(), state.tls, sockets[0], log, mask=mask)
    else:
        from duisign.service.supervisor import Supervisor

        with tempfile.TemporaryDirectory(prefix="duisign-metrics-") as folder:
            share_between_processes(folder)
            Supervisor(settings, state, application, sockets, log, mask).run()
    log.write("stopped")


def _open(settings: Settings) -> list[socket.socket]:
    """A listening socket for each worker, all of one address: the system shares connections out among them."""
    server = settings.server
    found: list[socket.socket] = []
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        for _ in range(server.workers):
            one = socket.socket(family, kind)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if server.workers > 1:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(address)
            # The first decides for all, where any free port will do.
            address = one.getsockname()
            one.listen(BACKLOG)
            one.setblocking(False)
    except OSError as error:
        for one in found:
            one.close()
        reason = (error.strerror or "error").lower()
        raise refusal(f"The service cannot listen on {server.host}, port {server.port}: {reason}.") from None
    return found
