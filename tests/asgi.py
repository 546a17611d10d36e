"""Calls an ASGI application as a server would, without one."""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


async def answer(application, method, path, body=b"", headers=None, *, query="", pause=None, chunk=1 << 16):
    """The answer to one request. `pause`: awaited before the last part of the body."""
    head = {"host": "localhost:8080", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in head.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
    }
    parts = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
    sent = []

    async def receive():
        if not parts:
            return {"type": "http.disconnect"}
        if len(parts) == 1 and pause is not None:
            await pause
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    if not sent:
        return None
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:]))


def call(application, method, path, body=b"", headers=None, **options):
    """The same, outside of an event loop."""
    return asyncio.run(answer(application, method, path, body, headers, **options))
