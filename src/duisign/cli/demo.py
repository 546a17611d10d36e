"""``duisign demo``: shows what duisign does, on messages and keys of its own."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import reason, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from duisign.demo import Demonstration, Exchange

__all__ = ["demo"]


def demo(
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="A new or empty folder, which keeps the keys, certificates and messages. "
            "Without the option, they go when the demonstration ends.",
        ),
    ] = None,
) -> None:
    """Make a throw-away SMKI, sign and verify a message of each class, tamper with one, and measure the rate.

    The exit status is 0 if everything came out as it should, else 10.
    """
    from duisign.demo import demonstrate

    try:
        if folder is None:
            with TemporaryDirectory(prefix="duisign-demo-") as temporary:
                shown = demonstrate(Path(temporary))
        else:
            path = Path(folder)
            if path.exists() and any(path.iterdir()):
                raise Failure(f"{folder} is not empty: name a folder that is, or a new one.")
            shown = demonstrate(path)
    except OSError as error:
        raise Failure(f"Cannot write to {folder or 'a temporary folder'}: {reason(error)}.") from None
    write_text(_rendered(shown))
    write_text(_what_next(folder))
    if not shown.succeeded:
        raise typer.Exit(ExitStatus.NOT_VALID)


def _rendered(shown: Demonstration) -> str:
    from rich.text import Text

    from duisign.cli.verdict_table import text_of
    from duisign.demo import TAMPERED_CLASS

    refusal = shown.tampering.refusal
    if refusal is None:
        verdict = Text("not noticed, which must never be.", "bold red")
    else:
        verdict = Text.assemble(("refused", "bold red"), f" ({refusal.code}). {refusal}")
    return text_of(
        Text.assemble(("A throw-away SMKI", "bold"), ": root OU=00, issuing CA OU=07, User OU=87, DCC OU=89."),
        "",
        _exchanges(shown.exchanges),
        "",
        Text.assemble(("Tampered with", "bold"), f", one letter of the {TAMPERED_CLASS} changed: ", verdict),
        "",
        _rates(shown),
        f"Median of {shown.calls:,} calls each on a document of {shown.octets:,} octets, in one thread.",
        "",
    )


def _exchanges(exchanges: tuple[Exchange, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("message class", no_wrap=True)
    table.add_column("key", no_wrap=True)
    table.add_column("octets", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("signer: role, EUI-64")
    for exchange in exchanges:
        sample, message = exchange.sample, exchange.message
        if exchange.problem is not None or message is None:
            verdict, signer = Text("wrong", "bold red"), str(exchange.problem)
        else:
            verdict, signer = Text("valid", "green"), f"{message.role:02X} {message.entity_id}"
        table.add_row(sample.message_class, sample.signed_by, f"{len(exchange.signed):,}", verdict, signer)
    return table


def _rates(shown: Demonstration) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("measured now", no_wrap=True)
    for heading in ("microseconds", "ECDSA alone", "ratio", "messages/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for rate in shown.rates:
        table.add_row(
            rate.name,
            f"{rate.microseconds:.1f}",
            f"{rate.ecdsa_microseconds:.1f}",
            f"{rate.ratio:.2f}",
            f"{rate.messages_per_second:,.0f}",
        )
    return table


def _what_next(folder: str | None) -> str:
    """Commands to go on with, as text: a table would break long lines."""
    if folder is None:
        return "To keep the keys and messages, and go on with them: duisign demo --folder DIR\n"
    path = Path(folder)
    user = (str(path / "smki" / "user.key"), str(path / "smki" / "user.pem"))
    request = "service-request.xml"
    sign = ["duisign", "sign", str(path / "unsigned" / request), "--key", user[0], "--cert", user[1]]
    commands = (
        shlex.join(["duisign", "verify", str(path / "signed" / request), "--cert", user[1]]),
        shlex.join(["duisign", "verify", str(path / "tampered.xml"), "--cert", str(path / "smki")]),
        f"{shlex.join(sign)} | {shlex.join(['duisign', 'verify', '--cert', user[1]])}",
    )
    return "Go on with:\n" + "".join(f"  {command}\n" for command in commands)
