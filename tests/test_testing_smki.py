"""The throw-away SMKI has genuine shapes, and OpenSSL agrees; the samples are fit to be signed."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

from duisign.remote_party_role import RemotePartyRole
from duisign.testing import TEST_POLICY_OID, Identity, Sample, Smki, firmware_request, make_samples

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
EUI64 = "00-DB-12-34-C0-FF-EE-07"
NAMESPACES = {
    "sr": "http://www.dccinterface.co.uk/ServiceUserGateway",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
MESSAGE_CLASSES = {  # what the Body holds
    "service-request": "sr:UpdateSupplierName",
    "signed-pre-command": "sr:SignedPreCommand",
    "pre-command": "sr:ResponseMessage/sr:PreCommand",
    "non-device-response": "sr:ResponseMessage/sr:DSPInventory",
    "local-command": "sr:ResponseMessage/sr:LocalCommand",
    "scheduled-response": "sr:ResponseMessage/sr:DSPScheduledMessage",
    "unknown-remote-party-command": "sr:ResponseMessage[*='6.23']/sr:GBCSPayload",
    "device-response": "sr:ResponseMessage[*='4.1.1']/sr:GBCSPayload",
    "acknowledgement": "sr:ResponseMessage[not(*[3])]",
    "dcc-alert": "sr:DCCAlertMessage",
    "device-alert": "sr:DeviceAlertMessage",
    "smets1-response": "sr:SMETS1ResponseMessage/sr:SMETS1SignedResponse/ds:Signature",
}
ALERTS = {"dcc-alert", "device-alert"}

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is missing")


@pytest.fixture(scope="module")
def smki() -> Smki:
    return Smki.create(now=NOW)


@pytest.fixture(scope="module")
def samples(smki: Smki) -> dict[str, Sample]:
    return make_samples(smki)


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


def openssl_verify(smki: Smki, identity: Identity, folder: Path, *options: str | Path) -> str:
    smki.write(str(folder))
    certificate = folder / "checked.pem"
    certificate.write_bytes(identity.certificate_pem())
    chain = ("-CAfile", folder / "root.pem", "-untrusted", folder / "issuing-ca.pem")
    run = openssl("verify", "-x509_strict", *options, *chain, certificate)
    assert (run.returncode == 0) == run.stdout.endswith(": OK\n")
    return run.stdout + run.stderr


def issue(smki: Smki, **options: object) -> Identity:
    return smki.issue(**{"entity_id": EUI64, "role": RemotePartyRole.XML_SIGN, **options})


@needs_openssl
@pytest.mark.parametrize("party", ["user", "dcc", "s1sp"])
def test_openssl_accepts_the_path_its_policy_and_its_crls(smki: Smki, tmp_path: Path, party: str) -> None:
    crls = tmp_path / "crls.pem"
    lists = (smki.crl(), smki.crl(issuer=smki.root))
    crls.write_bytes(b"".join(crl.public_bytes(serialization.Encoding.PEM) for crl in lists))
    policy = ("-policy_check", "-explicit_policy", "-policy", TEST_POLICY_OID)
    revocation = ("-crl_check_all", "-CRLfile", crls)
    said = openssl_verify(smki, getattr(smki, party), tmp_path, *policy, *revocation)
    assert said.endswith("checked.pem: OK\n")


@needs_openssl
def test_openssl_rejects_what_is_made_wrong_on_purpose(smki: Smki, tmp_path: Path) -> None:
    expired = issue(smki, not_after=NOW - dt.timedelta(days=30))
    assert "certificate has expired" in openssl_verify(smki, expired, tmp_path)

    stranger = Identity(ec.generate_private_key(ec.SECP256R1()), smki.issuing_ca.certificate)
    misnamed = issue(smki, issuer=stranger)
    assert misnamed.certificate.issuer == smki.issuing_ca.certificate.subject
    assert "certificate signature failure" in openssl_verify(smki, misnamed, tmp_path)

    (tmp_path / "crl.pem").write_bytes(smki.crl([smki.user]).public_bytes(serialization.Encoding.PEM))
    said = openssl_verify(smki, smki.user, tmp_path, "-crl_check", "-CRLfile", tmp_path / "crl.pem")
    assert "certificate revoked" in said


@needs_openssl
def test_openssl_prints_the_shape(smki: Smki, tmp_path: Path) -> None:
    def text(identity: Identity) -> str:
        path = tmp_path / "certificate.pem"
        path.write_bytes(identity.certificate_pem())
        return " ".join(openssl("x509", "-in", path, "-noout", "-text", "-nameopt", "oneline").stdout.split())

    authority = text(smki.issuing_ca)
    assert "Issuer: OU = 00, CN = duisign test root " in authority
    assert "Basic Constraints: critical CA:TRUE, pathlen:0 " in authority
    assert "Key Usage: critical Certificate Sign, CRL Sign " in authority

    party = text(issue(smki, role=RemotePartyRole.DSP_XML_SIGN, common_name="Ouzel"))
    assert "Signature Algorithm: ecdsa-with-SHA256 Issuer: OU = 07, CN = duisign test CA " in party
    assert "Subject: CN = Ouzel, OU = 89, x500UniqueIdentifier = #03090000DB1234C0FFEE07 " in party
    assert "ASN1 OID: prime256v1 " in party
    assert f"Certificate Policies: critical Policy: {TEST_POLICY_OID} " in party
    assert "Key Usage: critical Digital Signature " in party
    assert "Key Usage: critical Key Agreement " in text(issue(smki, key_usage="key_agreement"))


def test_the_entity_id_is_a_bit_string_of_eight_octets_without_unused_bits(smki: Smki) -> None:
    identity = issue(smki, entity_id=EUI64.lower())
    oid, bit_string = bytes.fromhex("0603 55042D"), bytes.fromhex("0309 00 00DB1234C0FFEE07")
    assert identity.certificate.subject.public_bytes().endswith(b"\x30\x10" + oid + bit_string)
    assert identity.entity_id == EUI64


def test_an_organisation_certificate_has_these_extensions_and_no_others(smki: Smki) -> None:
    extensions = smki.user.certificate.extensions
    assert {type(e.value): e.critical for e in extensions} == {
        x509.KeyUsage: True,
        x509.CertificatePolicies: True,
        x509.SubjectKeyIdentifier: False,
        x509.AuthorityKeyIdentifier: False,
    }
    assert len(extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest) == 8
    assert smki.issuing_ca.certificate.subject.rfc4514_string() == "CN=duisign test CA,OU=07"
    assert smki.issuing_ca.entity_id is None


def test_roles_stand_in_the_organizational_unit(smki: Smki) -> None:
    parties = [smki.user, smki.dcc, smki.s1sp, issue(smki, role=2), issue(smki, role="137")]
    units = [party.certificate.subject.rfc4514_string().rpartition("OU=")[2] for party in parties]
    assert units == ["87", "89", "7F", "02", "137"]


def test_serial_numbers_are_as_long_as_genuine_ones_and_differ(smki: Smki) -> None:
    serials = [issue(smki).certificate.serial_number for _ in range(64)]
    assert {len(str(serial)) for serial in serials} <= {38, 39}
    assert {serial.bit_length() for serial in serials} <= {126, 127}
    assert len(set(serials)) == len(serials)


def test_every_certificate_is_valid_from_a_day_before_until_ten_years_after() -> None:
    smki = Smki.create(now=dt.datetime(2031, 5, 6, 7, 8, 9))
    for identity in (smki.root, smki.issuing_ca, smki.user, smki.dcc, smki.s1sp):
        certificate = identity.certificate
        assert certificate.not_valid_before_utc == dt.datetime(2031, 5, 5, 7, 8, 9, tzinfo=dt.UTC)
        assert certificate.not_valid_after_utc.date() == dt.date(2041, 5, 5)


def test_issue_obeys_its_options(smki: Smki) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    begin, end = dt.datetime(2019, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    identity = issue(smki, private_key=key, serial_number=17, policies=(), not_before=begin, not_after=end)
    certificate = identity.certificate
    assert certificate.public_key() == key.public_key()
    assert certificate.serial_number == 17
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (begin, end)
    assert x509.CertificatePolicies not in [type(e.value) for e in certificate.extensions]


@pytest.mark.parametrize(
    "options",
    [
        {"entity_id": "00DB1234C0FFEE07"},
        {"entity_id": "00-DB-12-34-C0-FF-EE"},
        {"entity_id": EUI64 + "\n"},
        {"role": 256},
        {"role": -1},
        {"serial_number": 0},
        {"key_usage": "signing"},
        {"policies": ["not an OID"]},
        {"not_before": NOW, "not_after": NOW - dt.timedelta(seconds=1)},
    ],
)
def test_issue_refuses(smki: Smki, options: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        issue(smki, **options)


def test_further_cas_have_the_shape_of_the_first(smki: Smki) -> None:
    first = smki.issuing_ca
    renewed = smki.issue_authority(private_key=first.private_key, not_after=NOW + dt.timedelta(days=1), serial_number=7)
    other = smki.issue_authority(common_name="another CA")
    for made in (renewed, other):
        assert [one.oid for one in made.certificate.extensions] == [one.oid for one in first.certificate.extensions]
        assert made.certificate.issuer == smki.root.certificate.subject
        made.certificate.verify_directly_issued_by(smki.root.certificate)
    assert renewed.certificate.subject == first.certificate.subject
    assert renewed.certificate.public_key() == first.certificate.public_key()
    assert (renewed.certificate.serial_number, renewed.certificate.not_valid_after_utc) == (
        7,
        NOW + dt.timedelta(days=1),
    )
    assert other.certificate.subject != first.certificate.subject
    assert other.certificate.public_key() != first.certificate.public_key()
    below = smki.issue(entity_id=EUI64, role=0x87, issuer=other)
    below.certificate.verify_directly_issued_by(other.certificate)


def test_crls_take_further_extensions(smki: Smki) -> None:
    crl = smki.crl(extensions=[x509.DeltaCRLIndicator(1)])
    extension = crl.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert (extension.critical, extension.value.crl_number) == (True, 1)
    assert crl.is_signature_valid(smki.issuing_ca.private_key.public_key())


def test_no_key_in_a_repr(smki: Smki) -> None:
    secret = smki.user.private_key.private_numbers().private_value
    shown = repr(smki.user) + repr(smki)
    assert "PrivateKey" not in shown
    assert str(secret) not in shown


def test_written_keys_are_private_from_the_start(smki: Smki, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "smki"
    folder.mkdir(parents=True)
    (folder / "dcc.key").write_text("an old file, readable by all")
    (folder / "dcc.key").chmod(0o644)
    bystander = tmp_path / "bystander"
    bystander.write_text("untouched")
    (folder / "s1sp.key").symlink_to(bystander)
    umask = os.umask(0)
    try:
        smki.write(folder)
    finally:
        os.umask(umask)
    parties = {f"{party}.{kind}" for party in ("user", "dcc", "s1sp") for kind in ("pem", "key")}
    authorities = {"root.pem", "root.crl.pem", "issuing-ca.pem", "issuing-ca.crl.pem"}
    assert {path.name for path in folder.iterdir()} == parties | authorities
    for party in ("user", "dcc", "s1sp"):
        path = folder / f"{party}.key"
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        certificate = x509.load_pem_x509_certificate((folder / f"{party}.pem").read_bytes())
        assert certificate == getattr(smki, party).certificate
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert key.public_key() == certificate.public_key()
    assert bystander.read_text() == "untouched"


def test_one_sample_of_each_class(samples: dict[str, Sample]) -> None:
    assert set(samples) == set(MESSAGE_CLASSES)
    for name, sample in samples.items():
        assert sample.message_class == name
        root = etree.fromstring(sample.document)
        body = root.find("sr:Body", NAMESPACES)
        of_class = [n for n, path in MESSAGE_CLASSES.items() if body.xpath(path, namespaces=NAMESPACES)]
        assert of_class == [name]
        assert sample.signed_by == ("user" if etree.QName(root).localname == "Request" else "dcc")


@pytest.mark.parametrize("name", MESSAGE_CLASSES)
def test_samples_are_compact_and_unsigned(samples: dict[str, Sample], name: str) -> None:
    document = samples[name].document
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?><sr:Re')
    root = etree.fromstring(document)
    assert root.get("schemaVersion") == "5.1"
    assert root.find("ds:Signature", NAMESPACES) is None
    for element in root.iter():
        assert element.tail is None
        assert len(element) == 0 or element.text is None


def test_request_ids_name_the_user(smki: Smki, samples: dict[str, Sample]) -> None:
    roots = {name: etree.fromstring(sample.document) for name, sample in samples.items()}
    found = {name: root.findtext("sr:Header/sr:RequestID", None, NAMESPACES) for name, root in roots.items()}
    assert {name for name, request_id in found.items() if request_id is None} == ALERTS
    request_ids = [request_id for request_id in found.values() if request_id]
    assert {request_id.split(":")[0] for request_id in request_ids} == {smki.user.entity_id}
    assert len(set(request_ids)) == len(request_ids)


def test_some_roots_carry_unused_declarations(samples: dict[str, Sample]) -> None:
    prefixes = [set(etree.fromstring(sample.document).nsmap) for sample in samples.values()]
    assert {"ns3", "ra", "xsi", "ds"} <= set().union(*prefixes)


def test_the_smets1_response_is_signed_inside_as_a_document_of_its_own(smki: Smki, samples: dict[str, Sample]) -> None:
    root = etree.fromstring(samples["smets1-response"].document)
    cut_out = etree.fromstring(etree.tostring(root.find(".//sr:SMETS1SignedResponse", NAMESPACES)))
    signed_info = cut_out.find("ds:Signature/ds:SignedInfo", NAMESPACES)
    raw = base64.b64decode(cut_out.findtext("ds:Signature/ds:SignatureValue", "", NAMESPACES))
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    octets = etree.tostring(signed_info, method="c14n", exclusive=True)
    s1sp = smki.s1sp.certificate.public_key()
    s1sp.verify(utils.encode_dss_signature(r, s), octets, ec.ECDSA(hashes.SHA256()))

    digest_value = cut_out.findtext(".//ds:DigestValue", "", NAMESPACES)
    cut_out.remove(cut_out.find("ds:Signature", NAMESPACES))
    canonical = io.BytesIO()
    cut_out.getroottree().write_c14n(canonical, exclusive=False, with_comments=False)
    assert base64.b64decode(digest_value) == hashlib.sha256(canonical.getvalue()).digest()


@pytest.mark.parametrize(("octets", "device_ids"), [(10_240_000, 50_000), (100, 2)])
def test_firmware_request(smki: Smki, octets: int, device_ids: int) -> None:
    root = etree.fromstring(firmware_request(smki, octets, device_ids), etree.XMLParser(huge_tree=True))
    image = root.findtext("sr:Body/sr:UpdateFirmware/sr:FirmwareImage", "", NAMESPACES)
    assert len(base64.b64decode(image, validate=True)) == octets
    meters = root.findtext("sr:Body/sr:UpdateFirmware/sr:DeviceIDList", "", NAMESPACES)
    assert len(meters) == 24 * device_ids - 1
    assert len(set(meters.split(","))) == device_ids
    assert root.findtext("sr:Header/sr:RequestID", "", NAMESPACES).startswith(f"{smki.user.entity_id}:")


def test_firmware_request_has_a_largest_default_and_a_least(smki: Smki) -> None:
    assert len(firmware_request(smki)) == len(firmware_request(smki, 10_240_000, 50_000)) > 14_850_000
    for octets, device_ids in ((-1, 1), (0, 0)):
        with pytest.raises(ValueError):
            firmware_request(smki, octets=octets, device_ids=device_ids)
