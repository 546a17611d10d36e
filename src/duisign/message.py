"""Verified messages: what a Verifier hands out, read from the octets that were signed and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duisign.message_class import SERVICE_GATEWAY, MessageClass, element_text, message_class
from duisign.request_id import RequestId

if TYPE_CHECKING:
    from cryptography import x509
    from lxml.etree import _Element

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

    __slots__ = ("_element", "_facts", "_reader", "_signatory", "profile", "signed_bytes")

    def __init__(self, profile: Profile, signed_bytes: bytes, signatory: Signatory, reader: DocumentReader) -> None:
        self.profile = profile
        self.signed_bytes = signed_bytes
        self._signatory = signatory
        self._reader = reader
        self._element: _Element | None = None
        self._facts: _Element | None = None

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
    def message_class(self) -> MessageClass | None:
        """The class of the message; None if the document is no DUIS message."""
        return message_class(self._tree())

    @property
    def request_id(self) -> RequestId | None:
        """The RequestID in the message's header, or None; raises DocumentError if it is malformed."""
        return self._identifier("RequestID")

    @property
    def response_id(self) -> RequestId | None:
        """The ResponseID in the message's header, or None; raises DocumentError if it is malformed."""
        return self._identifier("ResponseID")

    def _tree(self) -> _Element:
        # Apart from `element`, which the caller may change.
        if self._facts is None:
            self._facts = self._reader.parse(self.signed_bytes)
        return self._facts

    def _identifier(self, name: str) -> RequestId | None:
        found = self._tree().findall(f"{{{SERVICE_GATEWAY}}}Header/{{{SERVICE_GATEWAY}}}{name}")
        if not found:
            return None
        # A second one is malformed: the two texts joined never match.
        return RequestId.parse(" ".join(element_text(element) for element in found))
