"""Where the microseconds go: the parts of signing and of verifying, each called alone, beside the whole.

Run: python bench/bench_parts.py [--fast]. Needs the extra "bench". Method of timing: see measurement.py.

What the whole takes beyond the sum of its parts is the rest: calls, options, results, the copy of the document.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import pyperf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

import duisign
from competitors import OURS, TREE_LANE, Call, Remote, Task, named
from documents import SIZES
from duisign._byte_lane import canonical_document
from duisign._markup import splice
from duisign._sha256 import Sha256Start
from duisign._signature_frame import SignatureFrame
from duisign._signature_place import digest_for_signing
from duisign._usual_signature import usual_signature
from duisign.document import DocumentReader
from duisign.limits import MAX_DEPTH, MAX_DOCUMENT_OCTETS
from duisign.testing import Smki
from environment import machine, versions
from measurement import FAST, FULL, Effort, interleaved, parsed_options, spawned

DOCUMENTS = ("0.6 KB", "1 KB", "2.8 KB")
SIGN, SIGN_TREE, VERIFY = "sign", "sign, tree lane", "verify"
ECDSA, REST = "ECDSA", "rest"
SIGN_PARTS = ("scan and digest", "SignedInfo", ECDSA)
SIGN_TREE_PARTS = ("parse", "canonicalize and digest", "SignedInfo", ECDSA, "splice")
VERIFY_PARTS = ("parse, check Signature, canonicalize, digest", "signer", "SignedInfo", ECDSA)

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


def _signature(task: Task) -> Call:
    """What makes a Signature of a digest, but for ECDSA, whose answer is known."""
    before, behind = _frame(task.signed)
    der = task.identity.private_key.sign(bytes(32), _PREHASHED)
    start = _canonical_start(task.signed)
    frame = SignatureFrame(start, Sha256Start(start), before, before, behind, lambda digest, algorithm: der, None)
    digest = sha256(task.document).digest()
    return lambda: frame.signature(digest, False)


def sign_parts(task: Task) -> dict[str, Call]:
    """Each part of signing in the byte lane."""
    document, key, digest = task.document, task.identity.private_key, sha256(task.document).digest()

    def scan() -> Any:
        return canonical_document(document, 0, False, False, MAX_DEPTH, True)

    if isinstance(scan(), str):
        raise TypeError("the byte lane declines the document")
    return dict(zip(SIGN_PARTS, (scan, _signature(task), lambda: key.sign(digest, _PREHASHED)), strict=True))


def sign_tree_parts(task: Task) -> dict[str, Call]:
    """Each part of signing in the tree lane, with what it gets from those before it."""
    reader, document, key = DocumentReader(), task.document, task.identity.private_key
    root, _ = reader.tree(document)
    signature = _signature(task)
    octets = signature()

    def digest() -> tuple[bytes, bool, int, bool]:
        return digest_for_signing(root, 0, False, MAX_DEPTH, len(document), "")

    digest_octets, _, drop, ends_with_root = digest()
    if digest_octets != canonical_document(document, 0, False, False, MAX_DEPTH, True)[0]:
        raise AssertionError("the parts do not make the whole")
    calls = (
        lambda: reader.tree(document),
        digest,
        signature,
        lambda: key.sign(digest_octets, _PREHASHED),
        lambda: splice(document, octets, drop, ends_with_root),
    )
    return dict(zip(SIGN_TREE_PARTS, calls, strict=True))


def verify_parts(task: Task) -> dict[str, Call]:
    """Each part of verifying, with what it gets from those before it."""
    signed = task.signed
    trust = duisign.PinnedCertificates([task.identity.certificate])

    def read() -> Any:
        return usual_signature(signed, MAX_DOCUMENT_OCTETS, MAX_DEPTH)

    signature = read()
    if signature is None:
        raise AssertionError("the Signature is not the usual one")
    hints = signature.key_hints()

    def signer() -> Any:
        (one,) = trust.signatories(hints)
        trust.check(one)
        return one

    if not signature.digest_holds():
        raise AssertionError("the parts do not make the whole")
    key, der, to_verify = signer().public_key, signature.der_signature, signature.signed_info_digest()
    calls = (
        read,
        signer,
        signature.signed_info_digest,
        lambda: key.verify(der, to_verify, _PREHASHED),
    )
    return dict(zip(VERIFY_PARTS, calls, strict=True))


WHOLES = {SIGN: SIGN_PARTS, SIGN_TREE: SIGN_TREE_PARTS, VERIFY: VERIFY_PARTS}
"""What is taken apart, and into which parts."""


def _frame(signed: bytes) -> tuple[bytes, bytes]:
    """Of a Signature: what stands before DigestValue's text, and its KeyInfo."""
    parts = re.search(rb"(<ds:Signature[ >].*<ds:DigestValue>).*(<ds:KeyInfo>.*</ds:KeyInfo>)", signed)
    assert parts is not None
    before, key_info = parts.groups()
    return before, key_info


def _canonical_start(signed: bytes) -> bytes:
    """The canonical SignedInfo up to DigestValue's text."""
    (signed_info,) = etree.fromstring(signed).iter(f"{_DS}SignedInfo")
    octets = etree.tostring(signed_info, method="c14n", exclusive=True, with_tail=False)
    return octets.partition(b"<ds:DigestValue>")[0] + b"<ds:DigestValue>"


def work(fast: bool) -> dict[str, Any]:
    """One worker's times by size, whole and part; the whole itself is the part "whole"."""
    smki = Smki.create()
    return {size: _taken_apart(Task.of(smki, SIZES[size](smki)), FAST if fast else FULL) for size in DOCUMENTS}


def _taken_apart(task: Task, effort: Effort) -> dict[str, Sequence[float]]:
    ours, tree_lane = named(OURS, TREE_LANE)
    assert isinstance(tree_lane, Remote)
    of_signing, of_tree, of_verifying = sign_parts(task), sign_tree_parts(task), verify_parts(task)
    try:
        calls = {
            **{f"{SIGN}: {part}": call for part, call in of_signing.items()},
            **{f"{SIGN_TREE}: {part}": call for part, call in of_tree.items()},
            **{f"{VERIFY}: {part}": call for part, call in of_verifying.items()},
            f"{SIGN}: whole": ours.signing(task),
            f"{SIGN_TREE}: whole": tree_lane.signing(task),
            f"{VERIFY}: whole": ours.verifying(task.identity, task.signed),
        }
        return {name: cell["values"] for name, cell in interleaved(calls, effort).items()}
    finally:
        tree_lane.stop()


def collected(results: Sequence[Mapping[str, Any]]) -> pyperf.BenchmarkSuite:
    """All times, for pyperf's tools and the chart."""
    return pyperf.BenchmarkSuite(
        [
            pyperf.Benchmark(
                [pyperf.Run(result[size][name], metadata={"name": f"parts {size} {name}"}) for result in results]
            )
            for size in DOCUMENTS
            for name in results[0][size]
        ]
    )


def parts_of(suite: pyperf.BenchmarkSuite, whole: str, size: str) -> dict[str, float]:
    """Median microseconds of each part, ECDSA first and what else the whole takes last."""
    start = f"parts {size} {whole}: "
    times = {
        one.get_name().removeprefix(start): one.median() * 1e6
        for one in suite.get_benchmarks()
        if one.get_name().startswith(start)
    }
    together, ecdsa = times.pop("whole"), times.pop(ECDSA)
    rest = max(0.0, together - ecdsa - sum(times.values()))
    return {ECDSA: ecdsa, **times, REST: rest}


def markdown(suite: pyperf.BenchmarkSuite) -> str:
    """The whole report."""
    lines = ["## parts", "", "| document | job | part | median, µs | share |", "| --- | --- | --- | ---: | ---: |"]
    for name in WHOLES:
        for size in DOCUMENTS:
            parts = parts_of(suite, name, size)
            whole = sum(parts.values())
            lines += [f"| {size} | {name} | {part} | {time:.2f} | {time / whole:.0%} |" for part, time in parts.items()]
    return "\n".join([*lines, "", versions({}), machine(), ""])


def main(arguments: Sequence[str]) -> int:
    """Measure, print the report, write it."""
    options = parsed_options("Measure the parts of signing and of verifying.", arguments)
    if options.worker:
        json.dump(work(options.fast), sys.stdout)
        return 0
    start = time.monotonic()
    effort = FAST if options.fast else FULL
    suite = collected(list(spawned("bench_parts.py", effort)))
    options.output.mkdir(parents=True, exist_ok=True)
    suite.dump(str(options.output / "parts.json"), replace=True)
    (options.output / "parts.md").write_text(markdown(suite))
    print(markdown(suite))
    print(f"parts: {time.monotonic() - start:.0f} s, written to {options.output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
