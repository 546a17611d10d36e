"""Where private keys come from: objects, PEM, DER, PKCS #12, folders and JSON key stores, with their certificates.

One entry that cannot be read is reported and left out; it never sinks the others. No sentence quotes what a source
holds, and passphrases are asked for when they are needed and forgotten when the reading is done.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12
from cryptography.hazmat.primitives.serialization import load_der_private_key as load_der
from cryptography.hazmat.primitives.serialization import load_pem_private_key as load_pem

from duisign.certificate_octets import read_der, read_pem
from duisign.certificate_source import Problem, unopened
from duisign.errors import ConfigurationError, DuisignError
from duisign.external_key import AnyExternalKey, is_external
from duisign.json_object import json_object
from duisign.key_password import Password
from duisign.organisation_certificate import OrganisationCertificate, is_unreadable

__all__ = ["KeyPair", "loaded", "read_keys"]

MAX_SOURCE_OCTETS = 16 * 1024 * 1024
"""Octets of a file of keys: room for ten thousand keys with their certificates."""

_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".key", ".p8", ".pk8", ".p12", ".pfx"})
"""Files of a folder that should hold keys or certificates: remarked upon if they do not. Others are tried too."""

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----")
_KEY_USAGES = ("digitalSignature", "keyAgreement")
_KEY_STORE_TEXTS = ("privateKey", "certificate")
_ENTITY = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_SERIAL = re.compile(r"[0-9]{1,49}", re.ASCII)

Key = ec.EllipticCurvePrivateKey


class KeyPair(NamedTuple):
    """A private key on P-256, a certificate that holds its public key, and the places of both.

    Of an external key only the caller says that the certificate is its own.
    """

    private_key: Key | AnyExternalKey
    certificate: OrganisationCertificate
    where: str

    @property
    def point(self) -> bytes:
        """The public key, as an uncompressed point."""
        return _point(self.certificate.public_key)


class KeysFound(NamedTuple):
    """What sources hold. `uses`: all certificates of each public key, those that an external key has no pair of too."""

    pairs: list[KeyPair]
    uses: dict[bytes, list[OrganisationCertificate]]
    problems: list[Problem]


def read_keys(sources: Iterable[object], password: Password | None) -> KeysFound:
    """The private keys of `sources` with each certificate that holds their public key, and what was left out.

    Keys and certificates are matched by public key over all sources; certificates of others are passed over. Raises
    ConfigurationError for a source of the wrong type, or a file or folder that was named and cannot be opened.
    """
    reader = _Reader(password)
    for number, source in enumerate(sources, 1):
        reader.read(source, f"source {number}")
    keys: dict[bytes, tuple[Key, list[str]]] = {}
    for key, where in reader.keys:
        keys.setdefault(_point(key.public_key()), (key, []))[1].append(where)
    pairs: dict[bytes, KeyPair] = {}
    uses: dict[bytes, list[OrganisationCertificate]] = {}
    alone = dict(keys)
    for certificate, where in reader.certificates:
        point = _point(certificate.public_key)
        uses.setdefault(point, []).append(certificate)
        external = reader.external.get(certificate.fingerprint)
        if external is not None:
            pairs.setdefault(certificate.fingerprint, KeyPair(external, certificate, where))
        elif point in keys:
            alone.pop(point, None)
            key, places = keys[point]
            both = where if where in places else f"{places[0]}, {where}"
            pairs.setdefault(certificate.fingerprint, KeyPair(key, certificate, both))
    for _, places in alone.values():
        reader.problem(places[0], "There is no certificate for this private key; it was left out: add its own.")
    return KeysFound(list(pairs.values()), uses, reader.problems)


def loaded(load: Callable[..., Any], *arguments: object) -> Any:
    """What cryptography reads; ValueError for what it cannot, TypeError for what needs a passphrase or has none."""
    try:
        return load(*arguments)
    except (ValueError, TypeError):
        raise
    except BaseException as error:
        # Its Rust code panics over some damaged keys, by an exception that is nobody's Exception.
        if type(error).__name__ != "PanicException" and not (isinstance(error, Exception) and is_unreadable(error)):
            raise
        raise ValueError("the file cannot be read") from None


def _point(key: ec.EllipticCurvePublicKey | None) -> bytes:
    return b"" if key is None else key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _contents(file: Path) -> bytes | None:
    """The octets of a file; None if it is too long."""
    with file.open("rb") as stream:
        octets = stream.read(MAX_SOURCE_OCTETS + 1)
    return octets if len(octets) <= MAX_SOURCE_OCTETS else None


class _Reader:
    """Collects keys, certificates and problems; `where` below is the place that a problem is reported for."""

    def __init__(self, password: Password | None, file: str | None = None) -> None:
        self._password = password
        self._file = file
        self._asked: dict[str, bytes] = {}
        self.keys: list[tuple[Key, str]] = []
        self.certificates: list[tuple[OrganisationCertificate, str]] = []
        # By the fingerprint of the certificate.
        self.external: dict[bytes, AnyExternalKey] = {}
        self.problems: list[Problem] = []

    def problem(self, where: str, sentence: str) -> None:
        self.problems.append(Problem(where, sentence))

    def read(self, source: object, where: str) -> None:
        if isinstance(source, tuple) and len(source) == 2:
            self._pair(source[0], source[1], where)
        elif isinstance(source, bytes):
            self._octets(source, where, True)
        elif isinstance(source, (str, Path)):
            self._path(source, where)
        elif isinstance(source, x509.Certificate):
            self._certificate(source, where)
        elif hasattr(source, "private_bytes"):
            self._key(source, where)
        else:
            raise ConfigurationError(
                "source",
                f"Keys come as paths, bytes, or pairs of private key and certificate, not {type(source).__name__}.",
            )

    def _path(self, source: str | Path, where: str) -> None:
        path = Path(source)
        try:
            named = not path.is_dir()
            # Hidden files are those of editors and of mounted secrets.
            files = [path] if named else sorted(p for p in path.iterdir() if p.name[0] != "." and p.is_file())
        except (OSError, ValueError) as error:
            raise unopened(source, where, error) from None
        for file in files:
            remark = named or file.suffix.lower() in _SUFFIXES
            try:
                octets = _contents(file)
            except (OSError, ValueError) as error:
                if named:
                    raise unopened(source, where, error) from None
                octets = None
            if octets is not None:
                self._octets(octets, str(file), remark)
            elif remark:
                sentence = f"This file cannot be opened, or is longer than {MAX_SOURCE_OCTETS} octets; it was left out."
                self.problem(str(file), sentence)

    def _octets(self, octets: bytes, where: str, remark: bool) -> None:
        """Read the contents of a file. `remark`: whether it is a problem if they are something else."""
        if octets.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{":
            found = self._key_store(octets, where)
        elif b"-----BEGIN " in octets:
            found = True
            self._pem(octets, where)
        elif _is_pkcs12(octets):
            found = True
            self._pkcs12(octets, where)
        else:
            found = self._der(octets, where)
        if not found and remark:
            self.problem(where, "This holds neither private key nor certificate that can be read; it was left out.")

    def _pem(self, octets: bytes, where: str) -> None:
        position = 0
        several = octets.count(b"-----BEGIN ") > 1
        for number in itertools.count(1):
            begin = _BEGIN.search(octets, position)
            if begin is None:
                line = octets[position:].rpartition(b"\n")[2]
                if line and (line.startswith(b"-----BEGIN ") or b"-----BEGIN ".startswith(line)):
                    self.problem(where, "A PEM block at the end of this is cut short; it was left out.")
                return
            place = f"{where}, block {number}" if several else where
            end = b"-----END " + begin[1] + b"-----"
            position = octets.find(end, begin.end()) + len(end)
            if position < len(end):
                self.problem(place, "This PEM block has no end; it was left out.")
                return
            block = octets[begin.start() : position]
            if begin[1].endswith(b"PRIVATE KEY"):
                if not self._private_key(block, place, where, load_pem):
                    self.problem(place, "This private key cannot be read; it was left out.")
            elif begin[1] == b"CERTIFICATE":
                try:
                    self._certificate(loaded(read_pem, block), place)
                except ValueError:
                    self.problem(place, "This certificate cannot be read; it was left out.")

    def _der(self, octets: bytes, where: str) -> bool:
        try:
            self._certificate(loaded(read_der, octets), where)
        except ValueError:
            return self._private_key(octets, where, where, load_der)
        return True

    def _private_key(self, octets: bytes, place: str, file: str, load: Callable[..., object]) -> bool:
        """Read a private key; False if it is none."""
        try:
            key = loaded(load, octets, None)
        except TypeError:
            key = self._with_password(octets, place, file, load)
        except ValueError:
            return False
        if key is not None:
            self._key(key, place)
        return True

    def _pkcs12(self, octets: bytes, where: str) -> None:
        bundle: Any
        try:
            bundle = loaded(pkcs12.load_pkcs12, octets, None)
        except (ValueError, TypeError):
            bundle = self._with_password(octets, where, where, pkcs12.load_pkcs12)
            if bundle is None:
                return
        if bundle.key is not None:
            self._key(bundle.key, where)
        for one in (bundle.cert, *bundle.additional_certs):
            if one is not None:
                self._certificate(one.certificate, where)

    def _with_password(self, octets: bytes, place: str, file: str, load: Callable[..., object]) -> object:
        """What is encrypted, loaded with the passphrase of the file; None once a problem has been reported."""
        password = self._ask(file)
        if password is not None:
            try:
                return loaded(load, octets, password)
            except (ValueError, TypeError):
                self.problem(place, f"The password does not open {place}, or it is damaged; it was left out.")
        return None

    def _ask(self, where: str) -> bytes | None:
        """The passphrase for a file; None once a problem has been reported."""
        where = self._file or where
        if where in self._asked:
            return self._asked[where]
        answer: object = None
        sentence = f"{where} is encrypted, and there is no password for it; it was left out."
        try:
            answer = None if self._password is None else self._password(where)
        except DuisignError as error:
            sentence = str(error)
        except Exception as error:  # noqa: BLE001 - the caller's function, whose text may hold the passphrase
            sentence = f"The password function raised {type(error).__name__} for {where}; it was left out."
        if isinstance(answer, bytes):
            self._asked[where] = answer
            return answer
        if answer is not None:
            sentence = f"The password function did not return bytes for {where}; it was left out."
        self.problem(where, sentence)
        return None

    def _key(self, key: object, where: str) -> None:
        if isinstance(key, Key) and isinstance(key.curve, ec.SECP256R1):
            self.keys.append((key, where))
        else:
            self.problem(where, "This private key is not on P-256 (secp256r1), as SMKI's are; it was left out.")

    def _certificate(self, certificate: x509.Certificate, where: str) -> None:
        try:
            self.certificates.append((OrganisationCertificate(certificate), where))
        except ConfigurationError:
            self.problem(where, "A part of this certificate cannot be read; it was left out.")

    def _pair(
        self, key: object, certificate: object, where: str, file: str | None = None, claim: object = None
    ) -> None:
        """Read a private key and the certificate given with it.

        `file`: the one that both stand in. `claim`: the certificate's EUI-64 and serial number as labelled there.
        """
        first, second = _Reader(self._password, file), _Reader(self._password, file)
        second.read(certificate, where)
        if is_external(key):
            self.problems += second.problems
            self.certificates += second.certificates
            self.external |= dict.fromkeys([one.fingerprint for one, _ in second.certificates], key)
            return
        first._asked = self._asked
        first.read(key, where)
        self.problems += first.problems + second.problems
        points = {_point(one.public_key()) for one, _ in first.keys}
        fitting = [pair for pair in second.certificates if points == {_point(pair[0].public_key)}]
        if not fitting:
            if not first.problems and not second.problems:
                self.problem(where, "This private key and certificate do not belong together; they were left out.")
            return
        found = fitting[0][0]
        label = (found.entity_id or "").replace("-", ""), str(found.serial_number)
        if claim not in (None, label):
            self.problem(where, "The certificate has another EUI-64 or serial number than its label; it was left out.")
            return
        self.keys.append(first.keys[0])
        self.certificates += fitting

    def _key_store(self, octets: bytes, where: str) -> bool:
        """The JSON layout of the DCC's test key store: EUI-64, key usage, serial number, entry."""
        store = json_object(octets)
        if store is None:
            return False
        found = False
        for entity, usages in store.items():
            for usage in _KEY_USAGES:
                serials = usages.get(usage) if isinstance(usages, dict) else None
                for serial, entry in serials.items() if isinstance(serials, dict) else ():
                    found = True
                    labelled = _ENTITY.fullmatch(entity) and _SERIAL.fullmatch(serial)
                    place = f"{where}, {entity} {usage} {serial}" if labelled else f"{where}, an entry without label"
                    texts = [entry.get(name) if isinstance(entry, dict) else None for name in _KEY_STORE_TEXTS]
                    if labelled and all(isinstance(text, str) for text in texts):
                        key, certificate = (str(text).encode(errors="replace") for text in texts)
                        self._pair(key, certificate, place, where, (entity.upper(), serial))
                    else:
                        self.problem(place, "This entry lacks its private key, certificate or label; it was left out.")
        return found


def _is_pkcs12(octets: bytes) -> bool:
    """Whether DER or BER begins as a PFX does: a SEQUENCE whose first element is the INTEGER 3 (RFC 7292 section 4)."""
    if len(octets) < 2 or octets[0] != 0x30:
        return False
    start = 2 + (octets[1] & 0x7F if octets[1] & 0x80 else 0)
    return octets[start : start + 3] == b"\x02\x01\x03"
