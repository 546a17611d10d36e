"""What there is to do, and what a competitor is: everything that adapters and measurements share."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import duisign
from duisign.testing import Identity, Smki
from reference import check_signed, without_blank_text

Call = Callable[[], object]
"""What gets timed. One that has a method ``sample(loops)``, which gives seconds per call, times itself."""

_PLACEHOLDER = re.compile(rb"<ds:Signature[ >].*</ds:Signature>", re.DOTALL)


class UnsupportedError(Exception):
    """A competitor cannot do this, or is not there; the sentence says why, and stands beside its empty cell."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What there is to sign, to verify or to canonicalize, and who signs.

    `document`: UTF-8; it may end in a placeholder Signature, which is to be replaced. `strip`: white space between
    elements is to be dropped before signing. `signed`: the result, in the DUIS profile. `tampered`: `signed` with one
    octet of its content changed. `forged`: `document`, signed by somebody who names the signer's certificate.
    """

    identity: Identity
    document: bytes
    strip: bool = False
    signed: bytes = b""
    tampered: bytes = b""
    forged: bytes = b""

    @classmethod
    def of(cls, smki: Smki, document: bytes, *, strip: bool = False) -> Task:
        """The task of `smki.user` with a document."""
        user, stranger = smki.user, smki.dcc.private_key
        forger = smki.issue(
            entity_id=str(user.entity_id),
            role=0x87,
            private_key=stranger,
            serial_number=user.certificate.serial_number,
        )
        task = cls(user, document, strip)
        signed = task.signer().sign(document)
        check_signed(signed, task.content, user.certificate)
        forged = cls(Identity(stranger, forger.certificate), document, strip).signer().sign(document)
        check_signed(forged, task.content, forger.certificate)
        return cls(user, document, strip, signed, _tampered(signed), forged)

    def signer(self) -> duisign.Signer:
        """The Signer of this project that does the task."""
        return duisign.Signer(
            self.identity.private_key,
            self.identity.certificate,
            whitespace="strip" if self.strip else "preserve",
            existing_signature="replace" if self.has_placeholder else "refuse",
        )

    @cached_property
    def has_placeholder(self) -> bool:
        """Whether the document has a Signature already."""
        return b"<ds:Signature" in self.document

    @cached_property
    def bare(self) -> bytes:
        """The document without its placeholder Signature: for those who leave it to their callers to take it out."""
        if not self.has_placeholder:
            return self.document
        bare, count = _PLACEHOLDER.subn(b"", self.document)
        assert count == 1
        return bare

    @cached_property
    def content(self) -> bytes:
        """What the Signature has to be over."""
        return without_blank_text(self.bare) if self.strip else self.bare

    def bare_to_sign(self) -> bytes:
        """`bare`, for those who drop no white space; UnsupportedError if it is to be dropped."""
        if self.strip:
            raise UnsupportedError("it does not drop white space")
        return self.bare


def _tampered(signed: bytes) -> bytes:
    """With the last digit of the originator counter changed."""

    def other(match: re.Match[bytes]) -> bytes:
        return match[1] + b"%d" % ((int(match[2]) + 1) % 10) + match[3]

    tampered, count = re.subn(rb"(RequestID>[^<]*)(\d)(\s*</)", other, signed, count=1)
    assert count == 1
    return tampered


class Competitor(Protocol):
    """One implementation. Each function prepares a call, which gets timed; UnsupportedError if it has none."""

    name: str
    version: str

    def signing(self, task: Task) -> Call:
        """A call that gives `task.document` as signed bytes."""
        ...

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        """A call that raises unless `signed` is signed by `identity`."""
        ...

    def canonicalizing(self, document: bytes) -> Call:
        """A call that gives the C14N 1.0 form, without comments, of a document."""
        ...
