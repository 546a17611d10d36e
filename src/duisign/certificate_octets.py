"""Certificates from octets: what cryptography reads of them, without what it only warns about.

A serial number that is not positive (RFC 5280 section 4.1.2.2 forbids it) makes cryptography warn through Python's
process-wide filters, each time: whoever sends messages could write to the receiver's standard error.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import TypeVar

from cryptography import x509

__all__ = ["der_element", "issuer_and_subject", "read_der", "read_pem", "read_pem_bundle"]

_BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END", re.DOTALL)
_INTEGER, _VERSION = 0x02, 0xA0
"""Tags of DER: TBSCertificate is an optional version in a tag of its own, then the serial number (section 4.1)."""

_T = TypeVar("_T")


def der_element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, contents and rest of the first DER element; ValueError if it is cut short."""
    if len(der) < 2:
        raise ValueError("truncated DER")
    length, start = der[1], 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(der[2 : 2 + octets], "big"), 2 + octets
    if len(der) < start + length:
        raise ValueError("truncated DER")
    return der[0], der[start : start + length], der[start + length :]


def read_der(der: bytes) -> x509.Certificate:
    """A certificate in DER; raises what `is_unreadable` knows."""
    return _read(x509.load_der_x509_certificate, der, [der])


def read_pem(pem: bytes) -> x509.Certificate:
    """The first certificate in PEM; raises what `is_unreadable` knows."""
    return _read(x509.load_pem_x509_certificate, pem, _certificates_in(pem)[:1])


def read_pem_bundle(pem: bytes) -> list[x509.Certificate]:
    """All certificates in PEM; raises what `is_unreadable` knows."""
    return _read(x509.load_pem_x509_certificates, pem, _certificates_in(pem))


def _read(load: Callable[[bytes], _T], octets: bytes, certificates: list[bytes]) -> _T:
    if not all(map(_has_positive_serial, certificates)):
        raise ValueError("a serial number is not positive")
    return load(octets)


def _certificates_in(pem: bytes) -> list[bytes]:
    return [binascii.a2b_base64(body) for body in _BLOCK.findall(pem)]


def _behind_version(der: bytes) -> bytes:
    """What TBSCertificate holds from the serial number on; ValueError for what is cut short."""
    to_be_signed = der_element(der_element(der)[1])[1]
    tag, _, rest = der_element(to_be_signed)
    return rest if tag == _VERSION else to_be_signed


def _has_positive_serial(der: bytes) -> bool:
    """Whether the serial number is positive; ValueError for what is cut short."""
    tag, contents, _ = der_element(_behind_version(der))
    return tag == _INTEGER and any(contents) and not contents[0] & 0x80


def issuer_and_subject(der: bytes) -> tuple[bytes, bytes]:
    """The DER of the names in that of a certificate which cryptography has read (RFC 5280 section 4.1)."""
    signature = der_element(_behind_version(der))[2]
    from_issuer = der_element(signature)[2]
    validity = der_element(from_issuer)[2]
    from_subject = der_element(validity)[2]
    rest = der_element(from_subject)[2]
    return from_issuer[: len(from_issuer) - len(validity)], from_subject[: len(from_subject) - len(rest)]
