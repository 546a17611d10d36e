"""XMLVerifier: what it accepts, what it refuses, and by which trust."""

from __future__ import annotations

import contextlib
import datetime
from base64 import b64decode, b64encode
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign.signxml import (
    DigestAlgorithm,
    InvalidCertificate,
    InvalidDigest,
    InvalidInput,
    InvalidSignature,
    SignatureConfiguration,
    SignatureMethod,
    VerifyResult,
    XMLSigner,
    XMLVerifier,
    add_issuer_serial,
    add_x509_digest,
    methods,
)
from forgery import DS, forge
from signxml_calls import EXCLUSIVE, INCLUSIVE, sign

KEY_VALUE = SignatureConfiguration(require_x509=False)


@pytest.fixture
def identity(smki):
    return smki.user


@pytest.fixture
def certificate(identity):
    return identity.certificate


def verify(data, **options):
    return XMLVerifier().verify(data, **options)


def refused(data, kind=InvalidInput, **options):
    with pytest.raises(duisign.DuisignError) as caught:
        verify(data, **options)
    assert type(caught.value) is kind, repr(caught.value)
    assert caught.value.__cause__ is None
    return caught.value.code


# Results


def test_result(identity, certificate):
    document = sign(identity)
    result = verify(document, x509_cert=certificate)
    assert isinstance(result, VerifyResult)
    assert result.signed_data == b"<a><b>x</b></a>"
    assert etree.tostring(result.signed_xml) == b"<a><b>x</b></a>"
    assert result.signature_xml.tag == f"{{{DS}}}Signature"
    assert result.signature_xml.getparent() is None
    public_key = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert result.signature_key == public_key
    assert "<b>x" not in repr(result)


def test_kinds_of_data(identity, certificate):
    document = sign(identity)
    root = etree.fromstring(document)
    before = etree.tostring(root)
    for data in (document, document.decode(), root, root.getroottree()):
        assert verify(data, x509_cert=certificate).signed_data == b"<a><b>x</b></a>"
    assert etree.tostring(root) == before
    # The standard library does not keep prefixes.
    assert refused(ElementTree.fromstring(document), InvalidSignature, x509_cert=certificate) == "signature-mismatch"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed-xml"),
        ("", "malformed-xml"),
        (b"<a>", "malformed-xml"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        ('<?xml version="1.0" encoding="UTF-8"?><a/>', "wrong-type"),
        ("<a>\ud800</a>", "malformed-xml"),
        (5, "wrong-type"),
        (None, "wrong-type"),
        (bytearray(b"<a/>"), "wrong-type"),
        (b"<a/>", "unsigned"),
    ],
)
def test_data_that_is_not_read(data, code, certificate):
    assert refused(data, x509_cert=certificate) == code


def test_both_profiles_and_both_canonicalizations(identity, certificate, signed):
    duis = verify(signed, x509_cert=certificate)
    assert duis.signed_data == duisign.Verifier(duisign.PinnedCertificates([certificate])).verify(signed).signed_bytes
    document = b'<a xmlns:u="urn:u" xml:lang="en"><b/></a>'
    for method in (EXCLUSIVE, INCLUSIVE):
        assert verify(sign(identity, document, method), x509_cert=certificate).signed_data == duisign.canonicalize(
            document, method.value
        )


def test_text_behind_the_signature_is_signed(identity, certificate):
    placeholder = f'<a>x<Signature xmlns="{DS}" Id="placeholder"/>y<b/></a>'.encode()
    assert verify(sign(identity, placeholder), x509_cert=certificate).signed_data == b"<a>xy<b></b></a>"
    first = f'<a><Signature xmlns="{DS}" Id="placeholder"/>y</a>'.encode()
    document = sign(identity, first)
    assert verify(document, x509_cert=certificate).signed_data == b"<a>y</a>"
    assert refused(document.replace(b">y<", b">z<"), InvalidDigest, x509_cert=certificate) == "digest-mismatch"


def test_instructions_around_the_root_are_signed(identity, certificate):
    document = duisign.Signer(identity.private_key, certificate).sign(b"<?p q?><a/>")
    assert verify(document, x509_cert=certificate).signed_data == b"<?p q?>\n<a></a>"
    assert refused(document.replace(b"<?p q?>", b""), InvalidDigest, x509_cert=certificate) == "digest-mismatch"
    assert refused(b"<?p q?>" + sign(identity), InvalidDigest, x509_cert=certificate) == "digest-mismatch"


# Forgeries


FORGERIES = [
    ("signature-misplaced", InvalidInput, [("<sr:Body>", "<sr:Body><ds:Signature/>")]),
    ("signature-repeated", InvalidInput, [("<sr:Header>", "<ds:Signature/><sr:Header>")]),
    ("signature-attribute", InvalidInput, [("<ds:Signature>", '<ds:Signature Id="x">')]),
    ("signature-attribute", InvalidInput, [("<ds:SignedInfo>", '<ds:SignedInfo Id="x">')]),
    ("signature-attribute", InvalidInput, [('<ds:Reference URI="">', "<ds:Reference>")]),
    ("signature-attribute", InvalidInput, [('<ds:Reference URI="">', '<ds:Reference URI="" Type="x">')]),
    ("signature-attribute", InvalidInput, [("<ds:SignatureValue>", '<ds:SignatureValue Id="x">')]),
    ("signature-attribute", InvalidInput, [("<ds:DigestValue>", '<ds:DigestValue Id="x">')]),
    ("signature-attribute", InvalidInput, [("<ds:Transforms>", '<ds:Transforms Id="x">')]),
    ("signature-content", InvalidInput, [("<ds:SignedInfo>", "<ds:SignedInfo>text")]),
    ("signature-content", InvalidInput, [("<ds:SignedInfo>", "<ds:SignedInfo><!--c-->")]),
    ("signature-content", InvalidInput, [("<ds:SignedInfo>", "<ds:SignedInfo><?p?>")]),
    ("signature-content", InvalidInput, [("<ds:SignedInfo>", "<ds:SignedInfo><x/>")]),
    ("signature-content", InvalidInput, [("<ds:SignatureValue>", "<ds:SignatureValue><!--c-->")]),
    ("signature-content", InvalidInput, [("@DIGEST@", "@DIGEST@<?p?>")]),
    ("signature-content", InvalidInput, [("</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>")]),
    ("signature-content", InvalidInput, [("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>")]),
    ("signature-content", InvalidInput, [("<ds:DigestMethod", "<x/><ds:DigestMethod")]),
    (
        "signature-content",
        InvalidInput,
        [('#enveloped-signature"/>', '#enveloped-signature"><x/></ds:Transform>')],
    ),
    (
        "reference-count",
        InvalidInput,
        [("</ds:SignedInfo>", '<ds:Reference URI=""/></ds:SignedInfo>')],
    ),
    ("reference-uri", InvalidInput, [('URI=""', 'URI="other.xml"')]),
    ("reference-uri", InvalidInput, [('URI=""', 'URI="#none"')]),
    ("reference-uri", InvalidInput, [('URI=""', 'URI="#"')]),
    ("reference-uri", InvalidInput, [('URI=""', 'URI="#xpointer(/)"')]),
    ("reference-uri", InvalidInput, [('URI=""', 'URI="#b"'), ("<sr:Body>", '<sr:Body Id="b">')]),
    (
        "reference-uri",
        InvalidInput,
        [('URI=""', 'URI="#b"'), ("<sr:Body>", '<sr:Body Id="b">'), ("<sr:Header>", '<sr:Header Id="b">')],
    ),
    ("transforms", InvalidInput, [("#enveloped-signature", "#base64")]),
    ("transforms", InvalidInput, [("#enveloped-signature", "#unknown")]),
    (
        "transforms",
        InvalidInput,
        [("</ds:Transforms>", '<ds:Transform Algorithm="urn:unknown"/></ds:Transforms>')],
    ),
    (
        "transforms",
        InvalidInput,
        [("<ds:Transforms>", '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>')],
    ),
    ("canonicalization-method", InvalidInput, [("xml-exc-c14n#", "xml-exc-c14n#WithComments")]),
    ("canonicalization-method", InvalidInput, [("2001/10/xml-exc-c14n#", "2006/12/xml-c14n11")]),
    ("signature-method", InvalidInput, [("#ecdsa-sha256", "#rsa-sha256")]),
    ("digest-method", InvalidInput, [("xmlenc#sha256", "xmlenc#sha512")]),
    ("key-info-content", InvalidInput, [("<ds:X509Data>", "<ds:X509Data/><ds:X509Data>")]),
    ("key-info-content", InvalidInput, [("<ds:X509Data>", "<ds:KeyValue/><ds:X509Data>")]),
    ("key-info-content", InvalidInput, [("<ds:X509Data>", "<ds:X509Data><ds:X509Certificate>!</ds:X509Certificate>")]),
    ("key-info-content", InvalidInput, [("</ds:X509Data>", "<ds:X509SKI/>" * 17 + "</ds:X509Data>")]),
    (
        "key-info-content",
        InvalidInput,
        [
            (
                "</ds:X509Data>",
                "<ds:X509IssuerSerial><ds:X509IssuerName/><ds:X509SerialNumber/></ds:X509IssuerSerial></ds:X509Data>",
            )
        ],
    ),
    ("signature-content", InvalidInput, [("<ds:X509SerialNumber>", "<x/><ds:X509SerialNumber>")]),
    (
        "key-info-content",
        InvalidInput,
        [
            (
                "</ds:X509Data>",
                '<X509Digest xmlns="http://www.w3.org/2009/xmldsig11#" Algorithm="x">AAAA</X509Digest></ds:X509Data>',
            )
        ],
    ),
]


@pytest.mark.parametrize(("code", "kind", "changes"), FORGERIES)
def test_forgeries(code, kind, changes, identity, certificate):
    assert refused(forge(identity, *changes), kind, x509_cert=certificate) == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (lambda raw: "!" + b64encode(raw).decode(), "signature-value-encoding"),
        (lambda raw: b64encode(raw).decode().rstrip("="), "signature-value-encoding"),
        (lambda raw: "é" + b64encode(raw).decode(), "signature-value-encoding"),
        (lambda raw: b64encode(raw).decode()[:-3] + "/==", "signature-value-encoding"),
        (lambda raw: b64encode(raw[1:]).decode(), "signature-value-width"),
        (lambda raw: b64encode(bytes(1) + raw).decode(), "signature-value-width"),
        (lambda raw: b64encode(bytes(64)).decode(), "signature-value-range"),
        (lambda raw: b64encode(raw[:32] + b"\xff" * 32).decode(), "signature-value-range"),
        (lambda raw: b64encode(raw[32:] + raw[:32]).decode(), "signature-mismatch"),
    ],
)
def test_signature_values(value, code, identity, certificate):
    assert refused(forge(identity, value=value), InvalidSignature, x509_cert=certificate) == code


def test_white_space_in_values(identity, certificate):
    wrapped = forge(identity, value=lambda raw: "&#13;\n ".join(b64encode(raw).decode()[i : i + 76] for i in (0, 76)))
    assert verify(wrapped, x509_cert=certificate)
    assert refused(
        forge(identity, value=lambda raw: b64encode(raw).decode() + "\xa0"), InvalidSignature, x509_cert=certificate
    )


@pytest.mark.parametrize(
    ("digest", "code"),
    [
        (lambda octets: "!" + b64encode(octets).decode(), "digest-value"),
        (lambda octets: b64encode(octets[:31]).decode(), "digest-value"),
        (lambda octets: b64encode(octets[::-1]).decode(), "digest-mismatch"),
    ],
)
def test_digest_values(digest, code, identity, certificate):
    assert refused(forge(identity, digest=digest), InvalidDigest, x509_cert=certificate) == code


def test_changed_documents(identity, certificate, smki):
    document, other = sign(identity), smki.dcc.certificate
    assert refused(document.replace(b">x<", b">y<"), InvalidDigest, x509_cert=certificate) == "digest-mismatch"
    relative = document.replace(b"<a>", b'<a xmlns:r="relative">')
    assert refused(relative, x509_cert=certificate) == "relative-namespace"
    # Before whoever is trusted, in either form.
    duis = duisign.Signer(identity.private_key, identity.certificate).sign(b"<a/>")
    for signed in (document, duis):
        relative = signed.replace(b"<a>", b'<a xmlns:r="relative">')
        assert refused(relative, x509_cert=other) == "relative-namespace"
    wrapped = b"<o>" + document + b"</o>"
    assert refused(wrapped, x509_cert=certificate) == "signature-misplaced"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), octets=st.binary(max_size=6), dropped=st.integers(0, 12))
def test_any_change_is_refused_or_changes_nothing(place, octets, dropped, changeable):
    document, certificate = changeable
    place %= len(document)
    changed = document[:place] + octets + document[place + dropped :]
    # Nothing else comes through.
    with contextlib.suppress(InvalidInput, InvalidSignature):
        assert verify(changed, x509_cert=certificate).signed_data == b"<a><b>x</b></a>"


@pytest.fixture(scope="module")
def changeable(smki):
    return sign(smki.user, always_add_key_value=True), smki.user.certificate


def test_a_reference_to_the_root_by_the_right_attribute(identity, certificate):
    document = sign(identity, b'<a Name="x"/>', reference_uri="x", id_attribute="Name")
    assert verify(document, x509_cert=certificate, id_attribute="Name")
    assert refused(document, x509_cert=certificate) == "reference-uri"
    assert refused(document, x509_cert=certificate, id_attribute="Id") == "reference-uri"


# Options


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"hmac_key": b"x"}, "option"),
        ({"validate_schema": False}, "option"),
        ({"parser": etree.XMLParser()}, "option"),
        ({"uri_resolver": print}, "option"),
        ({"nothing": 1}, "option"),
        ({"expect_config": None}, "option"),
        ({"expect_config": None, "require_x509": True}, "option"),
        ({"location": "./foo/"}, "option"),
        ({"signature_methods": []}, "option"),
        ({"signature_methods": None}, "option"),
        ({"signature_methods": [SignatureMethod.RSA_SHA256]}, "option"),
        ({"digest_algorithms": [DigestAlgorithm.SHA512]}, "option"),
        ({"default_reference_c14n_method": EXCLUSIVE}, "option"),
        ({"verification_time": 5}, "clock"),
        ({"ca_pem_file": "x"}, "option"),
        ({"cert_resolver": print}, "option"),
        ({"ee_policy": 5}, "option"),
        ({"x509_cert": "no certificate"}, "certificate-malformed"),
        ({"x509_cert": 5}, "certificate-malformed"),
        ({"x509_cert": None}, "trust"),
        ({"x509_cert": None, "cert_resolver": print}, "trust"),
        ({"x509_cert": None, "ca_pem_file": "/does/not/exist"}, "source"),
        ({"x509_cert": None, "ca_pem_file": 5}, "source"),
        ({"x509_cert": None, "ca_pem_file": __file__}, "source"),
    ],
)
def test_options_that_are_refused(options, code, identity, certificate):
    assert refused(sign(identity), **{"x509_cert": certificate, **options}) == code


def test_options_that_are_met(identity, certificate):
    document = sign(identity)
    for options in (
        {"location": "./"},
        {"signature_methods": [SignatureMethod.ECDSA_SHA256]},
        {"digest_algorithms": {DigestAlgorithm.SHA256}},
        {"default_reference_c14n_method": INCLUSIVE},
        {"expect_config": SignatureConfiguration(location="./")},
    ):
        assert verify(document, x509_cert=certificate, **options)
    assert isinstance(verify(document, x509_cert=certificate, expect_references=True), list)
    assert refused(document, InvalidSignature, x509_cert=certificate, expect_references=2) == "reference-count"


def test_certificates_in_every_form(identity, certificate):
    document, pem = sign(identity), certificate.public_bytes(Encoding.PEM)
    body = b64encode(certificate.public_bytes(Encoding.DER)).decode()
    for form in (certificate, pem, pem.decode(), body):
        assert verify(document, x509_cert=form)


def test_verification_time(identity, certificate):
    document = sign(identity)
    early = certificate.not_valid_before_utc - datetime.timedelta(seconds=1)
    late = certificate.not_valid_after_utc + datetime.timedelta(seconds=1)
    inside = certificate.not_valid_after_utc
    assert verify(document, x509_cert=certificate, verification_time=inside)
    assert verify(document, x509_cert=certificate, verification_time=inside.replace(tzinfo=None))
    for moment, code in ((early, "certificate-not-yet-valid"), (late, "certificate-expired")):
        assert refused(document, InvalidCertificate, x509_cert=certificate, verification_time=moment) == code


def test_subject_name(identity, smki):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key, "signer")
    document = XMLSigner(methods.enveloped, "ecdsa-sha256", "sha256", EXCLUSIVE).sign(
        etree.fromstring("<a/>"), key=key, cert=[certificate]
    )
    assert verify(document, x509_cert=certificate, cert_subject_name="signer")
    assert refused(document, InvalidCertificate, x509_cert=certificate, cert_subject_name="x") == "certificate-subject"


def self_signed(key, name, usage=None, algorithm=None, authority=None, constraints=False, days=3650):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer_key, issuer = authority or (key, subject)
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=constraints, path_length=None), critical=True)
    if usage is not None:
        flags = dict.fromkeys(
            [
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ],
            False,
        )
        builder = builder.add_extension(x509.KeyUsage(**{**flags, **dict.fromkeys(usage, True)}), critical=True)
    return builder.sign(issuer_key, algorithm or hashes.SHA256())


def signed_with(key, certificates, annotators=(), **options):
    signer = XMLSigner(methods.enveloped, "ecdsa-sha256", "sha256", EXCLUSIVE)
    signer.signature_annotators += annotators
    return etree.tostring(signer.sign(etree.fromstring("<a/>"), key=key, cert=certificates, **options))


def test_pinned_certificates_that_must_not_sign():
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key, "s", usage=["key_agreement"])
    assert (
        refused(signed_with(key, [certificate]), InvalidCertificate, x509_cert=certificate) == "certificate-key-usage"
    )
    other = self_signed(ec.generate_private_key(ec.SECP384R1()), "s")
    assert refused(signed_with(key, [certificate]), InvalidCertificate, x509_cert=other) == "certificate-curve"
    stranger = self_signed(ec.generate_private_key(ec.SECP256R1()), "s")
    assert refused(signed_with(key, [certificate]), InvalidSignature, x509_cert=stranger) == "signature-mismatch"


# Paths


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key, "CA", ["key_cert_sign", "crl_sign"], constraints=True, days=7300)
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return key, certificate, str(path)


def issued(authority, usage=("digital_signature",), **options):
    key = ec.generate_private_key(ec.SECP256R1())
    return key, self_signed(key, "leaf", usage, authority=(authority[0], authority[1].subject), **options)


def test_path_to_an_authority(authority):
    key, leaf = issued(authority)
    document = signed_with(key, [leaf])
    for name in (authority[2], authority[2].encode()):
        assert verify(document, ca_pem_file=name, cert_subject_name="leaf").signed_data == b"<a></a>"
    assert verify(signed_with(key, [leaf, authority[1]]), ca_pem_file=authority[2])
    _, other = issued(authority, days=1)
    late = leaf.not_valid_before_utc + datetime.timedelta(days=9)
    assert (
        refused(
            signed_with(*_pair(authority, days=1)), InvalidCertificate, ca_pem_file=authority[2], verification_time=late
        )
        == "certificate-expired"
    )
    assert other.subject == leaf.subject


def _pair(authority, **options):
    key, leaf = issued(authority, **options)
    return key, [leaf]


def test_paths_that_are_none(authority):
    key = ec.generate_private_key(ec.SECP256R1())
    document = signed_with(key, [self_signed(key, "leaf", ["digital_signature"])])
    assert refused(document, InvalidCertificate, ca_pem_file=authority[2]) == "certificate-path"
    document = signed_with(*_pair(authority, usage=["key_agreement"]))
    with pytest.raises(InvalidCertificate, match="certificate KeyUsage does not allow digitalSignature") as caught:
        verify(document, ca_pem_file=authority[2])
    assert caught.value.code == "certificate-path"
    broken = signed_with(*_pair(authority)).replace(b"<ds:X509Certificate>", b"<ds:X509Certificate>AAAA")
    assert refused(broken, InvalidCertificate, ca_pem_file=authority[2]) == "certificate-malformed"


def test_policies(authority):
    document = signed_with(*_pair(authority, usage=["key_agreement"]))
    lax = x509.verification.ExtensionPolicy.permit_all()
    # The path may be lax; the key must still be for signatures.
    assert refused(document, InvalidCertificate, ca_pem_file=authority[2], ee_policy=lax) == "certificate-key-usage"
    strict = x509.verification.ExtensionPolicy.webpki_defaults_ee()
    good = signed_with(*_pair(authority))
    assert refused(good, InvalidCertificate, ca_pem_file=authority[2], ee_policy=strict) == "certificate-path"
    agnostic = x509.verification.Criticality.AGNOSTIC
    basic = lax.require_present(x509.BasicConstraints, agnostic, None).may_be_present(x509.KeyUsage, agnostic, None)
    assert verify(good, ca_pem_file=authority[2], ca_policy=basic)
    assert refused(good, ca_pem_file=authority[2], ca_policy=lax) == "option"
    assert refused(good, ca_pem_file=authority[2], ca_policy=5) == "option"


def test_resolver(authority):
    key, leaf = issued(authority)
    signer = XMLSigner(methods.enveloped, "ecdsa-sha256", "sha256", EXCLUSIVE)
    signer.signature_annotators += [add_issuer_serial, add_x509_digest, without_certificates]
    document = etree.tostring(signer.sign(etree.fromstring("<a/>"), key=key, cert=[leaf]))
    asked = []

    def resolve(**named):
        asked.append(named)
        return [leaf.public_bytes(Encoding.PEM).decode()]

    assert verify(document, cert_resolver=resolve, ca_pem_file=authority[2])
    assert asked == [
        {
            "x509_issuer_name": "CN=CA",
            "x509_serial_number": str(leaf.serial_number),
            "x509_digest": b64encode(leaf.fingerprint(hashes.SHA256())).decode(),
        }
    ]
    options = {"ca_pem_file": authority[2]}
    assert verify(document, cert_resolver=lambda **_: iter([leaf]), **options)
    assert refused(document, **options) == "key-info-content"
    assert refused(document, InvalidCertificate, cert_resolver=lambda **_: [], **options) == "unknown-signer"
    assert refused(document, InvalidCertificate, cert_resolver=lambda **_: ["x"], **options) == "certificate-malformed"
    assert (
        refused(document, InvalidCertificate, cert_resolver=lambda **_: [leaf] * 17, **options) == "certificate-chain"
    )
    for wrong in (None, "text", leaf):
        assert refused(document, cert_resolver=lambda answer=wrong, **_: answer, **options) == "option"
    with pytest.raises(KeyError):
        verify(document, cert_resolver=lambda **_: {}["mine"], **options)


def without_certificates(sig_root, signing_settings):
    for element in sig_root.findall(".//{*}X509Certificate"):
        element.getparent().remove(element)


# KeyValue


def test_key_values(identity, certificate):
    document = sign(identity, cert=None)
    result = verify(document, expect_config=KEY_VALUE)
    assert result.signature_key == verify(document, x509_cert=certificate).signature_key
    assert refused(document) == "key-info-content"
    # What asks for a certificate is never passed over.
    assert refused(document, require_x509=False, cert_subject_name="x") == "key-info-content"
    assert (
        refused(sign(identity, cert=None, annotators=[without_key_value]), expect_config=KEY_VALUE)
        == "key-info-content"
    )


def without_key_value(sig_root, signing_settings):
    for element in sig_root.findall(".//{*}KeyValue"):
        element.getparent().remove(element)


@pytest.mark.parametrize(
    "change",
    [
        (b"1.2.840.10045.3.1.7", b"1.3.132.0.34"),
        (b"NamedCurve URI=", b"NamedCurve Name="),
        (b"<dsig11:PublicKey>", b"<dsig11:PublicKey>AAAA"),
        (b"<dsig11:PublicKey>B", b"<dsig11:PublicKey>C"),
        (b"<dsig11:PublicKey>BA", b"<dsig11:PublicKey>BB"),
        (b"<dsig11:NamedCurve", b"<dsig11:Other/><dsig11:NamedCurve"),
        (b"<ds:KeyValue>", b"<ds:KeyValue><x/>"),
    ],
)
def test_key_values_that_are_none(change, identity):
    # A point that begins with 04 and another octet: base64 "BA" to "BD"; keys are made until it is as the change wants.
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        document = signed_with(key, None)
        if change[0] in document:
            break
    assert refused(document.replace(*change), expect_config=KEY_VALUE) in ("key-info-content", "signature-attribute")


def test_der_key_values(identity, certificate):
    octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def told(text):
        def annotate(sig_root, signing_settings):
            key_info = sig_root.find("{*}KeyInfo")
            etree.SubElement(key_info, "{http://www.w3.org/2009/xmldsig11#}DEREncodedKeyValue").text = text

        return annotate

    only = sign(identity, cert=None, annotators=[without_key_value, told(b64encode(octets).decode())])
    assert verify(only, expect_config=KEY_VALUE)
    both = sign(identity, cert=None, annotators=[told(b64encode(octets).decode())])
    assert refused(both, expect_config=KEY_VALUE) == "key-info-content"
    beside = sign(identity, annotators=[told(b64encode(octets).decode())])
    assert verify(beside, x509_cert=certificate)
    for text in ("!", "AAAA", b64encode(octets[:-1]).decode(), p384_key()):
        document = sign(identity, annotators=[told(text)])
        assert refused(document, x509_cert=certificate) == "key-info-content"


def p384_key():
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def test_a_key_value_of_another_key_beside_the_certificate(identity, certificate):
    document = sign(identity, always_add_key_value=True)
    assert verify(document, x509_cert=certificate)
    other = signed_with(ec.generate_private_key(ec.SECP256R1()), None)
    mine, theirs = (point(one) for one in (document, other))
    mixed = document.replace(mine, theirs)
    assert b64decode(mine) != b64decode(theirs)
    assert refused(mixed, x509_cert=certificate) == "key-info-conflict"
    assert verify(mixed, x509_cert=certificate, ignore_ambiguous_key_info=True)


def point(document):
    return etree.fromstring(document).findtext(".//{*}PublicKey").encode()
