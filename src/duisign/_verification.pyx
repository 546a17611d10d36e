"""Verification: a document, whose signature has to hold and to be a trusted party's, becomes a VerifiedMessage.

Native for the sake of threads: Python's own code writes to counters of objects that all of them share, and each of
these has to be fetched from the other processor then. What a trust store, a policy and a key do is theirs.
"""

cimport cython

from duisign._message_facts cimport MessageFacts, message_facts
from duisign._signature_element cimport SignatureElement, read_signature
from duisign._usual_signature cimport usual_signature

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign.certificate_index import named_signer
from duisign.errors import (
    AmbiguousSignerError,
    CertificateError,
    DigestMismatchError,
    DuisignError,
    SignatureMismatchError,
)
from duisign.message import VerifiedMessage
from duisign.request_id import sole_identifier

cdef object ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


@cython.final
cdef class Verification:
    """What a Verifier does with each document, by its settings.

    `reader`, `canonical_reader`: of documents, and of canonical octets. `duis`, `signxml`: whether these profiles are
    accepted. `unmarked_c14n`, `java_widths`: what is loose, see Verifier. `plain_alone`: libxml2 is an older one.
    """

    cdef object trust
    cdef object policy
    cdef object check
    cdef object reader
    cdef object canonical_reader
    cdef Py_ssize_t max_octets
    cdef int max_depth
    cdef bint read_usual
    cdef bint duis
    cdef bint signxml
    cdef bint unmarked_c14n
    cdef bint java_widths
    cdef bint plain_alone

    def __cinit__(
        self, trust, policy, reader, canonical_reader, *, bint duis, bint signxml, bint unmarked_c14n,
        bint java_widths, bint plain_alone,
    ):
        self.trust = trust
        self.policy = policy
        self.check = None if policy is None else policy.check
        self.reader = reader
        self.canonical_reader = canonical_reader
        self.max_octets = reader.max_octets
        self.max_depth = reader.max_depth
        # It parses a part of the document, which an older libxml2 is to have as a whole.
        self.read_usual = duis and not plain_alone
        self.duis = duis
        self.signxml = signxml
        self.unmarked_c14n = unmarked_c14n
        self.java_widths = java_widths
        self.plain_alone = plain_alone

    def verify(self, document):
        """The VerifiedMessage, by the policy's rule for messages."""
        return self.verify_by(document, self.check)

    cpdef object verify_by(self, document, check):
        """The same by another rule: a function of the signer's certificate and the MessageFacts, or None."""
        cdef SignatureElement signature = None
        cdef MessageFacts facts = None
        cdef bytes octets
        hints = None
        signatories = ()
        if self.read_usual:
            signature = usual_signature(document, self.max_octets, self.max_depth)
        root = self.reader.tree(document)[0] if signature is None else signature.root
        try:
            if signature is None:
                signature = read_signature(
                    root, self.duis, self.signxml, self.unmarked_c14n, self.java_widths, self.max_depth, len(document),
                )
            hints = signature.key_hints()
            signatories = self.trust.signatories(hints)
            if len(signatories) == 1:
                self.trust.check(signatories[0])
            else:
                signatories = self.usable(signatories)
            octets = signature.signed_octets()
            if not signature.digest_holds():
                raise DigestMismatchError(
                    "digest-mismatch", "The document is not the one that was signed: it was changed, or re-indented."
                )
            signer = signer_of(signatories, signature)
            if self.plain_alone:
                # So that their tree can be had.
                self.reader.check_plain(octets)
            if check is not None:
                facts = message_facts(root)
                check(signer.certificate, facts)
        except DuisignError as error:
            describe_refusal(error, root, hints, signatories, self.policy)
            raise
        return VerifiedMessage(octets, self.canonical_reader, facts, signature.profile, signer, self.policy)

    cdef list usable(self, signatories):
        """Those that may be used now; raises the reason when there is none."""
        cdef list usable = []
        reason = None
        for signatory in signatories:
            try:
                self.trust.check(signatory)
                usable.append(signatory)
            except CertificateError as error:
                reason = error
        if reason is not None and not usable:
            raise reason
        return usable


cdef object signer_of(signatories, SignatureElement signature):
    """The one whose key made the SignatureValue."""
    cdef bytes digest = signature.signed_info_digest()
    signer = None
    for one in signatories:
        key = one.public_key
        if key is None:
            continue
        try:
            key.verify(signature.der_signature, digest, ECDSA)
        except InvalidSignature:
            continue
        if signer is not None:
            raise AmbiguousSignerError(
                "ambiguous-signer", "Several trusted certificates hold the key: have the sender name one by KeyInfo."
            )
        signer = one
    if signer is None:
        raise SignatureMismatchError(
            "signature-mismatch", "The SignatureValue was not made by the signer's key over this SignedInfo."
        )
    return signer


def describe_refusal(error, root, hints, signatories, policy):
    """Tell the receiver of a refusal whom and what it is about, as far as the message says."""
    error.request_id = readable_identifier(lambda: sole_identifier(message_facts(root).request_ids))
    certificate = signatories[0].certificate if len(signatories) == 1 else None
    if certificate is not None:
        error.signer = certificate.facts(certificate.role if policy is None else policy.role_of(certificate))
    else:
        error.signer = named_signer(hints)


def readable_identifier(read):
    """The text of the identifier that `read` gives; None if there is none, or if it is refused."""
    try:
        identifier = read()
    except DuisignError:
        return None
    return None if identifier is None else str(identifier)
