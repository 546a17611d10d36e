"""``duisign verify``: tells whether messages are what a trusted party signed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from duisign.algorithms import Profile
from duisign.cli.batch_options import BatchOptions, Glob, Ndjson, ReportFile, Workers
from duisign.cli.credentials import is_certificate_name, load_pinned
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import STANDARD_STREAM, is_folder, note, read_document, write_octets, write_text
from duisign.cli.schema_options import SchemaFolder, load_schema
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
from duisign.cli.verdict import Examiner, Report, SmkiFacts
from duisign.policy import Policy

if TYPE_CHECKING:
    from duisign.trust import Trust

__all__ = ["verify"]


def verify(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE_OR_FOLDER",
            help="The signed documents, or folders of them; - or nothing is the standard input.",
        ),
    ] = None,
    *,
    cert: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE_OR_FOLDER",
            help="A trusted certificate in PEM or DER, several in one PEM file, a bare public key in PEM, or a folder "
            "of such files. With --root, a known certificate, which is trusted if its path is valid. Give the option "
            "once for each.",
        ),
    ] = None,
    root: Root = None,
    ca: Ca = None,
    crl: Crl = None,
    policy_oid: PolicyOid = None,
    accept_missing_authority_key_identifier: AcceptMissingAuthorityKeyIdentifier = False,
    accept_decimal_role_137: Annotated[
        bool,
        typer.Option(
            "--accept-decimal-role-137",
            help="With --root: read the role 137 as 89 (hexadecimal), a mistake of early test certificates.",
        ),
    ] = False,
    dangerously_skip_revocation: SkipRevocation = False,
    at: At = None,
    schema: SchemaFolder = None,
    schema_first: Annotated[
        bool,
        typer.Option(
            "--schema-first",
            help="With --schema: ask the schema before the signature, as the DCC's tool does, not after.",
        ),
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the octets that were signed to a file, or with - to the standard output. "
            "If the message is refused, nothing is written.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each document, each on a line.")
    ] = False,
    profile: Annotated[
        list[Profile] | None,
        typer.Option(help="Accept this profile alone. Without the option, both are accepted."),
    ] = None,
    accept_unmarked_exclusive_c14n: Annotated[
        bool,
        typer.Option(
            "--accept-unmarked-exclusive-c14n",
            help="Also accept the CanonicalizationMethod as the specification prints it, without #.",
        ),
    ] = False,
    dangerously_accept_java_widths: Annotated[
        bool,
        typer.Option(
            "--dangerously-accept-java-widths",
            help="Also accept SignatureValues of 62 and 66 octets. Two spellings of one signature then pass.",
        ),
    ] = False,
    ndjson: Ndjson = False,
    workers: Workers = None,
    glob: Glob = None,
    report: ReportFile = None,
) -> None:
    """Verify messages, and print each check with its outcome, and the signer.

    Of a folder the files named *.xml are verified, those of its subfolders too; then only what is refused is printed,
    and how many are valid. With --ndjson the answer to a valid message has the octets that were signed as its message.

    The exit status is 0 if all messages are valid. Otherwise it is the highest that applies: 10 if a message is not
    valid or not signed, 3 if trusted certificates or CRLs are missing or cannot be read, 2 if a document cannot be
    read.

    Without --cert and --root, the last argument is the trusted certificate if it is named as one (.pem, .crt, .cer,
    .der, .pub), as in: duisign verify message.xml cert.pem

    With --root, the SMKI tells who is trusted, and the roles of DUIS who may sign what (the check "policy").
    """
    names = files or [STANDARD_STREAM]
    if not cert and not root and len(names) > 1 and is_certificate_name(names[-1]):
        *names, last = names
        cert = [last]
    if schema_first and schema is None:
        raise Failure("--schema-first says nothing without --schema.")
    folder = any(map(is_folder, names))
    if output is not None and (len(names) > 1 or folder or ndjson):
        raise Failure("With --output, name one document only.")
    if names.count(STANDARD_STREAM) > 1:
        raise Failure("The standard input can be read only once.")
    if ndjson and len(names) > 1:
        raise Failure("With --ndjson, name one file only.")
    batch = BatchOptions(workers=workers, glob=glob, report=report)
    batch.check(folder=folder, ndjson=ndjson)
    options = SmkiOptions(
        root=root,
        ca=ca,
        crl=crl,
        policy_oid=policy_oid,
        accept_missing_authority_key_identifier=accept_missing_authority_key_identifier,
        skip_revocation=dangerously_skip_revocation,
        at=at,
    )
    trust, smki = _trust(cert or [], options, accept_decimal_role_137)
    make = partial(
        Examiner,
        trust,
        at=at,
        smki=smki,
        profiles=profile or tuple(Profile),
        schema=load_schema(schema),
        schema_first=schema_first,
        accept_unmarked_exclusive_c14n=accept_unmarked_exclusive_c14n,
        dangerously_accept_java_widths=dangerously_accept_java_widths,
    )
    if folder or ndjson:
        from duisign.cli.verify_batch import verify_folders, verify_lines

    if folder:
        raise typer.Exit(verify_folders(make, names, batch, as_json=as_json))
    if ndjson:
        raise typer.Exit(verify_lines(make, names[0], batch))
    raise typer.Exit(_verify_each(make(), names, output, as_json=as_json))


def _verify_each(examiner: Examiner, names: list[str], output: str | None, *, as_json: bool) -> int:
    # The report makes room for XML on the standard output.
    to_stderr = output == STANDARD_STREAM
    status = ExitStatus.OK
    for name in names:
        try:
            document = read_document(name)
        except Failure as failure:
            report = examiner.unreadable(name, str(failure))
        else:
            report = examiner.examine(name, document)
        status = max(status, report.verdict.exit_status)
        if report.message is not None and output is not None:
            write_octets(output, report.message.signed_bytes)
        _print(report, as_json=as_json, to_stderr=to_stderr)
    return status


def _trust(
    certificates: list[str], options: SmkiOptions, accept_decimal_role_137: bool
) -> tuple[Trust, SmkiFacts | None]:
    """Who is trusted, and with --root what the SMKI is asked."""
    trust = options.trust(certificates)
    if trust is not None:
        policy = Policy(accept_decimal_role_137=accept_decimal_role_137)
        return trust, SmkiFacts(policy, options.policy_oid or [], not options.skip_revocation)
    if accept_decimal_role_137:
        raise Failure("--accept-decimal-role-137 says nothing without --root: pinned certificates may have any role.")
    return load_pinned(certificates, now=options.at), None


def _print(report: Report, *, as_json: bool, to_stderr: bool) -> None:
    if as_json:
        import json

        write_text(json.dumps(report.facts()) + "\n", to_stderr=to_stderr)
    elif report.code == "file-unreadable":
        note(str(report.reason))
    else:
        from duisign.cli.verdict_table import rendered

        write_text(rendered(report, to_stderr=to_stderr), to_stderr=to_stderr)
