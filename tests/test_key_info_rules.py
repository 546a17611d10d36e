"""What the Verifier makes of KeyInfo, and of the certificates that it has been given."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import duisign
from duisign import PinnedCertificates, Verifier
from duisign.testing import Identity
from forgery import forge
from signature_rules import FORMAT, KEY_INFO, plain, refused

X509_DATA = KEY_INFO[len("<ds:KeyInfo>") : -len("</ds:KeyInfo>")]
DAY = dt.timedelta(days=1)


def issued(smki, **options):
    """Another User's identity."""
    return smki.issue(entity_id="00-DB-12-34-A5-00-00-07", role=duisign.RemotePartyRole.XML_SIGN, **options)


class TestKeyInfo:
    def test_names_are_compared_parsed(self, smki, verifier):
        for name in (
            "CN=duisign test CA, OU=07",
            "cn=duisign  TEST ca ,ou=07",
            "2.5.4.3=duisign test CA,OID.2.5.4.11=07",
            'CN="duisign test CA";OU=07',
            "CN=duisign\\20test CA,OU=#0c023037",
            "\nCN=duisign test CA,OU=07 ",
        ):
            verifier.verify(forge(smki.user, ("@ISSUER@", name)))

    @pytest.mark.parametrize(
        "name",
        [
            "CN=other,OU=07",
            "OU=07,CN=duisign test CA",
            "CN=duisign test CA",
            "CN=duisign test CA+OU=07",
            "CN=duisign test CA,OU=07,OU=00",
        ],
    )
    def test_other_issuers_are_unknown(self, smki, verifier, name):
        refused(
            verifier,
            forge(smki.user, ("@ISSUER@", name)),
            duisign.UnknownSignerError,
            "unknown-signer",
            "signer",
        )

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "CN",
            "=x",
            "CN=a,",
            "CN=a\\",
            "XX=a",
            "CN=#zz",
            "CN=#0c05",
            'CN="a',
            "CN=" + "a" * 2000,
            "CN=\\zz",
        ],
    )
    def test_text_that_is_no_name_is_refused(self, smki, verifier, name):
        refused(verifier, forge(smki.user, ("@ISSUER@", name)), FORMAT, "key-info-name", "key-info")

    @pytest.mark.parametrize("serial", ["", "x", "-1", "+1", "0x10", "1.0", "1 2", "\u0661", "\u00b2", "1" * 50])
    def test_serials_are_ascii_decimal(self, smki, verifier, serial):
        refused(verifier, forge(smki.user, ("@SERIAL@", serial)), FORMAT, "key-info-serial", "key-info")

    def test_another_serial_is_unknown(self, smki, verifier):
        refused(verifier, forge(smki.user, ("@SERIAL@", "12")), duisign.UnknownSignerError, "unknown-signer")

    def test_the_named_certificate_is_the_one_that_is_used(self, smki, verifier):
        """The DCC's key signs, KeyInfo names the User."""
        document = forge(Identity(smki.dcc.private_key, smki.user.certificate))
        refused(verifier, document, duisign.SignatureMismatchError, "signature-mismatch")

    def test_serial_before_issuer_is_refused(self, smki, verifier):
        swapped = (
            X509_DATA.replace("IssuerName", "\0").replace("SerialNumber", "IssuerName").replace("\0", "SerialNumber")
        )
        refused(verifier, forge(smki.user, (X509_DATA, swapped)), FORMAT, "key-info-content", "key-info")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("@ISSUER@", "@ISSUER@<!--c-->"),
            ("@SERIAL@", "<?p?>@SERIAL@"),
            ("<ds:X509Data>", "<ds:X509Data>x"),
            ("</ds:X509IssuerSerial>", "<ds:X/></ds:X509IssuerSerial>"),
            ("<ds:X509Data>", "<ds:X509Data><!--c-->"),
            ("</ds:X509Data>", "<ds:X509SKI>!</ds:X509SKI></ds:X509Data>"),
        ],
    )
    def test_key_info_content_is_checked(self, smki, verifier, old, new):
        refused(verifier, forge(smki.user, (old, new)), FORMAT, "key-info-content", "key-info")

    def pem(self, certificate):
        return b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

    def test_an_embedded_certificate_must_equal_a_pinned_one(self, smki, verifier):
        embedded = "<ds:X509Certificate>{}</ds:X509Certificate>"
        own = f"<ds:X509Data>{embedded.format(self.pem(smki.user.certificate))}</ds:X509Data>"
        verifier.verify(forge(smki.user, (X509_DATA, own)))
        stranger = smki.issue(entity_id="00-DB-12-34-A5-00-00-01", role=duisign.RemotePartyRole.XML_SIGN)
        foreign = f"<ds:X509Data>{embedded.format(self.pem(stranger.certificate))}</ds:X509Data>"
        refused(verifier, forge(stranger, (X509_DATA, foreign)), duisign.UnknownSignerError, "unknown-signer")
        # issuer and serial of a pinned certificate do not vouch for an embedded stranger
        both = X509_DATA.replace("</ds:X509Data>", embedded.format(self.pem(stranger.certificate)) + "</ds:X509Data>")
        refused(verifier, forge(smki.user, (X509_DATA, both)), duisign.UnknownSignerError, "unknown-signer")
        chain = X509_DATA.replace(
            "</ds:X509Data>",
            embedded.format(self.pem(smki.user.certificate))
            + embedded.format(self.pem(smki.issuing_ca.certificate))
            + "</ds:X509Data>",
        )
        verifier.verify(forge(smki.user, (X509_DATA, chain)))

    def test_hints_that_name_different_certificates_fit_none(self, smki, verifier):
        fingerprint = b64encode(
            smki.dcc.certificate.fingerprint(__import__("cryptography").hazmat.primitives.hashes.SHA256())
        ).decode()
        hint = f'<d:X509Digest xmlns:d="http://www.w3.org/2009/xmldsig11#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256">{fingerprint}</d:X509Digest></ds:X509Data>'
        refused(verifier, forge(smki.user, ("</ds:X509Data>", hint)), duisign.UnknownSignerError, "unknown-signer")
        refused(
            verifier,
            forge(smki.user, ("</ds:X509Data>", hint.replace("xmlenc#sha256", "xmldsig#sha1"))),
            FORMAT,
            "key-info-content",
        )

    @pytest.mark.parametrize("count", [15, 16, 50_000])
    def test_a_key_info_says_few_things(self, smki, verifier, count):
        subject = "<ds:X509Certificate>AAAA</ds:X509Certificate>" * count
        document = forge(smki.user, ("</ds:X509Data>", subject + "</ds:X509Data>"))
        if count < 16:
            refused(verifier, document, duisign.UnknownSignerError, "unknown-signer")
        else:
            refused(verifier, document, FORMAT, "key-info-content", "key-info")

    def test_key_material_in_the_message_supplies_no_key(self, smki, verifier):
        attacker = Identity(ec.generate_private_key(ec.SECP256R1()), smki.user.certificate)
        numbers = attacker.private_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        spki = attacker.private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for content in (
            '<ds:KeyValue><e:ECKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">'
            f'<e:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/><e:PublicKey>{plain(numbers)}</e:PublicKey>'
            "</e:ECKeyValue></ds:KeyValue>",
            f'<e:DEREncodedKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">{plain(spki)}</e:DEREncodedKeyValue>',
            '<ds:RetrievalMethod URI="file:///etc/passwd"/>',
            "<ds:KeyName>attacker</ds:KeyName>",
            "",
        ):
            changes = [(X509_DATA, content)]
            refused(verifier, forge(attacker, *changes), duisign.SignatureMismatchError, "signature-mismatch")
            assert verifier.verify(forge(smki.user, *changes)).certificate == smki.user.certificate

    def test_without_key_info_the_pinned_keys_are_tried(self, smki, verifier):
        assert verifier.verify(forge(smki.dcc, (KEY_INFO, ""))).certificate == smki.dcc.certificate
        bare = Verifier(PinnedCertificates([smki.user.private_key.public_key()]))
        message = bare.verify(forge(smki.user, (KEY_INFO, "")))
        assert (message.certificate, message.role, message.entity_id) == (None, None, None)
        assert bare.verify(forge(smki.user)).certificate is None

    def test_too_many_keys_are_not_tried(self, smki):
        many = [ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(17)]
        refused(
            Verifier(PinnedCertificates(many)),
            forge(smki.user, (KEY_INFO, "")),
            duisign.UnknownSignerError,
            "unknown-signer",
        )
        refused(
            Verifier(PinnedCertificates([])),
            forge(smki.user, (KEY_INFO, "")),
            duisign.UnknownSignerError,
            "unknown-signer",
        )

    def test_one_key_under_two_certificates_is_ambiguous(self, smki):
        twin = smki.issue(
            entity_id="00-DB-12-34-A5-00-00-09",
            role=duisign.RemotePartyRole.XML_SIGN,
            private_key=smki.user.private_key,
        )
        both = Verifier(PinnedCertificates([smki.user.certificate, twin.certificate]))
        refused(both, forge(smki.user, (KEY_INFO, "")), duisign.AmbiguousSignerError, "ambiguous-signer", "signer")
        assert both.verify(forge(smki.user)).certificate == smki.user.certificate
        assert both.verify(forge(twin)).certificate == twin.certificate

    def test_each_of_several_keys_must_be_usable(self, smki):
        """The message names none: who can be believed no more is not among those who may have signed."""
        expired = issued(smki, not_after=smki.now - DAY)
        later = issued(smki, not_before=smki.now + DAY)
        document = forge(expired, (KEY_INFO, ""))
        for usable in ([smki.user], [smki.user, smki.dcc]):
            pinned = PinnedCertificates([one.certificate for one in (*usable, expired)])
            refused(Verifier(pinned), document, duisign.SignatureMismatchError, "signature-mismatch")
        for pair, code in (((expired, later), "certificate-not-yet-valid"), ((later, expired), "certificate-expired")):
            pinned = PinnedCertificates([one.certificate for one in pair])
            error = refused(Verifier(pinned), document, duisign.CertificateError, code, "certificate")
            assert error.signer is None

    def test_what_was_changed_is_said_before_who_signed_it(self, smki):
        other = issued(smki)
        document = forge(other, ("@ISSUER@", smki.user.certificate.issuer.rfc4514_string())).replace(
            str(other.certificate.serial_number).encode(), str(smki.user.certificate.serial_number).encode()
        )
        pinned = Verifier(PinnedCertificates([smki.user.certificate]))
        refused(pinned, document, duisign.SignatureMismatchError, "signature-mismatch")
        changed = document.replace(b"<sr:Payload>x", b"<sr:Payload>y")
        refused(pinned, changed, duisign.DigestMismatchError, "digest-mismatch")


class Store:
    """A trust store of the caller's: what another one says, as long as nothing else is put in its place."""

    def __init__(self, store):
        self.store = store

    def __getattr__(self, name):
        return getattr(self.store, name)


class TestTrustStores:
    def test_a_store_is_asked_for_each_message(self, smki):
        store = Store(PinnedCertificates([smki.user.certificate]))
        verifier = Verifier(store)
        document = forge(smki.user)
        assert verifier.verify(document).certificate == smki.user.certificate
        store.store = PinnedCertificates([smki.dcc.certificate])
        refused(verifier, document, duisign.UnknownSignerError, "unknown-signer")
        store.store = PinnedCertificates([smki.user.certificate], now=smki.user.certificate.not_valid_after_utc + DAY)
        refused(verifier, document, duisign.CertificateError, "certificate-expired")
        (result,) = verifier.verify_many([document], workers=2)
        assert result.error.code == "certificate-expired"

    def test_what_a_store_raises_but_of_certificates_ends_the_search(self, smki):
        store = Store(PinnedCertificates([smki.user.certificate, smki.dcc.certificate]))

        def check(signatory):
            if signatory.certificate.certificate == smki.user.certificate:
                raise duisign.ConfigurationError("clock", "No clock.")

        store.check = check
        refused(Verifier(store), forge(smki.dcc, (KEY_INFO, "")), duisign.ConfigurationError, "clock")

    def test_a_key_that_is_not_on_the_curve_is_passed_over(self, smki):
        key = ec.generate_private_key(ec.SECP384R1())
        other = issued(smki, private_key=key)
        store = Store(PinnedCertificates([other.certificate, smki.user.certificate]))
        store.check = lambda signatory: None
        verifier = Verifier(store)
        assert verifier.verify(forge(smki.user, (KEY_INFO, ""))).certificate == smki.user.certificate
        refused(verifier, forge(smki.dcc, (KEY_INFO, "")), duisign.SignatureMismatchError, "signature-mismatch")

    def test_any_sequence_of_signatories_will_do(self, smki):
        store = Store(PinnedCertificates([smki.user.certificate]))
        inner = store.store
        store.signatories = lambda hints: tuple(inner.signatories(hints))
        assert Verifier(store).verify(forge(smki.user)).certificate == smki.user.certificate
        store.signatories = lambda hints: ()
        refused(Verifier(store), forge(smki.user), duisign.SignatureMismatchError, "signature-mismatch")

    def test_a_verifier_of_the_callers_own_is_asked_for_batches_too(self, smki):
        class Once(Verifier):
            def verify(self, document):
                raise duisign.UnknownSignerError("unknown-signer", "It was here before.")

        verifier = Once(PinnedCertificates([smki.user.certificate]))
        for workers in (1, 2):
            results = list(verifier.verify_many([forge(smki.user)] * 20, workers=workers))
            assert [result.error.code for result in results] == ["unknown-signer"] * 20


class TestCertificates:
    def test_validity_follows_the_clock(self, smki):
        document = forge(smki.user)
        start, end = smki.user.certificate.not_valid_before_utc, smki.user.certificate.not_valid_after_utc
        for now in (start, end, lambda: start):
            Verifier(PinnedCertificates([smki.user.certificate], now=now)).verify(document)
        early = Verifier(PinnedCertificates([smki.user.certificate], now=start - DAY))
        refused(early, document, duisign.CertificateError, "certificate-not-yet-valid", "certificate")
        late = Verifier(PinnedCertificates([smki.user.certificate], now=lambda: end + DAY))
        refused(late, document, duisign.CertificateError, "certificate-expired", "certificate")
        refused(late, forge(smki.user, (KEY_INFO, "")), duisign.CertificateError, "certificate-expired")

    def test_key_agreement_certificates_do_not_sign(self, smki):
        agreement = smki.issue(
            entity_id="00-DB-12-34-A5-00-00-08",
            role=duisign.RemotePartyRole.XML_SIGN,
            key_usage="key_agreement",
        )
        verifier = Verifier(PinnedCertificates([agreement.certificate]))
        refused(verifier, forge(agreement), duisign.CertificateError, "certificate-key-usage", "certificate")

    def test_other_curves_are_refused(self, smki):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        key = ec.generate_private_key(ec.SECP384R1())
        template = smki.user.certificate
        builder = x509.CertificateBuilder(
            template.issuer,
            template.subject,
            key.public_key(),
            template.serial_number + 1,
            template.not_valid_before_utc,
            template.not_valid_after_utc,
        )
        builder = builder.add_extension(template.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
        other = builder.sign(smki.issuing_ca.private_key, hashes.SHA256())
        verifier = Verifier(PinnedCertificates([other]))
        refused(
            verifier,
            forge(Identity(smki.user.private_key, other)),
            duisign.CertificateError,
            "certificate-curve",
            "certificate",
        )
