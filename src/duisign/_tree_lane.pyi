from typing import Final

from lxml.etree import _Element

from duisign._document_tree import DocumentTree

SUPPORTED_LIBXML2: Final[frozenset[tuple[int, int]]]

def canonicalize_document(
    root: _Element | DocumentTree, algorithm: int, inclusive_prefixes: tuple[bytes, ...], max_depth: int, size: int
) -> bytes: ...
def canonicalize_element(
    element: _Element, algorithm: int, inclusive_prefixes: tuple[bytes, ...], max_depth: int
) -> bytes: ...
def check_libxml2() -> None: ...
