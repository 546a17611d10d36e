"""Keys and certificates from files. No sentence quotes what the files hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import note, read_octets, reason
from duisign.errors import ConfigurationError
from duisign.organisation_certificate import load_certificate, load_public_key
from duisign.trust import PinnedCertificates

__all__ = ["load_pinned", "load_private_key", "load_signing_certificate"]

MAX_CREDENTIAL_OCTETS = 16 * 1024 * 1024
"""Octets of a file of keys or certificates: room for ten thousand certificates."""

_FOLDER_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".pub"})
"""What the names of the files end in that are read when a folder of certificates is given."""

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_CERTIFICATE_LABEL = b"CERTIFICATE"
_PUBLIC_KEY_LABEL = b"PUBLIC KEY"

Pinned = x509.Certificate | ec.EllipticCurvePublicKey


def load_private_key(name: str | None) -> ec.EllipticCurvePrivateKey:
    """The unencrypted private key in a PEM or DER file; raises Failure(KEY_MISSING)."""
    if name is None:
        raise _missing("No private key is given: name its file with --key.")
    octets = _read(name)
    load = serialization.load_pem_private_key if b"-----BEGIN" in octets else serialization.load_der_private_key
    try:
        key = load(octets, password=None)
    except TypeError:
        raise _missing(
            f"The private key in {name} is encrypted, and duisign cannot ask for its passphrase yet: "
            "give an unencrypted one."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _missing(f"{name} holds no private key that can be read: give one in PEM or DER.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _missing(f"The private key in {name} is not on P-256 (secp256r1): SMKI has no other.")
    return key


def load_signing_certificate(name: str | None, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The certificate of `key` among those in a file; raises Failure(KEY_MISSING)."""
    if name is None:
        raise _missing("No certificate is given: name the file of the signer's certificate with --cert.")
    certificates = [one for one in _pinned_in(_read(name), name)[0] if isinstance(one, x509.Certificate)]
    if not certificates:
        raise _missing(f"{name} holds no certificate that can be read: give one in PEM or DER.")
    fitting = {one for one in certificates if one.public_key() == key.public_key()}
    if not fitting:
        raise _missing(f"No certificate in {name} holds the public key of the private key: give the key's own.")
    if len(fitting) > 1:
        raise _missing(f"Several certificates in {name} hold this key: give a file with the one to be named.")
    return fitting.pop()


def load_pinned(names: Iterable[str]) -> PinnedCertificates:
    """The certificates and bare public keys in files and folders.

    What cannot be read is reported and skipped; raises Failure(KEY_MISSING) if nothing is left.
    """
    pinned: list[Pinned] = []
    given = list(names)
    if not given:
        raise _missing("No certificate is given: name the trusted ones with --cert, as files or folders.")
    for name in given:
        for file in _files(name):
            try:
                found, problems = _pinned_in(_read(file), file)
            except Failure as failure:
                found, problems = [], [str(failure)]
            # A folder may also hold private keys and revocation lists, which need no remark.
            if not found and not problems and file == name:
                problems.append(f"{file} holds neither certificate nor public key: skipped.")
            for problem in problems:
                note(problem)
            pinned += found
    if not pinned:
        raise _missing("No certificate or public key can be read from what --cert names: nobody is trusted.")
    try:
        return PinnedCertificates(pinned)
    except ConfigurationError as error:
        raise _missing(str(error)) from None


def _missing(sentence: str) -> Failure:
    return Failure(sentence, ExitStatus.KEY_MISSING)


def _read(name: str) -> bytes:
    return read_octets(name, MAX_CREDENTIAL_OCTETS, status=ExitStatus.KEY_MISSING)


def _files(name: str) -> list[str]:
    """The file itself, or the files in a folder that can be certificates."""
    path = Path(name)
    try:
        if not path.is_dir():
            return [name]
        return sorted(
            str(entry) for entry in path.iterdir() if entry.suffix.lower() in _FOLDER_SUFFIXES and entry.is_file()
        )
    except OSError as error:
        note(f"Cannot read {name}: {reason(error)}.")
        return []


def _pinned_in(octets: bytes, name: str) -> tuple[list[Pinned], list[str]]:
    """The certificates and public keys in a file, and a sentence for each that cannot be read."""
    blocks = [(match[1], match[0]) for match in _PEM.finditer(octets)]
    if not blocks:
        blocks = [(_CERTIFICATE_LABEL, octets)]
    blocks = [(label, block) for label, block in blocks if label in (_CERTIFICATE_LABEL, _PUBLIC_KEY_LABEL)]
    found: list[Pinned] = []
    problems = []
    for number, (label, block) in enumerate(blocks, 1):
        try:
            one = load_certificate(block) if label == _CERTIFICATE_LABEL else load_public_key(block)
            # Some parts are read only when they are needed: try each by itself, so that none spoils the others.
            PinnedCertificates([one])
        except ConfigurationError as error:
            place = name if len(blocks) == 1 else f"{name}, block {number} of {len(blocks)}"
            problems.append(f"{place} is skipped: {error}")
        else:
            found.append(one)
    return found, problems
