"""The competitors: one adapter each, all behind `Competitor`.

Every adapter does the same two jobs, bytes to bytes and bytes to verdict, as well as its library can, with
all that can be prepared outside of the timed call. A result that is not right is no result: `wrong_signing`
and `wrong_verifying` say what is wrong with one, and its cell stays empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from typing import Protocol

import pybergshamra
import signxml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

import duisign
from duisign.testing import Identity, Smki
from reference import WrongResultError, check_ecdsa, check_signed

Call = Callable[[], object]

LIMIT = "ECDSA alone"
OURS = "duisign"
SIGNXML = "signxml"

_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_DIGEST = sha256(b"a digest of 32 octets").digest()
_DS = "http://www.w3.org/2000/09/xmldsig#"


@dataclasses.dataclass(frozen=True)
class Task:
    """What there is to sign or to verify, and who signs.

    `document`: not signed, compact UTF-8. `signed`: the same in the DUIS profile. `tampered`: `signed` with
    one octet of its content changed. `forged`: `document`, signed by somebody who names the signer's
    certificate.
    """

    identity: Identity
    document: bytes
    signed: bytes
    tampered: bytes
    forged: bytes

    @classmethod
    def of(cls, smki: Smki, document: bytes) -> Task:
        """The task of `smki.user` with a document."""
        user, stranger = smki.user, smki.dcc.private_key
        forger = smki.issue(
            entity_id=str(user.entity_id),
            role=0x87,
            private_key=stranger,
            serial_number=user.certificate.serial_number,
        )
        signed = duisign.Signer(user.private_key, user.certificate).sign(document)
        check_signed(signed, document, user.private_key.public_key())
        tampered = signed.replace(b"<sr:CommandVariant>1<", b"<sr:CommandVariant>2<")
        assert tampered != signed
        forged = duisign.Signer(stranger, forger.certificate).sign(document)
        check_signed(forged, document, stranger.public_key())
        return cls(user, document, signed, tampered, forged)


class Competitor(Protocol):
    """One implementation. Both functions prepare a call; the call is what gets timed."""

    name: str
    version: str

    def signing(self, task: Task) -> Call:
        """A call that gives `task.document` as signed bytes."""
        ...

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        """A call that raises unless `signed` is signed by `identity`."""
        ...


class EcdsaAlone:
    """The limit: what OpenSSL needs, through cryptography, for a digest that exists already."""

    name = LIMIT
    version = version("cryptography")

    def signing(self, task: Task) -> Call:
        return partial(task.identity.private_key.sign, _DIGEST, _PREHASHED)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        der = identity.private_key.sign(_DIGEST, _PREHASHED)
        return partial(identity.private_key.public_key().verify, der, _DIGEST, _PREHASHED)


class Duisign:
    """This project, DUIS profile."""

    name = OURS
    version = version("duisign")

    def signing(self, task: Task) -> Call:
        signer = duisign.Signer(task.identity.private_key, task.identity.certificate)
        return partial(signer.sign, task.document)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        trust = duisign.PinnedCertificates([identity.certificate])
        return partial(duisign.Verifier(trust).verify, signed)


class Signxml:
    """signxml: it signs in its own profile, having no other, and verifies the DUIS profile when told to.

    Its signer takes an element and gives one, so parsing and writing belong to the job, as for its users. Signer,
    key, certificate and KeyInfo are made once, which is the fastest that it can be used: its README reads them from
    PEM on every call, and takes twice the time.
    """

    name = SIGNXML
    version = version("signxml")

    def signing(self, task: Task) -> Call:
        signer = signxml.XMLSigner(
            signature_algorithm=signxml.SignatureMethod.ECDSA_SHA256,
            digest_algorithm=signxml.DigestAlgorithm.SHA256,
            c14n_algorithm=signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        key, key_info = task.identity.private_key, etree.fromstring(_key_info(task.identity, declare=True))
        document = task.document

        def call() -> bytes:
            return etree.tostring(signer.sign(etree.fromstring(document, parser), key=key, key_info=key_info))

        return call

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        config = signxml.SignatureConfiguration(
            location="./",
            signature_methods=frozenset({signxml.SignatureMethod.ECDSA_SHA256}),
            digest_algorithms=frozenset({signxml.DigestAlgorithm.SHA256}),
            default_reference_c14n_method=signxml.CanonicalizationMethod.CANONICAL_XML_1_0,
        )
        return partial(signxml.XMLVerifier().verify, signed, x509_cert=identity.certificate, expect_config=config)


class Pybergshamra:
    """pybergshamra: it fills in a Signature without values, which the caller puts into the document."""

    name = "pybergshamra"
    version = version("pybergshamra")

    def signing(self, task: Task) -> Call:
        key = pybergshamra.load_pem_auto(task.identity.private_key_pem())
        context, document = _context(key), task.document
        empty = (
            f'<ds:Signature xmlns:ds="{_DS}"><ds:SignedInfo>'
            '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
            '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
            '<ds:Reference URI=""><ds:Transforms>'
            f'<ds:Transform Algorithm="{_DS}enveloped-signature"/></ds:Transforms>'
            '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>'
            "</ds:Reference></ds:SignedInfo><ds:SignatureValue/>"
            f"{_key_info(task.identity, declare=False)}</ds:Signature></"
        )

        def call() -> bytes:
            start, _, end = document.decode().rpartition("</")
            return pybergshamra.sign(context, start + empty + end).encode()

        return call

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        context = _context(pybergshamra.load_x509_cert_pem(identity.certificate_pem()))

        def call() -> None:
            result = pybergshamra.verify(context, signed.decode())
            if not result.is_valid or not result.all_reference_digests_verified:
                raise WrongResultError("not valid")

        return call


def _context(key: pybergshamra.Key) -> pybergshamra.DsigContext:
    manager = pybergshamra.KeysManager()
    manager.add_key(key)
    return pybergshamra.DsigContext(manager, trusted_keys_only=True)


def _key_info(identity: Identity, *, declare: bool) -> str:
    issuer, serial = identity.certificate.issuer.rfc4514_string(), identity.certificate.serial_number
    declaration = f' xmlns:ds="{_DS}"' if declare else ""
    return (
        f"<ds:KeyInfo{declaration}><ds:X509Data><ds:X509IssuerSerial>"
        f"<ds:X509IssuerName>{issuer}</ds:X509IssuerName><ds:X509SerialNumber>{serial}</ds:X509SerialNumber>"
        "</ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>"
    )


COMPETITORS: tuple[Competitor, ...] = (EcdsaAlone(), Duisign(), Signxml(), Pybergshamra())


def wrong_signing(competitor: Competitor, task: Task) -> str | None:
    """What is wrong with the competitor's signatures; None if the judge and duisign's Verifier accept one."""
    key = task.identity.private_key.public_key()
    try:
        signed = competitor.signing(task)()
        if not isinstance(signed, bytes):
            return "its result is not bytes"
        if competitor.name == LIMIT:
            check_ecdsa(signed, _DIGEST, key)
        else:
            check_signed(signed, task.document, key)
            duisign.Verifier(duisign.PinnedCertificates([task.identity.certificate])).verify(signed)
    except Exception as error:  # noqa: BLE001 - a competitor may fail in any way, and only loses its cell
        return str(error) or type(error).__name__
    return None


def wrong_verifying(competitor: Competitor, task: Task) -> str | None:
    """What is wrong with the competitor's verdicts; None if it accepts what is right, and only that."""
    try:
        competitor.verifying(task.identity, task.signed)()
    except Exception as error:  # noqa: BLE001 - as above
        return f"it refuses a good signature: {str(error) or type(error).__name__}"
    if competitor.name == LIMIT:
        return None
    for name, document in (("tampered", task.tampered), ("forged", task.forged)):
        try:
            competitor.verifying(task.identity, document)()
        except Exception:  # noqa: BLE001 - as above
            continue
        return f"it accepts a {name} document"
    return None
