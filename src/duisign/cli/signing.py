"""What is said about signing: why a document is refused, and what else was changed in it."""

from __future__ import annotations

from duisign._byte_lane import canonical_document
from duisign._markup import splice, strip
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.document import DocumentReader
from duisign.errors import DuisignError, ExternalKeyError, SchemaError, SignatureExistsError, SigningKeyError
from duisign.key_info import DSIG
from duisign.limits import MAX_DEPTH

__all__ = ["changes", "refusal"]


def refusal(error: DuisignError) -> Failure:
    """A refusal to sign, in the words of the command line."""
    if isinstance(error, SignatureExistsError):
        return Failure("The document already has a Signature: leave out --refuse-signed to replace it.")
    if isinstance(error, ExternalKeyError):
        return Failure(str(error), ExitStatus.KEY_MISSING)
    if isinstance(error, SigningKeyError):
        sender = "" if error.request_id is None else f" RequestID: {error.request_id}."
        return Failure(f"{error}{sender}", ExitStatus.KEY_MISSING)
    return Failure(str(error), ExitStatus.NOT_VALID if isinstance(error, SchemaError) else ExitStatus.ERROR)


def changes(document: bytes, signed: bytes) -> tuple[int, bool]:
    """Octets of white space between tags outside the document's Signature, and whether it has a Signature."""
    if _is_insertion(document, signed):
        return 0, False
    # What is left without the Signature, and without white space too.
    kept, stripped = (canonical_document(document, 0, strips, True, MAX_DEPTH, True) for strips in (False, True))
    if isinstance(kept, str) or isinstance(stripped, str):
        return _changes_by_tree(document)
    return len(kept[1]) - len(stripped[1]), len(kept[1]) < len(document)


def _changes_by_tree(document: bytes) -> tuple[int, bool]:
    """`changes` of what the byte lane declines, which takes many times as long."""
    reader = DocumentReader()
    root, is_utf8 = reader.read(document)
    tags = [child.tag for child in root.iterchildren("*")]
    signature = f"{{{DSIG}}}Signature"
    index = tags.index(signature) if signature in tags else -1
    text, codec = ("", "utf-8") if is_utf8 else reader.decode(document)
    utf8 = document if is_utf8 else text.encode()
    # In place of the old Signature or the new one, so that the root has a child in any case.
    unsigned = splice(utf8, b"<s/>", index, False)
    width = len(" ".encode(codec))
    return (len(unsigned) - len(strip(unsigned))) * width, index >= 0


def _is_insertion(document: bytes, signed: bytes) -> bool:
    """Whether `signed` is the document with nothing but a Signature put in: this is quickly seen."""
    at = max(signed.rfind(b"<ds:Signature>"), signed.rfind(b"<ds:Signature xmlns:ds="))
    length = len(signed) - len(document)
    return at > 0 and length > 0 and signed[:at] == document[:at] and signed[at + length :] == document[at:]
