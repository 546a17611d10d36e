"""XMLVerifier: signxml's verifier for enveloped ECDSA signatures on P-256, by duisign's strict rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cryptography.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from duisign.errors import DuisignError
from duisign.signxml.algorithms import option_error
from duisign.signxml.certificate_chain import (
    Authorities,
    certificate_of,
    chain_of,
    check_validity,
    key_of,
    moment_of,
)
from duisign.signxml.configuration import SignatureConfiguration, checked
from duisign.signxml.document import ID_ATTRIBUTES, canonical_tree, own_tree, referenced_by
from duisign.signxml.exceptions import InvalidCertificate, InvalidDigest, InvalidInput, InvalidSignature, invalid_input
from duisign.signxml.hook import Hookless
from duisign.signxml.signature import Signature, read_signature

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509.verification import ExtensionPolicy
    from lxml.etree import _Element

    from duisign.signxml.signature import KeyInfo

__all__ = ["VerifyResult", "XMLVerifier"]

_ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_DEFAULT = SignatureConfiguration()


@dataclass(frozen=True)
class VerifyResult:
    """What was signed.

    `signed_data`: the canonical octets that were digested, without the Signature. `signed_xml`: the root of a tree
    parsed from them. `signature_xml`: the Signature as a document of its own. `signature_key`: the signer's public
    key, PEM.
    """

    signed_data: bytes = dataclasses.field(repr=False)
    signed_xml: _Element | None = dataclasses.field(repr=False)
    signature_xml: _Element = dataclasses.field(repr=False)
    signature_key: bytes


@dataclass(frozen=True)
class _Trust:
    """Who may sign, as the arguments of one call say."""

    pinned: x509.Certificate | None
    subject_name: str | None
    resolver: Callable[..., Any] | None
    authorities: Authorities | None
    moment: datetime
    required: bool

    def signing_certificate(self, key_info: KeyInfo) -> x509.Certificate | None:
        """The certificate whose key must have signed, None if there need be none.

        Raises InvalidInput, InvalidCertificate.
        """
        if not self.required and not key_info.x509:
            return None
        if self.pinned is not None:
            certificate, source = self.pinned, "provided x509_cert"
        else:
            chain, source = self._chain(key_info)
            if self.authorities is None:
                raise InvalidInput(
                    "trust",
                    "Nothing says whom to trust, and the CAs of the web are no default: pass x509_cert or ca_pem_file.",
                )
            certificate = self.authorities.signing_certificate(chain, self.moment, source)
        check_validity(certificate, self.moment, source)
        if self.subject_name is not None:
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            if [name.value for name in names] != [self.subject_name]:
                raise InvalidCertificate("certificate-subject", "Certificate subject common name mismatch: refuse it.")
        return certificate

    def _chain(self, key_info: KeyInfo) -> tuple[list[x509.Certificate], str]:
        """The certificates that are said to lead to the signer's, and where they come from."""
        if not key_info.x509:
            raise InvalidInput(
                "key-info-content",
                "Expected a X.509 certificate based signature: there is no X509Data.",
                check="key-info",
            )
        if key_info.certificates:
            return chain_of(key_info.certificates), "X509Data/X509Certificate"
        if self.resolver is None or not any(key_info.names):
            raise InvalidInput(
                "key-info-content",
                "Expected to find an X509Certificate element in the signature, or X509IssuerSerial or X509Digest and a "
                "cert_resolver: pass x509_cert or cert_resolver.",
                check="key-info",
            )
        issuer, serial, digest = key_info.names
        found = self.resolver(x509_issuer_name=issuer, x509_serial_number=serial, x509_digest=digest)
        if isinstance(found, (str, bytes)) or not hasattr(found, "__iter__"):
            raise InvalidInput("option", "cert_resolver must return a list of certificates: put the one in a list.")
        sources = list(found)
        if not sources:
            raise InvalidCertificate("unknown-signer", "No certificate found for given X509 data: refuse the message.")
        return chain_of(sources), "cert_resolver result"


class XMLVerifier(Hookless):
    """Verifies documents; holds nothing, shared by threads."""

    __slots__ = ()

    def verify(
        self,
        data: object,
        *,
        x509_cert: str | bytes | x509.Certificate | None = None,
        cert_subject_name: str | None = None,
        cert_resolver: Callable[..., Any] | None = None,
        ca_pem_file: str | bytes | None = None,
        hmac_key: bytes | None = None,
        validate_schema: bool = True,
        parser: object = None,
        uri_resolver: Callable[..., Any] | None = None,
        id_attribute: str | None = None,
        expect_config: SignatureConfiguration = _DEFAULT,
        ee_policy: ExtensionPolicy | None = None,
        ca_policy: ExtensionPolicy | None = None,
        **deprecated_kwargs: Any,
    ) -> VerifyResult | list[VerifyResult]:
        """What was signed, or an exception.

        `data`: bytes, text, an lxml element or tree, or an element of the standard library. Trust is one of
        `x509_cert`, the signer's own certificate, and `ca_pem_file`, the file of CAs to which the certificates in the
        message lead, or those that `cert_resolver` gives for its X509IssuerSerial and X509Digest; each of these, and
        `cert_subject_name`, implies that a certificate is required. `ee_policy`, `ca_policy`: of cryptography, for the
        path. `id_attribute`: the name of the root's attribute that the Reference means. `deprecated_kwargs`: fields of
        `expect_config`.

        Raises InvalidInput (an option, or data that is not read here), InvalidSignature, InvalidDigest,
        InvalidCertificate, and what a resolver of the caller's raises.
        """
        _refuse_unsupported(hmac_key, validate_schema, parser, uri_resolver)
        config = checked(_merged(expect_config, deprecated_kwargs))
        trust = _trust(config, x509_cert, cert_subject_name, cert_resolver, ca_pem_file, ee_policy, ca_policy)
        signature = read_signature(data)
        if signature.uri:
            names = ID_ATTRIBUTES if id_attribute is None else (id_attribute,)
            if referenced_by(signature.root, signature.uri[1:], names) is not signature.root:
                raise InvalidInput(
                    "reference-uri", "The Reference means less than the document: refuse it.", check="signature"
                )
        key = _checked_key(signature, trust, config)
        result = _signed(signature, key)
        if type(config.expect_references) is int:
            if config.expect_references != 1:
                raise InvalidSignature(
                    "reference-count",
                    f"Expected to find {config.expect_references} references, but found 1.",
                    check="signature",
                )
            return result
        return [result]


def _refuse_unsupported(hmac_key: object, validate_schema: object, parser: object, uri_resolver: object) -> None:
    if hmac_key is not None:
        raise option_error("hmac_key", "verify ECDSA_SHA256 signatures with x509_cert or ca_pem_file")
    if validate_schema is not True:
        raise option_error("validate_schema=False", "leave it out, a Signature is always read by strict rules")
    if parser is not None:
        raise option_error("parser", "leave it out, or pass the tree that your parser made")
    if uri_resolver is not None:
        raise option_error("uri_resolver", "leave it out, only the document itself is verified")


def _merged(config: SignatureConfiguration, changes: dict[str, Any]) -> SignatureConfiguration:
    if not changes:
        return config
    unknown = set(changes) - {field.name for field in dataclasses.fields(SignatureConfiguration)}
    if unknown or not isinstance(config, SignatureConfiguration):
        raise InvalidInput("option", "verify() has no such argument: pass fields of SignatureConfiguration alone.")
    return dataclasses.replace(config, **changes)


def _trust(
    config: SignatureConfiguration,
    x509_cert: object,
    cert_subject_name: str | None,
    cert_resolver: Callable[..., Any] | None,
    ca_pem_file: object,
    ee_policy: ExtensionPolicy | None,
    ca_policy: ExtensionPolicy | None,
) -> _Trust:
    """The arguments that say who may sign; raises InvalidInput."""
    path = (cert_resolver, ca_pem_file, ee_policy, ca_policy)
    if x509_cert is not None and any(argument is not None for argument in path):
        raise option_error(
            "x509_cert with cert_resolver, ca_pem_file, ee_policy or ca_policy",
            "pass x509_cert to pin the signer's certificate, or the others to validate the path of the message's",
        )
    if ca_pem_file is None and any(argument is not None for argument in path):
        raise InvalidInput(
            "trust", "cert_resolver, ee_policy and ca_policy need ca_pem_file, the CAs to which paths lead: pass it."
        )
    moment = moment_of(config.verification_time)
    implied = any(argument is not None for argument in (x509_cert, cert_subject_name, *path))
    return _Trust(
        None if x509_cert is None else certificate_of(x509_cert),
        cert_subject_name,
        cert_resolver,
        None if ca_pem_file is None else Authorities(ca_pem_file, ee_policy, ca_policy),
        moment,
        bool(config.require_x509) or implied,
    )


def _checked_key(signature: Signature, trust: _Trust, config: SignatureConfiguration) -> ec.EllipticCurvePublicKey:
    """The trusted key that made the SignatureValue; raises InvalidInput, InvalidSignature, InvalidCertificate."""
    stated = signature.key_info.keys
    certificate = trust.signing_certificate(signature.key_info)
    if certificate is not None:
        key = key_of(certificate)
    elif len(stated) == 1:
        (key,) = stated.values()
    else:
        raise InvalidInput(
            "key-info-content",
            "Expected to find either KeyValue or X509Data XML element in KeyInfo: pass x509_cert.",
            check="key-info",
        )
    try:
        key.verify(signature.der_signature, signature.signed_info_digest, _ECDSA)
    except cryptography.exceptions.InvalidSignature:
        raise InvalidSignature(
            "signature-mismatch", "Signature verification failed: the SignatureValue was not made by the signer's key."
        ) from None
    if not config.ignore_ambiguous_key_info:
        for name, other in stated.items():
            if other != key:
                raise InvalidInput(
                    "key-info-conflict",
                    f"Both X509Data and {name} found and they represent different public keys: refuse the message, or "
                    "set ignore_ambiguous_key_info.",
                    check="key-info",
                )
    return key


def _signed(signature: Signature, key: ec.EllipticCurvePublicKey) -> VerifyResult:
    """The result, if the digest is right; raises InvalidDigest, InvalidInput."""
    signature_xml = own_tree(signature.element)[0]
    octets = signature.signed_octets()
    if not signature.digest_holds(octets):
        raise InvalidDigest(
            "digest-mismatch", "Digest mismatch for reference 0: the document is not the one that was signed."
        )
    try:
        signed_xml = canonical_tree(octets)
    except DuisignError as error:
        raise invalid_input(error) from None
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return VerifyResult(octets, signed_xml, signature_xml, pem)
