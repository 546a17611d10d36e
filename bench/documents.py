"""Documents to measure with: Service Requests of exact lengths and shapes, for a throw-away SMKI.

Shape of most: the header of a genuine-shaped request (three declarations on the root, of which the content uses one),
and a Body of thresholds. The one of 1,024 octets has 17 elements and 5 attributes; the requests between 950
and 1,100 octets that Smart DCC publishes as templates have 15 to 19 and 1 to 5. Compact UTF-8, not signed.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from lxml import etree

from duisign.testing import Smki, firmware_request, make_samples

_START = b"<sr:Body>"
_BODY = "<sr:UpdateTariff>{thresholds}<sr:Name>{name}</sr:Name></sr:UpdateTariff>"
_THRESHOLD = '<sr:BlockThreshold index="{number}"><sr:ThresholdValue>{value}</sr:ThresholdValue></sr:BlockThreshold>'
_END = "</sr:Body></sr:Request>"
_NAME_OCTETS = 4
"""Octets that the tariff's name has at least; what thresholds cannot fill is filled by it."""
_LEVELS = 200
"""Levels of elements below Body in a nested document; with those above, fewer than the default limit of 256."""


def service_request(smki: Smki, octets: int) -> bytes:
    """An unsigned request of `smki.user`, exactly `octets` long. ValueError if that is too short for one."""
    start = _start(smki)
    room = octets - len(_document(start, _BODY.format(thresholds="", name=""))) - _NAME_OCTETS
    thresholds = "".join(_thresholds(room))
    missing = room - len(thresholds) + _NAME_OCTETS
    if missing < _NAME_OCTETS:
        raise ValueError(f"a request has more than {octets} octets")
    name = ("Fern and Moor " * missing)[:missing]
    document = _document(start, _BODY.format(thresholds=thresholds, name=name))
    assert len(document) == octets
    return document


def shaped_request(smki: Smki, shape: str, octets: int) -> tuple[bytes, bytes]:
    """A request of about `octets` whose content has one of the `SHAPES`, and its C14N 1.0 form.

    The form comes from how the content is built; for it libxml2 would need minutes where it is quadratic.
    """
    start = _start(smki)
    tree = etree.fromstring(_document(start, "")).getroottree()
    canonical_start = etree.tostring(tree, method="c14n").decode().removesuffix(_END)
    content, room = SHAPES[shape], octets - len(_document(start, ""))
    return _document(start, content(room, False)), _document(canonical_start, content(room, True))


def _elements(octets: int, canonical: bool) -> str:
    """Thresholds, as in `service_request`."""
    return _BODY.format(thresholds="".join(_thresholds(octets)), name="Fern")


def _attributes(octets: int, canonical: bool) -> str:
    """One element, and nothing but attributes, in no order."""
    names = [f"a{number:07d}" for number in range(octets // len(' a1234567="x"'))]
    _disorder(names, canonical)
    attributes = "".join(f' {name}="x"' for name in names)
    return f"<sr:UpdateTariff{attributes}></sr:UpdateTariff>"


def _namespaces(octets: int, canonical: bool) -> str:
    """One element that declares many namespaces, in no order, and as many elements below it that use them."""
    count = octets // len(' xmlns:n1234567="urn:n:1234567"<n1234567:e></n1234567:e>')
    prefixes = [f"n{number:07d}" for number in range(count)]
    users = "".join(f"<{prefix}:e></{prefix}:e>" for prefix in reversed(prefixes))
    _disorder(prefixes, canonical)
    declarations = "".join(f' xmlns:{prefix}="urn:n:{prefix[1:]}"' for prefix in prefixes)
    return f"<sr:UpdateTariff{declarations}>{users}</sr:UpdateTariff>"


def _nesting(octets: int, canonical: bool) -> str:
    """Chains of elements of at most 200 levels, each of which declares a namespace."""
    starts = [f'<e{level} xmlns="urn:level:{level}">' for level in range(_LEVELS)]
    ends = [f"</e{level}>" for level in range(_LEVELS)]
    chains: list[str] = []
    missing = octets
    while missing > 0:
        levels, length = 0, 0
        while levels < _LEVELS and length < missing:
            length += len(starts[levels]) + len(ends[levels])
            levels += 1
        chains += [*starts[:levels], *reversed(ends[:levels])]
        missing -= length
    return "".join(chains)


def _disorder(names: list[str], canonical: bool) -> None:
    if not canonical:
        random.Random(len(names)).shuffle(names)


def _thresholds(octets: int) -> list[str]:
    """As many as fit."""
    thresholds: list[str] = []
    while True:
        number = len(thresholds)
        threshold = _THRESHOLD.format(number=number, value=1000 + 37 * number % 1000)
        octets -= len(threshold)
        if octets < 0:
            return thresholds
        thresholds.append(threshold)


SIZES: dict[str, Callable[[Smki], bytes]] = {
    "0.6 KB": lambda smki: service_request(smki, 600),
    "1 KB": lambda smki: service_request(smki, 1024),
    "2.8 KB": lambda smki: service_request(smki, 2800),
    "70 KB": lambda smki: service_request(smki, 70_000),
    "0.7 MB": lambda smki: service_request(smki, 700_000),
    "15 MB": firmware_request,
}
"""The unsigned documents by what the tables call their sizes. The last is the largest legal request: 13.7 of its
14.9 million octets are the text of one element, a firmware image."""

SHAPES: dict[str, Callable[[int, bool], str]] = {
    "elements": _elements,
    "attributes": _attributes,
    "namespaces": _namespaces,
    "nesting": _nesting,
}
"""How the content of a Body may grow: its text of about so many octets, as it is sent or in its canonical form."""


def _start(smki: Smki) -> str:
    """A request up to the start tag of its Body."""
    sample = make_samples(smki)["service-request"].document
    return sample[: sample.index(_START) + len(_START)].decode()


def _document(start: str, content: str) -> bytes:
    return (start + content + _END).encode()
