"""What nobody can do without: the ECDSA operation, the digest of the document, one copy of it."""

from __future__ import annotations

import hashlib
import hmac
import platform
from functools import partial
from importlib.metadata import version

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign.testing import Identity
from reference import WrongResultError, check_ecdsa
from task import Call, Task, UnsupportedError

LIMIT = "ECDSA alone"
SHA256 = "SHA-256 alone"
MEMCPY = "memcpy alone"

_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_DIGEST = hashlib.sha256(b"a digest of 32 octets").digest()


class EcdsaAlone:
    """What OpenSSL needs, through cryptography, for a digest that exists already."""

    name = LIMIT
    version = version("cryptography")

    def signing(self, task: Task) -> Call:
        return partial(task.identity.private_key.sign, _DIGEST, _PREHASHED)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        der = identity.private_key.sign(_DIGEST, _PREHASHED)
        return partial(identity.private_key.public_key().verify, der, _DIGEST, _PREHASHED)

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("there is no signature in it")

    def check(self, result: object, identity: Identity, document: bytes) -> None:
        """Raise WrongResultError unless `result` is a signature; None, of a verification, was not an exception."""
        if result is not None:
            check_ecdsa(result, _DIGEST, identity.private_key.public_key())


class Sha256Alone:
    """hashlib's digest of the document as it is, which has nearly the length of its canonical form."""

    name = SHA256
    version = platform.python_version()

    def signing(self, task: Task) -> Call:
        return partial(_digest, task.bare)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return partial(_digest, signed)

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("there is no digest in it")

    def check(self, result: object, identity: Identity, document: bytes) -> None:
        """Raise WrongResultError unless `result` is the digest."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(document)
        if not isinstance(result, bytes) or not hmac.compare_digest(result, digest.finalize()):
            raise WrongResultError("it is not the digest")


class MemcpyAlone:
    """One copy of the document into memory that is there already."""

    name = MEMCPY
    version = platform.libc_ver()[1] or "unknown"

    def signing(self, task: Task) -> Call:
        return _copy(task.bare)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return _copy(signed)

    def canonicalizing(self, document: bytes) -> Call:
        return _copy(document)

    def check(self, result: object, identity: Identity, document: bytes) -> None:
        """Raise WrongResultError unless `result` is a copy."""
        if result != document:
            raise WrongResultError("it is not a copy")


def _digest(document: bytes) -> bytes:
    return hashlib.sha256(document).digest()


def _copy(document: bytes) -> Call:
    target = memoryview(bytearray(len(document)))

    def call() -> memoryview:
        target[:] = document
        return target

    return call
