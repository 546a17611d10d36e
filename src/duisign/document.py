"""Documents: bytes that hold one XML document, and how they become a tree.

Parsed by libxml2 with no DTD, no entities, no network and under limits, by parsers that no two threads share.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import sys
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import TYPE_CHECKING

from lxml import etree

from duisign._document_parser import give_back, new_parser_for, short_root, take_parser
from duisign._document_tree import document_tree
from duisign._markup import DOCTYPE, UTF8, prolog
from duisign._plain_document import why_not_plain
from duisign.errors import ConfigurationError, DocumentError, doctype_error
from duisign.limits import DEEPEST, MAX_DEPTH, MAX_DOCUMENT_OCTETS, SHARED_PARSER_OCTETS, SHORT_OCTETS

if TYPE_CHECKING:
    from lxml.etree import _Element

    from duisign._document_tree import DocumentTree

__all__ = ["PLAIN_ALONE", "DocumentReader", "check_depth"]

PLAIN_ALONE = etree.LIBXML_VERSION < (2, 14)
"""Whether libxml2 is an older one, which reads plain documents alone: lxml's wheels for Windows carry 2.11."""

# Byte order marks and first characters, longest first (XML 1.0 appendix F). The mark stays in the decoded text.
_SIGNATURES = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_LABEL = re.compile("<\\?xml[^>]*?\\sencoding\\s*=\\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_STATELESS = frozenset(
    ["big5", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "koi8-r", "koi8-u", "shift_jis", "tis-620"]
    + [f"cp{page}" for page in (437, 850, 852, 855, 866, 874, *range(1250, 1259))]
    + [f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))]
)
"""Codecs, by Python's names, in which an octet below 128 that stands for markup never means anything else. UTF-7,
ISO 2022 and their like are left out: markup can hide in them."""
_LABELS = frozenset([*aliases, *aliases.values(), *(codec.replace("-", "_") for codec in _STATELESS)])
"""Labels that Python knows for encodings, as it normalizes them."""
_ERROR = etree.ErrorLevels.ERROR
_LABEL_OCTETS = 1024
"""Octets in which the XML declaration must end: none that names an encoding needs more than a hundred."""


def _unsupported() -> DocumentError:
    return DocumentError(
        "unsupported-encoding",
        "The document's encoding is not one that is read here the same way by everyone: send UTF-8.",
    )


def _not_plain(reason: str) -> DocumentError:
    version = ".".join(map(str, etree.LIBXML_VERSION[:2]))
    return DocumentError(
        "document-not-plain",
        f"libxml2 {version} is given plain documents alone, and this is none ({reason}): "
        "use an lxml that carries libxml2 2.14.",
    )


class DocumentReader:
    """Reads documents of at most `max_octets` octets and `max_depth` levels of elements. Shared by threads."""

    __slots__ = ("max_depth", "max_octets")

    def __init__(self, max_octets: int = MAX_DOCUMENT_OCTETS, max_depth: int = MAX_DEPTH) -> None:
        check_depth(max_depth)
        if type(max_octets) is not int or max_octets < 1:
            raise ConfigurationError("size-limit", "max_octets must be a positive number of octets.")
        # As far as native code counts: no bytes object is longer.
        self.max_octets = min(max_octets, sys.maxsize)
        self.max_depth = max_depth

    def parse(self, document: bytes) -> _Element:
        """The root element of a document; raises DocumentError."""
        return self.read(document)[0]

    def read(self, document: bytes) -> tuple[_Element, bool]:
        """The root element of a document, and whether it is in UTF-8; raises DocumentError."""
        is_utf8 = self._is_utf8(document)
        return self._element(document, is_utf8), is_utf8

    def tree(self, document: bytes) -> tuple[_Element | DocumentTree, bool]:
        """The same for native code alone, which need not be an element of lxml's; raises DocumentError."""
        is_utf8 = self._is_utf8(document)
        tree = document_tree(document) if is_utf8 and not PLAIN_ALONE else None
        return self._element(document, is_utf8) if tree is None else tree, is_utf8

    def _is_utf8(self, document: bytes) -> bool:
        """Whether a document is in UTF-8; raises DocumentError if nobody may read it."""
        # Not isinstance: the native modules read the object itself, and a subclass may show another content.
        if type(document) is not bytes:
            raise DocumentError(
                "wrong-type",
                f"A document is bytes, not {type(document).__name__}: encode it, or read the file as bytes.",
            )
        if len(document) > self.max_octets:
            raise DocumentError(
                "document-too-large",
                f"The document is longer than the limit of {self.max_octets} octets: raise max_octets or split it.",
            )
        kind = prolog(document, False)
        if kind == DOCTYPE:
            raise doctype_error()
        return kind == UTF8

    def _element(self, document: bytes, is_utf8: bool) -> _Element:
        if not is_utf8:
            return self._parse_other(document)
        if PLAIN_ALONE:
            self.check_plain(document)
            return _parsed(document)
        root = short_root(document) if len(document) <= SHORT_OCTETS else None
        return root if root is not None else _parsed(document)

    def check_plain(self, document: bytes) -> None:
        """Raise DocumentError for what an older libxml2 is not trusted with."""
        reason = why_not_plain(document, self.max_depth)
        if reason is None:
            return
        # A DOCTYPE in its place was found before.
        if reason in ("malformed", "doctype"):
            raise DocumentError("malformed-xml", "The document is not well-formed XML: mend it.")
        if reason == "too-deep":
            raise DocumentError(
                "too-deep", "The elements are nested deeper than the limit: refuse the document, or raise max_depth."
            )
        raise _not_plain(reason)

    def decode(self, document: bytes) -> tuple[str, str]:
        """Text and codec of a document that is not in UTF-8.

        The text encodes back to the very same bytes; raises DocumentError where that is impossible.
        """
        text, codec = _decoded(document)
        # Codecs that read what they would write otherwise give another document back.
        if text.encode(codec, "replace") != document:
            raise _unsupported()
        return text, codec

    def _parse_other(self, document: bytes) -> _Element:
        text, codec = _decoded(document)
        if prolog(text.encode(), True) == DOCTYPE:
            raise doctype_error()
        if PLAIN_ALONE:
            raise _not_plain("encoding")
        root = _parsed(document)
        # libxml2 has the last word on the encoding; where it chose another, the DOCTYPE check meant nothing. Without a
        # label lxml says UTF-8 whatever the byte order mark was.
        used = _codec_name(root.getroottree().docinfo.encoding or "utf-8")
        if used not in (codec, _family(codec)) and not (used == "utf-8" and _label(text) is None):
            raise _unsupported()
        return root


def _parsed(document: bytes) -> _Element:
    """The root element of a document; raises DocumentError."""
    # An older libxml2 is slow with the names that many documents leave.
    shared = len(document) <= SHARED_PARSER_OCTETS and not PLAIN_ALONE
    parser = take_parser() if shared else new_parser_for(len(document))
    number, line, column = 0, 0, 0
    try:
        root = parser.parse(document)
    except etree.XMLSyntaxError as refusal:
        (line, column), number = refusal.position, int(refusal.code)
    except (etree.LxmlError, ValueError, LookupError):
        pass
    else:
        # lxml looks at the last message alone: a warning behind it hides an unbound prefix or a repeated attribute.
        error = next((message for message in parser.parser.error_log if message.level >= _ERROR), None)
        if error is None:
            if shared:
                give_back(parser)
            return root
        number, line, column = int(error.type), error.line, error.column
    if shared:
        give_back(parser)
    # The traceback holds this frame.
    del parser
    # Not inside the except: libxml2's own words quote the document, and would stay in __context__.
    raise DocumentError(
        "malformed-xml",
        f"The document is not well-formed XML (libxml2 error {number}, line {line}, column {column}).",
    )


def check_depth(max_depth: object, least: int = 1) -> None:
    """Raise ConfigurationError unless this can be a limit of levels."""
    # libxml2 parses no deeper, and the tree lane's stack of open elements ends there.
    if type(max_depth) is not int or not least <= max_depth <= DEEPEST:
        raise ConfigurationError("depth-limit", f"max_depth must be a number of levels from {least} to {DEEPEST}.")


def _decoded(document: bytes) -> tuple[str, str]:
    """Text, byte order mark included, and codec of a document that is not in UTF-8; raises DocumentError."""
    signature = next((codec for octets, codec in _SIGNATURES if document.startswith(octets)), None)
    codec = signature
    if codec is None:
        label = _LABEL.match(document[:_LABEL_OCTETS].decode("latin-1"))
        codec = None if label is None else _codec_name(label[1])
        if codec not in _STATELESS:
            raise _unsupported()
    assert codec is not None
    text = None
    # Raised below: the exception holds the document.
    with contextlib.suppress(UnicodeError):
        text = document.decode(codec)
    if text is None:
        raise _unsupported()
    if signature is not None:
        # Octets that say one thing and a label that says another are read differently by everyone.
        marked, named = text.startswith("\ufeff"), _label(text)
        if named not in ((None, codec, _family(codec)) if marked else (codec,)):
            raise _unsupported()
    return text, codec


def _label(text: str) -> str | None:
    """The codec that the XML declaration names, None without a label, "" for one that Python does not know."""
    label = _LABEL.match(text[:_LABEL_OCTETS].removeprefix("\ufeff"))
    return None if label is None else _codec_name(label[1]) or ""


def _codec_name(label: str) -> str | None:
    """Python's name for an encoding. It is asked for known labels alone, since it keeps every other one for good."""
    name = normalize_encoding(label).lower()
    if name not in _LABELS:
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        # Of another platform.
        return None


def _family(codec: str) -> str:
    """UTF-16 or UTF-32 of a codec that says the byte order too."""
    return codec.removesuffix("-le").removesuffix("-be")
