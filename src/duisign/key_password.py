"""Passphrases of private keys: where they come from, never what they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from duisign.errors import ConfigurationError

__all__ = ["Password", "password_from_environment", "password_from_file"]

Password = Callable[[str], bytes | None]
"""Receives the name of the file, or the place in the caller's list; returns its passphrase, or None."""

MAX_PASSWORD_OCTETS = 4096
"""Octets of the first line of a password file. OpenSSL takes passphrases of up to 1024."""


def password_from_environment(variable: str) -> Password:
    """A `password` for KeyRing: the value of an environment variable, read when a passphrase is needed.

    Raises ConfigurationError if this cannot be the name of a variable.
    """
    if not isinstance(variable, str) or not variable or "=" in variable or "\0" in variable:
        raise ConfigurationError("password", "Give the name of the environment variable that holds the passphrase.")

    def password(where: str) -> bytes:
        value = os.environ.get(variable)
        if value is None:
            raise ConfigurationError(
                "password", f"The environment variable that should hold the passphrase of {where} is not set."
            )
        return os.fsencode(value)

    return password


def password_from_file(path: str | Path) -> Password:
    """A `password` for KeyRing: the first line of a file without its line end, read when a passphrase is needed.

    Raises ConfigurationError if this is no path.
    """
    if not isinstance(path, (str, Path)):
        raise ConfigurationError("password", "Give the path of the file whose first line is the passphrase.")

    def password(where: str) -> bytes:
        try:
            with Path(path).open("rb") as file:
                line = file.readline(MAX_PASSWORD_OCTETS)
        except (OSError, ValueError):
            raise ConfigurationError(
                "password", f"The file that should hold the passphrase of {where} cannot be read."
            ) from None
        return line.removesuffix(b"\n").removesuffix(b"\r")

    return password
