from collections.abc import Callable
from typing import Final

from lxml.etree import _Element

SUPPORTED_LIBXML2: Final[frozenset[tuple[int, int]]]

def canonicalize_document(
    root: _Element, algorithm: int, inclusive_prefixes: tuple[bytes, ...], max_depth: int
) -> bytes: ...
def canonicalize_octets(
    parse: Callable[[bytes], _Element],
    source: bytes,
    algorithm: int,
    inclusive_prefixes: tuple[bytes, ...],
    max_depth: int,
) -> bytes: ...
def canonicalize_element(
    element: _Element, algorithm: int, inclusive_prefixes: tuple[bytes, ...], max_depth: int
) -> bytes: ...
def check_libxml2() -> None: ...
