"""PKCS #11 URIs (RFC 7512): which token, which object on it, which module, and where the PIN stands; never the PIN."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from duisign.errors import ConfigurationError

__all__ = ["SCHEME", "KeyUri", "parse_key_uri"]

SCHEME = "pkcs11:"

MAX_URI_OCTETS = 4096
"""Octets of a URI: labels have up to 32, identifiers rarely more than 64."""

_TOKEN = ("token", "manufacturer", "model", "serial", "slot-id")
_OBJECT = ("object", "id", "type")
_QUERY = ("module-path", "pin-source")
_VALUE = re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=&/?|-]|%[0-9A-Fa-f]{2})*", re.ASCII)


class KeyUri(NamedTuple):
    """What a URI says; None where it is silent.

    `token`: attributes of the token by their names in RFC 7512. `label`, `identifier`: those of the private key.
    `module`: the path of the PKCS #11 library. `pin_file`: the path of a file whose first line is the PIN.
    """

    token: dict[str, str]
    label: str | None
    identifier: bytes | None
    module: str | None
    pin_file: str | None


def _bad(sentence: str) -> ConfigurationError:
    return ConfigurationError("key-uri", f"The PKCS #11 URI {sentence}")


def parse_key_uri(uri: object) -> KeyUri:
    """The parts of the URI of a private key; raises ConfigurationError. No sentence quotes a value."""
    if not isinstance(uri, str) or not uri.startswith(SCHEME) or len(uri) > MAX_URI_OCTETS:
        raise _bad(f"is a str that begins with {SCHEME}, as pkcs11:token=duis;object=signing.")
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    found = _attributes(path, ";") | _attributes(query, "&", in_query=True)
    if "pin-value" in found:
        raise _bad("holds the PIN, which is then seen by others: use pin-source=file:/path, or pin.")
    unknown = sorted(set(found) - {*_TOKEN, *_OBJECT, *_QUERY})
    if unknown:
        # RFC 7512 section 2.3: an attribute that is not understood must not be passed over.
        raise _bad(f"has an attribute that is not understood here: {unknown[0]}. Leave it out.")
    texts = {name: _text(name, value) for name, value in found.items() if name != "id"}
    if texts.get("type", "private") != "private":
        raise _bad("names an object that is no private key: say type=private, or nothing.")
    if "slot-id" in texts and not re.fullmatch("[0-9]{1,20}", texts["slot-id"], re.ASCII):
        raise _bad("has a slot-id that is no number.")
    return KeyUri(
        {name: texts[name] for name in _TOKEN if name in texts},
        texts.get("object"),
        found.get("id"),
        texts.get("module-path"),
        _file(texts.get("pin-source")),
    )


def _attributes(text: str, separator: str, *, in_query: bool = False) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for item in text.split(separator) if text else ():
        name, equals, value = item.partition("=")
        if not equals or not re.fullmatch("[a-z][a-z0-9-]*", name, re.ASCII) or not _VALUE.fullmatch(value):
            raise _bad("is not made of attributes, name=value, with everything unusual written as %XX.")
        if name in found:
            raise _bad(f"has the attribute {name} twice.")
        if name in (_QUERY if not in_query else (*_TOKEN, *_OBJECT)):
            raise _bad(f"has {name} on the wrong side of the question mark.")
        found[name] = unquote_to_bytes(value)
    return found


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _bad(f"has the attribute {name} not in UTF-8.") from None


def _file(source: str | None) -> str | None:
    if source is None:
        return None
    path = source.removeprefix("file://").removeprefix("file:")
    if not path.startswith("/"):
        raise _bad("has a pin-source that is no file: say file:/path, or use pin.")
    return path
