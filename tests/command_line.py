"""The command `duisign` in the tests: a folder to work in, how it is run, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from duisign import Signer
from duisign.cli.exit_status import Failure
from duisign.testing import Smki

OK, ERROR, KEY_MISSING, NOT_VALID = 0, 2, 3, 10
COMMAND = [sys.executable, "-m", "duisign"]
SCRIPTS = Path(sys.executable).parent
# Not inherited: what colours or folds the output, and what makes Python start or write in another way.
NOT_INHERITED = {
    "COLUMNS",
    "FORCE_COLOR",
    "NO_COLOR",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "TERM",
}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | {
    "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
    "PYTHONWARNINGS": "error",
}
EUI64 = "00-DB-12-34-C0-FF-EE-07"


@dataclass(frozen=True)
class Desk:
    """A folder with a throw-away SMKI (see `Smki.write`) and messages: unsigned.xml, signed.xml, tampered.xml."""

    folder: Path
    smki: Smki
    unsigned: bytes
    signed: bytes
    tampered: bytes

    @classmethod
    def create(cls, folder: Path, smki: Smki, unsigned: bytes, signed: bytes) -> Desk:
        smki.write(folder)
        tampered = signed.replace(b"Fern", b"Farn")
        assert tampered != signed
        desk = cls(folder, smki, unsigned, signed, tampered)
        desk.file("unsigned.xml", unsigned)
        desk.file("signed.xml", signed)
        desk.file("tampered.xml", tampered)
        return desk

    @property
    def key(self) -> list[str | Path]:
        return ["--key", self.folder / "user.key", "--cert", self.folder / "user.pem"]

    @property
    def trust(self) -> list[str | Path]:
        return ["--cert", self.folder / "user.pem"]

    def signer(self, **options: object) -> Signer:
        return Signer(self.smki.user.private_key, self.smki.user.certificate, **{"deterministic": True, **options})

    def file(self, name: str, octets: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(octets)
        return path


def run(*arguments: str | Path | bytes, stdin: bytes = b"", **options: object) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        **{"input": stdin, "capture_output": True, "env": ENVIRONMENT, "timeout": 120, "check": False, **options},
    )
    assert b"Traceback" not in (done.stderr or b"")
    assert b"Exception ignored" not in (done.stderr or b"")
    return done


def reports(done: subprocess.CompletedProcess[bytes]) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The sentence of a command that failed: one line on standard error, nothing on standard output."""
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("duisign: ")
    assert line.endswith(".")
    return line.removeprefix("duisign: ")


def refusal(load: Callable[..., object], *arguments: object) -> str:
    """The sentence of a loader of keys or certificates that refuses."""
    with pytest.raises(Failure) as caught:
        load(*arguments)
    assert caught.value.status == KEY_MISSING
    return str(caught.value)
