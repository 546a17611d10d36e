"""Software that nobody of this project wrote: how it is found or installed, and how it is called.

Smart DCC publishes under GPL-3. None of it enters the repository: packages are fetched from the npm registry
into the ignored folder ``.interop`` and stay there for later runs. So do signxml's sources, from PyPI. Our own
Java drivers (``java/*.java``) are compiled into the same folder, once per change.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

JAVA_SOURCES = Path(__file__).parent / "java"
CACHE = Path(__file__).parents[2] / ".interop"

NPM_TIMEOUT_SECONDS = 120
PIP_TIMEOUT_SECONDS = 300
JAVAC_TIMEOUT_SECONDS = 120


def missing(reason: str) -> NoReturn:
    """Skips the test, or fails it in CI, where every peer has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must not skip interop tests", pytrace=False)
    pytest.skip(reason)


def require_program(name: str) -> str:
    """The path of a program, or a skip that names it."""
    return shutil.which(name) or missing(f"{name} is not installed")


@contextmanager
def _filled_once(folder: Path) -> Iterator[Path | None]:
    """Yields a scratch folder that becomes ``folder`` if filling it goes well; None if ``folder`` exists."""
    if folder.is_dir():
        yield None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=folder.name + ".", dir=folder.parent) as scratch:
        filling = Path(scratch) / "content"
        filling.mkdir()
        yield filling
        try:
            filling.rename(folder)
        except OSError:  # another run was faster
            if not folder.is_dir():
                raise


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, pinned by version and by the SHA-256 of its archive."""

    name: str
    version: str
    sha256: str

    def install(self) -> Path:
        """The folder of the unpacked package; fetched by ``npm pack``, so that no dependency is resolved."""
        folder = CACHE / "npm" / f"{self.name.rpartition('/')[2]}-{self.version}"
        with _filled_once(folder) as filling:
            if filling is not None:
                self._fetch(require_program("npm"), filling)
        return folder / "package"

    def _fetch(self, npm: str, folder: Path) -> None:
        command = [npm, "pack", f"{self.name}@{self.version}", "--pack-destination", str(folder), "--silent"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=NPM_TIMEOUT_SECONDS, cwd=folder)
        except (subprocess.SubprocessError, OSError) as error:
            missing(f"npm could not fetch {self.name}@{self.version}: {error}")
        (archive,) = folder.glob("*.tgz")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        assert found == self.sha256, f"{self.name}@{self.version} is not the archive that was pinned: {found}"
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()


DUIS_TEMPLATES = NpmPackage(
    "@smartdcc/duis-templates",
    "0.7.0",
    "eb360e24b38ef2cb4536675496407b085baa581fdb10ac4a55fac47ca177bc49",
)
DCCBOXED_KEYSTORE = NpmPackage(
    "@smartdcc/dccboxed-keystore",
    "0.4.2",
    "9cbe3fa3f3ae077c74cb3e584bf0590e069120ac7a49f1dba8d24645b2ffd8a6",
)
DUIS_SIGN_WRAP = NpmPackage(
    "@smartdcc/duis-sign-wrap",
    "0.1.2",
    "ef0e9cf975c5b19b6fdc29a045b797bc4d2cd15505aaa41ad50f5196e8958ac2",
)


@dataclass(frozen=True)
class SourceDistribution:
    """A source distribution of PyPI, pinned by version and by the SHA-256 of its archive."""

    name: str
    version: str
    sha256: str

    def unpack(self) -> Path:
        """The folder of the unpacked archive; nothing of it is installed."""
        folder = CACHE / "pypi" / f"{self.name}-{self.version}"
        with _filled_once(folder) as filling:
            if filling is not None:
                self._fetch(filling)
        return folder / f"{self.name}-{self.version}"

    def _fetch(self, folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", self.name, f"{self.name}=={self.version}", "--dest", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=PIP_TIMEOUT_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            missing(f"pip could not fetch {self.name}=={self.version}: {error}")
        (archive,) = folder.glob("*.tar.gz")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        assert found == self.sha256, f"{self.name}=={self.version} is not the archive that was pinned: {found}"
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()


SIGNXML_SOURCES = SourceDistribution(
    "signxml",
    "5.2.0",
    "18aa6c3dc6833c7f441d9d20875ea50fe50149402f87061c27d0b6ea7f039096",
)


class JavaDriver:
    """A running driver; see ``java/Jobs.java`` for the protocol."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def ask(self, *fields: bytes | str) -> list[bytes]:
        """One job; raises if the driver reports an exception or ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        encoded = (base64.b64encode(field.encode() if isinstance(field, str) else field) for field in fields)
        self._process.stdin.write(b"\t".join(encoded) + b"\n")
        self._process.stdin.flush()
        status, *answer = self._process.stdout.readline().rstrip(b"\n").split(b"\t")
        decoded = [base64.b64decode(field) for field in answer]
        if status != b"ok":
            raise PeerError(b"; ".join(decoded).decode() or self._log.read_text())
        return decoded


class PeerError(Exception):
    """A peer did not do what it was asked: not its verdict on a signature."""


@dataclass(frozen=True)
class Jdk:
    """A Java Development Kit that runs the drivers of ``java/``."""

    java: str
    javac: str

    def compile(self, drivers: Sequence[str], classpath: Sequence[Path] = ()) -> Path:
        """The folder of the compiled drivers; its name is the digest of what went into it."""
        sources = [JAVA_SOURCES / f"{name}.java" for name in drivers]
        version = subprocess.run([self.javac, "-version"], check=True, capture_output=True).stdout
        digest = hashlib.sha256(version)
        for source in sources:
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
        folder = CACHE / "java" / digest.hexdigest()[:16]
        with _filled_once(folder) as filling:
            if filling is not None:
                command = [self.javac, "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-d", str(filling)]
                command += ["-cp", _classpath([filling, *classpath]), *map(str, sources)]
                done = subprocess.run(command, capture_output=True, text=True, timeout=JAVAC_TIMEOUT_SECONDS)
                assert done.returncode == 0, done.stderr
        return folder

    def command(self, driver: str, classpath: Sequence[Path]) -> list[str]:
        """What runs a driver."""
        return [self.java, "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-cp", _classpath(classpath), driver]

    @contextmanager
    def start(self, driver: str, classpath: Sequence[Path]) -> Iterator[JavaDriver]:
        """Runs a driver until the block ends."""
        command = self.command(driver, classpath)
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "stderr"
            with (
                log.open("wb") as stderr,
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr) as process,
            ):
                yield JavaDriver(process, log)


def _classpath(entries: Iterable[Path]) -> str:
    return os.pathsep.join(map(str, entries))


@dataclass(frozen=True)
class KeyStoreEntry:
    """A test certificate of the DCC with its private key (a published test key, PKCS #8)."""

    name: str
    entity: str
    usage: str
    role: int
    certificate: str
    private_key: str


def key_store_entries(keystore: dict[str, dict[str, dict[str, dict[str, str]]]]) -> list[KeyStoreEntry]:
    """Flattens ``keystore.json``: EUI-64, key usage, serial number, entry."""
    return [
        KeyStoreEntry(
            name=entry["name"],
            entity=entity,
            usage=usage,
            role=int(entry["role"]),
            certificate=entry["certificate"],
            private_key=entry["privateKey"],
        )
        for entity, usages in keystore.items()
        for usage, serials in usages.items()
        for entry in serials.values()
    ]


# DESIGN section 4: Users' XML signing (xmlSign) and the DCC's (dSPXmlSign).
XML_SIGNING_ROLES = (0x87, 0x89)


def signing_entry(entries: Iterable[KeyStoreEntry], document: bytes) -> KeyStoreEntry:
    """The key of a request's originator: an XML signing key, as the DCC's tool picks it, where there is one.

    Two originators of the templates have only digital signature keys of other roles (02 and 08).
    """
    request_id = re.search(rb"RequestID>\s*([0-9A-Fa-f-]{23}):", document)
    assert request_id is not None
    entity = request_id[1].decode().replace("-", "").lower()
    candidates = [entry for entry in entries if entry.entity == entity and entry.usage == "digitalSignature"]
    return max(candidates, key=lambda entry: (entry.role in XML_SIGNING_ROLES, entry.name))


@dataclass(frozen=True)
class Identity:
    """A signer: key and certificate as objects for us, as PEM files for programs."""

    private_key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    key_file: Path
    certificate_file: Path

    @classmethod
    def from_pem(cls, private_key: bytes, certificate: bytes, folder: Path) -> Identity:
        """Reads both and writes them to ``folder``."""
        key = serialization.load_pem_private_key(private_key, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        parsed = x509.load_pem_x509_certificate(certificate)
        identity = cls(key, parsed, folder / f"{parsed.serial_number}.key", folder / f"{parsed.serial_number}.pem")
        identity.key_file.write_bytes(private_key)
        identity.certificate_file.write_bytes(certificate)
        return identity
