"""Private keys: what signs, in the process or wherever the caller keeps it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign.external_key import (
    KEY_OCTETS,
    ORDER,
    DerKey,
    PrivateKey,
    has_private_key_form,
    is_asynchronous,
    signs_digests,
)
from duisign.organisation_certificate import is_unreadable
from duisign.signxml.exceptions import InvalidInput

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["check_certificate", "load_private_key", "public_key_of", "sign_octets"]

_ECDSA = ec.ECDSA(hashes.SHA256())


def load_private_key(key: object, passphrase: bytes | None) -> PrivateKey:
    """The key of `sign`: PEM, or an object; raises InvalidInput."""
    if key is None:
        raise InvalidInput("key-missing", 'Parameter "key" is required: pass PEM or a private key.')
    if isinstance(key, (str, bytes)):
        key = _from_pem(key.encode("utf-8", "replace") if isinstance(key, str) else key, passphrase)
    elif passphrase is not None:
        raise InvalidInput("key-malformed", "There is nothing to decrypt in a key object: leave the passphrase out.")
    if signs_digests(key) and not is_asynchronous(key):
        return DerKey(key)
    if not has_private_key_form(key):
        raise InvalidInput(
            "key-type", f"A private key is an EC key, or has sign() and key_size, or sign_digest(), not {_kind(key)}."
        )
    curve = getattr(key, "curve", None)
    if key.key_size != KEY_OCTETS * 8 or getattr(curve, "name", "secp256r1") != "secp256r1":
        raise InvalidInput(
            "key-curve", "The private key is not on P-256 (secp256r1): ECDSA_SHA256 is used with no other."
        )
    return key


def _from_pem(pem: bytes, passphrase: bytes | None) -> object:
    try:
        return serialization.load_pem_private_key(pem, password=passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(
            "key-malformed", "The private key cannot be read: pass PEM, and the passphrase if and only if it has one."
        ) from None


def _kind(key: object) -> str:
    return type(key).__name__


def public_key_of(key: PrivateKey) -> ec.EllipticCurvePublicKey | None:
    """The public key of a private key that tells it; raises InvalidInput if that is not on P-256."""
    tell = getattr(key, "public_key", None)
    if tell is None:
        return None
    public_key = tell() if callable(tell) else tell
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise InvalidInput("key-curve", "The private key's public key is not on P-256 (secp256r1).")
    return public_key


def check_certificate(public_key: ec.EllipticCurvePublicKey | None, certificate: x509.Certificate) -> None:
    """Raise InvalidInput if the certificate cannot be that of the key."""
    held = _certified_key(certificate)
    if public_key is not None and held != public_key:
        raise InvalidInput(
            "key-certificate-mismatch",
            "The first certificate does not hold the public key of the private key: put the signer's own first.",
        )


def _certified_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = None
    try:
        key = certificate.public_key()
    except Exception as error:
        if not is_unreadable(error):
            raise
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise InvalidInput("certificate-malformed", "The first certificate holds no EC key that can be read.")
    return key


def sign_octets(key: PrivateKey, octets: bytes, certificate: x509.Certificate | None) -> str:
    """The SignatureValue over canonical octets: raw r and s in one line of base64.

    `certificate`: the signature must hold for it. Raises InvalidInput, and whatever a key of the caller's raises.
    """
    der = key.sign(octets, signature_algorithm=_ECDSA)
    try:
        r, s = utils.decode_dss_signature(der)
    except (ValueError, TypeError):
        r = s = 0
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise InvalidInput("key-signature", "The key gave no ECDSA signature in DER for P-256: mend its sign().")
    # A key elsewhere that does not tell its public key could be anybody's.
    if certificate is not None and not isinstance(key, ec.EllipticCurvePrivateKey):
        _check_signature(der, octets, certificate)
    return b64encode(r.to_bytes(KEY_OCTETS, "big") + s.to_bytes(KEY_OCTETS, "big")).decode()


def _check_signature(der: bytes, octets: bytes, certificate: x509.Certificate) -> None:
    try:
        _certified_key(certificate).verify(der, octets, _ECDSA)
    except InvalidSignature:
        raise InvalidInput(
            "key-certificate-mismatch", "The first certificate does not verify the key's signature: pass the right one."
        ) from None
