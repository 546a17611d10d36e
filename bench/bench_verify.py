"""How fast a signed Service Request is verified, bytes to verdict, against ECDSA alone and the competitors.

Run: python bench/bench_verify.py [--check] [--fast]. Needs the extra "bench". Method: see measurement.py.
"""

from __future__ import annotations

import sys

from competitors import wrong_verifying
from measurement import Job, main
from report import bars

VERIFY = Job(
    name="verify",
    prepare=lambda competitor, task: competitor.verifying(task.identity, task.signed),
    wrong=wrong_verifying,
    bars=bars(limit=1.35, signxml=4),
)

if __name__ == "__main__":
    sys.exit(main(VERIFY, sys.argv[1:]))
