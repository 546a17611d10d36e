"""This project: profile DUIS, and the drop-in for signxml, used as signxml is."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from lxml import etree

import duisign
from duisign import signxml
from duisign.testing import Identity
from task import Call, Task, UnsupportedError

OURS = "duisign"
DROP_IN = "duisign.signxml"


class Duisign:
    """This project, with the lane that it chooses."""

    name = OURS
    version = version("duisign")

    def signing(self, task: Task) -> Call:
        return partial(task.signer().sign, task.document)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        trust = duisign.PinnedCertificates([identity.certificate])
        return partial(duisign.Verifier(trust).verify, signed)

    def canonicalizing(self, document: bytes) -> Call:
        return partial(duisign.canonicalize, document)


class DropIn:
    """The drop-in for signxml, called as "signxml" is: with the certificate as PEM text, each time."""

    name = DROP_IN
    version = version("duisign")

    def signing(self, task: Task) -> Call:
        signer = signxml.XMLSigner(
            signature_algorithm=signxml.SignatureMethod.ECDSA_SHA256,
            digest_algorithm=signxml.DigestAlgorithm.SHA256,
            c14n_algorithm=signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        key, certificate = task.identity.private_key, task.identity.certificate_pem().decode()
        document, parser = task.bare_to_sign(), etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)

        def call() -> bytes:
            return etree.tostring(signer.sign(etree.fromstring(document, parser), key=key, cert=certificate))

        return call

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        return partial(signxml.XMLVerifier().verify, signed, x509_cert=identity.certificate_pem().decode())

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("as signxml, it leaves that to lxml")
