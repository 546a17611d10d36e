"""Algorithm identifiers under signxml's names.

All that signxml names can be named here, so that what is outside the subset is refused with a sentence; what is
implemented is `ECDSA_SHA256` with `SHA256`, Exclusive C14N 1.0 and C14N 1.0. Sources: XML Signature 1.1, RFC 9231.
"""

from __future__ import annotations

import enum
from typing import Self

from cryptography.hazmat.primitives import hashes

from duisign.signxml.exceptions import InvalidInput

__all__ = [
    "LANE_ALGORITHM",
    "CanonicalizationMethod",
    "DigestAlgorithm",
    "SignatureConstructionMethod",
    "SignatureMethod",
    "option_error",
]

_MORE_2001 = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
_MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"
_XENC = "http://www.w3.org/2001/04/xmlenc#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_C14N_1_1 = "http://www.w3.org/2006/12/xml-c14n11"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


def option_error(name: str, instead: str) -> InvalidInput:
    """The refusal of an option, or of a value of it, that is outside the subset."""
    return InvalidInput("option", f"{name} is not supported by duisign.signxml: {instead}.")


class _Identifier(enum.Enum):
    @classmethod
    def _missing_(cls, value: object) -> Self:
        raise InvalidInput("algorithm", f"Unrecognized {cls.__name__}: pass one of its members or their URIs.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class _FragmentIdentifier(_Identifier):
    @classmethod
    def from_fragment(cls, fragment: str) -> Self:
        """The member whose URI has this fragment, such as ``ecdsa-sha256``; raises InvalidInput."""
        for member in cls:
            if member.value.endswith("#" + fragment):
                return member
        raise InvalidInput(
            "algorithm", f"Unrecognized {cls.__name__} identifier fragment: pass one of its members or their URIs."
        )

    @classmethod
    def of(cls, identifier: object) -> Self:
        """The member that an option names: itself, its URI, or the fragment of that; raises InvalidInput."""
        if isinstance(identifier, str) and "#" not in identifier:
            return cls.from_fragment(identifier)
        return cls(identifier)


class SignatureConstructionMethod(enum.Enum):
    """Where the Signature stands; only `enveloped` is implemented."""

    enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
    enveloping = "enveloping-signature"
    detached = "detached-signature"


class DigestAlgorithm(_FragmentIdentifier):
    """Digest algorithms; only `SHA256` is implemented."""

    SHA224 = _MORE_2001 + "sha224"
    SHA384 = _MORE_2001 + "sha384"
    SHA256 = _XENC + "sha256"
    SHA512 = _XENC + "sha512"
    SHA3_224 = _MORE_2007 + "sha3-224"
    SHA3_256 = _MORE_2007 + "sha3-256"
    SHA3_384 = _MORE_2007 + "sha3-384"
    SHA3_512 = _MORE_2007 + "sha3-512"
    SHA1 = _DSIG + "sha1"

    @property
    def implementation(self) -> type[hashes.SHA256]:
        """cryptography's class of the algorithm; raises InvalidInput for what is not implemented."""
        if self is not DigestAlgorithm.SHA256:
            raise option_error(repr(self), "use DigestAlgorithm.SHA256")
        return hashes.SHA256


class SignatureMethod(_FragmentIdentifier):
    """Signature algorithms; only `ECDSA_SHA256`, on P-256, is implemented."""

    RSA_SHA256 = _MORE_2001 + "rsa-sha256"
    RSA_SHA224 = _MORE_2001 + "rsa-sha224"
    RSA_SHA384 = _MORE_2001 + "rsa-sha384"
    RSA_SHA512 = _MORE_2001 + "rsa-sha512"
    ECDSA_SHA224 = _MORE_2001 + "ecdsa-sha224"
    ECDSA_SHA256 = _MORE_2001 + "ecdsa-sha256"
    ECDSA_SHA384 = _MORE_2001 + "ecdsa-sha384"
    ECDSA_SHA512 = _MORE_2001 + "ecdsa-sha512"
    ECDSA_SHA3_224 = _MORE_2021 + "ecdsa-sha3-224"
    ECDSA_SHA3_256 = _MORE_2021 + "ecdsa-sha3-256"
    ECDSA_SHA3_384 = _MORE_2021 + "ecdsa-sha3-384"
    ECDSA_SHA3_512 = _MORE_2021 + "ecdsa-sha3-512"
    DSA_SHA256 = "http://www.w3.org/2009/xmldsig11#dsa-sha256"
    HMAC_SHA224 = _MORE_2001 + "hmac-sha224"
    HMAC_SHA256 = _MORE_2001 + "hmac-sha256"
    HMAC_SHA384 = _MORE_2001 + "hmac-sha384"
    HMAC_SHA512 = _MORE_2001 + "hmac-sha512"
    SHA3_224_RSA_MGF1 = _MORE_2007 + "sha3-224-rsa-MGF1"
    SHA3_256_RSA_MGF1 = _MORE_2007 + "sha3-256-rsa-MGF1"
    SHA3_384_RSA_MGF1 = _MORE_2007 + "sha3-384-rsa-MGF1"
    SHA3_512_RSA_MGF1 = _MORE_2007 + "sha3-512-rsa-MGF1"
    SHA224_RSA_MGF1 = _MORE_2007 + "sha224-rsa-MGF1"
    SHA256_RSA_MGF1 = _MORE_2007 + "sha256-rsa-MGF1"
    SHA384_RSA_MGF1 = _MORE_2007 + "sha384-rsa-MGF1"
    SHA512_RSA_MGF1 = _MORE_2007 + "sha512-rsa-MGF1"
    DSA_SHA1 = _DSIG + "dsa-sha1"
    HMAC_SHA1 = _DSIG + "hmac-sha1"
    RSA_SHA1 = _DSIG + "rsa-sha1"
    ECDSA_SHA1 = _MORE_2001 + "ecdsa-sha1"
    SHA1_RSA_MGF1 = _MORE_2007 + "sha1-rsa-MGF1"


class CanonicalizationMethod(_Identifier):
    """Canonicalization algorithms; only `EXCLUSIVE_XML_CANONICALIZATION_1_0` and `CANONICAL_XML_1_0` are written."""

    CANONICAL_XML_1_0 = _C14N
    CANONICAL_XML_1_0_WITH_COMMENTS = _C14N + "#WithComments"
    CANONICAL_XML_1_1 = _C14N_1_1
    CANONICAL_XML_1_1_WITH_COMMENTS = _C14N_1_1 + "#WithComments"
    EXCLUSIVE_XML_CANONICALIZATION_1_0 = _EXCLUSIVE
    EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS = _EXCLUSIVE + "WithComments"


# Numbers that the lanes know the canonicalizations by.
LANE_ALGORITHM = {
    CanonicalizationMethod.CANONICAL_XML_1_0: 0,
    CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0: 2,
}
