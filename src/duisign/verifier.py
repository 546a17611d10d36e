"""Verifier: tells whether a document is what a trusted party signed, by the strict rules of the wire profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign._message_facts import message_facts
from duisign._signature_element import read_signature
from duisign._tree_lane import canonicalize_document
from duisign._usual_signature import usual_signature
from duisign.algorithms import Profile
from duisign.batch import VerifyResult, results_of_documents
from duisign.certificate_index import named_signer
from duisign.document import PLAIN_ALONE, DocumentReader
from duisign.errors import (
    AmbiguousSignerError,
    CertificateError,
    ConfigurationError,
    DigestMismatchError,
    DocumentError,
    DuisignError,
    SchemaError,
    SignatureMismatchError,
    UnsignedMessageError,
)
from duisign.inner_message import inner_documents
from duisign.limits import EXPANSION_ALLOWANCE, MAX_DEPTH, MAX_DOCUMENT_OCTETS, MAX_EXPANSION
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.message_class import payload_classes
from duisign.policy import DEFAULT_POLICY, MAY_BE_UNSIGNED, Policy
from duisign.request_id import sole_identifier
from duisign.schema import checked_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from lxml.etree import _Element

    from duisign._message_facts import MessageFacts
    from duisign._signature_element import SignatureElement
    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.request_id import RequestId
    from duisign.schema import Schema
    from duisign.trust import Hints, Signatory, Trust

__all__ = ["Verifier"]

_ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


_Message = TypeVar("_Message")


class Verifier:
    """Verifies documents against one trust store; immutable, shared by threads.

    `trust`: `PinnedCertificates`, or what else fulfils the `Trust` protocol. `profiles`: the profiles that are
    accepted. `policy`: who may sign what, inner messages included; None means the one that the
    trust store says: the default `Policy` for `SmkiTrust`, none for pinned certificates and keys; and the default for a
    store that says nothing. `max_octets`, `max_depth`: limits of a document.
    `schema`: what documents must be valid by, as they came in; inner messages are not asked. It is asked last, about
    what a trusted party signed, or with `schema_first` before the Signature is looked at, as the DCC's tool does.
    `accept_unmarked_exclusive_c14n`: also accept the CanonicalizationMethod that the specification prints, without
    ``#``; no message on the wire has it. `dangerously_accept_java_widths`: also accept SignatureValues of 62 and 66
    octets, which old Java stacks write, as two integers of equal width; two spellings of one signature then pass.

    Source: XMLDSig Core 1.1 section 3.2, restricted to DUIS (DESIGN section 2).
    """

    __slots__ = (
        "_accept_duis",
        "_accept_signxml",
        "_canonical_reader",
        "_check",
        "_java_widths",
        "_policy",
        "_read_usual",
        "_reader",
        "_schema",
        "_schema_first",
        "_trust",
        "_unmarked_c14n",
    )

    def __init__(
        self,
        trust: Trust,
        *,
        profiles: Iterable[Profile] = (Profile.DUIS, Profile.SIGNXML),
        policy: Policy | None = None,
        max_octets: int = MAX_DOCUMENT_OCTETS,
        max_depth: int = MAX_DEPTH,
        schema: Schema | None = None,
        schema_first: bool = False,
        accept_unmarked_exclusive_c14n: bool = False,
        dangerously_accept_java_widths: bool = False,
    ) -> None:
        if not callable(getattr(trust, "signatories", None)) or not callable(getattr(trust, "check", None)):
            raise ConfigurationError("trust", "trust must be a trust store, such as duisign.PinnedCertificates.")
        try:
            accepted = frozenset(profiles)
        except TypeError:
            accepted = frozenset()
        if not accepted or not all(isinstance(profile, Profile) for profile in accepted):
            raise ConfigurationError("profile", "profiles must be a collection of one or more duisign.Profile.")
        # Not the set: looking an Enum up costs a call of its Python hash for each message.
        self._accept_duis = Profile.DUIS in accepted
        # It parses a part of the document, which an older libxml2 is to have as a whole.
        self._read_usual = self._accept_duis and not PLAIN_ALONE
        self._accept_signxml = Profile.SIGNXML in accepted
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigurationError("policy", "policy must be a duisign.Policy.")
        self._schema = checked_schema(schema)
        self._schema_first = bool(schema_first)
        self._trust = trust
        self._policy = getattr(trust, "default_policy", DEFAULT_POLICY) if policy is None else policy
        self._check = None if self._policy is None else self._policy.check
        self._reader = DocumentReader(max_octets, max_depth)
        self._canonical_reader = DocumentReader(MAX_EXPANSION * max_octets + EXPANSION_ALLOWANCE, max_depth)
        self._unmarked_c14n = bool(accept_unmarked_exclusive_c14n)
        self._java_widths = bool(dangerously_accept_java_widths)

    def __repr__(self) -> str:
        return f"<Verifier with {self._trust!r}>"

    def verify(self, document: bytes) -> VerifiedMessage:
        """The verified message; never returns for a document that does not verify.

        Raises DocumentError (not readable), CanonicalizationError, and VerificationError: UnsignedMessageError,
        SignatureFormatError, UnknownSignerError, CertificateError, DigestMismatchError, SignatureMismatchError,
        SignerRoleError; with a schema SchemaError. Each tells signer and RequestID as far as they are known.
        """
        if self._schema is None:
            return self._verify(document, self._check)
        return self._by_schema(document, self._schema, self._checked)

    def verify_many(
        self, documents: Iterable[bytes], *, workers: int | None = None
    ) -> Generator[VerifyResult, None, None]:
        """`verify` for each document on several threads: a `VerifyResult` each, in input order, refusals among them.

        The trust store and its clock are asked in those threads. All else is as in `Signer.sign_many`.
        """
        return results_of_documents(self.verify, VerifyResult, documents, workers)

    def receive(self, document: bytes) -> VerifiedMessage | UnsignedMessage:
        """`verify`, but a message without Signature is handed out as such if the policy accepts its class unsigned.

        Not if it holds, wherever, an element named as a payload that must be signed.
        """
        if self._schema is None:
            return self._receive(document)
        return self._by_schema(document, self._schema, self._receive)

    def verify_inner(self, message: VerifiedMessage) -> VerifiedMessage:
        """The inner message of a SMETS1 response or alert, verified as the document of its own that it was signed as.

        `message`: the outer message, verified by whoever is trusted for it. This Verifier's trust is that in the S1SP:
        with a policy, `Policy.s1sp_signing_roles` and `s1sp_entity_ids` say who that may be; without, pin the S1SP's
        own certificates. Raises UnsignedMessageError when there is no inner message, else what `verify` raises; each
        tells the RequestID of the outer message.
        """
        if not isinstance(message, VerifiedMessage):
            raise DocumentError(
                "wrong-type", "An inner message is found in a VerifiedMessage: verify the outer one first."
            )
        try:
            return self._verify_inner(message)
        except DuisignError as error:
            error.request_id = _readable_identifier(lambda: message.request_id)
            raise

    def _verify_inner(self, message: VerifiedMessage) -> VerifiedMessage:
        check = None if self._policy is None else self._policy.check_inner
        *earlier, last = inner_documents(message)
        for document in earlier:
            try:
                return self._verify(document, check)
            except DigestMismatchError:
                # The declarations were not those that the S1SP signed; SHA-256 tells, so others may be tried.
                continue
        return self._verify(last, check)

    def _receive(self, document: bytes) -> VerifiedMessage | UnsignedMessage:
        try:
            return self._verify(document, self._check)
        except UnsignedMessageError:
            if self._policy is None or not self._policy.accept_unsigned:
                raise
            root = self._reader.parse(document)
            octets = canonicalize_document(root, 0, (), self._reader.max_depth)
            if PLAIN_ALONE:
                self._reader.check_plain(octets)
            message = UnsignedMessage(octets, self._canonical_reader, message_facts(root))
            # A payload that must be signed might be found by its name alone, where the class does not look for it.
            if (
                message.message_class not in self._policy.accept_unsigned
                or not payload_classes(root) <= MAY_BE_UNSIGNED
            ):
                raise
            return message

    def _checked(self, document: bytes) -> VerifiedMessage:
        return self._verify(document, self._check)

    def _by_schema(self, document: bytes, schema: Schema, verify: Callable[[bytes], _Message]) -> _Message:
        """What `verify` gives for a document that is also valid by the schema."""
        message = None if self._schema_first else verify(document)
        root = self._reader.parse(document)
        try:
            schema.validate_element(root)
        except SchemaError as error:
            _describe(error, root, None, (), None)
            raise
        return verify(document) if message is None else message

    def _verify(
        self, document: bytes, check: Callable[[OrganisationCertificate | None, MessageFacts], None] | None
    ) -> VerifiedMessage:
        reader = self._reader
        signature: SignatureElement | None = None
        if self._read_usual:
            signature = usual_signature(document, reader.max_octets, reader.max_depth)
        root = reader.parse(document) if signature is None else signature.root
        hints: Hints | None = None
        signatories: Sequence[Signatory] = ()
        try:
            if signature is None:
                signature = read_signature(
                    root,
                    self._accept_duis,
                    self._accept_signxml,
                    self._unmarked_c14n,
                    self._java_widths,
                    reader.max_depth,
                    len(document),
                )
            hints = signature.key_hints()
            signatories = self._trust.signatories(hints)
            if len(signatories) == 1:
                self._trust.check(signatories[0])
            else:
                signatories = self._usable(signatories)
            octets = signature.signed_octets()
            if not signature.digest_holds():
                raise DigestMismatchError(
                    "digest-mismatch", "The document is not the one that was signed: it was changed, or re-indented."
                )
            signer = _signer_of(signatories, signature)
            if PLAIN_ALONE:
                # So that their tree can be had.
                reader.check_plain(octets)
            if check is None:
                return VerifiedMessage(octets, self._canonical_reader, None, signature.profile, signer, self._policy)
            facts = message_facts(root)
            check(signer.certificate, facts)
            return VerifiedMessage(octets, self._canonical_reader, facts, signature.profile, signer, self._policy)
        except DuisignError as error:
            _describe(error, root, hints, signatories, self._policy)
            raise

    def _usable(self, signatories: Sequence[Signatory]) -> Sequence[Signatory]:
        """Those that may be used now; raises the reason when there is none."""
        usable, reason = [], None
        for signatory in signatories:
            try:
                self._trust.check(signatory)
                usable.append(signatory)
            except CertificateError as error:
                reason = error
        if reason is not None and not usable:
            try:
                raise reason
            finally:
                # The traceback holds this frame: without this the two would hold each other.
                reason = None
        return usable


def _signer_of(signatories: Sequence[Signatory], signature: SignatureElement) -> Signatory:
    """The one whose key made the SignatureValue."""
    digest, der_signature = signature.signed_info_digest(), signature.der_signature
    signer = None
    for one in signatories:
        key = one.public_key
        if key is None:
            continue
        try:
            key.verify(der_signature, digest, _ECDSA)
        except InvalidSignature:
            continue
        if signer is not None:
            raise AmbiguousSignerError(
                "ambiguous-signer", "Several trusted certificates hold the key: have the sender name one by KeyInfo."
            )
        signer = one
    if signer is None:
        raise SignatureMismatchError(
            "signature-mismatch", "The SignatureValue was not made by the signer's key over this SignedInfo."
        )
    return signer


def _describe(
    error: DuisignError,
    root: _Element,
    hints: Hints | None,
    signatories: Sequence[Signatory],
    policy: Policy | None,
) -> None:
    """Tell the receiver of a refusal whom and what it is about, as far as the message says."""
    error.request_id = _readable_identifier(lambda: sole_identifier(message_facts(root).request_ids))
    certificate = signatories[0].certificate if len(signatories) == 1 else None
    if certificate is not None:
        error.signer = certificate.facts(certificate.role if policy is None else policy.role_of(certificate))
    else:
        error.signer = named_signer(hints)


def _readable_identifier(read: Callable[[], RequestId | None]) -> str | None:
    try:
        identifier = read()
    except DuisignError:
        return None
    return None if identifier is None else str(identifier)
