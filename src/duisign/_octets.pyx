"""The slow paths of the tree lane's output: growth, and full blocks into SHA-256."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.buffer cimport PyBUF_READ
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from hashlib import sha256

# Octets that need an escape, or end the string: text content, and attribute values.
cdef unsigned char[256] TEXT_STOPS
cdef unsigned char[256] ATTRIBUTE_STOPS
cdef unsigned char _octet
for _octet in b"\0&<>\r":
    TEXT_STOPS[_octet] = 1
for _octet in b'\0&<"\t\n\r':
    ATTRIBUTE_STOPS[_octet] = 1


cdef int octets_open(Octets* octets, size_t capacity, size_t limit, bint digesting) except -1:
    """Prepare a buffer; `capacity` in octets is a hint, `limit` is none."""
    octets.remaining = limit
    octets.too_long = False
    octets.length = 0
    octets.failed = False
    octets.discarding = False
    octets.kept = 0
    octets.digesting = digesting
    octets.sha256 = octets.result = NULL
    octets.block = NULL
    octets.data = octets.inline_data
    octets.capacity = INLINE_OCTETS
    if capacity <= INLINE_OCTETS:
        return 0
    if not digesting:
        return _move(octets, capacity)
    if capacity > DIGEST_BLOCK:
        capacity = DIGEST_BLOCK
    octets.block = <unsigned char*> malloc(capacity)
    if octets.block == NULL:
        raise MemoryError
    octets.data = octets.block
    octets.capacity = capacity
    return 0


cdef void octets_free(Octets* octets) noexcept:
    free(octets.block)
    octets.block = octets.data = NULL
    octets.length = octets.capacity = 0
    Py_XDECREF(octets.result)
    Py_XDECREF(octets.sha256)
    octets.result = octets.sha256 = NULL


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


cdef int _update(Octets* octets, const unsigned char* source, size_t length) noexcept with gil:
    try:
        if octets.sha256 == NULL:
            hasher = sha256()
            Py_INCREF(hasher)
            octets.sha256 = <PyObject*> hasher
        (<object> octets.sha256).update(PyMemoryView_FromMemory(<char*> source, length, PyBUF_READ))
        return 0
    except BaseException:  # reported by the owner of the buffer, who holds the GIL again
        return -1


cdef void octets_put_slow(Octets* octets, const unsigned char* source, size_t length) noexcept nogil:
    cdef size_t capacity
    if octets.failed:
        return
    if octets.discarding:
        octets.length = octets.kept
        return
    # Counted here and not for every piece: what passes the buffer by is at most its capacity.
    if octets.length + length > octets.remaining:
        octets.too_long = octets.failed = True
        return
    if octets.digesting:
        if octets.length and _update(octets, octets.data, octets.length) < 0:
            octets.failed = True
            return
        octets.remaining -= octets.length
        octets.length = 0
        if length >= octets.capacity:
            if _update(octets, source, length) < 0:
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


cdef bytes octets_take(Octets* octets):
    """What was written, as bytes; for a digest buffer the SHA-256 digest, 32 octets."""
    if octets.failed:
        raise MemoryError
    if octets.digesting:
        if octets.sha256 == NULL and (octets.block == NULL or octets.length == 0):
            # A copy of a few thousand octets costs less than a view of them.
            return sha256(PyBytes_FromStringAndSize(<char*> octets.data, octets.length)).digest()
        if octets.length and _update(octets, octets.data, octets.length) < 0:
            raise MemoryError
        return (<object> octets.sha256).digest()
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
    Octets* out, const unsigned char* source, const unsigned char* stops,
) noexcept nogil:
    cdef const unsigned char* start = source
    cdef unsigned char octet
    while True:
        while not stops[source[0]]:
            source += 1
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
    put_escaped(octets, source, TEXT_STOPS)


cdef void put_attribute_value(Octets* octets, const unsigned char* source) noexcept nogil:
    """Write an attribute value: & < " tab, line feed and carriage return escaped."""
    put_escaped(octets, source, ATTRIBUTE_STOPS)
