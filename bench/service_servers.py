"""The servers that bench_service measures: ours, and the DCC's signing classes behind the JDK's HttpServer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.remote import peers

__all__ = ["Running", "ours", "tool"]

_FAILURES = ("failure", "server", "worker-ended", "worker-failed", "reload-failed")
"""Events of ours that do not happen in a good run; a worker that was told to end has status 0."""

_JAVA = Path(__file__).parent / "java"


@dataclass
class Running:
    """A server that answers. `process`: its first. `log`: the file of what it says."""

    name: str
    port: int
    process: subprocess.Popen[str]
    log: Path | None = None

    @property
    def failures(self) -> list[str]:
        """Lines of the log that tell of a failure."""
        return [
            line
            for line in (self.log.read_text() if self.log else "").splitlines()
            if any(f'"event": "{event}"' in line for event in _FAILURES) and '"status": 0' not in line
        ]


@contextmanager
def ours(folder: Path, settings: str, *, workers: int, name: str = "duisign") -> Iterator[Running]:
    """`duisign serve` with these settings. Its log goes to a file: a pipe would cost this process what it measures."""
    path, log = folder / "service.toml", folder / "log"
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
    with log.open("w") as output, subprocess.Popen(command, stderr=output, stdout=output, text=True) as process:
        try:
            yield Running(name, _port(process, log), process, log)
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    """The port in the first line of the log, once it is there."""
    while process.poll() is None:
        said = log.read_text()
        if said.endswith("\n"):
            for line in said.splitlines():
                event = json.loads(line)
                if event["event"] == "listening":
                    return int(event["address"].rpartition(":")[2])
        time.sleep(0.01)
    raise RuntimeError(f"duisign serve did not begin: {log.read_text()}")


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
