"""The command line: `duisign sign`, `verify`, `validate`, `certificate`, `keyring`, `canonicalize`, `serve`, `demo`.

Needs the extra ``cli``.

Exit statuses: `ExitStatus`. XML goes to the standard output, untouched; all that is said goes to standard error,
except the reports of the other commands when no XML is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from duisign.cli.exit_status import ExitStatus, Failure, ReaderGone
from duisign.cli.files import note, write_text

__all__ = ["ExitStatus", "run"]

_COMMANDS = {
    "sign": "Sign a document.",
    "verify": "Verify messages.",
    "validate": "Tell whether documents are valid by a schema.",
    "certificate": "Show certificates, and whether they are valid.",
    "keyring": "Show which key signs for whom.",
    "canonicalize": "Write the canonical form of a document.",
    "serve": "Sign and verify over HTTP.",
    "demo": "Show it all, on keys and messages made up.",
}
"""What each command does, in the order of the help; a command is the function of its name in the module of its name."""


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        write_text(f"duisign {version('duisign')}\n")
        raise typer.Exit


def _duisign(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Sign and verify the XML messages of Great Britain's smart metering network."""


def _application(first: str | None) -> typer.Typer:
    """The command line of a call whose first argument is `first`.

    A call that names a command gets no other one: to import and to describe all of them takes longer than most
    commands do.
    """
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
    application.callback()(_duisign)
    for name, short_help in _COMMANDS.items():
        if name == first or first not in _COMMANDS:
            command = getattr(import_module(f"duisign.cli.{name}"), name)
            application.command(name, short_help=short_help)(command)
    return application


def run() -> int:
    """Run the command line on ``sys.argv``; the exit status."""
    try:
        if any("-----BEGIN" in argument for argument in sys.argv[1:]):
            # Usage errors, and what is said of a file that is not there, would quote it.
            raise Failure("An argument is what a file of keys or certificates holds: give the name of the file.")
        application = _application(sys.argv[1] if sys.argv[1:] else None)
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
