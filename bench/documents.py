"""Documents to measure with: Service Requests of exact lengths, for a throw-away SMKI.

Shape: the header of a genuine-shaped request (three declarations on the root, of which the content uses one),
and a Body of thresholds. The one of 1,024 octets has 17 elements and 5 attributes; the requests between 950
and 1,100 octets that Smart DCC publishes as templates have 15 to 19 and 1 to 5. Compact UTF-8, not signed.
"""

from __future__ import annotations

from duisign.testing import Smki, make_samples

SIZES = {"0.6 KB": 600, "1 KB": 1024, "2.8 KB": 2800}
"""Octets of the unsigned documents. The bars of issue 2 speak of the one of 1,024."""

_START = b"<sr:Body>"
_BODY = "<sr:UpdateTariff>{thresholds}<sr:Name>{name}</sr:Name></sr:UpdateTariff>"
_THRESHOLD = '<sr:BlockThreshold index="{number}"><sr:ThresholdValue>{value}</sr:ThresholdValue></sr:BlockThreshold>'
_END = "</sr:Body></sr:Request>"
_NAME_OCTETS = 4
"""Octets that the tariff's name has at least; what thresholds cannot fill is filled by it."""


def service_request(smki: Smki, octets: int) -> bytes:
    """An unsigned request of `smki.user`, exactly `octets` long. ValueError if that is too short for one."""
    sample = make_samples(smki)["service-request"].document
    start = sample[: sample.index(_START) + len(_START)].decode()
    thresholds = ""
    for number in range(octets):
        threshold = _THRESHOLD.format(number=number, value=1000 + 37 * number % 1000)
        if len(_document(start, thresholds + threshold, "")) + _NAME_OCTETS > octets:
            break
        thresholds += threshold
    missing = octets - len(_document(start, thresholds, ""))
    if missing < _NAME_OCTETS:
        raise ValueError(f"a request has more than {octets} octets")
    document = _document(start, thresholds, ("Fern and Moor " * missing)[:missing])
    assert len(document) == octets
    return document


def _document(start: str, thresholds: str, name: str) -> bytes:
    return (start + _BODY.format(thresholds=thresholds, name=name) + _END).encode()
