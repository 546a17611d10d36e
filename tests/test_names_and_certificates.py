"""Distinguished names as text and as names, and what is read from Organisation Certificates."""

from __future__ import annotations

import contextlib
import re
import subprocess
import unicodedata

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

import duisign
from duisign import PinnedCertificates, RemotePartyRole
from duisign._request_id import identifier_parts
from duisign.certificate_index import CertificateIndex
from duisign.certificate_octets import der_element
from duisign.distinguished_name import comparable_name, parse_name, rfc2253
from duisign.organisation_certificate import OrganisationCertificate
from duisign.trust import Signatory

EUI64 = "[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){7}"
REQUEST_ID = re.compile(f"[ \\t\\r\\n]*({EUI64}):({EUI64}):([0-9]{{1,20}})[ \\t\\r\\n]*", re.ASCII)


@st.composite
def near_request_ids(draw):
    """RequestIDs, of which many have a character more, less or other."""
    counter = draw(st.one_of(st.integers(0, 2**64 + 9), st.integers(2**64 - 9, 2**64 + 9)))
    zeros = draw(st.integers(0, 3))
    eui64 = st.tuples(st.binary(min_size=8, max_size=8), st.sampled_from([str.upper, str.lower, str.title])).map(
        lambda drawn: drawn[1](drawn[0].hex("-"))
    )
    text = f"{draw(eui64)}:{draw(eui64)}:{'0' * zeros}{counter}"
    edit = draw(st.sampled_from(["none", "insert", "delete", "replace", "around"]))
    where = draw(st.integers(0, len(text) - 1))
    what = draw(st.sampled_from([*" \t\r\n:-0aAgG\0/@`\x0b\xa0\u0661\ud800", ""]))
    return {
        "none": text,
        "insert": text[:where] + what + text[where:],
        "delete": text[:where] + text[where + 1 :],
        "replace": text[:where] + what + text[where + 1 :],
        "around": f"{what}{text}{what}",
    }[edit]


def sequence(contents):
    return (b"\x30\x81%c" if len(contents) < 256 else b"\x30\x82\x01%c") % (len(contents) & 0xFF) + contents


def name(*parts):
    oids = {"CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "O": NameOID.ORGANIZATION_NAME}
    return x509.Name([x509.NameAttribute(oids[kind], value) for kind, value in parts])


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["CN", "OU", "O"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_written_names_read_back_as_the_same_name(parts):
    written = rfc2253(name(*parts))
    assert not {"Cc", "Cf", "Zl", "Zp"} & set(map(unicodedata.category, written))
    assert parse_name(written) == comparable_name(name(*parts).public_bytes())


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("OU", "07"), ("CN", "Z1")], "CN=Z1,OU=07"),
        ([("CN", 'a,b+c"d\\e<f>g;h')], 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
        ([("CN", " #x ")], "CN=\\ #x\\ "),
        ([("CN", "#x")], "CN=\\#x"),
        ([("CN", "a\nb\x1b[2J\u202e")], "CN=a\\0Ab\\1B[2J\\E2\\80\\AE"),
        ([("CN", "\n")], "CN=\\0A"),
        ([("CN", "Über Straße 1")], "CN=Über Straße 1"),
    ],
)
def test_rfc_2253_text(parts, text):
    assert rfc2253(name(*parts)) == text


def test_openssl_writes_issuers_the_same(smki, tmp_path):
    path = tmp_path / "user.pem"
    path.write_bytes(smki.user.certificate_pem())
    for what, subject in (("-issuer", smki.user.certificate.issuer), ("-subject", smki.user.certificate.subject)):
        printed = (
            subprocess.run(
                ["openssl", "x509", "-in", path, "-noout", what, "-nameopt", "RFC2253"],
                check=True,
                capture_output=True,
                text=True,
            )
            .stdout.strip()
            .partition("=")[2]
        )
        # OpenSSL knows a short name for 2.5.4.45 and writes its value as text of its own kind.
        ours = rfc2253(subject)
        if "2.5.4.45" not in ours:
            assert printed == ours
        else:
            assert printed.rpartition("OU=")[2] == ours.rpartition("OU=")[2]


def test_a_bit_string_is_written_as_hexadecimal_der(smki):
    entity = smki.user.entity_id.replace("-", "").lower()
    assert f"2.5.4.45=#030900{entity}" in rfc2253(smki.user.certificate.subject)


@pytest.mark.parametrize(
    "text",
    [
        "CN=Z1,OU=07",
        "CN=Z1, OU=07",
        "cn=z1 , ou=07",
        "CN=Z1;OU=07",
        'CN="Z1",OU=07',
        "CN=\\5A1,OU=07",
        "CN=#0C025a31,OU=#13023037",
        "OID.2.5.4.3=Z1,2.5.4.11=07",
    ],
)
def test_spellings_of_one_name(text):
    assert parse_name(text) == comparable_name(name(("OU", "07"), ("CN", "Z1")).public_bytes())


@pytest.mark.parametrize(
    "text",
    ["OU=07,CN=Z1", "CN=Z1+OU=07", "CN=Z1", "CN=Z 1,OU=07", "CN=Z1,OU=7", "CN=Z1,OU=07,OU=07", "CN=#03020041,OU=07"],
)
def test_other_names_differ(text):
    assert parse_name(text) != comparable_name(name(("OU", "07"), ("CN", "Z1")).public_bytes())


ARCS = st.lists(st.integers(0, 2**40), min_size=1, max_size=5)
ROOTS = st.one_of(st.tuples(st.sampled_from([0, 1]), st.integers(0, 39)), st.tuples(st.just(2), st.integers(0, 2**40)))


@given(types=st.lists(st.tuples(ROOTS, ARCS), min_size=1, max_size=3, unique_by=str))
def test_attribute_types_are_read_as_cryptography_writes_them(types):
    """Several attributes in one relative name, which DER sorts in its own way."""
    dotted = [".".join(map(str, (*root, *arcs))) for root, arcs in types]
    made = [x509.NameAttribute(x509.ObjectIdentifier(one), f"Value {number}") for number, one in enumerate(dotted)]
    whole = x509.Name([x509.RelativeDistinguishedName(made)])
    expected = frozenset((one, f"value {number}") for number, one in enumerate(dotted))
    assert comparable_name(whole.public_bytes()) == (expected,) == parse_name(rfc2253(whole))


def test_octets_behind_a_value_are_refused():
    with pytest.raises(ValueError, match="behind"):
        parse_name("CN=#0c025a3100")


@given(text=st.text(max_size=40))
def test_parsing_any_text_gives_a_name_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        parse_name(text)


class TestOrganisationCertificates:
    def test_facts(self, smki):
        facts = OrganisationCertificate(smki.user.certificate)
        assert facts.role is RemotePartyRole.XML_SIGN
        assert facts.entity_id == smki.user.entity_id
        assert facts.serial_number == smki.user.certificate.serial_number
        assert facts.issuer == comparable_name(smki.issuing_ca.certificate.subject.public_bytes())
        assert len(facts.key_identifier) == 8
        assert OrganisationCertificate(smki.dcc.certificate).role is RemotePartyRole.DSP_XML_SIGN
        assert OrganisationCertificate(smki.issuing_ca.certificate).entity_id is None

    @pytest.mark.parametrize(
        ("unit", "role"),
        [
            ("87", RemotePartyRole.XML_SIGN),
            ("7f", RemotePartyRole.OTHER),
            ("42", 0x42),
            ("137", None),
            ("8", None),
            ("zz", None),
            ("\u0668\u0667", None),
        ],
    )
    def test_roles(self, smki, unit, role):
        assert (
            OrganisationCertificate(smki.issue(entity_id="00-DB-12-34-A5-00-00-07", role=unit).certificate).role == role
        )

    def test_a_bundle_of_pem_pins_all_of_it(self, smki):
        bundle = smki.user.certificate_pem() + smki.dcc.certificate_pem()
        assert len(PinnedCertificates([bundle])) == 2
        with pytest.raises(duisign.ConfigurationError) as caught:
            duisign.Signer(smki.user.private_key, bundle)
        assert caught.value.code == "certificate-malformed"

    def test_bare_keys_come_as_objects_or_pem(self, smki):
        key = smki.user.private_key.public_key()
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert len(PinnedCertificates([key, pem])) == 1  # the same key, pinned twice

    def test_certificates_that_cannot_be_read_are_refused(self, smki):
        der = smki.user.certificate.public_bytes(serialization.Encoding.DER)
        for broken in (der[:-1], der[:50], b"\x30\x00", der + b"x"):
            with pytest.raises(duisign.ConfigurationError) as caught:
                PinnedCertificates([broken])
            assert caught.value.code == "certificate-malformed"

    @given(at=st.integers(0, 370), octet=st.integers(0, 255))
    def test_any_changed_octet_loads_or_is_refused(self, smki, at, octet):
        der = bytearray(smki.user.certificate.public_bytes(serialization.Encoding.DER))
        der[at % len(der)] = octet
        try:
            PinnedCertificates([bytes(der)])
        except duisign.ConfigurationError as error:
            code = error.code
        else:
            code = None
        assert code in (None, "certificate-malformed", "key-curve")

    def test_an_issuer_is_kept_for_all_whom_it_certified_and_few_are(self, smki, monkeypatch):
        known = {}
        monkeypatch.setattr("duisign.organisation_certificate._KNOWN_ISSUERS", known)
        monkeypatch.setattr("duisign.organisation_certificate._MAX_KNOWN_ISSUERS", 2)
        for number in range(5):
            issuer = smki.issue_authority(common_name=f"CA {number}")
            expected = comparable_name(issuer.certificate.subject.public_bytes())
            one, other = (
                OrganisationCertificate(smki.issue(entity_id=smki.user.entity_id, role=0x87, issuer=issuer).certificate)
                for _ in range(2)
            )
            assert one.issuer is other.issuer
            assert one.issuer == expected
            assert 0 < len(known) <= 2

    @pytest.mark.parametrize(("tag", "octet"), [(0x0C, 0xFF), (0x14, 0xE9)], ids=["UTF8String", "T61String"])
    def test_an_issuer_that_cannot_be_read_is_refused_each_time(self, smki, monkeypatch, tag, octet):
        """For cryptography a T61String is UTF-8 too; `comparable_name` alone would take it for Latin-1."""
        known = {}
        monkeypatch.setattr("duisign.organisation_certificate._KNOWN_ISSUERS", known)
        der = smki.user.certificate.public_bytes(serialization.Encoding.DER)
        text = smki.issuing_ca.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value.encode()
        value = bytes([0x0C, len(text)]) + text
        assert value in der
        broken = x509.load_der_x509_certificate(
            der.replace(value, bytes([tag, len(text)]) + text[:-1] + bytes([octet]))
        )
        for _ in range(2):
            with pytest.raises(duisign.ConfigurationError) as caught:
                OrganisationCertificate(broken)
            assert caught.value.code == "certificate-malformed"
        assert known == {}

    def test_names_of_a_certificate_of_version_1(self, smki):
        """Which has neither a version nor extensions in it."""
        outer = der_element(smki.user.certificate.public_bytes(serialization.Encoding.DER))[1]
        _, inner, signature = der_element(outer)
        _, _, fields = der_element(inner)
        extensions = fields
        # Serial number, algorithm, issuer, validity, subject, key.
        for _ in range(6):
            extensions = der_element(extensions)[2]
        fields = fields[: len(fields) - len(extensions)]
        certificate = x509.load_der_x509_certificate(sequence(sequence(fields) + signature))
        assert certificate.version is x509.Version.v1
        facts, whole = OrganisationCertificate(certificate), OrganisationCertificate(smki.user.certificate)
        assert (facts.issuer, facts.subject, facts.role) == (whole.issuer, whole.subject, whole.role)

    def test_without_key_usage_a_certificate_does_not_sign(self, smki):
        key = ec.generate_private_key(ec.SECP256R1())
        template = smki.user.certificate
        plain = x509.CertificateBuilder(
            template.issuer,
            template.subject,
            key.public_key(),
            5,
            template.not_valid_before_utc,
            template.not_valid_after_utc,
        ).sign(smki.issuing_ca.private_key, hashes.SHA256())
        with pytest.raises(duisign.ConfigurationError) as caught:
            duisign.Signer(key, plain)
        assert caught.value.code == "certificate-key-usage"


class TestMessages:
    def test_every_class_of_the_table(self, smki, samples, verifier):
        for kind, sample in samples.items():
            identity = getattr(smki, sample.signed_by)
            signed = duisign.Signer(identity.private_key, identity.certificate).sign(sample.document)
            message = verifier.verify(signed)
            assert message.message_class == kind == duisign.message_class(sample.document)
            assert message.role in (RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN)
            assert message.entity_id == identity.entity_id
        assert set(samples) == set(duisign.MessageClass)

    @pytest.mark.parametrize("document", [b"<a/>", b"<!--c--><a><b/></a>"])
    def test_other_documents_have_no_class(self, document):
        assert duisign.message_class(document) is None

    SR = 'xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway"'

    @pytest.mark.parametrize(
        "inner",
        [
            "",
            "<sr:Body/>",
            "<sr:Body><sr:A/><sr:B/></sr:Body>",
            "<sr:Body><sr:A/></sr:Body><sr:Body><sr:A/></sr:Body>",
            "<Body><sr:A/></Body>",
        ],
    )
    def test_shapes_that_no_message_has(self, inner):
        assert duisign.message_class(f"<sr:Request {self.SR}>{inner}</sr:Request>".encode()) is None

    def test_many_elements_hide_no_payload(self):
        for filler in ("<sr:ServiceReference/>", "<sr:GBCSPayload/>"):
            document = (
                f"<sr:Response {self.SR}><sr:Body><sr:ResponseMessage>{filler * 64}<sr:PreCommand/>"
                "</sr:ResponseMessage></sr:Body></sr:Response>"
            )
            assert duisign.message_class(document.encode()) is None

    def test_services_with_unknown_remote_parties(self):
        template = (
            f"<sr:Response {self.SR}><sr:Body><sr:ResponseMessage>"
            "<sr:ServiceReferenceVariant>{}</sr:ServiceReferenceVariant>"
            "<sr:GBCSPayload>AA==</sr:GBCSPayload></sr:ResponseMessage></sr:Body></sr:Response>"
        )
        for variant in ("6.21", "6.23", "6.24.1", "8.5", "8.9", "8.12.2", " 6.<!--x-->23\n"):
            assert (
                duisign.message_class(template.format(variant).encode())
                is duisign.MessageClass.UNKNOWN_REMOTE_PARTY_COMMAND
            )
        for variant in ("6.24.2", "1.1.1"):
            assert duisign.message_class(template.format(variant).encode()) is duisign.MessageClass.DEVICE_RESPONSE
        # What contradicts itself, or nobody knows, has no class: it could be one that must be signed.
        second = "</sr:ServiceReferenceVariant><sr:ServiceReferenceVariant>"
        for variant in ("", "6.230", "06.21", f"6.21{second}4.1.1", f"4.1.1{second}4.1.1"):
            assert duisign.message_class(template.format(variant).encode()) is None
        for payload in ("<sr:GBCSPayload/><sr:GBCSPayload/>", "<sr:FutureDatedDeviceAlertMessage/><sr:GBCSPayload/>"):
            document = template.format("6.21").replace("<sr:GBCSPayload>AA==</sr:GBCSPayload>", payload)
            assert duisign.message_class(document.encode()) is None

    @pytest.mark.parametrize(
        ("text", "parsed"),
        [
            (
                "00-DB-12-34-A5-00-00-01:00-db-12-34-a5-00-00-02:0",
                ("00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02", 0),
            ),
            (
                " \n00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02:18446744073709551615\t",
                ("00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02", 2**64 - 1),
            ),
        ],
    )
    def test_request_ids(self, text, parsed):
        identifier = duisign.RequestId.parse(text)
        assert (identifier.originator, identifier.target, identifier.counter) == parsed

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02",
            "00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02:18446744073709551616",
            "00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02:\u0661",
            "00DB1234A5000001:00-DB-12-34-A5-00-00-02:1",
            "00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02:1 2",
            "00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02:\ud800",
            b"00-DB-12-34-A5-00-00-01:00-DB-12-34-A5-00-00-02:1",
            None,
        ],
    )
    def test_malformed_request_ids(self, text):
        with pytest.raises(duisign.DocumentError) as caught:
            duisign.RequestId.parse(text)
        assert caught.value.code == "request-id"

    @settings(max_examples=2000)
    @given(text=near_request_ids())
    def test_they_are_read_as_a_regular_expression_reads_them(self, text):
        match = REQUEST_ID.fullmatch(text)
        expected = None
        if match is not None and int(match[3]) < 2**64:
            expected = (match[1].upper(), match[2].upper(), int(match[3]))
        assert identifier_parts(text) == expected


def test_a_flood_of_spellings_and_of_invented_issuers_keeps_no_genuine_name_out(smki, monkeypatch):
    """What is remembered is bounded, and a name in use is remembered again soon after it was forgotten."""
    monkeypatch.setattr("duisign.certificate_index._CACHED_NAMES", 4)
    monkeypatch.setattr("duisign.certificate_index._CACHED_ANSWERS", 4)
    known = OrganisationCertificate(smki.user.certificate)
    index, signatory = CertificateIndex([Signatory(known)]), None
    issuer, serial = rfc2253(smki.user.certificate.issuer), str(known.serial_number)
    subject = rfc2253(smki.user.certificate.subject)
    parsed = []

    def counted(text):
        parsed.append(text)
        return parse_name(text)

    monkeypatch.setattr("duisign.certificate_index.parse_name", counted)
    for number in range(100):
        assert index.find([("issuer-serial", f"CN=invented {number}", serial)]) == []
        (signatory,) = index.find([("issuer-serial", issuer, serial + " " * number)])
        assert signatory.certificate is known
    parsed.clear()
    for _ in range(100):
        assert index.find([("subject-name", subject)]) == [signatory]
        assert index.find([("issuer-serial", issuer, serial)]) == [signatory]
    assert parsed in ([subject], [subject, issuer])
    assert ("issuer-serial", issuer, serial) in index._answers
    assert len(index._answers) <= 4
    assert len(index._names) <= 4
