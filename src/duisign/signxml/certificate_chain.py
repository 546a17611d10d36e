"""Certificates: those that a signer shows, and the path from a message's certificates to a CA of the caller's."""

from __future__ import annotations

import dataclasses
import functools
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from duisign.limits import MAX_KEY_HINTS
from duisign.organisation_certificate import is_unreadable
from duisign.signxml.exceptions import InvalidCertificate, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.x509.verification import ExtensionPolicy

__all__ = [
    "Authorities",
    "ShownCertificate",
    "certificate_of",
    "chain_of",
    "check_validity",
    "key_of",
    "moment_of",
    "shown_certificates",
]

_PEM = re.compile("-----BEGIN CERTIFICATE-----\r?\n(.+?)-----END CERTIFICATE-----", re.DOTALL)

_Found = TypeVar("_Found")

_KEPT = 256
"""Certificates of callers that are kept as they were read: signxml's interface is given them each time."""
_KEPT_CHARACTERS = 8192
"""Characters of the longest text that is."""


@dataclass(frozen=True)
class ShownCertificate:
    """A certificate that a Signature shows: the text of its X509Certificate element, and what that is.

    `source`: the object if one was given, else the text, as signxml's annotators get it. `key_infos`: what annotators
    have written of it, which is kept as long as it is.
    """

    text: str
    certificate: x509.Certificate
    source: str | x509.Certificate
    key_infos: dict[object, bytes] = dataclasses.field(repr=False, compare=False)


def shown_certificates(cert: object) -> list[ShownCertificate] | None:
    """The option `cert` of `sign`; raises InvalidInput."""
    if cert is None:
        return None
    if isinstance(cert, (str, bytes)):
        return list(_of_caller(_shown_in_pem, _text_of(cert)))
    try:
        given = list(cert)  # type: ignore[call-overload]
    except TypeError:
        raise InvalidInput(
            "certificate-malformed",
            f"cert is PEM or a list of certificates, not {type(cert).__name__}: put it in a list.",
        ) from None
    if not given:
        raise InvalidInput("certificate-malformed", "No certificates found in cert: leave it out, or pass one.")
    return [_shown(one) for one in given]


def certificate_of(source: object) -> x509.Certificate:
    """A caller's certificate, an object, PEM or the text of an X509Certificate element; raises InvalidInput."""
    return _shown(source).certificate


def _shown(source: object) -> ShownCertificate:
    """A caller's certificate."""
    if type(source) is not x509.Certificate:
        return _of_caller(_read, _text_of(source))
    found: ShownCertificate = _kept(_read_object, source)
    # Another object may be equal to the one that was read.
    return found if found.source is source else dataclasses.replace(found, source=source)


def _of_caller(read: Callable[[str], _Found], text: str) -> _Found:
    """`read(text)`, kept for the next time if it is short and no secret."""
    # A file may hold a certificate and its key.
    may_be_kept = type(text) is str and len(text) <= _KEPT_CHARACTERS and "PRIVATE KEY" not in text
    found: _Found = _kept(read, text) if may_be_kept else read(text)
    return found


@functools.lru_cache(maxsize=_KEPT)
def _kept(read: Callable[[Any], Any], source: str | x509.Certificate) -> Any:
    return read(source)


def _read_object(certificate: x509.Certificate) -> ShownCertificate:
    return dataclasses.replace(_read(_text_of(certificate)), source=certificate)


def _shown_in_pem(text: str) -> tuple[ShownCertificate, ...]:
    bodies = _PEM.findall(text)
    if not bodies:
        raise InvalidInput(
            "certificate-malformed",
            "No PEM-encoded certificates found in cert: pass PEM, or a list of certificates.",
        )
    return tuple(_read(body) for body in bodies)


def _read(text: str) -> ShownCertificate:
    found = _PEM.search(text)
    body = (found[1] if found else text).replace("\r", "")
    return ShownCertificate(body, _loaded(body), body, {})


def chain_of(sources: Sequence[object]) -> list[x509.Certificate]:
    """Certificates that a message or a resolver gives; raises InvalidCertificate."""
    if len(sources) > MAX_KEY_HINTS:
        raise InvalidCertificate(
            "certificate-chain", f"There are more than {MAX_KEY_HINTS} certificates: refuse the message."
        )
    try:
        return [_read(_text_of(source)).certificate for source in sources]
    except InvalidInput as error:
        raise InvalidCertificate(error.code, str(error)) from None


def _text_of(source: object) -> str:
    """What a certificate is read from; raises InvalidInput."""
    if isinstance(source, str):
        return source
    if isinstance(source, bytes):
        return source.decode("latin-1")
    if isinstance(source, x509.Certificate):
        return source.public_bytes(Encoding.PEM).decode()
    raise InvalidInput(
        "certificate-malformed",
        f"A certificate is PEM or an x509.Certificate, not {type(source).__name__}: convert it (pyOpenSSL's has "
        "to_cryptography()).",
    )


def _loaded(body: str) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(b64decode("".join(body.split()), validate=True))
        # Read here what would otherwise fail where it is used.
        _ = certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return certificate
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise InvalidInput(
            "certificate-malformed", "Invalid X.509 certificate: pass PEM, or the base64 of its DER form."
        ) from None


def key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The certificate's key; raises InvalidCertificate if it is not on P-256 or not for signatures."""
    try:
        public_key = certificate.public_key()
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise InvalidCertificate("certificate-malformed", "The certificate's key cannot be read: refuse it.") from None
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise InvalidCertificate("certificate-curve", "The certificate holds no P-256 key: refuse it.")
    if usage is not None and not usage.digital_signature:
        raise InvalidCertificate(
            "certificate-key-usage", "The certificate KeyUsage does not allow digitalSignature: refuse it."
        )
    return public_key


def check_validity(certificate: x509.Certificate, moment: datetime, source: str) -> None:
    """Raise InvalidCertificate unless the certificate is valid at that moment; `source`: where it comes from."""
    remedy = "Use SignatureConfiguration(verification_time=...) to verify as of another time."
    if moment < certificate.not_valid_before_utc:
        raise InvalidCertificate(
            "certificate-not-yet-valid", f"{source}: certificate is not yet valid at {moment.isoformat()}. {remedy}"
        )
    if moment > certificate.not_valid_after_utc:
        raise InvalidCertificate(
            "certificate-expired", f"{source}: certificate has expired at {moment.isoformat()}. {remedy}"
        )


class Authorities:
    """The CAs of a PEM file, and how the paths to them are validated (RFC 5280, by cryptography).

    `ee_policy`: by default keyUsage with digitalSignature must be there, and nothing else is asked. `ca_policy`: by
    default cryptography's for CAs of the web. Raises InvalidInput.
    """

    def __init__(
        self, ca_pem_file: object, ee_policy: ExtensionPolicy | None, ca_policy: ExtensionPolicy | None
    ) -> None:
        for name, policy in (("ee_policy", ee_policy), ("ca_policy", ca_policy)):
            if policy is not None and not isinstance(policy, x509.verification.ExtensionPolicy):
                raise InvalidInput("option", f"{name} must be an x509.verification.ExtensionPolicy: pass one, or none.")
        certificates = _authorities(ca_pem_file)
        self._builder = (
            x509.verification.PolicyBuilder()
            .store(x509.verification.Store(certificates))
            .extension_policies(
                ee_policy=_signing_policy() if ee_policy is None else ee_policy,
                ca_policy=x509.verification.ExtensionPolicy.webpki_defaults_ca() if ca_policy is None else ca_policy,
            )
        )
        try:
            self._builder.build_client_verifier()
        except ValueError:
            raise InvalidInput(
                "option", "ee_policy or ca_policy leaves out what cryptography wants of every path: mend it."
            ) from None

    def signing_certificate(self, chain: list[x509.Certificate], moment: datetime, source: str) -> x509.Certificate:
        """The end of the path that the certificates make, in whichever direction; raises InvalidCertificate."""
        reason = "no path"
        for ordered in (chain, chain[::-1]):
            try:
                verifier = self._builder.time(moment).build_client_verifier()
                return verifier.verify(ordered[0], ordered[1:]).chain[0]
            except Exception as error:
                if not is_unreadable(error):
                    raise
                # What follows quotes the certificate.
                reason = str(error).partition(" (encountered processing")[0]
        if "valid at validation time" in reason:
            for index, certificate in enumerate(chain):
                check_validity(certificate, moment, f"{source} certificate at index {index}")
        raise InvalidCertificate(
            "certificate-path", f"No path from {source} to a CA of ca_pem_file is valid: {reason}."
        )


def _authorities(ca_pem_file: object) -> list[x509.Certificate]:
    if not isinstance(ca_pem_file, (str, bytes, Path)):
        raise InvalidInput("source", "ca_pem_file is the name of a PEM file: pass its path.")
    name = ca_pem_file.decode("utf-8", "surrogateescape") if isinstance(ca_pem_file, bytes) else ca_pem_file
    try:
        return x509.load_pem_x509_certificates(Path(name).read_bytes())
    except OSError:
        reason = "cannot be opened"
    except Exception as error:
        if not is_unreadable(error):
            raise
        reason = "holds no PEM certificates that can be read"
    raise InvalidInput("source", f"The file of ca_pem_file {reason}: pass the certificates of the CAs that you trust.")


def _require_digital_signature(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature:
        raise ValueError("certificate KeyUsage does not allow digitalSignature")


def _signing_policy() -> ExtensionPolicy:
    return x509.verification.ExtensionPolicy.permit_all().require_present(
        x509.KeyUsage, x509.verification.Criticality.AGNOSTIC, _require_digital_signature
    )


def moment_of(verification_time: datetime | None) -> datetime:
    """The time to judge as of: aware; a naive one is UTC, None is now. Raises InvalidInput."""
    if verification_time is None:
        return datetime.now(tz=UTC)
    if not isinstance(verification_time, datetime):
        raise InvalidInput("clock", "verification_time must be a datetime: pass one, or none for now.")
    if verification_time.tzinfo is None:
        return verification_time.replace(tzinfo=UTC)
    return verification_time.astimezone(UTC)
