"""The servers that bench_service measures: ours, and the DCC's signing classes behind the JDK's HttpServer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.remote import peers

__all__ = ["Running", "ours", "tool"]

_FAILURES = ("failure", "server", "worker-ended", "worker-failed", "reload-failed")
"""Events of ours that do not happen in a good run; a worker that was told to end has status 0."""

_JAVA = Path(__file__).parent / "java"


@dataclass
class Running:
    """A server that answers. `process`: its first. `failures`: lines of its log that tell of a failure."""

    name: str
    port: int
    process: subprocess.Popen[str]
    failures: list[str] = field(default_factory=list)


@contextmanager
def ours(folder: Path, settings: str, *, workers: int, name: str = "duisign") -> Iterator[Running]:
    """`duisign serve` with these settings."""
    path = folder / "service.toml"
    path.write_text(settings)
    command = [
        sys.executable,
        "-m",
        "duisign",
        "serve",
        "--config",
        str(path),
        "--port",
        "0",
        "--workers",
        str(workers),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            event = json.loads(line) if line.startswith("{") else {"event": "", "sentence": line}
            if event["event"] == "listening":
                address = event["address"]
                break
        assert address, "duisign serve did not begin"
        running = Running(name, int(address.rpartition(":")[2]), process)
        reader = threading.Thread(target=_watch, args=(running,), daemon=True)
        reader.start()
        try:
            yield running
        finally:
            process.terminate()
            process.wait()
            reader.join()


def _watch(running: Running) -> None:
    """Read the log, or the server would wait for somebody to."""
    assert running.process.stderr is not None
    for line in running.process.stderr:
        if any(f'"event": "{event}"' in line for event in _FAILURES) and '"status": 0' not in line:
            running.failures.append(line)


@contextmanager
def tool() -> Iterator[Running]:
    """The DCC's tool. Without options of the Java machine, as its clients start it."""
    installed = peers()
    jar = installed.DUIS_SIGN_WRAP.install() / "dist" / "tool.jar"
    jdk = installed.Jdk(java=installed.require_program("java"), javac=installed.require_program("javac"))
    source = (_JAVA / "ToolServer.java").resolve()
    classes = jdk.compile([str(source.with_suffix(""))], [jar])
    command = [jdk.java, "-cp", f"{classes}:{jar}", "ToolServer"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Running("DCC tool", int(process.stdout.readline()), process)
        finally:
            process.stdin.close()
            process.wait()
