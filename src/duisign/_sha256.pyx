"""SHA-256 (FIPS 180-4), by OpenSSL.

hashlib gives its OpenSSL to Python code alone: each digest takes three calls under the GIL, longer than the digest of a
short message, and threads wait for each other meanwhile. So the same functions are called from here. They are looked up
in `_hashlib`, the module that hashlib stands on, and found where it is linked with OpenSSL as a library of its own, as
in the Pythons of Linux distributions and container images. Elsewhere hashlib does the work, with the same digests.
"""

cimport cython
from cpython.buffer cimport PyBUF_READ
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcpy

import os
from hashlib import sha256

# libcrypto(7), OpenSSL 1.1.1 and later: EVP_DigestInit(3). Pointers to EVP_MD and EVP_MD_CTX are opaque.
ctypedef void* (*FetchFunction)(void* library, const char* algorithm, const char* properties) noexcept nogil
ctypedef void* (*NewFunction)() noexcept nogil
ctypedef void (*FreeFunction)(void* context) noexcept nogil
ctypedef int (*InitFunction)(void* context, const void* algorithm, void* engine) noexcept nogil
ctypedef int (*UpdateFunction)(void* context, const void* octets, size_t length) noexcept nogil
ctypedef int (*FinalFunction)(void* context, unsigned char* digest, unsigned int* length) noexcept nogil
ctypedef int (*CopyFunction)(void* to, const void* context) noexcept nogil

cdef extern from "_libcrypto.h":
    void* duisign_open_module(const char* path) noexcept nogil
    void* duisign_symbol(void* module, const char* name) noexcept nogil


cdef struct Evp:
    # owned EVP_MD, for as long as the process runs; NULL: hashlib serves
    void* algorithm
    NewFunction new
    FreeFunction free
    InitFunction init
    UpdateFunction update
    FinalFunction final
    CopyFunction copy


cdef Evp evp
cdef object _copy_empty = sha256().copy


cdef bint sha256_needs_gil() noexcept nogil:
    return evp.algorithm == NULL


cdef void sha256_open(Sha256* state) noexcept nogil:
    state.context = NULL
    state.hasher = NULL


cdef void sha256_free(Sha256* state) noexcept nogil:
    if state.context != NULL:
        evp.free(state.context)
        state.context = NULL
    if state.hasher != NULL:
        with gil:
            Py_XDECREF(state.hasher)
            state.hasher = NULL


cdef inline bint has_context(Sha256* state) noexcept nogil:
    if state.context == NULL:
        state.context = evp.new()
    return state.context != NULL


cdef bint sha256_begin(Sha256* state) noexcept nogil:
    """Begin a digest."""
    if evp.algorithm != NULL:
        return has_context(state) and evp.init(state.context, evp.algorithm, NULL) == 1
    with gil:
        return hold(state, _copy_empty)


cdef bint sha256_resume(Sha256* state, const Sha256* start) noexcept nogil:
    """Begin a digest where another one stands, which stays as it is."""
    if evp.algorithm != NULL:
        return has_context(state) and evp.copy(state.context, start.context) == 1
    with gil:
        return hold(state, (<object> start.hasher).copy)


cdef bint sha256_update(Sha256* state, const unsigned char* octets, size_t length) noexcept nogil:
    """Go on with these octets."""
    if evp.algorithm != NULL:
        return evp.update(state.context, octets, length) == 1
    with gil:
        return update_hasher(state, octets, length)


cdef bint sha256_finish(Sha256* state, unsigned char* digest) noexcept nogil:
    """Write the digest, `DIGEST` octets. The next one has to begin anew."""
    if evp.algorithm != NULL:
        return evp.final(state.context, digest, NULL) == 1
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


cdef void* symbol(void* module, const char* name, bint* missing) noexcept:
    cdef void* found = duisign_symbol(module, name)
    if found == NULL:
        missing[0] = True
    return found


cdef int find_openssl() except -1:
    """Fill in `evp`, or leave it empty."""
    cdef void* module
    cdef bint missing = False
    cdef void* fetch
    cdef void* known
    try:
        import _hashlib
        path = os.fsencode(_hashlib.__file__)
    except (ImportError, AttributeError):
        # Without OpenSSL, or built into the interpreter.
        return 0
    module = duisign_open_module(path)
    if module == NULL:
        return 0
    evp.new = <NewFunction> symbol(module, b"EVP_MD_CTX_new", &missing)
    evp.free = <FreeFunction> symbol(module, b"EVP_MD_CTX_free", &missing)
    evp.init = <InitFunction> symbol(module, b"EVP_DigestInit_ex", &missing)
    evp.update = <UpdateFunction> symbol(module, b"EVP_DigestUpdate", &missing)
    evp.final = <FinalFunction> symbol(module, b"EVP_DigestFinal_ex", &missing)
    evp.copy = <CopyFunction> symbol(module, b"EVP_MD_CTX_copy_ex", &missing)
    if missing:
        return 0
    # Of OpenSSL 3; what EVP_sha256 gives there is looked up anew for each digest, which takes longer than the digest.
    fetch = duisign_symbol(module, b"EVP_MD_fetch")
    if fetch != NULL:
        evp.algorithm = (<FetchFunction> fetch)(NULL, b"SHA2-256", NULL)
        return 0
    known = duisign_symbol(module, b"EVP_sha256")
    if known != NULL:
        evp.algorithm = (<NewFunction> known)()
    return 0


find_openssl()

BY_OPENSSL = evp.algorithm != NULL
"""Whether OpenSSL is called directly."""
