"""The settings of the service: what can be set, by which name, and what is refused.

Each class is a table of the TOML file; each field is a name in it, and an environment variable
``DUISIGN_SERVICE_<TABLE>_<NAME>``. `duisign.service.settings_source` reads both.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duisign.errors import ConfigurationError
from duisign.limits import MAX_DOCUMENT_OCTETS, MAX_WORKERS

__all__ = [
    "BACKLOG",
    "TABLES",
    "AuthenticationSettings",
    "LoggingSettings",
    "ServerSettings",
    "Settings",
    "SigningSettings",
    "TlsSettings",
    "TrustSettings",
    "refusal",
]

MAX_PORT = 65535

MAX_BODY_OCTETS = 2 * MAX_DOCUMENT_OCTETS
"""Octets of a request's body: the largest document in base64, in an object of JSON."""

BACKLOG = 2048
"""Connections of one worker that wait to be accepted: those of a burst."""


def refusal(sentence: str) -> ConfigurationError:
    """What is raised for settings that cannot be."""
    return ConfigurationError("service-settings", sentence)


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Table ``server``: where the service listens, and its limits.

    `max_concurrent_requests`: of one worker; beyond them a request gets 503. `allowed_hosts`: names beside those of the
    loopback that a request without authentication may call the service by. Times in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    allowed_hosts: tuple[str, ...] = ()
    max_body_octets: int = MAX_BODY_OCTETS
    max_concurrent_requests: int = 64
    request_timeout: float = 30.0
    keep_alive_timeout: float = 75.0
    shutdown_timeout: float = 30.0
    retry_after: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.port <= MAX_PORT:
            raise refusal(f"server.port is a number from 0 to {MAX_PORT}; 0 takes a free one.")
        if not 1 <= self.workers <= MAX_WORKERS:
            raise refusal(f"server.workers is a number of processes from 1 to {MAX_WORKERS}.")
        for name in ("max_body_octets", "max_concurrent_requests", "retry_after"):
            if getattr(self, name) < 1:
                raise refusal(f"server.{name} is a number from 1 on.")
        for name in ("request_timeout", "keep_alive_timeout", "shutdown_timeout"):
            if not 0 < getattr(self, name) <= 86400:
                raise refusal(f"server.{name} is a time in seconds, more than 0 and at most a day.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service. A name other than localhost may mean anything."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, kw_only=True)
class AuthenticationSettings:
    """Table ``authentication``: where bearer tokens come from; the first line of each file, or a variable's value."""

    token_files: tuple[Path, ...] = ()
    token_env: str | None = None


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """Table ``tls``: PEM files. `client_ca`: whoever connects needs a certificate of one of these CAs."""

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise refusal("tls.certificate and tls.key belong together: give both or neither.")
        if self.client_ca is not None and self.certificate is None:
            raise refusal("tls.client_ca says nothing without TLS: give tls.certificate and tls.key.")


@dataclass(frozen=True, kw_only=True)
class SigningSettings:
    """Table ``signing``: a ring of keys, or one key with its certificate; options as of `duisign.KeyRing`.

    `token_key`: instead of `key`, the PKCS #11 URI of a key on a token, whose PIN stands where passphrases do.
    `schema`: the folder of the XSD set that signed documents must be valid by. `preserve_counter`: what ``/sign`` does
    when a request does not say. `check_path`: a key of the ring signs only if its certificate has a valid path to one
    of trust.roots.
    """

    keyring: tuple[Path, ...] = ()
    key: Path | None = None
    token_key: str | None = None
    certificate: Path | None = None
    password_env: str | None = None
    password_file: Path | None = None
    dcc_entity_id: str | None = None
    keep_whitespace: bool = False
    refuse_signed: bool = False
    preserve_counter: bool = False
    check_path: bool = False
    schema: Path | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.token_key is not None:
            raise refusal("Give signing.key or signing.token_key, not both.")
        if self.is_single != (self.certificate is not None):
            raise refusal(
                "signing.key, or signing.token_key, and signing.certificate belong together: give both or neither."
            )
        if self.keyring and self.is_single:
            raise refusal("Give signing.keyring, or one key and signing.certificate, not both.")
        if self.password_env is not None and self.password_file is not None:
            raise refusal("Give signing.password_env or signing.password_file, not both.")
        if not self.keyring and (self.dcc_entity_id is not None or self.check_path):
            raise refusal("signing.dcc_entity_id and signing.check_path say which key of a ring signs: give a keyring.")

    @property
    def is_configured(self) -> bool:
        """Whether the service signs."""
        return bool(self.keyring) or self.is_single

    @property
    def is_single(self) -> bool:
        """Whether one key signs, whatever the message is."""
        return self.key is not None or self.token_key is not None


@dataclass(frozen=True, kw_only=True)
class TrustSettings:
    """Table ``trust``: who is believed; options as of `duisign.SmkiTrust` and `duisign.Policy`.

    Without `roots`, `certificates` are pinned. `accept_unsigned`: classes of messages that need no Signature.
    `schema`: the folder of the XSD set that messages must be valid by; asked last, or with `schema_first` first.
    """

    certificates: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    intermediates: tuple[Path, ...] = ()
    crls: tuple[Path, ...] = ()
    policies: tuple[str, ...] = ()
    accept_missing_authority_key_identifier: bool = False
    accept_decimal_role_137: bool = False
    accept_unsigned: tuple[str, ...] = ()
    dangerously_skip_revocation: bool = False
    schema: Path | None = None
    schema_first: bool = False

    def __post_init__(self) -> None:
        if self.schema_first and self.schema is None:
            raise refusal("trust.schema_first says nothing without trust.schema: name the folder of the XSD set.")
        if self.schema is not None and not self.is_configured:
            raise refusal("Nobody is trusted: give trust.certificates, or trust.roots.")
        if self.roots:
            if not self.policies:
                raise refusal("With trust.roots, say in trust.policies which certificate policies are required.")
            return
        stray = [name for name in ("intermediates", "crls", "policies") if getattr(self, name)]
        switches = ("accept_missing_authority_key_identifier", "dangerously_skip_revocation")
        stray += [name for name in switches if getattr(self, name)]
        if stray:
            raise refusal(f"trust.{stray[0]} says nothing without trust.roots: name the roots of the SMKI with it.")
        if not self.certificates and (self.accept_unsigned or self.accept_decimal_role_137):
            raise refusal("Nobody is trusted: give trust.certificates, or trust.roots.")

    @property
    def is_configured(self) -> bool:
        """Whether the service verifies."""
        return bool(self.roots or self.certificates)


@dataclass(frozen=True, kw_only=True)
class LoggingSettings:
    """Table ``logging``. `requests`: a line for each request, not only for those that failed within the service."""

    requests: bool = True


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. Raises ConfigurationError for what cannot be, and for what would be insecure."""

    server: ServerSettings = field(default_factory=ServerSettings)
    authentication: AuthenticationSettings = field(default_factory=AuthenticationSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    signing: SigningSettings = field(default_factory=SigningSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)

    def __post_init__(self) -> None:
        if not self.signing.is_configured and not self.trust.is_configured:
            raise refusal("The service would do nothing: give signing.keyring to sign, trust.certificates to verify.")
        if self.signing.check_path and not self.trust.roots:
            raise refusal("signing.check_path needs trust.roots, to which the paths shall lead.")
        if not self.server.is_loopback and not self.is_authenticated:
            raise ConfigurationError(
                "service-insecure",
                f"On {self.server.host} others could have messages signed: give authentication.token_files, or "
                "tls.client_ca for mutual TLS, or listen on 127.0.0.1.",
            )

    @property
    def has_tokens(self) -> bool:
        """Whether requests need a bearer token."""
        return bool(self.authentication.token_files) or self.authentication.token_env is not None

    @property
    def is_authenticated(self) -> bool:
        """Whether a caller must show who he is."""
        return self.has_tokens or self.tls.client_ca is not None


TABLES: dict[str, Any] = {
    "server": ServerSettings,
    "authentication": AuthenticationSettings,
    "tls": TlsSettings,
    "signing": SigningSettings,
    "trust": TrustSettings,
    "logging": LoggingSettings,
}
"""The classes of the tables by their names."""
