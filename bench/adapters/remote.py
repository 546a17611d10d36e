"""Competitors that run in a process of their own and time themselves there.

They are measured in the same rounds as the others: a *driver* prepares calls, makes so many of them when asked, and
answers the nanoseconds that these took. The protocol is that of the Java drivers of the interop tests (one job per
line, fields in base64), which `java/Sampling.java` and this module serve alike.

Why in a process of its own: the JDK and the DCC's tool are Java. python-xmlsec brings a second libxml2 into the
process, of which one frees and writes what the other has made; nothing of that may happen beside other competitors.
duisign with another lane reads its setting when it is imported.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import pytest

from duisign.testing import Identity
from task import Call, Task, UnsupportedError

TREE_LANE = "duisign, tree lane"
JDK = "JDK"
DCC_TOOL = "DCC tool"

_BENCH = Path(__file__).parents[1]
ADAPTERS = {"python-xmlsec": ("adapters.python_xmlsec", "PythonXmlsec"), TREE_LANE: ("adapters.ours", "Duisign")}
"""What a Python driver serves, by its argument."""

_FIRST_WARM_UP = 4
"""Times as long as later ones: a Java machine compiles by and by what it has run ten thousand times."""

_Command = Callable[[], Sequence[str]]


class RemoteError(Exception):
    """A driver's call failed, or the driver ended; the sentence is the driver's."""


class Driver:
    """A process that serves calls, until `stop`. `compiles`: while it runs, so that it becomes faster with time."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, compiles: bool = False) -> None:
        self.compiles = compiles
        self._is_warm = False
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def ask(self, *fields: bytes | str) -> list[bytes]:
        """The answer to one job; raises RemoteError."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        encoded = (base64.b64encode(field.encode() if isinstance(field, str) else field) for field in fields)
        try:
            process.stdin.write(b"\t".join(encoded) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise RemoteError(self._last_words()) from None
        status, *answer = process.stdout.readline().rstrip(b"\n").split(b"\t")
        decoded = [base64.b64decode(field) for field in answer]
        if status == b"ok":
            return decoded
        raise RemoteError(b"; ".join(decoded).decode() or self._last_words())

    def warm_up(self, numbers: Sequence[str], seconds: float) -> None:
        """Make calls until what has to be compiled is: for so long, and the first time for some times as long."""
        if self.compiles:
            end = time.monotonic() + seconds * (1 if self._is_warm else _FIRST_WARM_UP)
            while time.monotonic() < end:
                self.ask("sample", "1", *numbers)
            self._is_warm = True

    def stop(self) -> None:
        """End the process: it does so at the end of its input."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the driver ended"


class RemoteCall:
    """One or more prepared calls of a driver, made in turn and timed there."""

    def __init__(self, driver: Driver, numbers: Sequence[str]) -> None:
        self.driver = driver
        self.numbers = tuple(numbers)

    def __call__(self) -> bytes:
        (number,) = self.numbers
        return self.driver.ask("result", number)[0]

    def sample(self, loops: int) -> float:
        """Seconds that the calls took together, on average over `loops` turns."""
        (nanoseconds,) = self.driver.ask("sample", str(loops), *self.numbers)
        return int(nanoseconds) / 1e9 / loops

    def warm_up(self, seconds: float) -> None:
        """Let the driver compile what it runs, if it is one that does."""
        self.driver.warm_up(self.numbers, seconds)


class Remote:
    """A competitor behind a driver, which is started when it is first needed.

    `command`: gives the driver's command; raises UnsupportedError where that is not installed. `compiles`: it has to
    be warmed up. `replaces`: it takes documents with a placeholder Signature. `strips`: it drops white space where that
    is to be done.
    """

    def __init__(
        self,
        name: str,
        command: _Command,
        *,
        version: Callable[[], str],
        environment: Mapping[str, str] | None = None,
        compiles: bool = False,
        replaces: bool = False,
        strips: bool = False,
    ) -> None:
        self.name = name
        self._command = command
        self._version = version
        self.environment = environment or {}
        self._compiles = compiles
        self._replaces = replaces
        self._strips = strips
        self._driver: Driver | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @cached_property
    def version(self) -> str:
        """The version of what runs behind the driver."""
        return self._version()

    def signing(self, task: Task) -> Call:
        document = task.document if self._replaces else task.bare
        if task.strip and not self._strips:
            raise UnsupportedError("it does not drop white space")
        return self._prepared("sign", document, *self._files(task.identity), "strip" if task.strip else "preserve")

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return self._prepared("verify", signed, self._files(identity)[1])

    def canonicalizing(self, document: bytes) -> Call:
        return self._prepared("canonicalize", document)

    def forget(self) -> None:
        """Let the driver drop its calls, and their documents."""
        if self._driver is not None:
            self._driver.ask("forget")

    def stop(self) -> None:
        """End the driver, if there is one."""
        if self._driver is not None:
            self._driver.stop()
            self._driver = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _prepared(self, *job: bytes | str) -> RemoteCall:
        if self._driver is None:
            self._driver = Driver(self._command(), self.environment, compiles=self._compiles)
        (number,) = self._driver.ask(*job)
        return RemoteCall(self._driver, [number.decode()])

    def _files(self, identity: Identity) -> tuple[str, str]:
        """Paths of the key and of the certificate, written for this identity."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="duisign-bench-")
        stem = Path(self._folder.name) / str(identity.certificate.serial_number)
        key, certificate = stem.with_suffix(".key"), stem.with_suffix(".pem")
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(identity.private_key_pem())
            certificate.write_bytes(identity.certificate_pem())
        return str(key), str(certificate)


def remotes() -> tuple[Remote, ...]:
    """A new competitor of each kind; whoever uses one stops it."""
    return (
        Remote(
            TREE_LANE,
            lambda: _python_command(TREE_LANE),
            version=lambda: version("duisign"),
            environment={"DUISIGN_LANES": "tree"},
            replaces=True,
            strips=True,
        ),
        Remote(
            "python-xmlsec",
            lambda: _python_command("python-xmlsec"),
            version=lambda: version("xmlsec"),
        ),
        Remote(JDK, _jdk_command, version=_java_version, compiles=True),
        Remote(DCC_TOOL, _tool_command, version=_tool_version, compiles=True, replaces=True, strips=True),
    )


def peers() -> Any:
    """The module of the interop tests that installs what is not on PyPI."""
    tests = str(_BENCH.parent / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    from interop import peers

    return peers


@contextlib.contextmanager
def unsupported_if_missing() -> Any:
    """What the interop tests skip, or fail for in CI, leaves cells empty here."""
    try:
        yield
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:
        raise UnsupportedError(str(reason.msg)) from None


def _python_command(adapter: str) -> Sequence[str]:
    return [sys.executable, str(_BENCH / "driver.py"), adapter]


def _jdk_command() -> Sequence[str]:
    return _java_command("JdkSampling", [])


def _tool_command() -> Sequence[str]:
    with unsupported_if_missing():
        jar = peers().DUIS_SIGN_WRAP.install() / "dist" / "tool.jar"
    return _java_command("ToolSampling", [jar])


def _java_command(driver: str, classpath: list[Path]) -> Sequence[str]:
    with unsupported_if_missing():
        installed = peers()
        jdk = installed.Jdk(java=installed.require_program("java"), javac=installed.require_program("javac"))
        # An absolute path stands for itself among the sources of the interop tests.
        sources = ["Jobs", "Dom", *(str(_BENCH / "java" / name) for name in ("Sampling", driver))]
        classes = jdk.compile(sources, classpath)
        return jdk.command(driver, [classes, *classpath])


def _java_version() -> str:
    try:
        with unsupported_if_missing():
            java = peers().require_program("java")
    except UnsupportedError:
        return "not installed"
    said = subprocess.run([java, "-version"], check=True, capture_output=True, text=True).stderr
    match = re.search(r'"([^"]+)"', said)
    return match[1] if match else "unknown"


def _tool_version() -> str:
    return str(peers().DUIS_SIGN_WRAP.version)
