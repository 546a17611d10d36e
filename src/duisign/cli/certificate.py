"""``duisign certificate``: shows what certificates say, and whether the SMKI holds them valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from duisign.cli.credentials import certificate_files, certificates_in, read_credentials
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import note, write_text
from duisign.cli.trust_options import (
    AcceptMissingAuthorityKeyIdentifier,
    At,
    Ca,
    Crl,
    PolicyOid,
    Root,
    SkipRevocation,
    SmkiOptions,
)
from duisign.errors import ConfigurationError

if TYPE_CHECKING:
    from duisign.cli.certificate_report import CertificateReport

__all__ = ["certificate"]


def certificate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE_OR_FOLDER", help="Certificates in PEM or DER, several in one PEM file, or folders."
        ),
    ],
    *,
    root: Root = None,
    ca: Ca = None,
    crl: Crl = None,
    policy_oid: PolicyOid = None,
    accept_missing_authority_key_identifier: AcceptMissingAuthorityKeyIdentifier = False,
    dangerously_skip_revocation: SkipRevocation = False,
    at: At = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each certificate, each on a line.")
    ] = False,
) -> None:
    """Show subject, issuer, role, EUI-64, validity, usage, policies and fingerprint of certificates.

    With --root, path and status are shown too. Without it, nothing tells whether a certificate is genuine.

    The exit status is 0 if all certificates can be read and, with --root, all are valid. Otherwise it is the highest
    that applies: 10 if one is not valid, 3 if none can be read, or no root or CRL, 2 if one of several cannot be read.
    """
    options = SmkiOptions(
        root=root,
        ca=ca,
        crl=crl,
        policy_oid=policy_oid,
        accept_missing_authority_key_identifier=accept_missing_authority_key_identifier,
        skip_revocation=dangerously_skip_revocation,
        at=at,
    )
    found: set[ExitStatus] = set()
    for report in _reports(files, options):
        _print(report, as_json=as_json)
        found.add(_exit_status(report))
    if found <= {ExitStatus.ERROR}:
        raise Failure("No certificate can be read from what is named.", ExitStatus.KEY_MISSING)
    raise typer.Exit(max(found))


def _reports(names: list[str], options: SmkiOptions) -> Iterator[CertificateReport]:
    from duisign.cli.certificate_report import judged, unreadable

    trust = options.trust()
    for name in names:
        for file in certificate_files(name):
            try:
                octets = read_credentials(file)
            except Failure as failure:
                yield unreadable(file, "file-unreadable", str(failure))
                continue
            count = 0
            for place, one in certificates_in(octets, file):
                count += 1
                if isinstance(one, ConfigurationError):
                    yield unreadable(place, one.code, str(one))
                else:
                    yield judged(place, one, options.at, trust)
            # A folder may also hold private keys and revocation lists, which need no remark.
            if count == 0 and file == name:
                yield unreadable(file, "certificate-malformed", "This file holds no certificate.")


def _exit_status(report: CertificateReport) -> ExitStatus:
    if report.certificate is None:
        return ExitStatus.ERROR
    return ExitStatus.OK if report.code is None else ExitStatus.NOT_VALID


def _print(report: CertificateReport, *, as_json: bool) -> None:
    if as_json:
        import json

        write_text(json.dumps(report.facts()) + "\n")
    elif report.certificate is None:
        reason = str(report.reason)
        note(reason if report.code == "file-unreadable" else f"{report.place}: {reason}")
    else:
        from duisign.cli.certificate_table import rendered

        write_text(rendered(report))
