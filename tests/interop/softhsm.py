"""SoftHSM2 (Debian package softhsm2): a token in files, in this process or, served by p11-kit, in one of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interop.peers import missing, require_program

PIN = "s0ft-hsm-p1n"
TIMEOUT_SECONDS = 120

_LIBRARIES = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/homebrew/lib"))


def library(name: str) -> str:
    """The path of a PKCS #11 library."""
    found = (path for folder in _LIBRARIES for path in folder.rglob(name))
    return str(next(found, None) or missing(f"{name} is not installed"))


@dataclass(frozen=True)
class SoftHsm:
    """Tokens in a folder. The environment of this process and its children says where it is."""

    module: str

    def add_token(self, label: str) -> None:
        self._run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN)

    def add_key(self, token: str, label: str, identifier: str, key_file: Path) -> None:
        """A private key from PEM in PKCS #8."""
        self._run("--import", str(key_file), "--token", token, "--label", label, "--id", identifier, "--pin", PIN)

    def uri(self, token: str, label: str, module: str | None = None) -> str:
        return f"pkcs11:token={token};object={label};type=private?module-path={module or self.module}"

    @staticmethod
    def _run(*arguments: str) -> None:
        command = [require_program("softhsm2-util"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        assert done.returncode == 0, done.stderr


def write_configuration(folder: Path) -> Path:
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return configuration


class TokenServer:
    """``p11-kit server`` with one token of SoftHSM2 behind a socket: a process for the server, one for each client."""

    def __init__(self, hsm: SoftHsm, token: str, path: Path) -> None:
        self._command = [require_program("p11-kit"), "server", "--foreground", "--name", str(path)]
        self._command += ["--provider", hsm.module, f"pkcs11:token={token}"]
        self._socket = path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # Killed, it leaves its socket behind.
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + TIMEOUT_SECONDS
        while not self._listens():
            assert self._process.poll() is None, "the server has ended"
            assert time.monotonic() < end, "the server does not listen"
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self._socket)) == 0

    def kill(self) -> None:
        """Kill the server and its processes for clients."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT_SECONDS)
        self._process = None

    @contextmanager
    def running(self) -> Iterator[TokenServer]:
        self.start()
        try:
            yield self
        finally:
            if self._process is not None:
                self.kill()
