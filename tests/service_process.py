"""``duisign serve`` as a process of its own, on a port that is free."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

SECONDS = 120
"""Time limit of whatever a test waits for: a busy machine is no failure."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("DUISIGN_", "PROMETHEUS_"))}
COMMAND = [sys.executable, "-W", "error", "-m", "duisign", "serve"]


class Service:
    """A running service. `events`: what its log has said so far."""

    def __init__(self, *arguments, cwd=None, env=None):
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=cwd,
            env={**ENVIRONMENT, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.event("listening")["address"].rpartition(":")[2])

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.events.append({"event": "words", "sentence": line.rstrip()})
                self._news.notify_all()
        with self._news:
            self.events.append({"event": "end"})
            self._news.notify_all()

    def named(self, name):
        return [one for one in self.events if one["event"] == name]

    def event(self, name, number=1):
        """Waits for the event of that name, the first or a later one."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.named(name)) >= number or self.named("end"), SECONDS)
            assert came, f"no {name} in time: {self.events}"
            assert len(self.named(name)) >= number, f"no {name}: {self.events}"
            return self.named(name)[number - 1]

    def connection(self, *, context=None):
        if context is not None:
            return http.client.HTTPSConnection("localhost", self.port, timeout=SECONDS, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(self, method, path, body=None, headers=None, *, context=None):
        """Status, headers and body of an answer over a connection of its own."""
        connection = self.connection(context=context)
        try:
            connection.request(method, path, body, {"Connection": "close"} | (headers or {}))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Ends it, and gives its exit status."""
        if self.process.poll() is None:
            self.send(number)
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(SECONDS)
            self.process.stderr.close()


@contextmanager
def running(*arguments, **options):
    service = Service(*arguments, **options)
    try:
        yield service
    finally:
        service.stop()


def refused(*arguments, cwd=None, env=None):
    """Exit status and sentence of a service that does not begin."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**ENVIRONMENT, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr
