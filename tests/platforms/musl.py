"""The test-command of the wheels for musl, on a CPython that is built for it: `make musl`.

musl, the libraries and CPython are built from Debian's tarballs of sources, and stay in build/musl. The wheels of lxml
and cryptography are those that are published for musl; the package is built by pip with the headers in that of lxml.
"""

from __future__ import annotations

import functools
import hashlib
import io
import lzma
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import version
from pathlib import Path
from urllib.request import urlopen

PROJECT = Path(__file__).parents[2]
BUILD = PROJECT / "build" / "musl"
ROOT, SOURCE, VENV = BUILD / "root", BUILD / "source", BUILD / "venv"
COMPILER = BUILD / "compiler"
MIRROR, SUITE = "https://deb.debian.org/debian", "trixie"
PYTHON = "python3.13"
# What keeps answers in threads, of which musl's have 128 KiB of stack, and reads JSON of any depth there.
EXTRA, EXTRA_TESTS = "service", ["test_command_line_ndjson.py", "test_service_api.py"]
SECONDS = 3600

PREFIX = f"--prefix={ROOT}"
MAKE = ["make", f"-j{os.cpu_count()}"]
# musl-gcc looks for nothing outside of musl's own folder, where the kernel's headers are wanted too.
HEADERS = ["/usr/include/linux", "/usr/include/asm-generic", "/usr/include/x86_64-linux-gnu/asm"]
RECIPES = {
    "musl": [
        ["./configure", PREFIX, f"--syslibdir={ROOT / 'lib'}"],
        [*MAKE, "install"],
        ["ln", "-sf", *HEADERS, ROOT / "include"],
    ],
    "zlib": [["./configure", PREFIX], [*MAKE, "install"]],
    "libffi": [
        ["autoreconf", "-fi"],
        ["./configure", PREFIX, "--disable-docs", "--disable-multi-os-directory"],
        [*MAKE, "install"],
    ],
    "openssl": [
        ["./Configure", "linux-x86_64", PREFIX, "--libdir=lib", "no-tests", "no-docs", "no-module"],
        [*MAKE, "build_libs"],
        ["make", "install_dev"],
    ],
    # pkg-config would tell of libraries for glibc.
    PYTHON: [
        ["./configure", PREFIX, f"--with-openssl={ROOT}", "--disable-test-modules", "PKG_CONFIG=false"],
        [*MAKE, "install"],
    ],
}
"""By Debian's names of the sources, in this order."""
PROOF = """
import ctypes, pathlib, ssl, subprocess, sys
import cryptography.x509, lxml.etree, duisign
mapped = {line.split()[-1] for line in open("/proc/self/maps")}
mapped = [path for path in mapped if pathlib.Path(path).name.startswith(("ld-", "libc.", "libc-"))]
says = [subprocess.run([path], capture_output=True, text=True).stderr.splitlines()[:2] for path in mapped]
print(sys.version, ssl.OPENSSL_VERSION, mapped, says, sep="\\n", flush=True)
sys.exit(None if len(mapped) == 1 and "musl libc" in says[0][0] else "This is not musl alone.")
"""
"""What is mapped as libc or its loader is run, for musl says then what it is."""


def run(*command: str | Path, **options: object) -> None:
    subprocess.run([str(word) for word in command], check=True, timeout=SECONDS, **options)


def fetch(path: str) -> bytes:
    try:
        with urlopen(f"{MIRROR}/{path}", timeout=SECONDS) as answer:
            return answer.read()
    except OSError as error:
        sys.exit(f"{MIRROR}/{path} was not downloaded: {error}.")


@functools.cache
def index() -> str:
    return lzma.decompress(fetch(f"dists/{SUITE}/main/source/Sources.xz")).decode()


def unpack(package: str, folder: Path) -> Path:
    """The tarball of its authors. Of several versions the first, and oldest: a mirror may not have the newest yet."""
    entry = next(entry for entry in index().split("\n\n") if entry.startswith(f"Package: {package}\n"))
    place = re.search(r"^Directory: (.+)$", entry, re.MULTILINE)[1]
    digest, name = re.search(r"^ ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.\w+)$", entry, re.MULTILINE).groups()
    print(name, flush=True)
    octets = fetch(f"{place}/{name}")
    if hashlib.sha256(octets).hexdigest() != digest:
        sys.exit(f"{name} has another SHA-256 than Debian's index of sources says.")
    with tarfile.open(fileobj=io.BytesIO(octets)) as packed:
        packed.extractall(folder, filter="data")
    [unpacked] = folder.iterdir()
    return unpacked


def build(package: str, environment: dict[str, str]) -> None:
    """Once: a second run finds what the first one built, until `make clean`."""
    folder, log, built = (BUILD / f"{package}{suffix}" for suffix in ("", ".log", ".built"))
    if built.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    unpacked = unpack(package, folder)
    with log.open("w") as output:
        try:
            for command in RECIPES[package]:
                run(*command, cwd=unpacked, env=environment, stdout=output, stderr=subprocess.STDOUT)
        except (OSError, subprocess.SubprocessError) as error:
            sys.exit(f"{package} was not built, see {log}: {error}")
    shutil.rmtree(folder)
    built.touch()


def install_python() -> None:
    (ROOT / "etc").mkdir(parents=True, exist_ok=True)
    # Where musl's loader looks for libraries; the default has the system's folders.
    (ROOT / "etc" / "ld-musl-x86_64.path").write_text(f"{ROOT / 'lib'}\n")
    # CPython's configure asks for the platform, and gcc would answer with glibc's.
    asked = '[ "$1" = --print-multiarch ] && echo x86_64-linux-musl && exit'
    COMPILER.write_text(f'#!/bin/sh\n{asked}\nexec {shlex.quote(str(ROOT / "bin" / "musl-gcc"))} "$@"\n')
    COMPILER.chmod(0o755)
    for package in RECIPES:
        build(package, os.environ | {"CC": "gcc" if package == "musl" else str(COMPILER)})


def install_package(settings: dict, tool: dict) -> None:
    """The package and what its tests want; lxml and cryptography in the versions that are installed here."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    without = shutil.ignore_patterns("*.so", "*.egg-info", "__pycache__")
    shutil.copytree(PROJECT / "src", SOURCE / "src", ignore=without)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, SOURCE)
    run(ROOT / "bin" / PYTHON, "-m", "venv", "--clear", VENV)
    pip = [VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-qq", "install", "--only-binary=:all:"]
    wanted = [f"{name}=={version(name)}" for name in ("lxml", "cryptography")]
    run(*pip, *wanted, *settings["build-system"]["requires"], *tool["test-requires"])
    run(*pip, "--no-build-isolation", f"{SOURCE}[{','.join([*tool['test-extras'], EXTRA])}]")


def main() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    tool = settings["tool"]["cibuildwheel"]
    install_python()
    install_package(settings, tool)
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    options = {"env": os.environ | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}, "cwd": BUILD}
    run("python", "-c", PROOF, **options)
    command = shlex.split(tool["test-command"].format(project=PROJECT))
    more = [PROJECT / "tests" / name for name in EXTRA_TESTS]
    run(*command, *more, "-p", "no:cacheprovider", **options)


if __name__ == "__main__":
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.exit("This needs Linux on x86_64, whose libraries it builds.")
    main()
