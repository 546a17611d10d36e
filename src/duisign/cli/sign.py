"""``duisign sign``: puts a Signature into a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from duisign.algorithms import KeyInfo, Profile
from duisign.cli.batch_options import BatchOptions, Fsync, Glob, Ndjson, ReportFile, Resume, Workers
from duisign.cli.credentials import (
    load_external_key,
    load_private_key,
    load_signing_certificate,
    password_source,
)
from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import STANDARD_STREAM, is_folder, note, read_document, write_octets
from duisign.cli.key_options import DccEntityId, PasswordEnv, PasswordFile, load_ring
from duisign.cli.schema_options import SchemaFolder, load_schema
from duisign.cli.signing import changes, refusal
from duisign.cli.trust_options import AcceptMissingAuthorityKeyIdentifier, Ca, Crl, PolicyOid, Root, SmkiOptions
from duisign.errors import ConfigurationError, DuisignError, ExternalKeyError
from duisign.pkcs11_uri import SCHEME
from duisign.signer import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

    from duisign.external_key import ExternalKey
    from duisign.key_password import Password

__all__ = ["sign"]


def sign(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_FOLDER",
            help="The document to sign, or a folder of documents; - or nothing is the standard input.",
        ),
    ] = STANDARD_STREAM,
    certificate_file: Annotated[
        str | None, typer.Argument(metavar="CERT", help="The same as --cert, for who types it so.")
    ] = None,
    key_file: Annotated[
        str | None, typer.Argument(metavar="KEY", help="The same as --key, behind the certificate.")
    ] = None,
    *,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_URI",
            help="The private key, on P-256, in PEM or DER; or pkcs11:token=...;object=...?module-path=... for one on "
            "a token, whose PIN comes from where passphrases do.",
        ),
    ] = None,
    cert: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The Organisation Certificate of the key, in PEM or DER."),
    ] = None,
    keyring: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE_OR_FOLDER",
            help="Instead of --key and --cert: keys of many parties with their certificates, of which the one signs "
            "that belongs to the sender of the message: PEM, DER, PKCS #12, or a key store in JSON. Give the option "
            "once for each.",
        ),
    ] = None,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    dcc_entity_id: DccEntityId = None,
    root: Root = None,
    ca: Ca = None,
    crl: Crl = None,
    policy_oid: PolicyOid = None,
    accept_missing_authority_key_identifier: AcceptMissingAuthorityKeyIdentifier = False,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE_OR_FOLDER",
            help="Where the signed document goes, - being the standard output, or the folder for those of a folder.",
        ),
    ] = STANDARD_STREAM,
    profile: Annotated[
        Profile, typer.Option(help="The form of the signature: that of DUIS, or signxml's default.")
    ] = Profile.DUIS,
    key_info: Annotated[
        KeyInfo, typer.Option(help="What the signature says about its key. DUIS wants issuer-serial.")
    ] = KeyInfo.ISSUER_SERIAL,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Make the same signature each time, by RFC 6979.")
    ] = False,
    keep_whitespace: Annotated[
        bool,
        typer.Option(
            "--keep-whitespace",
            help="Keep the white space between tags. The DCC refuses a message that was signed with it.",
        ),
    ] = False,
    refuse_signed: Annotated[
        bool,
        typer.Option("--refuse-signed", help="Refuse a document that has a Signature, instead of replacing it."),
    ] = False,
    new_counter: Annotated[
        bool,
        typer.Option(
            "--new-counter/--preserve-counter",
            help="Whether a Request gets the current time in milliseconds as the counter of its RequestID, as the "
            "DCC's tool does unless told otherwise.",
        ),
    ] = False,
    schema: SchemaFolder = None,
    ndjson: Ndjson = False,
    workers: Workers = None,
    glob: Glob = None,
    resume: Resume = False,
    fsync: Fsync = False,
    report: ReportFile = None,
) -> None:
    """Sign a document, or many. White space between tags is dropped, and a Signature that is there already is replaced.

    Everything else stays as it is, octet for octet. What was dropped or replaced is said on the standard error.

    Certificate and key may also be arguments, as in: duisign sign message.xml cert.pem key.pem

    With --keyring, a key that is not valid now never signs, and with --root too, neither does one that is revoked.

    Of a folder the files named *.xml are signed, those of its subfolders too, each into a file of the same name in the
    output folder, which is written whole or not at all. What is there already is replaced, unless --resume skips it.
    One document that cannot be signed does not keep the others from it.

    The exit status is 0 if all documents are signed. Otherwise it is the highest that applies: 10 if one is not valid
    by --schema, 3 if no key or certificate is given or usable, 2 for anything else.
    """
    if (certificate_file is not None and cert is not None) or (key_file is not None and key is not None):
        raise Failure("Give certificate and key as arguments or as options, not both.")
    cert, key = cert or certificate_file, key or key_file
    if [file, key, cert].count(STANDARD_STREAM) > 1:
        raise Failure("The standard input can be read only once: name files.")
    options = BatchOptions(workers=workers, glob=glob, resume=resume, fsync=fsync, report=report)
    folder = is_folder(file)
    options.check(folder=folder, ndjson=ndjson)
    smki = SmkiOptions(
        root=root,
        ca=ca,
        crl=crl,
        policy_oid=policy_oid,
        accept_missing_authority_key_identifier=accept_missing_authority_key_identifier,
    )
    password = password_source(password_env, password_file)
    form: dict[str, Any] = {
        "profile": profile,
        "key_info": key_info,
        "deterministic": deterministic,
        "whitespace": "preserve" if keep_whitespace else "strip",
        "existing_signature": "refuse" if refuse_signed else "replace",
        "schema": load_schema(schema),
    }
    signs: Callable[[bytes], bytes]
    if keyring is None:
        if dcc_entity_id is not None or root is not None:
            raise Failure("--dcc-entity-id and --root say which key of a ring signs: give --keyring too.")
        smki.trust()
        signs = _signer(key, cert, password, form).sign
    elif key is not None or cert is not None:
        raise Failure("Give --keyring, or --key and --cert, not both.")
    else:
        signs = load_ring(keyring, password, smki, dcc_entity_id=dcc_entity_id, **form).sign
    if new_counter:
        signs = _counted(signs)
    if folder or ndjson:
        from duisign.cli.sign_batch import sign_folder, sign_lines

    if folder:
        raise typer.Exit(sign_folder(signs, file, output, options, strips=not keep_whitespace))
    if ndjson:
        raise typer.Exit(sign_lines(signs, file, output, options, strips=not keep_whitespace))
    document = read_document(file)
    try:
        signed = signs(document)
    except DuisignError as error:
        raise refusal(error) from None
    write_octets(output, signed)
    white_space, replaced = changes(document, signed)
    if white_space and not keep_whitespace:
        note(f"Dropped white space between tags: {white_space:,} octets.")
    if replaced:
        note("Replaced the Signature that the document had.")


def _counted(signs: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """`signs` for documents that get a new counter before."""
    from duisign.cli.new_counter import NewCounter

    count = NewCounter()
    return lambda document: signs(count(document))


def _signer(key: str | None, cert: str | None, password: Password | None, form: dict[str, Any]) -> Signer:
    """The signer with the one key that is named."""
    private_key: ec.EllipticCurvePrivateKey | ExternalKey
    if key is not None and key.startswith(SCHEME):
        private_key = load_external_key(key, password)
        certificate = load_signing_certificate(cert, None)
    else:
        private_key = load_private_key(key, password)
        certificate = load_signing_certificate(cert, private_key)
    try:
        return Signer(private_key, certificate, **form)
    except (ConfigurationError, ExternalKeyError) as error:
        unusable = error.code.startswith(("certificate-", "key-certificate-", "key-unavailable"))
        raise Failure(str(error), ExitStatus.KEY_MISSING if unusable else ExitStatus.ERROR) from None
