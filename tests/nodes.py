"""libxml2's nodes as they stand in memory: of lxml's trees, and of those that the library makes by itself."""

from __future__ import annotations

import ctypes

from lxml import etree

from duisign._document_tree import DocumentTree, document_tree
from hard_documents import read_by_lxml

ELEMENT, TEXT, DOCUMENT, DECLARATION = 1, 3, 9, 18
POINTER = ctypes.sizeof(ctypes.c_void_p)
HEAD = object.__basicsize__


class Namespace(ctypes.Structure):
    pass


class Node(ctypes.Structure):
    pass


Namespace._fields_ = [
    ("next", ctypes.POINTER(Namespace)),
    ("type", ctypes.c_int),
    ("href", ctypes.c_char_p),
    ("prefix", ctypes.c_char_p),
]
# What follows `doc` elements and their like have; in attributes `ns` alone.
Node._fields_ = [
    ("private", ctypes.c_void_p),
    ("type", ctypes.c_int),
    ("name", ctypes.c_char_p),
    ("children", ctypes.POINTER(Node)),
    ("last", ctypes.POINTER(Node)),
    ("parent", ctypes.POINTER(Node)),
    ("next", ctypes.POINTER(Node)),
    ("prev", ctypes.POINTER(Node)),
    ("doc", ctypes.POINTER(Node)),
    ("ns", ctypes.POINTER(Namespace)),
    ("content", ctypes.c_char_p),
    ("properties", ctypes.POINTER(Node)),
    ("declarations", ctypes.POINTER(Namespace)),
]


def _address(pointer):
    return ctypes.cast(pointer, ctypes.c_void_p).value


def _list(first):
    found = []
    while first:
        found.append(first)
        first = first.contents.next
    return found


def _name(ns):
    return (ns.contents.prefix, ns.contents.href) if ns else None


def _children(parent, first, last, document):
    """The nodes of a list, once all that points from one to another is found to be right."""
    nodes, before = _list(first), None
    for node in nodes:
        assert _address(node.contents.parent) == parent
        assert _address(node.contents.prev) == before
        assert _address(node.contents.doc) == document
        before = _address(node)
    if last is not False:
        assert _address(last) == before
    return nodes


def _read(pointer, document, depth):
    """What stands in one node, and its children."""
    node, address = pointer.contents, _address(pointer)
    # In documents and attributes other things stand there.
    ns = _name(node.ns) if node.type == ELEMENT else None
    content = node.content if node.type not in (ELEMENT, DOCUMENT) else None
    name = node.name if node.type != DOCUMENT else None
    found, children = [(depth, node.type, name, ns, content)], []
    if node.type == ELEMENT:
        for one in _list(node.declarations):
            assert one.contents.type == DECLARATION
            found.append((depth, "xmlns", *_name(one)))
        for one in _children(address, node.properties, False, document):
            values = _children(_address(one), one.contents.children, one.contents.last, document)
            assert {value.contents.type for value in values} <= {TEXT}
            texts = [value.contents.content for value in values]
            found.append((depth, one.contents.type, one.contents.name, _name(one.contents.ns), *texts))
    if node.type in (ELEMENT, DOCUMENT):
        children = _children(address, node.children, node.last, document)
    return found, children


def nodes(root):
    """All nodes of the document that a root is of, in order: depth, type, name, prefix and namespace, content."""
    # Behind what each object has come lxml's document and node, or the library's node.
    at = {etree._Element: HEAD + POINTER, DocumentTree: HEAD}[type(root)]
    node = ctypes.POINTER(Node).from_address(id(root) + at)
    document = _address(node.contents.doc)
    found, open_nodes = [], [(0, node.contents.doc)]
    while open_nodes:
        depth, node = open_nodes.pop()
        said, children = _read(node, document, depth)
        found += said
        open_nodes += [(depth + 1, child) for child in reversed(children)]
    return found


class TreesDifferError(AssertionError):
    """A tree was made of a document that lxml refuses, or another one than lxml's."""


def compare(document):
    """Whether the library makes a tree of a document in UTF-8; TreesDifferError if it is not lxml's."""
    tree = document_tree(document)
    if tree is None:
        return False
    root = read_by_lxml(document)
    if root is None:
        raise TreesDifferError("a tree of what lxml refuses")
    if nodes(tree) != nodes(root):
        raise TreesDifferError("another tree than lxml's")
    return True
