"""Inner messages: what a SMETS1 Service Provider signed, inside a message of the DCC (DESIGN section 3).

The S1SP signs a document of its own; the DCC puts it below its own root, whose namespace declarations then are in scope
although the S1SP never signed them. So the inner element is taken out with declarations of its own.
"""

from __future__ import annotations

from itertools import chain, combinations, islice
from typing import TYPE_CHECKING

from duisign._tree_lane import canonicalize_element
from duisign.errors import UnsignedMessageError
from duisign.limits import MAX_INNER_FORMS, MAX_INNER_FORMS_OCTETS
from duisign.message_class import MessageClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from duisign.message import VerifiedMessage

__all__ = ["inner_documents"]

_SR = "{http://www.dccinterface.co.uk/ServiceUserGateway}"
_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_PLACES = {
    MessageClass.SMETS1_RESPONSE: f"{_SR}Body/{_SR}SMETS1ResponseMessage/{_SR}SMETS1SignedResponse",
    MessageClass.DCC_ALERT: f"{_SR}Body/{_SR}DCCAlertMessage/{_SR}DCCAlert/{_SR}S1SPAlertDSP/{_SR}S1SPAlert",
}
"""Where the inner message stands, by the class of the outer one."""
_EXCLUSIVE = 2
"""The number by which the tree lane knows Exclusive C14N without comments."""


def inner_documents(message: VerifiedMessage) -> list[bytes]:
    """The inner message as a document of its own, in the forms that the S1SP may have signed, likeliest first.

    They differ in the namespaces that their root declares. Those that the outer message declares too are superfluous
    below it, and so do not stand in its canonical octets: the S1SP may have declared each of them or not. Raises
    UnsignedMessageError if there is no inner message.
    """
    kind = message.message_class
    found = message.copied_element().findall(_PLACES[kind]) if kind in _PLACES else []
    if len(found) != 1:
        raise UnsignedMessageError("unsigned", "The message holds no inner message of a SMETS1 Service Provider.")
    (inner,) = found
    forms: list[bytes] = []
    for prefixes in islice(_declared(inner), MAX_INNER_FORMS):
        octets = canonicalize_element(inner, _EXCLUSIVE, _prefix_list(prefixes), message.max_depth)
        if octets not in forms:
            forms.append(octets)
        if sum(map(len, forms)) > MAX_INNER_FORMS_OCTETS:
            break
    return forms


def _declared(inner: _Element) -> Iterator[set[str | None]]:
    """The prefixes that the root of the inner message may have declared, likeliest first."""
    parent = inner.getparent()
    outer = {} if parent is None else parent.nsmap
    own = {prefix for prefix, uri in inner.nsmap.items() if outer.get(prefix) != uri} | _own_prefixes(inner)
    both = sorted(set(inner.nsmap) - own - {"xml"}, key=lambda prefix: prefix or "")
    used = _prefixes(inner, skip=f"{_DS}Signature")
    subsets = chain.from_iterable(combinations(both, size) for size in range(len(both) + 1))
    yield own | used
    yield own | used | _prefixes(inner)
    yield own | set(both)
    yield from (own.union(some) for some in subsets)


def _prefix_list(prefixes: set[str | None]) -> tuple[bytes, ...]:
    return tuple((prefix or "").encode() for prefix in sorted(prefixes, key=lambda prefix: prefix or ""))


def _prefixes(element: _Element, *, skip: str | None = None) -> set[str | None]:
    """The prefixes that names below an element use, without those in its child `skip`."""
    used = _own_prefixes(element)
    for child in element.iterchildren("*"):
        if child.tag != skip:
            for descendant in child.iter("*"):
                used |= _own_prefixes(descendant)
    return used


def _own_prefixes(element: _Element) -> set[str | None]:
    used: set[str | None] = {element.prefix}
    for name in element.attrib:
        uri, brace, _ = str(name)[1:].partition("}")
        if brace and str(name).startswith("{"):
            used |= {prefix for prefix, bound in element.nsmap.items() if bound == uri and prefix not in (None, "xml")}
    return used
