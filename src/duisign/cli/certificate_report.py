"""What `duisign certificate` tells of each certificate: its facts, and by the SMKI its status."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509

from duisign.cli.certificate_facts import hex_role, role_name
from duisign.distinguished_name import rfc2253
from duisign.errors import CertificateError, CertificateRevokedError, DuisignError, RevocationUnknownError

if TYPE_CHECKING:
    from duisign.cli.authority_path import AuthorityPaths
    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.smki_trust import SmkiTrust

__all__ = ["CertificateReport", "CertificateStatus", "judged", "unreadable"]


class CertificateStatus(enum.StrEnum):
    """What became of a certificate."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    NO_PATH = "no-path"
    """There is no path to a root that RFC 5280 and SMKI allow, under a policy that is required."""
    UNUSABLE = "unusable"
    """It is not for digital signatures, or not on P-256."""
    UNREADABLE = "unreadable"


_BY_CODE = {
    "certificate-expired": CertificateStatus.EXPIRED,
    "certificate-not-yet-valid": CertificateStatus.NOT_YET_VALID,
    "certificate-key-usage": CertificateStatus.UNUSABLE,
    "certificate-curve": CertificateStatus.UNUSABLE,
}
_KEY_USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}
"""The bits of KeyUsage by the names of RFC 5280, section 4.2.1.3."""

_FACTS = (
    "subject",
    "issuer",
    "serial_number",
    "role",
    "role_name",
    "entity_id",
    "valid_from",
    "valid_to",
    "period",
    "authority",
    "key_usage",
    "policies",
    "subject_key_identifier",
    "sha256",
)


@dataclass(frozen=True)
class CertificateReport:
    """One certificate. `place`: its file, and its number there. `certificate`: None for one that cannot be read.

    `now`: the time as of which it is judged. `status`: None if no root is given to judge by. `code`, `reason`: of what
    is wrong. `path`: of a valid certificate, from itself to the root.
    """

    place: str
    certificate: OrganisationCertificate | None
    now: datetime
    status: CertificateStatus | None = None
    code: str | None = None
    reason: str | None = None
    path: Sequence[OrganisationCertificate] | None = None

    @property
    def period(self) -> CertificateStatus:
        """Whether the validity period alone allows the certificate now."""
        assert self.certificate is not None
        if self.now < self.certificate.valid_from:
            return CertificateStatus.NOT_YET_VALID
        return CertificateStatus.EXPIRED if self.now > self.certificate.valid_to else CertificateStatus.VALID

    def facts(self) -> dict[str, Any]:
        """The report as one JSON object, which always has the same keys."""
        known = dict.fromkeys(_FACTS) if self.certificate is None else self._known(self.certificate)
        return {
            "file": self.place,
            **known,
            "status": None if self.status is None else self.status.value,
            "code": self.code,
            "reason": self.reason,
            "path": None if self.path is None else [rfc2253(one.certificate.subject) for one in self.path],
        }

    def _known(self, certificate: OrganisationCertificate) -> dict[str, Any]:
        key_identifier = certificate.key_identifier
        values = (
            rfc2253(certificate.certificate.subject),
            rfc2253(certificate.certificate.issuer),
            # Too long for a number in JSON.
            str(certificate.serial_number),
            hex_role(certificate.role),
            role_name(certificate.role),
            certificate.entity_id,
            certificate.valid_from.isoformat(),
            certificate.valid_to.isoformat(),
            self.period.value,
            certificate.is_authority,
            _key_usage(certificate.certificate),
            sorted(certificate.policies),
            None if key_identifier is None else key_identifier.hex(),
            certificate.fingerprint.hex(),
        )
        return dict(zip(_FACTS, values, strict=True))


def judged(
    place: str,
    certificate: OrganisationCertificate,
    at: datetime | None,
    trust: SmkiTrust | None,
    authorities: AuthorityPaths | None,
) -> CertificateReport:
    """The report on a certificate, with its status if there is a trust store to ask."""
    now = at or datetime.now(UTC)
    if trust is None or authorities is None:
        return CertificateReport(place, certificate, now)
    try:
        if certificate.is_authority:
            path = authorities.validate(certificate, now.timestamp())
        else:
            path = trust.validate(certificate.certificate).certificates
    except CertificateError as error:
        return CertificateReport(place, certificate, now, _status(error), error.code, str(error))
    return CertificateReport(place, certificate, now, CertificateStatus.VALID, path=path)


def unreadable(place: str, code: str, reason: str) -> CertificateReport:
    """The report on what cannot be read."""
    return CertificateReport(place, None, datetime.now(UTC), CertificateStatus.UNREADABLE, code, reason)


def _status(error: DuisignError) -> CertificateStatus:
    if isinstance(error, CertificateRevokedError):
        return CertificateStatus.REVOKED
    if isinstance(error, RevocationUnknownError):
        return CertificateStatus.REVOCATION_UNKNOWN
    return _BY_CODE.get(error.code, CertificateStatus.NO_PATH)


def _key_usage(certificate: x509.Certificate) -> list[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [word for name, word in _KEY_USAGES.items() if getattr(usage, name)]
