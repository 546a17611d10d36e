"""How much a process grows by one call on the largest legal request, by the script of the memory tests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from duisign.testing import Smki, firmware_request

_SCRIPT = Path(__file__).parents[1] / "tests" / "memory" / "firmware.py"


def growth_of_signing() -> float:
    """Peak growth of a fresh process by signing 15 MB, in lengths of the document."""
    with tempfile.TemporaryDirectory(prefix="duisign-bench-") as folder:
        smki, document = Smki.create(), Path(folder) / "request.xml"
        smki.write(Path(folder))
        document.write_bytes(firmware_request(smki))
        command = [sys.executable, str(_SCRIPT), "sign", folder, str(document)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return float(json.loads(done.stdout)["ratio"])
