"""``duisign validate``: tells whether documents are valid by a schema."""

from __future__ import annotations

from typing import Annotated

import typer

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import STANDARD_STREAM, note, printable, read_document, write_text
from duisign.cli.schema_options import SchemaFolder, load_schema
from duisign.errors import DocumentError, SchemaError

__all__ = ["validate"]


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="The documents; - or nothing is the standard input."),
    ] = None,
    *,
    schema: SchemaFolder = None,
) -> None:
    """Tell of each document whether it is valid by the schema, and if not, at which line and why.

    Signatures are not looked at. Nothing is fetched: what the schemas refer to has to be in their folder.

    The exit status is 0 if all documents are valid. Otherwise it is the highest that applies: 10 if a document is not
    valid, 2 if one cannot be read.
    """
    names = files or [STANDARD_STREAM]
    if names.count(STANDARD_STREAM) > 1:
        raise Failure("The standard input can be read only once.")
    loaded = load_schema(schema)
    if loaded is None:
        raise Failure("No schema is given: name the folder of the XSD set with --schema.")
    status = ExitStatus.OK
    for name in names:
        try:
            loaded.validate(read_document(name))
        except Failure as failure:
            status = max(status, ExitStatus.ERROR)
            note(str(failure))
        except SchemaError as error:
            status = max(status, ExitStatus.NOT_VALID)
            write_text(f"{printable(name)}: not valid. {error}\n")
        except DocumentError as error:
            status = max(status, ExitStatus.ERROR)
            note(f"{name}: {error}")
        else:
            write_text(f"{printable(name)}: valid\n")
    raise typer.Exit(status)
