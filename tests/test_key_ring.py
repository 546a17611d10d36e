"""KeyRing: which key signs which message, what is never used, and what a ring does while it changes."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pathlib
import pickle
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import (
    KeyRing,
    MessageClass,
    PinnedCertificates,
    Profile,
    RemotePartyRole,
    Signer,
    SigningKeyError,
    SmkiTrust,
    Verifier,
    password_from_environment,
    password_from_file,
)
from duisign.testing import TEST_POLICY_OID

XML_SIGN, DSP_XML_SIGN = RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN
USER, DCC = "00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02"
SECOND = "00-DB-12-34-A5-00-00-0B"
DAY = dt.timedelta(days=1)
SECRET = b"correct horse battery staple"
USER_CLASSES = ("service-request", "signed-pre-command")


def pair(identity):
    return identity.private_key, identity.certificate


def encrypted(identity, password=SECRET, *, encoding=serialization.Encoding.PEM, form="PKCS8"):
    return identity.private_key.private_bytes(
        encoding, getattr(serialization.PrivateFormat, form), serialization.BestAvailableEncryption(password)
    )


def der_key(identity):
    return identity.private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def bundle(identity, password=SECRET, others=()):
    encryption = serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(
        b"a name", identity.private_key, identity.certificate, list(others), encryption
    )


def store(*identities, entity=None, serial=None):
    """The JSON layout of the DCC's test key store."""
    found = {}
    for one in identities:
        usages = found.setdefault(entity or one.entity_id.replace("-", "").lower(), {"keyAgreement": {}})
        usages.setdefault("digitalSignature", {})[serial or str(one.certificate.serial_number)] = {
            "certificate": one.certificate_pem().decode(),
            "privateKey": one.private_key_pem().decode(),
            "name": "a name",
            "role": 135,
        }
    return found


def make_trust(smki, *revoked, **options):
    crls = options.pop("crls", None) or [smki.crl(revoked), smki.crl(issuer=smki.root)]
    root, ca = [smki.root.certificate], [smki.issuing_ca.certificate]
    return SmkiTrust(root, ca, [], crls, policies=[TEST_POLICY_OID], **options)


def signed_by(ring, document):
    """The certificate that a ring signs a document with, as a verifier finds it."""
    certificate = ring.signer_for(document).certificate
    assert Verifier(PinnedCertificates([certificate])).verify(ring.sign(document)).certificate == certificate
    return certificate


def statuses(ring):
    return [str(entry.status) for entry in ring.entries]


def refused(call, *arguments, error=duisign.ConfigurationError, code="key-ring", **options):
    with pytest.raises(duisign.DuisignError) as caught:
        call(*arguments, **options)
    assert (type(caught.value), caught.value.code) == (error, code)
    return caught.value


def unsigned_for(samples, entity_id, name="service-request"):
    return samples[name].document.replace(f"RequestID>{USER}".encode(), f"RequestID>{entity_id}".encode())


def answered_by(document, entity_id):
    return document.replace(f"ResponseID>{DCC}".encode(), f"ResponseID>{entity_id}".encode())


@pytest.fixture(scope="module")
def second(smki):
    return smki.issue(entity_id=SECOND, role=XML_SIGN)


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


class TestSources:
    def test_folders_match_by_public_key(self, smki, second, tmp_path):
        smki.write(tmp_path)
        (tmp_path / "user.key").rename(tmp_path / "of nobody")
        (tmp_path / "everything").write_bytes(second.certificate_pem() + second.private_key_pem())
        (tmp_path / "notes.txt").write_text("neither key nor certificate")
        (tmp_path / ".user.key.swp").write_bytes(b"-----BEGIN PRIVATE KEY-----")
        (tmp_path / "deeper").mkdir()
        (tmp_path / "deeper" / "not-looked-at.key").write_bytes(b"-----BEGIN PRIVATE KEY-----")
        for folder in (tmp_path, str(tmp_path), [tmp_path]):
            ring = KeyRing(folder)
            assert ring.problems == ()
            assert {entry.entity_id: str(entry.status) for entry in ring.entries} == {
                USER: "signs",
                DCC: "signs",
                SECOND: "signs",
                smki.s1sp.entity_id: "wrong-role",
            }
            assert f"{tmp_path}/of nobody, {tmp_path}/user.pem" in [entry.source for entry in ring.entries]

    @pytest.mark.parametrize(
        "made",
        [
            lambda one: pair(one),
            lambda one: (one.private_key_pem(), one.certificate_pem()),
            lambda one: [(der_key(one), der(one.certificate))],
            lambda one: [one.private_key, one.certificate],
            lambda one: [der_key(one), der(one.certificate)],
            lambda one: one.certificate_pem() + b"text between\n" + one.private_key_pem(),
            lambda one: [bundle(one, None)],
            lambda one: json.dumps(store(one)).encode(),
            lambda one: b"\xef\xbb\xbf " + json.dumps(store(one)).encode(),
            lambda one: (source for source in [pair(one)]),
        ],
    )
    def test_every_form(self, smki, samples, made):
        ring = KeyRing(made(smki.user))
        assert ring.problems == ()
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate
        ring.reload()
        assert [(e.entity_id, e.role, e.issuer, e.serial_number, e.valid_from, e.valid_to) for e in ring.entries] == [
            (
                USER,
                XML_SIGN,
                "CN=duisign test CA,OU=07",
                smki.user.certificate.serial_number,
                smki.user.certificate.not_valid_before_utc,
                smki.user.certificate.not_valid_after_utc,
            )
        ]

    def test_files(self, smki, second, tmp_path):
        key, certificate = tmp_path / "a", tmp_path / "b"
        key.write_bytes(smki.user.private_key_pem())
        certificate.write_bytes(smki.user.certificate_pem() + smki.issuing_ca.certificate_pem())
        pfx = tmp_path / "c"
        pfx.write_bytes(bundle(second, None, [smki.issuing_ca.certificate]))
        json_file = tmp_path / "d"
        json_file.write_text(json.dumps(store(smki.dcc)))
        ring = KeyRing([(key, str(certificate)), pfx, json_file])
        assert ring.problems == ()
        assert statuses(ring) == ["signs"] * 3
        assert str(json_file) in ring.entries[2].source

    def test_an_entry_twice_is_one(self, smki):
        assert statuses(KeyRing([pair(smki.user), pair(smki.user), json.dumps(store(smki.user)).encode()])) == ["signs"]

    @pytest.mark.parametrize(
        ("odd", "words"),
        [
            (b"junk", "neither private key nor certificate"),
            (b"", "neither"),
            (b"0\x03\x02\x01\x03", "no password"),
            (b"{", "neither"),
            (b'{"a": {"digitalSignature": []}}', "neither"),
            (b"[" * 100_000, "neither"),
            (b'{"a":' * 100_000, "neither"),
            (b'{"a": {"digitalSignature": {"1": {}}}}', "lacks"),
            (b'{"00db123456780004": {"keyAgreement": {"1": 7}}}', "lacks"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA", "no end"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private key cannot be read"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate cannot be read"),
            ("another's key", "do not belong together"),
            ("key alone", "no certificate for this private key"),
            ("rsa", "not on P-256"),
            ("p-384", "not on P-256"),
        ],
    )
    def test_one_bad_entry_does_not_sink_the_others(self, smki, second, odd, words):
        made = {
            "another's key": lambda: (second.private_key, smki.dcc.certificate),
            "key alone": lambda: second.private_key_pem(),
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
            "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        }
        source = made[odd]() if isinstance(odd, str) else odd
        ring = KeyRing([source, pair(smki.user)])
        assert statuses(ring) == ["signs"]
        assert len(ring.problems) == 1
        assert words in ring.problems[0].sentence
        assert ring.problems[0].where.startswith("source 1")
        assert words in str(refused(KeyRing, [source]))

    def test_a_certificate_that_key_info_cannot_name_does_not_sink_the_others(self, smki, samples):
        key, template = ec.generate_private_key(ec.SECP256R1()), smki.user.certificate
        begin, end = template.not_valid_before_utc, template.not_valid_after_utc
        builder = x509.CertificateBuilder(template.issuer, template.subject, key.public_key(), 5, begin, end)
        usage = template.extensions.get_extension_for_class(x509.KeyUsage).value
        bare = key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        assert statuses(KeyRing([bare, pair(smki.dcc)])) == ["signs", "signs"]
        ring = KeyRing([bare, pair(smki.dcc)], key_info=duisign.KeyInfo.SKI)
        assert statuses(ring) == ["no-key-info", "signs"]
        assert "subject key identifier" in ring.problems[0].sentence
        refused(ring.sign, samples["service-request"].document, error=SigningKeyError, code="signing-key-unusable")
        assert "no-key-info" in str(refused(KeyRing, bare, key_info=duisign.KeyInfo.SKI))

    def test_what_the_reader_of_keys_panics_over(self, smki):
        """cryptography 50 asserts a length of the initialization vector in Rust, and panics."""
        locked = smki.user.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(SECRET),
        )
        start = locked.index(b"DEK-Info: AES-256-CBC,") + len(b"DEK-Info: AES-256-CBC,")
        ring = KeyRing([locked[: start + 28] + locked[start + 32 :], pair(smki.dcc)], password=lambda name: SECRET)
        assert statuses(ring) == ["signs"]
        assert "does not open" in ring.problems[0].sentence

    @pytest.mark.parametrize("kind", ["key", "encrypted", "certificate", "bundle", "store"])
    @given(changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=2), st.integers(0, 3)), max_size=3))
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_damaged_sources(self, smki, second, kind, changes):
        """They are problems or keys, and never an exception of somebody else's."""
        octets = {
            "key": der_key(second),
            "encrypted": encrypted(second) + second.certificate_pem(),
            "certificate": der(second.certificate),
            "bundle": bundle(second),
            "store": json.dumps(store(second)).encode(),
        }[kind]
        for where, new, length in changes:
            at = int(where * len(octets))
            octets = octets[:at] + new + octets[at + length :]
        ring = KeyRing([pair(smki.user), octets, (second.private_key, octets)], password=lambda name: SECRET)
        assert ring.entries[0].status == "signs"

    def test_labels_of_a_key_store_are_believed_only_if_they_are_right(self, smki, second):
        for wrong in (store(second, entity="00db123456780004"), store(second, serial="5")):
            ring = KeyRing([json.dumps(wrong).encode(), pair(smki.user)])
            assert statuses(ring) == ["signs"]
            assert "than its label" in ring.problems[0].sentence
        mixed = store(smki.user, second)
        mixed[SECOND.replace("-", "").lower()]["digitalSignature"]["9"] = {"certificate": "x", "privateKey": 5}
        ring = KeyRing(json.dumps(mixed).encode())
        assert statuses(ring) == ["signs", "signs"]
        assert ring.problems[0].where == f"source 1, {SECOND.replace('-', '').lower()} digitalSignature 9"

    def test_bad_files_of_a_folder(self, smki, tmp_path):
        smki.write(tmp_path)
        (tmp_path / "broken.key").write_bytes(b"junk")
        (tmp_path / "gone.pem").symlink_to(tmp_path / "nowhere")
        (tmp_path / "large.pem").write_bytes(bytes(17 * 1024 * 1024))
        ring = KeyRing(tmp_path)
        assert [problem.where for problem in ring.problems] == [
            str(tmp_path / "broken.key"),
            str(tmp_path / "large.pem"),
        ]

    def test_files_that_cannot_be_opened(self, smki, tmp_path, monkeypatch):
        smki.write(tmp_path)
        denied = {tmp_path / "dcc.key", tmp_path / "alone"}
        opened, listed = pathlib.Path.open, pathlib.Path.iterdir

        def open_(path, *arguments):
            if path in denied:
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments)

        monkeypatch.setattr(pathlib.Path, "open", open_)
        ring = KeyRing(tmp_path)
        assert [problem.where for problem in ring.problems] == [str(tmp_path / "dcc.key")]
        assert "Permission denied" in str(refused(KeyRing, tmp_path / "alone", code="source"))

        def iterdir(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(pathlib.Path, "iterdir", iterdir)
        assert str(tmp_path) in str(refused(KeyRing, tmp_path, code="source"))
        assert str(tmp_path) in str(refused(ring.reload, code="source"))
        monkeypatch.setattr(pathlib.Path, "iterdir", listed)
        ring.reload()

    def test_a_certificate_with_an_unreadable_part(self, smki):
        octets = der(smki.user.certificate)
        # keyUsage, a BIT STRING of one octet, becomes an OCTET STRING
        usage = octets.index(bytes.fromhex("0603551d0f0101ff040403020780"))
        broken = octets[: usage + 10] + b"\x04" + octets[usage + 11 :]
        ring = KeyRing([pair(smki.dcc), smki.user.private_key, broken])
        assert statuses(ring) == ["signs"]
        assert [problem.sentence.split(";")[0] for problem in ring.problems] == [
            "A part of this certificate cannot be read",
            "There is no certificate for this private key",
        ]

    @pytest.mark.parametrize(
        ("arguments", "options", "code"),
        [
            (([],), {}, "key-ring"),
            ((7,), {}, "source"),
            (([None],), {}, "source"),
            (([("a", "b", "c")],), {}, "source"),
            (("/nowhere/x.pem",), {}, "source"),
            (("\0",), {}, "source"),
            ((["user", (7, 8)],), {}, "source"),
            (("user",), {"password": SECRET}, "password"),
            (("user",), {"trust": PinnedCertificates([])}, "trust"),
            (("user",), {"now": 5}, "clock"),
            (("user",), {"roles": []}, "roles"),
            (("user",), {"roles": "87"}, "roles"),
            (("user",), {"dcc_roles": [256]}, "roles"),
            (("user",), {"dcc_roles": 5}, "roles"),
            (("user",), {"key_info": etree.Element("x")}, "key-info"),
            (("user",), {"profile": "duis"}, "profile"),
            (("user",), {"whitespace": "x"}, "whitespace"),
            (("user",), {"existing_signature": "x"}, "existing-signature"),
            (("user",), {"max_octets": 0}, "size-limit"),
            (("user",), {"max_depth": 0}, "depth-limit"),
        ],
    )
    def test_what_cannot_be_a_ring(self, smki, arguments, options, code):
        known = {"user": pair(smki.user)}
        (sources,) = arguments
        if isinstance(sources, list):
            sources = [known.get(one, one) if isinstance(one, str) else one for one in sources]
        else:
            sources = [known[sources]] if sources in known else sources
        refused(KeyRing, sources, code=code, **options)
        refused(KeyRing(pair(smki.user)).signers, "x", code="entity-id")


class TestPasswords:
    @pytest.fixture(params=["pkcs8", "traditional", "der", "pkcs12", "json", "pair"])
    def locked(self, request, smki, tmp_path):
        """The user's key, encrypted, in a file of each kind."""
        user = smki.user
        pem, file = user.certificate_pem(), tmp_path / "locked.pem"
        json_store = store(user)
        json_store[USER.replace("-", "").lower()]["digitalSignature"][str(user.certificate.serial_number)][
            "privateKey"
        ] = encrypted(user).decode()
        contents = {
            "pkcs8": lambda: pem + encrypted(user),
            "traditional": lambda: encrypted(user, form="TraditionalOpenSSL") + pem,
            "der": lambda: encrypted(user, encoding=serialization.Encoding.DER),
            "pkcs12": lambda: bundle(user),
            "json": lambda: json.dumps(json_store).encode(),
            "pair": lambda: encrypted(user),
        }
        file.write_bytes(contents[request.param]())
        if request.param == "pair":
            return file, (file, user.certificate)
        return (file, [file, user.certificate]) if request.param == "der" else (file, file)

    def test_from_a_function(self, smki, samples, locked):
        file, sources = locked
        asked = []

        def password(name):
            asked.append(name)
            return SECRET

        ring = KeyRing(sources if isinstance(sources, list) else [sources], password=password)
        assert ring.problems == ()
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate
        assert asked == [str(file)]

    def test_from_the_environment_and_from_a_file(self, locked, tmp_path, monkeypatch):
        _, sources = locked
        sources = sources if isinstance(sources, list) else [sources]
        monkeypatch.setenv("DUISIGN_TEST_PASSWORD", SECRET.decode())
        assert statuses(KeyRing(sources, password=password_from_environment("DUISIGN_TEST_PASSWORD"))) == ["signs"]
        file = tmp_path / "secret"
        for end in (b"", b"\n", b"\r\nanother line"):
            file.write_bytes(SECRET + end)
            assert statuses(KeyRing(sources, password=password_from_file(file))) == ["signs"]
            assert statuses(KeyRing(sources, password=password_from_file(str(file)))) == ["signs"]

    def broken(name):
        raise RuntimeError(SECRET.decode())

    @pytest.mark.parametrize(
        ("password", "words"),
        [
            (None, "no password"),
            (lambda name: None, "no password"),
            (lambda name: b"wrong", "does not open"),
            (lambda name: b"", ""),
            (lambda name: SECRET.decode(), "did not return bytes"),
            (broken, "RuntimeError"),
            (password_from_environment("DUISIGN_TEST_NOT_SET"), "is not set"),
            (password_from_file("/nowhere/secret"), "cannot be read"),
            (password_from_file("\0"), "cannot be read"),
        ],
    )
    def test_wrong_or_missing(self, smki, second, locked, password, words):
        file, sources = locked
        ring = KeyRing([*(sources if isinstance(sources, list) else [sources]), pair(second)], password=password)
        assert statuses(ring) == ["signs"]
        (problem,) = [one for one in ring.problems if "no private key" not in one.sentence]
        assert words in problem.sentence
        assert str(file) in problem.sentence
        error = refused(KeyRing, sources, password=password)
        for text in (problem.sentence, problem.where, str(error), repr(error)):
            assert SECRET.decode() not in text

    def test_each_file_has_its_own(self, smki, second, tmp_path):
        (tmp_path / "1.p12").write_bytes(bundle(smki.user, b"one"))
        (tmp_path / "2.p12").write_bytes(bundle(second, b"two"))
        secrets = {str(tmp_path / "1.p12"): b"one", str(tmp_path / "2.p12"): b"two"}
        assert statuses(KeyRing(tmp_path, password=secrets.get)) == ["signs", "signs"]

    def test_a_file_s_passphrase_is_asked_for_once(self, smki, second, tmp_path):
        (tmp_path / "both.pem").write_bytes(
            b"".join(encrypted(one) + one.certificate_pem() for one in (smki.user, second))
        )
        (tmp_path / "store.json").write_text(json.dumps(store(smki.dcc)))
        asked = []
        ring = KeyRing(tmp_path, password=lambda name: asked.append(name) or SECRET)
        assert statuses(ring) == ["signs"] * 3
        assert asked == [str(tmp_path / "both.pem")]

    def test_nobody_is_asked_without_need(self, smki):
        def never(name):
            raise AssertionError(name)

        assert KeyRing([pair(smki.user), bundle(smki.dcc, None)], password=never).problems == ()

    @pytest.mark.parametrize("wrong", ["", "A=B", "A\0", None, b"A"])
    def test_what_is_no_variable_or_path(self, wrong):
        refused(password_from_environment, wrong, code="password")
        if not isinstance(wrong, str):
            refused(password_from_file, wrong, code="password")


class TestSecrets:
    def test_nothing_shows_a_key(self, smki, second, tmp_path):
        pem = smki.user.private_key_pem()
        (tmp_path / "x.pem").write_bytes(encrypted(second) + second.certificate_pem())
        ring = KeyRing([(pem, smki.user.certificate), tmp_path], password=lambda name: SECRET)
        number = smki.user.private_key.private_numbers().private_value
        secrets = [SECRET.decode(), str(number), f"{number:x}", *pem.decode().splitlines()[1:-1]]
        shown = repr(ring) + str(ring) + repr(ring.entries) + repr(ring.problems) + repr(ring.signers(USER))
        assert not any(secret in shown for secret in secrets)

    @pytest.mark.parametrize("form", ["pem", "base64", "store", "null"])
    def test_a_key_mistaken_for_a_path_is_not_quoted(self, smki, form):
        pem = smki.user.private_key_pem().decode()
        mistaken = {
            "pem": pem,
            "base64": "".join(pem.splitlines()[1:-1]),
            # Longer than the name of a file can be.
            "store": json.dumps(store(smki.user)).replace("/", "\\u002f"),
            "null": f"{pem}\0",
        }[form]
        for sources in (mistaken, [mistaken], [(mistaken, smki.user.certificate)]):
            error = refused(KeyRing, sources, code="source")
            assert pem.splitlines()[1][:20] not in str(error)
            assert error.__cause__ is None
            assert error.__suppress_context__

    def test_a_ring_is_not_copied_out_of_its_process(self, smki):
        ring = KeyRing(pair(smki.user))
        assert repr(ring) == "<KeyRing of 1 keys, by validity alone>"
        without = make_trust(smki, check_revocation=False)
        assert "revocation NOT checked" in repr(KeyRing(pair(smki.user), trust=without))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            refused(pickle.dumps, ring, protocol, code="key-ring-pickle")
        refused(copy.copy, ring, code="key-ring-pickle")
        refused(copy.deepcopy, ring, code="key-ring-pickle")

    def test_errors_cross_processes(self, smki, samples):
        error = refused(KeyRing(pair(smki.dcc)).sign, samples["service-request"].document,
            error=SigningKeyError, code="signing-key-unknown")  # fmt: skip
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.code, str(again), again.check) == (SigningKeyError, error.code, str(error), "signer")


class TestSigning:
    """A ring gives what the chosen Signer gives."""

    @pytest.mark.parametrize("whitespace", ["preserve", "strip"])
    @pytest.mark.parametrize("profile", list(Profile))
    def test_as_signer_does(self, smki, samples, whitespace, profile):
        options = {"whitespace": whitespace, "profile": profile, "deterministic": True}
        ring = KeyRing([pair(smki.user), pair(smki.dcc)], **options)
        indented = (
            samples["service-request"]
            .document.replace(b"><sr:", b">\n  <sr:")
            .replace(b"</sr:Request", b"\n</sr:Request")
        )
        utf8 = samples["service-request"].document.decode()
        utf16 = utf8.replace('"UTF-8"', '"UTF-16"').encode("utf-16")
        for name, document in (
            ("user", indented),
            ("user", utf16),
            ("user", utf8.encode()),
            ("dcc", samples["pre-command"].document),
        ):
            signer = Signer(*pair(getattr(smki, name)), **options)
            assert ring.sign(document) == signer.sign(document)
            root = etree.fromstring(document)
            assert etree.tostring(ring.sign_element(root)) == etree.tostring(signer.sign_element(root))

    def test_an_existing_signature(self, smki, samples):
        ring = KeyRing(pair(smki.user))
        signed = ring.sign(samples["service-request"].document)
        refused(ring.sign, signed, error=duisign.SignatureExistsError, code="signature-exists")
        again = KeyRing(pair(smki.user), existing_signature="replace").sign(signed)
        Verifier(PinnedCertificates([smki.user.certificate])).verify(again)

    def test_limits(self, smki, samples):
        document = samples["service-request"].document
        ring = KeyRing(pair(smki.user), max_octets=len(document))
        refused(ring.sign, document, error=duisign.DocumentError, code="document-too-large")
        refused(ring.sign, document + b"\n", error=duisign.DocumentError, code="document-too-large")
        deep = document.replace(b"<sr:Body>", b"<sr:Body>" + b"<sr:a>" * 5).replace(
            b"</sr:Body>", b"</sr:a>" * 5 + b"</sr:Body>"
        )
        refused(KeyRing(pair(smki.user), max_depth=6).sign, deep, error=duisign.DocumentError, code="too-deep")
        refused(KeyRing, pair(smki.user), max_depth=5, error=duisign.ConfigurationError, code="depth-limit")

    def test_signers_are_made_once(self, smki, samples):
        ring = KeyRing([pair(smki.user), pair(smki.dcc)])
        signer = ring.signer_for(samples["service-request"].document)
        assert ring.signer_for(etree.fromstring(samples["service-request"].document)) is signer
        assert ring.signers(USER.lower()) == ring.signers(USER.replace("-", "")) == (signer,)
        assert ring.signers(SECOND) == ()
        ring.reload()
        assert ring.signer_for(samples["service-request"].document) is signer

    def test_key_info(self, smki, samples):
        ring = KeyRing(pair(smki.user), key_info=duisign.KeyInfo.CERTIFICATE)
        assert b"<ds:X509Certificate>" in ring.sign(samples["service-request"].document)


class TestReloading:
    @pytest.fixture
    def folder(self, smki, tmp_path):
        smki.write(tmp_path)
        return tmp_path

    def test_keys_come_and_go(self, smki, samples, second, folder):
        ring = KeyRing(folder)
        document = unsigned_for(samples, SECOND)
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-unknown")
        (folder / "new").write_bytes(second.certificate_pem() + second.private_key_pem())
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-unknown")
        assert ring.reload() == ()
        assert signed_by(ring, document) == second.certificate
        (folder / "new").unlink()
        ring.reload()
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-unknown")

    def test_the_caller_s_list_is_not_followed(self, smki, second):
        sources = [pair(smki.user)]
        ring = KeyRing(sources)
        sources[:] = [pair(second)]
        ring.reload()
        assert [entry.entity_id for entry in ring.entries] == [USER]

    @pytest.mark.parametrize("name", ["user.key", "user.pem"])
    def test_a_broken_file_leaves_the_old_state(self, smki, samples, folder, name):
        ring = KeyRing(folder)
        before = ring.entries
        (folder / name).write_bytes((folder / name).read_bytes()[:100])
        error = refused(ring.reload)
        assert "user." in str(error)
        assert (ring.entries, ring.problems) == (before, ())
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    @pytest.mark.parametrize("left", [1, 10, 11, 20, 26, 27, 60])
    def test_a_file_that_ends_within_its_last_block_leaves_the_old_state(self, smki, samples, tmp_path, left):
        file = tmp_path / "keys.pem"
        parts = [smki.dcc.certificate_pem(), smki.dcc.private_key_pem(), smki.user.certificate_pem()]
        file.write_bytes(b"".join([*parts, smki.user.private_key_pem()]))
        ring = KeyRing(file)
        file.write_bytes(b"".join([*parts, smki.user.private_key_pem()[:left]]))
        error = refused(ring.reload)
        assert str(file) in str(error)
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_a_shared_key_leaves_the_old_state(self, smki, samples, folder):
        ring = KeyRing(folder)
        shared = smki.issue(entity_id=SECOND, role=XML_SIGN, private_key=smki.user.private_key)
        (folder / "shared.pem").write_bytes(shared.certificate_pem())
        refused(ring.reload)
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_an_expired_key_is_none_to_fall_back_on(self, smki, samples, folder):
        expired = smki.issue(entity_id=USER, role=XML_SIGN, not_after=smki.now - DAY)
        (folder / "expired.pem").write_bytes(expired.private_key_pem() + expired.certificate_pem())
        ring = KeyRing(folder)
        (folder / "user.key").write_bytes(b"junk")
        assert "user.key" in str(refused(ring.reload))
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_a_problem_of_nobody_s_only_key_is_none_for_the_others(self, folder):
        ring = KeyRing(folder)
        (folder / "odd.key").write_bytes(b"junk")
        assert ring.reload() == ring.problems != ()
        (folder / "user.key").unlink()
        ring.reload()
        assert USER not in [entry.entity_id for entry in ring.entries]

    def test_an_empty_or_vanished_folder_leaves_the_old_state(self, smki, samples, tmp_path):
        folder = tmp_path / "keys"
        smki.write(folder)
        ring = KeyRing(folder)
        for file in folder.iterdir():
            file.unlink()
        refused(ring.reload)
        folder.rmdir()
        assert str(folder) in str(refused(ring.reload, code="source"))
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_the_dcc_party_must_stay(self, smki, samples, folder):
        ring = KeyRing(folder, dcc_entity_id=DCC)
        (folder / "dcc.key").unlink()
        refused(ring.reload)
        assert signed_by(ring, samples["dcc-alert"].document) == smki.dcc.certificate

    def test_while_others_sign(self, smki, samples, second, folder):
        """Eight threads sign while the ring reloads 100 times between two states: every signature is of its sender."""
        newer = smki.issue(entity_id=USER, role=XML_SIGN, not_before=smki.now - dt.timedelta(hours=1))
        ring = KeyRing(folder, trust=make_trust(smki))
        verifier = Verifier(PinnedCertificates([smki.user.certificate, newer.certificate, smki.dcc.certificate]))
        documents = [
            (samples["service-request"].document, {smki.user.certificate, newer.certificate}),
            (samples["dcc-alert"].document, {smki.dcc.certificate}),
        ]
        stop, failures, seen = threading.Event(), [], set()

        def work():
            while not stop.is_set():
                try:
                    for document, allowed in documents:
                        certificate = verifier.verify(ring.sign(document)).certificate
                        seen.add(certificate)
                        assert certificate in allowed
                    ring.entries  # noqa: B018
                except BaseException as error:  # noqa: BLE001
                    failures.append(repr(error))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for number in range(100):
            if number % 2:
                (folder / "newer").unlink()
            else:
                (folder / "newer").write_bytes(newer.certificate_pem() + newer.private_key_pem())
            ring.reload()
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert seen == {smki.user.certificate, newer.certificate, smki.dcc.certificate}
