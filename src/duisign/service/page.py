"""The OpenAPI document as one page of HTML, which loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

__all__ = ["page"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "code{font:14px ui-monospace,monospace}h2{margin-top:2.5rem}h3{border-top:1px solid #ccc;padding-top:1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}}"
)


def page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document as `duisign.service.description` makes it."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    parts = [
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>',
        f"<h1>{title}</h1><p>{escape(info['description'])}",
        ' The same as <a href="/openapi.json">OpenAPI document</a>.</p>',
    ]
    tag = None
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                parts.append(f"<h2>{escape(tag)}</h2>")
            parts += _operation(method, path, operation)
    parts.append("<h2>Objects</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts += _schema(name, schema)
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h3><code>{method.upper()} {escape(path)}</code></h3><p>{escape(operation['summary'])}.</p><table>"
    for one in operation.get("parameters", ()):
        values = " or ".join(f"<code>{escape(value)}</code>" for value in one["schema"]["enum"])
        yield f"<tr><td><code>?{escape(one['name'])}=</code>{values}<td>{escape(one['description'])}"
    if "requestBody" in operation:
        yield f"<tr><td>body<td>{_content(operation['requestBody']['content'])}"
    for status, answer in operation["responses"].items():
        yield f"<tr><td>{escape(status)}<td>{escape(answer['description'])} {_content(answer.get('content', {}))}"
    yield "</table>"


def _content(content: dict[str, Any]) -> str:
    found = []
    for media_type, described in content.items():
        name = described.get("schema", {}).get("$ref", "").rpartition("/")[2]
        link = f' <a href="#{escape(name)}">{escape(name)}</a>' if name else ""
        found.append(f"<code>{escape(media_type)}</code>{link}")
    return ", ".join(found)


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3><table>'
    for member, described in schema["properties"].items():
        kinds = described["type"] if isinstance(described["type"], list) else [described["type"]]
        needed = "" if member in schema["required"] else ", may be missing"
        kind = escape(" or ".join(kinds) + (", base64" if "contentEncoding" in described else "") + needed)
        yield f"<tr><td><code>{escape(member)}</code><td>{kind}<td>{escape(described.get('description', ''))}"
    yield "</table>"
