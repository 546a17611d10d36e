"""The report of a verification as a table for people."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from duisign.algorithms import Profile
from duisign.cli.certificate_facts import minute
from duisign.cli.files import STANDARD_STREAM, printable
from duisign.cli.verdict import Outcome, Report, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["grid", "rendered", "text_of"]

_PLAIN_WIDTH = 120
"""Columns of output that goes to no terminal."""

_WORDS = {Outcome.NOT_APPLICABLE: "n/a"}
_MEANINGS = {
    "document": "well-formed, no DOCTYPE, within the limits",
    "signature": "one, in its place, of the profile's form",
    "algorithms": "exactly those of an accepted profile",
    "key-info": "in a form that can be read",
    "signer": "the certificate or key is trusted",
    "certificate": "valid now, for signatures, on P-256",
    "digest": "the document is the one that was signed",
    "signature-value": "made by the signer's key",
    "policy": "the signer may sign this message",
}
_SMKI_MEANINGS = {
    "signer": "the one certificate that KeyInfo names",
    "certificate": "path to a root, validity, revocation, usage",
}
"""Where the SMKI, and no list of pinned certificates, tells who is trusted."""
_UNCHECKED_MEANINGS = {"certificate": "path to a root, validity, usage; not revocation"}
_OUTCOME_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.INCOMPLETE: "yellow",
    Outcome.NOT_REACHED: "dim",
    Outcome.NOT_APPLICABLE: "dim",
}
_VERDICT_STYLES = {
    Verdict.VALID: "bold green",
    Verdict.INVALID: "bold red",
    Verdict.UNSIGNED: "bold red",
    Verdict.UNREADABLE: "bold red",
}
_PROFILES = {
    Profile.DUIS: "duis: enveloped-signature, digest over C14N 1.0",
    Profile.SIGNXML: "signxml: enveloped-signature, digest over Exclusive C14N",
}


def text_of(*shown: RenderableType, to_stderr: bool = False) -> str:
    """What a terminal is sent to show something, or plain text for a stream that is no terminal.

    The text is written by the caller, who knows what to do when the stream is gone.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    terminal = stream is not None and stream.isatty()
    console = Console(
        file=io.StringIO(),
        # None lets the environment force colours.
        force_terminal=True if terminal else None,
        width=None if terminal or "COLUMNS" in os.environ else _PLAIN_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(*shown, sep="\n")
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def rendered(report: Report, *, to_stderr: bool = False) -> str:
    """The report: the verdict, each check, and who signed what."""
    name = "standard input" if report.file == STANDARD_STREAM else printable(report.file)
    title = Text.assemble((name, "bold"), ": ", (report.verdict.value, _VERDICT_STYLES[report.verdict]))
    if report.smki and not report.smki.revocation_checked:
        title.append(", revocation NOT checked", "bold yellow")
    if report.code not in (None, report.verdict.value):
        title.append(f" ({report.code})")
    return text_of(title, "", _checks(report), "", *_facts(report), to_stderr=to_stderr)


def _checks(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), pad_edge=False)
    table.add_column("  check", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("")
    meanings = _MEANINGS | (_SMKI_MEANINGS if report.smki else {})
    if report.smki and not report.smki.revocation_checked:
        meanings |= _UNCHECKED_MEANINGS
    for check, outcome in report.outcomes.items():
        style = _OUTCOME_STYLES[outcome]
        if outcome is Outcome.FAILED:
            remark = Text(str(report.reason), style)
        else:
            remark = Text(meanings[check] if outcome is Outcome.PASSED else "", "dim")
        table.add_row(f"  {check}", Text(_WORDS.get(outcome, outcome.replace("-", " ")), style), remark)
    return table


def _facts(report: Report) -> list[RenderableType]:
    facts = report.facts()
    rows = _signer("signer", facts["signer"]) + _signer("named signer", facts["named_signer"])
    if report.named_request_id is not None:
        rows.insert(0, ("named RequestID", report.named_request_id))
    if report.message is not None:
        rows = [
            ("message", facts["message_class"] or "no DUIS message"),
            ("RequestID", report.identifier("request_id", malformed="malformed") or "none"),
            ("ResponseID", report.identifier("response_id", malformed="malformed") or "none"),
            ("profile", _PROFILES[report.message.profile]),
            ("signed", f"{facts['octets']:,} octets"),
            *rows,
        ]
    if report.smki is not None and report.smki.path is not None:
        rows += [("path", authority) for authority in report.smki.path[1:]]
    if report.at is not None:
        rows.append(("judged as of", report.at.isoformat()))
    table = grid(rows)
    if report.named is not None:
        remark = "The named signer is what KeyInfo says; nothing proves it."
        if report.outcomes["signature-value"] is Outcome.PASSED:
            remark = "The signature is the named signer's, and the message is refused all the same."
        return [table, Text(f"  {remark}", "yellow"), ""]
    if report.named_request_id is not None:
        return [table, Text("  The named RequestID is what the message says; nothing proves it.", "yellow"), ""]
    return [table, ""] if rows else []


def grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Facts with their labels; a label that repeats is shown once."""
    table = Table.grid(padding=(0, 2, 0, 2), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    last = None
    for label, value in rows:
        table.add_row(Text("" if label == last else f"  {label}", "dim"), Text(printable(value)))
        last = label
    return table


def _signer(label: str, facts: dict[str, Any] | None) -> list[tuple[str, str]]:
    if facts is None:
        return []
    if facts["kind"] != "certificate":
        return [(label, "a trusted public key without certificate")]
    role = "none" if facts["role"] is None else f"{facts['role']} {facts['role_name'] or '(unknown)'}"
    return [
        (f"{label} issuer", facts["issuer"]),
        (f"{label} serial", facts["serial_number"]),
        (f"{label} role", role),
        (f"{label} EUI-64", facts["entity_id"] or "none"),
        (f"{label} valid", f"{minute(facts['valid_from'])} to {minute(facts['valid_to'])} UTC"),
    ]
