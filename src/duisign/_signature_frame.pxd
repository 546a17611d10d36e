# What is constant in the Signatures of one Signer.

cimport cython

from duisign._sha256 cimport DIGEST, Sha256, Sha256Start

cdef enum:
    # Octets of a raw signature; its characters in base64.
    RAW = 64
    BASE64_OF_RAW = 88
    # Characters of DigestValue's text, and of it with the end of SignedInfo behind it.
    BASE64_OF_DIGEST = 44
    SIGNED_INFO_END = 92


cdef struct SignedInfo:
    # the text of DigestValue and what follows it
    char[SIGNED_INFO_END] end
    # of the canonical form
    unsigned char[DIGEST] digest


cdef struct FrameOctets:
    # borrowed from a SignatureFrame: what it is around DigestValue and SignatureValue
    const char* start
    size_t start_length
    const char* start_bound
    size_t start_bound_length
    const char* behind
    size_t behind_length


cdef void put_signed_info_end(char* out, const unsigned char* digest) noexcept nogil
cdef bint signed_info_of(
    const unsigned char* digest, const Sha256* start, Sha256* sha256, SignedInfo* signed_info,
) noexcept nogil
cdef char* put_signature(
    char* out, const FrameOctets* octets, bint binds_ds, const SignedInfo* signed_info, const unsigned char* raw,
) noexcept nogil


@cython.final
cdef class SignatureFrame:
    cdef bytes start
    cdef bytes start_bound
    cdef bytes behind
    cdef FrameOctets octets
    # canonical SignedInfo up to the text of DigestValue
    cdef Sha256Start signed_info
    cdef object sign_digest
    cdef object ecdsa
    # the same octets, where it is to be signed whole; else None
    cdef bytes whole

    cdef Py_ssize_t length(self, bint binds_ds)
    cdef bytes to_sign(self, const SignedInfo* signed_info)
    cdef int sign(self, bytes to_sign, unsigned char* raw) except -1
    cdef bytes written(self, bint binds_ds, const SignedInfo* signed_info, const unsigned char* raw)
