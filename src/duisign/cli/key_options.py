"""The options of private keys and key rings, alike in each command that has them, and the ring that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import note
from duisign.errors import ConfigurationError

if TYPE_CHECKING:
    from duisign.cli.trust_options import SmkiOptions
    from duisign.key_password import Password
    from duisign.key_ring import KeyRing

__all__ = ["DccEntityId", "PasswordEnv", "PasswordFile", "load_ring"]

PasswordEnv = Annotated[
    str | None,
    typer.Option(metavar="VARIABLE", help="The environment variable that holds the passphrase of encrypted keys."),
]
PasswordFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="The file whose first line is the passphrase of encrypted keys.")
]
DccEntityId = Annotated[
    str | None,
    typer.Option(
        metavar="EUI64", help="With a key ring: the party whose keys sign the DCC's messages, if there are several."
    ),
]


def load_ring(
    names: list[str], password: Password | None, smki: SmkiOptions, *, noted: bool = True, **options: Any
) -> KeyRing:
    """The ring of the keys in files and folders; `options` are those of `duisign.KeyRing`. Raises Failure.

    `noted`: say the problems of the ring on standard error.
    """
    from duisign.key_ring import KeyRing

    trust = smki.trust()
    # As paths: errors quote no other names.
    sources = [Path(name) for name in names]
    try:
        ring = KeyRing(sources, password=password, trust=trust, now=smki.at, **options)
    except ConfigurationError as error:
        if error.code == "key-ring":
            _note_problems(sources, password)
        status = ExitStatus.ERROR if error.code == "entity-id" else ExitStatus.KEY_MISSING
        raise Failure(str(error), status) from None
    for problem in ring.problems if noted else ():
        note(f"{problem.where}: {problem.sentence}")
    return ring


def _note_problems(sources: list[Path], password: Password | None) -> None:
    """Say everything that is wrong with sources of which no ring can be made; its error names the first only."""
    from duisign.key_source import read_keys

    for problem in read_keys(sources, password).problems:
        note(f"{problem.where}: {problem.sentence}")
