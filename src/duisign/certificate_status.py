"""The status of a certificate by a trust store, for display and for those who keep certificates."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from duisign.errors import CertificateError, CertificateRevokedError, RevocationUnknownError

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["CertificateState", "CertificateStatus", "state_of"]


class CertificateState(enum.StrEnum):
    """What a trust store finds of a certificate."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    NO_PATH = "no-path"
    """There is no path to a root that RFC 5280 and SMKI allow, under a policy that is required."""
    UNUSABLE = "unusable"
    """It is not for digital signatures, or not on P-256."""


_BY_CODE = {
    "certificate-expired": CertificateState.EXPIRED,
    "certificate-not-yet-valid": CertificateState.NOT_YET_VALID,
    "certificate-key-usage": CertificateState.UNUSABLE,
    "certificate-curve": CertificateState.UNUSABLE,
}


def state_of(error: CertificateError) -> CertificateState:
    """The state that a refusal means."""
    if isinstance(error, CertificateRevokedError):
        return CertificateState.REVOKED
    if isinstance(error, RevocationUnknownError):
        return CertificateState.REVOCATION_UNKNOWN
    return _BY_CODE.get(error.code, CertificateState.NO_PATH)


@dataclasses.dataclass(frozen=True, slots=True)
class CertificateStatus:
    """What `SmkiTrust.certificate_status` finds of a certificate at a moment.

    `state`: the finding. `code`, `sentence`: of the refusal that the certificate would meet; None if it is valid.
    `path`: of a valid one, from itself to the root; else empty. `revocation_checked`: whether "valid" means that a
    current CRL of each CA on the path was asked; never with the options that go on without.
    """

    state: CertificateState
    code: str | None
    sentence: str | None
    path: tuple[x509.Certificate, ...]
    revocation_checked: bool
