"""How fast a Service Request is signed, bytes to bytes, against ECDSA alone and the competitors.

Run: python bench/bench_sign.py [--check] [--fast]. Needs the extra "bench". Method: see measurement.py.
"""

from __future__ import annotations

import sys

from competitors import wrong_signing
from measurement import Job, main
from report import bars

SIGN = Job(
    name="sign",
    prepare=lambda competitor, task: competitor.signing(task),
    wrong=wrong_signing,
    bars=bars(limit=1.7, signxml=5),
)

if __name__ == "__main__":
    sys.exit(main(SIGN, sys.argv[1:]))
