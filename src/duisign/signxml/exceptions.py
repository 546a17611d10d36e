"""The exceptions of `duisign.signxml`: signxml's hierarchy, and ours, with a stable code each.

A caller's ``except`` clauses keep their meaning: `InvalidInput` is a ``ValueError``, `InvalidSignature` is the
``InvalidSignature`` of cryptography, and both are `duisign.DuisignError`.
"""

from __future__ import annotations

import cryptography.exceptions

from duisign.errors import DuisignError

__all__ = ["InvalidCertificate", "InvalidDigest", "InvalidInput", "InvalidSignature", "SignXMLException"]


class SignXMLException(DuisignError):
    """Base of what `duisign.signxml` raises."""

    check = "configuration"


class InvalidSignature(SignXMLException, cryptography.exceptions.InvalidSignature):
    """The signature does not hold, or has a value that can be none."""

    check = "signature-value"


class InvalidDigest(InvalidSignature):
    """The document is not the one that was signed."""

    check = "digest"


class InvalidCertificate(InvalidSignature):
    """The signer's certificate is not trusted, or must not be used."""

    check = "certificate"


class InvalidInput(SignXMLException, ValueError):
    """An option or the data is none that is accepted here: the sentence names it and what to use instead."""


def invalid_input(error: DuisignError) -> InvalidInput:
    """A refusal by duisign's engine as signxml's callers expect it: same code, check and sentence."""
    return InvalidInput(error.code, str(error), check=error.check)
