"""Random chains and CRLs, valid and broken: OpenSSL's command never refuses what SmkiTrust accepts."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections import Counter

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import duisign
from duisign import SmkiTrust
from duisign.testing import TEST_POLICY_OID

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)] + [ec.generate_private_key(ec.SECP384R1())]
USUALLY = [True] * 30 + [False]
OTHER_POLICY, ANY_POLICY = "1.2.3", "2.5.29.32.0"
POLICY_MAPPING = x509.UnrecognizedExtension(
    # From the required policy to the other one.
    ExtensionOID.POLICY_MAPPINGS,
    bytes.fromhex("3015 3013 060d2a863a0001848fb90f01020104 06022a03"),
)


def name(unit, common):
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def usually(draw, right, *wrong):
    """Mostly what is right, so that chains with a single fault are common."""
    return right if draw(st.sampled_from(USUALLY)) else draw(st.sampled_from(wrong))


@st.composite
def certificates(draw, subject, issuer, key, signing_key, authority):
    begin = NOW - usually(draw, 5 * DAY, -DAY)
    end = NOW + usually(draw, 5 * DAY, -DAY / 2)
    builder = x509.CertificateBuilder(
        issuer, subject, key.public_key(), draw(st.integers(1, 5)), min(begin, end - DAY), end
    )
    if authority is not None:
        ca = usually(draw, True, False)
        length = draw(st.sampled_from([None, 0, 1])) if ca else None
        if usually(draw, True, False):
            builder = builder.add_extension(x509.BasicConstraints(ca, length), critical=usually(draw, True, False))
        sign_certificates, sign_crls = usually(draw, (True, True), (True, False), (False, True))
        usage = x509.KeyUsage(False, False, False, False, False, sign_certificates, sign_crls, False, False)
    else:
        signs = usually(draw, True, False)
        usage = x509.KeyUsage(signs, False, False, False, not signs, False, False, False, False)
    if usually(draw, True, False):
        builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if usually(draw, True, False):
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(usually(draw, signing_key, *KEYS).public_key())
        builder = builder.add_extension(identifier, critical=False)
    if usually(draw, True, False):
        oids = usually(
            draw, [TEST_POLICY_OID], [OTHER_POLICY], [OTHER_POLICY], [TEST_POLICY_OID, OTHER_POLICY], [ANY_POLICY]
        )
        policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(o), None) for o in oids])
        builder = builder.add_extension(policies, critical=True)
    if authority is not None and not usually(draw, True, False):
        builder = builder.add_extension(POLICY_MAPPING, critical=draw(st.booleans()))
    if not usually(draw, True, False):
        builder = builder.add_extension(
            x509.NameConstraints([x509.DirectoryName(name("99", "elsewhere"))], None), critical=True
        )
    return builder.sign(signing_key, usually(draw, hashes.SHA256(), hashes.SHA384()))


@st.composite
def revocation_lists(draw, issuer, key, serial_numbers):
    begin = NOW - usually(draw, DAY, -DAY)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(begin)
        .next_update(begin + usually(draw, 3 * DAY, DAY / 2))
    )
    builder = builder.add_extension(x509.CRLNumber(draw(st.integers(1, 3))), critical=False)
    for serial in draw(st.sets(st.sampled_from([*serial_numbers, 99]), max_size=1)):
        if serial == 99 or draw(st.integers(0, 7)) == 0:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build()
            builder = builder.add_revoked_certificate(entry)
    return builder.sign(usually(draw, key, *KEYS[:4]), hashes.SHA256())


@st.composite
def chains(draw):
    root_key, ca_key, leaf_key, _ = KEYS[:4]
    leaf_key = usually(draw, leaf_key, KEYS[4])
    root_name, ca_name = name("00", "root"), name(usually(draw, "07", "02"), "ca")
    root = draw(certificates(root_name, root_name, root_key, root_key, 2))
    # Of one CA there may be several certificates, each with faults of its own.
    cas = [
        draw(
            certificates(
                ca_name, usually(draw, root_name, name("00", "other")), ca_key, usually(draw, root_key, KEYS[3]), 1
            )
        )
        for _ in range(draw(st.sampled_from([1, 1, 2])))
    ]
    issuer = usually(draw, ca_name, root_name)
    leaf = draw(certificates(name("87", "leaf"), issuer, leaf_key, usually(draw, ca_key, KEYS[3]), None))
    crls = []
    if usually(draw, True, False):
        crls.append(draw(revocation_lists(ca_name, ca_key, [leaf.serial_number])))
    if usually(draw, True, False):
        crls.append(draw(revocation_lists(root_name, root_key, [ca.serial_number for ca in cas])))
    required = draw(st.sampled_from([[TEST_POLICY_OID], [TEST_POLICY_OID, OTHER_POLICY]]))
    return root, cas, leaf, crls, required


def pem(*items):
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in items)


def test_openssl_never_refuses_what_is_accepted(tmp_path):
    verdicts: Counter[str] = Counter()

    @settings(
        max_examples=500,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(chain=chains())
    def compare(chain):
        root, cas, leaf, crls, required = chain
        try:
            trust = SmkiTrust([root], cas, [leaf], crls, policies=required, now=NOW)
            trust.validate(leaf)
        except duisign.DuisignError as error:
            verdicts[error.code] += 1
            return
        verdicts["accepted"] += 1
        for file, data in (("root", pem(root)), ("leaf", pem(leaf)), ("crls", pem(*crls))):
            (tmp_path / file).write_bytes(data)
        # OpenSSL goes one way and never back, so each way is its own question.
        refusals = [refusal_by_openssl(tmp_path, ca, required) for ca in cas]
        assert None in refusals, refusals

    compare()
    print(dict(verdicts))
    # A generator that makes only broken chains would prove nothing.
    assert verdicts["accepted"] >= 50
    assert verdicts["certificate-revoked"] >= 1
    assert len(verdicts) >= 7


def refusal_by_openssl(folder, ca, required):
    """What `openssl verify` has against the path over one CA certificate; None if nothing."""
    (folder / "ca").write_bytes(pem(ca))
    done = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-crl_check_all",
            "-policy_check",
            "-explicit_policy",
            *(word for oid in required for word in ("-policy", oid)),
            "-attime",
            str(int(NOW.timestamp())),
            "-CAfile",
            "root",
            "-untrusted",
            "ca",
            "-CRLfile",
            "crls",
            "leaf",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return None if done.returncode == 0 else done.stderr
