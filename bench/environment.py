"""Where figures were got: versions and machine."""

from __future__ import annotations

import os
import platform
import ssl
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend
from lxml import etree

_PACKAGES = ("duisign", "cryptography", "lxml", "pyperf")


def versions(competitors: Mapping[str, str]) -> str:
    """Versions of what was measured, and of what it stands on, in one line. `competitors`: version by name."""
    packages = [f"{name} {version(name)}" for name in _PACKAGES]
    others = [f"{name} {number}" for name, number in competitors.items()]
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    return (
        f"Versions: {platform.python_implementation()} {platform.python_version()}, {', '.join(packages)}, "
        f"libxml2 {libxml2}, {backend.openssl_version_text()} ({ssl.OPENSSL_VERSION} in Python)"
        f"{'; ' if others else ''}{', '.join(others)}."
    )


def machine() -> str:
    """The machine in one line."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, load {load}."


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
