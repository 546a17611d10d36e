"""Keys and certificates from files. No sentence quotes what the files hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import note, read_octets, reason
from duisign.errors import ConfigurationError, DuisignError
from duisign.external_key import ExternalKey
from duisign.key_password import Password, password_from_environment, password_from_file
from duisign.key_source import loaded
from duisign.organisation_certificate import OrganisationCertificate, load_certificate, load_public_key
from duisign.trust import PinnedCertificates

__all__ = [
    "certificate_files",
    "certificates_in",
    "is_certificate_name",
    "load_external_key",
    "load_pinned",
    "load_private_key",
    "load_signing_certificate",
    "password_source",
    "read_credentials",
]

MAX_CREDENTIAL_OCTETS = 16 * 1024 * 1024
"""Octets of a file of keys or certificates: room for ten thousand certificates."""

_FOLDER_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".pub"})
"""What the names of the files end in that are read when a folder of certificates is given."""

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_PKCS12 = re.compile(rb"0.{1,5}?\x02\x01\x03", re.DOTALL)
"""How a PFX begins: a SEQUENCE, its length, the INTEGER 3 (RFC 7292 section 4)."""

_CERTIFICATE_LABEL = b"CERTIFICATE"
_PUBLIC_KEY_LABEL = b"PUBLIC KEY"

Pinned = x509.Certificate | ec.EllipticCurvePublicKey


def password_source(variable: str | None, file: str | None) -> Password | None:
    """Where passphrases come from: an environment variable, the first line of a file, or nowhere; raises Failure."""
    if variable is not None and file is not None:
        raise Failure("Give --password-env or --password-file, not both.")
    try:
        if variable is not None:
            return password_from_environment(variable)
        return None if file is None else password_from_file(file)
    except ConfigurationError as error:
        raise Failure(str(error)) from None


def load_private_key(name: str | None, password: Password | None = None) -> ec.EllipticCurvePrivateKey:
    """The private key in a PEM or DER file, whose passphrase `password` tells; raises Failure(KEY_MISSING)."""
    if name is None:
        raise _missing("No private key is given: name its file with --key.")
    octets = read_credentials(name)
    key: object
    load = serialization.load_pem_private_key if b"-----BEGIN" in octets else serialization.load_der_private_key
    try:
        key = loaded(load, octets, None)
    except TypeError:
        key = _opened(load, octets, name, password)
    except ValueError:
        advice = "give its PKCS #12 to --keyring" if _PKCS12.match(octets) else "give one in PEM or DER"
        raise _missing(f"{name} holds no private key that can be read: {advice}.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _missing(f"The private key in {name} is not on P-256 (secp256r1): SMKI has no other.")
    return key


def load_external_key(uri: str, password: Password | None = None) -> ExternalKey:
    """The private key on the token that a PKCS #11 URI names, whose PIN `password` tells; raises Failure."""
    try:
        from duisign.pkcs11 import Pkcs11Key
    except ImportError:
        raise Failure(
            "Keys by PKCS #11 need python-pkcs11: install it with pip install 'duisign[hsm]'.", ExitStatus.ERROR
        ) from None
    try:
        return Pkcs11Key(uri, pin=password)
    except DuisignError as error:
        raise _missing(str(error)) from None


def _opened(load: Callable[..., object], octets: bytes, name: str, password: Password | None) -> object:
    """An encrypted private key."""
    if password is None:
        raise _missing(
            f"The private key in {name} is encrypted: say with --password-env or --password-file where its "
            "passphrase stands."
        ) from None
    try:
        return loaded(load, octets, password(name))
    except ConfigurationError as error:
        raise _missing(str(error)) from None
    except (ValueError, TypeError):
        raise _missing(f"The passphrase does not open the private key in {name}, or it is damaged.") from None


def load_signing_certificate(name: str | None, key: ec.EllipticCurvePrivateKey | None) -> x509.Certificate:
    """The certificate of `key` among those in a file, or with None the only one; raises Failure(KEY_MISSING)."""
    if name is None:
        raise _missing("No certificate is given: name the file of the signer's certificate with --cert.")
    certificates = [one for one in _pinned_in(read_credentials(name), name)[0] if isinstance(one, x509.Certificate)]
    if not certificates:
        raise _missing(f"{name} holds no certificate that can be read: give one in PEM or DER.")
    fitting = {one for one in certificates if key is None or one.public_key() == key.public_key()}
    if not fitting:
        raise _missing(f"No certificate in {name} holds the public key of the private key: give the key's own.")
    if len(fitting) > 1:
        fit = "may be the key's" if key is None else "hold this key"
        raise _missing(f"Several certificates in {name} {fit}: give a file with the one to be named.")
    return fitting.pop()


def load_pinned(names: Iterable[str], *, now: datetime | None = None) -> PinnedCertificates:
    """The certificates and bare public keys in files and folders. `now`: the time as of which they are judged.

    What cannot be read is reported and skipped; raises Failure(KEY_MISSING) if nothing is left.
    """
    pinned: list[Pinned] = []
    given = list(names)
    if not given:
        raise _missing("No certificate is given: name the trusted ones with --cert, as files or folders.")
    for name in given:
        for file in certificate_files(name):
            try:
                found, problems = _pinned_in(read_credentials(file), file)
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
        return PinnedCertificates(pinned, now=now)
    except ConfigurationError as error:
        raise _missing(str(error)) from None


def _missing(sentence: str) -> Failure:
    return Failure(sentence, ExitStatus.KEY_MISSING)


def read_credentials(name: str) -> bytes:
    """The octets of a file of keys or certificates; raises Failure(KEY_MISSING)."""
    return read_octets(name, MAX_CREDENTIAL_OCTETS, status=ExitStatus.KEY_MISSING)


def is_certificate_name(name: str) -> bool:
    """Whether a file is named as certificates are.

    What it holds is not asked: a message may hold a certificate of its sender's making, and must not become the trusted
    one when --cert is forgotten.
    """
    return Path(name).suffix.lower() in _FOLDER_SUFFIXES


def certificate_files(name: str) -> list[str]:
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
    blocks = _blocks(octets, _CERTIFICATE_LABEL, _PUBLIC_KEY_LABEL)
    found: list[Pinned] = []
    problems = []
    for number, (label, block) in enumerate(blocks, 1):
        try:
            one = load_certificate(block) if label == _CERTIFICATE_LABEL else load_public_key(block)
            # Some parts are read only when they are needed: try each by itself, so that none spoils the others.
            PinnedCertificates([one])
        except ConfigurationError as error:
            place = _place(name, number, blocks)
            problems.append(f"{place} is skipped: {error}")
        else:
            found.append(one)
    return found, problems


def certificates_in(octets: bytes, name: str) -> Iterator[tuple[str, OrganisationCertificate | ConfigurationError]]:
    """Each certificate in a file, with its place; the error of one that cannot be read."""
    blocks = _blocks(octets, _CERTIFICATE_LABEL)
    for number, (_, block) in enumerate(blocks, 1):
        place = _place(name, number, blocks)
        try:
            yield place, OrganisationCertificate(load_certificate(block))
        except ConfigurationError as error:
            yield place, error


def _blocks(octets: bytes, *labels: bytes) -> list[tuple[bytes, bytes]]:
    """The PEM blocks of these labels; octets without any PEM block are one certificate in DER."""
    blocks = [(match[1], match[0]) for match in _PEM.finditer(octets)] or [(_CERTIFICATE_LABEL, octets)]
    return [(label, block) for label, block in blocks if label in labels]


def _place(name: str, number: int, blocks: list[tuple[bytes, bytes]]) -> str:
    return name if len(blocks) == 1 else f"{name}, block {number} of {len(blocks)}"
