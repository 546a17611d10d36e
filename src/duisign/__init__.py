"""Signs and verifies the XML messages of Great Britain's smart metering network (DUIS, signed under SMKI)."""

from duisign.algorithms import CanonicalizationMethod, KeyInfo, Profile
from duisign.batch import SignResult, VerifyResult
from duisign.canonicalization import canonicalize
from duisign.certificate_source import Problem
from duisign.certificate_status import CertificateState, CertificateStatus
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
    ExternalKeyError,
    RevocationUnknownError,
    SchemaError,
    SignatureExistsError,
    SignatureFormatError,
    SignatureMismatchError,
    SignerRoleError,
    SigningKeyError,
    UnknownSignerError,
    UnsignedMessageError,
    VerificationError,
)
from duisign.external_key import AsyncExternalKey, ExternalKey
from duisign.key_password import password_from_environment, password_from_file
from duisign.key_ring import KeyRing
from duisign.key_status import KeyRingEntry, KeyStatus
from duisign.message import UnsignedMessage, VerifiedMessage
from duisign.message_class import MessageClass, message_class
from duisign.policy import Policy
from duisign.remote_party_role import RemotePartyRole
from duisign.request_id import RequestId
from duisign.schema import Schema
from duisign.service_reference import SERVICE_REFERENCES, ServiceReference, service_reference
from duisign.signer import LaneCounts, Signer
from duisign.smki_trust import SmkiTrust
from duisign.trust import PinnedCertificates
from duisign.verifier import Verifier

__all__ = [
    "SERVICE_REFERENCES",
    "AmbiguousSignerError",
    "AsyncExternalKey",
    "CanonicalizationError",
    "CanonicalizationMethod",
    "CertificateError",
    "CertificatePathError",
    "CertificateRevokedError",
    "CertificateState",
    "CertificateStatus",
    "ConfigurationError",
    "DigestMismatchError",
    "DocumentError",
    "DuisignError",
    "ExternalKey",
    "ExternalKeyError",
    "KeyInfo",
    "KeyRing",
    "KeyRingEntry",
    "KeyStatus",
    "LaneCounts",
    "MessageClass",
    "PinnedCertificates",
    "Policy",
    "Problem",
    "Profile",
    "RemotePartyRole",
    "RequestId",
    "RevocationUnknownError",
    "Schema",
    "SchemaError",
    "ServiceReference",
    "SignResult",
    "SignatureExistsError",
    "SignatureFormatError",
    "SignatureMismatchError",
    "Signer",
    "SignerRoleError",
    "SigningKeyError",
    "SmkiTrust",
    "UnknownSignerError",
    "UnsignedMessage",
    "UnsignedMessageError",
    "VerificationError",
    "VerifiedMessage",
    "Verifier",
    "VerifyResult",
    "canonicalize",
    "message_class",
    "password_from_environment",
    "password_from_file",
    "service_reference",
]
