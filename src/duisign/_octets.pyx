"""The slow paths of the tree lane's output: growth, full blocks into SHA-256, and texts that may need escapes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, strlen

from duisign._sha256 cimport DIGEST, Sha256, sha256_begin, sha256_finish, sha256_update

cdef extern from "_scan.h" nogil:
    enum:
        DUISIGN_TEXT_ESCAPE
        DUISIGN_VALUE_ESCAPE
    int duisign_stops(unsigned char octet, int kind)
    const unsigned char* duisign_scan(const unsigned char* at, const unsigned char* end, int kind)

cdef enum:
    # Octets, a multiple of four, that are looked at in steps of four: most texts and values are shorter. Where more of
    # them need no escape, the end is looked for, and the rest scanned sixteen at a time.
    SHORT_RUN = 32

# Octets that need an escape, or end the string: text content, and attribute values.
cdef unsigned char[256] TEXT_STOPS
cdef unsigned char[256] VALUE_STOPS
cdef int _octet
for _octet in range(256):
    TEXT_STOPS[_octet] = duisign_stops(_octet, DUISIGN_TEXT_ESCAPE)
    VALUE_STOPS[_octet] = duisign_stops(_octet, DUISIGN_VALUE_ESCAPE)


cdef int octets_open(Octets* octets, size_t capacity, size_t limit, Sha256* sha256) except -1 nogil:
    """Prepare a buffer; `capacity` in octets is a hint, `limit` is none. `sha256`: NULL unless a digest is wanted."""
    octets.remaining = limit
    octets.too_long = False
    octets.length = 0
    octets.failed = False
    octets.discarding = False
    octets.kept = 0
    octets.sha256 = sha256
    octets.digest_begun = False
    octets.result = NULL
    octets.block = NULL
    octets.data = octets.inline_data
    octets.capacity = INLINE_OCTETS
    if capacity <= INLINE_OCTETS:
        return 0
    if sha256 == NULL:
        with gil:
            return _move(octets, capacity)
    if capacity > DIGEST_BLOCK:
        capacity = DIGEST_BLOCK
    octets.block = <unsigned char*> malloc(capacity)
    if octets.block == NULL:
        with gil:
            raise MemoryError
    octets.data = octets.block
    octets.capacity = capacity
    return 0


cdef void octets_free(Octets* octets) noexcept nogil:
    free(octets.block)
    octets.block = octets.data = NULL
    octets.length = octets.capacity = 0
    if octets.result != NULL:
        with gil:
            Py_XDECREF(octets.result)
            octets.result = NULL


cdef int _move(Octets* octets, size_t capacity) except -1:
    """Go on in a bytes object of so many octets, which the result will be."""
    # Not by resizing, which takes the old one away when there is no memory for the new.
    cdef bytes result = PyBytes_FromStringAndSize(NULL, capacity)
    memcpy(PyBytes_AS_STRING(result), octets.data, octets.length)
    Py_XDECREF(octets.result)
    Py_INCREF(result)
    octets.result = <PyObject*> result
    octets.data = <unsigned char*> PyBytes_AS_STRING(result)
    octets.capacity = capacity
    return 0


cdef int _grow(Octets* octets, size_t capacity) noexcept with gil:
    try:
        return _move(octets, capacity)
    except MemoryError:  # reported by the owner of the buffer
        return -1


cdef bint _update(Octets* octets, const unsigned char* source, size_t length) noexcept nogil:
    if not octets.digest_begun:
        if not sha256_begin(octets.sha256):
            return False
        octets.digest_begun = True
    return sha256_update(octets.sha256, source, length)


cdef void octets_put_slow(Octets* octets, const unsigned char* source, size_t length) noexcept nogil:
    cdef size_t capacity
    if octets.failed:
        return
    if octets.discarding:
        octets.length = octets.kept
        return
    # Counted here and not for every piece: the rest is counted at the end.
    if octets.length + length > octets.remaining:
        octets.too_long = octets.failed = True
        return
    if octets.sha256 != NULL:
        if octets.length and not _update(octets, octets.data, octets.length):
            octets.failed = True
            return
        octets.remaining -= octets.length
        octets.length = 0
        if length >= octets.capacity:
            if not _update(octets, source, length):
                octets.failed = True
            octets.remaining -= length
            return
    else:
        capacity = octets.length + length
        if capacity < length or capacity > (<size_t> -1) // 4:
            octets.failed = True
            return
        # A canonical form is rarely longer than its document, whose length was the hint: grow by a half.
        if _grow(octets, capacity + capacity // 2) < 0:
            octets.failed = True
            return
    memcpy(octets.data + octets.length, source, length)
    octets.length += length


cdef void octets_end(Octets* octets) noexcept nogil:
    """Nothing more will be written: see whether all of it is within the limit."""
    if not octets.failed and octets.length > octets.remaining:
        octets.too_long = octets.failed = True


cdef bint octets_digest(Octets* octets, unsigned char* digest) noexcept nogil:
    """Write the SHA-256 digest of what was written, for a buffer that makes it; False if that failed."""
    return (
        not octets.failed and _update(octets, octets.data, octets.length) and sha256_finish(octets.sha256, digest)
    )


cdef bytes octets_take(Octets* octets):
    """What was written, as bytes; for a buffer that makes it the SHA-256 digest, 32 octets."""
    if octets.failed:
        raise MemoryError
    if octets.sha256 != NULL:
        digest = PyBytes_FromStringAndSize(NULL, DIGEST)
        if not octets_digest(octets, <unsigned char*> PyBytes_AS_STRING(digest)):
            raise MemoryError
        return digest
    if octets.result == NULL:
        return PyBytes_FromStringAndSize(<char*> octets.data, octets.length)
    _PyBytes_Resize(&octets.result, octets.length)
    result = <bytes> octets.result
    Py_DECREF(result)
    octets.result = NULL
    octets.data = octets.inline_data
    octets.length = octets.capacity = 0
    return result


cdef inline void put_escaped(
    Octets* out, const unsigned char* source, const unsigned char* stops, int kind,
) noexcept nogil:
    cdef const unsigned char* start = source
    cdef const unsigned char* end = NULL
    cdef const unsigned char* near
    cdef unsigned char octet
    while True:
        # A NUL is a stop, so none behind it is looked at.
        near = start + SHORT_RUN
        while source != near:
            if stops[source[0]]:
                break
            if stops[source[1]]:
                source += 1
                break
            if stops[source[2]]:
                source += 2
                break
            if stops[source[3]]:
                source += 3
                break
            source += 4
        if source == near:
            if end == NULL:
                end = source + strlen(<const char*> source)
            source = duisign_scan(source, end, kind)
        if source != start:
            put(out, start, source - start)
        octet = source[0]
        if octet == 0:
            return
        elif octet == c"&":
            put(out, b"&amp;", 5)
        elif octet == c"<":
            put(out, b"&lt;", 4)
        elif octet == c">":
            put(out, b"&gt;", 4)
        elif octet == c'"':
            put(out, b"&quot;", 6)
        elif octet == c"\t":
            put(out, b"&#x9;", 5)
        elif octet == c"\n":
            put(out, b"&#xA;", 5)
        else:
            put(out, b"&#xD;", 5)
        source += 1
        start = source


cdef void put_text(Octets* octets, const unsigned char* source) noexcept nogil:
    """Write a text node: & < > and carriage return escaped (Canonical XML 1.0 section 2.3)."""
    put_escaped(octets, source, TEXT_STOPS, DUISIGN_TEXT_ESCAPE)


cdef void put_attribute_value(Octets* octets, const unsigned char* source) noexcept nogil:
    """Write an attribute value: & < " tab, line feed and carriage return escaped."""
    put_escaped(octets, source, VALUE_STOPS, DUISIGN_VALUE_ESCAPE)
