"""Where certificates and CRLs come from: objects, PEM, DER, bundles, files and folders.

One certificate that cannot be read is reported and left out; it never sinks the others.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from duisign.certificate_octets import read_der, read_pem
from duisign.errors import ConfigurationError
from duisign.organisation_certificate import OrganisationCertificate, is_unreadable

__all__ = ["FoundCertificate", "FoundRevocationList", "Problem", "certificates_of", "revocation_lists_of", "unopened"]

MAX_SOURCE_OCTETS = 64 * 1024 * 1024
"""Octets of a file of certificates or CRLs: room for a CRL of a million entries."""

_BLOCK = re.compile(rb"-----BEGIN (CERTIFICATE|X509 CRL)-----.*?-----END \1-----", re.DOTALL)
_BEGIN = re.compile(rb"-----BEGIN ([^-\r\n]*)-----")
_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".crl"})
"""Files of a folder that are looked at; a folder may hold keys and notes too."""

_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0
"""Tags of DER. TBSCertificate begins with its version in a tag of its own (RFC 5280 section 4.1), TBSCertList never
does (section 5.1); a private key begins with an INTEGER (RFC 5958 section 2, RFC 5915 section 3)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out of a store.

    `where`: the file, or the place in the caller's list. `sentence`: what is wrong with it.
    """

    where: str
    sentence: str


def _octets(source: object, where: str) -> Iterator[tuple[str, bytes, bool]]:
    """(where, octets, whether the caller named exactly this) for bytes, a file, or each file of a folder."""
    if isinstance(source, bytes):
        yield where, source, True
        return
    if not isinstance(source, (str, Path)):
        raise ConfigurationError(
            "source",
            f"Certificates and CRLs come as objects, bytes or paths, not {type(source).__name__}.",
        )
    path = Path(source)
    try:
        named = not path.is_dir()
        files = [path] if named else sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.is_file())
    except (OSError, ValueError) as error:
        raise unopened(source, where, error) from None
    for file in files:
        try:
            octets = _contents(file)
        except (OSError, ValueError) as error:
            raise unopened(source if named else file, where, error) from None
        yield str(file), octets, named


def unopened(source: str | Path, where: str, error: Exception) -> ConfigurationError:
    """What is said of a file or folder that cannot be opened; `where`: its place in the caller's list."""
    # A str may be the contents that were mistaken for a path, keys among them: only what was called a path is quoted.
    name = f"{where} ({source})" if isinstance(source, Path) else where
    reason = error.strerror if isinstance(error, OSError) else "this is no path"
    return ConfigurationError("source", f"{name} cannot be opened: {reason}.")


def _contents(file: Path) -> bytes:
    with file.open("rb") as stream:
        octets = stream.read(MAX_SOURCE_OCTETS + 1)
    if len(octets) > MAX_SOURCE_OCTETS:
        raise ConfigurationError("source", f"{file} is longer than {MAX_SOURCE_OCTETS} octets: split it.")
    return octets


def _pieces(octets: bytes, kind: bytes) -> tuple[list[bytes], bool]:
    """The PEM blocks of one kind, and whether there are any of either kind; DER is one piece."""
    if b"-----BEGIN" not in octets:
        return [octets], False
    blocks = list(_BLOCK.finditer(octets))
    return [block[0] for block in blocks if block[1] == kind], True


def _has_incomplete(octets: bytes, words: tuple[bytes, ...]) -> bool:
    """Whether a PEM block whose label has one of the words is cut short, or labelled as nobody labels it."""
    begun = [label for label in _BEGIN.findall(octets) if any(word in label for word in words)]
    return len(begun) != sum(any(word in block[1] for word in words) for block in _BLOCK.finditer(octets))


def _label_begun(octets: bytes, label: bytes) -> int:
    """How many octets of a line that begins a PEM block stand at the end of a file that was cut short within it."""
    line = octets.rpartition(b"\n")[2]
    whole = b"-----BEGIN " + label + b"-----"
    return len(line) if len(line) < len(whole) and whole.startswith(line) else 0


class FoundCertificate(NamedTuple):
    """A certificate, the place it was found at for people, and the file or place in the caller's list that holds it."""

    certificate: OrganisationCertificate
    place: str
    source: str


class FoundRevocationList(NamedTuple):
    """A CRL and the place that it was found at, for people."""

    crl: x509.CertificateRevocationList
    place: str


def certificates_of(sources: Iterable[object]) -> tuple[list[FoundCertificate], list[Problem]]:
    """All certificates of `sources` that can be read, in their order, and what could not be.

    The `where` of a problem is a `source`, or begins with one. Raises ConfigurationError for a source of the wrong
    type, a file that cannot be opened, or one that was named and holds no certificate at all.
    """
    found: list[FoundCertificate] = []
    problems: list[Problem] = []

    def keep(certificate: x509.Certificate, place: str, source: str) -> None:
        try:
            found.append(FoundCertificate(OrganisationCertificate(certificate), place, source))
        except ConfigurationError:
            problems.append(Problem(place, "A part of this certificate cannot be read; it was left out."))

    for number, source in enumerate(_listed(sources), 1):
        where = f"certificate {number}"
        if isinstance(source, x509.Certificate):
            keep(source, where, where)
            continue
        for file, octets, named in _octets(source, where):
            pieces, pem = _pieces(octets, b"CERTIFICATE")
            if not named and not pem and _is_revocation_list(octets):
                continue
            if pem and (_has_incomplete(octets, (b"CERTIFICATE",)) or _label_begun(octets, b"CERTIFICATE")):
                problems.append(Problem(file, "A certificate in this file is cut short; it was left out."))
            if not pieces and named:
                raise ConfigurationError("source", f"{file} holds no certificate.")
            load = read_pem if pem else read_der
            for index, piece in enumerate(pieces, 1):
                place = f"{file}, certificate {index}" if len(pieces) > 1 else file
                try:
                    certificate = load(piece)
                except Exception as error:
                    if not is_unreadable(error):
                        raise
                    problems.append(Problem(place, "This certificate cannot be read; it was left out."))
                else:
                    keep(certificate, place, file)
    return found, problems


def revocation_lists_of(sources: Iterable[object]) -> list[FoundRevocationList]:
    """All CRLs of `sources`, in their order.

    Raises ConfigurationError for any that cannot be read: a CRL that is left out would let revoked keys sign.
    """
    found: list[FoundRevocationList] = []
    for number, source in enumerate(_listed(sources), 1):
        if isinstance(source, x509.CertificateRevocationList):
            found.append(FoundRevocationList(source, f"CRL {number}"))
            continue
        for where, octets, named in _octets(source, f"CRL {number}"):
            pieces, pem = _pieces(octets, b"X509 CRL")
            # A line that is cut before its label may be that of a certificate, unless the file is one of CRLs.
            begun = _label_begun(octets, b"X509 CRL") > (0 if pieces or named else len(b"-----BEGIN "))
            if pem and (begun or _has_incomplete(octets, (b"CRL",))):
                raise ConfigurationError("source", f"{where} holds a CRL that is cut short or mislabelled.")
            if not pem and not named and _begins_as_another(octets):
                continue
            if not pieces and named:
                raise ConfigurationError("source", f"{where} holds no CRL.")
            for index, piece in enumerate(pieces, 1):
                try:
                    crl = x509.load_pem_x509_crl(piece) if pem else x509.load_der_x509_crl(piece)
                except Exception as error:
                    if not is_unreadable(error):
                        raise
                    raise ConfigurationError("source", f"{where} holds a CRL that cannot be read.") from None
                found.append(FoundRevocationList(crl, f"{where}, CRL {index}" if len(pieces) > 1 else where))
    return found


def _is_revocation_list(der: bytes) -> bool:
    try:
        x509.load_der_x509_crl(der)
    except Exception as error:
        if not is_unreadable(error):
            raise
        return False
    return True


def _begins_as_another(der: bytes) -> bool:
    """Whether DER begins as a certificate or a private key does and no CRL, though it may be damaged further on."""
    tags, position = [], 0
    for _ in range(3):
        head = der[position : position + 2]
        if len(head) < 2:
            return False
        tags.append(head[0])
        position += 2 + (head[1] & 0x7F if head[1] & 0x80 else 0)
    return tags == [_SEQUENCE, _SEQUENCE, _VERSION] or tags[:2] == [_SEQUENCE, _INTEGER]


def _listed(sources: Iterable[object]) -> Iterable[object]:
    if isinstance(sources, (bytes, str, Path, x509.Certificate, x509.CertificateRevocationList)):
        return [sources]
    if not isinstance(sources, Iterable):
        raise ConfigurationError("source", "Give certificates and CRLs as a list of objects, bytes or paths.")
    return sources
