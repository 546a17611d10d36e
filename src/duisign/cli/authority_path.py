"""The path of a CA's own certificate. `duisign.SmkiTrust` validates those of signers, and these only on their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import CertificatePoliciesOID, SignatureAlgorithmOID

from duisign.certificate_path import CertificatePath
from duisign.certificate_source import certificates_of, revocation_lists_of
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.errors import CertificateError, CertificatePathError, ConfigurationError
from duisign.organisation_certificate import OrganisationCertificate
from duisign.remote_party_role import RemotePartyRole
from duisign.revocation import RevocationIndex

if TYPE_CHECKING:
    from duisign.cli.trust_options import SmkiOptions

__all__ = ["AuthorityPaths"]

_ANY_POLICY = CertificatePoliciesOID.ANY_POLICY.dotted_string


class AuthorityPaths:
    """Judges roots, and issuing CAs directly below them: SMKI has no others (DESIGN section 4)."""

    def __init__(self, options: SmkiOptions) -> None:
        self._policies = {_ANY_POLICY, *(options.policy_oid or ())}
        self._roots = _readable(options.root or ())
        self._index: RevocationIndex | None = None
        if not options.skip_revocation:
            try:
                crls = revocation_lists_of(options.crl or ())
                self._index = RevocationIndex(crls, [*self._roots, *_readable(options.ca or ())])
            except ConfigurationError as error:
                raise Failure(str(error), ExitStatus.KEY_MISSING) from None

    def validate(self, authority: OrganisationCertificate, now: float) -> Sequence[OrganisationCertificate]:
        """The path, from the certificate itself to its root; raises CertificateError. `now`: seconds, UTC."""
        path = [authority] if authority in self._roots else [authority, self._root_of(authority)]
        for one in path:
            begin, end = one.validity
            if now < begin:
                raise CertificateError(
                    "certificate-not-yet-valid", "The CA's certificate, or its root, is not valid yet."
                )
            if now > end:
                raise CertificateError("certificate-expired", "The CA's certificate, or its root, has expired.")
        if self._index is not None and len(path) > 1:
            CertificatePath(path).check_revocation(now, self._index)
        return path

    def _root_of(self, authority: OrganisationCertificate) -> OrganisationCertificate:
        roots = [one for one in self._roots if one.subject == authority.issuer and _issued(one, authority)]
        if not roots:
            raise _no_path("no root that is given has signed it")
        if authority.role != RemotePartyRole.ISSUING_AUTHORITY:
            raise _no_path("its subject has no OU=07")
        if any(one.public_key is None for one in (authority, *roots)):
            raise _no_path("a key on the path is not on P-256")
        if not authority.policies & self._policies:
            raise _no_path("it asserts none of the required policies", "certificate-policy")
        return roots[0]


def _readable(sources: Iterable[object]) -> list[OrganisationCertificate]:
    found = []
    for certificate in certificates_of(sources)[0]:
        try:
            found.append(OrganisationCertificate(certificate))
        except ConfigurationError:
            # The trust store has reported it.
            continue
    return found


def _issued(root: OrganisationCertificate, authority: OrganisationCertificate) -> bool:
    if authority.certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        return False
    try:
        authority.certificate.verify_directly_issued_by(root.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _no_path(reason: str, code: str = "certificate-path") -> CertificatePathError:
    return CertificatePathError(code, f"The CA's certificate has no valid path: {reason}.")
