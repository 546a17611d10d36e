"""Several processes that answer requests: begun, watched, told to reload and to end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from duisign.errors import DuisignError
from duisign.service.metrics import Metrics
from duisign.service.server import SIGNALS
from duisign.service.worker import run_worker

if TYPE_CHECKING:
    import socket

    from duisign.service.application import Application
    from duisign.service.event_log import EventLog
    from duisign.service.settings import Settings
    from duisign.service.state import State

__all__ = ["Supervisor"]

_SHORT_LIFE = 1.0
"""Seconds. A worker that ends sooner is begun again only after as long a pause."""
_GRACE = 5.0
"""Seconds beyond the shutdown timeout, after which workers that are still there are killed."""


class Supervisor:
    """Runs `settings.server.workers` processes, each with a socket of its own, which outlives them.

    `state`: reloaded here first, so that what cannot be read reaches no worker, and later workers begin with it.
    `mask`: the signals that workers block; here all that matter are blocked already, and waited for.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        application: Callable[[], Application],
        sockets: Sequence[socket.socket],
        log: EventLog,
        mask: set[int | signal.Signals],
    ) -> None:
        self._settings = settings
        self._state = state
        self._application = application
        self._sockets = sockets
        self._log = log
        self._mask = mask
        self._workers: dict[int, tuple[int, float]] = {}
        self._read, self._write = os.pipe()
        # Counts what reaches no worker: they add its numbers to theirs.
        self._metrics = Metrics(list)

    def run(self) -> None:
        """Until SIGTERM or SIGINT; all workers have ended then."""
        for index in range(len(self._sockets)):
            self._begin(index)
        while True:
            number = signal.sigwait(SIGNALS)
            if number == signal.SIGHUP:
                self._reload()
            elif number == signal.SIGCHLD:
                for index in self._ended():
                    self._begin(index)
            else:
                break
        self._stop()

    def _begin(self, index: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._work(index)
        self._workers[pid] = index, time.monotonic()

    def _work(self, index: int) -> NoReturn:
        """The life of a worker."""
        status = 1
        try:
            os.close(self._write)
            for other, one in enumerate(self._sockets):
                if other != index:
                    one.close()
            self._state.engine.after_fork()
            application = self._application()
            run_worker(
                self._settings,
                application,
                self._state.tls,
                self._sockets[index],
                self._log,
                mask=self._mask,
                lifeline=self._read,
            )
            status = 0
        except BaseException as failure:  # noqa: BLE001 - nothing may return into the supervisor's code
            self._log.write("worker-failed", exception=type(failure).__name__)
        finally:
            os._exit(status)

    def _ended(self) -> list[int]:
        """The places of the workers that are no more; says so."""
        places = []
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            index, begun = self._workers.pop(pid)
            self._log.write("worker-ended", worker=pid, status=os.waitstatus_to_exitcode(status))
            self._forget(pid)
            if time.monotonic() - begun < _SHORT_LIFE:
                time.sleep(_SHORT_LIFE)
            places.append(index)
        return places

    def _forget(self, pid: int) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def _reload(self) -> None:
        try:
            self._state.reload()
            self._state.tls.reload()
        except DuisignError as error:
            self._metrics.reload("failed")
            self._log.write("reload-failed", code=error.code, sentence=str(error))
            return
        self._tell(signal.SIGHUP)

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._workers:
            os.kill(pid, number)

    def _stop(self) -> None:
        for one in self._sockets:
            # Workers close theirs: nobody shall be kept waiting by one that is left.
            one.close()
        self._tell(signal.SIGTERM)
        end = time.monotonic() + self._settings.server.shutdown_timeout + _GRACE
        while self._workers:
            number = signal.sigtimedwait(SIGNALS, max(0.0, end - time.monotonic()))
            if number is None:
                self._tell(signal.SIGKILL)
                end = time.monotonic() + _GRACE
            elif number.si_signo in (signal.SIGTERM, signal.SIGINT):
                # Asked twice: without waiting for what is at work.
                self._tell(signal.SIGTERM)
            self._ended()
