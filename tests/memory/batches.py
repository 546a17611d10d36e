"""How much a process grows while a batch of very many, or very long, documents runs: one line of JSON.

Arguments: sign or verify, workers, documents, octets of filling in each. The input is a generator; no result is kept.
Every tenth document is refused. The consumer of long documents is slow: the threads have read ahead all they may.
"""

from __future__ import annotations

import json
import sys
import time

from growth import status

from duisign import PinnedCertificates, Signer, Verifier
from duisign.testing import Smki

WARM_UP = 20_000
"""Short documents after which every buffer and free list has its size."""
LONG, SLOW_SECONDS = 1_000_000, 0.02


def main(job: str, workers: int, documents: int, filling: int) -> None:
    smki = Smki.create()
    signer = Signer(smki.user.private_key, smki.user.certificate)
    verifier = Verifier(PinnedCertificates([smki.user.certificate]))
    good = b'<?xml version="1.0" encoding="UTF-8"?><a><b>text%s</b></a>' % (b"." * filling)
    if job == "verify":
        good = signer.sign(good)
    bad = good[:-1]

    def source():
        for index in range(documents):
            # A copy each, as if it had come from outside.
            yield bytes(bytearray(bad if index % 10 == 9 else good))

    many = signer.sign_many if job == "sign" else verifier.verify_many
    ok, before = 0, status("VmHWM")
    for result in many(source(), workers=workers):
        ok += result.ok
        if filling >= LONG:
            time.sleep(SLOW_SECONDS)
        elif result.index == WARM_UP:
            before = status("VmHWM")
    print(json.dumps({"job": job, "workers": workers, "ok": ok, "growth": status("VmHWM") - before}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
