"""python-xmlsec: libxmlsec1 over lxml's trees. Run in a process of its own, see `adapters.remote`."""

from __future__ import annotations

from importlib.metadata import version

import xmlsec
from lxml import etree

from adapters.key_info import empty_signature
from duisign.testing import Identity
from task import Call, Task, UnsupportedError

_DS = "{http://www.w3.org/2000/09/xmldsig#}"


class PythonXmlsec:
    """It fills in a Signature without values, which is parsed with the document."""

    name = "python-xmlsec"
    version = version("xmlsec")

    def signing(self, task: Task) -> Call:
        key = xmlsec.Key.from_memory(task.identity.private_key_pem(), xmlsec.constants.KeyDataFormatPem)
        document, signature_and_end = task.bare_to_sign(), empty_signature(task.identity).encode() + b"</"
        parser = _parser()

        def call() -> bytes:
            start, _, end = document.rpartition(b"</")
            root = etree.fromstring(start + signature_and_end + end, parser)
            context = xmlsec.SignatureContext()
            context.key = key
            context.sign(root[-1])
            return etree.tostring(root.getroottree(), encoding="UTF-8")

        return call

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        key = xmlsec.Key.from_memory(identity.certificate_pem(), xmlsec.constants.KeyDataFormatCertPem)
        parser = _parser()

        def call() -> None:
            root = etree.fromstring(signed, parser)
            context = xmlsec.SignatureContext()
            context.key = key
            context.verify(root.find(f"{_DS}Signature"))

        return call

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("it does not canonicalize for its caller")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
