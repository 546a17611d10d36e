from lxml.etree import _Element
from typing_extensions import disjoint_base

from duisign._message_facts import MessageFacts
from duisign.algorithms import Profile
from duisign.document import DocumentReader
from duisign.policy import Policy
from duisign.trust import Signatory

@disjoint_base
class MessageContent:
    _known_facts: MessageFacts | None
    _element: _Element | None
    def __init__(
        self,
        octets: bytes,
        reader: DocumentReader,
        facts: MessageFacts | None,
        profile: Profile | None = None,
        signatory: Signatory | None = None,
        policy: Policy | None = None,
    ) -> None: ...
    @property
    def _octets(self) -> bytes: ...
    @property
    def _reader(self) -> DocumentReader: ...
    @property
    def _profile(self) -> Profile | None: ...
    @property
    def _signatory(self) -> Signatory | None: ...
    @property
    def _policy(self) -> Policy | None: ...
