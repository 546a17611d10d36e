"""Both readings of a Signature: the usual one, found at the end of a document's octets, and any, found in its tree.

The property: where the usual reading takes a document, the other one takes it too, and both say the same; and no
reading takes one with a Signature where none may be.
"""

from __future__ import annotations

import duisign
from duisign._signature_element import SignatureElement, read_signature
from duisign._usual_signature import usual_signature
from duisign.document import DocumentReader
from duisign.errors import DuisignError
from duisign.limits import MAX_DEPTH
from duisign.testing import Smki

USUAL = "usual"
REFUSED = "refused"
GENERAL = "general"

_READER = DocumentReader()


_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_SR = "{http://www.dccinterface.co.uk/ServiceUserGateway}"
_INNER = (
    ["SMETS1SignedResponse", "SMETS1ResponseMessage", "Body", "Response"],
    ["S1SPAlert", "S1SPAlertDSP", "DCCAlert", "DCCAlertMessage", "Body", "Response"],
)
"""Where an inner Signature may stand: the names of its ancestors, innermost first."""


class ReadingsDifferError(AssertionError):
    """The usual reading took a document and the general one refused it, or read something else."""


def are_in_place(document: bytes) -> bool:
    """Whether a document's Signatures stand where they may: one below the root, and at most one inner one."""
    root = _READER.parse(document)
    signatures = list(root.iter(f"{_DS}Signature"))
    inner = [
        one
        for one in signatures
        if [ancestor.tag for ancestor in one.iterancestors()] in [[_SR + name for name in path] for path in _INNER]
    ]
    outer = [one for one in signatures if one.getparent() is root]
    return len(outer) == 1 and len(inner) <= 1 and len(signatures) == len(outer) + len(inner)


def said(signature: SignatureElement) -> tuple[object, ...]:
    """Everything that a verdict rests on."""
    return (
        signature.profile,
        signature.digest_value,
        signature.der_signature,
        signature.key_hints(),
        signature.signed_octets(),
        signature.signed_info_digest(),
    )


def usual_reading(document: bytes, max_depth: int) -> tuple[object, ...] | None:
    """What the usual Signature says, as `Verifier` reads it; None if there is none, () if its document is refused."""
    signature = usual_signature(document, _READER.max_octets, max_depth)
    if signature is None:
        return None
    try:
        return said(signature)
    except DuisignError:
        return ()


def general_reading(document: bytes, max_depth: int) -> tuple[object, ...] | None:
    """What the Signature in the document's tree says; None if it is refused."""
    try:
        root, _ = _READER.read(document)
        return said(read_signature(root, True, True, False, False, max_depth, len(document)))
    except DuisignError:
        return None


def compare(document: bytes, max_depth: int = MAX_DEPTH) -> str:
    """USUAL, GENERAL or REFUSED; ReadingsDifferError if the property does not hold."""
    usual, general = usual_reading(document, max_depth), general_reading(document, max_depth)
    if usual is not None and usual != (general or ()):
        raise ReadingsDifferError("the usual reading takes what is refused" if general is None else "they differ")
    if general is not None and not are_in_place(document):
        raise ReadingsDifferError("a Signature stands where none may be")
    return REFUSED if general is None else GENERAL if usual is None else USUAL


def usual_signatures() -> tuple[bytes, bytes]:
    """A Signature that binds ds itself, and one for a root that binds it."""
    smki = Smki.create()
    sign = duisign.Signer(smki.user.private_key, smki.user.certificate).sign
    bound = b'<a xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    return sign(b"<a></a>")[len(b"<a>") : -len(b"</a>")], sign(bound + b"</a>")[len(bound) : -len(b"</a>")]


_SIGNATURES = usual_signatures()


def document_of(data: bytes) -> bytes:
    """A fuzzer's input as a document: two octets say where a Signature goes in the others, a third which."""
    if len(data) < 3:
        return data
    content = data[3:]
    at = len(content) - int.from_bytes(data[:2], "little") % (len(content) + 1)
    return content[:at] + _SIGNATURES[data[2] % 2] + content[at:]
