"""SignatureConfiguration: what a caller of `XMLVerifier.verify` expects of a Signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from duisign.signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod, option_error
from duisign.signxml.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

__all__ = ["SignatureConfiguration", "checked"]

_LOCATIONS = (".//", "./")


@dataclass(frozen=True)
class SignatureConfiguration:
    """Expectations, with signxml's defaults.

    `require_x509`: a certificate must prove the key; otherwise, in a Signature without X509Data, its own KeyValue
    does, and the caller has to ask whose `VerifyResult.signature_key` is. `location`: ``./`` or ``.//``, which both
    mean a child of the root here. `expect_references`: 1, or True for a list of one result. `signature_methods` and
    `digest_algorithms`: must hold those of the subset. `ignore_ambiguous_key_info`: a KeyValue beside a certificate
    need not be of the same key. `verification_time`: as of when certificates are judged, now if None.
    `default_reference_c14n_method`: of a Reference whose Transforms name none; the standard's C14N 1.0, or C14N 1.1,
    which for a whole document is the same.
    """

    require_x509: bool = True
    location: str = ".//"
    expect_references: int | bool = 1
    signature_methods: Collection[SignatureMethod] = frozenset(
        method for method in SignatureMethod if "SHA1" not in method.name
    )
    digest_algorithms: Collection[DigestAlgorithm] = frozenset(
        algorithm for algorithm in DigestAlgorithm if "SHA1" not in algorithm.name
    )
    ignore_ambiguous_key_info: bool = False
    verification_time: datetime | None = None
    default_reference_c14n_method: CanonicalizationMethod = CanonicalizationMethod.CANONICAL_XML_1_1


def checked(config: object) -> SignatureConfiguration:
    """The configuration, if it can be met at all; raises InvalidInput."""
    if not isinstance(config, SignatureConfiguration):
        raise InvalidInput("option", "expect_config must be a duisign.signxml.SignatureConfiguration: pass one.")
    if config.location not in _LOCATIONS:
        raise option_error(
            "SignatureConfiguration.location other than './'", "a Signature is a child of the root and nothing else"
        )
    for name, expected, ours in (
        ("Signature method", config.signature_methods, SignatureMethod.ECDSA_SHA256),
        ("Digest algorithm", config.digest_algorithms, DigestAlgorithm.SHA256),
    ):
        try:
            allowed = ours in expected
        except TypeError:
            allowed = False
        if not allowed:
            raise InvalidInput("option", f"{name} {ours.name} forbidden by configuration: no other is verified here.")
    if config.default_reference_c14n_method not in (
        CanonicalizationMethod.CANONICAL_XML_1_0,
        CanonicalizationMethod.CANONICAL_XML_1_1,
    ):
        raise option_error(
            "SignatureConfiguration.default_reference_c14n_method other than C14N",
            "without a Transform that says otherwise a digest is over C14N 1.0, so use CANONICAL_XML_1_0",
        )
    return config
