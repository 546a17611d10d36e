"""Verifier: tells whether a document is what a trusted party signed, by the strict rules of the wire profile."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign._signature_element import read_signature
from duisign.algorithms import Profile
from duisign.document import DocumentReader
from duisign.errors import (
    AmbiguousSignerError,
    CertificateError,
    ConfigurationError,
    DigestMismatchError,
    SignatureMismatchError,
)
from duisign.limits import MAX_DEPTH, MAX_DOCUMENT_OCTETS, MAX_EXPANSION
from duisign.message import VerifiedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duisign.trust import Signatory, Trust

__all__ = ["Verifier"]

_ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


class Verifier:
    """Verifies documents against one trust store; immutable, shared by threads.

    `trust`: `PinnedCertificates`, or what else fulfils the `Trust` protocol. `profiles`: the profiles that are
    accepted. `max_octets`, `max_depth`: limits of a document.
    `accept_unmarked_exclusive_c14n`: also accept the CanonicalizationMethod that the specification prints, without
    ``#``; no message on the wire has it. `dangerously_accept_java_widths`: also accept SignatureValues of 62 and 66
    octets, which old Java stacks write, as two integers of equal width; two spellings of one signature then pass.

    Source: XMLDSig Core 1.1 section 3.2, restricted to DUIS (DESIGN section 2).
    """

    __slots__ = ("_canonical_reader", "_java_widths", "_profiles", "_reader", "_trust", "_unmarked_c14n")

    def __init__(
        self,
        trust: Trust,
        *,
        profiles: Iterable[Profile] = (Profile.DUIS, Profile.SIGNXML),
        max_octets: int = MAX_DOCUMENT_OCTETS,
        max_depth: int = MAX_DEPTH,
        accept_unmarked_exclusive_c14n: bool = False,
        dangerously_accept_java_widths: bool = False,
    ) -> None:
        if not callable(getattr(trust, "signatories", None)) or not callable(getattr(trust, "check", None)):
            raise ConfigurationError("trust", "trust must be a trust store, such as duisign.PinnedCertificates.")
        try:
            self._profiles = frozenset(profiles)
        except TypeError:
            self._profiles = frozenset()
        if not self._profiles or not all(isinstance(profile, Profile) for profile in self._profiles):
            raise ConfigurationError("profile", "profiles must be a collection of one or more duisign.Profile.")
        self._trust = trust
        self._reader = DocumentReader(max_octets, max_depth)
        self._canonical_reader = DocumentReader(MAX_EXPANSION * max_octets, max_depth)
        self._unmarked_c14n = bool(accept_unmarked_exclusive_c14n)
        self._java_widths = bool(dangerously_accept_java_widths)

    def __repr__(self) -> str:
        return f"<Verifier with {self._trust!r}>"

    def verify(self, document: bytes) -> VerifiedMessage:
        """The verified message; never returns for a document that does not verify.

        Raises DocumentError (not readable), CanonicalizationError, and VerificationError: UnsignedMessageError,
        SignatureFormatError, UnknownSignerError, CertificateError, DigestMismatchError, SignatureMismatchError.
        """
        signature = read_signature(
            self._reader.parse(document),
            profiles=self._profiles,
            unmarked_c14n=self._unmarked_c14n,
            java_widths=self._java_widths,
            max_depth=self._reader.max_depth,
            size=len(document),
        )
        signatories = self._usable(self._trust.signatories(signature.key_hints()))
        octets = signature.signed_octets()
        if sha256(octets).digest() != signature.digest_value:
            raise DigestMismatchError(
                "digest-mismatch",
                "The document is not the one that was signed: it was changed, or re-indented.",
            )
        digest = signature.signed_info_digest()
        signers = [one for one in signatories if _made_by(one, signature.der_signature, digest)]
        if len(signers) == 1:
            return VerifiedMessage(signature.profile, octets, signers[0], self._canonical_reader)
        if signers:
            raise AmbiguousSignerError(
                "ambiguous-signer",
                "Several trusted certificates hold the key: have the sender name one by KeyInfo.",
            )
        raise SignatureMismatchError(
            "signature-mismatch", "The SignatureValue was not made by the signer's key over this SignedInfo."
        )

    def _usable(self, signatories: Sequence[Signatory]) -> Sequence[Signatory]:
        """Those that may be used now; raises the reason when there is none."""
        if len(signatories) == 1:
            self._trust.check(signatories[0])
            return signatories
        usable, reason = [], None
        for signatory in signatories:
            try:
                self._trust.check(signatory)
                usable.append(signatory)
            except CertificateError as error:
                reason = error
        if reason is not None and not usable:
            raise reason
        return usable


def _made_by(signatory: Signatory, der_signature: bytes, digest: bytes) -> bool:
    key = signatory.public_key
    if key is None:
        return False
    try:
        key.verify(der_signature, digest, _ECDSA)
    except InvalidSignature:
        return False
    return True
