"""Path validation: from a certificate to a trusted root, by RFC 5280 section 6 and the rules of SMKI.

OpenSSL does what RFC 5280 says, through pyOpenSSL (extra ``trust``); what only SMKI says is on top.
"""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import CertificatePoliciesOID, ExtensionOID, SignatureAlgorithmOID

from duisign.distinguished_name import rfc2253
from duisign.errors import (
    CertificateError,
    CertificatePathError,
    CertificateRevokedError,
    ConfigurationError,
    RevocationUnknownError,
)
from duisign.remote_party_role import RemotePartyRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from OpenSSL import crypto

    from duisign.distinguished_name import DistinguishedName
    from duisign.organisation_certificate import Authority, OrganisationCertificate
    from duisign.revocation import RevocationIndex

__all__ = ["CertificatePath", "PathValidator"]

_LONGEST = 3
"""Certificates of a path: leaf, issuing CA, root."""

_T = TypeVar("_T")

_ANY_POLICY = CertificatePoliciesOID.ANY_POLICY.dotted_string

# Numbers of OpenSSL, include/openssl/x509_vfy.h
_NO_CRL, _NOT_YET_VALID, _EXPIRED, _CRL_NOT_YET_VALID, _CRL_EXPIRED, _REVOKED = 3, 9, 10, 11, 12, 23
_NO_AUTHORITY_KEY_IDENTIFIER = 85


class CertificatePath:
    """A valid path, kept so that each message needs only time and revocation. Shared by threads.

    `certificates`: from the leaf to the root.
    """

    __slots__ = ("_authority_period", "_leaf", "_links", "_standing", "certificates")

    def __init__(self, certificates: Sequence[OrganisationCertificate]) -> None:
        self.certificates = tuple(certificates)
        self._leaf = certificates[0]
        periods = [one.validity for one in certificates[1:]]
        self._authority_period = max(p[0] for p in periods), min(p[1] for p in periods)
        self._links: list[tuple[Authority, str, int]] = []
        for subject, issuer in pairwise(certificates):
            assert issuer.authority is not None
            self._links.append((issuer.authority, rfc2253(issuer.certificate.subject), subject.serial_number))
        # Replaced in one step: an index, and the first and last moment at which nothing is wrong by it.
        self._standing: tuple[RevocationIndex | None, float, float] = None, math.inf, -math.inf

    @property
    def authorities(self) -> list[Authority]:
        """The CAs of the path, each of which has to tell what it revoked."""
        return [authority for authority, _, _ in self._links]

    def holds(self, now: float, index: RevocationIndex | None) -> bool:
        """Whether by what `remember` has found nothing is wrong at this moment; False also where that is not known."""
        known, first, last = self._standing
        return known is index and first <= now <= last

    def remember(self, index: RevocationIndex | None) -> None:
        """Note until when the checks, all of which have passed, would pass again: an index never changes."""
        periods = [self._authority_period, self._leaf.validity]
        if index is not None:
            for authority, _, serial_number in self._links:
                period = index.standing(authority, serial_number)
                if period is None:
                    return
                periods.append(period)
        self._standing = index, max(first for first, _ in periods), min(last for _, last in periods)

    def check_leaf(self, now: float, index: RevocationIndex | None, *, accept_unknown: bool) -> None:
        """Raise CertificateError unless the leaf is valid now and not revoked. No other path could mend that.

        `index`: None to ask no CRL. `accept_unknown`: as for `RevocationIndex.check`.
        """
        self._leaf.check_usable(now)
        if index is not None:
            authority, name, serial_number = self._links[0]
            index.check(authority, name, serial_number, now, accept_unknown=accept_unknown)

    def check_authorities(self, now: float, index: RevocationIndex | None, *, accept_unknown: bool) -> None:
        """Raise CertificateError unless the CA certificates are valid now and not revoked. Others of them may be."""
        if index is not None:
            for authority, name, serial_number in self._links[1:]:
                index.check(authority, name, serial_number, now, accept_unknown=accept_unknown)
        if not self._authority_period[0] <= now <= self._authority_period[1]:
            raise _bad_path("a CA certificate on the path is not valid now")


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
        self._known: dict[bytes, OrganisationCertificate] = {}
        self._converted_authorities: dict[bytes, crypto.X509] = {}
        self.unreadable: list[OrganisationCertificate] = []
        for one in dict.fromkeys((*roots, *intermediates)):
            converted = self._converted(one)
            if converted is None:
                self.unreadable.append(one)
            else:
                self._known[one.fingerprint] = one
                self._converted_authorities[one.fingerprint] = converted
        self._roots = {one.fingerprint for one in roots} & self._known.keys()
        if not self._roots:
            raise ConfigurationError("root", "OpenSSL can read no root certificate: obtain the right one.")
        # By name; of one CA's certificates the newest first.
        self._by_name: dict[DistinguishedName, list[OrganisationCertificate]] = {}
        for one in sorted(self._known.values(), key=lambda one: one.validity, reverse=True):
            self._by_name.setdefault(one.subject, []).append(one)

    def _converted(self, certificate: OrganisationCertificate) -> crypto.X509 | None:
        """The certificate for OpenSSL, whose reader refuses some that cryptography's takes."""
        try:
            return self._crypto.X509.from_cryptography(certificate.certificate)
        except (self._crypto.Error, ValueError):
            return None

    def validate(
        self, leaf: OrganisationCertificate, now: float, index: RevocationIndex | None, *, accept_unknown: bool
    ) -> CertificatePath:
        """The path of a signer's certificate, valid at `now` (seconds since the epoch).

        `index`: CRLs to be asked, None to ask none. `accept_unknown`: as for `RevocationIndex.check`. Each certificate
        of the issuer is tried, since one that is revoked or not of this time does not speak for the others. Raises
        CertificateError.
        """
        leaf.check_usable(now)

        def validated(above: Sequence[OrganisationCertificate]) -> CertificatePath:
            chain = self._chain(leaf, above, now, None)
            self._check_smki(chain, chain[1:])
            path = CertificatePath(chain)
            path.check_leaf(now, index, accept_unknown=accept_unknown)
            path.check_authorities(now, index, accept_unknown=accept_unknown)
            if index is not None and not accept_unknown:
                self._chain(leaf, above, now, index.current(path.authorities, now))
            return path

        roots = ([root] for root in self._named(leaf.issuer) if root.fingerprint in self._roots)
        return _first_good(validated, [*self._issuers(leaf), *roots])

    def validate_authority(
        self, authority: OrganisationCertificate, now: float, index: RevocationIndex | None, *, accept_unknown: bool
    ) -> Sequence[OrganisationCertificate]:
        """The path of a CA's own certificate, from itself to the root, otherwise as `validate` does."""
        begin, end = authority.validity
        if not begin <= now <= end:
            code = "certificate-not-yet-valid" if now < begin else "certificate-expired"
            raise CertificateError(code, "The CA's certificate is not valid now: load its successor.")

        def validated(above: Sequence[OrganisationCertificate]) -> Sequence[OrganisationCertificate]:
            chain = self._chain(authority, above, now, None)
            self._check_smki(chain, chain)
            if index is not None and len(chain) > 1:
                issuer, name = chain[1].authority, rfc2253(chain[1].certificate.subject)
                assert issuer is not None
                index.check(issuer, name, authority.serial_number, now, accept_unknown=accept_unknown)
                if not accept_unknown:
                    self._chain(authority, above, now, index.current([issuer], now))
            return chain

        if authority.fingerprint in self._roots:
            return validated([authority])
        roots = [[one] for one in self._named(authority.issuer) if one.fingerprint in self._roots]
        return _first_good(validated, roots)

    def _named(self, name: DistinguishedName) -> Sequence[OrganisationCertificate]:
        return self._by_name.get(name, ())

    def _issuers(self, leaf: OrganisationCertificate) -> Iterator[list[OrganisationCertificate]]:
        """Each issuing CA's certificate and root that could stand above a leaf, by their names."""
        for issuer in self._named(leaf.issuer):
            for root in self._named(issuer.issuer):
                if root.fingerprint in self._roots and root is not issuer:
                    yield [issuer, root]

    def _chain(
        self,
        leaf: OrganisationCertificate,
        above: Sequence[OrganisationCertificate],
        now: float,
        crls: Sequence[x509.CertificateRevocationList] | None,
    ) -> list[OrganisationCertificate]:
        """OpenSSL's path, from the leaf to the root, over the certificates that are to stand above the leaf."""
        strict = self._crypto.X509StoreFlags.X509_STRICT
        try:
            return self._run(leaf, above, now, crls, strict)
        except self._crypto.Error:
            raise _bad_path("OpenSSL cannot read a certificate or CRL of the path") from None
        except self._crypto.X509StoreContextError as error:
            number, depth, reason = _numbers(error)
        if number == _NO_AUTHORITY_KEY_IDENTIFIER and not self._strict:
            if len(above) > 1:
                # OpenSSL stopped there: the CA is held to the strict rules on its own.
                self._chain(above[0], above[1:], now, None)
            try:
                return self._run(leaf, above, now, crls, 0)
            except self._crypto.X509StoreContextError as error:
                number, depth, reason = _numbers(error)
        raise _refusal(number, depth, reason)

    def _run(
        self,
        leaf: OrganisationCertificate,
        above: Sequence[OrganisationCertificate],
        now: float,
        crls: Sequence[x509.CertificateRevocationList] | None,
        flags: int,
    ) -> list[OrganisationCertificate]:
        crypto = self._crypto
        *issuers, root = (self._converted_authorities[one.fingerprint] for one in above)
        # A store a run: set_time changes it, and threads must not share that.
        store = crypto.X509Store()
        store.add_cert(root)
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
        context = crypto.X509StoreContext(store, certificate, issuers)
        chain = [one.to_cryptography() for one in context.get_verified_chain()]
        return [leaf, *(self._known[one.fingerprint(hashes.SHA256())] for one in chain[1:])]

    def _check_smki(
        self, chain: Sequence[OrganisationCertificate], authorities: Sequence[OrganisationCertificate]
    ) -> None:
        """What SMKI asks beyond RFC 5280 (SMKI Organisation Certificate Policy; DESIGN section 4).

        `authorities`: those of the chain that are CAs: an issuing CA and a root, or the root alone.
        """
        if not 0 < len(authorities) < _LONGEST or chain[-1].fingerprint not in self._roots:
            raise _bad_path("the path is not leaf, issuing CA, root")
        if len(chain) > 1 and authorities[0].role != RemotePartyRole.ISSUING_AUTHORITY:
            raise _bad_path("the issuer's subject has no OU=07")
        if any(one.public_key is None for one in chain):
            raise _bad_path("a key on the path is not on P-256")
        algorithm = SignatureAlgorithmOID.ECDSA_WITH_SHA256
        if any(one.certificate.signature_algorithm_oid != algorithm for one in chain):
            raise _bad_path("a certificate on the path is not signed by ECDSA with SHA-256")
        if chain[0].is_authority and len(authorities) < len(chain):
            raise _bad_path("the signer's certificate is that of a CA")
        for one in authorities:
            # RFC 5280 section 4.2.1.9; OpenSSL 3 with X509_STRICT minds this too, OpenSSL 4 no longer does.
            if not (one.is_authority and one.constraints_critical and one.signs_certificates):
                raise _bad_path("a CA on the path lacks critical basicConstraints, or keyCertSign")
        # RFC 5280 section 6.1: one policy through the whole path, not one of them for each certificate.
        asserted = self._policies
        for one in chain[:-1]:
            if any(extension.oid == ExtensionOID.POLICY_MAPPINGS for extension in one.certificate.extensions):
                raise _bad_path("a certificate on the path maps policies, as none of SMKI does", "certificate-policy")
            if one not in authorities or _ANY_POLICY not in one.policies:
                asserted &= one.policies
        if not asserted:
            raise _bad_path("the certificates on the path assert none of the required policies", "certificate-policy")


def _first_good(
    validated: Callable[[Sequence[OrganisationCertificate]], _T], paths: Iterable[Sequence[OrganisationCertificate]]
) -> _T:
    """What the first valid path gives; raises why one is not valid, if possible for more than its having no path."""
    refusal: CertificateError | None = None
    try:
        for above in paths:
            try:
                return validated(above)
            except CertificateError as error:
                if refusal is None or type(refusal) is CertificatePathError is not type(error):
                    refusal = error
        raise refusal or _bad_path("no certificate of its issuer is known that leads to a root")
    finally:
        # The traceback holds this frame: without this the two would hold each other.
        refusal = None


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
