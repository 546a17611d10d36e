"""Both lanes on one document, and what must hold between them.

The property: the byte lane declines, or gives the digest and the signed octets that the tree lane gives; so it never
takes what libxml2 refuses. And what is plain, for an older libxml2, is what the byte lane takes, with Signatures
anywhere.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import product

from duisign._byte_lane import canonical_document
from duisign._markup import splice, strip
from duisign._plain_document import why_not_plain
from duisign._signature_place import digest_for_signing
from duisign.document import DocumentReader
from duisign.errors import DuisignError
from duisign.limits import DEEPEST

C14N_1_0, EXCLUSIVE_C14N = 0, 2
OPTIONS = tuple(product((C14N_1_0, EXCLUSIVE_C14N), (False, True), (True, False)))
"""Algorithm, strip, replace."""
MARK = b"<?the-signature?>"
SIGNED = "both lanes"
REFUSED = "refused"

_READER = DocumentReader(max_depth=DEEPEST)


class LanesDifferError(AssertionError):
    """The byte lane took a document and the tree lane refused it, or gave something else."""


def tree_form(
    document: bytes, algorithm: int, to_strip: bool, replace: bool, max_depth: int
) -> tuple[bytes, ...] | None:
    """Digest, whether ds is bound, and the document with MARK where the Signature goes; None if it is refused."""
    try:
        root, is_utf8 = _READER.read(document)
        if not is_utf8:
            return None
        if to_strip:
            stripped = strip(document)
            if stripped is not document:
                document, root = stripped, _READER.parse(stripped)
        found = digest_for_signing(root, algorithm, replace, max_depth, len(document), "exists")
        if found[2] >= 0:
            document = splice(document, b"", found[2], found[3])
            found = digest_for_signing(_READER.parse(document), algorithm, False, max_depth, len(document), "exists")
    except (DuisignError, ValueError):
        return None
    return found[0], found[1], splice(document, MARK, -1, found[3])


def byte_form(
    document: bytes, algorithm: int, to_strip: bool, replace: bool, max_depth: int
) -> tuple[bytes, ...] | str:
    """The same, or why the byte lane declines."""
    form = canonical_document(document, algorithm, to_strip, replace, max_depth, False)
    if isinstance(form, str):
        return form
    digested = canonical_document(document, algorithm, to_strip, replace, max_depth, True)
    if digested[1:] != form[1:] or digested[0] != sha256(form[0]).digest():
        raise LanesDifferError("the digest is not that of the canonical form")
    _, rest, index, binds_ds, root = form
    if root is None:
        return digested[0], binds_ds, rest[:index] + MARK + rest[index:]
    # The root is an empty element: its "/" goes, and an end tag comes.
    return digested[0], binds_ds, rest[:index] + b">" + MARK + b"</" + root + rest[index + 1 :]


def compare(document: bytes, algorithm: int, to_strip: bool, replace: bool, max_depth: int = 256) -> str:
    """SIGNED, REFUSED by both, or why the byte lane declines; LanesDifferError if the property does not hold."""
    octets = byte_form(document, algorithm, to_strip, replace, max_depth)
    tree = tree_form(document, algorithm, to_strip, replace, max_depth)
    compare_plainness(document, octets, max_depth)
    if isinstance(octets, str):
        return REFUSED if tree is None else octets
    if tree is None:
        raise LanesDifferError(f"the byte lane takes what is refused, options {algorithm, to_strip, replace}")
    for name, one, other in zip(("digest", "binding of ds", "result"), octets, tree, strict=True):
        if one != other:
            raise LanesDifferError(f"another {name}, options {algorithm, to_strip, replace}")
    return SIGNED


def compare_plainness(document: bytes, octets: tuple[bytes, ...] | str, max_depth: int) -> None:
    """LanesDifferError unless the document is plain, or not, as the byte lane's form of it or reason says."""
    why_not = why_not_plain(document, max_depth)
    if isinstance(octets, tuple):
        if why_not not in (None, "too-many"):
            raise LanesDifferError(f"the byte lane takes what is not plain ({why_not})")
    elif why_not is None:
        if octets not in ("signature", "too-large"):
            raise LanesDifferError(f"the byte lane declines what is plain ({octets})")
        try:
            _READER.read(document)
        except DuisignError:
            raise LanesDifferError("libxml2 refuses what is plain") from None


def compare_all(document: bytes) -> list[str]:
    """`compare` with all options."""
    return [compare(document, *options) for options in OPTIONS]
