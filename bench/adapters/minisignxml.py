"""minisignxml: made for SAML. It signs with RSA keys alone, an element that an attribute identifies.

The calls are those that its README shows, so that the cell fills itself should it learn more.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version

from lxml import etree

from duisign.testing import Identity
from task import Call, Task, UnsupportedError

with warnings.catch_warnings():
    # It imports defusedxml.lxml, which is deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from minisignxml.errors import ElementNotFound
    from minisignxml.sign import sign
    from minisignxml.verify import extract_verified_element

_IDENTIFIER = "schemaVersion"
"""The only attribute that the root of a request has; the schema allows no other."""


class Minisignxml:
    """Parsing belongs to the job, since it takes an element."""

    name = "minisignxml"
    version = version("minisignxml")

    def signing(self, task: Task) -> Call:
        document, identity = task.bare_to_sign(), task.identity

        def call() -> bytes:
            root = etree.fromstring(document)
            try:
                return sign(
                    element=root,
                    private_key=identity.private_key,
                    certificate=identity.certificate,
                    index=len(root),
                    attribute=_IDENTIFIER,
                )
            except TypeError as error:
                raise UnsupportedError(f"it signs with RSA keys alone ({error})") from error

        return call

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        def call() -> etree._Element:
            try:
                return extract_verified_element(xml=signed, certificate=identity.certificate, attribute=_IDENTIFIER)
            except ElementNotFound as error:
                raise UnsupportedError(f"it verifies no Signature without {error.args[0]}") from error

        return call

    def canonicalizing(self, document: bytes) -> Call:
        raise UnsupportedError("it leaves that to lxml")
