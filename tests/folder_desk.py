"""Folders of documents for the tests of the command line, and how it is run on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duisign
from duisign.testing import Smki

OK, ERROR, KEY_MISSING, NOT_VALID = 0, 2, 3, 10
COMMAND = [sys.executable, "-m", "duisign"]
NOT_INHERITED = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | {
    "PYTHONWARNINGS": "error"
}
MANY = 400
"""Files that take long enough with --fsync for something to come in between."""

Done = subprocess.CompletedProcess


@dataclass(frozen=True)
class Desk:
    """A folder with a throw-away SMKI in `smki`, documents in `in`, and a place for `out`."""

    folder: Path
    smki: Smki
    document: bytes

    @classmethod
    def create(cls, folder: Path, smki: Smki, document: bytes) -> Desk:
        smki.write(folder / "smki")
        desk = cls(folder, smki, document)
        desk.source.mkdir()
        return desk

    @property
    def source(self) -> Path:
        return self.folder / "in"

    @property
    def target(self) -> Path:
        return self.folder / "out"

    def sign(self, *options: str | Path, **keywords: object) -> Done[bytes]:
        return run(*self.signing(*options), **keywords)

    def signing(self, *options: str | Path) -> list[str | Path]:
        key = ["--key", self.folder / "smki/user.key", "--cert", self.folder / "smki/user.pem"]
        return ["sign", self.source, "-o", self.target, *key, "--deterministic", *options]

    def verify(self, *arguments: str | Path) -> Done[bytes]:
        return run("verify", *arguments, "--cert", self.folder / "smki")

    def put(self, name: str | bytes, octets: bytes | None = None) -> Path:
        path = self.source / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.document if octets is None else octets)
        return path

    def put_many(self) -> dict[str, bytes]:
        """Many documents, each another, in two folders; the outputs that they must give."""
        documents = {
            f"{'sub/' * (number % 2)}{number:03}.xml": self.document.replace(b":7<", b":%d<" % number).replace(
                b"Fern", b"Fern %d" % number
            )
            for number in range(MANY)
        }
        for name, document in documents.items():
            self.put(name, document)
        return {name: self.signed(document) for name, document in documents.items()}

    def signed(self, octets: bytes | None = None) -> bytes:
        return signed_by(self.smki, self.document if octets is None else octets)

    def outputs(self) -> dict[str, bytes]:
        """The files below the output folder, hidden ones too, by relative name."""
        files = (path for path in self.target.rglob("*") if not path.is_dir())
        return {str(path.relative_to(self.target)): path.read_bytes() for path in files}


def signed_by(smki: Smki, document: bytes) -> bytes:
    """What the command line makes of a document with --deterministic."""
    options = {"deterministic": True, "whitespace": "strip", "existing_signature": "replace"}
    return duisign.Signer(smki.user.private_key, smki.user.certificate, **options).sign(document)


def run(*arguments: str | Path, **options: object) -> Done[bytes]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        **{"stdin": subprocess.DEVNULL, "capture_output": True, "env": ENVIRONMENT, "timeout": 60, **options},
        check=False,
    )
    assert b"Traceback" not in (done.stderr or b"")
    assert b"Exception ignored" not in (done.stderr or b"")
    return done


def said(done: Done[bytes]) -> list[str]:
    """The sentences on standard error; nothing is on standard output."""
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith("duisign: ") and line.endswith(".") for line in lines)
    return [line.removeprefix("duisign: ") for line in lines]


def refusal(done: Done[bytes], status: int = ERROR) -> str:
    assert done.returncode == status
    (sentence,) = said(done)
    return sentence


def report(path: Path) -> dict:
    return json.loads(path.read_bytes())


def wait_for(condition) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def wait_until_asleep(pid: int) -> None:
    """Until a process sleeps, and stays so: Python does not see a signal that comes just before a call that blocks."""
    asleep = 0
    while asleep < 10:
        time.sleep(0.01)
        # The third field of proc(5)'s stat, after the name in parentheses.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
