"""Key separation: which keys may not sign messages, because of what else they are used for.

The rules are DUIS's: a dedicated XML signing key, never used towards Devices, and a separate key per User Id (DESIGN
section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duisign.key_status import KeyStatus
from duisign.remote_party_role import RemotePartyRole

if TYPE_CHECKING:
    from collections.abc import Collection

    from duisign.organisation_certificate import OrganisationCertificate

__all__ = ["separation_of"]

_DCC_MAY_SHARE = frozenset({RemotePartyRole.ACCESS_CONTROL_BROKER})
"""Roles whose key may be a DCC's XML signing key too: DUIS has the Access Control Broker's key sign responses, and the
DCC has certificates of both roles for one key (DESIGN section 4). A User's shares with no role used towards Devices."""


def separation_of(
    certificate: OrganisationCertificate,
    of_key: Collection[OrganisationCertificate],
    users: Collection[int],
    dcc: Collection[int],
) -> tuple[KeyStatus | None, str | None]:
    """What keeps the key of a certificate from signing at any time, and the sentence of a problem, None for neither.

    `of_key`: all certificates of the key. `users`, `dcc`: roles of Users' and of the DCC's XML signing keys.
    """
    if len({one.entity_id for one in of_key} - {None}) > 1:
        return KeyStatus.SHARED_KEY, "This key is that of another EUI-64 too, and signs for neither: make a new one."
    if not certificate.signs:
        return KeyStatus.NO_SIGNATURE_USAGE, None
    if certificate.role not in users and certificate.role not in dcc:
        return KeyStatus.WRONG_ROLE, None
    if certificate.entity_id is None:
        return KeyStatus.NO_ENTITY_ID, None
    others = {int(one.role) for one in of_key if one.role is not None}.difference(users, dcc)
    if not others:
        return None, None
    named = ", ".join(f"{role:02X}" for role in sorted(others))
    if others <= _DCC_MAY_SHARE and certificate.role in dcc:
        return None, f"This key stands in a certificate of role {named} too. It signs; a key of its own is better."
    return KeyStatus.DEVICE_KEY, (
        f"This key stands in a certificate of role {named} too, and an XML signing key must never be used towards "
        "Devices: make a new one."
    )
