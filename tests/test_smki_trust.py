"""SmkiTrust: paths, revocation and what a store does while it changes."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
import warnings
from base64 import b64encode
from collections import Counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import duisign
from duisign import KeyRing, PinnedCertificates, RemotePartyRole, SmkiTrust, Verifier
from duisign.certificate_index import CertificateIndex
from duisign.organisation_certificate import OrganisationCertificate
from duisign.testing import TEST_POLICY_OID, Identity, Smki
from duisign.trust import Signatory
from forgery import TEMPLATE, forge

XML_SIGN = RemotePartyRole.XML_SIGN
EUI = "00-DB-12-34-A5-00-00-01"
DAY = dt.timedelta(days=1)


def make_trust(smki, *identities, crls=None, **options):
    options = {"policies": [TEST_POLICY_OID], **options}
    if crls is None:
        crls = [smki.crl(), smki.crl(issuer=smki.root)]
    known = [one.certificate for one in identities or (smki.user, smki.dcc)]
    return SmkiTrust([smki.root.certificate], [smki.issuing_ca.certificate], known, crls, **options)


def refused(trust, identity, error, code, check="certificate"):
    with pytest.raises(error) as caught:
        Verifier(trust).verify(forge(identity))
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.check) == (code, check)
    return caught.value


def test_a_valid_path_verifies(smki):
    message = Verifier(make_trust(smki)).verify(forge(smki.user))
    assert message.certificate == smki.user.certificate
    path = make_trust(smki).validate(smki.user.certificate)
    assert [one.certificate for one in path.certificates] == [
        smki.user.certificate,
        smki.issuing_ca.certificate,
        smki.root.certificate,
    ]


def test_a_carried_certificate_is_believed_if_its_path_is_valid(smki):
    def carried(identity, *extra):
        der = b64encode(identity.certificate.public_bytes(serialization.Encoding.DER)).decode()
        return forge(
            identity, ("</ds:X509Data>", f"<ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>"), *extra
        )

    new = smki.issue(entity_id=EUI, role=XML_SIGN)
    assert Verifier(make_trust(smki)).verify(carried(new)).certificate == new.certificate
    foreign = Smki.create()
    stranger = foreign.issue(entity_id=EUI, role=XML_SIGN)
    with pytest.raises(duisign.CertificatePathError):
        Verifier(make_trust(smki)).verify(carried(stranger))
    # KeyInfo names one certificate and carries another
    with pytest.raises(duisign.UnknownSignerError):
        Verifier(make_trust(smki)).verify(carried(new, ("@SERIAL@", "5")))


@pytest.mark.parametrize("serial", [b"\x00", b"\xff"])
@pytest.mark.parametrize("pem", [False, True])
def test_serial_numbers_that_are_not_positive(smki, serial, pem):
    """Reported or refused, and without a warning: whoever sends messages does not write to the standard error."""
    one = smki.issue(entity_id=EUI, role=XML_SIGN, serial_number=7, private_key=smki.user.private_key)
    octets = one.certificate.public_bytes(serialization.Encoding.DER).replace(b"\x02\x01\x07", b"\x02\x01" + serial, 1)
    text = b64encode(octets)
    form = b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n" if pem else octets
    carried = f"<ds:X509Certificate>{text.decode()}</ds:X509Certificate></ds:X509Data>"
    document = forge(smki.user, ("@SERIAL@", "0"), ("</ds:X509Data>", carried))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"policies": [TEST_POLICY_OID], "check_revocation": False}
        trust = SmkiTrust([smki.root.certificate], [smki.issuing_ca.certificate], [form], **options)
        ring = KeyRing([smki.user.private_key_pem(), smki.user.certificate, form])
        for store in (trust, ring):
            (problem,) = store.problems
            assert problem.sentence.endswith("it was left out.")
        with pytest.raises(duisign.ConfigurationError) as malformed:
            PinnedCertificates([smki.user.certificate_pem() + form if pem else form])
        assert malformed.value.code == "certificate-malformed"
        with pytest.raises(duisign.UnknownSignerError):
            Verifier(trust).verify(document)
    assert caught == []


@pytest.mark.parametrize(("parts", "read"), [(250, True), (400, False)])
def test_a_carried_certificate_beyond_measure_is_not_read(smki, parts, read):
    """The time that a name takes is per part, and anybody can send one of a hundred thousand."""
    key, template = smki.user.private_key, smki.user.certificate
    subject = x509.Name([*template.subject, *[x509.NameAttribute(NameOID.COMMON_NAME, "x")] * parts])
    begin, end = template.not_valid_before_utc, template.not_valid_after_utc
    builder = x509.CertificateBuilder(template.issuer, subject, key.public_key(), 5, begin, end)
    for extension in template.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    long = Identity(key, builder.sign(smki.issuing_ca.private_key, hashes.SHA256()))
    der = b64encode(long.certificate.public_bytes(serialization.Encoding.DER)).decode()
    document = forge(long, ("</ds:X509Data>", f"<ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>"))
    # What is known is found whatever its length.
    assert Verifier(make_trust(smki, long)).verify(document).certificate == long.certificate
    if read:
        assert Verifier(make_trust(smki)).verify(document).certificate == long.certificate
    else:
        with pytest.raises(duisign.UnknownSignerError):
            Verifier(make_trust(smki)).verify(document)


class TestPaths:
    def test_unknown_and_unnamed_signers(self, smki):
        refused(make_trust(smki, smki.dcc), smki.user, duisign.UnknownSignerError, "unknown-signer", "signer")
        without = TEMPLATE[TEMPLATE.index("<ds:KeyInfo>") : TEMPLATE.index("</ds:Signature></sr:Request>")]
        with pytest.raises(duisign.UnknownSignerError):
            Verifier(make_trust(smki)).verify(forge(smki.user, (without, "")))

    def test_signed_by_another_key_than_the_ca_s(self, smki):
        impostor = Identity(ec.generate_private_key(ec.SECP256R1()), smki.issuing_ca.certificate)
        forged = smki.issue(entity_id=EUI, role=XML_SIGN, issuer=impostor)
        refused(make_trust(smki, forged), forged, duisign.CertificatePathError, "certificate-path")

    def test_signed_by_its_own_key(self, smki):
        key = ec.generate_private_key(ec.SECP256R1())
        own = smki.issue(
            entity_id=EUI, role=XML_SIGN, private_key=key, issuer=Identity(key, smki.issuing_ca.certificate)
        )
        refused(make_trust(smki, own), own, duisign.CertificatePathError, "certificate-path")
        duisign.Verifier(duisign.PinnedCertificates([own.certificate])).verify(forge(own))

    def test_of_another_smki(self, smki):
        other = Smki.create()
        refused(make_trust(smki, other.user), other.user, duisign.CertificatePathError, "certificate-path")

    def test_without_the_intermediate(self, smki):
        trust = SmkiTrust([smki.root.certificate], [], [smki.user.certificate], [], policies=[TEST_POLICY_OID])
        refused(trust, smki.user, duisign.CertificatePathError, "certificate-path")

    @pytest.mark.parametrize(
        ("options", "error", "code"),
        [
            ({"not_after": "past"}, duisign.CertificateError, "certificate-expired"),
            ({"not_before": "future"}, duisign.CertificateError, "certificate-not-yet-valid"),
            ({"key_usage": "key_agreement"}, duisign.CertificateError, "certificate-key-usage"),
            ({"policies": ("1.2.3",)}, duisign.CertificatePathError, "certificate-policy"),
            ({"policies": ()}, duisign.CertificatePathError, "certificate-policy"),
            ({"issuer": "root"}, duisign.CertificatePathError, "certificate-path"),
        ],
    )
    def test_certificates_that_must_not_sign(self, smki, options, error, code):
        moments = {"past": smki.now - DAY, "future": smki.now + DAY}
        options = {k: moments.get(v, v) if isinstance(v, str) and v in moments else v for k, v in options.items()}
        if options.get("issuer") == "root":
            options["issuer"] = smki.root
        identity = smki.issue(entity_id=EUI, role=XML_SIGN, **options)
        refused(make_trust(smki, identity), identity, error, code)

    def test_a_ca_certificate_does_not_sign_messages(self, smki):
        trust = make_trust(smki, smki.issuing_ca)
        with pytest.raises(duisign.CertificateError):
            trust.validate(smki.issuing_ca.certificate)

    def ca(self, smki, *, unit="07", key=None, path_length=0, algorithm=None, not_after=None, policies=True):
        key = key or ec.generate_private_key(ec.SECP256R1())
        template = smki.issuing_ca.certificate
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
                x509.NameAttribute(NameOID.COMMON_NAME, "odd"),
            ]
        )
        end = not_after or template.not_valid_after_utc
        builder = x509.CertificateBuilder(
            smki.root.certificate.subject, name, key.public_key(), 77, template.not_valid_before_utc, end
        )
        for extension in template.extensions:
            value = extension.value
            if isinstance(value, x509.SubjectKeyIdentifier):
                value = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            elif isinstance(value, x509.BasicConstraints):
                value = x509.BasicConstraints(True, path_length)
            elif isinstance(value, x509.CertificatePolicies) and not policies:
                continue
            builder = builder.add_extension(value, extension.critical)
        return Identity(key, builder.sign(smki.root.private_key, algorithm or hashes.SHA256()))

    def trust_of(self, smki, ca, leaf, **options):
        crls = [smki.crl(issuer=ca), smki.crl(issuer=smki.root)] if options.get("check_revocation", True) else []
        return SmkiTrust(
            [smki.root.certificate], [ca.certificate], [leaf.certificate], crls, policies=[TEST_POLICY_OID], **options
        )

    @pytest.mark.parametrize(
        "odd",
        [{"unit": "02"}, {"algorithm": hashes.SHA384()}, {"not_after": "past"}, {"policies": False}],
        ids=["role", "algorithm", "expired", "policies"],
    )
    def test_odd_issuing_cas(self, smki, odd):
        if odd.get("not_after"):
            odd = {"not_after": smki.now - dt.timedelta(hours=1)}
        ca = self.ca(smki, **odd)
        leaf = smki.issue(entity_id=EUI, role=XML_SIGN, issuer=ca)
        code = "certificate-policy" if "policies" in odd else "certificate-path"
        refused(self.trust_of(smki, ca, leaf), leaf, duisign.CertificatePathError, code)

    def test_a_good_second_ca(self, smki):
        ca = self.ca(smki)
        leaf = smki.issue(entity_id=EUI, role=XML_SIGN, issuer=ca)
        Verifier(self.trust_of(smki, ca, leaf)).verify(forge(leaf))

    def test_one_policy_holds_for_the_whole_path(self, smki):
        """A CA certified for one environment does not speak for another, though both are required policies."""
        other = "1.2.3.4"
        leaf, both = (
            smki.issue(entity_id=EUI, role=XML_SIGN, policies=some) for some in ([other], [other, TEST_POLICY_OID])
        )
        ca = smki.issuing_ca.certificate
        builder = x509.CertificateBuilder(
            ca.issuer, ca.subject, ca.public_key(), 5, ca.not_valid_before_utc, ca.not_valid_after_utc
        )
        mapping = x509.UnrecognizedExtension(ExtensionOID.POLICY_MAPPINGS, bytes.fromhex("300a 3008 06022a03 06022a04"))
        for extension in ca.extensions:
            value = extension.value
            if isinstance(value, x509.CertificatePolicies):
                # Without anyPolicy.
                value = x509.CertificatePolicies(
                    [one for one in value if one.policy_identifier.dotted_string[0] == "1"]
                )
            builder = builder.add_extension(value, extension.critical)
        certified = builder.sign(smki.root.private_key, hashes.SHA256())
        mapped = builder.add_extension(mapping, critical=False).sign(smki.root.private_key, hashes.SHA256())
        options = {"policies": [TEST_POLICY_OID, other], "check_revocation": False}
        SmkiTrust([smki.root.certificate], [ca], **options).validate(leaf.certificate)
        SmkiTrust([smki.root.certificate], [certified], **options).validate(both.certificate)
        for authority, one in ((certified, leaf), (mapped, both)):
            trust = SmkiTrust([smki.root.certificate], [authority], **options)
            with pytest.raises(duisign.CertificatePathError) as caught:
                trust.validate(one.certificate)
            assert caught.value.code == "certificate-policy"

    def test_paths_that_are_too_long(self, smki):
        upper = self.ca(smki, path_length=None)
        lower = Smki(smki.root, upper, smki.user, smki.dcc, smki.s1sp, smki.now)
        key = ec.generate_private_key(ec.SECP256R1())
        template = smki.issuing_ca.certificate
        builder = x509.CertificateBuilder(
            upper.certificate.subject,
            template.subject,
            key.public_key(),
            78,
            template.not_valid_before_utc,
            template.not_valid_after_utc,
        )
        for extension in template.extensions:
            value = extension.value
            if isinstance(value, x509.SubjectKeyIdentifier):
                value = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            elif isinstance(value, x509.AuthorityKeyIdentifier):
                value = x509.AuthorityKeyIdentifier.from_issuer_public_key(upper.certificate.public_key())
            builder = builder.add_extension(value, extension.critical)
        second = Identity(key, builder.sign(upper.private_key, hashes.SHA256()))
        leaf = smki.issue(entity_id=EUI, role=XML_SIGN, issuer=second)
        trust = SmkiTrust(
            [smki.root.certificate],
            [upper.certificate, second.certificate],
            [leaf.certificate],
            [lower.crl(), lower.crl(issuer=second), smki.crl(issuer=smki.root)],
            policies=[TEST_POLICY_OID],
        )
        refused(trust, leaf, duisign.CertificatePathError, "certificate-path")

    def odd_text(self, smki):
        """A certificate that cryptography reads and OpenSSL does not: a BMPString with a surrogate pair."""
        from cryptography.x509.name import _ASN1Type

        key, template = ec.generate_private_key(ec.SECP256R1()), smki.issuing_ca.certificate
        text = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "a\U0001f600", _ASN1Type.BMPString)
        begin, end = template.not_valid_before_utc, template.not_valid_after_utc
        odd = x509.Name([text])
        builder = x509.CertificateBuilder(odd, odd, key.public_key(), 9, begin, end)
        usage = smki.user.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        return Identity(key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))

    def test_what_openssl_cannot_read_is_refused_and_sinks_no_store(self, smki):
        odd = self.odd_text(smki)
        trust = make_trust(smki, smki.user, odd)
        with pytest.raises(duisign.CertificatePathError):
            trust.validate(odd.certificate)
        crls = [smki.crl(), smki.crl(issuer=smki.root)]
        known = [odd.certificate, smki.issuing_ca.certificate]
        store = SmkiTrust([smki.root.certificate], known, [smki.user.certificate], crls, policies=[TEST_POLICY_OID])
        assert len(store.problems) == 1
        store.validate(smki.user.certificate)
        with pytest.raises(duisign.ConfigurationError) as caught:
            SmkiTrust([odd.certificate], policies=[TEST_POLICY_OID])
        assert caught.value.code == "root"
        # One of several roots that cannot be read leaves the others.
        for bad in (odd.certificate, b"junk"):
            roots = [bad, smki.root.certificate]
            store = SmkiTrust(roots, [smki.issuing_ca.certificate], [], crls, policies=[TEST_POLICY_OID])
            assert [problem.where for problem in store.problems] == ["certificate 1"]
            assert store.certificate_status(odd.certificate).state == "no-path"
            store.validate(smki.user.certificate)

    def test_one_issuer_and_serial_for_two_certificates(self, smki):
        twin_root = Smki.create()
        twin = twin_root.issue(entity_id=EUI, role=XML_SIGN, serial_number=smki.user.certificate.serial_number)
        refused(
            make_trust(smki, smki.user, twin), smki.user, duisign.AmbiguousSignerError, "ambiguous-signer", "signer"
        )

    def test_missing_authority_key_identifier(self, smki):
        template = smki.user.certificate
        key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateBuilder(
            template.issuer,
            template.subject,
            key.public_key(),
            99,
            template.not_valid_before_utc,
            template.not_valid_after_utc,
        )
        for extension in template.extensions:
            if isinstance(extension.value, x509.SubjectKeyIdentifier):
                builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            elif not isinstance(extension.value, x509.AuthorityKeyIdentifier):
                builder = builder.add_extension(extension.value, extension.critical)
        bare = Identity(key, builder.sign(smki.issuing_ca.private_key, hashes.SHA256()))
        refused(make_trust(smki, bare), bare, duisign.CertificatePathError, "certificate-path")
        Verifier(make_trust(smki, bare, accept_missing_authority_key_identifier=True)).verify(forge(bare))
        # The option is about signers' certificates: a CA is held to all rules, such as that it has a key identifier.
        ca = smki.issuing_ca.certificate
        builder = x509.CertificateBuilder(
            ca.issuer, ca.subject, ca.public_key(), 5, ca.not_valid_before_utc, ca.not_valid_after_utc
        )
        for extension in ca.extensions:
            if not isinstance(extension.value, x509.SubjectKeyIdentifier):
                builder = builder.add_extension(extension.value, extension.critical)
        odd = Identity(smki.issuing_ca.private_key, builder.sign(smki.root.private_key, hashes.SHA256()))
        lenient = self.trust_of(smki, odd, bare, accept_missing_authority_key_identifier=True, check_revocation=False)
        refused(lenient, bare, duisign.CertificatePathError, "certificate-path")


class TestRevocation:
    def test_revoked(self, smki):
        trust = make_trust(smki, crls=[smki.crl([smki.user]), smki.crl(issuer=smki.root)])
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
        trust.validate(smki.dcc.certificate)

    def test_revoked_ca(self, smki):
        trust = make_trust(smki, crls=[smki.crl(), smki.crl([smki.issuing_ca], issuer=smki.root)])
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")

    @pytest.mark.parametrize("which", ["none", "leaf-only", "root-only"])
    def test_no_crl_fails_closed(self, smki, which):
        crls = {"none": [], "leaf-only": [smki.crl()], "root-only": [smki.crl(issuer=smki.root)]}[which]
        refused(make_trust(smki, crls=crls), smki.user, duisign.RevocationUnknownError, "revocation-unknown")
        Verifier(make_trust(smki, crls=crls, check_revocation=False)).verify(forge(smki.user))
        Verifier(make_trust(smki, crls=crls, dangerously_accept_unknown_revocation=True)).verify(forge(smki.user))

    def crl(
        self,
        smki,
        *,
        number=1,
        issuer=None,
        this_update=None,
        next_update=None,
        revoked=(),
        extension=None,
        key=None,
        critical=True,
        entry=None,
    ):
        authority = issuer or smki.issuing_ca
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(this_update or smki.now - DAY)
            .next_update(next_update or smki.now + DAY)
        )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        if extension is not None:
            builder = builder.add_extension(extension, critical=critical)
        for one in revoked:
            made = (
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(smki.now - DAY)
            )
            if entry is not None:
                made = made.add_extension(entry, critical=True)
            builder = builder.add_revoked_certificate(made.build())
        return builder.sign(key or authority.private_key, hashes.SHA256())

    def test_outdated_and_future_crls_fail_closed(self, smki):
        root = smki.crl(issuer=smki.root)
        for crl in (
            self.crl(smki, this_update=smki.now - 3 * DAY, next_update=smki.now - DAY),
            self.crl(smki, this_update=smki.now + DAY, next_update=smki.now + 2 * DAY),
        ):
            refused(
                make_trust(smki, crls=[crl, root]), smki.user, duisign.RevocationUnknownError, "revocation-outdated"
            )
            lenient = make_trust(smki, crls=[crl, root], dangerously_accept_unknown_revocation=True)
            Verifier(lenient).verify(forge(smki.user))

    @pytest.mark.parametrize("how", ["together", "the other way", "added", "added twice"])
    def test_a_crl_loaded_before_its_time_leaves_the_earlier_in_force(self, smki, how):
        """As by a clock that is some seconds slow; what the new one revokes is revoked at once."""
        root, other = smki.crl(issuer=smki.root), smki.issue(entity_id=EUI, role=XML_SIGN)
        held = smki.issue(entity_id=EUI, role=XML_SIGN)
        first = self.crl(smki, number=1, revoked=[held])
        second = self.crl(smki, number=2, revoked=[other], this_update=smki.now + DAY / 4)
        lists = {"together": [first, second], "the other way": [second, first]}.get(how, [first])
        moment = [smki.now]
        trust = make_trust(smki, smki.user, other, held, crls=[*lists, root], now=lambda: moment[0])
        if how.startswith("added"):
            Verifier(trust).verify(forge(smki.user))
            for crl in [second, first] if how == "added twice" else [second]:
                trust.add_crls([crl])
        for _ in range(2):
            Verifier(trust).verify(forge(smki.user))
        refused(trust, other, duisign.CertificateRevokedError, "certificate-revoked")
        refused(trust, held, duisign.CertificateRevokedError, "certificate-revoked")
        moment[0] += DAY / 2
        Verifier(trust).verify(forge(smki.user))
        Verifier(trust).verify(forge(held))
        # The earlier one ends; the later one is past its end too then, and the earlier does not come back.
        moment[0] = smki.now + 2 * DAY
        refused(trust, smki.user, duisign.RevocationUnknownError, "revocation-outdated")

    def test_an_earlier_crl_that_is_over_does_not_stand_in(self, smki):
        over = self.crl(smki, number=1, next_update=smki.now - DAY / 2)
        ahead = self.crl(smki, number=2, this_update=smki.now + DAY / 4)
        for lists in (
            [over, ahead],
            [ahead, over],
            [self.crl(smki, number=1), smki.crl(number=2, next_update=smki.now)],
        ):
            moment = smki.now + DAY / 8
            trust = make_trust(smki, crls=[*lists, smki.crl(issuer=smki.root)], now=moment)
            refused(trust, smki.user, duisign.RevocationUnknownError, "revocation-outdated")

    def test_an_outdated_crl_still_revokes(self, smki):
        old = self.crl(smki, this_update=smki.now - 3 * DAY, next_update=smki.now - DAY, revoked=[smki.user])
        trust = make_trust(smki, crls=[old, smki.crl(issuer=smki.root)], dangerously_accept_unknown_revocation=True)
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")

    def test_crls_that_do_not_count_are_refused(self, smki):
        stranger = ec.generate_private_key(ec.SECP256R1())
        partial = x509.IssuingDistributionPoint(None, None, False, False, None, False, True)
        for crl in (
            self.crl(smki, key=stranger),
            self.crl(smki, number=None),
            self.crl(smki, extension=x509.DeltaCRLIndicator(1)),
            self.crl(smki, extension=partial),
            self.crl(smki, revoked=[smki.user], entry=x509.CertificateIssuer([x509.DNSName("x")])),
        ):
            with pytest.raises(duisign.ConfigurationError) as caught:
                make_trust(smki, crls=[crl])
            assert caught.value.code == "crl"
        # Who is no CA of the store has nothing to say in it.
        crls = [self.crl(smki, issuer=smki.user, revoked=[smki.dcc]), smki.crl(), smki.crl(issuer=smki.root)]
        trust = make_trust(smki, crls=crls)
        assert [problem.where for problem in trust.problems] == ["CRL 1"]
        trust.validate(smki.dcc.certificate)

    def test_partial_crls_are_refused_whatever_their_criticality(self, smki):
        trust = make_trust(smki)
        Verifier(trust).verify(forge(smki.user))
        trust.add_crls([smki.crl([smki.user], number=2)])
        partial = x509.IssuingDistributionPoint(None, None, False, False, None, False, True)
        for extension in (x509.DeltaCRLIndicator(2), partial):
            with pytest.raises(duisign.ConfigurationError) as caught:
                trust.add_crls([self.crl(smki, number=3, extension=extension, critical=False)])
            assert caught.value.code == "crl"
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")

    @pytest.mark.parametrize("spoil", [lambda pem: pem[:-12], lambda pem: pem.replace(b"X509 CRL", b"CRL")])
    def test_crls_that_are_cut_short_or_mislabelled_are_refused(self, smki, tmp_path, spoil):
        smki.write(tmp_path)
        trust = SmkiTrust(
            [tmp_path / "root.pem"],
            [tmp_path / "issuing-ca.pem"],
            [tmp_path / "user.pem"],
            [tmp_path],
            policies=[TEST_POLICY_OID],
        )
        newer = smki.crl([smki.user], number=2).public_bytes(serialization.Encoding.PEM)
        (tmp_path / "newer.pem").write_bytes(spoil(newer))
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert caught.value.code == "source"
        with pytest.raises(duisign.ConfigurationError):
            make_trust(smki, crls=[smki.crl().public_bytes(serialization.Encoding.PEM) + spoil(newer)])

    def test_crls_of_an_issuer_that_cannot_be_read(self, smki):
        octets = smki.crl().public_bytes(serialization.Encoding.DER)
        # The first OU of the issuer: a UTF8String becomes a type that is none.
        at = octets.index(bytes.fromhex("0603 55040b 0c02".replace(" ", ""))) + 5
        trust = make_trust(smki)
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.add_crls([octets[:at] + b"\x0e" + octets[at + 1 :]])
        assert caught.value.code == "crl"

    @given(
        changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=2), st.integers(0, 3)), min_size=1, max_size=2)
    )
    @settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_damaged_certificates_and_crls(self, smki, changes):
        """None of them counts, and nothing but a refusal leaves a call."""
        trust = make_trust(smki, crls=[smki.crl([smki.dcc], number=3), smki.crl(issuer=smki.root)])
        for whole in (smki.user.certificate, smki.issuing_ca.certificate, smki.root.certificate, smki.crl(number=4)):
            octets = original = whole.public_bytes(serialization.Encoding.DER)
            for where, new, length in changes:
                at = int(where * len(octets))
                octets = octets[:at] + new + octets[at + length :]
            if octets == original:
                continue
            try:
                if isinstance(whole, x509.CertificateRevocationList):
                    trust.add_crls([octets])
                    # The signature may be spelled otherwise, what it signs may not.
                    assert x509.load_der_x509_crl(octets).tbs_certlist_bytes == whole.tbs_certlist_bytes
                else:
                    status = trust.certificate_status(octets)
                    assert (
                        status.state != "valid" or status.path[0].tbs_certificate_bytes == whole.tbs_certificate_bytes
                    )
            except duisign.ConfigurationError as error:
                assert error.code in ("certificate-malformed", "crl", "source")  # noqa: PT017

    def test_revocation_takes_effect_at_once(self, smki):
        trust = make_trust(smki)
        verifier = Verifier(trust)
        document = forge(smki.user)
        verifier.verify(document)
        trust.add_crls([smki.crl([smki.user], number=2)])
        with pytest.raises(duisign.CertificateRevokedError):
            verifier.verify(document)

    def test_paths_that_are_kept_are_few(self, smki, monkeypatch):
        """And are looked for anew as often as need be."""
        monkeypatch.setattr("duisign.smki_trust._CACHED_PATHS", 3)
        trust, key = make_trust(smki), ec.generate_private_key(ec.SECP256R1())
        leaves = [smki.issue(entity_id=EUI, role=XML_SIGN, private_key=key) for _ in range(10)]
        for leaf in leaves + leaves:
            trust.validate(leaf.certificate)
            assert len(trust._state.paths) <= 3

    def test_a_lower_number_never_replaces_a_higher_one(self, smki):
        revoking = smki.crl([smki.user], number=5)
        for trust in (
            make_trust(smki, crls=[revoking, smki.crl(number=4), smki.crl(issuer=smki.root)]),
            make_trust(smki, crls=[smki.crl(number=4), revoking, smki.crl(issuer=smki.root)]),
        ):
            trust.add_crls([smki.crl(number=3), smki.crl(number=5)])
            refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
            trust.add_crls([smki.crl(number=6)])
            Verifier(trust).verify(forge(smki.user))

    def test_time_goes_on_after_the_path_was_found(self, smki):
        moment = [smki.now]
        verifier = Verifier(make_trust(smki, crls=[self.crl(smki), smki.crl(issuer=smki.root)], now=lambda: moment[0]))
        document = forge(smki.user)
        verifier.verify(document)
        moment[0] = smki.now + 2 * DAY
        with pytest.raises(duisign.RevocationUnknownError):
            verifier.verify(document)
        moment[0] = smki.user.certificate.not_valid_after_utc + DAY
        with pytest.raises(duisign.CertificateError) as caught:
            verifier.verify(document)
        assert caught.value.code == "certificate-expired"


class TestSources:
    def test_files_folders_and_bundles(self, smki, tmp_path):
        smki.write(tmp_path)
        (tmp_path / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        (tmp_path / "notes.txt").write_text("not looked at")
        trust = SmkiTrust(
            [tmp_path / "root.pem"],
            [str(tmp_path / "issuing-ca.pem")],
            [tmp_path],
            [tmp_path],
            policies=[TEST_POLICY_OID],
        )
        Verifier(trust).verify(forge(smki.user))
        assert [problem.where for problem in trust.problems] == [str(tmp_path / "junk.pem")]
        # Once, though the folder is read for two lists.
        both = SmkiTrust([tmp_path / "root.pem"], [tmp_path], [tmp_path], [tmp_path], policies=[TEST_POLICY_OID])
        assert both.problems == trust.problems
        bundle = b"".join(one.certificate_pem() for one in (smki.user, smki.dcc))
        make_trust(smki, crls=None).validate(smki.dcc.certificate)
        (
            SmkiTrust(
                [smki.root.certificate_pem()],
                [smki.issuing_ca.certificate.public_bytes(serialization.Encoding.DER)],
                [bundle],
                [
                    smki.crl().public_bytes(serialization.Encoding.DER),
                    smki.crl(issuer=smki.root).public_bytes(serialization.Encoding.PEM),
                ],
                policies=[TEST_POLICY_OID],
            )
        ).validate(smki.dcc.certificate)

    def test_a_folder_of_der_that_serves_for_certificates_and_crls(self, smki, tmp_path):
        """What begins as a certificate or a key is no CRL, though it cannot be read: it sinks no store."""
        smki.write(tmp_path)
        trusted = ([tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path])
        whole = smki.user.certificate.public_bytes(serialization.Encoding.DER)
        (tmp_path / "ca.crl").write_bytes(smki.crl([smki.dcc], number=2).public_bytes(serialization.Encoding.DER))
        (tmp_path / "damaged.cer").write_bytes(whole.replace(b"\x30\x13\x06\x07", b"\x31\x13\x06\x07"))
        (tmp_path / "short.der").write_bytes(whole[:200])
        (tmp_path / "whole.der").write_bytes(whole)
        (tmp_path / "key.der").write_bytes(
            smki.user.private_key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        trust = SmkiTrust(*trusted, policies=[TEST_POLICY_OID])
        Verifier(trust).verify(forge(smki.user))
        refused(trust, smki.dcc, duisign.CertificateRevokedError, "certificate-revoked")
        left_out = [str(tmp_path / name) for name in ("damaged.cer", "key.der", "short.der")]
        assert [problem.where for problem in trust.problems] == left_out
        # A CRL that is damaged leaves nothing to be passed over.
        (tmp_path / "ca.crl").write_bytes((tmp_path / "ca.crl").read_bytes()[:-20])
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert str(tmp_path / "ca.crl") in str(caught.value)

    @pytest.mark.parametrize("left", [1, 5, 10, 11, 12, 26, 27])
    def test_files_that_end_within_the_first_line_of_a_block(self, smki, tmp_path, left):
        """A line that is no block yet is a certificate or CRL that is lost, and is not passed over."""
        smki.write(tmp_path)
        folder = ([tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path])
        first = smki.issue(entity_id=EUI, role=XML_SIGN).certificate_pem()
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(first + smki.user.certificate_pem()[:left])
        trust = SmkiTrust(*folder, policies=[TEST_POLICY_OID])
        assert [problem.where for problem in trust.problems] == [str(bundle)]
        lists = [crl.public_bytes(serialization.Encoding.PEM) for crl in (smki.crl(issuer=smki.root), smki.crl())]
        bundle.write_bytes(lists[0] + lists[1][:left])
        with pytest.raises(duisign.ConfigurationError) as caught:
            SmkiTrust(*folder, policies=[TEST_POLICY_OID])
        assert "cut short" in str(caught.value)

    @pytest.mark.parametrize(
        ("arguments", "options", "code"),
        [
            (([],), {}, "root"),
            (([b"junk"],), {}, "root"),
            (([7],), {}, "source"),
            ((["/nowhere/x.pem"],), {}, "source"),
            (("R", [b"-----BEGIN X-----"]), {}, "source"),
            (("R", (), (), [b"junk"]), {}, "source"),
            (("R",), {"policies": []}, "policies"),
            (("R",), {"policies": "1.2"}, "policies"),
            (("R",), {"policies": ["x"]}, "policies"),
            (("R",), {"policies": [["1.2"]]}, "policies"),
            (("R",), {"policies": ["1.2.3", "1..2"]}, "policies"),
            (("R",), {"policies": ["\u0661.\u0662"]}, "policies"),
            (("R",), {"policies": None}, "policies"),
        ],
    )
    def test_what_cannot_be_a_store(self, smki, arguments, options, code):
        arguments = [[smki.root.certificate] if one == "R" else one for one in arguments]
        with pytest.raises(duisign.ConfigurationError) as caught:
            SmkiTrust(*arguments, **{"policies": ["1.2.3"], **options})
        assert caught.value.code == code

    @pytest.mark.parametrize("form", ["pem", "long", "null", "no text"])
    def test_contents_mistaken_for_a_path_are_not_quoted(self, smki, form):
        pem = smki.user.private_key_pem().decode()
        mistaken = {"pem": pem, "long": pem.replace("/", "") * 9, "null": f"{pem}\0", "no text": f"{pem}\ud800"}[form]
        root = [smki.root.certificate]
        for arguments in ([[mistaken]], [root, [mistaken]], [root, [], [mistaken]], [root, [], [], [mistaken]]):
            with pytest.raises(duisign.ConfigurationError) as caught:
                SmkiTrust(*arguments, policies=[TEST_POLICY_OID])
            assert caught.value.code == "source"
            assert pem.splitlines()[1][:20] not in str(caught.value)
            assert caught.value.__suppress_context__

    def test_reload_is_all_or_nothing(self, smki, tmp_path):
        smki.write(tmp_path)
        trust = SmkiTrust(
            [tmp_path / "root.pem"],
            [tmp_path / "issuing-ca.pem"],
            [tmp_path / "user.pem"],
            [tmp_path],
            policies=[TEST_POLICY_OID],
        )
        document = forge(smki.user)
        Verifier(trust).verify(document)
        crl = tmp_path / "issuing-ca.crl.pem"
        good = crl.read_bytes()
        crl.write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert str(crl) in str(caught.value)
        Verifier(trust).verify(document)
        crl.write_bytes(smki.crl([smki.user], number=9).public_bytes(serialization.Encoding.PEM))
        trust.reload()
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
        crl.write_bytes(good)
        trust.reload()
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
        (tmp_path / "user.pem").write_bytes(smki.dcc.certificate_pem())
        trust.reload()
        refused(trust, smki.user, duisign.UnknownSignerError, "unknown-signer", "signer")


class TestReloadingCertificates:
    """A file that breaks leaves the old state; one that goes, or that never held more, does not."""

    @pytest.fixture
    def folder(self, smki, tmp_path):
        smki.write(tmp_path)
        return tmp_path

    def make(self, folder):
        return SmkiTrust(
            [folder / "root.pem"], [folder / "issuing-ca.pem"], [folder], [folder], policies=[TEST_POLICY_OID]
        )

    @pytest.mark.parametrize("name", ["root.pem", "issuing-ca.pem", "user.pem"])
    @pytest.mark.parametrize("kept", [0, 1, 100, -20])
    def test_a_certificate_cut_short(self, smki, folder, name, kept):
        trust, file = self.make(folder), folder / name
        whole = file.read_bytes()
        file.write_bytes(whole[:kept])
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert name in str(caught.value)
        assert caught.value.code in ("source", "root")
        Verifier(trust).verify(forge(smki.user))
        assert trust.problems == ()
        file.write_bytes(whole)
        assert trust.reload() == ()

    def test_one_of_a_bundle(self, smki, folder):
        (folder / "user.pem").unlink()
        bundle = folder / "bundle.pem"
        bundle.write_bytes(smki.dcc.certificate_pem() + smki.user.certificate_pem())
        trust = self.make(folder)
        broken = smki.user.certificate_pem().replace(b"MII", b"AAA", 1)
        bundle.write_bytes(smki.dcc.certificate_pem() + broken)
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert f"{bundle}, certificate 2" in str(caught.value)
        Verifier(trust).verify(forge(smki.user))

    @pytest.mark.parametrize("left", [1, 14, 26, 100])
    def test_a_bundle_cut_short(self, smki, folder, left):
        (folder / "user.pem").unlink()
        bundle = folder / "bundle.pem"
        bundle.write_bytes(smki.dcc.certificate_pem() + smki.user.certificate_pem())
        trust = self.make(folder)
        bundle.write_bytes(smki.dcc.certificate_pem() + smki.user.certificate_pem()[:left])
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert str(bundle) in str(caught.value)
        Verifier(trust).verify(forge(smki.user))

    @pytest.mark.parametrize("name", ["root.pem", "issuing-ca.pem"])
    def test_a_path_over_what_is_gone_is_forgotten(self, smki, folder, name):
        """Also the path of a certificate whose messages were verified by it."""
        (folder / "more").mkdir()
        other = Smki.create()
        (folder / "more" / "root.pem").write_bytes(smki.root.certificate_pem() + other.root.certificate_pem())
        (folder / "more" / "issuing-ca.pem").write_bytes(smki.issuing_ca.certificate_pem())
        trust = SmkiTrust(
            [folder / "more" / "root.pem"],
            [folder / "more"],
            [folder / "user.pem"],
            policies=[TEST_POLICY_OID],
            check_revocation=False,
        )
        Verifier(trust).verify(forge(smki.user))
        if name == "root.pem":
            (folder / "more" / name).write_bytes(other.root.certificate_pem())
        else:
            (folder / "more" / name).unlink()
        trust.reload()
        refused(trust, smki.user, duisign.CertificatePathError, "certificate-path")

    def test_what_goes_and_what_was_never_good(self, smki, folder):
        trust = self.make(folder)
        (folder / "user.pem").unlink()
        (folder / "junk.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        # Newly broken is a file that never had a certificate: no reason to keep what was taken away.
        assert [problem.where for problem in trust.reload()] == [str(folder / "junk.pem")]
        refused(trust, smki.user, duisign.UnknownSignerError, "unknown-signer", "signer")

    def test_revocation_comes_into_force_in_spite_of_junk(self, smki, folder):
        trust = self.make(folder)
        (folder / "junk.pem").write_bytes(b"junk")
        revoking = smki.crl([smki.user], number=2).public_bytes(serialization.Encoding.PEM)
        (folder / "issuing-ca.crl.pem").write_bytes(revoking)
        # "junk.pem" may be a CRL for all that can be told: nothing is left out that could revoke.
        with pytest.raises(duisign.ConfigurationError):
            trust.reload()
        (folder / "junk.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        trust.reload()
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")


def test_reloading_under_load(smki, tmp_path):
    """Eight threads verify while the store reloads 200 times: no wrong verdict, and nothing but verdicts.

    The signer's certificate comes and goes: who asks after a reload has returned gets the verdict of the new state.
    """
    smki.write(tmp_path)
    trust = SmkiTrust(
        [tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path], policies=[TEST_POLICY_OID]
    )
    verifier = Verifier(trust)
    good, wrong = forge(smki.user), forge(Identity(smki.dcc.private_key, smki.user.certificate))
    stop, failures, verdicts = threading.Event(), [], Counter()

    def verdict(document):
        try:
            verifier.verify(document)
        except duisign.DuisignError as error:
            return error.code
        return "valid"

    def work():
        while not stop.is_set():
            try:
                verdicts[verdict(good)] += 1
                if verdict(wrong) not in ("signature-mismatch", "unknown-signer"):
                    failures.append("a forged message verified")
            except Exception as error:  # noqa: BLE001
                failures.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(200):
        if number % 2:
            (tmp_path / "user.pem").write_bytes(smki.user.certificate_pem())
        else:
            (tmp_path / "user.pem").unlink()
        trust.reload()
        if verdict(good) != ("valid" if number % 2 else "unknown-signer"):
            failures.append(number)
        if number % 50 == 0:
            trust.add_crls([smki.crl(number=2 + number)])
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(verdicts) == {"valid", "unknown-signer"}
    assert verdicts.total() > 100


@pytest.mark.timed
def test_ten_thousand_certificates(smki):
    """Loading under 3 s; look-up does not depend on the number."""
    key = ec.generate_private_key(ec.SECP256R1())
    many = [
        smki.issue(
            entity_id=f"00-DB-12-34-00-{n >> 16:02X}-{n >> 8 & 255:02X}-{n & 255:02X}", role=XML_SIGN, private_key=key
        ).certificate
        for n in range(10_000)
    ]
    crls = [smki.crl(), smki.crl(issuer=smki.root)]
    elapsed = []
    # The fastest of a few: what else the machine does only adds.
    while len(elapsed) < 5 and min(elapsed, default=3) >= 3:
        begin = time.perf_counter()
        large = SmkiTrust(
            [smki.root.certificate],
            [smki.issuing_ca.certificate],
            [smki.user.certificate, *many],
            crls,
            policies=[TEST_POLICY_OID],
        )
        elapsed.append(time.perf_counter() - begin)
    print(f"10,000 certificates loaded in {min(elapsed):.2f} s")
    assert min(elapsed) < 3
    Verifier(large).verify(forge(smki.user))
    found = large.signatories([("issuer-serial", "CN=duisign test CA,OU=07", str(many[-1].serial_number))])
    assert found[0].certificate.certificate == many[-1]


@pytest.mark.timed
def test_a_look_up_does_not_depend_on_how_many_there_are(smki):
    """Issuer and serial number, without the answers that an index keeps."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = [
        Signatory(OrganisationCertificate(smki.issue(entity_id=EUI, role=XML_SIGN, private_key=key).certificate))
        for _ in range(5_000)
    ]
    wanted = [(one.certificate.issuer, one.certificate.serial_number) for one in made[:100]]
    few, many = CertificateIndex(made[:100]), CertificateIndex(made)

    def seconds(index):
        begin = time.perf_counter()
        found = [index.same_name(*name) for name in wanted]
        elapsed = time.perf_counter() - begin
        assert found == [[one] for one in made[:100]]
        return elapsed

    times = [min(seconds(index) for _ in range(200)) * 1e4 for index in (few, many)]
    print(f"look-up among 100: {times[0]:.2f} us, among 5,000: {times[1]:.2f} us")
    assert times[1] < 2 * times[0]


@pytest.mark.timed
@pytest.mark.parametrize("alike", [False, True])
def test_many_of_one_serial_number_are_no_burden(smki, alike):
    """Certificates of one serial number, each of another issuer or all of one; comparing all of them takes seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = []
    for number in range(4_000):
        issuer = smki.issuing_ca if alike else smki.issue_authority(common_name=f"CA {number}", private_key=key)
        one = smki.issue(entity_id=EUI, role=XML_SIGN, private_key=key, serial_number=7, issuer=issuer)
        made.append(Signatory(OrganisationCertificate(one.certificate)))
    begin = time.perf_counter()
    index = CertificateIndex(made)
    elapsed = time.perf_counter() - begin
    print(f"index of 4,000 of one serial number: {elapsed * 1e3:.0f} ms")
    assert all(index.has_namesake(one.certificate) is alike for one in made)
    assert elapsed < 0.5


MEMORY = """
import gc, psutil
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from duisign import SmkiTrust
from duisign.testing import TEST_POLICY_OID, Smki
smki, key = Smki.create(), ec.generate_private_key(ec.SECP256R1())
ids = [f"00-DB-12-34-00-00-{n >> 8:02X}-{n & 255:02X}" for n in range(10_000)]
many = [smki.issue(entity_id=one, role=0x87, private_key=key).certificate.public_bytes(Encoding.DER) for one in ids]
gc.collect()
before = psutil.Process().memory_info().rss
root, ca = smki.root.certificate, smki.issuing_ca.certificate
trust = SmkiTrust([root], [ca], many, [smki.crl()], policies=[TEST_POLICY_OID])
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.release_build
def test_ten_thousand_certificates_take_little_memory():
    """Under 100 MB, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True, text=True)
    print(f"10,000 certificates take {int(done.stdout) / 1e6:.0f} MB")
    assert int(done.stdout) < 100_000_000


def test_openssl_never_refuses_what_is_accepted(smki, tmp_path):
    """`openssl verify` on the same inputs, for every kind of leaf of this module that is accepted."""
    ca = TestPaths().ca(smki)
    accepted = [
        (smki.user, smki.issuing_ca),
        (smki.dcc, smki.issuing_ca),
        (smki.s1sp, smki.issuing_ca),
        (smki.issue(entity_id=EUI, role=XML_SIGN, issuer=ca), ca),
    ]
    for leaf, issuer in accepted:
        crls = [smki.crl(issuer=issuer), smki.crl(issuer=smki.root)]
        trust = SmkiTrust(
            [smki.root.certificate], [issuer.certificate], [leaf.certificate], crls, policies=[TEST_POLICY_OID]
        )
        trust.validate(leaf.certificate)
        for name, data in (
            ("root.pem", smki.root.certificate_pem()),
            ("ca.pem", issuer.certificate_pem()),
            ("leaf.pem", leaf.certificate_pem()),
            ("crls.pem", b"".join(crl.public_bytes(serialization.Encoding.PEM) for crl in crls)),
        ):
            (tmp_path / name).write_bytes(data)
        subprocess.run(
            [
                "openssl",
                "verify",
                "-x509_strict",
                "-crl_check_all",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "ca.pem",
                "-CRLfile",
                "crls.pem",
                "leaf.pem",
            ],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )


class TestWhatIsRemembered:
    """Between two messages: a path that was fine is so only as long as nothing has changed, to the second."""

    @staticmethod
    def moving(smki, **options):
        # As certificates and CRLs have it.
        start = smki.now.replace(microsecond=0)
        moment = [start]
        trust = SmkiTrust(
            [smki.root.certificate],
            [smki.issuing_ca.certificate],
            [smki.user.certificate],
            [smki.crl(next_update=start + DAY), smki.crl(issuer=smki.root, next_update=start + 2 * DAY)],
            policies=[TEST_POLICY_OID],
            now=lambda: moment[0],
            **options,
        )
        hint = "issuer-serial", "CN=duisign test CA,OU=07", str(smki.user.certificate.serial_number)
        (signatory,) = trust.signatories([hint])

        def code():
            try:
                trust.check(signatory)
            except duisign.CertificateError as error:
                return error.code
            return "fine"

        for _ in range(3):
            assert code() == "fine"
        return trust, moment, code

    def test_time_goes_on_and_back(self, smki):
        _, moment, code = self.moving(smki)
        (start,) = moment
        second = dt.timedelta(seconds=1)
        for offset, expected in (
            (DAY, "fine"),
            (DAY + second, "revocation-outdated"),
            (dt.timedelta(), "fine"),
            (2 * DAY + second, "revocation-outdated"),
            (-dt.timedelta(days=36500), "certificate-not-yet-valid"),
            (dt.timedelta(), "fine"),
            (dt.timedelta(days=36500), "certificate-expired"),
            (DAY, "fine"),
        ):
            moment[0] = start + offset
            assert code() == expected, offset
            assert code() == expected, offset

    def test_what_is_unknown_and_accepted_is_not_taken_for_known(self, smki):
        _, moment, code = self.moving(smki, dangerously_accept_unknown_revocation=True)
        (start,) = moment
        for offset in (3 * DAY, dt.timedelta(), 3 * DAY):
            moment[0] = start + offset
            assert code() == "fine"
        moment[0] = start + dt.timedelta(days=36500)
        assert code() == "certificate-expired"

    @pytest.mark.parametrize("of_the_root", [False, True])
    def test_a_revocation_counts_at_once(self, smki, of_the_root):
        trust, _, code = self.moving(smki)
        revoked, issuer = (smki.issuing_ca, smki.root) if of_the_root else (smki.user, None)
        trust.add_crls([smki.crl([revoked], issuer=issuer, number=2)])
        assert code() != "fine"
        assert code() != "fine"

    def test_without_revocation_the_periods_count(self, smki):
        _, moment, code = self.moving(smki, check_revocation=False)
        (start,) = moment
        moment[0] = start + 3 * DAY
        assert code() == "fine"
        moment[0] = start + dt.timedelta(days=36500)
        assert code() == "certificate-expired"
