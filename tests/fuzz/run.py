"""Run the fuzz targets on an instrumented build: `make fuzz`, which builds it.

Seeds: the project's samples and generated documents, and what earlier runs found worth keeping (*.zip). The native
modules are built with clang for coverage, AddressSanitizer and UndefinedBehaviorSanitizer. Ends with an error when the
property does not hold or a sanitizer speaks; the input is then in build/fuzz/.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
BUILD = PROJECT / "build" / "fuzz"
TARGETS = ("byte_lane", "document_tree", "usual_signature")
RECORD = HERE / "record.json"
LONGEST_INPUT = 4096
"""Octets. Above a block of the scanner and above the inline buffers there is nothing new to find."""
LARGEST_KEPT = 512
"""Octets of an input that is kept."""

sys.path.insert(0, str(HERE.parent))


def seeds(target: str) -> dict[str, bytes]:
    """Inputs by name."""
    import duisign
    from duisign.testing import Smki, make_samples
    from xml_documents import Shape, generate, generate_duis

    smki = Smki.create()
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate, existing_signature="replace")
    documents = []
    for name, sample in make_samples(smki).items():
        documents += [sample.document, sample.document.replace(b"><", b">\n  <")]
        if name != "smets1-response":
            documents.append(signer.sign(sample.document))
    shape = Shape(dsig_prefixes=("ds", "a"), ascii_markup=True, ampersand_in_namespace_names=False, elements=6)
    documents += [generate(seed, shape) for seed in range(250)]
    documents += [generate_duis(seed, shape) for seed in range(60)]
    if target == "byte_lane":
        inputs = [bytes([options]) + document for document in documents for options in range(0, 8, 2)]
    elif target == "document_tree":
        inputs = documents
    else:
        # Where the Signature goes, from behind: before the last tag, or further on.
        places = ((len(document) - document.rindex(b"</"), document) for document in documents if b"</" in document)
        inputs = [at.to_bytes(2, "little") + bytes([which]) + document for at, document in places for which in range(2)]
    return {hashlib.sha256(one).hexdigest()[:16]: one for one in inputs}


def fuzz(target: str, *arguments: str) -> str:
    """Run a target with arguments of libFuzzer; its report. SystemExit if it found something."""
    import atheris

    environment = os.environ | {
        "PYTHONPATH": str(BUILD / "lib"),
        # A merge starts the target by its name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LD_PRELOAD": str(Path(atheris.path()) / "asan_with_fuzzer.so"),
        # Python's own memory at exit is no leak of ours; a size out of range is to be refused, not to abort.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    command = [
        sys.executable,
        str(HERE / f"{target}.py"),
        f"-dict={HERE / 'xml.dict'}",
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={BUILD}/",
        "-print_final_stats=1",
        *arguments,
    ]
    lines = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr:
            lines.append(line)
            if not line.startswith(("#", '"', "\tNEW_FUNC")) or "pulse" in line:
                print(line, end="", file=sys.stderr)
    if process.returncode:
        sys.exit(f"The fuzzer ended with {process.returncode}; what it found is in {BUILD}.")
    return "".join(lines)


def recorded(report: str, inputs: int) -> dict[str, object]:
    """What a run did, for the record."""
    executions = int(re.search(r"stat::number_of_executed_units: (\d+)", report)[1])
    coverage, features = re.findall(r"cov: (\d+) ft: (\d+)", report)[-1]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "executions": executions,
        "seeds": inputs,
        "coverage_edges": int(coverage),
        "coverage_features": int(features),
        "differences": 0,
        "python": platform.python_version(),
    }


def keep(target: str, corpus: Path) -> None:
    """Write the target's archive: the fewest inputs that have the coverage of all, without the long ones."""
    small = BUILD / f"{target}-small"
    small.mkdir(exist_ok=True)
    for path in small.iterdir():
        path.unlink()
    fuzz(target, "-merge=1", str(small), str(corpus))
    inputs = sorted(path for path in small.iterdir() if path.stat().st_size <= LARGEST_KEPT)
    with zipfile.ZipFile(HERE / f"{target}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in inputs:
            archive.writestr(zipfile.ZipInfo(path.name[:16]), path.read_bytes(), zipfile.ZIP_DEFLATED)
    print(f"{target}: {len(inputs)} inputs are kept", file=sys.stderr)


def run(target: str, options: argparse.Namespace) -> None:
    """Run one target, and print what it did."""
    corpus = BUILD / target
    corpus.mkdir(parents=True, exist_ok=True)
    inputs = seeds(target)
    for name, octets in inputs.items():
        (corpus / name).write_bytes(octets)
    if (HERE / f"{target}.zip").exists():
        with zipfile.ZipFile(HERE / f"{target}.zip") as archive:
            archive.extractall(corpus)
            inputs |= dict.fromkeys(archive.namelist(), b"")
    bound = f"-max_total_time={options.seconds}" if options.seconds else f"-runs={options.executions}"
    record = recorded(fuzz(target, bound, str(corpus)), len(inputs))
    print(target, json.dumps(record))
    if options.record:
        keep(target, corpus)
        records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        RECORD.write_text(json.dumps(records | {target: record}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the byte lane, trees, and the reading of usual Signatures.")
    bound = parser.add_mutually_exclusive_group()
    bound.add_argument("--executions", type=int, default=5_000_000, help="how many inputs to try of each target")
    bound.add_argument("--seconds", type=int, help="how long to try each target")
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name} and the inputs worth keeping")
    options = parser.parse_args()
    for target in [options.target] if options.target else TARGETS:
        run(target, options)


if __name__ == "__main__":
    main()
