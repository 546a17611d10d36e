"""``duisign sign``: puts a Signature into a document."""

from __future__ import annotations

from typing import Annotated

import typer

from duisign._markup import splice, strip
from duisign.algorithms import KeyInfo, Profile
from duisign.cli.credentials import load_private_key, load_signing_certificate
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import STANDARD_STREAM, note, read_document, write_octets
from duisign.document import DocumentReader
from duisign.errors import ConfigurationError, DuisignError, SignatureExistsError
from duisign.key_info import DSIG
from duisign.signer import Signer

__all__ = ["sign"]


def sign(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The document to sign; - or nothing is the standard input.")
    ] = STANDARD_STREAM,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The private key, on P-256, unencrypted, in PEM or DER.")
    ] = None,
    cert: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The Organisation Certificate of the key, in PEM or DER."),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where the signed document goes; - is the standard output."
        ),
    ] = STANDARD_STREAM,
    profile: Annotated[
        Profile, typer.Option(help="The form of the signature: that of DUIS, or signxml's default.")
    ] = Profile.DUIS,
    key_info: Annotated[
        KeyInfo, typer.Option(help="What the signature says about its key. DUIS wants issuer-serial.")
    ] = KeyInfo.ISSUER_SERIAL,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Make the same signature each time, by RFC 6979.")
    ] = False,
    keep_whitespace: Annotated[
        bool,
        typer.Option(
            "--keep-whitespace",
            help="Keep the white space between tags. The DCC refuses a message that was signed with it.",
        ),
    ] = False,
    refuse_signed: Annotated[
        bool,
        typer.Option("--refuse-signed", help="Refuse a document that has a Signature, instead of replacing it."),
    ] = False,
) -> None:
    """Sign a document. White space between tags is dropped, and a Signature that is there already is replaced.

    Everything else stays as it is, octet for octet. What was dropped or replaced is said on the standard error.
    """
    if [file, key, cert].count(STANDARD_STREAM) > 1:
        raise Failure("The standard input can be read only once: name files.")
    private_key = load_private_key(key)
    certificate = load_signing_certificate(cert, private_key)
    try:
        signer = Signer(
            private_key,
            certificate,
            profile=profile,
            key_info=key_info,
            deterministic=deterministic,
            whitespace="preserve" if keep_whitespace else "strip",
            existing_signature="refuse" if refuse_signed else "replace",
        )
    except ConfigurationError as error:
        unusable = error.code.startswith("certificate-")
        raise Failure(str(error), ExitStatus.KEY_MISSING if unusable else ExitStatus.ERROR) from None
    document = read_document(file)
    try:
        signed = signer.sign(document)
    except SignatureExistsError:
        raise Failure("The document already has a Signature: leave out --refuse-signed to replace it.") from None
    except DuisignError as error:
        raise Failure(str(error)) from None
    write_octets(output, signed)
    white_space, replaced = _changes(document)
    if white_space and not keep_whitespace:
        note(f"Dropped white space between tags: {white_space:,} octets.")
    if replaced:
        note("Replaced the Signature that the document had.")


def _changes(document: bytes) -> tuple[int, bool]:
    """Octets of white space between tags outside the document's Signature, and whether it has a Signature."""
    reader = DocumentReader()
    root, is_utf8 = reader.read(document)
    tags = [child.tag for child in root.iterchildren("*")]
    signature = f"{{{DSIG}}}Signature"
    index = tags.index(signature) if signature in tags else -1
    text, codec = ("", "utf-8") if is_utf8 else reader.decode(document)
    utf8 = document if is_utf8 else text.encode()
    # In place of the old Signature or the new one, so that the root has a child in any case.
    unsigned = splice(utf8, b"<s/>", index)
    width = len(" ".encode(codec))
    return (len(unsigned) - len(strip(unsigned))) * width, index >= 0
