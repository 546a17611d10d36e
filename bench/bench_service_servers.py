"""Which ASGI server: uvicorn or granian, under Starlette or alone, with a handler that signs.

Run: pip install granian, then python bench/bench_service_servers.py. Needs the extras "bench" and "service".
The service stands on uvicorn; docs/service.md has the figures and the reason.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop

from environment import machine
from http_client import post, run_closed

_BENCH = Path(__file__).parent
_UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
_GRANIAN = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-access-log", "--log-level", "warning"]
SERVERS = {
    "uvicorn, httptools, uvloop": [*_UVICORN, "--http", "httptools", "--loop", "uvloop"],
    "uvicorn, h11, asyncio": [*_UVICORN, "--http", "h11", "--loop", "asyncio"],
    "granian": [*_GRANIAN, "--loop", "uvloop"],
}
APPLICATIONS = {"ASGI alone": "bare", "Starlette": "framed"}
CONNECTIONS, WARM_UP_SECONDS, SECONDS = 16, 1.0, 3.0


def application(name: str) -> Any:
    """The application of that name; the keys are in the folder that DUISIGN_BENCH_KEYS names."""
    import duisign
    from duisign.request_counter import RequestCounter

    ring = duisign.KeyRing([Path(os.environ["DUISIGN_BENCH_KEYS"])], whitespace="strip", existing_signature="replace")
    counter = RequestCounter()

    def signed(body: bytes) -> bytes:
        document = base64.b64decode(json.loads(body)["message"], validate=True)
        return b'{"message":"%b"}' % base64.b64encode(ring.sign(counter.set(document)))

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        answer = signed(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    if name == "bare":
        return bare
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def sign(request: Request) -> Response:
        return Response(signed(await request.body()), media_type="application/json")

    return Starlette(routes=[Route("/sign", sign, methods=["POST"])])


def __getattr__(name: str) -> Any:
    """The applications, as servers look for them: made only in their processes."""
    if name in APPLICATIONS.values():
        return application(name)
    raise AttributeError(name)


async def measured(port: int, request: bytes) -> str:
    """Requests per second, and the median of their times."""
    numbered = ((number, request) for number in itertools.count())
    await run_closed(("127.0.0.1", port), numbered, connections=CONNECTIONS, seconds=WARM_UP_SECONDS)
    run = await run_closed(("127.0.0.1", port), numbered, connections=CONNECTIONS, seconds=SECONDS)
    assert set(run.statuses) == {200}
    assert not run.wrong
    return f"{run.per_second:>8,.0f} requests/s, p50 {1000 * run.quantile(0.5):.1f} ms"


def main() -> None:
    """Measure and print."""
    from duisign.testing import Smki, make_samples

    smki = Smki.create()
    document = make_samples(smki)["service-request"].document
    request = post("/sign", json.dumps({"message": base64.b64encode(document).decode()}).encode())
    with tempfile.TemporaryDirectory() as folder:
        smki.write(Path(folder))
        environment = {**os.environ, "DUISIGN_BENCH_KEYS": folder, "PYTHONPATH": str(_BENCH)}
        for (server, command), (shown, name) in itertools.product(SERVERS.items(), APPLICATIONS.items()):
            if find_spec(command[2]) is None:
                print(f"{server:>28}, {shown:<12} not installed")
                continue
            port = free_port()
            whole = [*command, f"{Path(__file__).stem}:{name}", "--port", str(port)]
            with subprocess.Popen(whole, env=environment) as process:
                try:
                    wait_for(port)
                    print(f"{server:>28}, {shown:<12}{uvloop.run(measured(port, request))}")
                finally:
                    process.terminate()
    print(machine())


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def wait_for(port: int) -> None:
    """Until something listens there."""
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
