# The output of the tree lane: a growing buffer that keeps everything, or one block that feeds SHA-256.

from cpython.object cimport PyObject
from libc.string cimport memcpy, strlen

from duisign._sha256 cimport Sha256


cdef extern from "Python.h":
    # Cython's own resize takes no object that nobody else holds.
    int _PyBytes_Resize(PyObject** octets, Py_ssize_t length) except -1


cdef enum:
    # Octets. Large enough that one update of the digest hides its call, small enough to stay in L2.
    DIGEST_BLOCK = 65536
    # Octets on the C stack, enough for SignedInfo and for most messages, so that they need no allocation.
    INLINE_OCTETS = 4096


cdef struct Octets:
    # inline_data, block, or the content of result
    unsigned char* data
    size_t length
    size_t capacity
    # where the output is its SHA-256 digest: borrowed, what full blocks go into and are forgotten; else NULL
    Sha256* sha256
    # a block has gone there
    bint digest_begun
    # owned, for a digest buffer; NULL while inline_data is enough
    unsigned char* block
    # owned bytes object that nobody else holds yet, for any other; NULL while inline_data is enough
    PyObject* result
    # octets that may still be written before the output is out of proportion
    size_t remaining
    # the limit was reached: sticky, the output is void
    bint too_long
    # out of memory, or the digest refused: sticky, the output is void
    bint failed
    # what is written behind `kept` will be dropped by octets_keep, and need not be held
    bint discarding
    size_t kept
    unsigned char inline_data[INLINE_OCTETS]


cdef int octets_open(Octets* octets, size_t capacity, size_t limit, Sha256* sha256) except -1 nogil
cdef void octets_free(Octets* octets) noexcept nogil
cdef void octets_put_slow(Octets* octets, const unsigned char* source, size_t length) noexcept nogil
cdef void octets_end(Octets* octets) noexcept nogil
cdef bytes octets_take(Octets* octets)
cdef bint octets_digest(Octets* octets, unsigned char* digest) noexcept nogil


cdef inline void octets_discard(Octets* octets) noexcept nogil:
    """Drop all that is written from now on, until octets_keep."""
    octets.discarding = True
    octets.kept = octets.length


cdef inline void octets_keep(Octets* octets) noexcept nogil:
    octets.discarding = False
    octets.length = octets.kept


cdef inline void put(Octets* octets, const unsigned char* source, size_t length) noexcept nogil:
    if length > octets.capacity - octets.length:
        octets_put_slow(octets, source, length)
        return
    memcpy(octets.data + octets.length, source, length)
    octets.length += length


cdef inline void put_octet(Octets* octets, unsigned char octet) noexcept nogil:
    if octets.length == octets.capacity:
        octets_put_slow(octets, &octet, 1)
        return
    octets.data[octets.length] = octet
    octets.length += 1


cdef void put_text(Octets* octets, const unsigned char* source) noexcept nogil
cdef void put_attribute_value(Octets* octets, const unsigned char* source) noexcept nogil


cdef inline void put_string(Octets* octets, const char* string) noexcept nogil:
    put(octets, <const unsigned char*> string, strlen(string))
