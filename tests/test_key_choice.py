"""KeyRing: which key signs which message, and which never does."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import KeyRing, MessageClass, PinnedCertificates, RemotePartyRole, SigningKeyError, Verifier
from key_rings import (
    DAY,
    DCC,
    DSP_XML_SIGN,
    SECOND,
    USER,
    XML_SIGN,
    make_trust,
    pair,
    refused,
    signed_by,
    statuses,
    store,
    unsigned_for,
)

USER_CLASSES = ("service-request", "signed-pre-command")


def answered_by(document, entity_id):
    return document.replace(f"ResponseID>{DCC}".encode(), f"ResponseID>{entity_id}".encode())


@pytest.fixture(scope="module")
def other(smki):
    """A second party of the DCC."""
    return smki.issue(entity_id=SECOND, role=DSP_XML_SIGN)


class TestChoosing:
    @pytest.mark.parametrize("name", ["service-request", "signed-pre-command", "pre-command", "non-device-response",
        "local-command", "scheduled-response", "unknown-remote-party-command", "device-response", "acknowledgement",
        "dcc-alert", "device-alert", "smets1-response"])  # fmt: skip
    def test_every_class_is_signed_by_its_party(self, smki, samples, second, name):
        ring = KeyRing([pair(second), pair(smki.user), pair(smki.dcc)])
        expected = smki.user if name in USER_CLASSES else smki.dcc
        assert signed_by(ring, samples[name].document) == expected.certificate
        root = etree.fromstring(samples[name].document)
        assert ring.signer_for(root).certificate == expected.certificate
        Verifier(PinnedCertificates([expected.certificate])).verify(etree.tostring(ring.sign_element(root)))
        assert root.find("{*}Signature") is None

    @pytest.mark.parametrize("name", USER_CLASSES)
    def test_the_business_originator_signs(self, smki, samples, second, name):
        ring = KeyRing([pair(smki.user), pair(second)])
        for identity in (smki.user, second):
            assert signed_by(ring, unsigned_for(samples, identity.entity_id, name)) == identity.certificate
        lower = unsigned_for(samples, SECOND.lower(), name)
        assert signed_by(ring, lower) == second.certificate

    def test_the_whole_text_of_the_request_id_counts(self, smki, samples, second):
        """A comment, CDATA or a space does not make another originator of it."""
        ring = KeyRing([pair(smki.user), pair(second)])
        for text in (f"<!-- {USER} -->{SECOND}", f"\n {SECOND[:7]}<!---->{SECOND[7:]}", f"<![CDATA[{SECOND}]]>"):
            assert signed_by(ring, unsigned_for(samples, text)) == second.certificate

    @pytest.mark.parametrize(
        "old_new",
        [
            (f"RequestID>{USER}:", "RequestID>x:"),
            ("<sr:RequestID>", "<sr:RequestID>1</sr:RequestID><sr:RequestID>"),
            ("RequestID>", "Requestid>"),
        ],
        ids=["malformed", "repeated", "missing"],
    )
    def test_requests_without_an_originator(self, smki, samples, old_new):
        ring = KeyRing(pair(smki.user))
        document = samples["service-request"].document.replace(*(text.encode() for text in old_new))
        refused(ring.sign, document, error=duisign.DocumentError, code="request-id")

    def test_documents_that_are_no_messages(self, smki):
        ring = KeyRing(pair(smki.user))
        refused(ring.sign, b"<a/>", error=duisign.DocumentError, code="message-class")
        refused(ring.signer_for, etree.fromstring("<a/>"), error=duisign.DocumentError, code="message-class")
        refused(ring.sign, b"<a", error=duisign.DocumentError, code="malformed-xml")
        refused(ring.sign, "<a/>", error=duisign.DocumentError, code="wrong-type")
        refused(ring.sign_element, b"<a/>", error=duisign.DocumentError, code="message-class")
        refused(ring.sign_element, etree.Comment("x"), error=duisign.DocumentError, code="wrong-type")

    def test_a_sender_without_key(self, smki, samples, second):
        error = refused(KeyRing(pair(second)).sign, samples["service-request"].document,
            error=SigningKeyError, code="signing-key-unknown")  # fmt: skip
        assert error.request_id.startswith(USER)
        for name in ("pre-command", "dcc-alert"):
            refused(KeyRing(pair(smki.user)).sign, samples[name].document,
                error=SigningKeyError, code="signing-key-unknown")  # fmt: skip

    def test_a_user_s_key_never_signs_for_the_dcc_nor_the_dcc_s_for_a_user(self, smki, samples):
        swapped = smki.issue(entity_id=USER, role=DSP_XML_SIGN), smki.issue(entity_id=DCC, role=XML_SIGN)
        ring = KeyRing([pair(one) for one in swapped])
        assert signed_by(ring, samples["pre-command"].document) == swapped[0].certificate
        refused(ring.sign, samples["service-request"].document, error=SigningKeyError, code="signing-key-unknown")

    def test_roles_are_data(self, smki, samples):
        own = smki.issue(entity_id=USER, role=0x55)
        refused(KeyRing, pair(own))
        assert signed_by(KeyRing(pair(own), roles=[0x55]), samples["service-request"].document) == own.certificate
        assert signed_by(KeyRing(pair(own), dcc_roles={0x55, 4}), samples["dcc-alert"].document) == own.certificate


class TestRolesOfClasses:
    """The DCC's Transform and Access Control Broker keys, where their roles are not one (`Policy.signing_roles`)."""

    ROLES = {**duisign.Policy().signing_roles, MessageClass.PRE_COMMAND: {0x42}}

    def keys(self, smki, *entity_ids):
        transform, broker = (
            smki.issue(entity_id=who, role=role)
            for who, role in zip(entity_ids, (0x42, DSP_XML_SIGN), strict=True)
        )  # fmt: skip
        return transform, broker

    @pytest.mark.parametrize("entity_ids", [(DCC, DCC), (SECOND, DCC)])
    def test_each_class_by_its_key(self, smki, samples, entity_ids):
        """Also in the eyes of the policy with that table, and whichever of the keys is newer."""
        transform, broker = self.keys(smki, *entity_ids)
        policy = duisign.Policy(signing_roles=self.ROLES, xml_signing_roles={XML_SIGN, DSP_XML_SIGN, 0x42})
        verifier = Verifier(PinnedCertificates([one.certificate for one in (transform, broker)]), policy=policy)
        for order in ((transform, broker), (broker, transform)):
            ring = KeyRing([pair(one) for one in (*order, smki.user)], dcc_roles=self.ROLES)
            assert statuses(ring) == ["signs"] * 3
            assert set(ring.signers(DCC)) | set(ring.signers(SECOND)) == {
                ring.signer_for(samples[name].document) for name in ("pre-command", "dcc-alert")
            }
            for name, right in (("pre-command", transform), ("device-alert", broker), ("dcc-alert", broker)):
                assert verifier.verify(ring.sign(samples[name].document)).certificate == right.certificate
            assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_a_class_without_key(self, smki, samples):
        _, broker = self.keys(smki, DCC, DCC)
        ring = KeyRing(pair(broker), dcc_roles=self.ROLES)
        refused(ring.sign, samples["pre-command"].document, error=SigningKeyError, code="signing-key-unknown")
        ring = KeyRing(pair(broker), dcc_roles={MessageClass.DCC_ALERT: [DSP_XML_SIGN]})
        refused(ring.sign, samples["device-alert"].document, error=SigningKeyError, code="signing-key-unknown")
        assert signed_by(ring, samples["dcc-alert"].document) == broker.certificate

    def test_a_reload_keeps_the_key_of_each_class(self, smki, tmp_path):
        for name, one in zip(("transform", "broker"), self.keys(smki, DCC, DCC), strict=True):
            (tmp_path / f"{name}.pem").write_bytes(one.private_key_pem() + one.certificate_pem())
        ring = KeyRing(tmp_path, dcc_roles=self.ROLES)
        (tmp_path / "transform.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----")
        assert "transform.pem" in str(refused(ring.reload))
        assert statuses(ring) == ["signs", "signs"]

    @pytest.mark.parametrize("wrong", [{"no class": [1]}, {MessageClass.DCC_ALERT: "89"}, {MessageClass.DCC_ALERT: 5}])
    def test_what_is_no_table(self, smki, wrong):
        refused(KeyRing, pair(smki.dcc), dcc_roles=wrong, code="roles")


class TestDccParty:
    def test_the_party_that_response_id_names(self, smki, samples, other):
        ring = KeyRing([pair(smki.dcc), pair(other)])
        assert signed_by(ring, samples["pre-command"].document) == smki.dcc.certificate
        assert signed_by(ring, answered_by(samples["pre-command"].document, SECOND)) == other.certificate

    def test_a_device_as_originator_needs_a_sole_party(self, smki, samples, other):
        document = samples["device-alert"].document
        assert signed_by(KeyRing(pair(smki.dcc)), document) == smki.dcc.certificate
        both = [pair(smki.dcc), pair(other)]
        refused(KeyRing(both).sign, document, error=SigningKeyError, code="signing-key-ambiguous")
        ring = KeyRing(both, dcc_entity_id=SECOND.replace("-", "").lower())
        assert signed_by(ring, document) == other.certificate
        without = samples["device-alert"].document.replace(b"ResponseID>", b"Responseid>")
        assert signed_by(ring, without) == other.certificate

    def test_an_expired_party_still_makes_it_ambiguous(self, smki, samples):
        expired = smki.issue(entity_id=SECOND, role=DSP_XML_SIGN, not_after=smki.now - DAY)
        ring = KeyRing([pair(smki.dcc), pair(expired)])
        document = samples["device-alert"].document
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-ambiguous")
        document = answered_by(samples["dcc-alert"].document, SECOND)
        error = refused(ring.sign, document, error=SigningKeyError, code="signing-key-unusable")
        assert "expired" in str(error)
        assert error.request_id is None

    def test_response_id_against_the_option(self, smki, samples, other):
        ring = KeyRing([pair(smki.dcc), pair(other)], dcc_entity_id=SECOND)
        refused(ring.sign, samples["pre-command"].document, error=SigningKeyError, code="signing-key-ambiguous")

    def test_malformed_response_id(self, smki, samples):
        document = answered_by(samples["pre-command"].document, "x")
        refused(KeyRing(pair(smki.dcc)).sign, document, error=duisign.DocumentError, code="request-id")

    def test_the_option_names_a_party_of_the_ring(self, smki):
        refused(KeyRing, pair(smki.dcc), dcc_entity_id=SECOND)
        refused(KeyRing, [pair(smki.dcc), pair(smki.user)], dcc_entity_id=USER)
        refused(KeyRing, pair(smki.dcc), dcc_entity_id="x", code="entity-id")


class TestWhichCertificate:
    def sign(self, smki, samples, *identities, **options):
        ring = KeyRing([pair(one) for one in identities], **options)
        return ring, signed_by(ring, samples["service-request"].document)

    def test_the_newest_signs_whatever_the_order(self, smki, samples):
        old, new, longer = (
            smki.issue(entity_id=USER, role=XML_SIGN, not_before=smki.now - days * DAY, not_after=smki.now + end * DAY)
            for days, end in ((9, 99), (3, 5), (3, 6))
        )
        for some in ((old, new, longer), (longer, new, old)):
            ring, chosen = self.sign(smki, samples, *some)
            assert chosen == longer.certificate
            assert sorted(statuses(ring)) == ["signs", "superseded", "superseded"]
            assert [one.certificate for one in ring.signers(USER)] == [one.certificate for one in (longer, new, old)]

    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ({"not_after": -DAY}, "expired"),
            ({"not_before": DAY, "not_after": 9 * DAY}, "not-yet-valid"),
            ({"role": RemotePartyRole.SUPPLIER}, "wrong-role"),
            ({"role": "137"}, "wrong-role"),
            ({"role": RemotePartyRole.ACCESS_CONTROL_BROKER}, "wrong-role"),
            ({"key_usage": "key_agreement"}, "no-signature-usage"),
        ],
    )
    def test_what_never_signs(self, smki, samples, options, status):
        options = {k: smki.now + v if isinstance(v, dt.timedelta) else v for k, v in options.items()}
        odd = smki.issue(**{"entity_id": USER, "role": XML_SIGN, **options})
        ring, chosen = self.sign(smki, samples, odd, smki.user)
        assert chosen == smki.user.certificate
        assert statuses(ring) == [status, "signs"]
        assert ring.problems == ()
        second = smki.issue(entity_id=SECOND, role=XML_SIGN)
        ring = KeyRing([pair(odd), pair(second)])
        code = "signing-key-unknown" if status == "wrong-role" else "signing-key-unusable"
        error = refused(ring.sign, samples["service-request"].document, error=SigningKeyError, code=code)
        assert status in str(error) or status == "wrong-role"
        if status == "not-yet-valid":
            assert statuses(KeyRing(pair(odd))) == [status]
        else:
            assert status in str(refused(KeyRing, pair(odd)))

    def test_time_passes(self, smki, samples):
        now = [smki.now]
        new = smki.issue(entity_id=USER, role=XML_SIGN, not_before=smki.now + DAY, not_after=smki.now + 2 * DAY)
        ring = KeyRing([pair(smki.user), pair(new)], now=lambda: now[0])
        for moment, expected in ((0, smki.user), (1.5, new), (3, smki.user)):
            now[0] = smki.now + moment * DAY
            assert ring.signer_for(samples["service-request"].document).certificate == expected.certificate
        now[0] = smki.now + 5000 * DAY
        refused(ring.sign, samples["service-request"].document, error=SigningKeyError, code="signing-key-unusable")
        assert ring.signers(USER) == ()

    def test_revoked(self, smki, samples):
        new = smki.issue(entity_id=USER, role=XML_SIGN, not_before=smki.now - dt.timedelta(hours=1))
        trust = make_trust(smki)
        ring = KeyRing([pair(new), pair(smki.user)], trust=trust)
        document = samples["service-request"].document
        assert signed_by(ring, document) == new.certificate
        trust.add_crls([smki.crl([new], number=2)])
        assert signed_by(ring, document) == smki.user.certificate
        assert statuses(ring) == ["revoked", "signs"]
        trust.add_crls([smki.crl([new, smki.user], number=3)])
        error = refused(ring.sign, document, error=SigningKeyError, code="signing-key-unusable")
        assert "revoked" in str(error)
        refused(KeyRing, pair(smki.user), trust=trust)

    def test_trust_fails_closed(self, smki, samples):
        no_crl = make_trust(smki, crls=[smki.crl(issuer=smki.root)])
        ring = KeyRing(pair(smki.user), trust=no_crl)
        assert statuses(ring) == ["revocation-unknown"]
        refused(ring.sign, samples["service-request"].document, error=SigningKeyError, code="signing-key-unusable")
        assert ring.signers(USER) == ()
        no_crl.add_crls([smki.crl()])
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_what_the_trust_store_refuses(self, smki):
        odd = smki.issue(entity_id=USER, role=XML_SIGN, policies=("1.2.3",))
        ring = KeyRing([pair(odd), pair(smki.user)], trust=make_trust(smki))
        assert statuses(ring) == ["untrusted", "signs"]
        later = make_trust(smki, now=smki.now + 5000 * DAY)
        refused(KeyRing, pair(smki.user), trust=later)
        earlier = KeyRing(pair(smki.user), trust=make_trust(smki, now=smki.now - 9 * DAY))
        assert statuses(earlier) == ["not-yet-valid"]

    def test_a_certificate_without_entity_id(self, smki):
        key = ec.generate_private_key(ec.SECP256R1())
        usage = smki.user.certificate.extensions.get_extension_for_class(x509.KeyUsage)
        name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "87")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), 5, smki.now - DAY, smki.now + DAY)
        certificate = builder.add_extension(usage.value, critical=True).sign(key, hashes.SHA256())
        ring = KeyRing([(key, certificate), pair(smki.user)])
        assert statuses(ring) == ["no-entity-id", "signs"]
        assert ring.entries[0].entity_id is None


NOW = dt.datetime(2031, 3, 9, 12, tzinfo=dt.UTC)
HOURS = st.integers(-3, 3)


@pytest.fixture(scope="module")
def pki():
    return duisign.testing.Smki.create(now=NOW)


@given(st.lists(st.tuples(HOURS, HOURS, st.booleans()), min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_the_newest_valid_certificate_as_a_simple_model_has_it(pki, samples, periods):
    hour = dt.timedelta(hours=1)
    made = [
        pki.issue(
            entity_id=USER, role=XML_SIGN, not_before=NOW + begin * hour, not_after=NOW + (begin + 3 + end) * hour
        )
        for begin, end, _ in periods
    ]
    trust = make_trust(pki, *(one for one, (_, _, revoked) in zip(made, periods, strict=True) if revoked), now=NOW)
    model = {
        one.certificate: (begin, begin + 3 + end)
        for one, (begin, end, revoked) in zip(made, periods, strict=True)
        if begin <= 0 <= begin + 3 + end and not revoked
    }
    # A key of somebody else, so that the ring is never empty.
    ring = KeyRing([pair(pki.dcc), *(pair(one) for one in made)], trust=trust, now=NOW)
    document = samples["service-request"].document
    if not model:
        refused(ring.signer_for, document, error=SigningKeyError, code="signing-key-unusable")
        return
    chosen = ring.signer_for(document).certificate
    assert model[chosen] == max(model.values())
    assert [entry.serial_number for entry in ring.entries if entry.entity_id == USER and entry.status == "signs"] == [
        chosen.serial_number
    ]
    assert {one.certificate for one in ring.signers(USER)} == set(model)


class TestOneKeyPerUser:
    def test_a_key_under_two_entity_ids_signs_for_neither(self, smki, samples):
        shared = smki.issue(entity_id=SECOND, role=XML_SIGN, private_key=smki.user.private_key)
        ring = KeyRing([pair(smki.user), pair(shared), pair(smki.dcc)])
        assert statuses(ring) == ["shared-key", "shared-key", "signs"]
        assert [problem.where for problem in ring.problems] == ["source 1", "source 2"]
        for entity_id in (USER, SECOND):
            refused(ring.sign, unsigned_for(samples, entity_id), error=SigningKeyError, code="signing-key-unusable")
            assert ring.signers(entity_id) == ()
        assert "shared-key" in str(refused(KeyRing, [pair(smki.user), pair(shared)]))

    def test_also_when_only_the_certificate_of_the_other_is_there(self, smki, tmp_path):
        shared = smki.issue(entity_id=SECOND, role=XML_SIGN, private_key=smki.user.private_key)
        smki.write(tmp_path)
        (tmp_path / "other.pem").write_bytes(shared.certificate_pem())
        assert sorted(statuses(KeyRing(tmp_path))) == ["shared-key", "shared-key", "signs", "wrong-role"]

    def test_also_of_a_key_outside_the_process(self, smki, second):
        """Whose other certificates nobody has paired with it."""

        class Token:
            def sign_digest(self, digest):
                prehashed = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
                r, s = utils.decode_dss_signature(smki.user.private_key.sign(digest, prehashed))
                return r.to_bytes(32) + s.to_bytes(32)

        def of(entity_id, role=XML_SIGN):
            return smki.issue(entity_id=entity_id, role=role, private_key=smki.user.private_key).certificate

        outside = Token(), smki.user.certificate
        assert statuses(KeyRing([outside, pair(second), of(USER)])) == ["signs", "signs"]
        assert statuses(KeyRing([outside, pair(second), of(SECOND)])) == ["shared-key", "signs"]
        assert statuses(KeyRing([outside, pair(second), of(USER, 0x02)])) == ["device-key", "signs"]

    def test_one_party_may_have_several_certificates_for_a_key(self, smki, samples):
        """As each has that renews one: the same role, the same key."""
        renewed = smki.issue(entity_id=USER, role=XML_SIGN, private_key=smki.user.private_key, not_before=smki.now)
        ring = KeyRing([pair(smki.user), pair(renewed)])
        assert (statuses(ring), ring.problems) == (["superseded", "signs"], ())
        assert signed_by(ring, samples["service-request"].document) == renewed.certificate


class TestDedicatedKeys:
    """A dedicated XML signing key, never used towards Devices: of the same party too."""

    def of_role(self, smki, identity, role, **options):
        return smki.issue(entity_id=identity.entity_id, role=role, private_key=identity.private_key, **options)

    @pytest.mark.parametrize("usage", ["digital_signature", "key_agreement"])
    @pytest.mark.parametrize("role", [r for r in RemotePartyRole if r not in (XML_SIGN, DSP_XML_SIGN)])
    def test_a_user_s_key_towards_devices_signs_no_message(self, smki, samples, second, role, usage):
        device = self.of_role(smki, smki.user, role, key_usage=usage)
        for some in ([smki.user, device, second], [device, smki.user, second]):
            ring = KeyRing([pair(one) for one in some])
            found = {entry.role: str(entry.status) for entry in ring.entries if entry.entity_id == USER}
            other = "wrong-role" if usage == "digital_signature" else "no-signature-usage"
            assert found == {XML_SIGN: "device-key", role: other}
            (problem,) = ring.problems
            assert f"role {role:02X} too" in problem.sentence
            error = refused(ring.sign, samples["service-request"].document,
                error=SigningKeyError, code="signing-key-unusable")  # fmt: skip
            assert "device-key" in str(error)
            assert ring.signers(USER) == ()
            assert signed_by(ring, unsigned_for(samples, SECOND)) == second.certificate
        assert "device-key" in str(refused(KeyRing, [pair(smki.user), pair(device)]))

    def test_an_ended_certificate_towards_devices_counts(self, smki):
        """What the key was used for, it was used for."""
        for options in ({"not_after": smki.now - DAY}, {"not_before": smki.now + DAY}):
            device = self.of_role(smki, smki.user, RemotePartyRole.SUPPLIER, **options)
            assert statuses(KeyRing([pair(smki.user), pair(device), pair(smki.dcc)]))[0] == "device-key"

    def test_only_the_key_that_is_shared_is_refused(self, smki, samples):
        other = smki.issue(entity_id=USER, role=XML_SIGN)
        device = self.of_role(smki, smki.user, RemotePartyRole.SUPPLIER)
        ring = KeyRing([pair(smki.user), pair(device), pair(other)])
        assert statuses(ring) == ["device-key", "wrong-role", "signs"]
        assert signed_by(ring, samples["service-request"].document) == other.certificate

    def test_the_dcc_s_key_may_be_its_access_control_broker_s(self, smki, samples):
        """As the DCC has it: certificates of roles 04 and 89 for one key under one EUI-64."""
        broker = self.of_role(smki, smki.dcc, RemotePartyRole.ACCESS_CONTROL_BROKER)
        for some in ([broker, smki.dcc], [smki.dcc, broker]):
            ring = KeyRing([pair(one) for one in some])
            assert {e.role: str(e.status) for e in ring.entries} == {4: "wrong-role", 0x89: "signs"}
            (problem,) = ring.problems
            assert "role 04 too. It signs" in problem.sentence
            assert signed_by(ring, samples["dcc-alert"].document) == smki.dcc.certificate
            assert ring.reload() == ring.problems
        (of_store,) = KeyRing(json.dumps(store(broker, smki.dcc)).encode()).problems
        assert "It signs" in of_store.sentence

    @pytest.mark.parametrize("role", [RemotePartyRole.SUPPLIER, RemotePartyRole.TRANSITIONAL_COS, 0x42])
    def test_the_dcc_s_key_is_no_other_role_s(self, smki, role):
        device = self.of_role(smki, smki.dcc, role)
        broker = self.of_role(smki, smki.dcc, RemotePartyRole.ACCESS_CONTROL_BROKER)
        for some in ([smki.dcc, device], [smki.dcc, broker, device]):
            ring = KeyRing([*(pair(one) for one in some), pair(smki.user)])
            assert statuses(ring)[0] == "device-key"
        # A role that is said to be one of the DCC's for XML is none for Devices.
        assert statuses(KeyRing([pair(smki.dcc), pair(device)], dcc_roles=[DSP_XML_SIGN, role])) in (
            ["signs", "superseded"], ["superseded", "signs"])  # fmt: skip

    def test_one_party_may_be_user_and_dcc_with_one_key(self, smki, samples):
        """Both roles are those of XML signing keys, and a User Id is an EUI-64: each message names the certificate."""
        both = self.of_role(smki, smki.dcc, XML_SIGN)
        ring = KeyRing([pair(smki.dcc), pair(both)])
        assert (statuses(ring), ring.problems) == (["signs", "signs"], ())
        assert signed_by(ring, samples["dcc-alert"].document) == smki.dcc.certificate
        assert signed_by(ring, unsigned_for(samples, DCC)) == both.certificate

    def test_a_user_who_is_a_broker_is_refused(self, smki):
        broker = self.of_role(smki, smki.user, RemotePartyRole.ACCESS_CONTROL_BROKER)
        assert statuses(KeyRing([pair(smki.user), pair(broker), pair(smki.dcc)]))[0] == "device-key"

    def test_a_certificate_without_role_says_nothing_of_devices(self, smki):
        """Such as the one that a request for a certificate was made with."""
        key = smki.user.private_key
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a laptop")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), 5, smki.now - DAY, smki.now + DAY)
        ring = KeyRing([pair(smki.user), (key, builder.sign(key, hashes.SHA256()))])
        assert (statuses(ring), ring.problems) == (["signs", "no-signature-usage"], ())

    def test_a_reload_that_brings_a_certificate_towards_devices(self, smki, samples, tmp_path):
        smki.write(tmp_path)
        ring = KeyRing(tmp_path)
        device = self.of_role(smki, smki.user, RemotePartyRole.NETWORK_OPERATOR)
        (tmp_path / "device.pem").write_bytes(device.certificate_pem())
        refused(ring.reload)
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate
        assert "device-key" in statuses(KeyRing(tmp_path))
