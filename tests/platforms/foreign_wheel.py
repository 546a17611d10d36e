"""What a wheel of the project for another platform is made of and tested with."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SOURCES = PROJECT / "src" / "duisign"
CIBUILDWHEEL = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
SECONDS = 1800


def run(*command: str | Path, **options: object) -> None:
    subprocess.run([str(word) for word in command], check=True, timeout=SECONDS, **options)


def download(folder: Path, *arguments: str) -> list[Path]:
    """Files of PyPI."""
    folder.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--dest", folder, *arguments)
    return sorted(folder.iterdir())


def install_wheels(site: Path, tags: Iterable[str], *more: str) -> None:
    """lxml and cryptography in the versions that are installed here, and what the tests want, for other platforms.

    `more`: what pip does not find out, since it asks the markers of this platform.
    """
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [f"{name}=={version(name)}" for name in ("lxml", "cryptography")]
    wanted += [*CIBUILDWHEEL["test-requires"], *more]
    wanted += [requirement for extra in CIBUILDWHEEL["test-extras"] for requirement in extras[extra]]
    platforms = [f"--platform={tag}" for tag in tags]
    python = f"--python-version=3.{sys.version_info.minor}"
    for wheel in download(site.with_name("wheels"), "--only-binary=:all:", python, *platforms, *wanted):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(site)


def install_package(site: Path, headers: Sequence[Path], suffix: str, command: Sequence[str], *behind: str) -> None:
    """The package, with native modules made by a cross compiler.

    `headers`: folders besides those of the package and of the wheel of lxml. `suffix`: of the modules' names.
    `command`: the compiler and its options, with those for the linker `behind` the source.
    """
    ignored = shutil.ignore_patterns("*.c", "*.so", "__pycache__")
    shutil.copytree(SOURCES, site / "duisign", ignore=ignored)
    lxml = site / "lxml"
    folders = [*headers, SOURCES, lxml, *(lxml / "includes" / name for name in ("", "libxml", "extlibs"))]
    options = [*command, *(f"-I{folder}" for folder in folders)]

    def compile_module(source: Path) -> None:
        module = site / "duisign" / f"{source.stem}{suffix}"
        run(*options, "-o", module, source.with_suffix(".c"), *behind)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_module, sorted(SOURCES.glob("*.pyx"))))


def pytest_arguments(table: Mapping[str, str], path: Callable[[Path], str] = str) -> list[str]:
    """What cibuildwheel's test-command in a table of its configuration gives pytest. `path`: how it writes a path."""
    command, arguments = "python -m pytest ", shlex.split(table["test-command"].format(project="\0"))[3:]
    if not table["test-command"].startswith(command):
        raise ValueError(f"cibuildwheel's test-command is to begin with {command}")
    return [path(PROJECT / word[2:]) if word.startswith("\0") else word for word in arguments]
