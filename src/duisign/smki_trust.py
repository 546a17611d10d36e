"""SmkiTrust: trust in whoever the SMKI has certified, with Confirm Validity on every message."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from duisign.certificate_index import CertificateIndex, embedded_certificates
from duisign.certificate_path import CertificatePath, PathValidator
from duisign.certificate_source import FoundRevocationList, Problem, certificates_of, revocation_lists_of
from duisign.certificate_status import CertificateState, CertificateStatus, state_of
from duisign.distinguished_name import rfc2253
from duisign.errors import AmbiguousSignerError, CertificateError, ConfigurationError, UnknownSignerError
from duisign.limits import MAX_CARRIED_CERTIFICATE_OCTETS
from duisign.organisation_certificate import OrganisationCertificate, load_certificate
from duisign.policy import DEFAULT_POLICY, Policy
from duisign.revocation import RevocationIndex
from duisign.trust import Clock, Hints, Signatory, clock_of

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["SmkiTrust"]

_CACHED_PATHS = 4096
"""Paths. More signers than that start over; each path costs less than a millisecond to find again."""


_OID = re.compile(r"[0-9]+(\.[0-9]+)+")
_NUMBER_IN_FILE = re.compile(r", (certificate|CRL) [0-9]+$")


class _State:
    """Everything that a reload replaces at once; only its path cache grows.

    `sources`: the file of each certificate, or its place in the caller's list, by fingerprint.
    """

    __slots__ = ("authorities", "index", "paths", "problems", "revocations", "sources", "validator")

    def __init__(
        self,
        validator: PathValidator,
        authorities: Sequence[OrganisationCertificate],
        index: CertificateIndex,
        revocations: RevocationIndex,
        problems: tuple[Problem, ...],
        sources: Mapping[bytes, str],
    ) -> None:
        self.sources = sources
        self.validator = validator
        self.authorities = authorities
        self.index = index
        self.revocations = revocations
        self.problems = problems
        self.paths: dict[bytes, CertificatePath] = {}


class SmkiTrust:
    """Trusts certificates with a valid path to one of `roots`, as RFC 5280 and SMKI have it.

    `roots`, `intermediates`, `certificates`, `crls`: lists of objects of cryptography, PEM or DER bytes, or paths of
    files and folders. `certificates` are the known Organisation Certificates, found by issuer and serial number; a
    certificate that a message carries is believed too if its path is valid. One that cannot be read is left out and
    listed in `problems`, and so is a CRL of a CA that the store does not have; a CRL that cannot be read, or that the
    CA which it names has not signed, is an error, and so is no root that can be read. `policies`: dotted OIDs of
    certificate policies, of which a path must assert one. `now`: a clock. `accept_missing_authority_key_identifier`:
    RFC 5280 wants the extension in every certificate that a CA issues, and the DCC's published test certificates lack
    it.

    Revocation is asked for every message: each CA on the path needs a current CRL, and a message without is refused.
    `dangerously_accept_unknown_revocation`: where no current CRL speaks, believe that nothing is revoked; what a CRL
    revokes, current or not, stays refused. `check_revocation=False`: ask no CRL at all, not even those that are given;
    whoever stole a key then signs as its owner for as long as the certificate lasts, although the CA has revoked it.
    `repr`, `certificate_status` and the command line say when revocation is not checked.

    A CRL speaks of certificates: of a CA that has two for one key, the path by the one holds until that one is revoked.

    Shared by threads. `reload` and `add_crls` replace everything at once or nothing. Needs the extra ``trust``.
    Raises ConfigurationError.
    """

    __slots__ = ("_accept_unknown", "_check_revocation", "_lock", "_now", "_options", "_policies", "_sources", "_state")

    def __init__(
        self,
        roots: Iterable[object],
        intermediates: Iterable[object] = (),
        certificates: Iterable[object] = (),
        crls: Iterable[object] = (),
        *,
        policies: Iterable[str],
        check_revocation: bool = True,
        now: Clock | None = None,
        accept_missing_authority_key_identifier: bool = False,
        dangerously_accept_unknown_revocation: bool = False,
    ) -> None:
        self._now = clock_of(now)
        self._policies = _checked_policies(policies)
        switches = (check_revocation, accept_missing_authority_key_identifier, dangerously_accept_unknown_revocation)
        if not all(isinstance(one, bool) for one in switches):
            # Not by truth: a None or a word of a configuration must not turn a check off.
            raise ConfigurationError("switch", "Options that turn a check on or off are True or False, nothing else.")
        self._check_revocation = check_revocation
        self._accept_unknown = dangerously_accept_unknown_revocation
        self._options = {"need_authority_key_identifier": not accept_missing_authority_key_identifier}
        self._sources = tuple(_kept(source) for source in (roots, intermediates, certificates, crls))
        self._lock = threading.Lock()
        self._state = self._build(None)

    @property
    def default_policy(self) -> Policy:
        """The policy of a Verifier that is given none."""
        return DEFAULT_POLICY

    def __repr__(self) -> str:
        how = ", unknown revocation accepted" if self._accept_unknown else ""
        how = how if self._check_revocation else ", revocation NOT checked"
        return f"<SmkiTrust of {len(self._state.authorities)} CA certificates{how}>"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was left out of the store, and why."""
        return self._state.problems

    def _build(self, before: _State | None) -> _State:
        roots, problems = certificates_of(self._sources[0])
        if not roots:
            where = problems[0].where if problems else "the list of roots"
            raise ConfigurationError("root", f"There is no root certificate that can be read: see {where}.")
        intermediates, more = certificates_of(self._sources[1])
        certificates, most = certificates_of(self._sources[2])
        problems += more + most
        authorities = [one.certificate for one in (*roots, *intermediates)]
        validator = PathValidator(authorities[: len(roots)], authorities[len(roots) :], self._policies, **self._options)
        places = {one.certificate.fingerprint: one.place for one in (*intermediates, *roots)}
        problems += [
            Problem(places[one.fingerprint], "OpenSSL cannot read this certificate; it was left out.")
            for one in validator.unreadable
        ]
        revocations = RevocationIndex(
            revocation_lists_of(self._sources[3]), authorities, None if before is None else before.revocations
        )
        problems += [Problem(one.place, f"{_stray(one)}; it was left out.") for one in revocations.strays]
        return _State(
            validator,
            authorities,
            CertificateIndex(Signatory(one.certificate) for one in certificates),
            revocations,
            # A folder may serve for several lists.
            tuple(dict.fromkeys(problems)),
            {one.certificate.fingerprint: one.source for one in (*certificates, *intermediates, *roots)},
        )

    def reload(self) -> tuple[Problem, ...]:
        """Read files and folders again; returns the new `problems`.

        All or nothing: when something is broken, ConfigurationError says what, and the old state stays in force. Broken
        is also a file that had a certificate which it has no more, while something in it is left out. A CRL never gives
        way to one with a lower number.
        """
        with self._lock:
            old, state = self._state, self._build(self._state)
            lost = {old.sources[one] for one in old.sources.keys() - state.sources.keys()}
            for problem in state.problems if lost else ():
                if problem not in old.problems and _source_of(problem) in lost:
                    raise ConfigurationError("source", f"A certificate was lost: {problem.where}: {problem.sentence}")
            self._state = state
        return state.problems

    def add_crls(self, crls: Iterable[object]) -> None:
        """Put newer CRLs into force, at once for all threads; raises ConfigurationError and changes nothing.

        All of them must be of CAs that the store has.
        """
        with self._lock:
            old = self._state
            lists = RevocationIndex(revocation_lists_of(crls), old.authorities, old.revocations)
            for one in lists.strays:
                raise ConfigurationError("crl", f"{one.place}: {_stray(one)}: load its CA's certificate.")
            # Paths are found anew: OpenSSL has not seen these CRLs yet.
            self._state = _State(old.validator, old.authorities, old.index, lists, old.problems, old.sources)

    def validate(self, certificate: x509.Certificate | bytes) -> CertificatePath:
        """The path of a certificate, valid now; raises CertificateError, ConfigurationError (not a certificate)."""
        return self._path(OrganisationCertificate(load_certificate(certificate)))

    def certificate_status(self, certificate: x509.Certificate | bytes) -> CertificateStatus:
        """What the store finds of a certificate now: of a signer's, an issuing CA's or a root's, known or not.

        A signer's is valid if `validate` gives its path; no role is asked. Raises ConfigurationError (not a
        certificate).
        """
        one = OrganisationCertificate(load_certificate(certificate))
        checked = self._check_revocation and not self._accept_unknown
        try:
            path = self._authority_path(one) if one.is_authority else self._path(one).certificates
        except CertificateError as error:
            return CertificateStatus(state_of(error), error.code, str(error), (), checked)
        found = tuple(authority.certificate for authority in path)
        return CertificateStatus(CertificateState.VALID, None, None, found, checked)

    def check(self, signatory: Signatory) -> None:
        """Raise CertificateError unless the certificate may be used now."""
        if signatory.certificate is None:
            raise UnknownSignerError("unknown-signer", "A bare key has no certificate to validate: refuse it.")
        self._path(signatory.certificate)

    def _path(self, certificate: OrganisationCertificate) -> CertificatePath:
        state, now, accept_unknown = self._state, self._now(), self._accept_unknown
        index = state.revocations if self._check_revocation else None
        path = state.paths.get(certificate.fingerprint)
        if path is not None:
            if path.holds(now, index):
                return path
            path.check_leaf(now, index, accept_unknown=accept_unknown)
            try:
                path.check_authorities(now, index, accept_unknown=accept_unknown)
                path.remember(index)
                return path
            except CertificateError:
                # Another certificate of the same CA may be valid still.
                state.paths.pop(certificate.fingerprint, None)
        path = state.validator.validate(certificate, now, index, accept_unknown=accept_unknown)
        if len(state.paths) >= _CACHED_PATHS:
            state.paths.clear()
        state.paths[certificate.fingerprint] = path
        return path

    def _authority_path(self, authority: OrganisationCertificate) -> Sequence[OrganisationCertificate]:
        state = self._state
        index = state.revocations if self._check_revocation else None
        return state.validator.validate_authority(authority, self._now(), index, accept_unknown=self._accept_unknown)

    def signatories(self, hints: Hints | None) -> Sequence[Signatory]:
        """The one certificate that KeyInfo names, known or carried by the message; not yet validated."""
        if not hints:
            raise UnknownSignerError(
                "unknown-signer", "KeyInfo names no certificate: have the sender write X509IssuerSerial."
            )
        index = self._state.index
        found = index.find(hints) or _embedded(index, hints)
        if not found:
            raise UnknownSignerError(
                "unknown-signer", "KeyInfo names no known certificate: obtain it from the SMKI repository."
            )
        certificate = found[0].certificate
        assert certificate is not None
        if len(found) > 1 or index.has_namesake(certificate):
            raise AmbiguousSignerError(
                "ambiguous-signer",
                "Different certificates have the issuer and serial number that KeyInfo names: keep the genuine one.",
            )
        return found


def _embedded(index: CertificateIndex, hints: Hints) -> list[Signatory]:
    """The certificate, not a known one, that the message itself carries, if it carries one and names no other."""
    carried = []
    for der in dict.fromkeys(embedded_certificates(hints)):
        if len(der) > MAX_CARRIED_CERTIFICATE_OCTETS:
            continue
        try:
            certificate = OrganisationCertificate(load_certificate(der))
        except ConfigurationError:
            continue
        alone = CertificateIndex([Signatory(certificate)])
        carried += alone.find([*(hint for hint in hints if hint[0] != "certificate"), ("certificate", der)])
    return carried if len(carried) == 1 else []


def _stray(found: FoundRevocationList) -> str:
    return f"the CRL of {rfc2253(found.crl.issuer)} is of a CA that the store does not have"


def _source_of(problem: Problem) -> str:
    return _NUMBER_IN_FILE.sub("", problem.where)


def _kept(source: Iterable[object]) -> Iterable[object]:
    # Read more than once when the store is reloaded.
    return list(source) if isinstance(source, Iterable) and not isinstance(source, (bytes, str)) else [source]


def _checked_policies(policies: Iterable[str]) -> frozenset[str]:
    if isinstance(policies, str) or not isinstance(policies, Iterable):
        policies = ()
    required = list(policies)
    if not required or not all(isinstance(one, str) and _OID.fullmatch(one) for one in required):
        raise ConfigurationError("policies", "policies must be a list of dotted OIDs, of which a path must assert one.")
    return frozenset(required)
