"""The frame of a Signer's Signatures: everything that is the same in all of them, made once.

A Signature differs from the next in two values: DigestValue and SignatureValue. The SHA-256 state of the canonical
SignedInfo up to its DigestValue is constant too.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from duisign._sha256 cimport (
    DIGEST, Sha256, Sha256Start, sha256_finish, sha256_free, sha256_open, sha256_resume, sha256_update,
)
from duisign._signature_value cimport put_base64, raw_from_der

from duisign.errors import ConfigurationError

cdef enum:
    # Octets of a raw signature; its characters in base64.
    RAW = 64
    BASE64_OF_RAW = 88

cdef const char* BEHIND_DIGEST = b"</ds:DigestValue></ds:Reference></ds:SignedInfo>"
cdef bytes VALUE_TAG = b"<ds:SignatureValue>"
cdef bytes BEHIND_VALUE = b"</ds:SignatureValue>"


cdef void put_signed_info_end(char* out, const unsigned char* digest) noexcept nogil:
    """Write the text of DigestValue and what follows it in SignedInfo, `SIGNED_INFO_END` octets."""
    memcpy(put_base64(out, digest, DIGEST), BEHIND_DIGEST, SIGNED_INFO_END - BASE64_OF_DIGEST)


cdef bint signed_info_of(
    const unsigned char* digest, const Sha256* start, Sha256* sha256, SignedInfo* signed_info,
) noexcept nogil:
    """Fill in what SignedInfo is for a document with this digest. `start`: the state behind its canonical start.

    `sha256` is what the digest is made with. False without memory.
    """
    put_signed_info_end(signed_info.end, digest)
    return (
        sha256_resume(sha256, start)
        and sha256_update(sha256, <const unsigned char*> signed_info.end, SIGNED_INFO_END)
        and sha256_finish(sha256, signed_info.digest)
    )


cdef object bad_signature():
    return ConfigurationError(
        "key-output",
        "The private key did not give a DER-encoded ECDSA signature for P-256: mend its sign, or use a key of "
        "cryptography.",
    )


@cython.final
cdef class SignatureFrame:
    """Makes Signatures.

    `canonical_start`: canonical SignedInfo up to the text of DigestValue, and `signed_info` the SHA-256 state behind
    it. `start`, `start_bound`: the Signature up to there as it is written, and as it is written where the root
    binds ``ds``. `key_info`: the KeyInfo element or b"".
    `sign_digest`: a function of a digest and `ecdsa` that gives the signature in DER. `whole`: the function wants
    the octets instead of their digest.
    """

    def __cinit__(
        self, bytes canonical_start not None, Sha256Start signed_info not None, bytes start not None,
        bytes start_bound not None, bytes key_info not None, sign_digest, ecdsa, bint whole=False,
    ):
        self.start = start
        self.start_bound = start_bound
        self.behind = BEHIND_VALUE + key_info + b"</ds:Signature>"
        self.signed_info = signed_info
        self.sign_digest = sign_digest
        self.ecdsa = ecdsa
        self.whole = canonical_start if whole else None

    cdef Py_ssize_t length(self, bint binds_ds):
        """Octets of a Signature."""
        return (
            len(self.start_bound if binds_ds else self.start) + SIGNED_INFO_END + len(VALUE_TAG) + BASE64_OF_RAW
            + len(self.behind)
        )

    cdef bytes der_signature(self, const SignedInfo* signed_info):
        """The ECDSA signature of SignedInfo in DER."""
        if self.whole is None:
            der = self.sign_digest(<bytes> (<const char*> signed_info.digest)[:DIGEST], self.ecdsa)
        else:
            der = self.sign_digest(self.whole + signed_info.end[:SIGNED_INFO_END], self.ecdsa)
        if type(der) is not bytes:
            raise bad_signature()
        return der

    cdef char* put(self, char* out, bint binds_ds, const SignedInfo* signed_info, bytes der) except NULL:
        """Write a Signature of `length` octets and give the place behind it."""
        cdef unsigned char[RAW] raw
        cdef bytes start = self.start_bound if binds_ds else self.start
        if not raw_from_der(der, len(der), raw):
            raise bad_signature()
        memcpy(out, PyBytes_AS_STRING(start), len(start))
        out += len(start)
        memcpy(out, signed_info.end, SIGNED_INFO_END)
        out += SIGNED_INFO_END
        memcpy(out, PyBytes_AS_STRING(VALUE_TAG), len(VALUE_TAG))
        out = put_base64(out + len(VALUE_TAG), raw, RAW)
        memcpy(out, PyBytes_AS_STRING(self.behind), len(self.behind))
        return out + len(self.behind)

    def signature(self, bytes digest not None, bint binds_ds):
        """A Signature over a document with this SHA-256 digest (32 octets)."""
        cdef SignedInfo signed_info
        fill_in(&signed_info, self, digest)
        return self.written(binds_ds, &signed_info, self.der_signature(&signed_info))

    def signed_info_digest(self, bytes digest not None):
        """What is to be signed for a document with this SHA-256 digest: that of its SignedInfo, 32 octets."""
        cdef SignedInfo signed_info
        fill_in(&signed_info, self, digest)
        return <bytes> (<const char*> signed_info.digest)[:DIGEST]

    def signature_of(self, bytes digest not None, bint binds_ds, bytes der not None):
        """The Signature over a document with this digest whose ECDSA signature has been made elsewhere."""
        cdef SignedInfo signed_info
        fill_in(&signed_info, self, digest)
        return self.written(binds_ds, &signed_info, der)

    cdef bytes written(self, bint binds_ds, const SignedInfo* signed_info, bytes der):
        cdef bytes signature = PyBytes_FromStringAndSize(NULL, self.length(binds_ds))
        self.put(PyBytes_AS_STRING(signature), binds_ds, signed_info, der)
        return signature


cdef int fill_in(SignedInfo* signed_info, SignatureFrame frame, bytes digest) except -1:
    cdef Sha256 sha256
    cdef bint done
    if len(digest) != DIGEST:
        raise ValueError("not a SHA-256 digest")
    sha256_open(&sha256)
    done = signed_info_of(digest, &frame.signed_info.state, &sha256, signed_info)
    sha256_free(&sha256)
    if not done:
        raise MemoryError
    return 0
