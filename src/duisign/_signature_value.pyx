"""SignatureValue: strict base64, and ECDSA signatures as raw r‖s (XMLDSig Core 1.1 section 6.4.3) and as DER.

OpenSSL speaks DER (`ECDSA-Sig-Value`, RFC 3279 section 2.2.3), the wire speaks raw: two integers of 32 octets.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    # Octets of a P-256 field element and of an integer modulo the group order.
    INTEGER = 32

# Order n of P-256 (SEC 2 version 2.0 section 2.4.2), big-endian.
cdef const unsigned char* ORDER = (
    b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
    b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"
)

cdef enum:
    PADDING = 64
    SPACE = 65
    FOREIGN = 66

cdef const char* ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
cdef unsigned char[256] SEXTETS
memset(SEXTETS, FOREIGN, 256)
cdef unsigned char _octet
cdef int _sextet = 0
for _octet in <bytes> ALPHABET:
    SEXTETS[_octet] = _sextet
    _sextet += 1
for _octet in b" \t\r\n":
    SEXTETS[_octet] = SPACE
SEXTETS[ord("=")] = PADDING


cdef bytes decode_base64(const unsigned char* text, Py_ssize_t length):
    """The octets that `text` encodes as in `put_decoded`, or None if it is not strict."""
    cdef bytes decoded = PyBytes_FromStringAndSize(NULL, length // 4 * 3)
    cdef Py_ssize_t written = put_decoded(text, length, <unsigned char*> PyBytes_AS_STRING(decoded))
    return None if written < 0 else decoded[:written]


cdef Py_ssize_t put_decoded(const unsigned char* text, Py_ssize_t length, unsigned char* out) noexcept nogil:
    """Write the octets that `text` encodes (RFC 4648 section 4, white space of XML allowed), and give their number.

    -1 if it is not strict: that alphabet alone, complete groups, padding only where it belongs, zero bits behind the
    last octet. `out` has room for three octets where four characters are.
    """
    cdef const unsigned char* end = text + length
    cdef Py_ssize_t written = 0
    cdef unsigned int group = 0
    cdef int sextets = 0
    cdef int padding = 0
    cdef unsigned char sextet
    cdef unsigned int first, second, third, fourth
    while text < end:
        # Mostly whole groups of nothing else.
        while not sextets and not padding and end - text >= 4:
            first, second, third, fourth = SEXTETS[text[0]], SEXTETS[text[1]], SEXTETS[text[2]], SEXTETS[text[3]]
            if (first | second | third | fourth) >= PADDING:
                break
            out[written] = first << 2 | second >> 4
            out[written + 1] = (second << 4 | third >> 2) & 0xFF
            out[written + 2] = (third << 6 | fourth) & 0xFF
            written += 3
            text += 4
        if text == end:
            break
        sextet = SEXTETS[text[0]]
        text += 1
        if sextet == SPACE:
            continue
        if sextet == FOREIGN or (padding and sextet != PADDING):
            return -1
        if sextet == PADDING:
            padding += 1
            if padding > 2 or sextets + padding > 4 or sextets < 2:
                return -1
            continue
        group = group << 6 | sextet
        sextets += 1
        if sextets == 4:
            out[written] = group >> 16 & 0xFF
            out[written + 1] = group >> 8 & 0xFF
            out[written + 2] = group & 0xFF
            written += 3
            sextets = 0
            group = 0
    if sextets:
        if sextets + padding != 4:
            return -1
        if sextets == 2:
            if group & 0xF:
                return -1
            out[written] = group >> 4 & 0xFF
            written += 1
        else:
            if group & 0x3:
                return -1
            out[written] = group >> 10 & 0xFF
            out[written + 1] = group >> 2 & 0xFF
            written += 2
    elif padding:
        return -1
    return written


cdef int normalize_integer(unsigned char* out, const unsigned char* source, Py_ssize_t width) noexcept:
    """Write an unsigned integer of any width as 32 octets; -1 unless it is from 1 to n - 1."""
    while width > INTEGER:
        if source[0] != 0:
            return -1
        source += 1
        width -= 1
    memset(out, 0, INTEGER - width)
    memcpy(out + INTEGER - width, source, width)
    if memcmp(out, ORDER, INTEGER) >= 0:
        return -1
    for width in range(INTEGER):
        if out[width] != 0:
            return 0
    return -1


cdef Py_ssize_t put_der_integer(unsigned char* out, const unsigned char* integer) noexcept:
    cdef int zeros = 0
    cdef int sign
    while integer[zeros] == 0:
        zeros += 1
    sign = 1 if integer[zeros] & 0x80 else 0
    out[0] = 0x02
    out[1] = sign + INTEGER - zeros
    out[2] = 0
    memcpy(out + 2 + sign, integer + zeros, INTEGER - zeros)
    return 2 + sign + INTEGER - zeros


cdef bytes der_from_raw(const unsigned char* raw, Py_ssize_t width):
    """DER of a raw signature of two integers of `width` octets each; None unless both are from 1 to n - 1."""
    cdef unsigned char[2 * INTEGER] integers
    cdef unsigned char[2 + 2 * (3 + INTEGER)] der
    cdef Py_ssize_t length
    if normalize_integer(integers, raw, width) < 0 or normalize_integer(integers + INTEGER, raw + width, width) < 0:
        return None
    length = put_der_integer(der + 2, integers)
    length += put_der_integer(der + 2 + length, integers + INTEGER)
    der[0] = 0x30
    der[1] = length
    return PyBytes_FromStringAndSize(<char*> der, 2 + length)


cdef bint raw_from_der(const unsigned char* source, Py_ssize_t length, unsigned char* raw) noexcept:
    """Write the 64 octets r‖s of a DER signature for P-256; False if it is none."""
    cdef Py_ssize_t at = 2
    cdef int integer, width
    # P-256 needs no long form of lengths: at most 2 * 35 octets.
    if length < 8 or source[0] != 0x30 or source[1] != length - 2:
        return False
    for integer in range(2):
        if at + 2 > length or source[at] != 0x02:
            return False
        width = source[at + 1]
        at += 2
        if width < 1 or width > INTEGER + 1 or at + width > length:
            return False
        if normalize_integer(raw + INTEGER * integer, source + at, width) < 0:
            return False
        at += width
    if at != length:
        return False
    return True


cdef char* put_base64(char* out, const unsigned char* octets, Py_ssize_t length) noexcept nogil:
    """Write `length` octets in base64, padded, and give the place behind them."""
    cdef Py_ssize_t index = 0
    cdef unsigned int group
    while index + 2 < length:
        group = octets[index] << 16 | octets[index + 1] << 8 | octets[index + 2]
        out[0] = ALPHABET[group >> 18]
        out[1] = ALPHABET[group >> 12 & 63]
        out[2] = ALPHABET[group >> 6 & 63]
        out[3] = ALPHABET[group & 63]
        out += 4
        index += 3
    if index < length:
        group = octets[index] << 16 | (octets[index + 1] << 8 if index + 1 < length else 0)
        out[0] = ALPHABET[group >> 18]
        out[1] = ALPHABET[group >> 12 & 63]
        out[2] = ALPHABET[group >> 6 & 63] if index + 1 < length else c"="
        out[3] = c"="
        out += 4
    return out
