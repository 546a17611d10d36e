"""Trust: which keys may sign, decided by the caller and never by the message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from cryptography import x509

from duisign.distinguished_name import DistinguishedName, parse_name
from duisign.errors import ConfigurationError, SignatureFormatError, UnknownSignerError
from duisign.limits import MAX_KEY_CANDIDATES, MAX_SERIAL_DIGITS
from duisign.organisation_certificate import OrganisationCertificate, load_certificates, load_public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["PinnedCertificates", "Signatory", "Trust"]

Clock = Callable[[], datetime] | datetime
Hints = list[tuple[Any, ...]]

_CACHED_NAMES = 256
"""Issuer texts. A network has few issuers; the bound keeps a flood of invented ones from filling memory."""

_CACHED_SIGNERS = 4096
"""Pairs of issuer and serial text that named pinned certificates: the spellings in use, with the same bound."""

_SPACE = " \t\r\n"


class Signatory:
    """A trusted key, with its certificate unless it was pinned bare."""

    __slots__ = ("certificate", "public_key")

    def __init__(
        self, public_key: ec.EllipticCurvePublicKey | None, certificate: OrganisationCertificate | None
    ) -> None:
        self.public_key = public_key
        self.certificate = certificate


class Trust(Protocol):
    """What a Verifier needs of a trust store."""

    def signatories(self, hints: Hints | None) -> Sequence[Signatory]:
        """The trusted keys that fit what KeyInfo says; None: there is no KeyInfo. Raises UnknownSignerError."""
        ...

    def check(self, signatory: Signatory) -> None:
        """Raise CertificateError unless the key may be used now."""
        ...


def clock_of(now: Clock | None) -> Callable[[], float]:
    """Seconds since the epoch from the caller's clock: a function, a fixed time zone-aware datetime, or None."""
    if now is None:
        return time.time
    if isinstance(now, datetime):
        if now.tzinfo is None:
            raise ConfigurationError("clock", "The time given as now has no time zone: give an aware datetime.")
        seconds = now.timestamp()
        return lambda: seconds
    if not callable(now):
        raise ConfigurationError("clock", "now must be a function that returns an aware datetime, or a datetime.")
    clock = now

    def read() -> float:
        moment = clock()
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise ConfigurationError("clock", "The clock given as now did not return an aware datetime.")
        return moment.timestamp()

    return read


class PinnedCertificates:
    """Trusts exactly the given certificates and bare P-256 public keys, and nobody whom they signed.

    `certificates`: `x509.Certificate` objects, PEM (one or more each) or DER bytes, or public keys. `now`: a clock
    for tests and archives, a function that returns an aware datetime or one such datetime; default the system's.
    A certificate that is expired, not for signatures or not on P-256 does not spoil the others: messages that name
    it are refused.

    Raises ConfigurationError: something is neither certificate nor P-256 key; two different certificates have the
    same issuer and serial number. Immutable, shared by threads.
    """

    __slots__ = (
        "_all",
        "_bare",
        "_by_digest",
        "_by_key_identifier",
        "_by_serial",
        "_by_subject",
        "_known",
        "_names",
        "_now",
    )

    def __init__(self, certificates: Iterable[object], *, now: Clock | None = None) -> None:
        self._now = clock_of(now)
        self._bare: list[Signatory] = []
        self._all: list[Signatory] = []
        self._by_serial: dict[int, list[Signatory]] = {}
        self._by_digest: dict[bytes, list[Signatory]] = {}
        self._by_key_identifier: dict[bytes | None, list[Signatory]] = {}
        self._by_subject: dict[DistinguishedName, list[Signatory]] = {}
        self._names: dict[str, DistinguishedName] = {}
        self._known: dict[tuple[Any, ...], Sequence[Signatory]] = {}
        if isinstance(certificates, (bytes, str, x509.Certificate)) or not isinstance(certificates, Iterable):
            raise ConfigurationError("certificate-malformed", "Give the pinned certificates as a list.")
        for source in certificates:
            self._add(source)

    def _add(self, source: object) -> None:
        if isinstance(source, (bytes, x509.Certificate)) and not _is_public_key(source):
            for certificate in load_certificates(source):
                self._add_certificate(OrganisationCertificate(certificate))
        else:
            signatory = Signatory(load_public_key(source), None)
            self._bare.append(signatory)
            self._all.append(signatory)

    def _add_certificate(self, certificate: OrganisationCertificate) -> None:
        for other in self._by_serial.get(certificate.serial_number, ()):
            assert other.certificate is not None
            if other.certificate.fingerprint == certificate.fingerprint:
                return
            if other.certificate.issuer == certificate.issuer:
                raise ConfigurationError(
                    "certificate-conflict",
                    "Two different certificates have the same issuer and serial number: pin the right one.",
                )
        signatory = Signatory(certificate.public_key, certificate)
        self._by_serial.setdefault(certificate.serial_number, []).append(signatory)
        self._by_digest.setdefault(certificate.fingerprint, []).append(signatory)
        self._by_key_identifier.setdefault(certificate.key_identifier, []).append(signatory)
        self._by_subject.setdefault(certificate.subject, []).append(signatory)
        self._all.append(signatory)

    def __len__(self) -> int:
        return len(self._all)

    def __repr__(self) -> str:
        return f"<PinnedCertificates of {len(self._all)}>"

    def check(self, signatory: Signatory) -> None:
        """Raise CertificateError unless the certificate may be used now; a bare key has no such limits."""
        if signatory.certificate is not None:
            signatory.certificate.check_usable(self._now())

    def signatories(self, hints: Hints | None) -> Sequence[Signatory]:
        """The pinned keys that fit every hint; all of them when there is no hint at all."""
        if not hints:
            return self._few(self._all)
        if len(hints) == 1 and hints[0] in self._known:
            return self._known[hints[0]]
        found = self._found(hints)
        if found:
            if len(hints) == 1 and hints[0][0] == "issuer-serial" and len(self._known) < _CACHED_SIGNERS:
                self._known[hints[0]] = found
            return found
        if self._bare:
            return self._few(self._bare)
        raise UnknownSignerError(
            "unknown-signer",
            "KeyInfo names no pinned certificate: obtain and pin the signer's, if you trust it.",
        )

    def _found(self, hints: Hints) -> list[Signatory]:
        """The pinned certificates that fit every hint; of embedded certificates one must be it."""
        embedded = [hint[1] for hint in hints if hint[0] == "certificate"]
        found = None
        for hint in hints:
            if hint[0] != "certificate":
                fitting = self._fitting(hint)
                found = fitting if found is None else [entry for entry in found if entry in fitting]
        if embedded:
            digests = [sha256(der).digest() for der in embedded]
            if found is None:
                found = [entry for digest in digests for entry in self._by_digest.get(digest, ())]
            else:
                found = [e for e in found if e.certificate is not None and e.certificate.fingerprint in digests]
        return found or []

    def _few(self, signatories: list[Signatory]) -> list[Signatory]:
        if not signatories or len(signatories) > MAX_KEY_CANDIDATES:
            raise UnknownSignerError(
                "unknown-signer",
                "KeyInfo does not say which key signed, and there is none or too many to try: have the sender name it.",
            )
        return signatories

    def _fitting(self, hint: tuple[Any, ...]) -> list[Signatory]:
        kind, value = hint[0], hint[1]
        if kind == "issuer-serial":
            issuer = self._name(value)
            candidates = self._by_serial.get(serial_number(hint[2]), [])
            return [e for e in candidates if e.certificate is not None and e.certificate.issuer == issuer]
        if kind == "ski":
            return self._by_key_identifier.get(value, [])
        if kind == "subject-name":
            return self._by_subject.get(self._name(value), [])
        return self._by_digest.get(value, [])

    def _name(self, text: str) -> DistinguishedName:
        name = self._names.get(text)
        if name is None:
            try:
                name = parse_name(text.strip(_SPACE))
            except ValueError:
                raise SignatureFormatError(
                    "key-info-name",
                    "A name in KeyInfo is not RFC 2253 text: have the sender write it so.",
                    check="key-info",
                ) from None
            if len(self._names) < _CACHED_NAMES:
                self._names[text] = name
        return name


def _is_public_key(source: object) -> bool:
    return isinstance(source, bytes) and b"-----BEGIN PUBLIC KEY" in source


def serial_number(text: str) -> int:
    """The number of an X509SerialNumber: decimal, ASCII; raises SignatureFormatError."""
    digits = text.strip(_SPACE)
    if not digits.isascii() or not digits.isdigit() or len(digits) > MAX_SERIAL_DIGITS:
        raise SignatureFormatError(
            "key-info-serial", "X509SerialNumber is not a decimal number of ASCII digits.", check="key-info"
        )
    return int(digits)
