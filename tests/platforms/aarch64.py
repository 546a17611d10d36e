"""The test-command of the wheels for aarch64, on CPython of Debian under an emulator: `make aarch64`.

The wheels of lxml and cryptography are those that are published for it; the native modules are built by a cross
compiler, with the headers in that wheel of lxml. For Python 3.11 on Debian, whose arm64 packages are downloaded.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from foreign_wheel import CIBUILDWHEEL, PROJECT, install_package, install_wheels, pytest_arguments, run

BUILD = PROJECT / "build" / "aarch64"
ROOT, SITE = BUILD / "root", BUILD / "site"
EMULATED = ["qemu-aarch64", "-L", str(ROOT), str(ROOT / "usr" / "bin" / "python3.11")]
LAUNCHER = BUILD / "python"
"""What child processes are started by."""
PYTHON = ["python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"]
LIBRARIES = ["libbz2-1.0", "libc6", "libcrypt1", "libexpat1", "libffi8", "libgcc-s1", "liblzma5", "libsqlite3-0"]
LIBRARIES += ["libssl3", "libuuid1", "zlib1g"]
MANYLINUX = [f"manylinux_2_{minor}_aarch64" for minor in (17, 26, 28, 34)] + ["manylinux2014_aarch64"]
START = "import runpy, sys; sys.executable = sys.argv.pop(1); runpy.run_module('pytest', None, '__main__', True)"


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


def main() -> None:
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    install_python()
    install_wheels(SITE, MANYLINUX, "cffi", "pycparser")
    options = ["aarch64-linux-gnu-gcc", "-O3", "-DNDEBUG", "-fPIC", "-shared"]
    # Python's headers say the same of both, as far as extension modules ask.
    headers = [Path(sysconfig.get_path("include"))]
    install_package(SITE, headers, ".cpython-311-aarch64-linux-gnu.so", options)
    LAUNCHER.write_text(f'#!/bin/sh\nexec {" ".join(EMULATED)} "$@"\n')
    LAUNCHER.chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    run(*EMULATED, "-c", "import platform, sys; print(sys.version, platform.machine())", env=environment)
    # The emulator sets no limit of memory, which a test of the release build asks for.
    arguments = [*pytest_arguments(CIBUILDWHEEL), "-m", "not timed and not release_build"]
    run(*EMULATED, "-c", START, LAUNCHER, *arguments, "-p", "no:cacheprovider", env=environment, cwd=BUILD)


if __name__ == "__main__":
    if sys.version_info[:2] != (3, 11):
        sys.exit("This needs Python 3.11, since Debian 12 has no other.")
    main()
