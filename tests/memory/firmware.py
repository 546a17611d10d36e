"""Peak memory of one call on the largest legal request: firmware.py sign|strip|verify FOLDER DOCUMENT [OUTPUT].

strip: signed with whitespace="strip" and existing_signature="replace", as the command line does.

The process does nothing before the call but import, read the document and make a Signer or Verifier, so that the peak
that the kernel has noted (VmHWM) is that of the call.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from growth import status

from duisign import PinnedCertificates, Signer, Verifier


def main(job: str, folder: Path, source: Path, output: Path | None = None) -> None:
    """Print the figures of `job` as JSON, sizes in octets. `folder` holds a written Smki."""
    document = source.read_bytes()
    certificate = (folder / "user.pem").read_bytes()
    key = (folder / "user.key").read_bytes()
    if job == "sign":
        call = Signer(key, certificate).sign
    elif job == "strip":
        call = Signer(key, certificate, whitespace="strip", existing_signature="replace").sign
    else:
        call = Verifier(PinnedCertificates([certificate])).verify
    resident = status("VmRSS")
    start = time.perf_counter()
    result = call(document)
    seconds = time.perf_counter() - start
    peak = status("VmHWM") - resident
    if output is not None:
        output.write_bytes(result)
    figures = {"job": job, "document": len(document), "peak": peak, "seconds": round(seconds, 3)}
    print(json.dumps({**figures, "ratio": round(peak / len(document), 2)}))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
