"""Memory: a firmware request of 15 MB fits its bar, and no call grows the process.

The scripts that measure are in tests/memory; each measurement has a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from duisign.limits import READ_AHEAD_OCTETS
from duisign.testing import Smki, firmware_request

SCRIPTS = Path(__file__).parent / "memory"
GROUPS = ("verifying", "signing", "keyring", "trusting", "canonicalizing", "reading")
"""Scripts of repeated calls, the longest first: two of them run at a time."""
SECONDS = 900
"""After which a script hangs; the longest take two minutes on a quiet machine."""

SIGN_PEAK = 2.2
VERIFY_PEAK = 8.0
"""Peak growth of the process by one call, in lengths of the document (a verifier holds a tree)."""
RESIDENT_OCTETS = 1_000_000
"""Growth of resident memory by 100,000 calls (issue 2)."""
MALLOC_OCTETS = 128 * 1024
"""Growth of what malloc has in use. Its caches take up to 110 KB; one lost chunk per call, 5,000 calls, is 160 KB."""
BLOCKS, CALLS_PER_BLOCK = 1_000, 100
"""Growth of the blocks of Python's allocator: so many by free lists and the like, and one lost in so many calls."""

BATCH_OCTETS = 1_000_000
"""Peak growth of the process from the 20,000th document of a batch to its end."""
AHEAD_PEAK = 3.0
"""Peak growth by a batch of long documents, in what it may read ahead: documents, results, what is at work."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak in /proc")


# glibc 2.43 counts 16 octets more for each mapped block that is made shorter, as by every read of a file.
COUNTED_EXACTLY = {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=0"}


def output_of(script, *arguments, environment=None):
    """What a script prints, which runs in a fresh process with warnings as errors."""
    command = [sys.executable, "-W", "error", str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_firmware_request_fits_its_bar(tmp_path):
    smki = Smki.create()
    smki.write(tmp_path)
    document, signed = tmp_path / "request.xml", tmp_path / "signed.xml"
    document.write_bytes(firmware_request(smki))
    assert document.stat().st_size > 14_800_000
    (signing,) = output_of("firmware", "sign", tmp_path, document, signed)
    indented = tmp_path / "indented.xml"
    indented.write_bytes(signed.read_bytes().replace(b"><", b">\n<"))
    (stripping,) = output_of("firmware", "strip", tmp_path, indented)
    (verifying,) = output_of("firmware", "verify", tmp_path, signed)
    print(signing, stripping, verifying, sep="\n")
    assert signing["ratio"] <= SIGN_PEAK
    assert stripping["ratio"] <= SIGN_PEAK
    assert verifying["ratio"] <= VERIFY_PEAK


@pytest.fixture(scope="module")
def groups():
    """A future of each group's figures."""
    with ThreadPoolExecutor(max_workers=2) as executor:
        yield {group: executor.submit(output_of, group, environment=COUNTED_EXACTLY) for group in GROUPS}


@pytest.mark.parametrize("group", GROUPS)
def test_repeated_calls_do_not_grow_the_process(groups, group):
    figures = groups[group].result()
    assert len(figures) > 20
    for figure in figures:
        print(figure)
    grown = [
        figure
        for figure in figures
        if figure["resident"] >= RESIDENT_OCTETS
        or figure["malloc"] >= MALLOC_OCTETS
        or figure["blocks"] >= BLOCKS + figure["calls"] / CALLS_PER_BLOCK
    ]
    assert not grown, "\n".join(map(str, grown))


@pytest.mark.parametrize(("job", "documents"), [("sign", 300_000), ("verify", 100_000)])
def test_a_batch_of_very_many_documents_needs_constant_memory(job, documents):
    (figure,) = output_of("batches", job, 2, documents, 0)
    print(figure)
    assert figure["ok"] == documents * 9 // 10
    assert figure["growth"] < BATCH_OCTETS


@pytest.mark.parametrize("job", ["sign", "verify"])
def test_a_batch_of_long_documents_reads_a_bounded_number_of_octets_ahead(job):
    documents, octets, workers = 100, 2_000_000, 2
    (figure,) = output_of("batches", job, workers, documents, octets)
    print(figure)
    assert figure["ok"] == documents * 9 // 10
    assert figure["growth"] < AHEAD_PEAK * workers * READ_AHEAD_OCTETS < documents * octets
