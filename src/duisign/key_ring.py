"""KeyRing: the private keys of many parties; the message decides which of them signs (DESIGN sections 3 and 4)."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from lxml import etree

from duisign._message_facts import message_facts
from duisign.algorithms import KeyInfo, Profile
from duisign.batch import SignResult, results_of_documents
from duisign.certificate_source import Problem
from duisign.distinguished_name import rfc2253
from duisign.document import DocumentReader, check_depth
from duisign.errors import (
    CertificateError,
    CertificateRevokedError,
    ConfigurationError,
    DocumentError,
    DuisignError,
    ExternalKeyError,
    RevocationUnknownError,
    SigningKeyError,
)
from duisign.key_password import Password
from duisign.key_ring_state import SIGNED_BY_USER, Entry, State, roles_by_class, signing_roles
from duisign.key_separation import separation_of
from duisign.key_source import read_keys
from duisign.key_status import KeyRingEntry, KeyStatus
from duisign.limits import MAX_DEPTH, MAX_DOCUMENT_OCTETS, SIGNED_LEVELS
from duisign.message_class import MessageClass, class_of
from duisign.remote_party_role import RemotePartyRole
from duisign.request_id import RequestId, entity_id_of, sole_identifier
from duisign.signer import Signer
from duisign.smki_trust import SmkiTrust
from duisign.trust import Clock, clock_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from lxml.etree import _Element

    from duisign._document_tree import DocumentTree
    from duisign.schema import Schema

__all__ = ["KeyRing"]

_BY_CODE = {"certificate-expired": KeyStatus.EXPIRED, "certificate-not-yet-valid": KeyStatus.NOT_YET_VALID}
_HOPEFUL = (KeyStatus.SIGNS, KeyStatus.SUPERSEDED, KeyStatus.NOT_YET_VALID, KeyStatus.REVOCATION_UNKNOWN)


class KeyRing:
    """Private keys with their certificates, of which each message gets the right one. Shared by threads.

    `sources`: one or a list of: files and folders (`Path` or str), contents of files as bytes, tuples of private key
    and certificate, of which the key may be an `ExternalKey`, objects of cryptography. Files hold PEM, DER, PKCS #12,
    or JSON as the DCC's test key store does. Keys and certificates are matched by public key. What cannot be used is
    left out and listed in `problems`. `password`: a function that receives the name of a file and returns its
    passphrase as bytes, or None; see `password_from_environment` and `password_from_file`. `trust`: a `SmkiTrust` that
    is asked about path and revocation at each signature; without one only validity periods count. `now`: a clock.
    `roles`, `dcc_roles`: Remote Party Roles of Users' and of the DCC's XML signing keys; where the DCC's differ from
    class to class, `dcc_roles` is a mapping as `Policy.signing_roles` is. `dcc_entity_id`: the EUI-64 whose keys sign
    the DCC's messages. The other options are those of `Signer`.

    Who signs: a Request, the Business Originator of its RequestID with a key of `roles`. Any other message, the DCC
    with a key of `dcc_roles` for its class: if `dcc_entity_id` is given, that party, and a ResponseID of another DCC
    party of the ring is refused; else the party of the ring that ResponseID names as originator; else (the originator
    is a Device) the only one there is, and several are refused. Parties without a key for the class do not count. Of
    one party's keys the one signs that is usable now and whose validity began last, then ends last.

    A key under two EUI-64s signs for neither ("a separate key per User Id"). A key that stands in a certificate of a
    role for Devices too (any but `roles` and `dcc_roles`) does not sign ("a dedicated XML signing key, never used
    towards Devices"); only the DCC's may be that of its Access Control Broker. All of these are in `problems`. There is
    no option to have them sign: make a key for each purpose, or use a `Signer`. A key that one party has certified for
    `roles` and for `dcc_roles` is dedicated to XML all the same, and signs by the certificate that each message wants.

    Raises ConfigurationError, also when no key can sign now or later. Cannot be pickled.
    """

    __slots__ = (
        "_dcc_entity_id",
        "_lock",
        "_make",
        "_now",
        "_password",
        "_reader",
        "_roles",
        "_sources",
        "_state",
        "_trust",
    )

    def __init__(
        self,
        sources: Iterable[object] | str | Path,
        *,
        password: Password | None = None,
        trust: SmkiTrust | None = None,
        now: Clock | None = None,
        profile: Profile = Profile.DUIS,
        key_info: KeyInfo = KeyInfo.ISSUER_SERIAL,
        deterministic: bool = False,
        whitespace: Literal["preserve", "strip"] = "preserve",
        existing_signature: Literal["refuse", "replace"] = "refuse",
        schema: Schema | None = None,
        roles: Iterable[int] = (RemotePartyRole.XML_SIGN,),
        dcc_roles: Iterable[int] | Mapping[MessageClass, Iterable[int]] = (RemotePartyRole.DSP_XML_SIGN,),
        dcc_entity_id: str | None = None,
        max_octets: int = MAX_DOCUMENT_OCTETS,
        max_depth: int = MAX_DEPTH,
    ) -> None:
        if password is not None and not callable(password):
            raise ConfigurationError(
                "password", "password must be a function that returns the passphrase of a file, never the passphrase."
            )
        if trust is not None and not isinstance(trust, SmkiTrust):
            raise ConfigurationError("trust", "The trust of a KeyRing is a SmkiTrust, or None for validity alone.")
        if not isinstance(key_info, KeyInfo):
            raise ConfigurationError("key-info", "key_info of a KeyRing must be a duisign.KeyInfo: it has many keys.")
        self._password = password
        self._trust = trust
        self._now = clock_of(now)
        self._roles = signing_roles(roles), roles_by_class(dcc_roles)
        self._dcc_entity_id = None if dcc_entity_id is None else _checked_entity_id(dcc_entity_id)
        check_depth(max_depth, SIGNED_LEVELS)
        self._reader = DocumentReader(max_octets, max_depth)
        self._make = partial(
            Signer,
            profile=profile,
            key_info=key_info,
            deterministic=deterministic,
            whitespace=whitespace,
            existing_signature=existing_signature,
            schema=schema,
            max_octets=max_octets,
            max_depth=max_depth,
        )
        # Read more than once when the ring is reloaded.
        if isinstance(sources, (bytes, str)) or not isinstance(sources, Iterable):
            sources = [sources]
        self._sources = tuple(sources)
        self._lock = threading.Lock()
        self._state = self._build({})

    def __repr__(self) -> str:
        asked = "validity alone" if self._trust is None else repr(self._trust)
        return f"<KeyRing of {len(self._state.entries)} keys, by {asked}>"

    def __reduce__(self) -> NoReturn:
        raise ConfigurationError("key-ring-pickle", "A KeyRing holds private keys: build one in each process instead.")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was left out of the ring, does not sign though it should, or signs though it had better not, and why."""
        return self._state.problems

    @property
    def entries(self) -> tuple[KeyRingEntry, ...]:
        """Every key with its status at this moment, in the order of the sources."""
        state, now = self._state, self._now()
        first: set[Entry] = set()
        for _, _, some in state.rows():
            first.update([entry for entry in some if self._status(entry, now) is KeyStatus.SIGNS][:1])
        found = []
        for entry in state.entries:
            status, certificate = self._status(entry, now), entry.certificate
            if status is KeyStatus.SIGNS and entry not in first:
                status = KeyStatus.SUPERSEDED
            found.append(
                KeyRingEntry(
                    certificate.entity_id,
                    certificate.role,
                    rfc2253(certificate.certificate.issuer),
                    certificate.serial_number,
                    certificate.valid_from,
                    certificate.valid_to,
                    status,
                    entry.where,
                )
            )
        return tuple(found)

    def sign(self, document: bytes) -> bytes:
        """`Signer.sign` with the key of the party that the document names.

        Raises SigningKeyError, DocumentError, and what `Signer.sign` raises.
        """
        root, is_utf8 = self._reader.tree(document)
        signer = self._choose(root)
        return signer.sign_parsed(document, root, is_utf8)

    def sign_many(self, documents: Iterable[bytes], *, workers: int | None = None) -> Generator[SignResult, None, None]:
        """`Signer.sign_many` with the key of the party that each document names."""
        return results_of_documents(self.sign, SignResult, documents, workers)

    def sign_element(self, root: _Element) -> _Element:
        """`Signer.sign_element` with the key of the party that the message names; raises what `sign` raises."""
        return self.signer_for(root).sign_element(root)

    def signer_for(self, source: bytes | _Element) -> Signer:
        """The Signer for a document, or for an element as the root of one; raises SigningKeyError, DocumentError."""
        return self._choose(source if isinstance(source, etree._Element) else self._reader.tree(source)[0])

    def signers(self, entity_id: str) -> tuple[Signer, ...]:
        """The Signers of an EUI-64 that may sign now, the newest of each kind first; empty if there are none."""
        entity_id, state, now = _checked_entity_id(entity_id), self._state, self._now()
        entries = dict.fromkeys(entry for _, who, some in state.rows() if who == entity_id for entry in some)
        return tuple(e.signer for e in entries if e.signer and self._status(e, now) is KeyStatus.SIGNS)

    def reload(self) -> tuple[Problem, ...]:
        """Read the sources again; returns the new `problems`.

        All or nothing: ConfigurationError says what is broken, and the old state stays in force. Broken is also a
        state in which a party that had a key that signs, or will, has none, while there is a problem that was not there
        before.
        """
        with self._lock:
            old = self._state
            signers = {e.certificate.fingerprint: e.signer for e in old.entries if e.signer is not None}
            state = self._build(signers)
            new = [one for one in state.problems if one not in old.problems]
            if new and not self._able(old) <= self._able(state):
                raise ConfigurationError(
                    "key-ring", f"A party would lose its last key for a problem: {new[0].where}: {new[0].sentence}"
                )
            self._state = state
        return state.problems

    def _able(self, state: State) -> set[tuple[MessageClass | None, str]]:
        """Who has a key that signs now or later, and what."""
        now = self._now()
        hopeful = {entry for entry in state.entries if self._status(entry, now) in _HOPEFUL}
        return {(kind, who) for kind, who, some in state.rows() if not hopeful.isdisjoint(some)}

    def _build(self, signers: dict[bytes, Signer]) -> State:
        """A state from the sources as they are now. `signers`: those of the old state, by certificate."""
        pairs, uses, problems = read_keys(self._sources, self._password)
        users, dcc = self._roles[0], frozenset().union(*self._roles[1].values())
        entries = []
        for pair in pairs:
            entry = Entry(pair.certificate, pair.where)
            entry.fixed, remark = separation_of(pair.certificate, uses[pair.point], users, dcc)
            if entry.fixed is None:
                known = signers.get(pair.certificate.fingerprint)
                try:
                    entry.signer = known or self._make(pair.private_key, pair.certificate.certificate)
                except (ConfigurationError, ExternalKeyError) as error:
                    entry.fixed, remark = _unusable(error), str(error)
                    if entry.fixed is None:
                        raise
            if remark is not None:
                problems.append(Problem(pair.where, remark))
            entries.append(entry)
        state = State(entries, problems, *self._roles)
        if self._dcc_entity_id is not None and not any(self._dcc_entity_id in found for found in state.dcc.values()):
            raise ConfigurationError("key-ring", "The ring holds no DCC key of the party that dcc_entity_id names.")
        now = self._now()
        if not any(self._status(entry, now) in _HOPEFUL for entry in entries):
            reasons = {self._status(entry, now).value for entry in entries}
            reasons |= {f"{one.where}: {one.sentence}" for one in problems[:1]}
            raise ConfigurationError(
                "key-ring",
                f"The ring has no key that can sign now or later ({'; '.join(sorted(reasons)) or 'no keys'}).",
            )
        return state

    def _status(self, entry: Entry, now: float) -> KeyStatus:
        """The status of a key by itself: SIGNS also where a newer one goes first."""
        if entry.fixed is not None:
            return entry.fixed
        begin, end = entry.certificate.validity
        if not begin <= now <= end:
            return KeyStatus.NOT_YET_VALID if now < begin else KeyStatus.EXPIRED
        if self._trust is not None:
            try:
                self._trust.check(entry.signatory)
            except CertificateRevokedError:
                return KeyStatus.REVOKED
            except RevocationUnknownError:
                return KeyStatus.REVOCATION_UNKNOWN
            except CertificateError as error:
                # The trust store may have a clock of its own.
                return _BY_CODE.get(error.code, KeyStatus.UNTRUSTED)
        return KeyStatus.SIGNS

    def _choose(self, root: _Element | DocumentTree) -> Signer:
        state = self._state
        kind, identifier = _sender(root)
        if kind in SIGNED_BY_USER:
            entries = state.users.get(identifier.originator, ()) if identifier else ()
        else:
            found = state.dcc.get(kind, {})
            entries = found.get(self._dcc_party(found, identifier), ())
        now = self._now()
        for entry in entries:
            if entry.signer is not None and self._status(entry, now) is KeyStatus.SIGNS:
                return entry.signer
        raise self._unable(entries, now, identifier if kind in SIGNED_BY_USER else None)

    def _unable(self, entries: Iterable[Entry], now: float, identifier: RequestId | None) -> SigningKeyError:
        """Why none of a sender's keys signs. Not raised here: a local name for it would keep the document alive."""
        reasons = ", ".join(sorted({self._status(entry, now).value for entry in entries}))
        if reasons:
            error = SigningKeyError(
                "signing-key-unusable", f"No XML signing key of the message's sender may sign now: {reasons}. Renew it."
            )
        else:
            error = SigningKeyError(
                "signing-key-unknown",
                "The ring has no XML signing key of the message's sender: load it, or do not sign.",
            )
        error.request_id = None if identifier is None else str(identifier)
        return error

    def _dcc_party(self, parties: Collection[str], response_id: RequestId | None) -> str:
        """The EUI-64 of the DCC party, of those with keys for the class, that signs; the rule is in the docstring."""
        named = None if response_id is None else response_id.originator
        chosen = self._dcc_entity_id
        if named is not None and named in parties and chosen in (None, named):
            return named
        if named in parties or (chosen is None and len(parties) > 1):
            raise SigningKeyError(
                "signing-key-ambiguous", "It is not clear which DCC party of the ring signs: set dcc_entity_id to it."
            )
        return chosen or next(iter(parties), "")


def _unusable(error: DuisignError) -> KeyStatus | None:
    """The status of a key with which no Signer can be made; None if that is not the key's fault."""
    if error.code == "key-info":
        return KeyStatus.NO_KEY_INFO
    # A private key in the process has been matched to its certificate before.
    unavailable = isinstance(error, ExternalKeyError) or error.code in ("key-certificate-mismatch", "key-output")
    return KeyStatus.KEY_UNAVAILABLE if unavailable else None


def _sender(root: _Element | DocumentTree) -> tuple[MessageClass, RequestId | None]:
    """The class of a message, and the identifier whose originator sends it: RequestID, or a Response's ResponseID."""
    facts = message_facts(root)
    kind = class_of(facts)
    if kind is None:
        raise DocumentError(
            "message-class", "The document is no message of DUIS, so no key of the ring is its sender's."
        )
    if kind not in SIGNED_BY_USER:
        return kind, sole_identifier(facts.response_ids)
    # A Request without RequestID is as malformed as one with an empty one.
    return kind, sole_identifier(facts.request_ids or [""])


def _checked_entity_id(entity_id: str) -> str:
    try:
        return entity_id_of(entity_id)
    except ValueError:
        raise ConfigurationError("entity-id", "An EUI-64 is a str of eight pairs of hexadecimal digits.") from None
