from collections.abc import Callable, Sequence
from typing import Self, final

from lxml.etree import _Element

from duisign._document_tree import DocumentTree
from duisign._message_facts import MessageFacts
from duisign.document import DocumentReader
from duisign.errors import DuisignError
from duisign.message import VerifiedMessage
from duisign.organisation_certificate import OrganisationCertificate
from duisign.policy import Policy
from duisign.request_id import RequestId
from duisign.trust import Hints, Signatory, Trust

@final
class Verification:
    def __new__(
        cls,
        trust: Trust,
        policy: Policy | None,
        reader: DocumentReader,
        canonical_reader: DocumentReader,
        *,
        duis: bool,
        signxml: bool,
        unmarked_c14n: bool,
        java_widths: bool,
        plain_alone: bool,
    ) -> Self: ...
    def verify(self, document: bytes) -> VerifiedMessage: ...
    def verify_by(
        self, document: bytes, check: Callable[[OrganisationCertificate | None, MessageFacts], None] | None
    ) -> VerifiedMessage: ...

def describe_refusal(
    error: DuisignError,
    root: _Element | DocumentTree,
    hints: Hints | None,
    signatories: Sequence[Signatory],
    policy: Policy | None,
) -> None: ...
def readable_identifier(read: Callable[[], RequestId | None]) -> str | None: ...
