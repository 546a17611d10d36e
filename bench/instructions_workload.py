"""The calls whose instructions are counted: instructions_workload.py NAME... See instructions.py, which runs it.

All that could differ from run to run is fixed: key, serial number, nonces, documents, order of hashes. The calls are
made a few times before they are counted, so that parsers, caches and free lists are there.

Each workload is counted in a process of its own, all forked from one that has made every job's calls: what one of them
leaves behind would be in the figures of the next. libxml2 draws a random number for each of its tables of names, so
that the names that collide in a parser are others when more parsers were made before it; and CPython runs what has been
called often by other instructions.
"""

from __future__ import annotations

import ctypes
import gc
import os
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
"""Of each workload, for what depends on its document."""
COMMON_CALLS = 100
"""Of each job with the smallest document, for what the interpreter learns of the code."""
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
    for job in JOBS:
        call = calls(job, min(SIZES.values()))
        for _ in range(COMMON_CALLS):
            call()
    for name in names:
        child = os.fork()
        if not child:
            _count(name)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{name} was not counted")


def _count(name: str) -> None:
    library = ctypes.PyDLL(None)
    # Looked up here: ctypes makes a function when it is first asked for it.
    window_open, window_close = library.window_open, library.window_close
    job, _, size = name.partition(" ")
    octets = SIZES[size]
    call = calls(job, octets)
    for _ in range(WARM_UP_CALLS):
        call()
    repetitions = range(max(2, COUNTED_OCTETS // octets))
    label = f"{name}, {len(repetitions)}".encode()
    gc.collect()
    gc.disable()
    window_open()
    for _ in repetitions:
        call()
    window_close(label)


if __name__ == "__main__":
    main(sys.argv[1:])
