"""Policy: who may sign what. The rules of DUIS and SMKI about signers, as data (DESIGN section 3).

A signature by a trusted key proves who signed; the policy decides whether they may.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from duisign._request_id import identifier_parts
from duisign.errors import ConfigurationError, DocumentError, SignerRoleError
from duisign.message_class import MessageClass, class_of
from duisign.remote_party_role import RemotePartyRole, checked_roles
from duisign.request_id import entity_id_of, sole_identifier

if TYPE_CHECKING:
    from duisign._message_facts import MessageFacts
    from duisign.organisation_certificate import OrganisationCertificate

__all__ = ["DEFAULT_POLICY", "MAY_BE_UNSIGNED", "S1SP_SIGNING_ROLES", "SIGNING_ROLES", "Policy"]

_USER = frozenset({RemotePartyRole.XML_SIGN})
_DCC = frozenset({RemotePartyRole.DSP_XML_SIGN})

SIGNING_ROLES: Mapping[MessageClass, frozenset[int]] = MappingProxyType(
    {
        MessageClass.SERVICE_REQUEST: _USER,
        MessageClass.SIGNED_PRE_COMMAND: _USER,
        MessageClass.PRE_COMMAND: _DCC,
        MessageClass.NON_DEVICE_RESPONSE: _DCC,
        MessageClass.LOCAL_COMMAND: _DCC,
        MessageClass.SCHEDULED_RESPONSE: _DCC,
        MessageClass.UNKNOWN_REMOTE_PARTY_COMMAND: _DCC,
        MessageClass.DEVICE_RESPONSE: _DCC,
        MessageClass.ACKNOWLEDGEMENT: _DCC,
        MessageClass.DCC_ALERT: _DCC,
        MessageClass.DEVICE_ALERT: _DCC,
        MessageClass.SMETS1_RESPONSE: _DCC,
    }
)
"""Remote Party Roles that may sign each class. The codes of the Transform and ACB keys of production are not public:
where they differ from dSPXmlSign, extend this table."""

MAY_BE_UNSIGNED = frozenset({MessageClass.DEVICE_RESPONSE, MessageClass.ACKNOWLEDGEMENT, MessageClass.DEVICE_ALERT})
"""Classes that DUIS lets come without a Signature. They are refused all the same unless a policy accepts them."""

S1SP_SIGNING_ROLES = _DCC
"""Remote Party Roles that may sign the inner message of a SMETS1 response or alert. The code that the keys of SMETS1
Service Providers have in production is not public. A User's role is none: any User could then speak as an S1SP."""

_INNER = frozenset({"SMETS1SignedResponse", "S1SPAlert"})
"""Roots of inner messages."""

_REQUESTS = frozenset({MessageClass.SERVICE_REQUEST, MessageClass.SIGNED_PRE_COMMAND})
_DECIMAL_DSP_XML_SIGN = "137"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules that a `Verifier` applies once a signature holds. Immutable, shared by threads.

    `signing_roles`: the roles that may sign each class; a class that is left out may be signed by nobody.
    `xml_signing_roles`: roles of dedicated XML signing keys; a certificate of any other role is refused whatever
    `signing_roles` says. `check_originator`: the EUI-64 of a Request's signer must be the Business Originator of its
    RequestID. `dcc_entity_ids`: EUI-64s that messages of the DCC may come from; None for any that has the role.
    `s1sp_signing_roles`: the roles that may sign the inner messages of SMETS1, which `xml_signing_roles` must have too.
    `s1sp_entity_ids`: EUI-64s that they may come from; None for any that has the role.
    `accept_decimal_role_137`: read ``OU=137`` as role 89 (hexadecimal), a mistake of an early test set.
    `accept_unsigned`: classes out of `MAY_BE_UNSIGNED` that `Verifier.receive` takes without a Signature.
    """

    signing_roles: Mapping[MessageClass, Collection[int]] = dataclasses.field(default_factory=lambda: SIGNING_ROLES)
    xml_signing_roles: Collection[int] = _USER | _DCC
    check_originator: bool = True
    dcc_entity_ids: Collection[str] | None = None
    s1sp_signing_roles: Collection[int] = S1SP_SIGNING_ROLES
    s1sp_entity_ids: Collection[str] | None = None
    accept_decimal_role_137: bool = False
    accept_unsigned: Collection[MessageClass] = frozenset()

    def __post_init__(self) -> None:
        try:
            roles = {MessageClass(kind): checked_roles(some) for kind, some in dict(self.signing_roles).items()}
            xml_signing_roles = checked_roles(self.xml_signing_roles)
            s1sp_signing_roles = checked_roles(self.s1sp_signing_roles)
            unsigned = frozenset(map(MessageClass, self.accept_unsigned))
            dcc, s1sp = _entity_ids(self.dcc_entity_ids), _entity_ids(self.s1sp_entity_ids)
        except (TypeError, ValueError):
            raise ConfigurationError(
                "policy", "A Policy takes roles as numbers, classes as duisign.MessageClass, EUI-64s as a list of text."
            ) from None
        if not isinstance(self.check_originator, bool) or not isinstance(self.accept_decimal_role_137, bool):
            raise ConfigurationError("policy", "Options of a Policy that turn a check on or off are True or False.")
        if not unsigned <= MAY_BE_UNSIGNED:
            raise ConfigurationError(
                "policy", "Only device responses, acknowledgements and device alerts may be accepted unsigned."
            )
        # Frozen: what was given may be changed by its owner afterwards.
        object.__setattr__(self, "signing_roles", MappingProxyType(roles))
        object.__setattr__(self, "xml_signing_roles", xml_signing_roles)
        object.__setattr__(self, "accept_unsigned", unsigned)
        object.__setattr__(self, "s1sp_signing_roles", s1sp_signing_roles)
        object.__setattr__(self, "dcc_entity_ids", dcc)
        object.__setattr__(self, "s1sp_entity_ids", s1sp)

    def role_of(self, certificate: OrganisationCertificate) -> int | None:
        """The Remote Party Role of a certificate under this policy."""
        if self.accept_decimal_role_137 and certificate.organizational_unit == _DECIMAL_DSP_XML_SIGN:
            return RemotePartyRole.DSP_XML_SIGN
        return certificate.role

    def check(self, certificate: OrganisationCertificate | None, facts: MessageFacts) -> None:
        """Raise SignerRoleError unless the holder of the certificate may sign this message."""
        certificate, role = self._xml_signer(certificate)
        kind = class_of(facts)
        if kind is None:
            raise SignerRoleError("message-class", "The document is no message of DUIS, so nobody may sign it.")
        if role not in self.signing_roles.get(kind, ()):
            raise SignerRoleError(
                "signer-role-for-class", f"The signer's role may not sign messages of class {kind}: cease processing."
            )
        if kind in _REQUESTS:
            if self.check_originator:
                # Mostly there is one identifier and it fits; what else there may be has its own words.
                texts = facts.request_ids
                parts = identifier_parts(texts[0]) if len(texts) == 1 else None
                if parts is None or parts[0] != certificate.entity_id:
                    self._check_originator(certificate, facts)
        elif self.dcc_entity_ids is not None and certificate.entity_id not in self.dcc_entity_ids:
            raise SignerRoleError(
                "signer-entity", "The signer is not the DCC as this policy knows it: cease processing."
            )

    def check_inner(self, certificate: OrganisationCertificate | None, facts: MessageFacts) -> None:
        """Raise SignerRoleError unless the holder of the certificate may sign this inner message of SMETS1."""
        certificate, role = self._xml_signer(certificate)
        if facts.root not in _INNER:
            raise SignerRoleError("message-class", "This is no inner message of SMETS1, so no S1SP may sign it.")
        if role not in self.s1sp_signing_roles:
            raise SignerRoleError(
                "signer-role-for-class", "The signer's role may not sign inner messages of SMETS1: cease processing."
            )
        if self.s1sp_entity_ids is not None and certificate.entity_id not in self.s1sp_entity_ids:
            raise SignerRoleError(
                "signer-entity", "The signer is no SMETS1 Service Provider that this policy knows: cease processing."
            )

    def _xml_signer(self, certificate: OrganisationCertificate | None) -> tuple[OrganisationCertificate, int]:
        """The certificate with its role, if that is one of dedicated XML signing keys; raises SignerRoleError."""
        if certificate is None:
            raise SignerRoleError(
                "signer-role", "A bare key has no role: pin its certificate, or verify without policy."
            )
        role = self.role_of(certificate) if self.accept_decimal_role_137 else certificate.role
        if role is None or role not in self.xml_signing_roles:
            raise SignerRoleError(
                "signer-role",
                "The signer's certificate is not for XML signing keys: cease processing, notify the User.",
            )
        return certificate, role

    def _check_originator(self, certificate: OrganisationCertificate, facts: MessageFacts) -> None:
        try:
            identifier = sole_identifier(facts.request_ids)
        except DocumentError as error:
            raise SignerRoleError(error.code, str(error)) from None
        if identifier is None or identifier.originator != certificate.entity_id:
            raise SignerRoleError(
                "signer-entity",
                "The signer is not the Business Originator of the RequestID: cease processing, notify the User.",
            )


def _entity_ids(entity_ids: Collection[str] | None) -> frozenset[str] | None:
    if entity_ids is None:
        return None
    if isinstance(entity_ids, (str, bytes)):
        raise TypeError("not a collection")
    return frozenset(map(entity_id_of, entity_ids))


DEFAULT_POLICY = Policy()
"""The specification's rules, with no option taken."""
