"""A throw-away SMKI: a root, an issuing CA and the parties that tests need, with fresh keys each time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import CertificatePoliciesOID, NameOID

from duisign.remote_party_role import RemotePartyRole

TEST_POLICY_OID = "1.2.826.0.1.8641679.1.2.1.4"
"""The certificate policy of the SMKI test environments."""

KeyUsageName = Literal["digital_signature", "key_agreement"]

_USER_ID = "00-DB-12-34-A5-00-00-01"
_DCC_ID = "00-DB-12-34-A5-00-00-02"
_S1SP_ID = "00-DB-12-34-A5-00-00-03"

_AGE = dt.timedelta(days=1)
_LIFETIME = dt.timedelta(days=3652)  # ten years
_SERIAL_MIN = 1 << 125  # genuine serials have 126 or 127 bits: 38 or 39 decimal digits
_SERIAL_END = 1 << 127

_KEY_MODE = 0o600
_EUI64 = re.compile(r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){7}")


@dataclasses.dataclass(frozen=True)
class Identity:
    """A P-256 private key and the certificate that names its holder. The key never shows in the repr."""

    private_key: ec.EllipticCurvePrivateKey = dataclasses.field(repr=False)
    certificate: x509.Certificate

    @property
    def entity_id(self) -> str | None:
        """The EUI-64 of the subject's 2.5.4.45, such as `"00-DB-12-34-A5-00-00-01"`; None for a CA."""
        attributes = self.certificate.subject.get_attributes_for_oid(NameOID.X500_UNIQUE_IDENTIFIER)
        if not attributes:
            return None
        bits = attributes[0].value  # a BIT STRING: its first octet counts the unused bits
        assert isinstance(bits, bytes)
        return bits[1:].hex("-").upper()

    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def private_key_pem(self) -> bytes:
        """The private key in PEM: PKCS #8, not encrypted."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclasses.dataclass(frozen=True)
class Smki:
    """A small SMKI with the shapes of the genuine one. Make one with `Smki.create()`.

    `root` signs `issuing_ca`, which signs `user` (XML_SIGN), `dcc` (DSP_XML_SIGN), `s1sp` (OTHER: the
    party that signs SMETS1 responses) and whatever `issue` is asked for. `now` is the moment, in UTC,
    around which everything is valid: from a day before it until ten years after it.
    """

    root: Identity
    issuing_ca: Identity
    user: Identity
    dcc: Identity
    s1sp: Identity
    now: dt.datetime

    @classmethod
    def create(cls, *, now: dt.datetime | None = None) -> Smki:
        """Make new keys and certificates. `now` without a time zone is read as UTC; default: the clock."""
        moment = _utc(now) if now is not None else dt.datetime.now(dt.UTC)
        root = _authority("duisign test root", RemotePartyRole.ROOT, moment, issuer=None)
        issuing_ca = _authority("duisign test CA", RemotePartyRole.ISSUING_AUTHORITY, moment, issuer=root)
        return cls(
            root=root,
            issuing_ca=issuing_ca,
            user=_party(issuing_ca, moment, _subject(_USER_ID, RemotePartyRole.XML_SIGN)),
            dcc=_party(issuing_ca, moment, _subject(_DCC_ID, RemotePartyRole.DSP_XML_SIGN)),
            s1sp=_party(issuing_ca, moment, _subject(_S1SP_ID, RemotePartyRole.OTHER)),
            now=moment,
        )

    def issue(
        self,
        *,
        entity_id: str,
        role: int | str,
        common_name: str | None = None,
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
        private_key: ec.EllipticCurvePrivateKey | None = None,
        key_usage: KeyUsageName = "digital_signature",
        policies: Sequence[str] = (TEST_POLICY_OID,),
        serial_number: int | None = None,
        issuer: Identity | None = None,
    ) -> Identity:
        """Issue an Organisation Certificate (shape: SMKI Organisation Certificate Policy).

        entity_id: an EUI-64 as hex pairs with `-`, either case.
        role: a RemotePartyRole, or another integer of 0…255; a str becomes the OU as it stands, for tests
            of wrong ones.
        not_before, not_after: without a time zone they are read as UTC. If only not_after is given and lies
            in the past, the certificate begins a day before it.
        private_key: the key to certify; default: a new P-256 key.
        policies: dotted OIDs; if empty, the extension is left out.
        serial_number: 1…2^159-1; default: random, 38 or 39 decimal digits.
        issuer: default: the issuing CA. `Identity(key, smki.issuing_ca.certificate)` makes a certificate
            that names the issuing CA but is signed by `key`.

        Raises ValueError if an EUI-64, role, date, OID, key usage or serial number is not as above.
        """
        return _party(
            issuer or self.issuing_ca,
            self.now,
            _subject(entity_id, role, common_name),
            validity=(not_before, not_after),
            private_key=private_key,
            key_usage=key_usage,
            policies=policies,
            serial_number=serial_number,
        )

    def issue_authority(
        self,
        *,
        common_name: str = "duisign test CA",
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
        private_key: ec.EllipticCurvePrivateKey | None = None,
        serial_number: int | None = None,
        issuer: Identity | None = None,
    ) -> Identity:
        """Certify an issuing CA (role 07).

        common_name: that of `issuing_ca` by default. private_key: default: a new P-256 key; with the name and key of
        `issuing_ca` it is a renewed certificate of the same CA. issuer: default: the root. The others are as in
        `issue`.
        """
        role = RemotePartyRole.ISSUING_AUTHORITY
        return _authority(
            common_name,
            role,
            self.now,
            issuer or self.root,
            validity=(not_before, not_after),
            private_key=private_key,
            serial_number=serial_number,
        )

    def crl(
        self,
        revoked: Sequence[Identity] = (),
        *,
        issuer: Identity | None = None,
        number: int | None = 1,
        this_update: dt.datetime | None = None,
        next_update: dt.datetime | None = None,
        extensions: Sequence[x509.ExtensionType] = (),
    ) -> x509.CertificateRevocationList:
        """A CRL (RFC 5280 section 5) that revokes the given certificates.

        issuer: default: the issuing CA. number: the CRL number; None leaves the extension out. It is in force from
        this_update (default: a day before `now`) to next_update (default: as long as the CAs are). extensions: critical
        ones more, such as make a CRL a partial one.
        """
        authority = issuer or self.issuing_ca
        issued = self.now - _AGE if this_update is None else _utc(this_update)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(issued)
            .next_update(self.now + _LIFETIME if next_update is None else _utc(next_update))
            .add_extension(_authority_key_identifier(authority), critical=False)
        )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        for identity in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(identity.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(issued).build())
        return builder.sign(authority.private_key, hashes.SHA256())

    def write(self, folder: str | Path) -> None:
        """Write the SMKI as PEM files into `folder`, which is made if it is missing; files are replaced.

        `root.pem`, `issuing-ca.pem`, `root.crl.pem`, `issuing-ca.crl.pem` (nothing revoked), and for each of
        user, dcc and s1sp a `.pem` and a `.key` (mode 0600). The keys of the CAs are not written.

        Raises OSError if a file cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, authority in (("root", self.root), ("issuing-ca", self.issuing_ca)):
            (folder / f"{name}.pem").write_bytes(authority.certificate_pem())
            crl = self.crl(issuer=authority)
            (folder / f"{name}.crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        for name, party in (("user", self.user), ("dcc", self.dcc), ("s1sp", self.s1sp)):
            (folder / f"{name}.pem").write_bytes(party.certificate_pem())
            _write_key(folder / f"{name}.key", party.private_key_pem())


def _authority(
    name: str,
    role: RemotePartyRole,
    now: dt.datetime,
    issuer: Identity | None,
    *,
    validity: tuple[dt.datetime | None, dt.datetime | None] = (None, None),
    private_key: ec.EllipticCurvePrivateKey | None = None,
    serial_number: int | None = None,
) -> Identity:
    # This order of the attributes gives the RFC 2253 text `CN=…,OU=07`.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role.organizational_unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    key = private_key or ec.generate_private_key(ec.SECP256R1())
    issuer_name = issuer.certificate.subject if issuer else subject
    builder = _builder(subject, issuer_name, key, validity, now, serial_number=serial_number)
    constraints = x509.BasicConstraints(ca=True, path_length=None if issuer is None else 0)
    builder = builder.add_extension(constraints, critical=True)
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    if issuer is None:
        return Identity(key, builder.sign(key, hashes.SHA256()))
    # anyPolicy, so that a certificate under another policy is a fault only where the caller says so.
    policies = _policies((TEST_POLICY_OID, CertificatePoliciesOID.ANY_POLICY.dotted_string))
    builder = builder.add_extension(policies, critical=True)
    builder = builder.add_extension(_authority_key_identifier(issuer), critical=False)
    return Identity(key, builder.sign(issuer.private_key, hashes.SHA256()))


def _party(
    issuer: Identity,
    now: dt.datetime,
    subject: x509.Name,
    *,
    validity: tuple[dt.datetime | None, dt.datetime | None] = (None, None),
    private_key: ec.EllipticCurvePrivateKey | None = None,
    key_usage: KeyUsageName = "digital_signature",
    policies: Sequence[str] = (TEST_POLICY_OID,),
    serial_number: int | None = None,
) -> Identity:
    if key_usage not in get_args(KeyUsageName):
        raise ValueError(f"key_usage must be one of {', '.join(get_args(KeyUsageName))}")
    usage = _key_usage(sign=key_usage == "digital_signature", agree=key_usage == "key_agreement")
    key = private_key or ec.generate_private_key(ec.SECP256R1())
    name = issuer.certificate.subject
    builder = _builder(subject, name, key, validity, now, serial_number=serial_number)
    if policies:
        builder = builder.add_extension(_policies(policies), critical=True)
    builder = builder.add_extension(_authority_key_identifier(issuer), critical=False)
    builder = builder.add_extension(usage, critical=True)
    return Identity(key, builder.sign(issuer.private_key, hashes.SHA256()))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    validity: tuple[dt.datetime | None, dt.datetime | None],
    now: dt.datetime,
    *,
    serial_number: int | None = None,
) -> x509.CertificateBuilder:
    not_before, not_after = validity
    end = _utc(not_after) if not_after is not None else now + _LIFETIME
    begin = _utc(not_before) if not_before is not None else min(now, end) - _AGE
    if serial_number is None:
        serial_number = _SERIAL_MIN + secrets.randbelow(_SERIAL_END - _SERIAL_MIN)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(_subject_key_identifier(key), critical=False)
    )


def _subject(entity_id: str, role: int | str, common_name: str | None = None) -> x509.Name:
    if not _EUI64.fullmatch(entity_id):
        raise ValueError("entity_id must be an EUI-64: eight pairs of hex digits with '-' between them")
    if isinstance(role, int):
        if not 0 <= role <= 0xFF:
            raise ValueError("role must be an integer of 0 to 255")
        role = f"{int(role):02X}"
    content = b"\0" + bytes.fromhex(entity_id.replace("-", ""))  # no unused bits
    attributes: list[x509.NameAttribute[str] | x509.NameAttribute[bytes]] = [
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
        x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, content, _ASN1Type.BitString),
    ]
    if common_name is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


def _policies(oids: Sequence[str]) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(o), None) for o in oids])


def _key_usage(*, sign: bool = False, agree: bool = False, authority: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(sign, False, False, False, agree, authority, authority, False, False)


def _subject_key_identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    # RFC 5280 section 4.2.1.2, method 2: the bits 0100 and the last 60 bits of the SHA-1 of the public key.
    digest = bytearray(hashlib.sha1(point, usedforsecurity=False).digest()[-8:])
    digest[0] = 0x40 | digest[0] & 0x0F
    return x509.SubjectKeyIdentifier(bytes(digest))


def _authority_key_identifier(issuer: Identity) -> x509.AuthorityKeyIdentifier:
    extension = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _write_key(path: Path, pem: bytes) -> None:
    # A new file each time: an old one would keep its mode, and O_EXCL does not follow a link.
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_MODE), "wb") as file:
        file.write(pem)
