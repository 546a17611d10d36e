"""External keys: private keys outside the process, in an HSM or a key management service, behind a small protocol.

What such a key gives is never taken on trust: each signature is checked for its form, and verified with the
certificate's public key, which takes as long as three signatures in the process and far less than any way to a key
outside it. So neither a key that was exchanged behind its name nor a faulty device can make a bad message.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol, TypeGuard

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign.errors import ConfigurationError, DuisignError, ExternalKeyError

__all__ = [
    "KEY_OCTETS",
    "ORDER",
    "AnyExternalKey",
    "AsyncExternalKey",
    "DerKey",
    "ExternalKey",
    "PrivateKey",
    "asynchronous_signature",
    "check_key",
    "der_signature",
    "has_private_key_form",
    "is_asynchronous",
    "is_external",
    "signature_function",
    "signs_digests",
]

KEY_OCTETS = 32
"""Octets of an integer of P-256."""

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group of P-256 (FIPS 186-4, D.1.2.3): r and s are from 1 to one less."""

_ECDSA = ec.ECDSA(hashes.SHA256())
_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))

# No XML, so that its signature can never be that of a SignedInfo.
_PROBE = b"duisign: does this private key belong to this certificate?"


class ExternalKey(Protocol):
    """A private key on P-256 outside the process, as `Signer` wants it. Called by several threads at once."""

    def sign_digest(self, digest: bytes, /) -> bytes:
        """The ECDSA signature of a SHA-256 digest (32 octets): r and s, big-endian, 64 octets together.

        May raise anything: `Signer` raises ExternalKeyError from it.
        """
        ...


class AsyncExternalKey(Protocol):
    """The same for a key that is asked by a coroutine: for `Signer.sign_async` alone."""

    async def sign_digest(self, digest: bytes, /) -> bytes:
        """As `ExternalKey.sign_digest`."""
        ...


class PrivateKey(Protocol):
    """What signxml's users pass as key: an ``EllipticCurvePrivateKey``, or an object like one.

    `public_key()` may be missing where no KeyValue is written.
    """

    @property
    def key_size(self) -> int:
        """Bits of the curve: 256."""
        ...

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        """The ECDSA signature of the data, which is hashed with SHA-256 here, in DER."""
        ...


class DerKey:
    """An `ExternalKey` in the form of a `PrivateKey`."""

    key_size = KEY_OCTETS * 8

    def __init__(self, key: ExternalKey | AsyncExternalKey) -> None:
        self._sign_digest = key.sign_digest
        if hasattr(key, "public_key"):
            self.public_key = key.public_key

    def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
        """The signature in DER; nothing of it where the key gives none."""
        raw = self._sign_digest(sha256(data).digest())
        return der_signature(raw) or b""


AnyExternalKey = ExternalKey | AsyncExternalKey | PrivateKey


def is_external(key: object) -> TypeGuard[AnyExternalKey]:
    """Whether this is a key outside the process, on P-256 as far as it says."""
    return signs_digests(key) or (has_private_key_form(key) and not hasattr(key, "private_bytes"))


def signs_digests(key: object) -> TypeGuard[ExternalKey | AsyncExternalKey]:
    """Whether this is an `ExternalKey` or `AsyncExternalKey`."""
    return callable(getattr(key, "sign_digest", None))


def is_asynchronous(key: object) -> TypeGuard[AsyncExternalKey]:
    """Whether this is an `AsyncExternalKey`."""
    return inspect.iscoroutinefunction(getattr(key, "sign_digest", None))


def has_private_key_form(key: object) -> TypeGuard[PrivateKey]:
    """Whether this is a `PrivateKey`, whatever its curve."""
    return callable(getattr(key, "sign", None)) and isinstance(getattr(key, "key_size", None), int)


def der_signature(raw: object) -> bytes | None:
    """The DER form of what `sign_digest` gave; None if that is no signature."""
    if type(raw) is not bytes or len(raw) != 2 * KEY_OCTETS:
        return None
    r, s = int.from_bytes(raw[:KEY_OCTETS], "big"), int.from_bytes(raw[KEY_OCTETS:], "big")
    return utils.encode_dss_signature(r, s) if 0 < r < ORDER and 0 < s < ORDER else None


def _checked(der: object, data: bytes, algorithm: ec.ECDSA, public_key: ec.EllipticCurvePublicKey) -> bytes:
    """The signature in DER, which holds; raises ConfigurationError."""
    if type(der) is not bytes:
        raise ConfigurationError(
            "key-output",
            "The external key gave no ECDSA signature for P-256: sign_digest returns r and s in 64 octets, sign "
            "returns DER. Mend it.",
        )
    try:
        public_key.verify(der, data, algorithm)
    except InvalidSignature:
        raise ConfigurationError(
            "key-certificate-mismatch",
            "The certificate does not verify the external key's signature: name the key's own certificate, or mend "
            "the key.",
        ) from None
    return der


def _failure(error: Exception) -> ExternalKeyError:
    """What is raised from what an external key raised."""
    return ExternalKeyError(
        "key-failed", f"The external key raised {type(error).__name__}: see what caused this error, and sign again."
    )


def signature_function(
    key: AnyExternalKey, public_key: ec.EllipticCurvePublicKey
) -> tuple[Callable[[bytes, Any], bytes], bool]:
    """A function that gives checked signatures in DER, and whether it wants octets instead of their SHA-256 digest."""
    if is_asynchronous(key):
        return _refuse_synchronous, False
    if signs_digests(key):
        sign_digest = key.sign_digest

        def from_digest(digest: bytes, algorithm: Any) -> bytes:
            try:
                raw = sign_digest(digest)
            except DuisignError:
                raise
            except Exception as error:
                raise _failure(error) from error
            return _checked(der_signature(raw), digest, _PREHASHED, public_key)

        return from_digest, False
    # Prehashed would be wrong: who has written such a key for signxml hashes the data whatever the algorithm says.
    sign: Callable[..., object] = key.sign  # type: ignore[union-attr]

    def from_octets(octets: bytes, algorithm: Any) -> bytes:
        try:
            der = sign(octets, signature_algorithm=_ECDSA)
        except DuisignError:
            raise
        except Exception as error:
            raise _failure(error) from error
        return _checked(der, octets, _ECDSA, public_key)

    return from_octets, True


def _refuse_synchronous(digest: bytes, algorithm: Any) -> bytes:
    raise ConfigurationError("key-async", "The external key is asked by a coroutine: await signer.sign_async instead.")


async def asynchronous_signature(key: AsyncExternalKey, digest: bytes, public_key: ec.EllipticCurvePublicKey) -> bytes:
    """The checked signature of a digest in DER; raises ConfigurationError, ExternalKeyError."""
    try:
        raw = await key.sign_digest(digest)
    except DuisignError:
        raise
    except Exception as error:
        raise _failure(error) from error
    return _checked(der_signature(raw), digest, _PREHASHED, public_key)


def check_key(key: AnyExternalKey, public_key: ec.EllipticCurvePublicKey) -> None:
    """Have the key sign something, and verify that; raises ConfigurationError, ExternalKeyError.

    A key that is asked by a coroutine is left out: a constructor cannot wait, and each signature is checked anyhow.
    """
    if not signs_digests(key) and key.key_size != KEY_OCTETS * 8:  # type: ignore[union-attr]
        raise ConfigurationError("key-curve", "The private key is not on P-256 (secp256r1): SMKI has no other.")
    if not is_asynchronous(key):
        function, wants_octets = signature_function(key, public_key)
        function(_PROBE if wants_octets else sha256(_PROBE).digest(), None)
