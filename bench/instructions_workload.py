"""The calls whose instructions are counted: instructions_workload.py NAME... See instructions.py, which runs it.

All that could differ from run to run is fixed: key, serial number, nonces, documents, order of hashes. The calls are
made a few times before they are counted, so that parsers, caches and free lists are there.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

import duisign
from documents import service_request
from duisign.testing import Smki

SIZES = {"0.6 KB": 600, "2.8 KB": 2_800, "700 KB": 700_000}
JOBS = ("sign", "verify", "canonicalize")
WARM_UP_CALLS = 5
COUNTED_OCTETS = 100_000
"""Calls are counted until they have read so many octets of documents, and at least two."""

_KEY = sha256(b"duisign counts the instructions of a key that signs nothing else").digest()
_SERIAL_NUMBER = (1 << 126) + 1


def calls(job: str, octets: int) -> Callable[[], object]:
    """The call of one workload."""
    smki = Smki.create()
    identity = smki.issue(
        entity_id=str(smki.user.entity_id),
        role=0x87,
        # Less than the order of the curve, which begins with 32 one bits.
        private_key=ec.derive_private_key(int.from_bytes(_KEY) >> 32, ec.SECP256R1()),
        serial_number=_SERIAL_NUMBER,
    )
    document = service_request(smki, octets)
    signer = duisign.Signer(identity.private_key, identity.certificate, deterministic=True)
    if job == "sign":
        return lambda: signer.sign(document)
    if job == "verify":
        signed, verifier = signer.sign(document), duisign.Verifier(duisign.PinnedCertificates([identity.certificate]))
        return lambda: verifier.verify(signed)
    return lambda: duisign.canonicalize(document)


def main(names: list[str]) -> None:
    """Count each named workload."""
    window = ctypes.PyDLL(None)
    for name in names:
        job, _, size = name.partition(" ")
        octets = SIZES[size]
        call = calls(job, octets)
        for _ in range(WARM_UP_CALLS):
            call()
        repetitions = range(max(2, COUNTED_OCTETS // octets))
        gc.collect()
        gc.disable()
        window.window_open()
        for _ in repetitions:
            call()
        window.window_close(f"{name}, {len(repetitions)}".encode())
        gc.enable()


if __name__ == "__main__":
    main(sys.argv[1:])
