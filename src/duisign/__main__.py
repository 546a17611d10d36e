"""The command `duisign`, also as ``python -m duisign``."""

from __future__ import annotations

import gc
import os
import sys
from importlib.util import find_spec

__all__ = ["main"]

_ERROR = 2
"""The exit status of `duisign.cli.ExitStatus.ERROR`, which cannot be imported without the extra."""


def main() -> None:
    """Run the command line on ``sys.argv``; ends in SystemExit with one of `duisign.cli.ExitStatus`."""
    if os.name != "posix":
        # Files are replaced, locked and synchronized, and processes forked, by what POSIX has.
        print(
            "duisign: The command line needs a POSIX system, such as Linux or macOS: use the library here.",
            file=sys.stderr,
        )
        sys.exit(_ERROR)
    missing = [name for name in ("typer", "rich") if find_spec(name) is None]
    if missing:
        print(
            f"duisign: The command line needs {' and '.join(missing)}, which the library does not: "
            f"install {'them' if len(missing) > 1 else 'it'} with pip install 'duisign[cli]'.",
            file=sys.stderr,
        )
        sys.exit(_ERROR)
    # What a start allocates lives until the end: looking through it for garbage, as often as it grows and once more at
    # the exit, took a fifth of the time of a short command.
    gc.disable()
    from duisign.cli import run

    gc.freeze()
    gc.enable()
    sys.exit(run())


if __name__ == "__main__":
    main()
