"""``duisign canonicalize``: writes the canonical form of a document."""

from __future__ import annotations

from typing import Annotated

import typer

from duisign.algorithms import CanonicalizationMethod
from duisign.canonicalization import canonicalize as canonical_octets
from duisign.cli.exit_status import Failure
from duisign.cli.files import STANDARD_STREAM, read_document, write_octets
from duisign.errors import DuisignError

__all__ = ["canonicalize"]

_METHODS = {(method.exclusive, method.with_comments): method for method in CanonicalizationMethod}


def canonicalize(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The document; - or nothing is the standard input.")
    ] = STANDARD_STREAM,
    *,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="Where the canonical form goes; - is the standard output."),
    ] = STANDARD_STREAM,
    exclusive: Annotated[
        bool, typer.Option("--exclusive", help="By Exclusive C14N 1.0. Without the option, by C14N 1.0.")
    ] = False,
    with_comments: Annotated[
        bool, typer.Option("--with-comments", help="Keep comments, which no signature here covers.")
    ] = False,
    inclusive_prefixes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PREFIXES",
            help="The PrefixList of Exclusive C14N: prefixes with spaces between them, #default for the default "
            "namespace. The option can be given several times.",
        ),
    ] = None,
) -> None:
    """Write the canonical form of a whole document, in UTF-8, without a line feed at its end.

    A Signature in the document is treated like any other element, and stays.
    """
    prefixes = [prefix for given in inclusive_prefixes or [] for prefix in given.split()]
    if prefixes and not exclusive:
        raise Failure("Only Exclusive C14N has a PrefixList: give --exclusive too, or leave the prefixes out.")
    document = read_document(file)
    try:
        octets = canonical_octets(document, _METHODS[exclusive, with_comments], inclusive_prefixes=prefixes)
    except DuisignError as error:
        raise Failure(str(error)) from None
    write_octets(output, octets)
