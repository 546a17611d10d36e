"""The DCC's published test certificates: all load or are reported, and identity never comes from the key alone."""

from __future__ import annotations

import datetime as dt

import pytest

import duisign
from duisign import PinnedCertificates, SmkiTrust
from duisign.certificate_source import certificates_of
from duisign.testing import Smki

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
"""All of the store was valid then; some of it has expired since."""


@pytest.fixture(scope="module")
def published(dcc_keystore):
    return [entry.certificate.encode() for entry in dcc_keystore]


def test_31_load_and_2_are_reported(published):
    assert len(published) == 33
    found, problems = certificates_of(published)
    assert (len(found), len(problems)) == (31, 2)


def test_one_bad_certificate_does_not_sink_a_store(published, smki):
    trust = SmkiTrust(
        [smki.root.certificate], [], published, policies=["1.2.826.0.1.8641679.1.2.1.4"], check_revocation=False
    )
    assert len(trust.problems) == 2


def test_self_signed_ones_sign_and_verify_pinned(dcc_keystore):
    verified = 0
    for entry in dcc_keystore:
        try:
            signer = duisign.Signer(entry.private_key.encode(), entry.certificate.encode())
        except duisign.ConfigurationError:
            continue  # for key agreement, or one of the two that cannot be read
        verifier = duisign.Verifier(PinnedCertificates([entry.certificate.encode()], now=NOW))
        assert verifier.verify(signer.sign(b"<a/>")).certificate == signer.certificate
        verified += 1
    assert verified >= 15


def test_self_signed_ones_have_no_path(published):
    """Though a CA of the name that they give as their issuer's leads to a root, and though they are among the roots."""
    smki = Smki.create(now=NOW)
    found, _ = certificates_of(published)
    own = []
    for one in found:
        certificate = one.certificate.certificate
        try:
            one.certificate.public_key.verify(
                certificate.signature, certificate.tbs_certificate_bytes, certificate.signature_algorithm_parameters
            )
        except Exception:  # noqa: BLE001 - signed by another key, as it should be
            continue
        own.append(certificate)
    assert own, "the store has certificates that are signed by their own key"
    assert len(PinnedCertificates(own, now=NOW)) == len(own)
    namesake = smki.issue_authority(common_name="Z1").certificate
    for certificate in own:
        assert certificate.issuer == namesake.subject
        for roots in ([smki.root.certificate], [smki.root.certificate, certificate]):
            trust = SmkiTrust(
                roots,
                [namesake],
                published,
                policies=["1.2.826.0.1.8641679.1.2.1.4"],
                check_revocation=False,
                now=NOW,
                # They lack it; nothing but the signature is to be wrong with them.
                accept_missing_authority_key_identifier=True,
            )
            with pytest.raises(duisign.CertificatePathError) as caught:
                trust.validate(certificate)
            assert "signature failure" in str(caught.value)
