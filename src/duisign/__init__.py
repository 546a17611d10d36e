"""Signs and verifies the XML messages of Great Britain's smart metering network (DUIS, signed under SMKI)."""

from duisign.algorithms import CanonicalizationMethod, KeyInfo, Profile
from duisign.canonicalization import canonicalize
from duisign.errors import (
    AmbiguousSignerError,
    CanonicalizationError,
    CertificateError,
    CertificatePathError,
    CertificateRevokedError,
    ConfigurationError,
    DigestMismatchError,
    DocumentError,
    DuisignError,
    RevocationUnknownError,
    SignatureExistsError,
    SignatureFormatError,
    SignatureMismatchError,
    SignerRoleError,
    UnknownSignerError,
    UnsignedMessageError,
    VerificationError,
)
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.message_class import MessageClass, message_class
from duisign.policy import Policy
from duisign.remote_party_role import RemotePartyRole
from duisign.request_id import RequestId
from duisign.service_reference import SERVICE_REFERENCES, ServiceReference, service_reference
from duisign.signer import Signer
from duisign.smki_trust import SmkiTrust
from duisign.trust import PinnedCertificates
from duisign.verifier import Verifier

__all__ = [
    "SERVICE_REFERENCES",
    "AmbiguousSignerError",
    "CanonicalizationError",
    "CanonicalizationMethod",
    "CertificateError",
    "CertificatePathError",
    "CertificateRevokedError",
    "ConfigurationError",
    "DigestMismatchError",
    "DocumentError",
    "DuisignError",
    "KeyInfo",
    "MessageClass",
    "PinnedCertificates",
    "Policy",
    "Profile",
    "RemotePartyRole",
    "RequestId",
    "RevocationUnknownError",
    "ServiceReference",
    "SignatureExistsError",
    "SignatureFormatError",
    "SignatureMismatchError",
    "Signer",
    "SignerRoleError",
    "SmkiTrust",
    "UnknownSignerError",
    "UnsignedMessage",
    "UnsignedMessageError",
    "VerificationError",
    "VerifiedMessage",
    "Verifier",
    "canonicalize",
    "message_class",
    "service_reference",
]
