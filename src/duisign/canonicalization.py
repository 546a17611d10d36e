"""Canonical XML of documents and elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lxml import etree

from duisign._tree_lane import canonicalize_document, canonicalize_element
from duisign.algorithms import CanonicalizationMethod
from duisign.document import DocumentReader, check_depth
from duisign.errors import ConfigurationError, DocumentError
from duisign.limits import MAX_DEPTH

if TYPE_CHECKING:
    from lxml.etree import _Element, _ElementTree

__all__ = ["canonicalize"]

_READER = DocumentReader()
_NUMBERS: dict[str, int] = {
    method: (2 if method.exclusive else 0) + (1 if method.with_comments else 0) for method in CanonicalizationMethod
}
"""The tree lane's numbers of the algorithms, by their URIs, which the methods are."""


def canonicalize(
    source: bytes | _Element | _ElementTree[_Element],
    algorithm: CanonicalizationMethod | str = CanonicalizationMethod.C14N_1_0,
    *,
    inclusive_prefixes: Iterable[str] = (),
    max_depth: int = MAX_DEPTH,
) -> bytes:
    """The canonical octets of a document or element, in UTF-8.

    `source`: bytes or an lxml tree for a whole document, processing instructions around the root included; an lxml
    element for the subtree below it in the context of its document (inherited namespaces and, for C14N 1.0,
    ``xml:`` attributes). The tree is only read; no other thread may change it meanwhile. `algorithm`: a
    `CanonicalizationMethod` or its URI. `inclusive_prefixes`: the InclusiveNamespaces PrefixList of Exclusive C14N,
    with ``#default`` for the default namespace.

    Raises ConfigurationError (unknown algorithm, bad prefixes), DocumentError, CanonicalizationError (there is no such
    form, or it is out of proportion to the document, or for a tree to the longest one that is read).
    """
    try:
        number = _NUMBERS[algorithm]
    except (KeyError, TypeError):
        raise ConfigurationError(
            "canonicalization-algorithm",
            "Unknown canonicalization algorithm: use a duisign.CanonicalizationMethod.",
        ) from None
    check_depth(max_depth)
    prefixes = _prefixes(inclusive_prefixes)
    if prefixes and not CanonicalizationMethod(algorithm).exclusive:
        raise ConfigurationError("inclusive-prefixes", "Only Exclusive C14N has a PrefixList: leave it out.")
    if isinstance(source, etree._Element):
        return canonicalize_element(source, number, prefixes, max_depth)
    if isinstance(source, etree._ElementTree):
        root = source.getroot()
        if root is None or root.getparent() is not None:
            raise DocumentError("wrong-type", "The tree is not a whole document: pass its element instead.")
        return canonicalize_document(root, number, prefixes, max_depth, 0)
    reader = _READER if max_depth == MAX_DEPTH else DocumentReader(max_depth=max_depth)
    return canonicalize_document(reader.tree(source)[0], number, prefixes, max_depth, len(source))


def _prefixes(inclusive_prefixes: Iterable[str]) -> tuple[bytes, ...]:
    """The PrefixList for the tree lane, "" for #default."""
    if type(inclusive_prefixes) is tuple and not inclusive_prefixes:
        # As mostly; to ask what it is else takes a twentieth of canonicalizing a short request.
        return ()
    if isinstance(inclusive_prefixes, (str, bytes)) or not isinstance(inclusive_prefixes, Iterable):
        raise ConfigurationError("inclusive-prefixes", "inclusive_prefixes must be a list of prefixes.")
    prefixes = []
    for prefix in inclusive_prefixes:
        if not isinstance(prefix, str) or not prefix or "\0" in prefix:
            raise ConfigurationError("inclusive-prefixes", "A prefix is a non-empty string, or #default.")
        try:
            prefixes.append(b"" if prefix == "#default" else prefix.encode())
        except UnicodeEncodeError:
            raise ConfigurationError("inclusive-prefixes", "A prefix is not Unicode text.") from None
    return tuple(prefixes)
