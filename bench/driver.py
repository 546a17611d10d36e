"""Serves one Python competitor to another process: driver.py NAME. See `adapters.remote` for why.

The jobs are those of `java/Sampling.java`, with one field more for "sign": "strip" or "preserve" white space.
"""

from __future__ import annotations

import base64
import gc
import importlib
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.remote import ADAPTERS
from duisign.testing import Identity
from task import Call, Competitor, Task


class Calls:
    """The prepared calls of one competitor, by number."""

    def __init__(self, competitor: Competitor) -> None:
        self._competitor = competitor
        self._calls: list[Call] = []

    def answer(self, job: str, *fields: bytes) -> list[bytes]:
        """The fields of the answer to one job."""
        if job == "sign":
            document, key, certificate, whitespace = fields
            task = Task(_identity(key.decode(), certificate.decode()), document, whitespace == b"strip")
            return self._prepared(self._competitor.signing(task))
        if job == "verify":
            signed, certificate = fields
            # Only a signer has the private key; it is that beside the certificate, which no verification asks for.
            identity = _identity(str(Path(certificate.decode()).with_suffix(".key")), certificate.decode())
            return self._prepared(self._competitor.verifying(identity, signed))
        if job == "canonicalize":
            return self._prepared(self._competitor.canonicalizing(*fields))
        if job == "result":
            result = self._calls[int(fields[0])]()
            return [result if isinstance(result, bytes) else b""]
        if job == "sample":
            loops, *numbers = map(int, fields)
            return [b"%d" % _sample([self._calls[number] for number in numbers], loops)]
        if job == "forget":
            self._calls.clear()
            gc.collect()
            return []
        raise ValueError("no such job")

    def _prepared(self, call: Call) -> list[bytes]:
        self._calls.append(call)
        return [b"%d" % (len(self._calls) - 1)]


def _sample(calls: list[Call], loops: int) -> int:
    """Nanoseconds."""
    iterations = range(loops)
    clock = time.perf_counter_ns
    if len(calls) == 1:
        (call,) = calls
        start = clock()
        for _ in iterations:
            call()
        return clock() - start
    start = clock()
    for _ in iterations:
        for call in calls:
            call()
    return clock() - start


def _identity(key: str, certificate: str) -> Identity:
    private_key = serialization.load_pem_private_key(Path(key).read_bytes(), password=None)
    assert isinstance(private_key, ec.EllipticCurvePrivateKey)
    return Identity(private_key, x509.load_pem_x509_certificate(Path(certificate).read_bytes()))


def main(name: str) -> None:
    """Answer jobs until the end of input."""
    module, adapter = ADAPTERS[name]
    calls = Calls(getattr(importlib.import_module(module), adapter)())
    for line in sys.stdin.buffer:
        job, *fields = (base64.b64decode(field) for field in line.rstrip(b"\n").split(b"\t"))
        try:
            status, answer = b"ok", calls.answer(job.decode(), *fields)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            status, answer = b"error", [(str(error) or type(error).__name__).encode()]
        sys.stdout.buffer.write(b"\t".join([status, *map(base64.b64encode, answer)]) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
