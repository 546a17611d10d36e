"""Well-formed XML documents that reach the corners of canonicalization, by hypothesis and from a seed.

One writer serves both: it asks a source of choices for small numbers, and 0 always stands for the simplest
choice, so that hypothesis shrinks towards plain documents. All documents are UTF-8 and namespace-well-formed,
and their namespace names are absolute URIs: Canonical XML 1.0 section 1.3 leaves relative ones undefined.

Left out, because XML processors disagree there: characters outside the Basic Multilingual Plane in names,
which the JDK reads as the fourth edition of XML 1.0 has them, libxml2 as the fifth; and characters outside
ASCII in namespace names, which libxml2 refuses while the JDK takes them (and sorts them by UTF-16 code units,
not by code points). They do occur in text, attribute values, CDATA, comments and processing instructions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hypothesis import strategies as st

DSIG = "http://www.w3.org/2000/09/xmldsig#"
SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
XML = "http://www.w3.org/XML/1998/namespace"

T = TypeVar("T")
Scope = dict[str, str]  # prefix ("" for the default namespace) to namespace name ("" for none)


class Choices(Protocol):
    """Where decisions come from."""

    def below(self, bound: int) -> int:
        """A number from 0, the simplest, to bound - 1."""


class SeededChoices:
    """The same decisions for the same seed everywhere: random() is the method that Python keeps stable."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, bound: int) -> int:
        return int(self._random.random() * bound)


class DrawnChoices:
    """Decisions that hypothesis makes and shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def below(self, bound: int) -> int:
        return self._draw(st.integers(0, bound - 1)) if bound > 1 else 0


@dataclass(frozen=True)
class Shape:
    """What a document may hold."""

    processing_instructions_around_root: bool = True
    dsig_prefixes: tuple[str, ...] = ()  # the root may bind the XMLDSig namespace to one of them
    ampersand_in_namespace_names: bool = True  # which libxml2 does not escape in canonical forms
    ascii_markup: bool = False  # names, processing instructions and comments
    elements: int = 24  # at most
    depth: int = 6  # at most


PREFIXES = ("a", "b", "n1", "Z", "a-b.c", "é")
# Each namespace name with the ways to write it in a declaration.
NAMESPACES = {
    "urn:a": ("urn:a", "&#117;rn:a", "u&#x72;n:a"),
    "urn:b": ("urn:b",),
    "urn:A": ("urn:A",),
    "http://example.test/c#": ("http://example.test/c#",),
    SR: (SR,),
}
AMPERSAND_NAMESPACES = {"urn:x&y": ("urn:x&amp;y", "urn:x&#38;y")}
LOCAL_NAMES = ("e", "f", "E", "longer-name", "x.1", "_u", "ö")
XML_ATTRIBUTES = {
    "lang": ("en", "", "de-CH"),
    "space": ("preserve", "default"),
    "base": ("http://example.test/base/", "relative/path", "../up"),
}
_ASTRAL = "\U0001d538"  # outside the Basic Multilingual Plane: four octets in UTF-8, two units in UTF-16
# fmt: off
_CHARACTERS = (
    "x", "plain text", " ", "\n", "\t", "\r\n", "\r", "'", '"', "&#13;", "&#xD;", "&#13;&#10;", "&#10;",
    "&#9;", "&#x0000A;", "&#32;", "&lt;", "&amp;", "&gt;", ">", "]] ", "]]&gt;", "&quot;", "&apos;", "&#60;",
    "&#38;lt;", "é", "&#xE9;", "\x7f", "\x80", "\x85", "\u00a0", "\u2028", "\ufeff", "\ufffd", "\ud7ff",
    "\ue000", _ASTRAL, "\U0010fffd", "&#x1F600;", "&#128512;",
)
# fmt: on
_CDATA = ("", "x", "<&>", "]]", "\r\n", "\r", "é" + _ASTRAL, "&amp;", " ")
_COMMENTS = ("", "comment", " <e a='1'>&amp; ", " - ", "\r\n", "\r", "\t", "é" + _ASTRAL, "]]>", "\x85")
_PI_TARGETS = ("p", "xml-stylesheet", "p.i-2", "é")
_PI_SPACES = (" ", "\t", "\n", "\r\n  ")
_PI_DATA = ("", "data", "a=\"1\"  b='2' ", "<&>&amp;", "\r\n", "x\ry", "é" + _ASTRAL, "? >")
_TAG_SPACES = (" ", "  ", "\n", "\t", "\r\n  ", "\r")
_XML_DECLARATIONS = (
    "",
    '<?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<?xml version='1.0' encoding='utf-8' standalone='yes'?>",
    '<?xml version="1.0"\n encoding = "UTF-8"\tstandalone="no" ?>\r\n',
)
_AROUND_ROOT = ("", "\n", "\r\n", " \t\r", "\n\n")


class _Writer:
    def __init__(self, choices: Choices, shape: Shape) -> None:
        self.choices = choices
        self.shape = shape
        self.elements = 0

    def pick(self, options: Sequence[T]) -> T:
        return options[self.choices.below(len(options))]

    def pick_markup(self, options: Sequence[str]) -> str:
        return self.pick([option for option in options if option.isascii() or not self.shape.ascii_markup])

    def once_in(self, times: int) -> bool:
        return self.choices.below(times) == times - 1

    def join(self, options: Sequence[str], at_most: int) -> str:
        return "".join(self.pick(options) for _ in range(self.choices.below(at_most + 1)))

    def join_markup(self, options: Sequence[str], at_most: int) -> str:
        return "".join(self.pick_markup(options) for _ in range(self.choices.below(at_most + 1)))

    def prolog(self) -> str:
        return ("\ufeff" if self.once_in(8) else "") + self.pick(_XML_DECLARATIONS) + self.around_root()

    def around_root(self) -> str:
        parts = [self.pick(_AROUND_ROOT)]
        for _ in range(self.choices.below(3)):
            instruction = self.shape.processing_instructions_around_root and self.once_in(2)
            parts.append(self.processing_instruction() if instruction else self.comment())
            parts.append(self.pick(_AROUND_ROOT))
        return "".join(parts)

    def comment(self) -> str:
        return f"<!--{self.join_markup(_COMMENTS, 3)}-->"

    def processing_instruction(self) -> str:
        data = self.pick(_PI_SPACES) + self.join_markup(_PI_DATA, 2) if self.once_in(2) else ""
        return f"<?{self.pick_markup(_PI_TARGETS)}{data}?>"

    def quoted(self, name: str, value: str) -> str:
        quote, reference = ("'", "&#39;") if self.once_in(3) else ('"', "&#34;")
        space = self.pick(_TAG_SPACES) if self.once_in(12) else ""
        return f"{name}{space}={space}{quote}{value.replace(quote, reference)}{quote}"

    def shuffled(self, items: Sequence[T]) -> list[T]:
        remaining = list(items)
        return [remaining.pop(self.choices.below(len(remaining))) for _ in items]


class _GeneralWriter(_Writer):
    """Everything that can matter to canonicalization, crowded into small documents."""

    def document(self) -> bytes:
        prolog = self.prolog()
        root = self.element({"": "", "xml": XML}, depth=1)
        return (prolog + root + self.around_root()).encode()

    def element(self, outer: Scope, depth: int) -> str:
        self.elements += 1
        declared = self.declared(depth)
        scope = outer | declared
        name = _qualified(self.pick([prefix for prefix in scope if prefix != "xml"]), self.pick_markup(LOCAL_NAMES))
        items = self.shuffled(self.declarations(declared) + self.attributes(scope))
        tag = name + "".join(self.pick(_TAG_SPACES) + item for item in items)
        space, end_space = (self.pick(_TAG_SPACES) if self.once_in(6) else "" for _ in "12")
        content = self.content(scope, depth)
        if not content and self.once_in(2):
            return f"<{tag}{space}/>"
        return f"<{tag}{space}>{content}</{name}{end_space}>"

    def declared(self, depth: int) -> Scope:
        declared: Scope = {}
        for _ in range(self.choices.below(4)):
            prefix = self.pick_markup(("", *PREFIXES))
            undeclared = prefix == "" and self.once_in(3)  # xmlns="" may stand where it undoes nothing
            declared[prefix] = "" if undeclared else self.namespace()
        if self.shape.dsig_prefixes and depth == 1:
            # Unbound, bound to the XMLDSig namespace, or ds bound to another one.
            declared |= self.pick(({}, {self.pick(self.shape.dsig_prefixes): DSIG}, {"ds": "urn:a"}))
        return declared

    def namespace(self) -> str:
        with_ampersand = self.shape.ampersand_in_namespace_names and self.once_in(64)
        return self.pick(tuple(AMPERSAND_NAMESPACES if with_ampersand else NAMESPACES))

    def declarations(self, declared: Scope) -> list[str]:
        spellings = NAMESPACES | AMPERSAND_NAMESPACES
        items = [
            self.quoted(f"xmlns:{prefix}" if prefix else "xmlns", self.pick(spellings.get(name, (name,))))
            for prefix, name in declared.items()
        ]
        return [*items, self.quoted("xmlns:xml", XML)] if self.once_in(24) else items

    def attributes(self, scope: Scope) -> list[str]:
        items: list[str] = []
        taken: set[tuple[str, str]] = set()
        for _ in range(self.choices.below(6)):
            prefix = self.pick(["", *(prefix for prefix in scope if prefix)])
            local_name = self.pick_markup(tuple(XML_ATTRIBUTES) if prefix == "xml" else LOCAL_NAMES)
            value = self.pick(XML_ATTRIBUTES[local_name]) if prefix == "xml" else self.join(_CHARACTERS, 4)
            # Two prefixes of one namespace must not give one attribute twice; no prefix means no namespace.
            expanded = (scope[prefix] if prefix else "", local_name)
            if expanded not in taken:
                taken.add(expanded)
                items.append(self.quoted(_qualified(prefix, local_name), value))
        return items

    def content(self, scope: Scope, depth: int) -> str:
        parts: list[str] = []
        for _ in range(self.choices.below(6)):
            kind = self.choices.below(12)
            if kind < 4:
                parts.append(self.join(_CHARACTERS, 4))
            elif kind < 9:
                if depth < self.shape.depth and self.elements < self.shape.elements:
                    parts.append(self.element(scope, depth + 1))
            elif kind == 9:
                parts.append(f"<![CDATA[{self.join(_CDATA, 2)}]]>")
            else:
                parts.append(self.comment() if kind == 10 else self.processing_instruction())
        return "".join(parts)


class _DuisWriter(_Writer):
    """Documents that look like DUIS requests: one namespace, no mixed content, compact or indented."""

    def document(self) -> bytes:
        self.layout = self.pick(("", "\n  ", "\r\n\t"))
        declarations = [f'xmlns:sr="{SR}"']
        if self.shape.dsig_prefixes and self.once_in(2):
            declarations.append(f'xmlns:{self.pick(self.shape.dsig_prefixes)}="{DSIG}"')
        if self.once_in(2):
            declarations.append('xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"')
        attributes = self.shuffled([*declarations, 'schemaVersion="5.4"'])
        request_id = f"90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:{self.choices.below(1 << 32)}"
        header = self.parent("Header", [self.leaf("RequestID", request_id), self.leaf("ServiceReference", "1.1")])
        root = self.parent("Request", [header, self.parent("Body", [self.body(1)])], " " + " ".join(attributes))
        return (self.prolog() + root + self.around_root()).encode()

    def body(self, depth: int) -> str:
        children = [
            self.body(depth + 1)
            if depth < self.shape.depth and self.once_in(2)
            else self.leaf(self.pick(("Price", "DeviceID", "Text")), self.join(_CHARACTERS, 3))
            for _ in range(1 + self.choices.below(4))
        ]
        return self.parent(self.pick(("UpdateImportTariff", "Switching", "Block")), children)

    def parent(self, name: str, children: Sequence[str], attributes: str = "") -> str:
        content = "".join(self.layout + child for child in children)
        return f"<sr:{name}{attributes}>{content}{self.layout}</sr:{name}>"

    def leaf(self, name: str, text: str) -> str:
        return f"<sr:{name}>{text}</sr:{name}>" if text or self.once_in(2) else f"<sr:{name}/>"


def _qualified(prefix: str, local_name: str) -> str:
    return f"{prefix}:{local_name}" if prefix else local_name


DEFAULT_SHAPE = Shape()


def generate(seed: int, shape: Shape = DEFAULT_SHAPE) -> bytes:
    """The document of a seed."""
    return _GeneralWriter(SeededChoices(seed), shape).document()


def generate_duis(seed: int, shape: Shape = DEFAULT_SHAPE) -> bytes:
    """The DUIS-like document of a seed. It has no attribute named Id or ID on its root."""
    return _DuisWriter(SeededChoices(seed), shape).document()


@st.composite
def documents(draw: st.DrawFn, shape: Shape = DEFAULT_SHAPE) -> bytes:
    """Documents of a shape."""
    return _GeneralWriter(DrawnChoices(draw), shape).document()


@st.composite
def duis_documents(draw: st.DrawFn, shape: Shape = DEFAULT_SHAPE) -> bytes:
    """DUIS-like documents of a shape."""
    return _DuisWriter(DrawnChoices(draw), shape).document()
