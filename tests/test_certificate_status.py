"""SmkiTrust.certificate_status: of signers, issuing CAs and roots, known to the store or not."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import duisign
from duisign import CertificateState, RemotePartyRole, SmkiTrust
from duisign.testing import TEST_POLICY_OID, Identity, Smki, make_conditions

DAY = dt.timedelta(days=1)
SMKI = Smki.create()
CONDITIONS = make_conditions(SMKI)
STATES = {
    "certificate-expired": "expired",
    "certificate-not-yet-valid": "not-yet-valid",
    "certificate-key-usage": "unusable",
    "certificate-policy": "no-path",
    "certificate-path": "no-path",
    "certificate-revoked": "revoked",
    "revocation-unknown": "revocation-unknown",
    "revocation-outdated": "revocation-unknown",
    # Who may sign what is no matter of the certificate's validity.
    "signer-role": "valid",
    None: "valid",
}


def make_trust(*, roots=(SMKI.root,), authorities=(SMKI.issuing_ca,), crls=None, **options):
    if crls is None:
        crls = [SMKI.crl(), SMKI.crl(issuer=SMKI.root)]
    return SmkiTrust(
        [one.certificate for one in roots],
        [one.certificate for one in authorities],
        [],
        crls,
        **{"policies": [TEST_POLICY_OID], "now": SMKI.now, **options},
    )


@pytest.mark.parametrize("name", [name for name, one in CONDITIONS.items() if one.code != "crl"])
def test_each_condition_of_a_signer(name):
    condition = CONDITIONS[name]
    trust, certificate = make_trust(crls=condition.crls), condition.identity.certificate
    status = trust.certificate_status(certificate)
    assert status.state == STATES[condition.code]
    assert status.revocation_checked
    if status.state is CertificateState.VALID:
        assert status.path == (certificate, SMKI.issuing_ca.certificate, SMKI.root.certificate)
        assert (status.code, status.sentence) == (None, None)
        assert tuple(one.certificate for one in trust.validate(certificate).certificates) == status.path
    else:
        assert (status.code, status.path) == (condition.code, ())
        with pytest.raises(duisign.CertificateError) as caught:
            trust.validate(certificate)
        assert (caught.value.code, str(caught.value)) == (status.code, status.sentence)


def test_every_form_of_a_certificate():
    trust, certificate = make_trust(), SMKI.user.certificate
    for form in (
        certificate,
        certificate.public_bytes(serialization.Encoding.PEM),
        certificate.public_bytes(serialization.Encoding.DER),
    ):
        assert trust.certificate_status(form).state is CertificateState.VALID
    for wrong in (b"junk", 7, None, SMKI.user.certificate_pem() + SMKI.dcc.certificate_pem()):
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.certificate_status(wrong)
        assert caught.value.code == "certificate-malformed"


def changed(template, issuer_key, *, key=None, subject=None, issuer=None, algorithm=None, without=(), replace=()):
    """A certificate like another, but for what is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        issuer or template.issuer,
        subject or template.subject,
        key.public_key(),
        4711,
        template.not_valid_before_utc,
        template.not_valid_after_utc,
    )
    for extension in template.extensions:
        value = next((one for one in replace if isinstance(one, type(extension.value))), extension.value)
        if isinstance(value, x509.SubjectKeyIdentifier):
            value = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        if not isinstance(value, without):
            builder = builder.add_extension(value, extension.critical)
    return Identity(key, builder.sign(issuer_key, algorithm or hashes.SHA256()))


ROOT, CA = SMKI.root.certificate, SMKI.issuing_ca.certificate
ROOT_KEY = SMKI.root.private_key
STRANGERS = Smki.create(now=SMKI.now)
UPPER = changed(CA, ROOT_KEY, replace=[x509.BasicConstraints(True, None)])
AUTHORITIES = {
    "itself": (SMKI.issuing_ca, None),
    "renewed, unknown": (SMKI.issue_authority(private_key=SMKI.issuing_ca.private_key), None),
    "another, unknown": (SMKI.issue_authority(), None),
    "root": (SMKI.root, None),
    "expired": (SMKI.issue_authority(not_after=SMKI.now - DAY), "certificate-expired"),
    "not yet valid": (SMKI.issue_authority(not_before=SMKI.now + DAY), "certificate-not-yet-valid"),
    "of another SMKI": (STRANGERS.issuing_ca, "certificate-path"),
    "another root of the same name": (STRANGERS.root, "certificate-path"),
    "below another CA": (
        changed(CA, UPPER.private_key, issuer=UPPER.certificate.subject, without=(x509.AuthorityKeyIdentifier,)),
        "certificate-path",
    ),
    "signed by its own key": (SMKI.issue_authority(issuer=Identity(UPPER.private_key, ROOT)), "certificate-path"),
    "role of a supplier": (
        changed(CA, ROOT_KEY, subject=x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "02")])),
        "certificate-path",
    ),
    "policy": (
        changed(
            CA,
            ROOT_KEY,
            replace=[x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)])],
        ),
        "certificate-policy",
    ),
    "P-384": (changed(CA, ROOT_KEY, key=ec.generate_private_key(ec.SECP384R1())), "certificate-path"),
    "SHA-384": (changed(CA, ROOT_KEY, algorithm=hashes.SHA384()), "certificate-path"),
    "without authority key identifier": (
        changed(CA, ROOT_KEY, without=(x509.AuthorityKeyIdentifier,)),
        "certificate-path",
    ),
}


@pytest.mark.parametrize("name", AUTHORITIES)
def test_each_condition_of_a_ca(name):
    identity, code = AUTHORITIES[name]
    status = make_trust().certificate_status(identity.certificate)
    assert (status.state, status.code) == (STATES[code], code)
    if code is None:
        path = (identity.certificate, ROOT) if identity is not SMKI.root else (ROOT,)
        assert (status.path, status.sentence) == (path, None)
    else:
        assert status.path == ()
        assert status.sentence
    # What it certified is valid only if it is.
    if identity is not SMKI.root:
        leaf = SMKI.issue(entity_id=str(SMKI.user.entity_id), role=RemotePartyRole.XML_SIGN, issuer=identity)
        trust = (
            make_trust(authorities=[identity], crls=[SMKI.crl(issuer=SMKI.root), SMKI.crl(issuer=identity)])
            if code is None
            else make_trust(authorities=[identity], crls=[], check_revocation=False)
        )
        assert trust.certificate_status(leaf.certificate).state == ("valid" if code is None else "no-path")


def test_revocation_of_a_ca():
    for crls, state, code in (
        ([SMKI.crl()], "revocation-unknown", "revocation-unknown"),
        ([SMKI.crl([SMKI.issuing_ca], issuer=SMKI.root)], "revoked", "certificate-revoked"),
        ([SMKI.crl(issuer=SMKI.root, next_update=SMKI.now - DAY / 2)], "revocation-unknown", "revocation-outdated"),
        ([SMKI.crl(issuer=SMKI.root)], "valid", None),
    ):
        trust = make_trust(crls=crls)
        status = trust.certificate_status(CA)
        assert (status.state, status.code, status.revocation_checked) == (state, code, True)
        # No CRL speaks of a root.
        assert trust.certificate_status(ROOT).state is CertificateState.VALID


def test_missing_authority_key_identifier_is_an_option():
    bare = changed(CA, ROOT_KEY, without=(x509.AuthorityKeyIdentifier,))
    leaf = changed(SMKI.user.certificate, bare.private_key, without=(x509.AuthorityKeyIdentifier,))
    crls = [SMKI.crl(issuer=SMKI.root), SMKI.crl(issuer=bare)]
    for accepted in (False, True):
        trust = make_trust(authorities=[bare], crls=crls, accept_missing_authority_key_identifier=accepted)
        for one in (bare, leaf):
            assert (trust.certificate_status(one.certificate).state is CertificateState.VALID) is accepted
    # The option is for that extension alone: what else is wrong with a CA stays wrong.
    for odd in (
        changed(CA, ROOT_KEY, without=(x509.KeyUsage,)),
        changed(CA, ROOT_KEY, without=(x509.BasicConstraints,)),
        changed(CA, ROOT_KEY, without=(x509.AuthorityKeyIdentifier, x509.KeyUsage)),
    ):
        leaf = changed(SMKI.user.certificate, odd.private_key, without=(x509.AuthorityKeyIdentifier,))
        trust = make_trust(
            authorities=[odd], crls=[], check_revocation=False, accept_missing_authority_key_identifier=True
        )
        assert trust.certificate_status(leaf.certificate).state is CertificateState.NO_PATH


class TestGoingOnWithoutRevocation:
    def test_it_is_seen(self):
        assert "NOT" not in repr(make_trust())
        for options, words in (
            ({"check_revocation": False}, "revocation NOT checked"),
            ({"dangerously_accept_unknown_revocation": True}, "unknown revocation accepted"),
        ):
            trust = make_trust(crls=[], **options)
            assert words in repr(trust)
            assert words in repr(duisign.Verifier(trust))
            for one in (SMKI.user, SMKI.issuing_ca, SMKI.root):
                status = trust.certificate_status(one.certificate)
                assert (status.state, status.revocation_checked) == (CertificateState.VALID, False)

    def test_what_the_two_options_give_up(self):
        revoking = [SMKI.crl([SMKI.user]), SMKI.crl([SMKI.issuing_ca], issuer=SMKI.root)]
        blind = make_trust(crls=revoking, check_revocation=False)
        lenient = make_trust(crls=revoking, dangerously_accept_unknown_revocation=True)
        for one in (SMKI.user, SMKI.issuing_ca):
            assert blind.certificate_status(one.certificate).state is CertificateState.VALID
            assert lenient.certificate_status(one.certificate).state is CertificateState.REVOKED

    @pytest.mark.parametrize("wrong", [None, 0, "", "no", [], 1])
    @pytest.mark.parametrize(
        "name",
        ["check_revocation", "dangerously_accept_unknown_revocation", "accept_missing_authority_key_identifier"],
    )
    def test_no_check_is_turned_off_by_accident(self, name, wrong):
        with pytest.raises(duisign.ConfigurationError) as caught:
            make_trust(**{name: wrong})
        assert caught.value.code == "switch"
