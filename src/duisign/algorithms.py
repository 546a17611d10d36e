"""Algorithm identifiers: enums whose values are the identifiers of the W3C, and the two profiles."""

from __future__ import annotations

import enum

__all__ = ["CanonicalizationMethod", "KeyInfo", "Profile"]


class CanonicalizationMethod(enum.StrEnum):
    """Canonicalization algorithms that `duisign.canonicalize` knows.

    Sources: Canonical XML 1.0 (W3C, 15 March 2001), Exclusive XML Canonicalization 1.0 (W3C, 18 July 2002).
    """

    C14N_1_0 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    C14N_1_0_WITH_COMMENTS = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
    EXCLUSIVE_C14N_1_0 = "http://www.w3.org/2001/10/xml-exc-c14n#"
    EXCLUSIVE_C14N_1_0_WITH_COMMENTS = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"

    @property
    def exclusive(self) -> bool:
        """Whether this is Exclusive C14N."""
        return self in (self.EXCLUSIVE_C14N_1_0, self.EXCLUSIVE_C14N_1_0_WITH_COMMENTS)

    @property
    def with_comments(self) -> bool:
        """Whether comments are part of the canonical form."""
        return self in (self.C14N_1_0_WITH_COMMENTS, self.EXCLUSIVE_C14N_1_0_WITH_COMMENTS)


class Profile(enum.Enum):
    """What the Reference digests, and how its Transforms say so."""

    DUIS = "duis"
    """Transforms: enveloped-signature alone; digest over C14N 1.0. What the DCC and its Users exchange."""

    SIGNXML = "signxml"
    """Transforms: enveloped-signature, then Exclusive C14N; digest over Exclusive C14N. signxml's default."""

    @property
    def digest_canonicalization(self) -> CanonicalizationMethod:
        """The canonicalization of the digested document."""
        if self is Profile.DUIS:
            return CanonicalizationMethod.C14N_1_0
        return CanonicalizationMethod.EXCLUSIVE_C14N_1_0


class KeyInfo(enum.Enum):
    """What the Signature says about its key (XMLDSig Core 1.1 section 4.5)."""

    ISSUER_SERIAL = "issuer-serial"
    """``X509IssuerSerial``: RFC 2253 issuer text and decimal serial number. The wire profile."""

    CERTIFICATE = "certificate"
    """``X509Certificate``: the certificate itself, base64 in lines of 64 as signxml writes it."""

    ISSUER_SERIAL_AND_CERTIFICATE = "issuer-serial-and-certificate"
    """Both of the above in one ``X509Data``."""

    SKI = "ski"
    """``X509SKI``: the subject key identifier extension."""

    DIGEST = "digest"
    """``dsig11:X509Digest``: SHA-256 of the DER certificate."""

    SUBJECT_NAME = "subject-name"
    """``X509SubjectName``: RFC 2253 text of the subject."""

    NONE = "none"
    """No KeyInfo element at all."""
