"""Verified messages: what a Verifier hands out, read from the octets that were signed and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duisign._message_content import MessageContent
from duisign._message_facts import message_facts
from duisign.message_class import MessageClass, class_of
from duisign.request_id import RequestId, collapsed, sole_identifier

if TYPE_CHECKING:
    from cryptography import x509
    from lxml.etree import _Element

    from duisign._message_facts import MessageFacts
    from duisign.algorithms import Profile
    from duisign.remote_party_role import RemotePartyRole
    from duisign.trust import Signatory

__all__ = ["UnsignedMessage", "VerifiedMessage"]


class _Message(MessageContent):
    """What is common to messages: a tree of their octets, and what they say of themselves."""

    __slots__ = ()

    @property
    def element(self) -> _Element:
        """The root of a tree parsed from the octets, the caller's to keep and change."""
        if self._element is None:
            self._element = self.copied_element()
        return self._element

    def copied_element(self) -> _Element:
        """The root of a new tree parsed from the octets."""
        return self._reader.parse(self._octets)

    @property
    def max_depth(self) -> int:
        """The limit of levels under which the message was read."""
        return self._reader.max_depth

    @property
    def _facts(self) -> MessageFacts:
        if self._known_facts is None:
            self._known_facts = message_facts(self._reader.tree(self._octets)[0])
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
        return variants.pop() or None if len(variants) == 1 else None


class VerifiedMessage(_Message):
    """A message whose signature holds.

    `signed_bytes`: the canonical octets that were digested, a complete document without the Signature; everything else
    is read from them.
    """

    __slots__ = ()

    _profile: Profile
    _signatory: Signatory

    def __repr__(self) -> str:
        return f"<VerifiedMessage {self.profile.value}, {len(self._octets)} octets, by {self.entity_id}>"

    @property
    def profile(self) -> Profile:
        """The Profile of the Signature."""
        return self._profile

    @property
    def signed_bytes(self) -> bytes:
        """The canonical octets that were digested."""
        return self._octets

    @property
    def certificate(self) -> x509.Certificate | None:
        """The signer's certificate; None if the signer is a bare pinned key."""
        certificate = self._signatory.certificate
        return None if certificate is None else certificate.certificate

    @property
    def role(self) -> RemotePartyRole | int | None:
        """The signer's Remote Party Role, as the Verifier's policy reads it; None if the certificate names none."""
        certificate, policy = self._signatory.certificate, self._policy
        if certificate is None or policy is None:
            return None if certificate is None else certificate.role
        return policy.role_of(certificate)

    @property
    def entity_id(self) -> str | None:
        """The signer's EUI-64 as upper-case hex pairs with hyphens; None if the certificate names none."""
        certificate = self._signatory.certificate
        return None if certificate is None else certificate.entity_id


class UnsignedMessage(_Message):
    """A message that nobody signed and that a policy accepts all the same: no more than a claim.

    `octets`: its canonical form, C14N 1.0.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<UnsignedMessage of {len(self._octets)} octets>"

    @property
    def octets(self) -> bytes:
        """The canonical octets."""
        return self._octets
