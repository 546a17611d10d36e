"""Key rings for the tests: parties, forms of keys, and what a ring makes of them."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

import duisign
from duisign import PinnedCertificates, RemotePartyRole, SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID

XML_SIGN, DSP_XML_SIGN = RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN
USER, DCC = "00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02"
SECOND = "00-DB-12-34-A5-00-00-0B"
DAY = dt.timedelta(days=1)
SECRET = b"correct horse battery staple"


def pair(identity):
    return identity.private_key, identity.certificate


def encrypted(identity, password=SECRET, *, encoding=serialization.Encoding.PEM, form="PKCS8"):
    return identity.private_key.private_bytes(
        encoding, getattr(serialization.PrivateFormat, form), serialization.BestAvailableEncryption(password)
    )


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
