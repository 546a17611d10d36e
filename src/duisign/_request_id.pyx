"""The form of a RequestID, read at once: for each message that a policy looks at, a regular expression would take as
long as all other rules of that policy together.
"""

from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport UINT64_MAX, uint64_t

cdef enum:
    EUI64_LENGTH = 23    # eight pairs of hex digits, hyphens between them
    MOST_DIGITS = 20     # of a counter: those of 2^64 - 1

cdef uint64_t BEFORE_LAST_DIGIT = UINT64_MAX // 10


cdef inline bint is_space(char octet) noexcept nogil:
    return octet == b" " or octet == b"\t" or octet == b"\r" or octet == b"\n"


cdef bint read_eui64(const char* text, char* upper) noexcept nogil:
    """Whether an EUI-64 stands here, which `upper` then has with upper-case digits."""
    cdef Py_ssize_t i
    cdef char octet
    for i in range(EUI64_LENGTH):
        octet = text[i]
        if i % 3 == 2:
            if octet != b"-":
                return False
        elif b"a" <= octet <= b"f":
            octet = octet - 32
        elif not (b"0" <= octet <= b"9" or b"A" <= octet <= b"F"):
            return False
        upper[i] = octet
    return True


def identifier_parts(text):
    """(originator, target, counter) of text ``ORIGINATOR:TARGET:COUNTER``, XML white space around it allowed, or None.

    The EUI-64s come as upper-case hex pairs with hyphens. The counter is a number of at most 20 digits below 2^64.
    """
    cdef Py_ssize_t length = 0
    cdef const char* octets
    cdef const char* end
    cdef char originator[EUI64_LENGTH]
    cdef char target[EUI64_LENGTH]
    cdef uint64_t counter = 0
    cdef int digit
    if not isinstance(text, str):
        return None
    try:
        octets = PyUnicode_AsUTF8AndSize(text, &length)
    except UnicodeEncodeError:
        # a lone surrogate
        return None
    end = octets + length
    while octets < end and is_space(octets[0]):
        octets += 1
    while octets < end and is_space((end - 1)[0]):
        end -= 1
    length = end - octets - 2 * (EUI64_LENGTH + 1)
    if not 1 <= length <= MOST_DIGITS:
        return None
    if octets[EUI64_LENGTH] != b":" or octets[2 * EUI64_LENGTH + 1] != b":":
        return None
    if not read_eui64(octets, originator) or not read_eui64(octets + EUI64_LENGTH + 1, target):
        return None
    octets = end - length
    while octets < end:
        digit = octets[0] - <int> b"0"
        if not 0 <= digit <= 9:
            return None
        if counter > BEFORE_LAST_DIGIT or (counter == BEFORE_LAST_DIGIT and digit > <int> (UINT64_MAX % 10)):
            return None
        counter = 10 * counter + digit
        octets += 1
    return originator[:EUI64_LENGTH].decode("ascii"), target[:EUI64_LENGTH].decode("ascii"), counter
