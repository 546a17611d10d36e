"""CA certificates that are revoked, renewed or cross-certified, before and after a path was found and remembered."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

import duisign
from duisign import RemotePartyRole, SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID, Identity, Smki
from forgery import forge
from trust_stores import trust_of_files

PEM = Encoding.PEM
DAY = dt.timedelta(days=1)


def make_trust(smki, authorities, *, roots=None, crls=None, **options):
    if crls is None:
        crls = [smki.crl(), smki.crl(issuer=smki.root)]
    return SmkiTrust(
        [one.certificate for one in roots or [smki.root]],
        [one.certificate for one in authorities],
        [smki.user.certificate, smki.dcc.certificate],
        crls,
        policies=[TEST_POLICY_OID],
        **options,
    )


def verdict(trust, identity):
    """The code of the refusal of a message, or the serial number of the issuing CA's certificate on the path."""
    try:
        message = Verifier(trust).verify(forge(identity))
    except duisign.CertificateError as error:
        return error.code
    assert message.certificate == identity.certificate
    return trust.validate(identity.certificate).certificates[1].serial_number


@pytest.fixture(scope="module")
def smki():
    return Smki.create()


@pytest.fixture(scope="module")
def renewed(smki):
    """A second certificate of the issuing CA: same name, same key."""
    return smki.issue_authority(private_key=smki.issuing_ca.private_key)


OPTIONS = [{}, {"dangerously_accept_unknown_revocation": True}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("warm", [True, False])
class TestOneCertificate:
    def test_a_reload_with_a_crl_that_revokes_the_ca(self, smki, tmp_path, warm, options):
        smki.write(tmp_path)
        trust = trust_of_files(tmp_path, **options)
        if warm:
            assert verdict(trust, smki.user) == smki.issuing_ca.certificate.serial_number
        revoking = smki.crl([smki.issuing_ca], issuer=smki.root, number=2)
        (tmp_path / "root.crl.pem").write_bytes(revoking.public_bytes(PEM))
        trust.reload()
        assert verdict(trust, smki.user) == "certificate-revoked"
        assert verdict(trust, smki.user) == "certificate-revoked"

    def test_a_crl_that_revokes_the_ca_added(self, smki, warm, options):
        trust = make_trust(smki, [smki.issuing_ca], **options)
        if warm:
            assert verdict(trust, smki.user) == smki.issuing_ca.certificate.serial_number
        trust.add_crls([smki.crl([smki.issuing_ca], issuer=smki.root, number=2)])
        assert verdict(trust, smki.user) == "certificate-revoked"


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("first", [0, 1])
class TestTwoCertificatesOfOneCa:
    """Of two certificates for one key a path by either is valid, whichever is looked at first."""

    def test_one_is_revoked_from_the_beginning(self, smki, renewed, first, options):
        both = [smki.issuing_ca, renewed]
        crls = [smki.crl(), smki.crl([both[first]], issuer=smki.root)]
        for order in (both, both[::-1]):
            trust = make_trust(smki, order, crls=crls, **options)
            assert verdict(trust, smki.user) == both[1 - first].certificate.serial_number

    def test_one_is_revoked_after_a_path_was_found(self, smki, renewed, first, options):
        both = [smki.issuing_ca, renewed]
        for order in (both, both[::-1]):
            trust = make_trust(smki, order, **options)
            assert verdict(trust, smki.user) in [one.certificate.serial_number for one in both]
            trust.add_crls([smki.crl([both[first]], issuer=smki.root, number=2)])
            assert verdict(trust, smki.user) == both[1 - first].certificate.serial_number
            trust.add_crls([smki.crl(both, issuer=smki.root, number=3)])
            assert verdict(trust, smki.user) == "certificate-revoked"

    def test_a_revoked_signer_has_no_other_path(self, smki, renewed, first, options):
        both = [smki.issuing_ca, renewed]
        trust = make_trust(smki, both, **options)
        verdict(trust, smki.user)
        trust.add_crls([smki.crl([smki.user], number=2)])
        assert verdict(trust, smki.user) == "certificate-revoked"
        assert first in (0, 1)
        trust.validate(smki.dcc.certificate)


def test_one_of_two_certificates_ends(smki):
    """Revoked, or not of this time: the other goes on, before and after a path was found."""
    moment = [smki.now]
    short = smki.issue_authority(private_key=smki.issuing_ca.private_key, not_after=smki.now + DAY)
    late = smki.issue_authority(private_key=smki.issuing_ca.private_key, not_before=smki.now + DAY)
    for order in ([short, late], [late, short]):
        trust = make_trust(smki, order, now=lambda: moment[0])
        for days, expected in ((0, short), (2, late), (0, short)):
            moment[0] = smki.now + days * DAY
            assert verdict(trust, smki.user) == expected.certificate.serial_number
        trust.add_crls([smki.crl([short], issuer=smki.root, number=2)])
        assert verdict(trust, smki.user) == "certificate-revoked"
        moment[0] = smki.now + 2 * DAY
        assert verdict(trust, smki.user) == late.certificate.serial_number
        moment[0] = smki.now


class TestCrossCertification:
    """The issuing CA's key certified by two roots."""

    @pytest.fixture
    def other(self, smki):
        return Smki.create(now=smki.now)

    @pytest.fixture
    def crossed(self, smki, other):
        return smki.issue_authority(private_key=smki.issuing_ca.private_key, issuer=other.root)

    def test_only_the_trusted_root_counts(self, smki, other, crossed):
        both = [smki.issuing_ca, crossed]
        crls = [smki.crl(), smki.crl(issuer=smki.root)]
        for order in (both, both[::-1]):
            assert verdict(make_trust(smki, order, crls=crls), smki.user) == both[0].certificate.serial_number
        assert verdict(make_trust(smki, [crossed], crls=crls), smki.user) == "certificate-path"

    def test_each_root_needs_its_own_crl(self, smki, other, crossed):
        roots, both = [smki.root, other.root], [smki.issuing_ca, crossed]
        for order in (both, both[::-1]):
            trust = make_trust(smki, order, roots=roots)
            assert verdict(trust, smki.user) == smki.issuing_ca.certificate.serial_number
            trust.add_crls([smki.crl([smki.issuing_ca], issuer=smki.root, number=2)])
            # What is left is the path by the other root, of which no CRL speaks.
            assert verdict(trust, smki.user) in ("certificate-revoked", "revocation-unknown")
            trust.add_crls([other.crl(issuer=other.root)])
            assert verdict(trust, smki.user) == crossed.certificate.serial_number
            trust.add_crls([other.crl([crossed], issuer=other.root, number=2)])
            assert verdict(trust, smki.user) == "certificate-revoked"

    def test_a_root_of_the_same_name_revokes_nothing(self, smki, other, crossed):
        """Both roots have one name: a CRL counts for the key that signed it."""
        assert smki.root.certificate.subject == other.root.certificate.subject
        trust = make_trust(smki, [smki.issuing_ca, crossed], roots=[smki.root, other.root])
        trust.add_crls([other.crl([smki.issuing_ca, crossed], issuer=other.root, number=9)])
        assert verdict(trust, smki.user) == smki.issuing_ca.certificate.serial_number


def test_a_renewed_root(smki):
    """Two certificates of one root, of which one has ended."""
    template = smki.root.certificate
    builder = x509.CertificateBuilder(
        template.subject, template.subject, template.public_key(), 7, smki.now - 9 * DAY, smki.now - DAY
    )
    for extension in template.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    old = Identity(smki.root.private_key, builder.sign(smki.root.private_key, hashes.SHA256()))
    for roots in ([old, smki.root], [smki.root, old]):
        trust = make_trust(smki, [smki.issuing_ca], roots=roots)
        assert verdict(trust, smki.user) == smki.issuing_ca.certificate.serial_number
        assert trust.validate(smki.user.certificate).certificates[-1].certificate == smki.root.certificate
    assert verdict(make_trust(smki, [smki.issuing_ca], roots=[old]), smki.user) == "certificate-path"


def test_a_ca_of_the_same_name_and_another_key(smki):
    """A re-keyed CA: the CRL of the new key says nothing about what the old one signed."""
    rekeyed = smki.issue_authority()
    assert rekeyed.certificate.subject == smki.issuing_ca.certificate.subject
    new = smki.issue(entity_id=str(smki.user.entity_id), role=RemotePartyRole.XML_SIGN, issuer=rekeyed)
    root_crl = smki.crl(issuer=smki.root)
    for order in ([smki.issuing_ca, rekeyed], [rekeyed, smki.issuing_ca]):
        trust = make_trust(smki, order, crls=[smki.crl(issuer=rekeyed), root_crl])
        assert trust.validate(new.certificate).certificates[1].certificate == rekeyed.certificate
        assert verdict(trust, smki.user) == "revocation-unknown"
        trust.add_crls([smki.crl([smki.user], number=2)])
        assert verdict(trust, smki.user) == "certificate-revoked"
        trust.validate(new.certificate)
