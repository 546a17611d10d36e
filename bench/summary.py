"""All bars in one table, and the charts: summary.py [--check] [FOLDER OF THE RESULTS]. Run after the suites."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bars import bar_table, read_verdicts
from charts import draw
from environment import machine

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str]) -> int:
    """Print the table and write it to `summary.md`; 1 if `--check` finds a bar missed, or no bar, else 0."""
    parser = argparse.ArgumentParser(description="Print all bars with what was measured, and draw the charts.")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--fast", action="store_true", help="taken so that all suites have the same options")
    options = parser.parse_args(arguments)
    verdicts = [verdict for path in sorted(options.output.glob("*.bars.json")) for verdict in read_verdicts(path)]
    drawn = draw(options.output)
    lines = ["## bars", "", *bar_table(verdicts), "", machine(), "", *(f"Chart: {path}" for path in drawn), ""]
    (options.output / "summary.md").write_text("\n".join(lines))
    print("\n".join(lines))
    return 1 if options.check and (not verdicts or not all(verdict.met for verdict in verdicts)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
