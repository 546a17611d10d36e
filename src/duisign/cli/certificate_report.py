"""What `duisign certificate` tells of each certificate: its facts, and by the SMKI its status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509

from duisign.certificate_status import CertificateState
from duisign.cli.certificate_facts import hex_role, role_name
from duisign.distinguished_name import rfc2253

if TYPE_CHECKING:
    from duisign.certificate_status import CertificateStatus
    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.smki_trust import SmkiTrust

__all__ = ["CertificateReport", "judged", "unreadable"]


UNREADABLE = "unreadable"
"""The state of what is no certificate that can be read."""

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

    `now`: the time as of which it is judged. `status`: what the trust store finds; None if no root is given to judge
    by. `unreadable`: code and reason for what cannot be read.
    """

    place: str
    certificate: OrganisationCertificate | None
    now: datetime
    status: CertificateStatus | None = None
    unreadable: tuple[str, str] | None = None

    @property
    def code(self) -> str | None:
        """The code of what is wrong."""
        if self.unreadable is not None:
            return self.unreadable[0]
        return None if self.status is None else self.status.code

    @property
    def reason(self) -> str | None:
        """The sentence of what is wrong."""
        if self.unreadable is not None:
            return self.unreadable[1]
        return None if self.status is None else self.status.sentence

    @property
    def period(self) -> CertificateState:
        """Whether the validity period alone allows the certificate now."""
        assert self.certificate is not None
        if self.now < self.certificate.valid_from:
            return CertificateState.NOT_YET_VALID
        return CertificateState.EXPIRED if self.now > self.certificate.valid_to else CertificateState.VALID

    def facts(self) -> dict[str, Any]:
        """The report as one JSON object, which always has the same keys."""
        known = dict.fromkeys(_FACTS) if self.certificate is None else self._known(self.certificate)
        status = self.status
        return {
            "file": self.place,
            **known,
            "status": UNREADABLE if self.unreadable else None if status is None else status.state.value,
            "code": self.code,
            "reason": self.reason,
            "path": [rfc2253(one.subject) for one in status.path] if status and status.path else None,
            "revocation_checked": None if status is None else status.revocation_checked,
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
    place: str, certificate: OrganisationCertificate, at: datetime | None, trust: SmkiTrust | None
) -> CertificateReport:
    """The report on a certificate, with its status if there is a trust store to ask."""
    status = None if trust is None else trust.certificate_status(certificate.certificate)
    return CertificateReport(place, certificate, at or datetime.now(UTC), status)


def unreadable(place: str, code: str, reason: str) -> CertificateReport:
    """The report on what cannot be read."""
    return CertificateReport(place, None, datetime.now(UTC), unreadable=(code, reason))


def _key_usage(certificate: x509.Certificate) -> list[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [word for name, word in _KEY_USAGES.items() if getattr(usage, name)]
