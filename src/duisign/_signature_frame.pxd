# What is constant in the Signatures of one Signer.

cimport cython


@cython.final
cdef class SignatureFrame:
    cdef bytes start
    cdef bytes start_bound
    cdef bytes behind
    cdef object copy_signed_info
    cdef object sign_digest
    cdef object ecdsa
    # canonical SignedInfo up to the text of DigestValue, where it is to be signed whole; else None
    cdef bytes whole

    cdef Py_ssize_t length(self, bint binds_ds)
    cdef bytes digest_text(self, bytes digest)
    cdef bytes der_signature(self, bytes digest_text)
    cdef char* put(self, char* out, bint binds_ds, bytes digest_text, bytes der) except NULL
    cdef bytes written(self, bint binds_ds, bytes digest_text, bytes der)
