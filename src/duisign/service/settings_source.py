"""Where settings come from: one TOML file, and environment variables, which go before it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from duisign.service.settings import TABLES, Settings, refusal

__all__ = ["PREFIX", "read_settings"]

PREFIX = "DUISIGN_SERVICE_"
"""What the environment variables begin with."""


def read_settings(
    path: str | Path | None = None, environment: Mapping[str, str] | None = None, **server: object
) -> Settings:
    """The settings of a TOML file and the environment; raises ConfigurationError.

    `server`: names of that table that go before both. Paths in the file are relative to its folder, others to the
    current one. In the environment a list is an array of TOML, or its only member as it is.
    """
    tables: dict[str, dict[str, object]] = {name: {} for name in TABLES}
    if path is not None:
        for name, table in _read_file(Path(path)).items():
            if name not in tables:
                raise refusal(f"{path} has {name}, which is no setting: {', '.join(tables)} are the tables.")
            if not isinstance(table, dict):
                raise refusal(f"{path} has {name}, which must be a table: [{name}].")
            for key, value in table.items():
                tables[name][key] = _converted(name, key, value, Path(path).parent)
    for variable, value in (os.environ if environment is None else environment).items():
        if variable.startswith(PREFIX):
            name, key = _names(variable)
            tables[name][key] = _converted(name, key, _literal(name, key, value), Path())
    tables["server"] |= {key: value for key, value in server.items() if value is not None}
    return Settings(**{name: TABLES[name](**table) for name, table in tables.items()})


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise refusal(f"The settings in {path} cannot be read: {(error.strerror or 'error').lower()}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = str(error).partition("(")[2].rstrip(")") or "somewhere"
        raise refusal(f"{path} is not TOML: see {place}.") from None


def _names(variable: str) -> tuple[str, str]:
    table, _, key = variable.removeprefix(PREFIX).lower().partition("_")
    if table not in TABLES:
        raise refusal(f"The environment variable {variable} is no setting: {', '.join(TABLES)} are the tables.")
    return table, key


def _literal(table: str, key: str, text: str) -> object:
    """The value of a variable, as TOML would have it."""
    kind = _kind(table, key)
    if kind in (int, float, bool) or (text.startswith("[") and kind in _LISTS):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return [text] if kind in _LISTS else text


def _kind(table: str, key: str) -> object:
    kinds = _KINDS[table]
    if key not in kinds:
        raise refusal(f"{table}.{key} is no setting: {', '.join(kinds)} are those of {table}.")
    return kinds[key]


def _converted(table: str, key: str, value: object, folder: Path) -> object:
    kind, name = _kind(table, key), f"{table}.{key}"
    if kind in _LISTS:
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise refusal(f'{name} is a list of text, such as ["one", "two"].')
        return tuple(folder / one for one in value) if kind == tuple[Path, ...] else tuple(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind in (int, float, bool):
        if type(value) is not kind:
            words = {int: "a whole number", float: "a number", bool: "true or false"}
            raise refusal(f"{name} is {words[kind]}.")
        return value
    if not isinstance(value, str) or not value:
        raise refusal(f"{name} is text that is not empty.")
    return folder / value if kind == Path | None else value


_KINDS: dict[str, dict[str, object]] = {
    name: {one.name: get_type_hints(kind)[one.name] for one in fields(kind)} for name, kind in TABLES.items()
}
_LISTS = (tuple[str, ...], tuple[Path, ...])
