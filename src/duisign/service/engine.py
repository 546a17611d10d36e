"""What the service signs and verifies with: keys, trust and policy, as they are now."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from duisign.certificate_source import certificates_of
from duisign.errors import ConfigurationError
from duisign.key_password import Password, password_from_environment, password_from_file
from duisign.key_ring import KeyRing
from duisign.key_status import KeyStatus
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.message_class import MessageClass
from duisign.organisation_certificate import OrganisationCertificate
from duisign.policy import Policy
from duisign.request_counter import RequestCounter
from duisign.service.problem import RequestError
from duisign.service.settings import Settings, SigningSettings, TrustSettings, refusal
from duisign.signer import Signer
from duisign.smki_trust import SmkiTrust
from duisign.trust import PinnedCertificates
from duisign.verifier import Verifier

__all__ = ["Engine", "KeyFact"]


class KeyFact(NamedTuple):
    """A key that the service has. `expires`: UTC. `signs`: whether it would sign now."""

    entity_id: str
    role: str
    serial_number: str
    expires: datetime
    signs: bool


class Engine:
    """Signs and verifies by the settings; shared by threads. `reload` reads keys and trust again.

    Raises ConfigurationError.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._counter = RequestCounter()
        self._smki = _smki(settings.trust)
        self._policy = _policy(settings.trust)
        self._verifier = self._make_verifier()
        self._signs: KeyRing | Signer | None = None
        if settings.signing.is_configured:
            self._signs = _signing(settings.signing, self._smki if settings.signing.check_path else None)

    def sign(self, document: bytes, *, preserve_counter: bool) -> bytes:
        """The signed document; raises DuisignError."""
        if self._signs is None:
            raise RequestError("not-configured", "This service does not sign: its settings name no key.", 501)
        if not preserve_counter:
            document = self._counter.set(document)
        return self._signs.sign(document)

    def verify(self, document: bytes) -> VerifiedMessage | UnsignedMessage:
        """The message; unsigned ones only if the settings accept their class so. Raises DuisignError."""
        if self._verifier is None:
            raise RequestError("not-configured", "This service does not verify: its settings trust nobody.", 501)
        return self._verifier.receive(document)

    def reload(self) -> None:
        """Read keys, certificates and CRLs again; raises ConfigurationError, and what was broken stays as it was."""
        with self._lock:
            if self._smki is not None:
                self._smki.reload()
            else:
                self._verifier = self._make_verifier()
            if isinstance(self._signs, KeyRing):
                self._signs.reload()
            elif self._signs is not None:
                self._signs = _signing(self._settings.signing, None)

    @property
    def problems(self) -> list[str]:
        """What was left out of the key ring and the trust store, and why, each a sentence."""
        sources = (self._smki, self._signs if isinstance(self._signs, KeyRing) else None)
        return [f"{one.where}: {one.sentence}" for source in sources if source for one in source.problems]

    @property
    def keys(self) -> list[KeyFact]:
        """The keys, each with its certificate's end."""
        if isinstance(self._signs, KeyRing):
            entries = self._signs.entries
            return [
                KeyFact(one.entity_id or "", _word(one.role), str(one.serial_number), one.valid_to, _signs(one.status))
                for one in entries
            ]
        if self._signs is None:
            return []
        one = OrganisationCertificate(self._signs.certificate)
        now = datetime.now(one.valid_to.tzinfo)
        role, serial = _word(one.role), str(one.serial_number)
        return [KeyFact(one.entity_id or "", role, serial, one.valid_to, one.valid_from <= now <= one.valid_to)]

    @property
    def is_ready(self) -> bool:
        """Whether what the settings want done can be done: some key signs now."""
        return self._signs is None or any(one.signs for one in self.keys)

    def _make_verifier(self) -> Verifier | None:
        trust = self._settings.trust
        if not trust.is_configured:
            return None
        return Verifier(self._smki or _pinned(trust), policy=self._policy)


def _signs(status: KeyStatus) -> bool:
    return status in (KeyStatus.SIGNS, KeyStatus.SUPERSEDED)


def _word(role: int | None) -> str:
    return "" if role is None else f"{int(role):02X}"


def _smki(trust: TrustSettings) -> SmkiTrust | None:
    if not trust.roots:
        return None
    return SmkiTrust(
        trust.roots,
        trust.intermediates,
        trust.certificates,
        trust.crls,
        policies=trust.policies,
        check_revocation=not trust.dangerously_skip_revocation,
        accept_missing_authority_key_identifier=trust.accept_missing_authority_key_identifier,
    )


def _pinned(trust: TrustSettings) -> PinnedCertificates:
    found, problems = certificates_of(trust.certificates)
    if problems:
        # Skipping one here would look like trust in it to whoever wrote the settings.
        raise ConfigurationError("source", f"{problems[0].where}: {problems[0].sentence}")
    return PinnedCertificates([one.certificate.certificate for one in found])


def _policy(trust: TrustSettings) -> Policy | None:
    """The policy; None for that of the trust store, which pinned certificates have none of."""
    if not trust.accept_unsigned and not trust.accept_decimal_role_137:
        return None
    return Policy(
        accept_decimal_role_137=trust.accept_decimal_role_137,
        accept_unsigned=list(_classes(trust.accept_unsigned)),
    )


def _classes(names: Iterable[str]) -> Iterable[MessageClass]:
    for name in names:
        try:
            yield MessageClass(name)
        except ValueError:
            known = ", ".join(MessageClass)
            raise refusal(f"trust.accept_unsigned has {name}, which is no class of messages: {known}.") from None


def _signing(signing: SigningSettings, trust: SmkiTrust | None) -> KeyRing | Signer:
    whitespace, existing = ("preserve" if signing.keep_whitespace else "strip"), "replace"
    if signing.refuse_signed:
        existing = "refuse"
    password = _password(signing)
    if signing.keyring:
        return KeyRing(
            signing.keyring,
            password=password,
            trust=trust,
            dcc_entity_id=signing.dcc_entity_id,
            whitespace=whitespace,  # type: ignore[arg-type]
            existing_signature=existing,  # type: ignore[arg-type]
        )
    from duisign.cli.credentials import load_private_key, load_signing_certificate
    from duisign.cli.exit_status import Failure

    try:
        key = load_private_key(str(signing.key), password)
        certificate = load_signing_certificate(str(signing.certificate), key)
    except Failure as failure:
        raise refusal(str(failure)) from None
    return Signer(key, certificate, whitespace=whitespace, existing_signature=existing)  # type: ignore[arg-type]


def _password(signing: SigningSettings) -> Password | None:
    if signing.password_env is not None:
        return password_from_environment(signing.password_env)
    return None if signing.password_file is None else password_from_file(signing.password_file)
