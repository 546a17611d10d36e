"""Distinguished names: the RFC 2253 text of X509IssuerName and X509SubjectName, and names that can be compared."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

from cryptography import x509

from duisign.certificate_octets import der_element

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DistinguishedName", "comparable_name", "parse_name", "rfc2253"]

DistinguishedName = tuple[frozenset[tuple[str, str]], ...]
"""Relative names from the root of the directory on, each a set of (dotted OID, normalized value)."""

MAX_NAME_CHARACTERS = 1024
"""Characters of a name's text: genuine issuers have about ten."""

_CACHED_TYPES = 64
"""Attribute types whose OIDs are kept as text: genuine names have three."""

_KEYWORDS = {
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "S": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "UID": "0.9.2342.19200300.100.1.1",
    "DC": "0.9.2342.19200300.100.1.25",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
}
# RFC 2253 section 2.3 names these; every other type is written as OID and hexadecimal BER.
_WRITTEN = {_KEYWORDS[word]: word for word in ("CN", "L", "ST", "O", "OU", "C", "STREET", "DC", "UID")}
_STEERING = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Categories of Unicode: control and format characters, ends of lines and paragraphs."""
_STRING_TAGS = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1E: "utf-16-be",
    0x1C: "utf-32-be",
}


def _value_der(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    """The DER of an attribute value: what follows the OID in Name > RDN > AttributeTypeAndValue."""
    relative = der_element(der_element(x509.Name([attribute]).public_bytes())[1])[1]
    return der_element(der_element(relative)[1])[2]


def _normalized(value: str) -> str:
    # caseIgnoreMatch, RFC 4518: a KeyInfo name is a hint, and must not miss for a space or a capital letter.
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _comparable_der(der: bytes) -> str:
    tag, contents, rest = der_element(der)
    if rest:
        raise ValueError("octets behind a DER element")
    encoding = _STRING_TAGS.get(tag)
    return f"#{der.hex()}" if encoding is None else _normalized(contents.decode(encoding))


@functools.lru_cache(maxsize=_CACHED_TYPES)
def _dotted(oid: bytes) -> str:
    """An OID's text from the contents of its DER (X.690 clause 8.19)."""
    arcs = [0]
    for octet in oid:
        arcs[-1] = arcs[-1] << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(0)
    # The first two arcs are in one number; only the third root has more than 40 below it.
    root = min(arcs[0] // 40, 2)
    return ".".join(map(str, (root, arcs[0] - 40 * root, *arcs[1:-1])))


def comparable_name(der: bytes) -> DistinguishedName:
    """The name of a certificate or CRL, in DER that cryptography has read, in the form of `parse_name`."""
    rest = der_element(der)[1]
    parts = []
    while rest:
        _, relative, rest = der_element(rest)
        attributes = []
        while relative:
            _, attribute, relative = der_element(relative)
            _, oid, value = der_element(attribute)
            attributes.append((_dotted(oid), _comparable_der(value)))
        parts.append(frozenset(attributes))
    return tuple(parts)


def _escaped(value: str) -> str:
    out = []
    for index, character in enumerate(value):
        if (
            character in ',+"\\<>;'
            or (index == 0 and character in "# ")
            or (index == len(value) - 1 and character == " ")
        ):
            out.append("\\")
        # Whoever wrote a certificate wrote its names: none must steer a terminal or break a line of a log.
        steers = unicodedata.category(character) in _STEERING
        out.append("".join(f"\\{octet:02X}" for octet in character.encode()) if steers else character)
    return "".join(out)


def rfc2253(name: x509.Name) -> str:
    """The text of a name by RFC 2253: the most specific part first, no white space between parts."""
    parts = []
    for rdn in reversed(name.rdns):
        attributes = []
        for attribute in rdn:
            keyword = _WRITTEN.get(attribute.oid.dotted_string)
            if keyword is not None and isinstance(attribute.value, str):
                attributes.append(f"{keyword}={_escaped(attribute.value)}")
            else:
                attributes.append(f"{attribute.oid.dotted_string}=#{_value_der(attribute).hex()}")
        parts.append("+".join(attributes))
    return ",".join(parts)


def _pieces(text: str, separators: str) -> Iterator[tuple[str, str]]:
    """Split at separators that are neither escaped nor quoted; gives (piece, separator behind it)."""
    start, index, quoted = 0, 0, False
    while index < len(text):
        character = text[index]
        if character == "\\":
            index += 1
        elif character == '"':
            quoted = not quoted
        elif character in separators and not quoted:
            yield text[start:index], character
            start = index + 1
        index += 1
    if quoted or index > len(text):
        raise ValueError("unfinished quotation or escape")
    yield text[start:], ""


def _unescaped(text: str) -> str:
    out = bytearray()
    index = 0
    while index < len(text):
        character = text[index]
        if character != "\\":
            out += character.encode()
            index += 1
        elif text[index + 1 : index + 2] in tuple(',+"\\<>;#= '):
            out += text[index + 1].encode()
            index += 2
        else:
            pair = text[index + 1 : index + 3]
            if len(pair) != 2 or not pair.isascii() or not pair.isalnum():
                raise ValueError("bad escape")
            out.append(int(pair, 16))
            index += 3
    return out.decode()


def _trimmed(text: str) -> str:
    trimmed = text.strip(" \t\r\n")
    # An escaped space at the end belongs to the value: give back what the backslash needs.
    backslashes = len(trimmed) - len(trimmed.rstrip("\\"))
    cut = not text.endswith(trimmed)
    return f"{trimmed} " if backslashes % 2 and cut else trimmed


def _value(text: str) -> str:
    if text.startswith("#"):
        return _comparable_der(bytes.fromhex(text[1:]))
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    return _normalized(_unescaped(text))


def parse_name(text: str) -> DistinguishedName:
    """Read a name in RFC 2253 text (and the older forms that its section 4 has readers accept).

    The result compares equal to `comparable_name` of the same name. ValueError if the text is no name.
    """
    text = _trimmed(text)
    if len(text) > MAX_NAME_CHARACTERS:
        raise ValueError("name too long")
    names = []
    relative: set[tuple[str, str]] = set()
    for piece, separator in _pieces(text, ",;+"):
        keyword, equals, value = piece.partition("=")
        if not equals:
            raise ValueError("an attribute has no value")
        keyword = keyword.strip(" \t\r\n").upper()
        oid = _KEYWORDS.get(keyword) or keyword.removeprefix("OID.")
        if not oid.replace(".", "").isdecimal() or not oid.isascii():
            raise ValueError("unknown attribute type")
        relative.add((oid, _value(_trimmed(value))))
        if separator != "+":
            names.append(frozenset(relative))
            relative = set()
    return tuple(reversed(names))
