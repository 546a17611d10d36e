"""The facts of certificates in reports: for programs as a dictionary, for people as words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duisign.distinguished_name import rfc2253
from duisign.remote_party_role import RemotePartyRole

if TYPE_CHECKING:
    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.policy import Policy

__all__ = ["CERTIFICATE_FACTS", "certificate_facts", "hex_role", "minute", "role_name"]

CERTIFICATE_FACTS = (
    "kind",
    "issuer",
    "serial_number",
    "role",
    "role_name",
    "entity_id",
    "valid_from",
    "valid_to",
    "sha256",
)
"""The keys of `certificate_facts`, in their order."""


def certificate_facts(certificate: OrganisationCertificate, policy: Policy | None = None) -> dict[str, str | None]:
    """A certificate, with its role as `policy` reads it."""
    role = certificate.role if policy is None else policy.role_of(certificate)
    values = (
        "certificate",
        rfc2253(certificate.certificate.issuer),
        # Too long for a number in JSON.
        str(certificate.serial_number),
        hex_role(role),
        role_name(role),
        certificate.entity_id,
        certificate.valid_from.isoformat(),
        certificate.valid_to.isoformat(),
        certificate.fingerprint.hex(),
    )
    return dict(zip(CERTIFICATE_FACTS, values, strict=True))


def hex_role(role: int | None) -> str | None:
    """A Remote Party Role as SMKI writes it, such as ``87``."""
    return None if role is None else f"{role:02X}"


def role_name(role: int | None) -> str | None:
    """The name of a Remote Party Role, such as ``xml-sign``; None for one that is not in the table."""
    return role.name.lower().replace("_", "-") if isinstance(role, RemotePartyRole) else None


def minute(text: str) -> str:
    """A time in ISO 8601 without seconds and zone, for people."""
    return text[:16].replace("T", " ")
