"""The frame of a Signer's Signatures: everything that is the same in all of them, made once.

A Signature differs from the next in two values: DigestValue and SignatureValue. The SHA-256 state of the canonical
SignedInfo up to its DigestValue is constant too.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from duisign._signature_value cimport put_base64, raw_from_der

from duisign.errors import ConfigurationError

cdef enum:
    # Octets of a SHA-256 digest and of a raw signature; their characters in base64.
    DIGEST = 32
    BASE64_OF_DIGEST = 44
    RAW = 64
    BASE64_OF_RAW = 88

cdef bytes BEHIND_DIGEST = b"</ds:DigestValue></ds:Reference></ds:SignedInfo>"
cdef bytes VALUE_TAG = b"<ds:SignatureValue>"
cdef bytes BEHIND_VALUE = b"</ds:SignatureValue>"


cdef object bad_signature():
    return ConfigurationError(
        "key-output",
        "The private key did not give a DER-encoded ECDSA signature for P-256: mend its sign, or use a key of "
        "cryptography.",
    )


@cython.final
cdef class SignatureFrame:
    """Makes Signatures.

    `canonical_start`: canonical SignedInfo up to the text of DigestValue; `copy_signed_info` gives the SHA-256 state
    behind it. `start`, `start_bound`: the Signature up to there as it is written, and as it is written where the root
    binds ``ds``. `key_info`: the KeyInfo element or b"".
    `sign_digest`: a function of a digest and `ecdsa` that gives the signature in DER. `whole`: the function wants
    the octets instead of their digest.
    """

    def __cinit__(
        self, bytes canonical_start not None, copy_signed_info, bytes start not None,
        bytes start_bound not None, bytes key_info not None, sign_digest, ecdsa, bint whole=False,
    ):
        self.start = start
        self.start_bound = start_bound
        self.behind = BEHIND_VALUE + key_info + b"</ds:Signature>"
        self.copy_signed_info = copy_signed_info
        self.sign_digest = sign_digest
        self.ecdsa = ecdsa
        self.whole = canonical_start if whole else None

    cdef Py_ssize_t length(self, bint binds_ds):
        """Octets of a Signature."""
        return (
            len(self.start_bound if binds_ds else self.start) + BASE64_OF_DIGEST + len(BEHIND_DIGEST)
            + len(VALUE_TAG) + BASE64_OF_RAW + len(self.behind)
        )

    cdef bytes digest_text(self, bytes digest):
        """The text of DigestValue and what follows it in SignedInfo."""
        cdef bytes text
        cdef char* out
        if len(digest) != DIGEST:
            raise ValueError("not a SHA-256 digest")
        text = PyBytes_FromStringAndSize(NULL, BASE64_OF_DIGEST + len(BEHIND_DIGEST))
        out = put_base64(PyBytes_AS_STRING(text), digest, DIGEST)
        memcpy(out, PyBytes_AS_STRING(BEHIND_DIGEST), len(BEHIND_DIGEST))
        return text

    cdef bytes der_signature(self, bytes digest_text):
        """The ECDSA signature of SignedInfo in DER."""
        if self.whole is None:
            signed_info = self.copy_signed_info()
            signed_info.update(digest_text)
            der = self.sign_digest(signed_info.digest(), self.ecdsa)
        else:
            der = self.sign_digest(self.whole + digest_text, self.ecdsa)
        if type(der) is not bytes:
            raise bad_signature()
        return der

    cdef char* put(self, char* out, bint binds_ds, bytes digest_text, bytes der) except NULL:
        """Write a Signature of `length` octets and give the place behind it."""
        cdef unsigned char[RAW] raw
        cdef bytes start = self.start_bound if binds_ds else self.start
        if not raw_from_der(der, len(der), raw):
            raise bad_signature()
        memcpy(out, PyBytes_AS_STRING(start), len(start))
        out += len(start)
        memcpy(out, PyBytes_AS_STRING(digest_text), len(digest_text))
        out += len(digest_text)
        memcpy(out, PyBytes_AS_STRING(VALUE_TAG), len(VALUE_TAG))
        out = put_base64(out + len(VALUE_TAG), raw, RAW)
        memcpy(out, PyBytes_AS_STRING(self.behind), len(self.behind))
        return out + len(self.behind)

    def signature(self, bytes digest not None, bint binds_ds):
        """A Signature over a document with this SHA-256 digest (32 octets)."""
        cdef bytes digest_text = self.digest_text(digest)
        return self.written(binds_ds, digest_text, self.der_signature(digest_text))

    def signed_info_digest(self, bytes digest not None):
        """What is to be signed for a document with this SHA-256 digest: that of its SignedInfo, 32 octets."""
        signed_info = self.copy_signed_info()
        signed_info.update(self.digest_text(digest))
        return signed_info.digest()

    def signature_of(self, bytes digest not None, bint binds_ds, bytes der not None):
        """The Signature over a document with this digest whose ECDSA signature has been made elsewhere."""
        return self.written(binds_ds, self.digest_text(digest), der)

    cdef bytes written(self, bint binds_ds, bytes digest_text, bytes der):
        cdef bytes signature = PyBytes_FromStringAndSize(NULL, self.length(binds_ds))
        self.put(PyBytes_AS_STRING(signature), binds_ds, digest_text, der)
        return signature
