"""Looking certificates up by what KeyInfo says of them, in constant time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from duisign.distinguished_name import DistinguishedName, parse_name
from duisign.errors import SignatureFormatError
from duisign.limits import MAX_SERIAL_DIGITS

if TYPE_CHECKING:
    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.trust import Hints, Signatory

__all__ = ["CertificateIndex", "embedded_certificates", "named_signer"]

_CACHED_NAMES = 256
"""Issuer texts, behind which all are forgotten: a network has few issuers, and a flood of invented ones must neither
fill memory nor keep the genuine ones out."""

_CACHED_ANSWERS = 1024
"""Pairs of issuer and serial text that named known certificates, behind which all are forgotten: the spellings in use,
of which white space makes any number."""

_CACHED_CHARACTERS = 128
"""Characters of a text that is kept in a cache. White space can make a name of any length mean the same."""

_SPACE = " \t\r\n"


def embedded_certificates(hints: Hints) -> list[bytes]:
    """The DER of every X509Certificate in KeyInfo; none of it is trusted."""
    return [hint[1] for hint in hints if hint[0] == "certificate"]


class CertificateIndex:
    """Certificates by issuer and serial number, digest, subject key identifier and subject.

    Built once and not changed afterwards; shared by threads.
    """

    __slots__ = ("_answers", "_by_digest", "_by_key_identifier", "_by_name", "_by_subject", "_names", "_namesakes")

    def __init__(self, signatories: Iterable[Signatory]) -> None:
        self._by_name: dict[tuple[DistinguishedName, int], list[Signatory]] = {}
        self._by_digest: dict[bytes, list[Signatory]] = {}
        self._by_key_identifier: dict[bytes, list[Signatory]] = {}
        self._by_subject: dict[DistinguishedName, list[Signatory]] = {}
        self._names: dict[str, DistinguishedName] = {}
        self._answers: dict[Hashable, list[Signatory]] = {}
        self._namesakes: set[bytes] = set()
        for signatory in signatories:
            certificate = signatory.certificate
            assert certificate is not None
            if certificate.fingerprint in self._by_digest:
                continue
            self._by_name.setdefault((certificate.issuer, certificate.serial_number), []).append(signatory)
            self._by_digest.setdefault(certificate.fingerprint, []).append(signatory)
            if certificate.key_identifier is not None:
                self._by_key_identifier.setdefault(certificate.key_identifier, []).append(signatory)
            self._by_subject.setdefault(certificate.subject, []).append(signatory)
        for same in self._by_name.values():
            if len(same) > 1:
                self._namesakes.update(e.certificate.fingerprint for e in same if e.certificate is not None)

    def has_namesake(self, certificate: OrganisationCertificate) -> bool:
        """Whether another certificate of the index has this one's issuer and serial number."""
        # Asked for each message, so known of those in the index.
        if certificate.fingerprint in self._by_digest:
            return certificate.fingerprint in self._namesakes
        return bool(self.same_name(certificate.issuer, certificate.serial_number))

    def find(self, hints: Hints) -> list[Signatory]:
        """The certificates that fit every hint; of embedded certificates one must be it.

        Raises SignatureFormatError for a name or serial number that cannot be read.
        """
        if len(hints) != 1:
            return self._search(hints)
        hint = hints[0]
        found = self._answers.get(hint)
        if found is None:
            found = self._search(hints)
            if found and _is_worth_keeping(hint):
                if len(self._answers) >= _CACHED_ANSWERS:
                    self._answers.clear()
                self._answers[hint] = found
        return found

    def _search(self, hints: Hints) -> list[Signatory]:
        """`find` without the cache."""
        found: list[Signatory] | None = None
        for hint in hints:
            if hint[0] != "certificate":
                fitting = self._fitting(hint)
                found = fitting if found is None else [entry for entry in found if entry in fitting]
        embedded = [sha256(der).digest() for der in embedded_certificates(hints)]
        if embedded:
            if found is None:
                found = [entry for digest in embedded for entry in self._by_digest.get(digest, ())]
            else:
                found = [e for e in found if e.certificate is not None and e.certificate.fingerprint in embedded]
        return found or []

    def same_name(self, issuer: DistinguishedName, serial_number: int) -> list[Signatory]:
        """The certificates with this issuer and serial number."""
        return self._by_name.get((issuer, serial_number), [])

    def _fitting(self, hint: tuple[Any, ...]) -> list[Signatory]:
        kind, value = hint[0], hint[1]
        if kind == "issuer-serial":
            return self.same_name(self._name(value), serial_number_of(hint[2]))
        if kind == "ski":
            return self._by_key_identifier.get(value, [])
        if kind == "subject-name":
            return self._by_subject.get(self._name(value), [])
        return self._by_digest.get(value, [])

    def _name(self, text: str) -> DistinguishedName:
        name = self._names.get(text)
        if name is None:
            try:
                name = parse_name(text)
            except ValueError:
                raise SignatureFormatError(
                    "key-info-name",
                    "A name in KeyInfo is not RFC 2253 text: have the sender write it so.",
                    check="key-info",
                ) from None
            if len(text) <= _CACHED_CHARACTERS:
                if len(self._names) >= _CACHED_NAMES:
                    self._names.clear()
                self._names[text] = name
        return name


def _is_worth_keeping(hint: tuple[Any, ...]) -> bool:
    return hint[0] == "issuer-serial" and max(len(hint[1]), len(hint[2])) <= _CACHED_CHARACTERS


def serial_number_of(text: str) -> int:
    """The number of an X509SerialNumber: decimal, ASCII; raises SignatureFormatError."""
    digits = text.strip(_SPACE)
    if not digits.isascii() or not digits.isdigit() or len(digits) > MAX_SERIAL_DIGITS:
        raise SignatureFormatError(
            "key-info-serial", "X509SerialNumber is not a decimal number of ASCII digits.", check="key-info"
        )
    return int(digits)


def named_signer(hints: Hints | None) -> dict[str, str | None] | None:
    """Issuer and serial number as KeyInfo claims them, if it has one pair that can be read."""
    pairs = [hint for hint in hints or () if hint[0] == "issuer-serial"]
    if len(pairs) != 1:
        return None
    try:
        parse_name(pairs[0][1])
        serial = serial_number_of(pairs[0][2])
    except (ValueError, SignatureFormatError):
        return None
    issuer = " ".join(pairs[0][1].split())
    if not issuer.isprintable():
        # Whoever wrote the message wrote this: it must not steer a terminal or break a line of a log.
        return None
    return {"issuer": issuer, "serial_number": str(serial), "role": None, "entity_id": None}
