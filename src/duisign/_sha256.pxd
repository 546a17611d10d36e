# SHA-256 by the OpenSSL that hashlib stands on, callable without the GIL; by hashlib where that is out of reach.

from cpython.object cimport PyObject


cdef enum:
    # Octets of a digest.
    DIGEST = 32
    # Words of eight octets that hold OpenSSL's SHA256_CTX, which takes fourteen, with some to spare.
    CONTEXT = 16


cdef struct Sha256:
    # SHA256_CTX: numbers alone, so that it can be copied; unused where hashlib serves
    unsigned long long[CONTEXT] context
    # owned hashlib object of a digest that is under way, or NULL
    PyObject* hasher


# Whether digests take the GIL, each step anew: then whoever makes many should keep it.
cdef bint sha256_needs_gil() noexcept nogil
# All but sha256_open and sha256_free: False without memory, or when OpenSSL refuses.
cdef void sha256_open(Sha256* state) noexcept nogil
cdef void sha256_free(Sha256* state) noexcept nogil
cdef bint sha256_begin(Sha256* state) noexcept nogil
cdef bint sha256_resume(Sha256* state, const Sha256* start) noexcept nogil
cdef bint sha256_update(Sha256* state, const unsigned char* octets, size_t length) noexcept nogil
cdef bint sha256_finish(Sha256* state, unsigned char* digest) noexcept nogil


cdef class Sha256Start:
    # The state behind octets that many digests begin with; never changed, so shared by threads.
    cdef Sha256 state

    cpdef bytes digest_with(self, bytes octets)
