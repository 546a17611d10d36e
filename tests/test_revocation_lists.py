"""Which CRLs a store takes, which it leaves out, and what OpenSSL says of those that it takes."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import duisign
from duisign import SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID, Identity, Smki
from forgery import forge

DAY = dt.timedelta(days=1)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
UNKNOWN_CA = "is of a CA that the store does not have; it was left out."


@pytest.fixture(scope="module")
def smki():
    return Smki.create()


@pytest.fixture(scope="module")
def good(smki):
    return [smki.crl(), smki.crl(issuer=smki.root)]


def trust_of(smki, crls, *, cas=(), **options):
    authorities = [smki.issuing_ca.certificate, *cas]
    return SmkiTrust(
        [smki.root.certificate], authorities, [smki.user.certificate], crls, policies=[TEST_POLICY_OID], **options
    )


def unreadable(certificate):
    return certificate.public_bytes(DER).replace(b"\x30\x13\x06\x07", b"\x31\x13\x06\x07")


class TestUnknownAuthorities:
    """A CRL that speaks of no CA of the store revokes nothing there: it is reported and sinks nothing."""

    def other(self, smki, **options):
        key = options.pop("private_key", None)
        return smki.issue_authority(common_name="another CA", private_key=key, **options)

    def test_its_certificate_was_never_loaded(self, smki, good):
        trust = trust_of(smki, [smki.crl(issuer=self.other(smki)), *good])
        (problem,) = trust.problems
        assert problem.where == "CRL 1"
        assert problem.sentence == f"the CRL of CN=another CA,OU=07 {UNKNOWN_CA}"
        Verifier(trust).verify(forge(smki.user))

    def test_its_certificate_cannot_be_read(self, smki, good):
        """One certificate that cannot be parsed is never fatal to the store, whatever else there is of its CA."""
        other = self.other(smki)
        trust = trust_of(smki, [*good, smki.crl(issuer=other)], cas=[unreadable(other.certificate)])
        assert [problem.where for problem in trust.problems] == ["certificate 2", "CRL 3"]
        Verifier(trust).verify(forge(smki.user))

    def test_its_key_is_not_on_p_256(self, smki, good):
        other = self.other(smki, private_key=ec.generate_private_key(ec.SECP384R1()))
        trust = trust_of(smki, [*good, smki.crl(issuer=other)], cas=[other.certificate])
        assert [problem.where for problem in trust.problems] == ["CRL 3"]
        Verifier(trust).verify(forge(smki.user))

    def test_nobody_is_believed_for_it(self, smki, good):
        """Whom the unknown CA certified has no path, also where no CRL is needed."""
        other = self.other(smki)
        leaf = smki.issue(entity_id="00-DB-12-34-A5-00-00-01", role=0x87, issuer=other)
        trust = trust_of(smki, [*good, smki.crl(issuer=other)], dangerously_accept_unknown_revocation=True)
        with pytest.raises(duisign.CertificatePathError):
            trust.validate(leaf.certificate)

    def test_in_a_folder(self, smki, tmp_path):
        smki.write(tmp_path)
        crls = [smki.crl(issuer=self.other(smki)), smki.crl(number=2)]
        (tmp_path / "two.crl").write_bytes(b"".join(crl.public_bytes(PEM) for crl in crls))
        trust = trust_of(smki, [tmp_path])
        assert [problem.where for problem in trust.problems] == [f"{tmp_path / 'two.crl'}, CRL 1"]
        assert trust.reload() == trust.problems

    def test_added_on_purpose(self, smki, good):
        """Who adds CRLs means their CAs: there is nothing else to be told of."""
        trust = trust_of(smki, good)
        revoking = smki.crl([smki.user], number=2)
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.add_crls([revoking, smki.crl(issuer=self.other(smki))])
        assert (caught.value.code, str(caught.value).partition(":")[0]) == ("crl", "CRL 2")
        assert trust.problems == ()
        Verifier(trust).verify(forge(smki.user))

    def test_a_bundle_that_lost_its_certificate_is_broken(self, smki, tmp_path, good):
        """What the file holds besides its certificate speaks of a CA that was there: it was not taken away cleanly."""
        other, bundle = self.other(smki), tmp_path / "ca.pem"
        crls = b"".join(smki.crl(issuer=other, number=n).public_bytes(PEM) for n in (1, 2))
        bundle.write_bytes(other.certificate_pem() + crls)
        trust = trust_of(smki, [*good, bundle], cas=[tmp_path])
        assert trust.problems == ()
        bundle.write_bytes(crls)
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert caught.value.code == "source"
        assert trust.certificate_status(other.certificate).state == "valid"


class TestKnownAuthorities:
    """Whatever says that it is a known CA's must be so: a store that passed it over would let revoked keys sign."""

    def test_the_place_is_told(self, smki, tmp_path, good):
        stranger = Identity(ec.generate_private_key(ec.SECP256R1()), smki.issuing_ca.certificate)
        file = tmp_path / "issuing-ca.crl"
        file.write_bytes(smki.crl(number=2, issuer=stranger).public_bytes(PEM))
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust_of(smki, [*good, tmp_path])
        assert caught.value.code == "crl"
        assert str(caught.value).startswith(f"{file}: the CRL of CN=duisign test CA,OU=07 is not signed by ")

    def test_a_name_that_was_damaged(self, smki, good):
        """The key identifier says whose it is."""
        octets = smki.crl([smki.user], number=2).public_bytes(DER).replace(b"duisign test CA", b"duisign tent CA")
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust_of(smki, [*good, octets])
        assert caught.value.code == "crl"

    def test_a_name_and_extensions_that_were_damaged(self, smki, good):
        octets = smki.crl([smki.user], number=2).public_bytes(DER).replace(b"duisign test CA", b"duisign tent CA")
        # The key identifier is another type now.
        at = octets.index(bytes.fromhex("0603551d23")) + 9
        assert octets[at] == 0x80
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust_of(smki, [*good, octets[:at] + b"\x9f" + octets[at + 1 :]])
        assert caught.value.code == "crl"

    def test_another_digest(self, smki, good):
        """P-256 and ECDSA with SHA-256, and nothing else."""
        builder = x509.CertificateRevocationListBuilder(
            smki.issuing_ca.certificate.subject, smki.now - DAY / 2, smki.now + DAY
        ).add_extension(x509.CRLNumber(2), critical=False)
        crl = builder.sign(smki.issuing_ca.private_key, hashes.SHA384())
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust_of(smki, [*good, crl])
        assert (caught.value.code, "is not signed" in str(caught.value)) == ("crl", True)

    def test_a_ca_that_may_not_sign_crls(self, smki, good):
        """RFC 5280 section 4.2.1.3: keyUsage must have cRLSign."""
        template, key = smki.issuing_ca.certificate, ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "07")])
        builder = x509.CertificateBuilder(
            smki.root.certificate.subject, name, key.public_key(), 5, smki.now - DAY, smki.now + DAY
        )
        for extension in template.extensions:
            value = extension.value
            if isinstance(value, x509.KeyUsage):
                value = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
            builder = builder.add_extension(value, extension.critical)
        mute = Identity(key, builder.sign(smki.root.private_key, hashes.SHA256()))
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust_of(smki, [*good, smki.crl(issuer=mute)], cas=[mute.certificate])
        assert (caught.value.code, "may sign CRLs" in str(caught.value)) == ("crl", True)

    def test_a_critical_extension_that_nobody_knows(self, smki, good):
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust_of(smki, [*good, smki.crl(number=2, extensions=[unknown])])
        assert (caught.value.code, "critical extension" in str(caught.value)) == ("crl", True)

    @pytest.mark.parametrize("lenient", [False, True])
    def test_the_earlier_of_two_revokes_until_the_later_begins(self, smki, good, lenient):
        """Also by a clock that is set back, and where a CRL that is not current would be passed over."""
        clock = [smki.now + DAY]
        crls = [smki.crl([smki.user], number=1), smki.crl(number=2, this_update=smki.now + DAY / 2), good[1]]
        trust = trust_of(smki, crls, now=lambda: clock[0], dangerously_accept_unknown_revocation=lenient)
        trust.validate(smki.user.certificate)
        clock[0] = smki.now
        with pytest.raises(duisign.CertificateRevokedError):
            trust.validate(smki.user.certificate)

    @pytest.mark.parametrize("of_root", [False, True])
    def test_the_ca_without_a_current_crl_is_named(self, smki, of_root):
        issuers = [smki.issuing_ca, smki.root]
        there, missing = issuers[not of_root], issuers[of_root]
        name = missing.certificate.subject.rfc4514_string()
        late = smki.crl(issuer=missing, next_update=smki.now - DAY / 2)
        for crls, code in (([], "revocation-unknown"), ([late], "revocation-outdated")):
            with pytest.raises(duisign.RevocationUnknownError) as caught:
                trust_of(smki, [smki.crl(issuer=there), *crls]).validate(smki.user.certificate)
            assert caught.value.code == code
            assert f" of the CA {name}" in str(caught.value)


class TestOpenSsl:
    """OpenSSL is asked about each CRL of a path too: of two opinions the stricter one holds."""

    def crl_of_another_key(self, smki, of_root):
        """Signed as it should be, and naming another key of the CA as the one that signed it."""
        issuer = smki.root if of_root else smki.issuing_ca
        builder = x509.CertificateRevocationListBuilder(
            issuer.certificate.subject, smki.now - DAY / 2, smki.now + DAY
        ).add_extension(x509.CRLNumber(2), critical=False)
        other = x509.AuthorityKeyIdentifier(b"another!", None, None)
        return builder.add_extension(other, critical=False).sign(issuer.private_key, hashes.SHA256())

    @pytest.mark.parametrize("of_root", [False, True])
    def test_at_first(self, smki, of_root):
        crls = [self.crl_of_another_key(smki, of_root), smki.crl(issuer=smki.issuing_ca if of_root else smki.root)]
        with pytest.raises(duisign.RevocationUnknownError) as caught:
            trust_of(smki, crls).validate(smki.user.certificate)
        assert caught.value.code == "revocation-unknown"

    @pytest.mark.parametrize("of_root", [False, True])
    def test_after_a_path_was_found(self, smki, good, of_root):
        """A new CRL drops the paths that were found before it."""
        trust = trust_of(smki, good)
        Verifier(trust).verify(forge(smki.user))
        trust.add_crls([self.crl_of_another_key(smki, of_root)])
        with pytest.raises(duisign.RevocationUnknownError):
            Verifier(trust).verify(forge(smki.user))
