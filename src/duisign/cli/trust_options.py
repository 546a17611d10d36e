"""The options of trust in the SMKI, alike in each command that has them, and the store that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import note
from duisign.errors import ConfigurationError

if TYPE_CHECKING:
    from duisign.smki_trust import SmkiTrust

__all__ = [
    "AcceptMissingAuthorityKeyIdentifier",
    "At",
    "Ca",
    "Crl",
    "PolicyOid",
    "Root",
    "SkipRevocation",
    "SmkiOptions",
]

_USAGE = frozenset({"extra-missing", "clock"})
"""Codes of what is wrong with the command itself, and not with the files that it names."""


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("it is no time in ISO 8601, such as 2024-05-31T12:00:00Z.") from None
    if moment.tzinfo is None:
        raise typer.BadParameter("it has no time zone: put Z behind it for UTC, or an offset such as +01:00.")
    return moment


Root = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE_OR_FOLDER",
        help="A root certificate of the SMKI, or a folder of nothing but such: a certificate is then valid if it has "
        "a path to a root. Needs --policy-oid. Give the option once for each.",
    ),
]
Ca = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE_OR_FOLDER", help="With --root: certificates of issuing CAs, in files and folders."),
]
Crl = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE_OR_FOLDER",
        help="With --root: certificate revocation lists, in files and folders. Root and issuing CA each need one.",
    ),
]
PolicyOid = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OID",
        help="With --root: a certificate policy, of which a path must assert one. That of the test environment is "
        "1.2.826.0.1.8641679.1.2.1.4.",
    ),
]
AcceptMissingAuthorityKeyIdentifier = Annotated[
    bool,
    typer.Option(
        "--accept-missing-authority-key-identifier",
        help="With --root: also accept a certificate without this extension, as the DCC's published test "
        "certificates are.",
    ),
]
SkipRevocation = Annotated[
    bool,
    typer.Option(
        "--dangerously-skip-revocation", help="With --root: ask no CRL. Whoever stole a revoked key then passes."
    ),
]
At = Annotated[
    datetime | None,
    typer.Option(
        parser=_moment,
        metavar="TIME",
        help="Judge certificates as of this time, not of now: ISO 8601 with time zone, such as "
        "2024-05-31T12:00:00Z. CRLs must be of that time too.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class SmkiOptions:
    """What the options say. Without `root` none of the others but `at` may be given."""

    root: list[str] | None
    ca: list[str] | None
    crl: list[str] | None
    policy_oid: list[str] | None
    accept_missing_authority_key_identifier: bool = False
    skip_revocation: bool = False
    at: datetime | None = None

    def trust(self, certificates: Sequence[str] = ()) -> SmkiTrust | None:
        """The store, with `certificates` as the known ones; None without --root. Notes problems; raises Failure."""
        if not self.root:
            self._refuse_stray_options()
            return None
        if not self.policy_oid:
            raise Failure(
                "With --root, say with --policy-oid which certificate policy is required: "
                "that of the test environment is 1.2.826.0.1.8641679.1.2.1.4."
            )
        from duisign.smki_trust import SmkiTrust

        try:
            trust = SmkiTrust(
                # As paths: errors quote no other names.
                *(list(map(Path, names or ())) for names in (self.root, self.ca, certificates, self.crl)),
                policies=self.policy_oid,
                check_revocation=not self.skip_revocation,
                now=self.at,
                accept_missing_authority_key_identifier=self.accept_missing_authority_key_identifier,
            )
        except ConfigurationError as error:
            if error.code == "policies":
                raise Failure("--policy-oid takes a dotted OID, such as 1.2.826.0.1.8641679.1.2.1.4.") from None
            status = ExitStatus.ERROR if error.code in _USAGE else ExitStatus.KEY_MISSING
            raise Failure(str(error), status) from None
        for problem in trust.problems:
            note(f"{problem.where}: {problem.sentence}")
        if self.skip_revocation:
            note("Revocation is NOT checked: whoever stole a revoked key passes.")
        return trust

    def _refuse_stray_options(self) -> None:
        options = {
            "--ca": self.ca,
            "--crl": self.crl,
            "--policy-oid": self.policy_oid,
            "--accept-missing-authority-key-identifier": self.accept_missing_authority_key_identifier,
            "--dangerously-skip-revocation": self.skip_revocation,
        }
        for option, given in options.items():
            if given:
                raise Failure(f"{option} says nothing without --root: name the roots of the SMKI with it.")
