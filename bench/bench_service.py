"""Requests per second of `duisign serve` against the DCC's signing classes behind the JDK's HttpServer.

Run: python bench/bench_service.py [--check] [--fast] [--workers N] [--output FOLDER] [--soak MINUTES]. Needs the
extras "bench" and "service", a JDK 17 and npm. The same client asks both to sign the 297 request templates that Smart
DCC publishes, as its own clients do, with the test keys that it publishes; in rounds, one server right behind the
other, so that a ratio is of one moment. Then ours gets half of the requests per second that it took, at fixed times,
and each answer is timed from when its request was due. Beside these times stand those of an address that does nothing,
asked as often right behind: what the machine gave at that time.

The bars are written to `bench/results/`, for the summary of all suites.

With --soak, good and bad requests are mixed for so many minutes instead, and each answer is checked against its
request; nothing is written.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import uvloop

import duisign
from adapters.remote import peers, unsupported_if_missing
from bars import FigureBar, Figures, Spread, Verdict, bar_table, write_verdicts
from environment import machine, versions
from http_client import Answer, Run, post, run_closed, run_paced
from service_servers import Running, ours, tool
from service_soak import Mix, Soak, soak
from task import UnsupportedError

RATE = "requests per second / those of the DCC tool"
P99 = "half load: ms in which 99 of 100 answers come"
BARS = (FigureBar(RATE, at_least=6), FigureBar(P99, at_most=10))
"""Of issue 5."""

RESULTS = Path(__file__).parent / "results"

_PROBE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

CONNECTIONS = 8
_SENDER = re.compile(rb"(?<=RequestID>)[0-9A-Fa-f-]{23}(?=:)")

ROUNDS, SECONDS, WARM_UP_SECONDS = 5, 4.0, 10.0
FAST_ROUNDS, FAST_SECONDS, FAST_WARM_UP_SECONDS = 1, 0.5, 0.5


def templates() -> list[bytes]:
    """The 297 published request templates. Six come from parties without a published key: here from another."""
    folder = peers().DUIS_TEMPLATES.install() / "templates"
    documents = [path.read_bytes() for path in sorted(folder.glob("*.XML"))]
    assert len(documents) == 297
    ring = duisign.KeyRing([peers().DCCBOXED_KEYSTORE.install() / "keystore.json"], existing_signature="replace")
    has_key = [result.ok for result in ring.sign_many(documents)]
    known = _SENDER.search(documents[has_key.index(True)])
    assert known is not None
    return [
        document if one else _SENDER.sub(known[0], document, count=1)
        for document, one in zip(documents, has_key, strict=True)
    ]


def settings(folder: Path) -> tuple[str, duisign.KeyRing, duisign.Verifier]:
    """The settings of ours with the published test keys, and what checks its answers."""
    store = peers().DCCBOXED_KEYSTORE.install() / "keystore.json"
    ring = duisign.KeyRing([store], whitespace="strip", existing_signature="replace")
    certificates = folder / "certificates"
    certificates.mkdir()
    pinned = []
    for entry in ring.entries:
        for signer in ring.signers(entry.entity_id) if entry.entity_id else ():
            if signer.certificate not in pinned:
                pinned.append(signer.certificate)
    from cryptography.hazmat.primitives.serialization import Encoding

    for number, certificate in enumerate(pinned):
        (certificates / f"{number}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    text = f'[signing]\nkeyring = ["{store}"]\n[trust]\ncertificates = ["{certificates}"]\n'
    return text, ring, duisign.Verifier(duisign.PinnedCertificates(pinned))


def requests(documents: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """The documents in turn, as Smart DCC's clients send them: with a counter to be set."""
    ready = [post("/sign", json.dumps({"message": base64.b64encode(one).decode()}).encode()) for one in documents]
    return ((number, ready[number % len(ready)]) for number in itertools.count())


def must_answer(number: int, answer: Answer) -> None:
    """What is looked at while time counts."""
    assert answer[0] == 200, f"status {answer[0]}"


async def signs_all(server: Running, documents: list[bytes], verifier: duisign.Verifier) -> None:
    """Have each template signed once; raises AssertionError. What ours gives has to verify."""

    def check(number: int, answer: Answer) -> None:
        must_answer(number, answer)
        if server.name != "DCC tool":
            verifier.verify(base64.b64decode(json.loads(answer[1])["message"]))

    numbered = itertools.islice(requests(documents), len(documents))
    run = await run_closed(("127.0.0.1", server.port), numbered, connections=1, seconds=600, check=check)
    assert not run.wrong, f"{server.name}: {run.wrong[:3]}"
    assert len(run.latencies) == len(documents)


async def measured(servers: list[Running], documents: list[bytes], *, fast: bool) -> dict[str, list[Run]]:
    """Rounds of all servers, one behind the other."""
    rounds, seconds, warm_up = (
        (FAST_ROUNDS, FAST_SECONDS, FAST_WARM_UP_SECONDS) if fast else (ROUNDS, SECONDS, WARM_UP_SECONDS)
    )
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    for number in range(-1, rounds):
        for server in servers if number % 2 else servers[::-1]:
            run = await run_closed(
                ("127.0.0.1", server.port),
                requests(documents),
                connections=CONNECTIONS,
                seconds=warm_up if number < 0 else seconds,
                check=must_answer,
            )
            assert not run.wrong, f"{server.name}: {run.wrong[:3]}"
            if number >= 0:
                runs[server.name].append(run)
    return runs


async def compare(documents: list[bytes], folder: Path, *, workers: int, fast: bool) -> Figures:
    """Measure and print."""
    text, _, verifier = settings(folder)
    with tool() as theirs, ours(folder, text, workers=workers) as mine:
        for server in (mine, theirs):
            await signs_all(server, documents, verifier)
        runs = await measured([theirs, mine], documents, fast=fast)
        rate = median(run.per_second for run in runs[mine.name])
        halves, floors = [], []
        for _ in range(FAST_ROUNDS if fast else ROUNDS):
            for found, work in ((halves, requests(documents)), (floors, itertools.repeat((0, _PROBE)))):
                run = await run_paced(
                    ("127.0.0.1", mine.port),
                    work,
                    connections=CONNECTIONS,
                    seconds=FAST_SECONDS if fast else SECONDS,
                    per_second=rate / 2,
                    check=must_answer,
                )
                found.append(run)
        failures = mine.failures
    wrong = [sentence for half in halves for sentence in half.wrong]
    assert not wrong, wrong[:3]
    assert not failures, failures[:3]
    ratios = [one.per_second / other.per_second for one, other in zip(runs[mine.name], runs[theirs.name], strict=True)]
    for name, some in runs.items():
        print(f"{name:>12}: {median(run.per_second for run in some):8,.0f} requests/s, {_times(some)}")
    print(f"   half load: {rate / 2:8,.0f} requests/s, {_times(halves)}")
    for what, runs_of_one in (("p99 of each round", halves), ("that of /healthz, which does nothing", floors)):
        print(f"{what:>40}: " + ", ".join(f"{1000 * run.quantile(0.99):.2f}" for run in runs_of_one) + " ms")
    return Figures({RATE: Spread.of(ratios), P99: Spread.of([1000 * half.quantile(0.99) for half in halves])})


def _times(runs: list[Run]) -> str:
    p50, p99 = (1000 * median(run.quantile(share) for run in runs) for share in (0.5, 0.99))
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


async def soak_and_tell(documents: list[bytes], folder: Path, *, workers: int, minutes: float) -> bool:
    """Soak ours and print; whether all was well."""
    text, ring, verifier = settings(folder)
    mix = Mix(documents, ring, verifier)
    with ours(folder, text, workers=workers) as mine:
        found: Soak = await soak(mine, mix, minutes, CONNECTIONS)
    first, last = found.growth
    print(f"{sum(found.run.statuses.values()):,} answers in {found.run.seconds / 60:.1f} minutes")
    print(f"statuses: {dict(sorted(found.run.statuses.items()))}; kinds: {dict(sorted(mix.kinds.items()))}")
    print(f"memory: {first / 2**20:.1f} MiB at first, {last / 2**20:.1f} MiB at last{', grown' * found.has_grown}")
    print(f"5xx: {found.server_errors}; lost or mixed up: {len(found.run.wrong)}; failures: {len(found.failures)}")
    for sentence in (*found.run.wrong[:5], *found.failures[:5]):
        print(sentence)
    return found.is_fine


def verdicts(figures: Figures) -> list[Verdict]:
    """All bars with what was measured."""
    return [Verdict.of("service", bar, figures) for bar in BARS]


def main(arguments: Sequence[str]) -> int:
    """Run what the options say; 1 if `--check` finds a bar missed or not measured, or a soak anything wrong, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--fast", action="store_true", help="short: figures mean little")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of ours; as many as processors")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="mix good and bad requests for so long")
    options = parser.parse_args(arguments)
    soaks = options.soak is not None
    fine, found = False, verdicts(Figures({}))
    try:
        with unsupported_if_missing():
            documents = templates()
            peers().require_program("javac")
    except UnsupportedError as error:
        print(f"Not measured: {error}")
    else:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            if soaks:
                fine = uvloop.run(soak_and_tell(documents, folder, workers=options.workers, minutes=options.soak))
            else:
                found = verdicts(uvloop.run(compare(documents, folder, workers=options.workers, fast=options.fast)))
    if not soaks:
        fine = all(verdict.met for verdict in found)
        options.output.mkdir(parents=True, exist_ok=True)
        write_verdicts(options.output / "service.bars.json", found)
        print("\n".join(["", *bar_table(found), ""]))
    print(machine())
    print(versions({}))
    return 0 if fine or not (options.check or soaks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
