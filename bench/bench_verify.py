"""How fast a signed Service Request is verified, bytes to verdict, against ECDSA alone and the competitors.

Run: python bench/bench_verify.py [--check] [--fast]. Needs the extra "bench". Method: see measurement.py.
"""

from __future__ import annotations

import sys

from bars import RatioBar
from competitors import (
    DCC_TOOL,
    DROP_IN,
    JDK,
    LIMIT,
    MEMCPY,
    OURS,
    PYBERGSHAMRA,
    SHA256,
    SIGNXML,
    SIGNXML_PREPARED,
    named,
    wrong_verifying,
)
from measurement import Job, main

VERIFY = Job(
    name="verify",
    competitors=named(
        LIMIT,
        SHA256,
        MEMCPY,
        OURS,
        DROP_IN,
        SIGNXML,
        SIGNXML_PREPARED,
        "python-xmlsec",
        PYBERGSHAMRA,
        "minisignxml",
        JDK,
        DCC_TOOL,
    ),
    prepare=lambda competitor, task: competitor.verifying(task.identity, task.signed),
    wrong=wrong_verifying,
    bars=(
        RatioBar("0.6 KB", OURS, LIMIT, at_most=1.22),
        RatioBar("0.6 KB", SIGNXML, OURS, at_least=4.5),
        RatioBar("0.6 KB", SIGNXML_PREPARED, OURS, at_least=4.5),
        RatioBar("0.6 KB", PYBERGSHAMRA, OURS, at_least=2),
        # of issue 2
        RatioBar("1 KB", OURS, LIMIT, at_most=1.35),
        RatioBar("1 KB", SIGNXML, OURS, at_least=4),
        RatioBar("1 KB", SIGNXML_PREPARED, OURS, at_least=4),
        RatioBar("0.7 MB", SIGNXML, OURS, at_least=5),
        RatioBar("0.7 MB", SIGNXML_PREPARED, OURS, at_least=5),
        RatioBar("0.7 MB", PYBERGSHAMRA, OURS, at_least=2),
    ),
)

if __name__ == "__main__":
    sys.exit(main(VERIFY, sys.argv[1:]))
