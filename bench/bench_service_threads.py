"""From which size on a document is worth handing over to a thread: `duisign.service.runner.INLINE_OCTETS`.

Run: python bench/bench_service_threads.py. For each size: the time that one request takes to be signed in the event
loop's thread and by way of the pool, and for how long another request has to wait meanwhile, in the worst case of 99 in
100. Needs the extras "bench" and "service".
"""

from __future__ import annotations

import asyncio
import itertools
import time
from statistics import median, quantiles

import uvloop

import duisign
from documents import service_request
from duisign.service import runner
from duisign.testing import Smki
from environment import machine

SIZES = (1_000, 4_000, 16_000, 32_000, 64_000, 256_000, 1_000_000)
SECONDS = 1.0


async def measured(signer: duisign.Signer, document: bytes) -> tuple[float, float]:
    """Seconds that a request takes, and that another one waits."""
    runs, waits = [], []
    work = runner.Runner()
    ends = asyncio.Event()

    async def other() -> None:
        while not ends.is_set():
            begin = time.perf_counter()
            await asyncio.sleep(0)
            waits.append(time.perf_counter() - begin)

    waiting = asyncio.create_task(other())
    await asyncio.sleep(0)
    end = time.perf_counter() + SECONDS
    for number in itertools.count():
        begin = time.perf_counter()
        if begin > end and number > 5:
            break
        await work.run(len(document), signer.sign, document)
        runs.append(time.perf_counter() - begin)
        await asyncio.sleep(0)
    ends.set()
    await waiting
    return median(runs), quantiles(waits, n=100)[-1]


def main() -> None:
    """Measure and print."""
    smki = Smki.create()
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
    print(f"{'octets':>10} {'in the loop':>24} {'by a thread':>24}   (ms: the request, and others behind it)")
    for size in SIZES:
        document = service_request(smki, size)
        figures = []
        for limit in (len(document), 0):
            runner.INLINE_OCTETS = limit
            figures += uvloop.run(measured(signer, document))
        print(f"{len(document):>10}" + "".join(f"{1000 * one:>12.3f}" for one in figures))
    print(machine())


if __name__ == "__main__":
    main()
