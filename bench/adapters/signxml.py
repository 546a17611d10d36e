"""signxml, in two forms: as its documentation calls it, and as fast as it can be used; and duisign's drop-in for it.

It signs in its own profile, having no other, and verifies the DUIS profile when told to. Its signer takes an element
and gives one, so parsing and writing belong to the job, as for its users.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from types import ModuleType

import signxml
from cryptography import x509
from lxml import etree

import duisign.signxml
from adapters.key_info import key_info
from duisign.testing import Identity
from task import Call, Task, UnsupportedError

SIGNXML = "signxml"
SIGNXML_PREPARED = "signxml, prepared"
DROP_IN = "duisign.signxml"


class Signxml:
    """The certificate is passed as PEM text, as all of its documentation does, and read on every call.

    The key is an object, made once; its README passes that as PEM too, which takes longer still.
    """

    name = SIGNXML
    version = version("signxml")

    def signing(self, task: Task) -> Call:
        certificate = task.identity.certificate_pem().decode()
        return _signing(signxml, task, {"cert": certificate})

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return _verifying(identity.certificate_pem().decode(), signed)

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("it leaves that to lxml")


class PreparedSignxml:
    """Certificate and KeyInfo are objects, made once: its fastest form, which its documentation does not show."""

    name = SIGNXML_PREPARED
    version = version("signxml")

    def signing(self, task: Task) -> Call:
        return _signing(signxml, task, {"key_info": etree.fromstring(key_info(task.identity, declare=True))})

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return _verifying(identity.certificate, signed)

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("it leaves that to lxml")


class DropIn:
    """duisign's, called as signxml's documentation calls it."""

    name = DROP_IN
    version = version("duisign")

    def signing(self, task: Task) -> Call:
        certificate = task.identity.certificate_pem().decode()
        return _signing(duisign.signxml, task, {"cert": certificate})

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return partial(duisign.signxml.XMLVerifier().verify, signed, x509_cert=identity.certificate_pem().decode())

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("as signxml, it leaves that to lxml")


def _signing(library: ModuleType, task: Task, names_signer: dict[str, object]) -> Call:
    signer = library.XMLSigner(
        signature_algorithm=library.SignatureMethod.ECDSA_SHA256,
        digest_algorithm=library.DigestAlgorithm.SHA256,
        c14n_algorithm=library.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    key, document, parser = task.identity.private_key, task.bare_to_sign(), _parser()

    def call() -> bytes:
        return etree.tostring(signer.sign(etree.fromstring(document, parser), key=key, **names_signer))

    return call


def _verifying(certificate: str | x509.Certificate, signed: bytes) -> Call:
    config = signxml.SignatureConfiguration(
        location="./",
        signature_methods=frozenset({signxml.SignatureMethod.ECDSA_SHA256}),
        digest_algorithms=frozenset({signxml.DigestAlgorithm.SHA256}),
        default_reference_c14n_method=signxml.CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    verify = signxml.XMLVerifier().verify
    return partial(verify, signed, x509_cert=certificate, expect_config=config, parser=_parser())


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
