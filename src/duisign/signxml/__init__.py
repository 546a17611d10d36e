"""signxml's interface on duisign's engine: change one import, keep the rest.

The subset: enveloped signatures of a whole document, ECDSA_SHA256 on P-256, SHA256, Exclusive C14N 1.0 and C14N 1.0.
What is outside raises InvalidInput. See ``docs/signxml.md`` for options and differences.
"""

from duisign.signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from duisign.signxml.configuration import SignatureConfiguration
from duisign.signxml.document import DSIG
from duisign.signxml.exceptions import (
    InvalidCertificate,
    InvalidDigest,
    InvalidInput,
    InvalidSignature,
    SignXMLException,
)
from duisign.signxml.key_info import DSIG11, SigningSettings, add_issuer_serial, add_key_info, add_x509_digest
from duisign.signxml.signer import SignatureReference, XMLSigner
from duisign.signxml.verifier import VerifyResult, XMLVerifier

methods = SignatureConstructionMethod
namespaces = {"ds": DSIG, "dsig11": DSIG11}

__all__ = [
    "CanonicalizationMethod",
    "DigestAlgorithm",
    "InvalidCertificate",
    "InvalidDigest",
    "InvalidInput",
    "InvalidSignature",
    "SignXMLException",
    "SignatureConfiguration",
    "SignatureConstructionMethod",
    "SignatureMethod",
    "SignatureReference",
    "SigningSettings",
    "VerifyResult",
    "XMLSigner",
    "XMLVerifier",
    "add_issuer_serial",
    "add_key_info",
    "add_x509_digest",
    "methods",
    "namespaces",
]
