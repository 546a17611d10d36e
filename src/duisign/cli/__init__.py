"""The command line: `duisign sign`, `verify`, `validate`, `certificate`, `keyring`, `canonicalize`, `serve`, `demo`.

Needs the extra ``cli``.

Exit statuses: `ExitStatus`. XML goes to the standard output, untouched; all that is said goes to standard error,
except the reports of the other commands when no XML is asked for.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from duisign.cli.canonicalize import canonicalize
from duisign.cli.certificate import certificate
from duisign.cli.demo import demo
from duisign.cli.exit_status import ExitStatus, Failure, ReaderGone
from duisign.cli.files import note, write_text
from duisign.cli.keyring import keyring
from duisign.cli.serve import serve
from duisign.cli.sign import sign
from duisign.cli.validate import validate
from duisign.cli.verify import verify

__all__ = ["ExitStatus", "application", "run"]

application = typer.Typer(
    name="duisign",
    add_completion=False,
    no_args_is_help=True,
    # Boxes around the help cut long option names short.
    rich_markup_mode=None,
    # Its tracebacks show the values of variables, keys among them.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 fine, 2 error, 3 key or certificate missing or unusable, "
    "10 message, certificate or key ring not valid.",
)
application.command(short_help="Sign a document.")(sign)
application.command(short_help="Verify messages.")(verify)
application.command(short_help="Tell whether documents are valid by a schema.")(validate)
application.command(short_help="Show certificates, and whether they are valid.")(certificate)
application.command(short_help="Show which key signs for whom.")(keyring)
application.command(short_help="Write the canonical form of a document.")(canonicalize)
application.command(short_help="Sign and verify over HTTP.")(serve)
application.command(short_help="Show it all, on keys and messages made up.")(demo)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        write_text(f"duisign {version('duisign')}\n")
        raise typer.Exit


@application.callback()
def _duisign(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Sign and verify the XML messages of Great Britain's smart metering network."""


def run() -> int:
    """Run the command line on ``sys.argv``; the exit status."""
    try:
        if any("-----BEGIN" in argument for argument in sys.argv[1:]):
            # Usage errors, and what is said of a file that is not there, would quote it.
            raise Failure("An argument is what a file of keys or certificates holds: give the name of the file.")
        try:
            application(prog_name="duisign")
        except SystemExit as end:
            # What typer itself has printed may still be buffered.
            write_text("")
            # typer ends with 1 when its own output finds no reader.
            return ExitStatus.ERROR if end.code == 1 else int(end.code or ExitStatus.OK)
    except Failure as failure:
        note(str(failure))
        return failure.status
    except ReaderGone:
        return ExitStatus.ERROR
    return ExitStatus.OK
