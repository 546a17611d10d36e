"""How fast a Service Request is signed, bytes to bytes, against ECDSA alone and the competitors.

Run: python bench/bench_sign.py [--check] [--fast]. Needs the extra "bench". Method: see measurement.py.
"""

from __future__ import annotations

import sys

from bars import Bar, FigureBar, RatioBar, SpeedBar
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
    TREE_LANE,
    named,
    wrong_signing,
)
from measurement import Job, main
from memory import growth_of_signing
from workloads import STRIPPED_TEMPLATES, TEMPLATES

_GROWTH = "15 MB: growth of memory / octets of the document"


def _times_signxml(workload: str, times: float) -> tuple[Bar, ...]:
    """A bar on signxml is held against both of its forms."""
    return tuple(RatioBar(workload, form, OURS, at_least=times) for form in (SIGNXML, SIGNXML_PREPARED))


SIGN = Job(
    name="sign",
    competitors=named(
        LIMIT,
        SHA256,
        MEMCPY,
        OURS,
        TREE_LANE,
        DROP_IN,
        SIGNXML,
        SIGNXML_PREPARED,
        "python-xmlsec",
        PYBERGSHAMRA,
        "minisignxml",
        JDK,
        DCC_TOOL,
    ),
    prepare=lambda competitor, task: competitor.signing(task),
    wrong=wrong_signing,
    bars=(
        RatioBar("0.6 KB", OURS, LIMIT, at_most=1.20),
        *_times_signxml("0.6 KB", 8),
        RatioBar("0.6 KB", PYBERGSHAMRA, OURS, at_least=3),
        # of issue 2
        RatioBar("1 KB", OURS, LIMIT, at_most=1.7),
        *_times_signxml("1 KB", 5),
        RatioBar(TEMPLATES, OURS, LIMIT, at_most=1.30),
        RatioBar(STRIPPED_TEMPLATES, OURS, LIMIT, at_most=1.30),
        RatioBar("2.8 KB", OURS, LIMIT, at_most=1.35),
        *_times_signxml("2.8 KB", 8),
        SpeedBar("0.7 MB", OURS, at_least=450),
        *_times_signxml("0.7 MB", 12),
        RatioBar("0.7 MB", PYBERGSHAMRA, OURS, at_least=8),
        SpeedBar("15 MB", OURS, at_least=400),
        FigureBar(_GROWTH, at_most=2.2),
    ),
    figures={_GROWTH: growth_of_signing},
)

if __name__ == "__main__":
    sys.exit(main(SIGN, sys.argv[1:]))
