"""The private key that a Signer is given."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign.errors import ConfigurationError
from duisign.external_key import is_external

if TYPE_CHECKING:
    from duisign.external_key import AnyExternalKey

__all__ = ["ecdsa", "load_private_key"]


def load_private_key(source: object) -> ec.EllipticCurvePrivateKey | AnyExternalKey:
    """A P-256 key, an object or unencrypted PEM or DER, or an external one; raises ConfigurationError."""
    key = source
    if isinstance(source, bytes):
        load = serialization.load_pem_private_key if b"-----BEGIN" in source else serialization.load_der_private_key
        try:
            key = load(source, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError(
                "key-malformed",
                "The private key cannot be read: give an unencrypted PEM or DER key, or load it with cryptography.",
            ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        if is_external(key):
            return key
        raise ConfigurationError(
            "key-type", f"A private key is an EC key, or a duisign.ExternalKey, not {type(source).__name__}."
        )
    if not isinstance(key.curve, ec.SECP256R1):
        raise ConfigurationError("key-curve", "The private key is not on P-256 (secp256r1): SMKI has no other.")
    return key


@functools.cache
def ecdsa(deterministic: bool) -> ec.ECDSA:
    """ECDSA of a SHA-256 digest, with nonces by RFC 6979 or random ones; one object for all Signers."""
    try:
        return ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=deterministic)
    except UnsupportedAlgorithm:
        raise ConfigurationError(
            "deterministic",
            "The OpenSSL in use has no RFC 6979 signatures: sign with deterministic=False.",
        ) from None
