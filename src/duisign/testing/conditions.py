"""Certificates and CRLs in every condition that a relying party meets, each with the refusal that is due."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from duisign.remote_party_role import RemotePartyRole
from duisign.testing.smki import Identity, Smki

__all__ = ["Condition", "make_conditions"]

_DAY = dt.timedelta(days=1)
_EUI = "00-DB-12-34-A5-00-00-{:02X}"
_SIGNING = frozenset({RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN})

_ONLY_USERS = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)


@dataclasses.dataclass(frozen=True)
class Condition:
    """One party and the CRLs that go with it.

    `name`: unique, hyphenated. `identity`: key and certificate. `crls`: for the trust store. `code`: the stable code of
    the refusal by `SmkiTrust` (which trusts the root, knows the issuing CA and requires `TEST_POLICY_OID`) or by the
    default `Policy`; None if the certificate may sign the messages of its role.
    """

    name: str
    identity: Identity
    crls: Sequence[x509.CertificateRevocationList]
    code: str | None


def make_conditions(smki: Smki) -> dict[str, Condition]:
    """Every condition, by name, with fresh keys of the given SMKI."""
    own_key = ec.generate_private_key(ec.SECP256R1())
    stranger = ec.generate_private_key(ec.SECP256R1())
    shared = ec.generate_private_key(ec.SECP256R1())
    good = [smki.crl(), smki.crl(issuer=smki.root)]
    conditions: list[Condition] = []

    def add(
        name: str, identity: Identity, code: str | None, crls: Sequence[x509.CertificateRevocationList] = good
    ) -> None:
        conditions.append(Condition(name, identity, crls, code))

    def party(role: int | str = RemotePartyRole.XML_SIGN, **options: object) -> Identity:
        options.setdefault("entity_id", _EUI.format(0x40 + len(conditions)))
        return smki.issue(role=role, **options)  # type: ignore[arg-type]

    for role in RemotePartyRole:
        add(f"role-{role.name.lower().replace('_', '-')}", party(role), None if role in _SIGNING else "signer-role")
    add("role-unknown", party(0x42), "signer-role")
    add("role-decimal-137", party("137"), "signer-role")
    add("role-unreadable", party("zz"), "signer-role")
    add("expired", party(not_after=smki.now - _DAY), "certificate-expired")
    add("not-yet-valid", party(not_before=smki.now + _DAY), "certificate-not-yet-valid")
    add("key-agreement", party(key_usage="key_agreement"), "certificate-key-usage")
    add("wrong-policy", party(policies=("1.2.3.4",)), "certificate-policy")
    add("no-policy", party(policies=()), "certificate-policy")
    add("issued-by-root", party(issuer=smki.root), "certificate-path")
    add("issued-by-impostor", party(issuer=Identity(stranger, smki.issuing_ca.certificate)), "certificate-path")
    self_issued = party(private_key=own_key, issuer=Identity(own_key, smki.issuing_ca.certificate))
    add("signed-by-own-key", self_issued, "certificate-path")
    add("other-smki", Smki.create(now=smki.now).user, "certificate-path")
    add("same-key-first", party(private_key=shared), None)
    add("same-key-second", party(private_key=shared), None)
    # A key that is used towards Devices too: a verifier cannot tell, a key ring does not sign with it.
    device = party()
    add("device-key-user", device, None)
    add("device-key-supplier", _twin(smki, device, RemotePartyRole.SUPPLIER), "signer-role")
    # As the DCC has it.
    broker = party(RemotePartyRole.DSP_XML_SIGN)
    add("broker-key-dcc", broker, None)
    add("broker-key-broker", _twin(smki, broker, RemotePartyRole.ACCESS_CONTROL_BROKER), "signer-role")

    revoked = party()
    add("revoked", revoked, "certificate-revoked", [smki.crl([revoked]), good[1]])
    add("revoked-ca", party(), "certificate-revoked", [good[0], smki.crl([smki.issuing_ca], issuer=smki.root)])
    add("revoked-another", party(), None, [smki.crl([revoked]), good[1]])
    add("no-crl", party(), "revocation-unknown", [])
    add("no-crl-of-root", party(), "revocation-unknown", good[:1])
    add("crl-outdated", party(), "revocation-outdated", [smki.crl(next_update=smki.now - _DAY / 2), good[1]])
    add("crl-not-yet", party(), "revocation-outdated", [smki.crl(this_update=smki.now + _DAY), good[1]])
    add("crl-by-stranger", party(), "crl", [smki.crl(issuer=Identity(stranger, smki.issuing_ca.certificate)), good[1]])
    add("crl-without-number", party(), "crl", [smki.crl(number=None), good[1]])
    add("crl-delta", party(), "crl", [smki.crl(extensions=[x509.DeltaCRLIndicator(1)]), good[1]])
    add("crl-partial", party(), "crl", [smki.crl(extensions=[_ONLY_USERS]), good[1]])
    unknown = smki.issue_authority(common_name="another duisign test CA")
    add("crl-of-unknown-ca", party(), None, [*good, smki.crl(issuer=unknown)])
    revoked = party()
    lower = [smki.crl([revoked], number=2), smki.crl(number=1), good[1]]
    add("crl-number-lower", revoked, "certificate-revoked", lower)
    restored = party()
    higher = [smki.crl([restored], number=1), smki.crl(number=2), good[1]]
    add("crl-number-higher", restored, None, higher)
    return {condition.name: condition for condition in conditions}


def _twin(smki: Smki, identity: Identity, role: RemotePartyRole) -> Identity:
    """A certificate of another role for the same key and EUI-64."""
    assert identity.entity_id is not None
    return smki.issue(entity_id=identity.entity_id, role=role, private_key=identity.private_key)
