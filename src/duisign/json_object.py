"""JSON objects that come from outside (RFC 8259)."""

from __future__ import annotations

import json
from typing import Any

from duisign._json_levels import json_levels
from duisign.limits import MAX_JSON_LEVELS

__all__ = ["json_object"]


def json_object(octets: bytes) -> dict[str, Any] | None:
    """An object in UTF-8, with or without byte order mark; None if it is none.

    None is also an object in which a name is repeated, since readers differ in which value they take, and one that is
    nested deeper than `MAX_JSON_LEVELS`.
    """
    # Counted first: nearly all of it is one string, a message without brackets.
    if octets.count(b"[") + octets.count(b"{") > MAX_JSON_LEVELS and json_levels(octets) > MAX_JSON_LEVELS:
        return None
    try:
        found = json.loads(octets.decode("utf-8-sig"), object_pairs_hook=_unrepeated, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


def _refused(constant: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")
