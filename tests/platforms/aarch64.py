"""The test-command of the wheels for aarch64, on CPython of Debian under an emulator: `make aarch64`.

The wheels of lxml and cryptography are those that are published for it; the native modules are built by a cross
compiler, with the headers in that wheel of lxml. For Python 3.11 on Debian, whose arm64 packages are downloaded.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SOURCES = PROJECT / "src" / "duisign"
BUILD = PROJECT / "build" / "aarch64"
ROOT, SITE = BUILD / "root", BUILD / "site"
EMULATED = ["qemu-aarch64", "-L", str(ROOT), str(ROOT / "usr" / "bin" / "python3.11")]
LAUNCHER = BUILD / "python"
"""What child processes are started by."""
START = "import runpy, sys; sys.executable = sys.argv.pop(1); runpy.run_module('pytest', None, '__main__', True)"
PYTHON = ["python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"]
LIBRARIES = ["libbz2-1.0", "libc6", "libcrypt1", "libexpat1", "libffi8", "libgcc-s1", "liblzma5", "libsqlite3-0"]
LIBRARIES += ["libssl3", "libuuid1", "zlib1g"]
MANYLINUX = [f"manylinux_2_{minor}_aarch64" for minor in (17, 26, 28, 34)] + ["manylinux2014_aarch64"]
SECONDS = 3600


def run(*command: str | Path, **options: object) -> None:
    subprocess.run([str(word) for word in command], check=True, timeout=SECONDS, **options)


def install_python() -> None:
    """Debian's, with the libraries that it stands on; apt's own state is left alone."""
    folders = {name: BUILD / "apt" / name for name in ("state", "cache", "debs")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Dir::State": folders["state"],
        "Dir::State::status": os.devnull,
        "Dir::Cache": folders["cache"],
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    run(*apt, "update")
    run(*apt, "download", *PYTHON, *LIBRARIES, cwd=folders["debs"])
    for package in sorted(folders["debs"].glob("*.deb")):
        run("dpkg-deb", "--extract", package, ROOT)


def install_wheels(project: dict, tool: dict) -> None:
    """lxml and cryptography in the versions that are installed here, and what the tests want."""
    wanted = [f"{name}=={version(name)}" for name in ("lxml", "cryptography")]
    wanted += [*tool["test-requires"], *(one for extra in tool["test-extras"] for one in project[extra])]
    tags = ["--only-binary=:all:", "--python-version=3.11", *(f"--platform={tag}" for tag in MANYLINUX)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
    run(*pip, "download", "--dest", BUILD / "wheels", *tags, *wanted)
    for wheel in sorted((BUILD / "wheels").iterdir()):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(SITE)


def install_package() -> None:
    """The package, with its native modules."""
    shutil.copytree(SOURCES, SITE / "duisign", ignore=shutil.ignore_patterns("*.c", "*.so", "__pycache__"))
    lxml = SITE / "lxml"
    # Python's headers say the same of both processors, as far as extension modules ask.
    folders = [sysconfig.get_path("include"), SOURCES, lxml]
    folders += [lxml / "includes" / name for name in ("", "libxml", "libxslt", "extlibs")]
    options = ["-O3", "-DNDEBUG", "-fPIC", "-shared", *(f"-I{folder}" for folder in folders)]

    def compile_module(source: Path) -> None:
        module = SITE / "duisign" / f"{source.stem}.cpython-311-aarch64-linux-gnu.so"
        run("aarch64-linux-gnu-gcc", *options, "-o", module, source.with_suffix(".c"))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_module, sorted(SOURCES.glob("*.pyx"))))


def main() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    tool = settings["tool"]["cibuildwheel"]
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    install_python()
    install_wheels(settings["project"]["optional-dependencies"], tool)
    install_package()
    LAUNCHER.write_text(f'#!/bin/sh\nexec {shlex.join(EMULATED)} "$@"\n')
    LAUNCHER.chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    run(*EMULATED, "-c", "import platform, sys; print(sys.version, platform.machine())", env=environment)
    command = shlex.split(tool["test-command"].format(project=PROJECT))
    # The emulator sets no limit of memory, which a test of the release build asks for.
    arguments = [*command[command.index("pytest") + 1 :], "-m", "not timed and not release_build"]
    run(*EMULATED, "-c", START, LAUNCHER, *arguments, "-p", "no:cacheprovider", env=environment, cwd=BUILD)


if __name__ == "__main__":
    if sys.version_info[:2] != (3, 11):
        sys.exit("This needs Python 3.11, since Debian 12 has no other.")
    main()
