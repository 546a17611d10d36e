"""Revocation: CRLs as an index that answers in constant time (RFC 5280 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import SignatureAlgorithmOID

from duisign.distinguished_name import DistinguishedName, comparable_name, rfc2253
from duisign.errors import CertificateRevokedError, ConfigurationError, RevocationUnknownError
from duisign.organisation_certificate import is_unreadable

if TYPE_CHECKING:
    from duisign.certificate_source import FoundRevocationList
    from duisign.organisation_certificate import Authority, OrganisationCertificate

__all__ = ["RevocationIndex", "RevocationList"]

_PARTIAL = frozenset({x509.DeltaCRLIndicator.oid, x509.IssuingDistributionPoint.oid})
"""Extensions that make a CRL speak for less than its CA, critical or not."""

_TOLERATED = frozenset({x509.CRLNumber.oid, x509.AuthorityKeyIdentifier.oid})
"""Extensions that may be critical. Any other critical one limits or enlarges what the CRL means."""


class RevocationList:
    """One complete, direct CRL whose signature was checked with its CA's key."""

    __slots__ = ("crl", "next_update", "number", "revoked", "this_update")

    def __init__(self, crl: x509.CertificateRevocationList, number: int, next_update: float) -> None:
        self.crl = crl
        self.number = number
        self.this_update = crl.last_update_utc.timestamp()
        self.next_update = next_update
        self.revoked = frozenset(entry.serial_number for entry in crl)

    def is_current(self, now: float) -> bool:
        """Whether the CRL speaks for this moment, in seconds since the epoch."""
        return self.this_update <= now <= self.next_update


def _read(crl: x509.CertificateRevocationList) -> RevocationList | str:
    """The CRL for the index, or what keeps it out."""
    try:
        number = None
        for extension in crl.extensions:
            if isinstance(extension.value, x509.CRLNumber):
                number = extension.value.crl_number
            if extension.oid in _PARTIAL or (extension.critical and extension.oid not in _TOLERATED):
                return "has a critical extension that is not understood: only complete, direct CRLs are read"
        if number is None:
            return "has no CRL number"
        if crl.next_update_utc is None:
            return "does not say when it ends (nextUpdate)"
        for entry in crl:
            if any(one.critical or isinstance(one.value, x509.CertificateIssuer) for one in entry.extensions):
                return "has an entry with a critical extension that is not understood"
        return RevocationList(crl, number, crl.next_update_utc.timestamp())
    except Exception as error:
        if not is_unreadable(error):
            raise
        return "has a part that cannot be read"


def _signed_by(crl: x509.CertificateRevocationList, key: ec.EllipticCurvePublicKey | None) -> bool:
    if key is None or crl.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        return False
    try:
        return crl.is_signature_valid(key)
    except Exception as error:
        if not is_unreadable(error):
            raise
        return False


class RevocationIndex:
    """The CRL in force of each CA. Not changed once built; shared by threads.

    `crls`: each must be signed by the one of `authorities` that it names, else ConfigurationError; those of CAs that
    are not among them are left out, and listed in `strays`. `before`: an older index; of two CRLs of one CA the one
    with the higher number is in force, and of equals the one that was there first. What the highest revokes is revoked
    at once; but before its thisUpdate (which by this clock may be seconds ahead) the one below it says too what is
    revoked, and that nothing else is.
    """

    __slots__ = ("_earlier", "_lists", "strays")

    def __init__(
        self,
        crls: Iterable[FoundRevocationList],
        authorities: Iterable[OrganisationCertificate],
        before: RevocationIndex | None = None,
    ) -> None:
        by_name: dict[DistinguishedName, list[OrganisationCertificate]] = {}
        # What is on no path has no revocations: SMKI has P-256 alone.
        usable = [one for one in authorities if one.authority is not None]
        for certificate in usable:
            by_name.setdefault(certificate.subject, []).append(certificate)
        key_identifiers = {one.key_identifier for one in usable} - {None}
        self.strays: list[FoundRevocationList] = []
        self._lists: dict[Authority, RevocationList] = dict(before._lists) if before else {}
        self._earlier: dict[Authority, RevocationList] = dict(before._earlier) if before else {}
        for found in crls:
            issuers = by_name.get(_issuer_of(found), [])
            if not issuers and _authority_key_identifier(found) not in key_identifiers:
                self.strays.append(found)
                continue
            signers = [c for c in issuers if c.signs_crls and _signed_by(found.crl, c.public_key)]
            if not signers:
                raise _refused(
                    found, "is not signed by a CA of the store that may sign CRLs", "load its CA's certificate, or "
                )
            entry = _read(found.crl)
            if isinstance(entry, str):
                raise _refused(found, entry)
            authority = signers[0].authority
            assert authority is not None
            self._add(authority, entry)

    def _add(self, authority: Authority, entry: RevocationList) -> None:
        known, earlier = self._lists.get(authority), self._earlier.get(authority)
        if known is None or entry.number > known.number:
            self._lists[authority] = entry
            if known is not None:
                self._earlier[authority] = known
        elif entry.number < known.number and (earlier is None or entry.number > earlier.number):
            self._earlier[authority] = entry

    def _in_force(self, authority: Authority, now: float) -> RevocationList | None:
        """The CRL of a CA that speaks for this moment, if one does."""
        found = self._lists.get(authority)
        if found is not None and now < found.this_update:
            found = self._earlier.get(authority)
        return found if found is not None and found.is_current(now) else None

    def current(self, authorities: Iterable[Authority], now: float) -> list[x509.CertificateRevocationList]:
        """Those of the CAs' CRLs that speak for this moment."""
        found = (self._in_force(one, now) for one in authorities)
        return [entry.crl for entry in found if entry is not None]

    def standing(self, authority: Authority, serial_number: int) -> tuple[float, float] | None:
        """The first and last moment at which the newest CRL of the CA says that this number is not revoked, or None.

        In seconds since the epoch. At any other moment `check` tells.
        """
        crl = self._lists.get(authority)
        return None if crl is None or serial_number in crl.revoked else (crl.this_update, crl.next_update)

    def check(self, authority: Authority, name: str, serial_number: int, now: float, *, accept_unknown: bool) -> None:
        """Raise CertificateError unless a current CRL of the CA says that it has not revoked this serial number.

        `name`: the CA's, as text. `accept_unknown`: pass over a CA without a current CRL; what is known to be revoked
        stays so.
        """
        crl = self._lists.get(authority)
        if crl is None:
            if accept_unknown:
                return
            raise RevocationUnknownError("revocation-unknown", f"There is no CRL of the CA {name}: load one.")
        current = crl.is_current(now)
        in_force = crl if current else self._in_force(authority, now)
        if serial_number in crl.revoked or (not current and in_force and serial_number in in_force.revoked):
            raise CertificateRevokedError(
                "certificate-revoked", "The signer's certificate, or its CA's, is revoked: refuse the message."
            )
        if in_force is None and not accept_unknown:
            raise RevocationUnknownError(
                "revocation-outdated", f"The CRL of the CA {name} is not current: load a new one."
            )


def _issuer_of(found: FoundRevocationList) -> DistinguishedName:
    try:
        # The text too, which those get who are told what else is wrong with the CRL.
        rfc2253(found.crl.issuer)
        return comparable_name(found.crl.issuer.public_bytes())
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise ConfigurationError(
            "crl", f"{found.place}: the CRL names a CA that cannot be read: obtain the right one."
        ) from None


def _authority_key_identifier(found: FoundRevocationList) -> bytes | None:
    """Which key the CRL says it is signed with: if that is a known CA's, its name is damaged."""
    try:
        extension = found.crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise _refused(found, "has a part that cannot be read") from None
    return extension.value.key_identifier


def _refused(found: FoundRevocationList, reason: str, remedy: str = "") -> ConfigurationError:
    issuer = rfc2253(found.crl.issuer)
    return ConfigurationError("crl", f"{found.place}: the CRL of {issuer} {reason}: {remedy}obtain the right one.")
