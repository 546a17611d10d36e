"""Organisation Certificates: what duisign reads from the X.509 certificate of a party of the SMKI.

Facts: DESIGN section 4. Nothing here decides whether a certificate is trusted.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from duisign.certificate_octets import issuer_and_subject, read_der, read_pem_bundle
from duisign.distinguished_name import DistinguishedName, comparable_name, rfc2253
from duisign.errors import CertificateError, ConfigurationError
from duisign.remote_party_role import RemotePartyRole

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Authority",
    "OrganisationCertificate",
    "is_unreadable",
    "load_certificate",
    "load_certificates",
    "load_public_key",
]

Authority = tuple[DistinguishedName, bytes]
"""A CA as far as CRLs go: its name, and its public key as an uncompressed point. Its certificate may be renewed."""

_KNOWN_ISSUERS: dict[bytes, DistinguishedName] = {}
"""Issuers by their DER, shared by all whom they certified: a store of thousands has few, and reading a name takes a
good part of the time that a certificate does."""

_MAX_KNOWN_ISSUERS = 64
"""Issuers, behind which all are forgotten: messages carry certificates too."""

_ROLE = re.compile(r"[0-9A-Fa-f]{2}")
_EUI64_OCTETS = 8


def is_unreadable(error: Exception) -> bool:
    """Whether cryptography means by this exception that a certificate or CRL cannot be read.

    It raises ValueError, exceptions of its own without common base, and warnings where these are errors.
    """
    return isinstance(error, (ValueError, TypeError, Warning)) or type(error).__module__.startswith("cryptography")


def load_certificates(source: object) -> list[x509.Certificate]:
    """The certificates of an object, PEM (one or more) or DER; raises ConfigurationError."""
    if isinstance(source, x509.Certificate):
        return [source]
    if not isinstance(source, bytes):
        raise ConfigurationError(
            "certificate-malformed", f"A certificate is an x509.Certificate, PEM or DER, not {type(source).__name__}."
        )
    try:
        if b"-----BEGIN" in source:
            return read_pem_bundle(source)
        return [read_der(source)]
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise ConfigurationError(
            "certificate-malformed", "This is no X.509 certificate that can be read: give one in PEM or DER."
        ) from None


def load_certificate(source: object) -> x509.Certificate:
    """The one certificate of an object, PEM or DER; raises ConfigurationError."""
    certificates = load_certificates(source)
    if len(certificates) != 1:
        raise ConfigurationError("certificate-malformed", "There are several certificates: give the one that is meant.")
    return certificates[0]


def load_public_key(source: object) -> ec.EllipticCurvePublicKey:
    """A P-256 public key from an object or PEM; raises ConfigurationError."""
    key = source
    if isinstance(source, bytes):
        try:
            key = serialization.load_pem_public_key(source)
        except Exception as error:
            if not is_unreadable(error):
                raise
            raise ConfigurationError("key-malformed", "This is no public key that can be read: give PEM.") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ConfigurationError("key-curve", "The public key is not on P-256 (secp256r1): SMKI has no other.")


class OrganisationCertificate:
    """The facts of one certificate, read once. Immutable by convention, shared by threads."""

    __slots__ = (
        "_authority",
        "_certificate",
        "_der",
        "_not_after",
        "_not_before",
        "_on_curve",
        "_public_key",
        "_signs",
        "constraints_critical",
        "entity_id",
        "fingerprint",
        "is_authority",
        "issuer",
        "key_identifier",
        "organizational_unit",
        "policies",
        "role",
        "serial_number",
        "signs_certificates",
        "signs_crls",
        "subject",
    )

    def __init__(self, certificate: x509.Certificate) -> None:
        # Kept as DER: the objects of cryptography take some 10 KB each, and a store may hold thousands.
        self._der = certificate.public_bytes(serialization.Encoding.DER)
        self._certificate: x509.Certificate | None = None
        self._public_key: ec.EllipticCurvePublicKey | None = None
        self._authority: Authority | None = None
        self.key_identifier: bytes | None = None
        self.policies: frozenset[str] = frozenset()
        self._signs = self.signs_crls = self.signs_certificates = False
        self.is_authority = self.constraints_critical = False
        try:
            self._read(read_der(self._der))
        except Exception as error:
            if not is_unreadable(error):
                raise
            raise ConfigurationError(
                "certificate-malformed", "The certificate has a part that cannot be read: obtain a valid one."
            ) from None

    def _read(self, certificate: x509.Certificate) -> None:
        self.serial_number = certificate.serial_number
        issuer_der, subject_der = issuer_and_subject(self._der)
        self.issuer = _KNOWN_ISSUERS.get(issuer_der) or _issuer(certificate, issuer_der)
        # Made anew by each access.
        subject = certificate.subject
        self.subject = comparable_name(subject_der)
        self.fingerprint = sha256(self._der).digest()
        self.organizational_unit = _organizational_unit(subject)
        self.role = _role(self.organizational_unit)
        self.entity_id = _entity_id(subject)
        self._not_before = certificate.not_valid_before_utc.timestamp()
        self._not_after = certificate.not_valid_after_utc.timestamp()
        for extension in certificate.extensions:
            value = extension.value
            if isinstance(value, x509.SubjectKeyIdentifier):
                self.key_identifier = value.digest
            elif isinstance(value, x509.KeyUsage):
                self._signs, self.signs_crls = value.digital_signature, value.crl_sign
                self.signs_certificates = value.key_cert_sign
            elif isinstance(value, x509.BasicConstraints):
                self.is_authority = value.ca
                self.constraints_critical = extension.critical
            elif isinstance(value, x509.CertificatePolicies):
                self.policies = frozenset(one.policy_identifier.dotted_string for one in value)
        key = certificate.public_key()
        self._on_curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        if self._certificate is None:
            self._certificate = x509.load_der_x509_certificate(self._der)
        return self._certificate

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey | None:
        """The public key; None if it is not on P-256."""
        if self._public_key is None and self._on_curve:
            key = self.certificate.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            self._public_key = key
        return self._public_key

    @property
    def authority(self) -> Authority | None:
        """The CA that the certificate is for; None if its key is not on P-256."""
        if self._authority is None and self.public_key is not None:
            encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            self._authority = self.subject, self.public_key.public_bytes(encoding, form)
        return self._authority

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OrganisationCertificate):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<OrganisationCertificate {rfc2253(self.certificate.issuer)} {self.serial_number}>"

    def facts(self, role: int | None) -> dict[str, str | None]:
        """Issuer (RFC 2253), serial number (decimal), role (two hex digits) and EUI-64, for reports.

        `role`: the certificate's, as the policy reads it.
        """
        return {
            "issuer": rfc2253(self.certificate.issuer),
            "serial_number": str(self.serial_number),
            "role": None if role is None else f"{int(role):02X}",
            "entity_id": self.entity_id,
        }

    def check_usable(self, now: float) -> None:
        """Raise CertificateError unless a signature made with this certificate may be believed.

        `now`: seconds since the epoch. Checks curve, keyUsage (RFC 5280 section 4.2.1.3) and validity period.
        """
        if not self._on_curve:
            raise CertificateError(
                "certificate-curve", "The signer's certificate holds no P-256 key: SMKI has no other."
            )
        if not self._signs:
            raise CertificateError(
                "certificate-key-usage",
                "The signer's certificate is not for digital signatures: refuse the message.",
            )
        if now < self._not_before:
            raise CertificateError("certificate-not-yet-valid", "The signer's certificate is not valid yet.")
        if now > self._not_after:
            raise CertificateError("certificate-expired", "The signer's certificate has expired: obtain its successor.")

    @property
    def valid_from(self) -> datetime:
        """Start of the validity period, UTC."""
        return self.certificate.not_valid_before_utc

    @property
    def valid_to(self) -> datetime:
        """End of the validity period, UTC."""
        return self.certificate.not_valid_after_utc

    @property
    def validity(self) -> tuple[float, float]:
        """The validity period in seconds since the epoch, both ends included."""
        return self._not_before, self._not_after

    @property
    def signs(self) -> bool:
        """Whether keyUsage has digitalSignature."""
        return self._signs


def _issuer(certificate: x509.Certificate, der: bytes) -> DistinguishedName:
    """The issuer's name, read for the first time; raises what `is_unreadable` knows."""
    # As cryptography has it too, which reports and refusals quote.
    _ = certificate.issuer
    name = comparable_name(der)
    if len(_KNOWN_ISSUERS) >= _MAX_KNOWN_ISSUERS:
        _KNOWN_ISSUERS.clear()
    _KNOWN_ISSUERS[der] = name
    return name


def _organizational_unit(subject: x509.Name) -> str | None:
    """The text of OU, which SMKI uses for the role; None unless there is exactly one."""
    units = subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return units[0].value if len(units) == 1 and isinstance(units[0].value, str) else None


def _role(unit: str | None) -> RemotePartyRole | int | None:
    """The Remote Party Role in OU: a member where the table has it, else its number."""
    if unit is None or not _ROLE.fullmatch(unit):
        return None
    number = int(unit, 16)
    try:
        return RemotePartyRole(number)
    except ValueError:
        return number


def _entity_id(subject: x509.Name) -> str | None:
    """The EUI-64 in x500UniqueIdentifier, as upper-case hex pairs with hyphens."""
    identifiers = subject.get_attributes_for_oid(NameOID.X500_UNIQUE_IDENTIFIER)
    if len(identifiers) != 1:
        return None
    value = identifiers[0].value
    # The contents of a BIT STRING: the number of unused bits, then the octets.
    if not isinstance(value, bytes) or len(value) != 1 + _EUI64_OCTETS or value[0] != 0:
        return None
    return value[1:].hex("-").upper()
