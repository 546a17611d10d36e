"""Every condition of duisign.testing meets the refusal that it names, and no other."""

from __future__ import annotations

import pytest

import duisign
from duisign import MessageClass, PinnedCertificates, RemotePartyRole, SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID, Smki, make_conditions
from forgery import TEMPLATE, forge

SMKI = Smki.create()
CONDITIONS = make_conditions(SMKI)


def document_for(identity):
    """A message of the identity's own, signed without asking whether it may."""
    request = forge(identity, ("00-DB-12-34-A5-00-00-01", identity.entity_id))
    if identity.certificate.subject.rfc4514_string().find("OU=89") < 0:
        return request
    alert = TEMPLATE.replace("sr:Request", "sr:Response").replace("sr:ResponseID", "sr:RequestID")
    return forge(identity, ("<sr:Payload>x</sr:Payload>", "<sr:DCCAlertMessage/>"), template=alert)


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition(name):
    condition = CONDITIONS[name]

    def verify():
        trust = SmkiTrust(
            [SMKI.root.certificate],
            [SMKI.issuing_ca.certificate],
            [condition.identity.certificate],
            condition.crls,
            policies=[TEST_POLICY_OID],
            now=SMKI.now,
        )
        return Verifier(trust).verify(document_for(condition.identity))

    if condition.code is None:
        assert verify().certificate == condition.identity.certificate
    else:
        with pytest.raises(duisign.DuisignError) as caught:
            verify()
        assert caught.value.code == condition.code


def test_the_names_that_users_look_for():
    assert {f"role-{role.name.lower().replace('_', '-')}" for role in RemotePartyRole} <= set(CONDITIONS)
    assert {
        "expired",
        "not-yet-valid",
        "revoked",
        "wrong-policy",
        "signed-by-own-key",
        "same-key-first",
        "same-key-second",
        "crl-delta",
        "crl-partial",
        "crl-number-lower",
        "crl-of-unknown-ca",
    } <= set(CONDITIONS)


def test_keys_that_are_used_towards_devices_too():
    for names, signs in (
        (("device-key-user", "device-key-supplier"), False),
        (("broker-key-dcc", "broker-key-broker"), True),
    ):
        both = [CONDITIONS[name].identity for name in names]
        assert len({one.entity_id for one in both}) == 1
        assert both[0].private_key.private_numbers() == both[1].private_key.private_numbers()
        other = SMKI.user.private_key, SMKI.user.certificate
        ring = duisign.KeyRing([other, *((one.private_key, one.certificate) for one in both)])
        assert (ring.entries[1].status == "signs") is signs
        assert len(ring.problems) == 1


def test_a_pair_with_one_key_is_told_apart_by_issuer_and_serial_number():
    first, second = (CONDITIONS[f"same-key-{which}"].identity for which in ("first", "second"))
    assert first.private_key.private_numbers() == second.private_key.private_numbers()
    pinned = Verifier(PinnedCertificates([first.certificate, second.certificate]))
    assert pinned.verify(document_for(first)).entity_id == first.entity_id
    assert pinned.verify(document_for(second)).entity_id == second.entity_id
    assert pinned.verify(document_for(first)).message_class is MessageClass.SERVICE_REQUEST
    ring = duisign.KeyRing([(first.private_key, first.certificate), (SMKI.user.private_key, SMKI.user.certificate)])
    assert len(ring.entries) == 2
    with pytest.raises(duisign.ConfigurationError):
        duisign.KeyRing([(one.private_key, one.certificate) for one in (first, second)])
