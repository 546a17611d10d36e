"""The documentation as tests see it: its code blocks and tables, and how a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SCRIPTS = Path(sys.executable).parent


def blocks_of(text):
    """Kind and body of each fenced code block; directives of the site are none."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows_of(text, *header):
    """The rows below the one table that has this header, as lists of cells."""
    first = f"| {' | '.join(header)} |\n"
    assert text.count(first) == 1, header
    table = text.partition(first)[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1:]]


def run(command, folder):
    """What a command says that a reader types in the folder."""
    environment = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def outputs_of(blocks, folder):
    """What the Python examples print, after all examples have run in the folder."""
    outputs = []
    for kind, body in blocks:
        if kind == "python":
            done = run([sys.executable, "-W", "error", "-c", body], folder)
            assert (done.returncode, done.stderr) == (0, ""), body
            outputs.append(done.stdout)
        elif kind == "sh" and not body.startswith("make"):
            for line in body.splitlines():
                done = run(["bash", "-euo", "pipefail", "-c", line], folder)
                assert done.returncode == 0, f"{line}\n{done.stderr}"
    return outputs
