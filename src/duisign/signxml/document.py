"""Documents: what `sign` and `verify` are given, and the tree of their own that they make of it."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from lxml import etree

from duisign.document import DocumentReader
from duisign.errors import DuisignError, doctype_error
from duisign.limits import EXPANSION_ALLOWANCE, MAX_DOCUMENT_OCTETS, MAX_EXPANSION
from duisign.signxml.exceptions import InvalidInput, invalid_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

__all__ = ["DSIG", "ID_ATTRIBUTES", "canonical_tree", "document_octets", "own_tree", "referenced_by"]

DSIG = "http://www.w3.org/2000/09/xmldsig#"

ID_ATTRIBUTES = ("Id", "ID", "id")
"""Local names of the attributes that a Reference can mean, in this order, unless the caller names one."""

_READER = DocumentReader()
_CANONICAL_READER = DocumentReader(MAX_EXPANSION * MAX_DOCUMENT_OCTETS + EXPANSION_ALLOWANCE)
_LABEL = re.compile(r"\s*<\?xml[^>]*\sencoding\s*=")
_ID = re.compile(r"[^\s#()%]+")


def own_tree(data: object) -> tuple[_Element, int]:
    """The root of a tree parsed anew from text, bytes, an lxml element or tree, or an element of the standard library,
    and the octets it was parsed from. An lxml element is a document by itself: what stands around it is not part.

    Raises InvalidInput.
    """
    document = document_octets(data)
    try:
        return _READER.parse(document), len(document)
    except DuisignError as error:
        raise invalid_input(error) from None


def canonical_tree(octets: bytes) -> _Element:
    """The root of a tree parsed from canonical octets."""
    return _CANONICAL_READER.parse(octets)


def referenced_by(root: _Element, value: str, names: tuple[str, ...]) -> _Element:
    """The one element that has the value in an attribute of these local names, tried in order; raises InvalidInput."""
    if _ID.fullmatch(value):
        for name in names:
            found = _with_attribute(root, name, value)
            if len(found) > 1:
                raise InvalidInput(
                    "reference-uri", "Ambiguous reference URI: several elements have that Id.", check="signature"
                )
            if found:
                return found[0]
    raise InvalidInput(
        "reference-uri",
        "Unable to resolve reference URI: no element has that Id, or it is none that a URI can name.",
        check="signature",
    )


def _with_attribute(root: _Element, name: str, value: str) -> list[_Element]:
    return [
        element
        for element in root.iter(etree.Element)
        if any(key.rpartition("}")[2] == name and held == value for key, held in element.items())
    ]


def document_octets(data: object) -> bytes:
    """What `own_tree` parses; raises InvalidInput."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        if _LABEL.match(data):
            raise InvalidInput(
                "wrong-type", "Text with an encoding declaration contradicts itself: pass the bytes.", check="document"
            )
        return _written(data.encode)
    if isinstance(data, ElementTree.Element):
        return _written(lambda: bytes(ElementTree.tostring(data, encoding="utf-8")))
    if not isinstance(data, (etree._Element, etree._ElementTree)):
        raise InvalidInput(
            "wrong-type",
            f"The data must be an XML element, a tree, text or bytes, not {type(data).__name__}: read it first.",
            check="document",
        )
    with contextlib.suppress(AssertionError):
        docinfo = (data.getroottree() if isinstance(data, etree._Element) else data).docinfo
        if docinfo.internalDTD is not None or docinfo.externalDTD is not None:
            raise invalid_input(doctype_error())
    # Not in ASCII, lxml's default: names, comments and instructions have no character references.
    return _written(lambda: etree.tostring(data, encoding="UTF-8", xml_declaration=False, with_tail=False))


def _written(write: Callable[[], bytes]) -> bytes:
    octets = None
    # Raised below: the words of the libraries may quote the tree. An lxml element that was never made asserts.
    with contextlib.suppress(etree.LxmlError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        octets = write()
    if octets is None:
        raise InvalidInput("malformed-xml", "The data cannot be written as XML: parse it anew.", check="document")
    return octets
