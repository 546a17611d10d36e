"""Path validation: from a certificate to a trusted root, by RFC 5280 section 6 and the rules of SMKI.

OpenSSL does what RFC 5280 says, through pyOpenSSL (extra ``trust``); what only SMKI says is on top.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import CertificatePoliciesOID, SignatureAlgorithmOID

from duisign.errors import (
    CertificateError,
    CertificatePathError,
    CertificateRevokedError,
    ConfigurationError,
    RevocationUnknownError,
)
from duisign.organisation_certificate import OrganisationCertificate
from duisign.remote_party_role import RemotePartyRole
from duisign.revocation import authority_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from OpenSSL import crypto

    from duisign.revocation import Authority, RevocationIndex

__all__ = ["CertificatePath", "PathValidator"]

_LONGEST = 3
"""Certificates of a path: leaf, issuing CA, root."""

_ANY_POLICY = CertificatePoliciesOID.ANY_POLICY.dotted_string

# Numbers of OpenSSL, include/openssl/x509_vfy.h
_NO_CRL, _NOT_YET_VALID, _EXPIRED, _CRL_NOT_YET_VALID, _CRL_EXPIRED, _REVOKED = 3, 9, 10, 11, 12, 23
_NO_AUTHORITY_KEY_IDENTIFIER = 85


class CertificatePath:
    """A valid path, kept so that each message needs only time and revocation. Immutable, shared by threads.

    `certificates`: from the leaf to the root.
    """

    __slots__ = ("_authority_period", "_leaf", "_links", "certificates")

    def __init__(self, certificates: Sequence[OrganisationCertificate]) -> None:
        self.certificates = tuple(certificates)
        self._leaf = certificates[0]
        periods = [one.validity for one in certificates[1:]]
        self._authority_period = max(p[0] for p in periods), min(p[1] for p in periods)
        self._links: list[tuple[Authority, int]] = []
        for subject, issuer in pairwise(certificates):
            authority = authority_of(issuer)
            assert authority is not None
            self._links.append((authority, subject.serial_number))

    def has_current_authorities(self, now: float) -> bool:
        """Whether the CA certificates of the path are valid now; others of the same CAs may be."""
        return self._authority_period[0] <= now <= self._authority_period[1]

    def check_period(self, now: float) -> None:
        """Raise CertificateError unless all of the path is within its validity periods."""
        self._leaf.check_usable(now)
        if not self.has_current_authorities(now):
            raise CertificatePathError(
                "certificate-path", "A CA certificate above the signer's is not valid now: load its successor."
            )

    def check_revocation(self, now: float, index: RevocationIndex, *, accept_unknown: bool = False) -> None:
        """Raise unless current CRLs say that nothing on the path is revoked.

        `accept_unknown`: pass over a CA without a current CRL; what is known to be revoked stays so.
        """
        for authority, serial_number in self._links:
            crl = index.get(authority)
            if crl is None:
                if accept_unknown:
                    continue
                raise RevocationUnknownError(
                    "revocation-unknown", "There is no CRL of the CA that issued the certificate: load one."
                )
            if serial_number in crl.revoked:
                raise CertificateRevokedError(
                    "certificate-revoked", "The signer's certificate, or its CA's, is revoked: refuse the message."
                )
            if not accept_unknown and not crl.is_current(now):
                raise RevocationUnknownError(
                    "revocation-outdated",
                    "The CRL of the CA that issued the certificate is not current: load a new one.",
                )


class PathValidator:
    """Finds paths to `roots` over `intermediates`; immutable, shared by threads.

    `policies`: dotted OIDs, of which the path must assert one. `need_authority_key_identifier`: whether a leaf must
    have that extension (RFC 5280 section 4.2.1.1).
    """

    def __init__(
        self,
        roots: Sequence[OrganisationCertificate],
        intermediates: Sequence[OrganisationCertificate],
        policies: frozenset[str],
        *,
        need_authority_key_identifier: bool,
    ) -> None:
        try:
            from OpenSSL import crypto
        except ImportError:
            raise ConfigurationError(
                "extra-missing", "Path validation needs pyOpenSSL: install it with `pip install 'duisign[trust]'`."
            ) from None
        self._crypto = crypto
        self._policies = policies
        self._strict = need_authority_key_identifier
        self._known = {one.fingerprint: one for one in (*intermediates, *roots)}
        self._roots = {one.fingerprint for one in roots}
        self._anchors = []
        for one in roots:
            anchor = self._converted(one)
            if anchor is None:
                raise ConfigurationError("root", "OpenSSL cannot read a root certificate: obtain the right one.")
            self._anchors.append(anchor)
        self._issuers: dict[object, list[crypto.X509]] = {}
        self.unreadable: list[OrganisationCertificate] = []
        for one in intermediates:
            converted = self._converted(one)
            if converted is None:
                self.unreadable.append(one)
            else:
                self._issuers.setdefault(one.subject, []).append(converted)

    def _converted(self, certificate: OrganisationCertificate) -> crypto.X509 | None:
        """The certificate for OpenSSL, whose reader refuses some that cryptography's takes."""
        try:
            return self._crypto.X509.from_cryptography(certificate.certificate)
        except (self._crypto.Error, ValueError):
            return None

    def validate(self, leaf: OrganisationCertificate, now: float, index: RevocationIndex | None) -> CertificatePath:
        """The path of a certificate, valid at `now` (seconds since the epoch).

        `index`: CRLs to be checked too, all of which must be current; None for none. Raises CertificateError.
        """
        leaf.check_usable(now)
        path = CertificatePath(self._chain(leaf, now, None))
        self._check_smki(path)
        path.check_period(now)
        if index is not None:
            path.check_revocation(now, index)
            self._chain(leaf, now, [entry.crl for entry in index.lists().values() if entry.is_current(now)])
        return path

    def _chain(
        self,
        leaf: OrganisationCertificate,
        now: float,
        crls: Sequence[x509.CertificateRevocationList] | None,
    ) -> list[OrganisationCertificate]:
        """OpenSSL's path, from the leaf to the root."""
        strict = self._crypto.X509StoreFlags.X509_STRICT
        try:
            return self._run(leaf, now, crls, strict)
        except self._crypto.Error:
            raise _bad_path("OpenSSL cannot read a certificate or CRL of the path") from None
        except self._crypto.X509StoreContextError as error:
            number, depth, reason = _numbers(error)
            if number == _NO_AUTHORITY_KEY_IDENTIFIER and depth == 0 and not self._strict:
                try:
                    return self._run(leaf, now, crls, 0)
                except self._crypto.X509StoreContextError as second:
                    number, depth, reason = _numbers(second)
        raise _refusal(number, depth, reason)

    def _run(
        self,
        leaf: OrganisationCertificate,
        now: float,
        crls: Sequence[x509.CertificateRevocationList] | None,
        flags: int,
    ) -> list[OrganisationCertificate]:
        crypto = self._crypto
        # A store a run: set_time changes it, and threads must not share that.
        store = crypto.X509Store()
        for anchor in self._anchors:
            store.add_cert(anchor)
        if crls is not None:
            flags |= crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
            for crl in crls:
                store.add_crl(crl)
        if flags:
            store.set_flags(flags)
        store.set_time(dt.datetime.fromtimestamp(now, dt.UTC))
        certificate = self._converted(leaf)
        if certificate is None:
            raise _bad_path("OpenSSL cannot read the signer's certificate")
        context = crypto.X509StoreContext(store, certificate, self._issuers.get(leaf.issuer, []))
        chain = [one.to_cryptography() for one in context.get_verified_chain()]
        return [leaf, *(self._known_or_new(certificate) for certificate in chain[1:])]

    def _known_or_new(self, certificate: x509.Certificate) -> OrganisationCertificate:
        read = OrganisationCertificate(certificate)
        return self._known.get(read.fingerprint, read)

    def _check_smki(self, path: CertificatePath) -> None:
        """What SMKI asks beyond RFC 5280 (SMKI Organisation Certificate Policy; DESIGN section 4)."""
        chain = path.certificates
        if not 1 < len(chain) <= _LONGEST or chain[-1].fingerprint not in self._roots:
            raise _bad_path("the path is not leaf, issuing CA, root")
        if chain[1].role != RemotePartyRole.ISSUING_AUTHORITY:
            raise _bad_path("the issuer's subject has no OU=07")
        if any(one.public_key is None for one in chain):
            raise _bad_path("a key on the path is not on P-256")
        algorithm = SignatureAlgorithmOID.ECDSA_WITH_SHA256
        if any(one.certificate.signature_algorithm_oid != algorithm for one in chain):
            raise _bad_path("a certificate on the path is not signed by ECDSA with SHA-256")
        if chain[0].is_authority:
            raise _bad_path("the signer's certificate is that of a CA")
        for one in chain[1:]:
            # RFC 5280 section 4.2.1.9; OpenSSL 3 with X509_STRICT minds this too, OpenSSL 4 no longer does.
            if not (one.is_authority and one.constraints_critical and one.signs_certificates):
                raise _bad_path("a CA on the path lacks critical basicConstraints, or keyCertSign")
        for position, one in enumerate(chain[:-1]):
            asserted = one.policies if position == 0 or _ANY_POLICY not in one.policies else self._policies
            if not asserted & self._policies:
                raise _bad_path("a certificate on the path asserts none of the required policies", "certificate-policy")


def _numbers(error: crypto.X509StoreContextError) -> tuple[int, int, str]:
    number, depth, reason = error.errors
    return number, depth, reason


def _bad_path(reason: str, code: str = "certificate-path") -> CertificatePathError:
    return CertificatePathError(code, f"The signer's certificate has no valid path: {reason}. Refuse the message.")


def _refusal(number: int, depth: int, reason: str) -> CertificateError:
    if number == _REVOKED:
        return CertificateRevokedError(
            "certificate-revoked", "The signer's certificate, or its CA's, is revoked: refuse the message."
        )
    if number in (_NO_CRL, _CRL_NOT_YET_VALID, _CRL_EXPIRED):
        return RevocationUnknownError(
            "revocation-unknown", f"Revocation cannot be checked: {reason}. Load a current CRL of each CA."
        )
    return _bad_path(f"OpenSSL says {reason} ({number}) at depth {depth}")
