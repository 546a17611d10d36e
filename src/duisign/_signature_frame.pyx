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
    # Characters of SignatureValue's start tag.
    VALUE_TAG_LENGTH = 19

cdef const char* BEHIND_DIGEST = b"</ds:DigestValue></ds:Reference></ds:SignedInfo>"
cdef const char* VALUE_TAG = b"<ds:SignatureValue>"
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


cdef char* put_signature(
    char* out, const FrameOctets* octets, bint binds_ds, const SignedInfo* signed_info, const unsigned char* raw,
) noexcept nogil:
    """Write a Signature of `SignatureFrame.length` octets around a raw signature, and give the place behind it."""
    if binds_ds:
        memcpy(out, octets.start_bound, octets.start_bound_length)
        out += octets.start_bound_length
    else:
        memcpy(out, octets.start, octets.start_length)
        out += octets.start_length
    memcpy(out, signed_info.end, SIGNED_INFO_END)
    out += SIGNED_INFO_END
    memcpy(out, VALUE_TAG, VALUE_TAG_LENGTH)
    out = put_base64(out + VALUE_TAG_LENGTH, raw, RAW)
    memcpy(out, octets.behind, octets.behind_length)
    return out + octets.behind_length


cdef object bad_signature():
    return ConfigurationError(
        "key-output",
        "The private key did not give a DER-encoded ECDSA signature for P-256: mend its sign, or use a key of "
        "cryptography.",
    )


cdef int put_raw(unsigned char* raw, der) except -1:
    """Write what a key gave as 64 octets r‖s."""
    if type(der) is not bytes or not raw_from_der(<bytes> der, len(<bytes> der), raw):
        raise bad_signature()
    return 0


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
        self.octets.start, self.octets.start_length = start, len(start)
        self.octets.start_bound, self.octets.start_bound_length = start_bound, len(start_bound)
        self.octets.behind, self.octets.behind_length = self.behind, len(self.behind)
        self.signed_info = signed_info
        self.sign_digest = sign_digest
        self.ecdsa = ecdsa
        self.whole = canonical_start if whole else None

    cdef Py_ssize_t length(self, bint binds_ds):
        """Octets of a Signature."""
        return (
            len(self.start_bound if binds_ds else self.start) + SIGNED_INFO_END + VALUE_TAG_LENGTH + BASE64_OF_RAW
            + len(self.behind)
        )

    cdef bytes to_sign(self, const SignedInfo* signed_info):
        """What the key is given for SignedInfo."""
        if self.whole is None:
            return (<const char*> signed_info.digest)[:DIGEST]
        return self.whole + signed_info.end[:SIGNED_INFO_END]

    cdef int sign(self, bytes to_sign, unsigned char* raw) except -1:
        """Write the raw ECDSA signature, 64 octets."""
        return put_raw(raw, self.sign_digest(to_sign, self.ecdsa))

    def signature(self, bytes digest not None, bint binds_ds):
        """A Signature over a document with this SHA-256 digest (32 octets)."""
        cdef SignedInfo signed_info
        cdef unsigned char[RAW] raw
        fill_in(&signed_info, self, digest)
        self.sign(self.to_sign(&signed_info), raw)
        return self.written(binds_ds, &signed_info, raw)

    def signed_info_digest(self, bytes digest not None):
        """What is to be signed for a document with this SHA-256 digest: that of its SignedInfo, 32 octets."""
        cdef SignedInfo signed_info
        fill_in(&signed_info, self, digest)
        return <bytes> (<const char*> signed_info.digest)[:DIGEST]

    def signature_of(self, bytes digest not None, bint binds_ds, bytes der not None):
        """The Signature over a document with this digest whose ECDSA signature has been made elsewhere."""
        cdef SignedInfo signed_info
        cdef unsigned char[RAW] raw
        fill_in(&signed_info, self, digest)
        put_raw(raw, der)
        return self.written(binds_ds, &signed_info, raw)

    cdef bytes written(self, bint binds_ds, const SignedInfo* signed_info, const unsigned char* raw):
        cdef bytes signature = PyBytes_FromStringAndSize(NULL, self.length(binds_ds))
        put_signature(PyBytes_AS_STRING(signature), &self.octets, binds_ds, signed_info, raw)
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
