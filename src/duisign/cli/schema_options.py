"""The options of schemas, alike in each command that has them, and the schema that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from duisign.cli.exit_status import Failure
from duisign.errors import ConfigurationError

if TYPE_CHECKING:
    from duisign.schema import Schema

__all__ = ["SchemaFolder", "load_schema"]

SchemaFolder = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="FOLDER",
        help="The folder of the XSD set that messages must be valid by, as DUIS publishes it.",
    ),
]


def load_schema(folder: str | None) -> Schema | None:
    """The schema in a folder, if one is named; raises Failure."""
    if folder is None:
        return None
    from duisign.schema import Schema

    try:
        return Schema.from_folder(folder)
    except ConfigurationError as error:
        raise Failure(str(error)) from None
