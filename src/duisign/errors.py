"""The exceptions of duisign.

Every exception that a public call raises derives from `DuisignError`. Each has

* ``code``: a stable, lower-case, hyphenated identifier of the refusal, fit for programs and logs;
* ``check``: the check that failed, one of `CHECKS`;
* a sentence (``str(error)``) that says what is wrong and what to do.

No sentence quotes the document, a key, a passphrase or canonical octets. ``docs/errors.md`` lists every code
with its meaning and remedy, and a test holds that list against the source.
"""

from __future__ import annotations

__all__ = [
    "CHECKS",
    "AmbiguousSignerError",
    "CanonicalizationError",
    "CertificateError",
    "CertificatePathError",
    "CertificateRevokedError",
    "ConfigurationError",
    "DigestMismatchError",
    "DocumentError",
    "DuisignError",
    "ExternalKeyError",
    "RevocationUnknownError",
    "SchemaError",
    "SignatureExistsError",
    "SignatureFormatError",
    "SignatureMismatchError",
    "SignerRoleError",
    "SigningKeyError",
    "UnknownSignerError",
    "UnsignedMessageError",
    "VerificationError",
]

CHECKS = (
    "document",
    "signature",
    "algorithms",
    "key-info",
    "signer",
    "certificate",
    "digest",
    "signature-value",
    "policy",
)
"""The checks of a verification, in the order in which they are made."""


class DuisignError(Exception):
    """Base of everything that duisign raises."""

    check: str = "document"

    def __init__(self, code: str, sentence: str, *, check: str | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        if check is not None:
            self.check = check
        self.signer: dict[str, str | None] | None = None
        """Who signed, or is named as signer, as far as known: issuer, serial_number, role, entity_id. Not proven."""
        self.request_id: str | None = None
        """The RequestID of the refused message, if it can be read. Not proven."""

    def to_dict(self) -> dict[str, object]:
        """The refusal for programs: error (class), code, check, sentence, signer, request_id."""
        return {
            "error": type(self).__name__,
            "code": self.code,
            "check": self.check,
            "sentence": str(self),
            "signer": self.signer,
            "request_id": self.request_id,
        }

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call __init__ with the sentence alone: errors cross process pools.
        return _restore, (type(self), self.code, str(self), self.check, self.signer, self.request_id)


def _restore(
    kind: type[DuisignError],
    code: str,
    sentence: str,
    check: str,
    signer: dict[str, str | None] | None,
    request_id: str | None,
) -> DuisignError:
    error = kind(code, sentence, check=check)
    error.signer, error.request_id = signer, request_id
    return error


class ConfigurationError(DuisignError):
    """A Signer, Verifier or trust store cannot be built, or a call has arguments that it cannot have."""

    check = "configuration"


class DocumentError(DuisignError):
    """The document cannot be read: not XML, not well-formed, has a DOCTYPE, too large, too deep, wrong type."""


class SchemaError(DocumentError):
    """The document is not valid by the XML Schema that the caller provides. `line`: where, from 1, if it is known."""

    line: int | None = None


class CanonicalizationError(DuisignError):
    """The document has no canonical form here: relative namespace URI, entity reference, unknown node."""


def doctype_error() -> DocumentError:
    """The refusal of any document type declaration, wherever it is noticed."""
    return DocumentError("doctype", "The document has a DOCTYPE: remove it, no DUIS message has one.")


def element_error() -> DocumentError:
    """The refusal of what is no element where one is needed."""
    return DocumentError("wrong-type", "This is not an XML element: pass an lxml element, no comment or instruction.")


class SignatureExistsError(DuisignError):
    """The document to be signed already has a Signature, and the signer was not told to replace it."""

    check = "signature"


class SigningKeyError(DuisignError):
    """A KeyRing has no key that may sign this message: none of the sender's, none that is usable, or no clear one."""

    check = "signer"


class ExternalKeyError(DuisignError):
    """A private key outside the process gave no signature this time: the document is unsigned, and may be tried again.

    ``__cause__`` is what the key raised, if it is the caller's own.
    """

    check = "signer"


class VerificationError(DuisignError):
    """Base of every verdict of a `Verifier` on a document that could be read: do not process the message."""

    check = "signature"


class UnsignedMessageError(VerificationError):
    """The message has no Signature: nobody vouches for it."""


class SignatureFormatError(VerificationError):
    """The Signature is not one that the wire profile allows (DESIGN section 2; XMLDSig Core 1.1)."""


class UnknownSignerError(VerificationError):
    """KeyInfo names no certificate or key that the caller trusts."""

    check = "signer"


class AmbiguousSignerError(UnknownSignerError):
    """Several trusted certificates fit, so the signature tells nothing about who signed."""


class CertificateError(VerificationError):
    """The signer's certificate must not be used: validity period, curve, key usage."""

    check = "certificate"


class CertificatePathError(CertificateError):
    """There is no path from the signer's certificate to a trusted root that RFC 5280 and SMKI allow."""


class CertificateRevokedError(CertificateError):
    """The signer's certificate, or that of its CA, has been revoked."""


class RevocationUnknownError(CertificateError):
    """Nothing current says whether the signer's certificate has been revoked: fail closed."""


class SignerRoleError(VerificationError):
    """The signer is trusted, but may not sign this message: wrong role, wrong party, or no message of DUIS."""

    check = "policy"


class DigestMismatchError(VerificationError):
    """The document is not the one that was signed."""

    check = "digest"


class SignatureMismatchError(VerificationError):
    """The SignatureValue was not made by the signer's key over this SignedInfo."""

    check = "signature-value"
