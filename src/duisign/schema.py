"""Schema: validates documents against the XSD set of DUIS, which the user provides (XML Schema 1.0, by libxml2).

The set does not load as it is published: a file name has spaces, and a DOCTYPE points at w3.org. Here each file is
parsed by itself, without its DTD, and what one refers to by `schemaLocation` is found in the folder by its name.
Nothing else is read, and nothing is fetched.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from lxml import etree

from duisign.document import PLAIN_ALONE, DocumentReader
from duisign.errors import ConfigurationError, SchemaError

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["Schema", "checked_schema"]

MAX_SCHEMA_OCTETS = 16 * 1024 * 1024
"""Octets of one file of a schema set: those of DUIS have a quarter of a megabyte."""

MAX_SCHEMA_FILES = 100
"""Files of a schema set: that of DUIS has three."""

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_REFERENCES = tuple(f"{_XSD}{name}" for name in ("import", "include", "redefine"))
_ADDRESS = "duisign-schema:"

# The end of libxml2's words for an element in a wrong place: names that the schema has, not the document.
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^()']*) \)\.\s*$")
_RULE = re.compile("SCHEMAV_(?P<rule>[A-Z0-9_]+)")
_SENTENCES = {
    "SCHEMAV_ELEMENT_CONTENT": "it is not expected here, or lacks an element",
    "SCHEMAV_CVC_ELT_1": "the schema does not know it as a root",
    "SCHEMAV_CVC_ENUMERATION_VALID": "its value is none of those that the schema lists",
    "SCHEMAV_CVC_PATTERN_VALID": "its value does not fit the pattern",
    "SCHEMAV_CVC_LENGTH_VALID": "its value has another length",
    "SCHEMAV_CVC_MINLENGTH_VALID": "its value is too short",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "its value is too long",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "its value is too small",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "its value is too great",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "it has an attribute that it may not have",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "it lacks an attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "it holds text where only elements may be",
}


def _unusable(sentence: str) -> ConfigurationError:
    return ConfigurationError("schema", f"The schema set cannot be used: {sentence}")


class _Files(etree.Resolver):
    """The files of a set by their addresses, as one that is being compiled refers to them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        # Empty, and so an error, for whatever else: None would have libxml2 look for it by itself.
        return self.resolve_string(self._files.get(system_url or "", b""), context, base_url=system_url)


class Schema:
    """A set of XML Schemas; shared by threads, which validate one after another. Made by `from_folder`."""

    __slots__ = ("_lock", "_names", "_reader", "_schema")

    def __init__(self, schema: etree.XMLSchema, names: frozenset[str]) -> None:
        self._schema = schema
        self._names = names
        self._reader = DocumentReader()
        # lxml gathers the errors in the object.
        self._lock = threading.Lock()

    @classmethod
    def from_folder(cls, path: str | Path) -> Self:
        """The set of all ``*.xsd`` in a folder, as DUIS publishes it; raises ConfigurationError."""
        if PLAIN_ALONE:
            raise ConfigurationError(
                "schema",
                "This libxml2 refuses serial numbers as long as genuine ones: use an lxml that carries libxml2 2.14.",
            )
        trees = _trees(path)
        addresses = {name: f"{_ADDRESS}{number}" for number, name in enumerate(trees)}
        for tree in trees.values():
            _point_inside(tree, addresses)
        names = frozenset(
            name for tree in trees.values() for one in tree.iter(f"{_XSD}element") if (name := one.get("name"))
        )
        files = {addresses[name]: etree.tostring(tree) for name, tree in trees.items()}
        parser = _parser()
        parser.resolvers.add(_Files(files))
        first = None
        try:
            driver = etree.fromstring(_driver(trees, addresses), parser, base_url=_ADDRESS)
            return cls(etree.XMLSchema(driver), names)
        except etree.LxmlError as error:
            log = error.error_log.filter_from_errors()
            first = next((f"{entry.type_name} at line {entry.line}" for entry in log), "its parts do not fit")
        raise _unusable(f"libxml2 refuses it ({first}): complete it, or take the published one.")

    def __repr__(self) -> str:
        return f"<Schema with {len(self._names)} names of elements>"

    def validate(self, document: bytes) -> None:
        """Raise SchemaError, with line and reason, unless the document is valid; DocumentError if it cannot be read."""
        self.validate_element(self._reader.parse(document))

    def validate_element(self, root: _Element) -> None:
        """The same for the root of an lxml tree, which stays as it is; the lines are those of the parsed document."""
        with self._lock:
            if self._schema.validate(root.getroottree()):
                return
            entry = self._schema.error_log[0]
        raise self._invalid(entry)

    def _invalid(self, entry: etree._LogEntry) -> SchemaError:
        """The first violation. libxml2's own words quote the document: of them only the schema's names are taken."""
        named = re.match(r"Element '(?:\{[^}']*\})?([^']*)'", entry.message)
        element = f"element {named[1]}" if named and named[1] in self._names else "an element"
        reason = _SENTENCES.get(entry.type_name, "its value is not of its type")
        rule = _RULE.fullmatch(entry.type_name)
        label = "" if rule is None else f" ({rule['rule'].lower().replace('_', '-')})"
        expected = _EXPECTED.search(entry.message)
        wanted = "" if expected is None else f"; expected: {re.sub(r'{[^}]*}', '', expected[1])}"
        error = SchemaError(
            "schema-invalid",
            f"The document is not valid by its schema, line {entry.line}: {element}: {reason}{label}{wanted}.",
        )
        error.line = entry.line
        return error


def checked_schema(schema: object) -> Schema | None:
    """The `schema` of a caller's; raises ConfigurationError for anything else."""
    if schema is None or isinstance(schema, Schema):
        return schema
    raise ConfigurationError("schema", "schema is a duisign.Schema: make it with Schema.from_folder.")


def _parser() -> etree.XMLParser[_Element]:
    return etree.XMLParser(no_network=True, load_dtd=False, dtd_validation=False, resolve_entities="internal")


def _trees(path: str | Path) -> dict[str, _Element]:
    """The schemas in a folder by the names of their files, without DOCTYPE."""
    try:
        files = sorted(file for file in Path(path).iterdir() if file.suffix.lower() == ".xsd")
    except (OSError, TypeError, ValueError):
        raise _unusable("its folder cannot be opened: name the folder that holds its .xsd files.") from None
    if not 0 < len(files) <= MAX_SCHEMA_FILES:
        raise _unusable(f"there are {len(files)} .xsd files in the folder: from 1 to {MAX_SCHEMA_FILES} can be.")
    return {file.name: _tree(file) for file in files}


def _tree(file: Path) -> _Element:
    root = None
    try:
        with file.open("rb") as stream:
            octets = stream.read(MAX_SCHEMA_OCTETS + 1)
        if len(octets) <= MAX_SCHEMA_OCTETS:
            root = etree.fromstring(octets, _parser())
    except (OSError, etree.LxmlError, ValueError):
        root = None
    if root is None or root.tag != f"{_XSD}schema":
        raise _unusable(f"{file.name} is no XML Schema that can be read.")
    # What DTD there was has done its work.
    return etree.fromstring(etree.tostring(root, encoding="UTF-8", with_tail=False), _parser())


def _point_inside(tree: _Element, addresses: dict[str, str]) -> None:
    """Have every reference to another schema point at the file of that name."""
    for reference in tree.iter(*_REFERENCES):
        location = reference.get("schemaLocation")
        if location is None:
            continue
        name = unquote(location.rpartition("/")[2])
        if name not in addresses:
            raise _unusable(f"it refers to {name}, which is not in the folder.")
        reference.set("schemaLocation", addresses[name])


def _driver(trees: dict[str, _Element], addresses: dict[str, str]) -> bytes:
    """A schema that imports those which no other refers to, each the only one of its namespace."""
    referred = {one.get("schemaLocation") for tree in trees.values() for one in tree.iter(*_REFERENCES)}
    namespaces: dict[str, str] = {}
    # Only a schema with a namespace may import one without.
    driver = etree.Element(f"{_XSD}schema", targetNamespace=f"{_ADDRESS}driver")
    for name, tree in trees.items():
        if addresses[name] not in referred:
            namespace = tree.get("targetNamespace", "")
            other = namespaces.setdefault(namespace, name)
            if other != name:
                raise _unusable(f"{other} and {name} are for one namespace: leave the one in the folder that is meant.")
            imported = etree.SubElement(driver, f"{_XSD}import", schemaLocation=addresses[name])
            if namespace:
                imported.set("namespace", namespace)
    return etree.tostring(driver)
