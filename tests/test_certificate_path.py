"""SmkiTrust: paths that are valid and that are not, also in the eyes of OpenSSL."""

from __future__ import annotations

import datetime as dt
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

import duisign
from duisign import SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID, Identity, Smki
from forgery import TEMPLATE, forge
from trust_stores import DAY, EUI, XML_SIGN, make_trust, refused


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
