"""The facts of SMKI certificates, line by line (DESIGN section 4): accepted as they are, refused as they are not."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

import duisign
from duisign import PinnedCertificates, RemotePartyRole, Signer, SmkiTrust, Verifier
from duisign.organisation_certificate import OrganisationCertificate
from duisign.testing import TEST_POLICY_OID, Identity
from forgery import forge

USER, DCC = "00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02"
EUI = bytes.fromhex(USER.replace("-", ""))


def bits(octets):
    return x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, octets, _ASN1Type.BitString)


def unit(text, kind=None):
    return x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text, *([] if kind is None else [kind]))


def made(smki, *, subject=None, key=None, algorithm=None, extensions=(), without=()):
    """The user's certificate, but for what is given."""
    template, key = smki.user.certificate, key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        template.issuer,
        template.subject if subject is None else x509.Name(subject),
        key.public_key(),
        x509.random_serial_number(),
        template.not_valid_before_utc,
        template.not_valid_after_utc,
    )
    given = {type(one) for one in extensions}
    for extension in template.extensions:
        value = extension.value
        if isinstance(value, x509.SubjectKeyIdentifier):
            value = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        if type(value) not in given and not isinstance(value, without):
            builder = builder.add_extension(value, extension.critical)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return Identity(key, builder.sign(smki.issuing_ca.private_key, algorithm or hashes.SHA256()))


def usage(*names):
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


def policies(*oids):
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids])


def trust_in(smki, *identities, **options):
    return SmkiTrust(
        [smki.root.certificate],
        [smki.issuing_ca.certificate],
        [one.certificate for one in identities],
        [smki.crl(), smki.crl(issuer=smki.root)],
        **{"policies": [TEST_POLICY_OID], **options},
    )


def code_of(verifier, document):
    """The code of the refusal; None if the message verifies."""
    try:
        verifier.verify(document)
    except duisign.VerificationError as error:
        return error.code
    return None


P_384, RSA = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
CERTIFICATES = {
    "as it is": ({}, None),
    "signed by ECDSA with SHA-384": ({"algorithm": hashes.SHA384()}, "certificate-path"),
    # The role: OU, two hexadecimal digits
    "role in lower case": ({"subject": [unit("8f"), bits(b"\0" + EUI)]}, "signer-role"),
    "common name": ({"subject": [x509.NameAttribute(NameOID.COMMON_NAME, "x"), unit("87"), bits(b"\0" + EUI)]}, None),
    "role as a PrintableString": ({"subject": [unit("87", _ASN1Type.PrintableString), bits(b"\0" + EUI)]}, None),
    "no role": ({"subject": [bits(b"\0" + EUI)]}, "signer-role"),
    "two roles": ({"subject": [unit("87"), unit("02"), bits(b"\0" + EUI)]}, "signer-role"),
    "the same role twice": ({"subject": [unit("87"), unit("87"), bits(b"\0" + EUI)]}, "signer-role"),
    "role with a space": ({"subject": [unit("87 "), bits(b"\0" + EUI)]}, "signer-role"),
    "role of one digit": ({"subject": [unit("7"), bits(b"\0" + EUI)]}, "signer-role"),
    "role in other digits": ({"subject": [unit("\uff18\uff17"), bits(b"\0" + EUI)]}, "signer-role"),
    "role in decimal": ({"subject": [unit("135"), bits(b"\0" + EUI)]}, "signer-role"),
    # The party: 2.5.4.45, an EUI-64 as BIT STRING
    "no party": ({"subject": [unit("87")]}, "signer-entity"),
    "two parties": ({"subject": [unit("87"), bits(b"\0" + EUI), bits(b"\0" + EUI)]}, "signer-entity"),
    "another party": ({"subject": [unit("87"), bits(b"\0" + EUI[:-1] + b"\x07")]}, "signer-entity"),
    "seven octets": ({"subject": [unit("87"), bits(b"\0" + EUI[:-1])]}, "signer-entity"),
    "nine octets": ({"subject": [unit("87"), bits(b"\0" + EUI + b"\x01")]}, "signer-entity"),
    "unused bits": ({"subject": [unit("87"), bits(b"\1" + EUI[:-1] + b"\0")]}, "signer-entity"),
    # keyUsage, certificatePolicies
    "digitalSignature and keyAgreement": ({"extensions": [usage("digital_signature", "key_agreement")]}, None),
    "keyAgreement": ({"extensions": [usage("key_agreement")]}, "certificate-key-usage"),
    "nonRepudiation": ({"extensions": [usage("content_commitment")]}, "certificate-key-usage"),
    "no key usage": ({"without": (x509.KeyUsage,)}, "certificate-key-usage"),
    "several policies": ({"extensions": [policies("1.2.3", TEST_POLICY_OID)]}, None),
    "another policy": ({"extensions": [policies("1.2.826.0.1.8641679.1.2.1.5")]}, "certificate-policy"),
    # A leaf says which policy it is under, not any.
    "any policy": ({"extensions": [policies("2.5.29.32.0")]}, "certificate-policy"),
    "no policy": ({"without": (x509.CertificatePolicies,)}, "certificate-policy"),
    "a CA": (
        {"extensions": [x509.BasicConstraints(True, 0), usage("digital_signature", "key_cert_sign")]},
        "certificate-path",
    ),
    "an unknown critical extension": (
        {"extensions": [x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")]},
        "certificate-path",
    ),
}


@pytest.mark.parametrize("line", CERTIFICATES)
def test_what_an_organisation_certificate_is(smki, line):
    options, code = CERTIFICATES[line]
    identity = made(smki, **options)
    assert code_of(Verifier(trust_in(smki, identity)), forge(identity)) == code


def test_a_party_of_63_bits_is_none(smki):
    """Also not the one whose last bit is zero: a BIT STRING that is shorter than an EUI-64 is another value."""
    for unused, party in ((b"\0", "00-DB-12-34-A5-00-00-00"), (b"\1", None)):
        one = made(smki, subject=[unit("87"), bits(unused + EUI[:-1] + b"\0")])
        assert OrganisationCertificate(one.certificate).entity_id == party


@pytest.mark.parametrize("key", [P_384, RSA], ids=["P-384", "RSA"])
def test_keys_that_are_not_on_p_256(smki, key):
    """A Signature that names such a certificate: whatever its value is."""
    odd = made(smki, key=key)
    document = forge(Identity(smki.user.private_key, odd.certificate))
    for trust in (trust_in(smki, odd), PinnedCertificates([odd.certificate])):
        assert code_of(Verifier(trust), document) == "certificate-curve"


def test_the_policies_are_the_caller_s(smki):
    other = made(smki, extensions=[policies("1.2.826.0.1.8641679.1.2.1.5")])
    required = ["1.2.3", "1.2.826.0.1.8641679.1.2.1.5"]
    assert code_of(Verifier(trust_in(smki, other, policies=required)), forge(other)) is None
    assert code_of(Verifier(trust_in(smki, smki.user, policies=required)), forge(smki.user)) == "certificate-policy"


def test_the_signer_is_who_issuer_and_serial_number_name(smki):
    first, second = made(smki), made(smki)
    verifier = Verifier(trust_in(smki, first, second))
    serials = [str(one.certificate.serial_number) for one in (first, second)]
    assert code_of(verifier, forge(first)) is None
    assert code_of(verifier, forge(first, ("@SERIAL@", serials[1]))) == "signature-mismatch"
    assert code_of(verifier, forge(first, ("@SERIAL@", "7"))) == "unknown-signer"
    assert code_of(verifier, forge(first, ("@ISSUER@", "CN=duisign test CA,OU=08"))) == "unknown-signer"
    # Names are compared, not texts.
    assert code_of(verifier, forge(first, ("@ISSUER@", "cn=Duisign  Test ca, ou = 07"))) is None


def test_several_valid_certificates_of_one_party(smki, samples):
    """Key material changes over time: the old and the new one both count while they are valid."""
    old, new = made(smki), made(smki)
    verifier = Verifier(trust_in(smki, old, new))
    for one in (old, new):
        document = Signer(one.private_key, one.certificate).sign(samples["service-request"].document)
        assert verifier.verify(document).certificate == one.certificate


def test_two_dcc_certificates_with_one_key(smki, samples):
    """Identity comes from issuer and serial number: the one signs messages, the other does not."""
    key = smki.dcc.private_key
    broker = smki.issue(entity_id=DCC, role=RemotePartyRole.ACCESS_CONTROL_BROKER, private_key=key)
    document = samples["dcc-alert"].document
    by_broker, by_dcc = (Signer(key, one.certificate).sign(document) for one in (broker, smki.dcc))
    trust = trust_in(smki, broker, smki.dcc)
    assert code_of(Verifier(trust), by_dcc) is None
    assert code_of(Verifier(trust), by_broker) == "signer-role"
    pinned = Verifier(PinnedCertificates([broker.certificate, smki.dcc.certificate]))
    assert [pinned.verify(one).role for one in (by_broker, by_dcc)] == [4, 0x89]
