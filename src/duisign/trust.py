"""Trust: which keys may sign, decided by the caller and never by the message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from duisign.certificate_index import CertificateIndex
from duisign.errors import ConfigurationError, UnknownSignerError
from duisign.limits import MAX_KEY_CANDIDATES
from duisign.organisation_certificate import OrganisationCertificate, load_certificates, load_public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from duisign.policy import Policy

__all__ = ["PinnedCertificates", "Signatory", "Trust"]

Clock = Callable[[], datetime] | datetime
Hints = list[tuple[Any, ...]]


class Signatory:
    """A trusted key: that of a certificate, or a bare one."""

    __slots__ = ("_public_key", "certificate")

    def __init__(
        self, certificate: OrganisationCertificate | None, bare: ec.EllipticCurvePublicKey | None = None
    ) -> None:
        self.certificate = certificate
        self._public_key = bare

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey | None:
        """The key; None if it is not on P-256."""
        if self._public_key is None and self.certificate is not None:
            self._public_key = self.certificate.public_key
        return self._public_key


class Trust(Protocol):
    """What a Verifier needs of a trust store."""

    @property
    def default_policy(self) -> Policy | None:
        """The policy of a Verifier that is given none; None for no policy at all."""
        ...

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

    __slots__ = ("_all", "_bare", "_index", "_now")

    def __init__(self, certificates: Iterable[object], *, now: Clock | None = None) -> None:
        self._now = clock_of(now)
        if isinstance(certificates, (bytes, str, x509.Certificate)) or not isinstance(certificates, Iterable):
            raise ConfigurationError("certificate-malformed", "Give the pinned certificates as a list.")
        pinned: dict[bytes, Signatory] = {}
        bare: dict[bytes, Signatory] = {}
        for source in certificates:
            if isinstance(source, (bytes, x509.Certificate)) and not _is_public_key(source):
                for certificate in map(OrganisationCertificate, load_certificates(source)):
                    pinned[certificate.fingerprint] = Signatory(certificate)
            else:
                key = load_public_key(source)
                point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
                bare[point] = Signatory(None, key)
        self._bare = list(bare.values())
        self._index = CertificateIndex(pinned.values())
        self._all = [*pinned.values(), *self._bare]
        for certificate in (one.certificate for one in pinned.values() if one.certificate is not None):
            if self._index.has_namesake(certificate):
                raise ConfigurationError(
                    "certificate-conflict",
                    "Two different certificates have the same issuer and serial number: pin the right one.",
                )

    def __len__(self) -> int:
        return len(self._all)

    def __repr__(self) -> str:
        return f"<PinnedCertificates of {len(self._all)}>"

    @property
    def default_policy(self) -> None:
        """No policy: whoever pins a certificate has decided for himself."""
        return

    def check(self, signatory: Signatory) -> None:
        """Raise CertificateError unless the certificate may be used now; a bare key has no such limits."""
        if signatory.certificate is not None:
            signatory.certificate.check_usable(self._now())

    def signatories(self, hints: Hints | None) -> Sequence[Signatory]:
        """The pinned keys that fit every hint; all of them when there is no hint at all."""
        if not hints:
            return self._few(self._all)
        found = self._index.find(hints)
        if found:
            return found
        if self._bare:
            return self._few(self._bare)
        raise UnknownSignerError(
            "unknown-signer", "KeyInfo names no pinned certificate: obtain and pin the signer's, if you trust it."
        )

    def _few(self, signatories: list[Signatory]) -> list[Signatory]:
        if not signatories or len(signatories) > MAX_KEY_CANDIDATES:
            raise UnknownSignerError(
                "unknown-signer",
                "KeyInfo does not say which key signed, and there is none or too many to try: have the sender name it.",
            )
        return signatories


def _is_public_key(source: object) -> bool:
    return isinstance(source, bytes) and b"-----BEGIN PUBLIC KEY" in source
