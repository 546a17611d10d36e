"""The keys of a ring as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from duisign.cli.certificate_facts import hex_role, role_name
from duisign.cli.files import printable
from duisign.cli.verdict_table import text_of
from duisign.key_status import KeyStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from duisign.certificate_source import Problem
    from duisign.key_status import KeyRingEntry

__all__ = ["rendered"]

_STYLES = {KeyStatus.SIGNS: "green", KeyStatus.SUPERSEDED: "dim", KeyStatus.NOT_YET_VALID: "yellow"}
_NO_ENTITY_ID = "none"
_INDENT = (0, 0, 0, 2)

# Three lines for each key: the serial number alone takes half of a terminal.
_ROW = "{:23}  {:4}  {:24}  "


def rendered(
    entries: Sequence[KeyRingEntry], parties: Mapping[tuple[str, int], bool], problems: Sequence[Problem]
) -> str:
    """All keys by party, what is wrong with the sources, and how many parties have a key that signs."""
    shown: list[RenderableType] = [Text(_ROW.format("EUI-64", "role", "valid") + "status", "bold")]
    for entry in sorted(entries, key=_order):
        shown += _key(entry)
    if problems:
        shown += ["", Text("Problems", "bold")]
        shown += [_indented(f"{problem.where}: {problem.sentence}") for problem in problems]
    shown += ["", _summary(list(parties.values())), ""]
    return text_of(*shown)


def _order(entry: KeyRingEntry) -> tuple[str, int, bool, float]:
    # Of each party the key that signs first, then the newest.
    role = -1 if entry.role is None else int(entry.role)
    return entry.entity_id or "~", role, entry.status is not KeyStatus.SIGNS, -entry.valid_from.timestamp()


def _key(entry: KeyRingEntry) -> list[RenderableType]:
    period = f"{entry.valid_from:%Y-%m-%d} to {entry.valid_to:%Y-%m-%d}"
    row = _ROW.format(entry.entity_id or _NO_ENTITY_ID, hex_role(entry.role) or "none", period)
    status = Text(entry.status.value.replace("-", " "), _STYLES.get(entry.status, "bold red"))
    name = role_name(entry.role)
    return [
        Text.assemble(row, status),
        _indented(f"{f'{name}, ' if name else ''}serial {entry.serial_number}", "dim"),
        _indented(entry.source, "dim"),
    ]


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(printable(text), style, overflow="fold"), _INDENT)


def _summary(signing: list[bool]) -> Text:
    able, unable = sum(signing), len(signing) - sum(signing)
    text = Text(f"{able} of {len(signing)} parties {'has' if able == 1 else 'have'} a key that signs now.")
    text.stylize("bold red" if unable else "green")
    return text
