"""What a KeyRing holds at a time: its keys, and which of them compete for whom and for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from duisign.errors import ConfigurationError
from duisign.message_class import MessageClass
from duisign.remote_party_role import checked_roles
from duisign.trust import Signatory

if TYPE_CHECKING:
    from duisign.certificate_source import Problem
    from duisign.key_status import KeyStatus
    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.signer import Signer

__all__ = ["SIGNED_BY_USER", "Entry", "State", "roles_by_class", "signing_roles"]

SIGNED_BY_USER = frozenset({MessageClass.SERVICE_REQUEST, MessageClass.SIGNED_PRE_COMMAND})
"""Classes that the Business Originator signs; every other class of the table is the DCC's to sign."""


class Entry:
    """A key of the ring. `fixed`: what keeps it from ever signing."""

    __slots__ = ("certificate", "fixed", "signatory", "signer", "where")

    def __init__(self, certificate: OrganisationCertificate, where: str) -> None:
        self.certificate = certificate
        self.where = where
        self.signatory = Signatory(certificate)
        self.fixed: KeyStatus | None = None
        self.signer: Signer | None = None


_Parties = dict[str, tuple[Entry, ...]]


class State:
    """Everything that a reload replaces at once.

    `users`: the entries of each EUI-64, newest first. `dcc`: the same for each class that the DCC signs.
    """

    __slots__ = ("dcc", "entries", "problems", "users")

    def __init__(
        self,
        entries: Iterable[Entry],
        problems: Iterable[Problem],
        roles: frozenset[int],
        dcc_roles: Mapping[MessageClass, frozenset[int]],
    ) -> None:
        self.entries = tuple(entries)
        self.problems = tuple(problems)
        newest = sorted(self.entries, key=lambda e: (*e.certificate.validity, e.certificate.fingerprint), reverse=True)
        self.users = _by_entity(newest, roles)
        by_roles = {roles: _by_entity(newest, roles) for roles in set(dcc_roles.values())}
        self.dcc = {kind: by_roles[roles] for kind, roles in dcc_roles.items()}

    def rows(self) -> list[tuple[MessageClass | None, str, tuple[Entry, ...]]]:
        """The entries that compete with each other: of one EUI-64, for Requests (None) or a class of the DCC's."""
        kinds: list[tuple[MessageClass | None, _Parties]] = [(None, self.users), *self.dcc.items()]
        return [(kind, who, some) for kind, found in kinds for who, some in found.items()]


def _by_entity(entries: Iterable[Entry], roles: frozenset[int]) -> _Parties:
    found: _Parties = {}
    for entry in entries:
        entity_id = entry.certificate.entity_id
        if entity_id is not None and entry.certificate.role in roles:
            found[entity_id] = (*found.get(entity_id, ()), entry)
    return found


def signing_roles(roles: Iterable[int]) -> frozenset[int]:
    """The roles of keys; raises ConfigurationError."""
    try:
        found = checked_roles(roles)
    except (TypeError, ValueError):
        found = frozenset()
    if not found:
        raise ConfigurationError("roles", "Roles are a list of Remote Party Roles, each a number from 0 to 255.")
    return found


def roles_by_class(
    roles: Iterable[int] | Mapping[MessageClass, Iterable[int]],
) -> Mapping[MessageClass, frozenset[int]]:
    """The roles of the DCC's keys for each class that it signs; raises ConfigurationError."""
    if not isinstance(roles, Mapping):
        return dict.fromkeys(set(MessageClass) - SIGNED_BY_USER, signing_roles(roles))
    try:
        found = {MessageClass(kind): checked_roles(some) for kind, some in roles.items()}
    except (TypeError, ValueError):
        raise ConfigurationError("roles", "dcc_roles maps duisign.MessageClass to Remote Party Roles.") from None
    return {kind: some for kind, some in found.items() if kind not in SIGNED_BY_USER}
