"""What the service signs and verifies with: keys, trust and policy, as they are now."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from duisign.certificate_source import certificates_of
from duisign.errors import ConfigurationError, DuisignError
from duisign.external_key import ExternalKey
from duisign.key_password import Password, password_from_environment, password_from_file
from duisign.key_ring import KeyRing
from duisign.key_status import KeyStatus
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.message_class import MessageClass
from duisign.organisation_certificate import OrganisationCertificate
from duisign.policy import Policy
from duisign.request_counter import RequestCounter
from duisign.schema import Schema
from duisign.service.problem import RequestError
from duisign.service.settings import Settings, SigningSettings, TrustSettings, refusal
from duisign.signer import Signer
from duisign.smki_trust import SmkiTrust
from duisign.trust import PinnedCertificates
from duisign.verifier import Verifier

if TYPE_CHECKING:
    from duisign.cli.exit_status import Failure

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
        folders = {settings.signing.schema, settings.trust.schema}
        self._schemas = {folder: None if folder is None else Schema.from_folder(folder) for folder in folders}
        self._verifier = self._make_verifier()
        self._token = _token_key(settings.signing)
        self._is_open = True
        self._refused: ConfigurationError | None = None
        self._signs = self._make_signing()

    @property
    def waits(self) -> bool:
        """Whether signing waits for something outside of this process."""
        return self._token is not None

    def after_fork(self) -> None:
        """Open the token anew, since in a process that was forked it is not open; or later, if it is away now."""
        self._is_open = self._token is None
        with self._lock, contextlib.suppress(DuisignError):
            self._open()

    def sign(self, document: bytes, *, preserve_counter: bool) -> bytes:
        """The signed document; raises DuisignError."""
        if self._signs is None:
            raise RequestError("not-configured", "This service does not sign: its settings name no key.", 501)
        if not self._is_open:
            with self._lock:
                self._open()
        if not preserve_counter:
            document = self._counter.set(document)
        return self._signs.sign(document)

    def verify(self, document: bytes) -> VerifiedMessage | UnsignedMessage:
        """The message; unsigned ones only if the settings accept their class so. Raises DuisignError."""
        if self._verifier is None:
            raise RequestError("not-configured", "This service does not verify: its settings trust nobody.", 501)
        return self._verifier.receive(document)

    def reload(self) -> None:
        """Read keys, certificates and CRLs again; what was broken stays as it was.

        Raises ConfigurationError, and ExternalKeyError if the token does not answer.
        """
        with self._lock:
            if self._smki is not None:
                self._smki.reload()
            else:
                self._verifier = self._make_verifier()
            if isinstance(self._signs, KeyRing):
                self._signs.reload()
            elif self._is_open:
                self._signs = self._make_signing()
            else:
                self._refused = None
                self._open()

    @property
    def problems(self) -> list[str]:
        """What was left out of the key ring and the trust store, and why, each a sentence."""
        sources = (self._smki, self._signs if isinstance(self._signs, KeyRing) else None)
        problems = [f"{one.where}: {one.sentence}" for source in sources if source for one in source.problems]
        trust = self._settings.trust
        if trust.roots and not trust.crls and not trust.dangerously_skip_revocation:
            problems.append("trust.crls names no CRL: all messages will be refused, for nothing tells what is revoked.")
        return problems

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

    def _open(self) -> None:
        """Open the token, unless it is; raises ConfigurationError, ExternalKeyError."""
        if self._is_open:
            return
        if self._refused is not None:
            # Tokens lock themselves when a PIN is tried again and again.
            raise self._refused.with_traceback(None)
        from duisign.pkcs11 import Pkcs11Key

        try:
            self._token = Pkcs11Key(str(self._settings.signing.token_key), pin=_password(self._settings.signing))
            self._signs = self._make_signing()
        except ConfigurationError as error:
            self._refused = error
            raise
        self._is_open = True

    def _make_verifier(self) -> Verifier | None:
        trust = self._settings.trust
        if not trust.is_configured:
            return None
        return Verifier(
            self._smki or _pinned(trust),
            policy=self._policy,
            schema=self._schemas[trust.schema],
            schema_first=trust.schema_first,
        )

    def _make_signing(self) -> KeyRing | Signer | None:
        signing = self._settings.signing
        if not signing.is_configured:
            return None
        options: dict[str, Any] = {
            "whitespace": "preserve" if signing.keep_whitespace else "strip",
            "existing_signature": "refuse" if signing.refuse_signed else "replace",
            "schema": self._schemas[signing.schema],
        }
        if signing.is_single:
            return _single(signing, self._token, options)
        try:
            return KeyRing(
                signing.keyring,
                password=_password(signing),
                trust=self._smki if signing.check_path else None,
                dcc_entity_id=signing.dcc_entity_id,
                **options,
            )
        except ConfigurationError as error:
            if error.code != "entity-id":
                raise
            raise refusal("signing.dcc_entity_id is an EUI-64: eight pairs of hexadecimal digits.") from None


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


def _token_key(signing: SigningSettings) -> ExternalKey | None:
    """The key on a token, if the settings name one."""
    if signing.token_key is None:
        return None
    from duisign.cli.credentials import load_external_key
    from duisign.cli.exit_status import Failure

    try:
        return load_external_key(signing.token_key, _password(signing))
    except Failure as failure:
        raise _in_settings(failure) from None


def _single(signing: SigningSettings, token: ExternalKey | None, options: Mapping[str, Any]) -> Signer:
    """The Signer of one key, in a file or on a token."""
    from duisign.cli.credentials import load_private_key, load_signing_certificate
    from duisign.cli.exit_status import Failure

    try:
        if token is not None:
            return Signer(token, load_signing_certificate(str(signing.certificate), None), **options)
        key = load_private_key(str(signing.key), _password(signing))
        return Signer(key, load_signing_certificate(str(signing.certificate), key), **options)
    except Failure as failure:
        raise _in_settings(failure) from None


def _in_settings(failure: Failure) -> ConfigurationError:
    """What the command line says of a key or certificate, with the names of settings in place of its options."""
    from duisign.cli.exit_status import ExitStatus

    sentence = str(failure)
    for option in ("password-env", "password-file", "keyring"):
        sentence = sentence.replace(f"--{option}", f"signing.{option.replace('-', '_')}")
    return ConfigurationError("source", sentence) if failure.status is ExitStatus.KEY_MISSING else refusal(sentence)


def _password(signing: SigningSettings) -> Password | None:
    if signing.password_env is not None:
        return password_from_environment(signing.password_env)
    return None if signing.password_file is None else password_from_file(signing.password_file)
