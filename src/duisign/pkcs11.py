"""Keys in a hardware security module, by PKCS #11 (extra ``hsm``)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from duisign.errors import ConfigurationError, DuisignError
from duisign.key_password import Password, password_from_file
from duisign.limits import DEFAULT_WORKERS, MAX_WORKERS
from duisign.pkcs11_module import loaded_module, unavailable
from duisign.pkcs11_uri import parse_key_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from pkcs11.types import Session, Token

__all__ = ["Pkcs11Key"]

_P256 = bytes.fromhex("06082a8648ce3d030107")
"""CKA_EC_PARAMS of P-256: the object identifier 1.2.840.10045.3.1.7 in DER."""

_BAD_PINS = (
    pkcs11.PinExpired,
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.UserPinNotInitialized,
)


_Result = TypeVar("_Result")


class Pkcs11Key:
    """A private key on P-256 on a token: an `ExternalKey`. Shared by threads, not by processes.

    `uri`: RFC 7512, as ``pkcs11:token=duis;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so``. It must fit
    one token and one private key. `pin`: a function that receives the token's label and returns the PIN as bytes, or
    None; see `password_from_environment` and `password_from_file`. It is asked at each login, and its answer not kept.
    The URI may name a file instead (``pin-source``). `module`: the path of the token's library, unless the URI has it.
    `sessions`: how many threads sign at once; others wait. Unless told otherwise as many as `sign_many` has; small
    HSMs have some dozens of sessions in all.

    The token may go away: a signature that fails is tried once more after the library has been initialized anew, which
    ends all sessions of this process with it, and then is an ExternalKeyError; the next one tries again. A PIN that was
    refused is never tried again by this object, since tokens lock themselves.

    Raises ConfigurationError, and ExternalKeyError when the token is not there.
    """

    def __init__(
        self,
        uri: str,
        *,
        pin: Password | None = None,
        module: str | Path | None = None,
        sessions: int = DEFAULT_WORKERS,
    ) -> None:
        self._uri = parse_key_uri(uri)
        if pin is not None and not callable(pin):
            raise ConfigurationError("password", "pin must be a function that returns the PIN, never the PIN.")
        if pin is not None and self._uri.pin_file is not None:
            raise ConfigurationError("password", "Give pin, or pin-source in the URI, not both.")
        self._pin = pin if self._uri.pin_file is None else password_from_file(self._uri.pin_file)
        if (module is None) == (self._uri.module is None):
            raise ConfigurationError(
                "key-module", "Give the path of the PKCS #11 module once: as module-path in the URI, or as module."
            )
        if type(sessions) is not int or not 1 <= sessions <= MAX_WORKERS:
            raise ConfigurationError("sessions", f"sessions must be a number from 1 to {MAX_WORKERS}.")
        self._places = threading.BoundedSemaphore(sessions)
        # Sessions at rest, each with its generation and the key in it.
        self._idle: list[tuple[int, Session, Any]] = []
        self._refused: ConfigurationError | None = None
        self._module = loaded_module(str(self._uri.module if module is None else module))
        self._attempted(lambda generation: self._idle.append((generation, *self._open())))

    def __repr__(self) -> str:
        return f"<Pkcs11Key {self._uri.label!r} on {self._uri.token.get('token')!r}>"

    def sign_digest(self, digest: bytes) -> bytes:
        """r and s, 64 octets, for a SHA-256 digest; raises ExternalKeyError, ConfigurationError."""
        return self._attempted(lambda generation: self._sign(digest, generation))

    def close(self) -> None:
        """Close the sessions at rest. The key opens new ones when it is used again."""
        with self._module.calls() as generation:
            while self._idle:
                _close(self._idle.pop(), generation)

    def _attempted(self, action: Callable[[int], _Result]) -> _Result:
        """What `action` of the module's generation gives, the second time if the token was away the first time."""
        reason = ""
        with self._places:
            for _ in range(2):
                with self._module.calls() as generation:
                    try:
                        return action(generation)
                    except _BAD_PINS as error:
                        self._refused = _bad_pin(error)
                        raise self._refused from None
                    except pkcs11.PKCS11Error as error:
                        reason = type(error).__name__
                self._module.restart(generation)
        raise unavailable(reason)

    def _sign(self, digest: bytes, generation: int) -> bytes:
        opened = self._rested(generation) or (generation, *self._open())
        try:
            raw: bytes = opened[2].sign(digest, mechanism=Mechanism.ECDSA)
        except BaseException:
            _close(opened, generation)
            raise
        self._idle.append(opened)
        return raw

    def _rested(self, generation: int) -> tuple[int, Session, Any] | None:
        """A session at rest that has not ended with an earlier generation."""
        while True:
            try:
                opened = self._idle.pop()
            except IndexError:
                return None
            if opened[0] == generation:
                return opened

    def _open(self) -> tuple[Session, Any]:
        """A session, and the key in it."""
        token = self._token()
        self._module.log_in(token, lambda: self._ask(token.label))
        session = token.open()
        try:
            return session, self._key(session)
        except BaseException:
            session.close()
            raise

    def _token(self) -> Token:
        tokens = [token for token in self._module.tokens() if _describes(self._uri.token, token)]
        if not tokens:
            raise pkcs11.TokenNotPresent
        if len(tokens) > 1:
            raise ConfigurationError("key-object", "Several tokens fit the PKCS #11 URI: add its serial.")
        return tokens[0]

    def _key(self, session: Session) -> Any:
        template: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: KeyType.EC}
        if self._uri.label is not None:
            template[Attribute.LABEL] = self._uri.label
        if self._uri.identifier is not None:
            template[Attribute.ID] = self._uri.identifier
        keys = list(session.get_objects(template))
        if len(keys) != 1:
            raise ConfigurationError(
                "key-object",
                "No EC private key on the token fits the PKCS #11 URI: mend it, or give the PIN that shows keys."
                if not keys
                else "Several private keys fit the PKCS #11 URI: add the id of one.",
            )
        key: Any = keys[0]
        if not hasattr(key, "sign"):
            raise ConfigurationError("key-object", "The private key may not sign by the rules of the token.")
        try:
            parameters = key[Attribute.EC_PARAMS]
        except pkcs11.PKCS11Error:
            # Then its signatures tell.
            parameters = _P256
        if parameters != _P256:
            raise ConfigurationError("key-curve", "The private key is not on P-256 (secp256r1): SMKI has no other.")
        return key

    def _ask(self, label: str) -> str | None:
        """The PIN; None for a token that needs none."""
        if self._refused is not None:
            raise self._refused.with_traceback(None)
        if self._pin is None:
            return None
        name = "".join(character for character in label if character.isprintable())
        answer: object = None
        try:
            answer = self._pin(f"the token {name}")
        except DuisignError:
            raise
        except Exception as error:  # noqa: BLE001 - the caller's function, whose text may hold the PIN
            reason = type(error).__name__
        else:
            if answer is None:
                return None
            if isinstance(answer, bytes):
                try:
                    return answer.decode()
                except UnicodeDecodeError:
                    pass
            reason = "no bytes in UTF-8"
        raise ConfigurationError("password", f"The function that tells the PIN gave no PIN: {reason}.")


def _close(opened: tuple[int, Session, Any], generation: int) -> None:
    if opened[0] == generation:
        try:
            opened[1].close()
        except pkcs11.PKCS11Error:
            # It went away with its token.
            return


def _bad_pin(error: pkcs11.PKCS11Error) -> ConfigurationError:
    return ConfigurationError(
        "key-pin",
        f"The token does not take the PIN ({type(error).__name__}), which is not tried again: mend it, and make a new "
        "key object.",
    )


def _describes(wanted: dict[str, str], token: Token) -> bool:
    facts = {
        "token": token.label,
        "manufacturer": token.manufacturer_id,
        "model": token.model,
        "serial": token.serial.decode(errors="replace").rstrip(),
        "slot-id": str(token.slot.slot_id),
    }
    return all(facts[name] == value for name, value in wanted.items())
