"""``duisign keyring``: tells which key would sign for whom, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from duisign.cli.certificate_facts import hex_role, role_name
from duisign.cli.credentials import password_source
from duisign.cli.exit_status import ExitStatus
from duisign.cli.files import write_text
from duisign.cli.key_options import DccEntityId, PasswordEnv, PasswordFile, load_ring
from duisign.cli.trust_options import AcceptMissingAuthorityKeyIdentifier, At, Ca, Crl, PolicyOid, Root, SmkiOptions
from duisign.key_status import KeyStatus
from duisign.remote_party_role import RemotePartyRole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duisign.key_status import KeyRingEntry

__all__ = ["keyring"]

_SIGNING_ROLES = (RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN)


def keyring(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE_OR_FOLDER",
            help="Private keys with their certificates: PEM, DER, PKCS #12, or a key store in JSON.",
        ),
    ],
    *,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    dcc_entity_id: DccEntityId = None,
    root: Root = None,
    ca: Ca = None,
    crl: Crl = None,
    policy_oid: PolicyOid = None,
    accept_missing_authority_key_identifier: AcceptMissingAuthorityKeyIdentifier = False,
    at: At = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Show the keys that "duisign sign --keyring" would have, each with its status, and what is wrong with the files.

    A party is an EUI-64 with a certificate for XML signing keys (role 87 or 89). The exit status is 0 if each party
    has a key that signs now, 10 if one has none, 3 if nothing in the ring can sign now or later, 2 for wrong usage.
    Files that are left out do not change it; they are listed as problems.

    Without --root only validity periods count; with it, path and revocation too.
    """
    smki = SmkiOptions(
        root=root,
        ca=ca,
        crl=crl,
        policy_oid=policy_oid,
        accept_missing_authority_key_identifier=accept_missing_authority_key_identifier,
        at=at,
    )
    password = password_source(password_env, password_file)
    ring = load_ring(sources, password, smki, noted=False, dcc_entity_id=dcc_entity_id)
    entries, problems = ring.entries, ring.problems
    parties = _parties(entries)
    if as_json:
        import json

        facts = {
            "entries": [_facts(entry) for entry in entries],
            "parties": [
                {"entity_id": entity_id, "role": hex_role(role), "role_name": role_name(role), "signs": signs}
                for (entity_id, role), signs in parties.items()
            ],
            "problems": [{"where": problem.where, "sentence": problem.sentence} for problem in problems],
        }
        write_text(json.dumps(facts) + "\n")
    else:
        from duisign.cli.keyring_table import rendered

        write_text(rendered(entries, parties, problems))
    raise typer.Exit(ExitStatus.OK if all(parties.values()) else ExitStatus.NOT_VALID)


def _parties(entries: Iterable[KeyRingEntry]) -> dict[tuple[str, int], bool]:
    """Whether a key of each party signs now, by EUI-64 and role, in their order."""
    found: dict[tuple[str, int], bool] = {}
    for entry in entries:
        if entry.entity_id is not None and entry.role in _SIGNING_ROLES:
            party = entry.entity_id, int(entry.role)
            found[party] = found.get(party, False) or entry.status is KeyStatus.SIGNS
    return {(entity_id, RemotePartyRole(role)): found[entity_id, role] for entity_id, role in sorted(found)}


def _facts(entry: KeyRingEntry) -> dict[str, Any]:
    return {
        "entity_id": entry.entity_id,
        "role": hex_role(entry.role),
        "role_name": role_name(entry.role),
        "issuer": entry.issuer,
        # Too long for a number in JSON.
        "serial_number": str(entry.serial_number),
        "valid_from": entry.valid_from.isoformat(),
        "valid_to": entry.valid_to.isoformat(),
        "status": entry.status.value,
        "source": entry.source,
    }
