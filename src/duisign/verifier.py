"""Verifier: tells whether a document is what a trusted party signed, by the strict rules of the wire profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from duisign._message_facts import message_facts
from duisign._tree_lane import canonicalize_document
from duisign._verification import Verification, describe_refusal, readable_identifier
from duisign.algorithms import Profile
from duisign.batch import VerifyResult, results_of_documents
from duisign.document import PLAIN_ALONE, DocumentReader
from duisign.errors import (
    ConfigurationError,
    DigestMismatchError,
    DocumentError,
    DuisignError,
    SchemaError,
    UnsignedMessageError,
)
from duisign.inner_message import inner_documents
from duisign.limits import EXPANSION_ALLOWANCE, MAX_DEPTH, MAX_DOCUMENT_OCTETS, MAX_EXPANSION
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.message_class import payload_classes
from duisign.policy import DEFAULT_POLICY, MAY_BE_UNSIGNED, Policy
from duisign.schema import checked_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from duisign.schema import Schema
    from duisign.trust import Trust

__all__ = ["Verifier"]

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
        "_canonical_reader",
        "_policy",
        "_reader",
        "_schema",
        "_schema_first",
        "_trust",
        "_verification",
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
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigurationError("policy", "policy must be a duisign.Policy.")
        self._schema = checked_schema(schema)
        self._schema_first = bool(schema_first)
        self._trust = trust
        self._policy = getattr(trust, "default_policy", DEFAULT_POLICY) if policy is None else policy
        self._reader = DocumentReader(max_octets, max_depth)
        self._canonical_reader = DocumentReader(MAX_EXPANSION * max_octets + EXPANSION_ALLOWANCE, max_depth)
        self._verification = Verification(
            trust,
            self._policy,
            self._reader,
            self._canonical_reader,
            duis=Profile.DUIS in accepted,
            signxml=Profile.SIGNXML in accepted,
            unmarked_c14n=bool(accept_unmarked_exclusive_c14n),
            java_widths=bool(dangerously_accept_java_widths),
            plain_alone=PLAIN_ALONE,
        )

    def __repr__(self) -> str:
        return f"<Verifier with {self._trust!r}>"

    def verify(self, document: bytes) -> VerifiedMessage:
        """The verified message; never returns for a document that does not verify.

        Raises DocumentError (not readable), CanonicalizationError, and VerificationError: UnsignedMessageError,
        SignatureFormatError, UnknownSignerError, CertificateError, DigestMismatchError, SignatureMismatchError,
        SignerRoleError; with a schema SchemaError. Each tells signer and RequestID as far as they are known.
        """
        if self._schema is None:
            return self._verification.verify(document)
        return self._by_schema(document, self._schema, self._verification.verify)

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
            error.request_id = readable_identifier(lambda: message.request_id)
            raise

    def _verify_inner(self, message: VerifiedMessage) -> VerifiedMessage:
        check = None if self._policy is None else self._policy.check_inner
        *earlier, last = inner_documents(message)
        for document in earlier:
            try:
                return self._verification.verify_by(document, check)
            except DigestMismatchError:
                # The declarations were not those that the S1SP signed; SHA-256 tells, so others may be tried.
                continue
        return self._verification.verify_by(last, check)

    def _receive(self, document: bytes) -> VerifiedMessage | UnsignedMessage:
        try:
            return self._verification.verify(document)
        except UnsignedMessageError:
            if self._policy is None or not self._policy.accept_unsigned:
                raise
            root = self._reader.parse(document)
            octets = canonicalize_document(root, 0, (), self._reader.max_depth, len(document))
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

    def _by_schema(self, document: bytes, schema: Schema, verify: Callable[[bytes], _Message]) -> _Message:
        """What `verify` gives for a document that is also valid by the schema."""
        message = None if self._schema_first else verify(document)
        root = self._reader.parse(document)
        try:
            schema.validate_element(root)
        except SchemaError as error:
            describe_refusal(error, root, None, (), None)
            raise
        return verify(document) if message is None else message
