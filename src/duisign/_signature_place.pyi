from lxml.etree import _Element

from duisign._document_tree import DocumentTree

def check_signatures(root: _Element | DocumentTree, max_depth: int, size: int) -> None: ...
def digest_for_signing(
    root: _Element | DocumentTree, algorithm: int, replace: bool, max_depth: int, size: int, exists_sentence: str
) -> tuple[bytes, bool, int, bool]: ...
