"""Verified messages: what a Verifier hands out, read from the octets that were signed and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duisign._message_facts import message_facts
from duisign.message_class import MessageClass, class_of
from duisign.request_id import RequestId, collapsed

if TYPE_CHECKING:
    from cryptography import x509
    from lxml.etree import _Element

    from duisign._message_facts import MessageFacts
    from duisign.algorithms import Profile
    from duisign.document import DocumentReader
    from duisign.remote_party_role import RemotePartyRole
    from duisign.trust import Signatory

__all__ = ["VerifiedMessage"]


class VerifiedMessage:
    """A message whose signature holds.

    `profile`: the Profile of its Signature. `signed_bytes`: the canonical octets that were digested, a complete
    document without the Signature.
    """

    __slots__ = ("_element", "_known_facts", "_reader", "_signatory", "profile", "signed_bytes")

    def __init__(
        self,
        profile: Profile,
        signed_bytes: bytes,
        signatory: Signatory,
        reader: DocumentReader,
        facts: MessageFacts | None = None,
    ) -> None:
        self.profile = profile
        self.signed_bytes = signed_bytes
        self._signatory = signatory
        # From the very nodes whose canonical octets were digested, where somebody needed them already.
        self._known_facts = facts
        self._reader = reader
        self._element: _Element | None = None

    def __repr__(self) -> str:
        return f"<VerifiedMessage {self.profile.value}, {len(self.signed_bytes)} octets, by {self.entity_id}>"

    @property
    def element(self) -> _Element:
        """The root of a tree parsed from `signed_bytes`, the caller's to keep and change."""
        if self._element is None:
            self._element = self._reader.parse(self.signed_bytes)
        return self._element

    @property
    def certificate(self) -> x509.Certificate | None:
        """The signer's certificate; None if the signer is a bare pinned key."""
        certificate = self._signatory.certificate
        return None if certificate is None else certificate.certificate

    @property
    def role(self) -> RemotePartyRole | int | None:
        """The signer's Remote Party Role; None if the certificate names none."""
        certificate = self._signatory.certificate
        return None if certificate is None else certificate.role

    @property
    def entity_id(self) -> str | None:
        """The signer's EUI-64 as upper-case hex pairs with hyphens; None if the certificate names none."""
        certificate = self._signatory.certificate
        return None if certificate is None else certificate.entity_id

    @property
    def _facts(self) -> MessageFacts:
        if self._known_facts is None:
            self._known_facts = message_facts(self._reader.parse(self.signed_bytes))
        return self._known_facts

    @property
    def message_class(self) -> MessageClass | None:
        """The class of the message; None if the document is no DUIS message."""
        return class_of(self._facts)

    @property
    def request_id(self) -> RequestId | None:
        """The RequestID in the message's header, or None; raises DocumentError if it is malformed or repeated."""
        return sole_identifier(self._facts.request_ids)

    @property
    def response_id(self) -> RequestId | None:
        """The ResponseID in the message's header, or None; raises DocumentError if it is malformed or repeated."""
        return sole_identifier(self._facts.response_ids)

    @property
    def service_reference_variant(self) -> str | None:
        """The ServiceReferenceVariant, such as "6.15.1"; None if the message names none, or several."""
        variants = {collapsed(text) for text in self._facts.variants}
        return variants.pop() if len(variants) == 1 else None


def sole_identifier(texts: list[str]) -> RequestId | None:
    """The identifier of a header that has one; None if it has none, DocumentError if malformed or repeated."""
    return RequestId.parse(" ".join(texts)) if texts else None
