"""SHA-256 (FIPS 180-4), by OpenSSL.

hashlib gives its OpenSSL to Python code alone: each digest takes three calls under the GIL, longer than the digest of a
short message, and threads wait for each other meanwhile. So OpenSSL is called from here, by its functions for this one
digest: those for any digest (EVP) allocate its state each time, and their code takes longer to fetch than the digest
of a short message takes where an ECDSA signature has filled the processor's caches before. Both compute it by the same
code, but where EVP is told to use another provider.

They are looked up in `_hashlib`, the module that hashlib stands on, and found where it is linked with OpenSSL as a
library of its own, as in the Pythons of Linux distributions and container images. Elsewhere, and where a future OpenSSL
has them no more, hashlib does the work, with the same digests.
"""

cimport cython
from cpython.buffer cimport PyBUF_READ
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcmp, memcpy, memset

import os
from hashlib import sha256

# OpenSSL 1.1.1 and later, its likes too: SHA256_Init(3). They fail never, and allocate nothing.
ctypedef int (*InitFunction)(void* context) noexcept nogil
ctypedef int (*UpdateFunction)(void* context, const void* octets, size_t length) noexcept nogil
ctypedef int (*FinalFunction)(unsigned char* digest, void* context) noexcept nogil

cdef extern from "_loaded_module.h":
    void* duisign_open_module(const char* path) noexcept nogil
    void* duisign_symbol(void* module, const char* name) noexcept nogil


cdef struct OpenSsl:
    # NULL: hashlib serves
    InitFunction init
    UpdateFunction update
    FinalFunction final


cdef OpenSsl openssl
cdef bytes ABC = sha256(b"abc").digest()
cdef object _copy_empty = sha256().copy


cdef bint sha256_needs_gil() noexcept nogil:
    return openssl.init == NULL


cdef void sha256_open(Sha256* state) noexcept nogil:
    state.hasher = NULL


cdef void sha256_free(Sha256* state) noexcept nogil:
    if state.hasher != NULL:
        with gil:
            Py_XDECREF(state.hasher)
            state.hasher = NULL


cdef bint sha256_begin(Sha256* state) noexcept nogil:
    """Begin a digest."""
    if openssl.init != NULL:
        return openssl.init(state.context) == 1
    with gil:
        return hold(state, _copy_empty)


cdef bint sha256_resume(Sha256* state, const Sha256* start) noexcept nogil:
    """Begin a digest where another one stands, which stays as it is."""
    if openssl.init != NULL:
        memcpy(state.context, start.context, sizeof(state.context))
        return True
    with gil:
        return hold(state, (<object> start.hasher).copy)


cdef bint sha256_update(Sha256* state, const unsigned char* octets, size_t length) noexcept nogil:
    """Go on with these octets."""
    if openssl.init != NULL:
        return openssl.update(state.context, octets, length) == 1
    with gil:
        return update_hasher(state, octets, length)


cdef bint sha256_finish(Sha256* state, unsigned char* digest) noexcept nogil:
    """Write the digest, `DIGEST` octets. The next one has to begin anew."""
    if openssl.init != NULL:
        return openssl.final(digest, state.context) == 1
    with gil:
        return finish_hasher(state, digest)


cdef bint hold(Sha256* state, make) noexcept:
    try:
        hasher = make()
    except Exception:  # told by the return value, as where there is no GIL
        return False
    Py_XDECREF(state.hasher)
    Py_INCREF(hasher)
    state.hasher = <PyObject*> hasher
    return True


cdef bint update_hasher(Sha256* state, const unsigned char* octets, size_t length) noexcept:
    try:
        (<object> state.hasher).update(PyMemoryView_FromMemory(<char*> octets, length, PyBUF_READ))
    except Exception:  # told by the return value, as where there is no GIL
        return False
    return True


cdef bint finish_hasher(Sha256* state, unsigned char* digest) noexcept:
    try:
        octets = (<object> state.hasher).digest()
    except Exception:  # told by the return value, as where there is no GIL
        return False
    memcpy(digest, PyBytes_AS_STRING(octets), DIGEST)
    return True


@cython.final
cdef class Sha256Start:
    """The state of SHA-256 behind `octets`, with which many digests begin."""

    def __cinit__(self, bytes octets not None):
        sha256_open(&self.state)
        if not sha256_begin(&self.state) or not sha256_update(&self.state, octets, len(octets)):
            raise MemoryError

    def __dealloc__(self):
        sha256_free(&self.state)

    cpdef bytes digest_with(self, bytes octets):
        """The digest of what this begins with and `octets` behind it, 32 octets."""
        cdef bytes digest = PyBytes_FromStringAndSize(NULL, DIGEST)
        cdef Sha256 state
        cdef bint done
        if octets is None:
            raise TypeError("octets are bytes")
        sha256_open(&state)
        done = (
            sha256_resume(&state, &self.state) and sha256_update(&state, octets, len(octets))
            and sha256_finish(&state, <unsigned char*> PyBytes_AS_STRING(digest))
        )
        sha256_free(&state)
        if not done:
            raise MemoryError
        return digest


cdef bint serves(const OpenSsl* functions) noexcept:
    """Whether these functions give the digest of "abc", by way of a copied state, and keep inside its room."""
    cdef unsigned long long[2 * CONTEXT] start
    cdef unsigned long long[2 * CONTEXT] state
    cdef unsigned long long[CONTEXT] untouched
    cdef unsigned char[DIGEST] digest
    if functions.init == NULL or functions.update == NULL or functions.final == NULL:
        return False
    memset(start, 0xA5, sizeof(start))
    memset(untouched, 0xA5, sizeof(untouched))
    if functions.init(start) != 1 or functions.update(start, b"ab", 2) != 1:
        return False
    memcpy(state, start, sizeof(state))
    return (
        functions.update(state, b"c", 1) == 1 and functions.final(digest, state) == 1
        and memcmp(digest, <const char*> ABC, DIGEST) == 0
        and memcmp(&state[CONTEXT], untouched, sizeof(untouched)) == 0
    )


cdef int find_openssl() except -1:
    """Fill in `openssl`, or leave it empty."""
    cdef void* module
    cdef OpenSsl found
    try:
        import _hashlib
        path = os.fsencode(_hashlib.__file__)
    except (ImportError, AttributeError):
        # Without OpenSSL, or built into the interpreter.
        return 0
    module = duisign_open_module(path)
    if module == NULL:
        return 0
    found.init = <InitFunction> duisign_symbol(module, b"SHA256_Init")
    found.update = <UpdateFunction> duisign_symbol(module, b"SHA256_Update")
    found.final = <FinalFunction> duisign_symbol(module, b"SHA256_Final")
    if serves(&found):
        openssl.init, openssl.update, openssl.final = found.init, found.update, found.final
    return 0


find_openssl()

BY_OPENSSL = openssl.init != NULL
"""Whether OpenSSL is called directly."""
