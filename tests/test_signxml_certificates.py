"""The certificates of callers: what is read, what is kept, and what is refused."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from duisign.signxml import InvalidCertificate, InvalidInput, add_key_info, certificate_chain
from signxml_calls import RemoteKey, make, parsed, pem, refused, verified


@pytest.fixture
def key(smki):
    return smki.user.private_key


@pytest.fixture
def certificate(smki):
    return smki.user.certificate


def test_certificates_that_cannot_be_read(key, certificate):
    der = certificate.public_bytes(serialization.Encoding.DER)
    curve = bytes.fromhex("06082a8648ce3d030107")
    unknown = der.replace(curve, curve[:-1] + b"\x7f")
    assert refused(key=key, cert=[b64encode(unknown).decode()]) == "certificate-malformed"
    rsa_key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder(certificate.issuer, certificate.subject, rsa_key.public_key(), 1)
    validity = builder.not_valid_before(certificate.not_valid_before_utc)
    other = validity.not_valid_after(certificate.not_valid_after_utc).sign(rsa_key, hashes.SHA256())
    assert refused(key=RemoteKey(key), cert=[other]) == "certificate-malformed"


@pytest.fixture
def read(monkeypatch):
    """The texts of the certificates that are read, from when on nothing is kept."""
    read = []
    load = certificate_chain._loaded
    monkeypatch.setattr(certificate_chain, "_loaded", lambda body: read.append(body) or load(body))
    certificate_chain._kept.cache_clear()
    return read


def test_certificates_are_read_once(key, certificate, read):
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    signer, root = make(), parsed("<a/>")
    other = x509.load_der_x509_certificate(certificate.public_bytes(serialization.Encoding.DER))
    for cert in (text, text.encode(), text, [text], [text.encode()], [certificate], [certificate], [other]):
        signed = signer.sign(root, key=key, cert=cert)
        for pinned in (text, certificate, other):
            assert verified(signed, pinned)
    # Of a bundle, of the text of one, of an object: read and kept each in its own way.
    assert len(read) == 3
    # So is what is written of it.
    (shown,) = certificate_chain.shown_certificates(text)
    assert list(shown.key_infos) == [(add_key_info,)]


def test_certificates_that_are_not_kept(key, certificate, smki, read, tmp_path):
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    signer, root = make(), parsed("<a/>")

    class Text(str):
        __slots__ = ()

    for cert in (text + pem(key).decode(), pem(key) + text.encode(), [text + pem(key).decode()], text + " " * 8192):
        for _ in range(2):
            before = len(read)
            signed = signer.sign(root, key=key, cert=cert)
            assert len(read) == before + 1
    for pinned in (pem(key) + text.encode(), Text(text), text + " " * 8192):
        before = len(read)
        assert verified(signed, pinned)
        assert verified(signed, pinned)
        assert len(read) == before + 2
    # Those of messages.
    before, kept = len(read), certificate_chain._kept.cache_info().currsize
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes(smki.root.certificate_pem())
    with pytest.raises(InvalidCertificate):
        verified(signed, None, ca_pem_file=authorities)
    assert len(read) == before + 1
    # A refusal.
    for _ in range(2):
        with pytest.raises(InvalidInput):
            signer.sign(root, key=key, cert="MII=")
    assert certificate_chain._kept.cache_info().currsize == kept


def test_the_object_that_was_given_is_what_annotators_are_told(key, certificate):
    other = x509.load_der_x509_certificate(certificate.public_bytes(serialization.Encoding.DER))
    told = []
    signer = make()
    signer.signature_annotators.append(lambda sig_root, signing_settings: told.append(signing_settings.cert_chain[0]))
    for one in (certificate, other):
        signer.sign(parsed("<a/>"), key=key, cert=[one])
    assert told[0] is certificate
    assert told[1] is other


def test_the_first_certificate_holds_the_key(key, certificate, smki):
    other = smki.dcc.certificate
    assert refused(key=key, cert=[other]) == "key-certificate-mismatch"
    assert refused(key=key, cert=[other, certificate]) == "key-certificate-mismatch"
    signed = make().sign(parsed("<a/>"), key=key, cert=[certificate, other])
    assert len(signed.findall(".//{*}X509Certificate")) == 2
