"""The status of the keys of a KeyRing, for display."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from duisign.remote_party_role import RemotePartyRole

__all__ = ["KeyRingEntry", "KeyStatus"]


class KeyStatus(enum.StrEnum):
    """Whether a key of a ring signs now, or why it does not."""

    SIGNS = "signs"
    SUPERSEDED = "superseded"
    """It could sign; another of its owner began its validity later and goes first."""
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    UNTRUSTED = "untrusted"
    """The ring's trust store finds no valid path."""
    SHARED_KEY = "shared-key"
    """The same key stands under another EUI-64 too: neither signs."""
    DEVICE_KEY = "device-key"
    """The same key stands in a certificate for use towards Devices too: it does not sign messages."""
    NO_SIGNATURE_USAGE = "no-signature-usage"
    WRONG_ROLE = "wrong-role"
    NO_ENTITY_ID = "no-entity-id"
    NO_KEY_INFO = "no-key-info"
    """The ring's form of KeyInfo cannot name its certificate."""
    KEY_UNAVAILABLE = "key-unavailable"
    """The key is outside the process, and did not answer, or is not its certificate's, when the ring was made."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeyRingEntry:
    """One key with one certificate, for display: nothing of the key itself.

    `entity_id`: EUI-64 as upper-case hex pairs with hyphens. `issuer`: RFC 2253 text. `valid_from`, `valid_to`: UTC.
    `source`: the file, or the place in the caller's list.
    """

    entity_id: str | None
    role: RemotePartyRole | int | None
    issuer: str
    serial_number: int
    valid_from: datetime
    valid_to: datetime
    status: KeyStatus
    source: str
