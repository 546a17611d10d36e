"""Who may call the service: holders of a bearer token; without tokens and mutual TLS, programs of this machine."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from duisign.errors import ConfigurationError
from duisign.service.problem import RequestError
from duisign.service.settings import Settings, refusal

__all__ = ["Callers"]

MIN_TOKEN_OCTETS = 24
"""Octets of a token: 128 bits in base64, and none that a person made up."""

_MAX_TOKEN_OCTETS = 4096
_READ = frozenset({b"host", b"authorization", b"origin"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_Headers = Iterable[tuple[bytes, bytes]]


class Callers:
    """Checks the head of each request. Raises ConfigurationError for tokens that cannot be read, or are guessed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = _tokens(settings)
        host = settings.server.host
        names = {*_LOOPBACK_NAMES, host.lower(), f"[{host}]", *map(str.lower, settings.server.allowed_hosts)}
        self._names = None if settings.is_authenticated else frozenset(names)

    def reload(self) -> None:
        """Read the tokens again; raises ConfigurationError, and the old ones stay."""
        self._tokens = _tokens(self._settings)

    def check(self, headers: _Headers) -> None:
        """Raise RequestError unless a request with this head may be answered."""
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _READ:
                if name in found:
                    # A proxy in front may have read the other one.
                    raise RequestError("header-repeated", f"{name.decode().title()} stands once in a head.", 400)
                found[name] = value
        if self._tokens and not self._knows(found.get(b"authorization", b"")):
            raise RequestError(
                "unauthorized",
                "The request shows no bearer token that is known here: send Authorization: Bearer TOKEN.",
                401,
                {"WWW-Authenticate": 'Bearer realm="duisign"'},
            )
        if self._names is None:
            return
        # Without authentication all that tells a program of this machine from a page in its browser is what the
        # browser adds. A page cannot leave it out.
        if b"origin" in found:
            raise RequestError("origin-refused", "A browser sent this for a page of somebody else's.", 403)
        if _name(found.get(b"host", b"")) not in self._names:
            raise RequestError(
                "host-refused",
                "The request calls the service by a name that it does not have: server.allowed_hosts.",
                421,
            )

    def _knows(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        digest = sha256(token.strip()).digest()
        known = False
        # All of them, so that the time says nothing about which one it is.
        for one in self._tokens:
            known |= hmac.compare_digest(one, digest)
        return known and scheme.lower() == b"bearer"


def _name(host: bytes) -> str:
    text = host.decode("latin-1").lower()
    return text.rpartition(":")[0] if ":" in text.rpartition("]")[2] else text


def _tokens(settings: Settings) -> tuple[bytes, ...]:
    """The digests of the tokens."""
    found = [_checked(f"The token in {path}", _first_line(path)) for path in settings.authentication.token_files]
    variable = settings.authentication.token_env
    if variable is not None:
        value = os.environ.get(variable)
        if value is None:
            raise refusal(f"The environment variable {variable}, which should hold the token, is not set.")
        found.append(_checked(f"The token in {variable}", os.fsencode(value)))
    return tuple(found)


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.readline(_MAX_TOKEN_OCTETS)
    except OSError as error:
        raise refusal(f"The token in {path} cannot be read: {(error.strerror or 'error').lower()}.") from None


def _checked(what: str, token: bytes) -> bytes:
    token = token.strip()
    if len(token) < MIN_TOKEN_OCTETS:
        raise ConfigurationError(
            "service-insecure",
            f"{what} has fewer than {MIN_TOKEN_OCTETS} characters, and could be guessed: make one of 32 random octets.",
        )
    return sha256(token).digest()
