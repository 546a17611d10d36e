"""pybergshamra: it fills in a Signature without values, which the caller puts into the document."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

import pybergshamra

from adapters.key_info import empty_signature
from duisign.testing import Identity
from reference import WrongResultError
from task import Call, Task

PYBERGSHAMRA = "pybergshamra"


class Pybergshamra:
    """Text to text, so that decoding and encoding belong to the job."""

    name = PYBERGSHAMRA
    version = version("pybergshamra")

    def signing(self, task: Task) -> Call:
        context = _context(pybergshamra.load_pem_auto(task.identity.private_key_pem()))
        document, signature_and_end = task.bare_to_sign(), empty_signature(task.identity) + "</"

        def call() -> bytes:
            start, _, end = document.decode().rpartition("</")
            return pybergshamra.sign(context, start + signature_and_end + end).encode()

        return call

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        context = _context(pybergshamra.load_x509_cert_pem(identity.certificate_pem()))

        def call() -> None:
            result = pybergshamra.verify(context, signed.decode())
            if not result.is_valid or not result.all_reference_digests_verified:
                raise WrongResultError("not valid")

        return call

    def canonicalizing(self, document: bytes) -> Call:
        return partial(_canonical, document)


def _canonical(document: bytes) -> bytes:
    return pybergshamra.canonicalize(document.decode(), pybergshamra.C14nMode.Inclusive)


def _context(key: pybergshamra.Key) -> pybergshamra.DsigContext:
    manager = pybergshamra.KeysManager()
    manager.add_key(key)
    return pybergshamra.DsigContext(manager, trusted_keys_only=True)
