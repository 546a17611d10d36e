"""KeyRing over the DCC's published test key store."""

from __future__ import annotations

from collections import Counter

import pytest
from cryptography.hazmat.primitives import serialization

from duisign import KeyRing, PinnedCertificates, RemotePartyRole, SigningKeyError, Verifier
from interop import peers


@pytest.fixture(scope="module")
def ring(dcc_keystore):
    assert len(dcc_keystore) == 33
    return KeyRing(peers.DCCBOXED_KEYSTORE.install() / "keystore.json")


def test_every_entry_is_loaded_or_reported(ring, dcc_keystore):
    assert (len(ring.entries), len(ring.problems)) == (31, 2)
    signing = {entry.entity_id for entry in ring.entries if entry.status == "signs"}
    named = Counter(entry.role for entry in dcc_keystore if entry.role in peers.XML_SIGNING_ROLES)
    assert len(signing) == named.total() == 4
    assert {entry.status for entry in ring.entries} <= {"signs", "wrong-role", "no-signature-usage"}


def test_its_keys_are_dedicated_unless_they_are_certified_for_more(ring, dcc_keystore, smki):
    """Another certificate for a published key: towards Devices it stops a User's key, the DCC's only if not 04."""
    path = peers.DCCBOXED_KEYSTORE.install() / "keystore.json"
    entries = [entry for entry in dcc_keystore if entry.role in peers.XML_SIGNING_ROLES]
    assert len(entries) == 4
    for entry in entries:
        key = serialization.load_pem_private_key(entry.private_key.encode(), None)
        party = bytes.fromhex(entry.entity).hex("-").upper()
        for role in (RemotePartyRole.SUPPLIER, RemotePartyRole.ACCESS_CONTROL_BROKER):
            more = smki.issue(entity_id=party, role=role, private_key=key)
            both = KeyRing([path, more.certificate_pem()])
            statuses = {one.status for one in both.entries if (one.entity_id, one.role) == (party, entry.role)}
            signs = entry.role == RemotePartyRole.DSP_XML_SIGN and role == RemotePartyRole.ACCESS_CONTROL_BROKER
            assert statuses == {"signs" if signs else "device-key"}
            assert len(both.problems) == len(ring.problems) + 1
            # Nobody else's key is touched.
            others = [one.status for one in both.entries if one.entity_id != party]
            assert others == [one.status for one in ring.entries if one.entity_id != party]


@pytest.mark.parametrize(
    ("roles", "count"),
    [
        # Six templates are of originators without User's XML signing key: the DCC's tool takes another of theirs.
        ((RemotePartyRole.XML_SIGN,), 291),
        # Three of them are the DCC's own requests, to which its XML signing key has to be allowed.
        ((RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN), 294),
    ],
)
def test_the_originator_of_each_template_signs(dcc_keystore, duis_templates, roles, count):
    ring = KeyRing(peers.DCCBOXED_KEYSTORE.install() / "keystore.json", existing_signature="replace", roles=roles)
    signed = 0
    for template in duis_templates:
        document = template.read_bytes()
        entry = peers.signing_entry(dcc_keystore, document)
        if entry.role not in roles:
            with pytest.raises(SigningKeyError):
                ring.sign(document)
            continue
        certificate = ring.signer_for(document).certificate
        message = Verifier(PinnedCertificates([certificate])).verify(ring.sign(document))
        assert message.role == entry.role
        assert message.entity_id is not None
        assert message.entity_id.replace("-", "").lower() == entry.entity
        signed += 1
    assert signed == count
