"""How fast a document is brought into its C14N 1.0 form, bytes to bytes, against a copy of it and the competitors.

Run: python bench/bench_canonicalize.py [--check] [--fast]. Needs the extra "bench". Method: see measurement.py.
"""

from __future__ import annotations

import sys

from competitors import JDK, MEMCPY, OURS, PYBERGSHAMRA, named, wrong_canonicalizing
from measurement import Job, main
from workloads import STRIPPED_TEMPLATES, WORKLOADS

CANONICALIZE = Job(
    name="canonicalize",
    competitors=named(MEMCPY, OURS, "lxml", PYBERGSHAMRA, JDK),
    prepare=lambda competitor, task: competitor.canonicalizing(task.document),
    wrong=wrong_canonicalizing,
    bars=(),
    workloads=tuple(workload for workload in WORKLOADS if workload.name != STRIPPED_TEMPLATES),
)

if __name__ == "__main__":
    sys.exit(main(CANONICALIZE, sys.argv[1:]))
