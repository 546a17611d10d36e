from typing import Any, final

from lxml.etree import _Element

from duisign._document_tree import DocumentTree
from duisign.algorithms import Profile

@final
class SignatureElement:
    @property
    def root(self) -> _Element | DocumentTree: ...
    @property
    def profile(self) -> Profile: ...
    @property
    def digest_value(self) -> bytes: ...
    @property
    def der_signature(self) -> bytes: ...
    def signed_octets(self) -> bytes: ...
    def digest_holds(self) -> bool: ...
    def signed_info_digest(self) -> bytes: ...
    def key_hints(self) -> list[tuple[Any, ...]] | None: ...

def read_signature(
    root: _Element | DocumentTree,
    accept_duis: bool,
    accept_signxml: bool,
    unmarked_c14n: bool,
    java_widths: bool,
    max_depth: int,
    size: int,
) -> SignatureElement: ...
