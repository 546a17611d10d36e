"""Instructions of fixed workloads, counted under callgrind and held against the committed figures.

Run: python bench/instructions.py [--update] [--only EXPRESSION] [--runs NUMBER]. Needs valgrind with its headers, and
a C compiler.

The clock of a shared machine cannot tell a change of 3 % from somebody else's load; instructions do not depend on
either. What is counted, per call and in three figures:

* ``duisign``: in the native modules of this project;
* ``lxml``: in lxml, which has libxml2 in it;
* ``python``: in the interpreter.

A fourth, ``releases``, is how often Python's lock is let go: whoever needs it back may have to wait for another thread,
and who does not let it go keeps all others waiting. No clock of one thread shows it.

What is left out depends on the processor, since it is chosen by its features when a process starts: OpenSSL, SHA-256,
and the C library's memcpy and its like. The rest is the same on any machine of the same architecture, with the same
lxml wheel, compiler and interpreter; those are noted with the figures, and where they differ a failure says so. Of
another build of the interpreter ``python`` is not compared.

A figure that has grown by more than 3 % fails. One that has shrunk as much fails too: as long as it is not committed,
the next change could lose the gain unseen. Of ``releases`` any other number fails.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lxml

import duisign
from instructions_workload import JOBS, SIZES

BENCH = Path(__file__).parent
FIGURES = BENCH / "instructions.json"
UPDATE = "make count-update"
RUNS = 3
"""Times that each workload is counted, each with other addresses and another random seed of libxml2's, of which the
least counts: CPython's cache of attributes goes by addresses, so that the part of the interpreter differs by a percent
or two between folders and environments; and with some seeds a document's names collide, which is 4 % of the part of
lxml."""

TOLERANCE = 0.03
SMALLEST = 20
"""Instructions per call. What differs by fewer is not a change: figures that are nearly nothing are not compared."""
RELEASES = "releases"
RELEASE = "PyEval_SaveThread"
"""The figure that is no number of instructions, and the function of the interpreter whose calls it counts."""

CHOSEN, TREE = "chosen lane", "tree lane"
LANES: dict[str, dict[str, str]] = {CHOSEN: {}, TREE: {"DUISIGN_LANES": "tree"}}
"""Environment by lane. Only signing has a choice."""

Figures = dict[str, dict[str, int]]
"""Instructions per call by workload and part, and how often the lock is let go."""


class CountingError(Exception):
    """Nothing was counted; the sentence says what is missing."""


def workloads(only: str = "") -> dict[str, tuple[str, str]]:
    """Lane, and name for the workload script, by name of the figure; `only`: of those that this expression finds."""
    found = {}
    for job in JOBS:
        for size in SIZES:
            for lane in LANES if job == "sign" else (TREE,):
                found[f"{job} {size}{f', {lane}' if job == 'sign' else ''}"] = (lane, f"{job} {size}")
    return {name: one for name, one in found.items() if re.search(only, name)}


def count(only: str = "", runs: int = RUNS) -> Figures:
    """Count all workloads, or those that the expression `only` finds, so many times each."""
    chosen = workloads(only)
    if not chosen:
        raise CountingError(f"no workload is called {only}")
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="duisign-count-") as folder:
        window = _window(Path(folder))
        for lane, environment in LANES.items():
            names = {script: name for name, (at, script) in chosen.items() if at == lane}
            if names:
                counted = [
                    _counted(Path(folder), window, list(names), environment | _shifted(number))
                    for number in range(runs)
                ]
                found.update({names[script]: _least([run[script] for run in counted]) for script in names})
    return {name: found[name] for name in chosen}


def toolchain() -> dict[str, str]:
    """What else than a change of this project changes the figures."""
    return {
        "machine": platform.machine(),
        "python": sys.version,
        "lxml": version("lxml"),
        "cryptography": version("cryptography"),
        "Cython": version("Cython"),
        "compiler": _compiler(),
        "valgrind": _said(["valgrind", "--version"]),
    }


def problems(committed: Mapping[str, Any], figures: Figures, tools: Mapping[str, str]) -> list[str]:
    """A sentence for each figure that differs too much."""
    found = []
    for name, parts in figures.items():
        before = committed["figures"].get(name)
        if before is None:
            found.append(f"{name} has no committed figure: run {UPDATE} and commit what it writes.")
            continue
        for part, now in parts.items():
            if part == "python" and tools["python"] != committed["toolchain"]["python"]:
                continue
            was = before[part]
            if part == RELEASES:
                if now != was:
                    found.append(
                        f"{name} let Python's lock go {was} times and now does {now} times. Mend it, or run {UPDATE} "
                        "and say in the commit why."
                    )
                continue
            if abs(now - was) <= max(SMALLEST, TOLERANCE * was):
                continue
            change = f"{name}, {part}: {was:,} instructions are now {now:,}"
            if now > was:
                found.append(f"{change}. Mend it, or run {UPDATE} and say in the commit why.")
            else:
                found.append(f"{change}. Run {UPDATE} and commit what it writes, so that the gain stays.")
    return found


def differences(committed: Mapping[str, Any], tools: Mapping[str, str]) -> list[str]:
    """A sentence for each tool that is not the one that the committed figures were counted with."""
    before = committed["toolchain"]
    return [
        f"The committed figures were counted with {name} {before.get(name)}; here it is {here}."
        for name, here in tools.items()
        if before.get(name) != here
    ]


def table(committed: Mapping[str, Any], figures: Figures) -> str:
    """Markdown: each figure, and how it has changed."""
    lines = ["| workload | part | committed | now | change |", "| --- | --- | ---: | ---: | ---: |"]
    for name, parts in figures.items():
        for part, now in parts.items():
            was = committed["figures"].get(name, {}).get(part)
            cells = ("", "") if was is None else (f"{was:,}", f"{now / was - 1:+.2%}" if was else "")
            lines.append(f"| {name} | {part} | {cells[0]} | {now:,} | {cells[1]} |")
    return "\n".join(lines)


def _window(folder: Path) -> Path:
    """The compiled window.c."""
    if shutil.which("valgrind") is None:
        raise CountingError("valgrind is not installed")
    library = folder / "window.so"
    command = [os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", str(library), str(BENCH / "window.c")]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise CountingError(f"there is no C compiler: {error}") from None
    if done.returncode:
        raise CountingError(f"window.c does not compile: {done.stderr}")
    return library


def _shifted(number: int) -> dict[str, str]:
    """Variables of no meaning that put what Python allocates behind them elsewhere, and the seed for window.c."""
    shifts = {f"DUISIGN_SHIFT_{index}": "." * (index % 50) for index in range(100 * number)}
    return {**shifts, "DUISIGN_SEED": str(number)}


def _least(runs: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {part: min(run[part] for run in runs) for part in runs[0]}


def _counted(folder: Path, window: Path, names: Sequence[str], environment: Mapping[str, str]) -> Figures:
    """Figures by name for the workload script, each counted once."""
    dumps = Path(tempfile.mkdtemp(dir=folder))
    variables = {name: value for name, value in os.environ.items() if name != "DUISIGN_LANES"}
    variables |= {"PYTHONHASHSEED": "0", "LD_PRELOAD": str(window), **environment}
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={dumps / 'dump.%p'}"]
    command += [sys.executable, str(BENCH / "instructions_workload.py"), *names]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise CountingError(f"callgrind ended with {done.returncode}: {done.stderr}")
    found = {}
    for path in dumps.glob("dump.*"):
        name, instructions, releases = read_dump(path.read_text().splitlines())
        workload, _, calls = name.rpartition(", ")
        if workload:
            found[workload] = {**_parts(instructions, int(calls)), RELEASES: math.ceil(releases / int(calls))}
    if set(found) != set(names):
        raise CountingError(f"callgrind counted {sorted(found)} instead of {sorted(names)}")
    return found


def read_dump(lines: Iterable[str]) -> tuple[str, Counter[str], int]:
    """The name that a dump was asked for by, instructions by path of the object that they stand in, and `releases`.

    Format: valgrind's manual, "Callgrind Format Specification". A line behind ``calls=`` tells the cost of a call,
    which stands in the callee too.
    """
    name, objects, functions, here, callee, is_call, releases = "", {}, {}, "", "", False, 0
    found: Counter[str] = Counter()
    for line in lines:
        if line.startswith("desc: Trigger: Client Request: "):
            name = line.partition("Request: ")[2].strip()
        elif match := re.match(r"(c?)ob=\((\d+)\)(?: (.+))?", line):
            called, number, path = match.groups()
            if path:
                objects[number] = path
            if not called:
                here = objects[number]
        elif match := re.match(r"(c?)fn=\((\d+)\)(?: (.+))?", line):
            called, number, function = match.groups()
            if function:
                functions[number] = function
            if called:
                callee = functions[number]
        elif line.startswith("calls="):
            is_call = True
            if callee == RELEASE:
                releases += int(line.removeprefix("calls=").split()[0])
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not is_call:
                found[here] += int(line.split()[1])
            is_call = False
    return name, found, releases


def _parts(instructions: Counter[str], calls: int) -> dict[str, int]:
    own, foreign = str(Path(duisign.__file__).parent), str(Path(lxml.__file__).parent)
    found = dict.fromkeys(("duisign", "lxml", "python"), 0)
    for path, number in instructions.items():
        if path.startswith(own + os.sep):
            found["duisign"] += number
        elif path.startswith(foreign + os.sep):
            found["lxml"] += number
        elif re.match(r"(libpython|python)\d", Path(path).name):
            found["python"] += number
    return {part: round(number / calls) for part, number in found.items()}


def _compiler() -> str:
    """What the native modules say that they were compiled with."""
    module = next(Path(duisign.__file__).parent.glob("_tree_lane.*.so"))
    match = re.search(rb"(?:GCC: |clang version )[^\0]+", module.read_bytes())
    return match[0].decode(errors="replace") if match else "unknown"


def _said(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main(arguments: Sequence[str]) -> int:
    """Count, print, compare; 1 if a figure differs too much, 2 if nothing could be counted, else 0."""
    parser = argparse.ArgumentParser(description="Count instructions, and compare them with the committed figures.")
    parser.add_argument("--update", action="store_true", help="write the figures instead of comparing them")
    parser.add_argument("--only", default="", help="only workloads that this expression finds")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="the file of the committed figures")
    parser.add_argument("--runs", type=int, default=RUNS, help="times that each workload is counted")
    options = parser.parse_args(arguments)
    try:
        figures = count(options.only, options.runs)
    except CountingError as error:
        print(f"Nothing was counted: {error}.", file=sys.stderr)
        return 2
    tools = toolchain()
    committed = (
        json.loads(options.figures.read_text()) if options.figures.exists() else {"figures": {}, "toolchain": {}}
    )
    print(table(committed, figures))
    if options.update:
        kept = {} if not options.only else committed["figures"]
        written = {"toolchain": tools, "figures": {**kept, **figures}}
        options.figures.write_text(json.dumps(written, indent=1) + "\n")
        return 0
    notes = differences(committed, tools)
    found = problems(committed, figures, tools)
    print("\n".join(["", *notes, *found]), file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
