"""How a document that has been parsed gets its Signature: in its own octets, before the root's end tag."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from duisign._markup import splice, strip
from duisign._signature_element import read_signature
from duisign._signature_place import digest_for_signing
from duisign.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

    from duisign._document_tree import DocumentTree
    from duisign.document import DocumentReader

__all__ = ["DocumentSplice", "UnsignedDocument"]

_EXISTS = (
    "The document already has a Signature: remove it, or make the Signer with existing_signature='replace', "
    "which keeps nothing of the old one."
)


UnsignedDocument = tuple[bytes, str | None, bytes, bool, bool]
"""A document before its Signature comes: itself in UTF-8, the codec if it came in another, the digest of its canonical
form, whether the root binds the prefix ds to XMLDSig, whether the root is its last node. Not a NamedTuple, which takes
longer to make than a short document to splice."""


class DocumentSplice:
    """Puts Signatures into documents that `reader` has read.

    `algorithm`: the number that the lanes know the canonicalization of the document by. `strip`: white space between
    tags goes. `replace`: so does a Signature that the root already has.
    """

    __slots__ = ("_algorithm", "_reader", "_replace", "_strip")

    def __init__(self, reader: DocumentReader, algorithm: int, *, strip: bool, replace: bool) -> None:
        self._reader = reader
        self._algorithm = algorithm
        self._strip = strip
        self._replace = replace

    def prepare(self, document: bytes, root: _Element | DocumentTree, is_utf8: bool) -> UnsignedDocument:
        """A document ready for its Signature; `root` and `is_utf8` are what `DocumentReader.tree` gave.

        Raises DocumentError, CanonicalizationError, SignatureExistsError.
        """
        codec = None
        if not is_utf8:
            text, codec = self._reader.decode(document)
            document = text.encode()
        stripped = _stripped(document) if self._strip else document
        if codec is not None or stripped is not document:
            document = stripped
            root, _ = self._reader.tree(_encoded(document, codec))
        octets = document if codec is None else _encoded(document, codec)
        while True:
            digest, binds_ds, old_signature, ends_with_root = digest_for_signing(
                root, self._algorithm, self._replace, self._reader.max_depth, len(octets), _EXISTS
            )
            if old_signature < 0:
                return document, codec, digest, binds_ds, ends_with_root
            document = _spliced(document, b"", old_signature, ends_with_root)
            octets = _encoded(document, codec)
            root = self._reparsed(octets)

    def finish(self, unsigned: UnsignedDocument, signature: bytes) -> bytes:
        """The document with its Signature, in the encoding that it came in; raises DocumentError."""
        document, codec, _, _, ends_with_root = unsigned
        signed = _spliced(document, signature, -1, ends_with_root)
        if codec is not None:
            signed = _encoded(signed, codec)
        if len(signed) > self._reader.max_octets:
            raise DocumentError(
                "document-too-large",
                f"The signed document is longer than the limit of {self._reader.max_octets} octets: raise max_octets.",
            )
        if codec is not None:
            self._check_decoded(signed)
        return signed

    def _reparsed(self, rest: bytes) -> _Element | DocumentTree:
        """The tree of what is left of a document without its Signature."""
        root = None
        # Raised below, without the words about the rest, which the caller never saw.
        with contextlib.suppress(DocumentError):
            root, _ = self._reader.tree(rest)
        if root is None:
            raise DocumentError(
                "text-around-signature",
                "Without its Signature the document is not well-formed, since the text around it joins to "
                '"]]>": send it without Signature.',
            )
        return root

    def _check_decoded(self, signed: bytes) -> None:
        # Two decoders were at work, Python's and libxml2's: what is handed out must hold the digest of what was read.
        again = read_signature(
            self._reader.tree(signed)[0], True, True, False, False, self._reader.max_depth, len(signed)
        )
        if not again.digest_holds():
            raise _not_as_parsed()


def _encoded(utf8: bytes, codec: str | None) -> bytes:
    return utf8 if codec is None else utf8.decode().encode(codec)


def _spliced(document: bytes, insertion: bytes, drop_child: int, ends_with_root: bool) -> bytes:
    try:
        return splice(document, insertion, drop_child, ends_with_root)
    except ValueError:
        raise _not_as_parsed() from None


def _stripped(document: bytes) -> bytes:
    try:
        return strip(document)
    except ValueError:
        raise _not_as_parsed() from None


def _not_as_parsed() -> DocumentError:
    return DocumentError(
        "unsupported-encoding",
        "The document's markup is not where its decoded text has it: send it in UTF-8.",
    )
