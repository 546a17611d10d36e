"""The committed ratios of times, and what is worse than they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from adapters.limits import LIMIT
from adapters.ours import OURS
from adapters.signxml import SIGNXML_PREPARED
from environment import processor, versions

RATIOS = Path(__file__).with_name("ratios.json")
TOLERANCE = 1.25
UPDATE = "make bench-quick-update"

COST = f"{OURS} / {LIMIT}"
"""The smaller the better."""
LEAD = f"{SIGNXML_PREPARED} / {OURS}"
"""The larger the better."""


class Ratios:
    """The ratios in a file, by workload and name, and those that this run has found."""

    def __init__(self, path: Path = RATIOS) -> None:
        kept = json.loads(path.read_text()) if path.exists() else {"ratios": {}, "versions": "", "processor": ""}
        self._path = path
        self._committed: dict[str, dict[str, float]] = kept["ratios"]
        self._where = f"{kept['versions']} Processor: {kept['processor']}."
        self._found: dict[str, dict[str, float]] = {}

    def add(self, workload: str, found: Mapping[str, float]) -> None:
        """Note what was found."""
        self._found[workload] = {name: round(ratio, 3) for name, ratio in found.items()}

    def worse(self, workload: str) -> list[str]:
        """A sentence for each ratio that is too much worse than the committed one, and where that was got."""
        found, committed = self._found[workload], self._committed.get(workload)
        if committed is None:
            return [f"{workload} has no committed ratio: run {UPDATE} and commit what it writes."]
        factors = {COST: found[COST] / committed[COST], LEAD: committed[LEAD] / found[LEAD]}
        sentences = [
            f"{workload}, {name}: {found[name]:.2f} is more than {TOLERANCE - 1:.0%} worse than the committed "
            f"{committed[name]:.2f}."
            for name, factor in factors.items()
            if factor > TOLERANCE
        ]
        return [*sentences, f"Committed with: {self._where}"] if sentences else []

    def write(self) -> None:
        """Keep what was found in place of what was committed."""
        kept = {"versions": versions({}), "processor": processor(), "ratios": {**self._committed, **self._found}}
        self._path.write_text(json.dumps(kept, indent=1) + "\n")
