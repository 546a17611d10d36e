"""How deep JSON is nested, told before anything recurses into it, and in less time than it takes to read it."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE


def json_levels(bytes octets not None):
    """The most arrays and objects that are open at once in a text of JSON (RFC 8259) in an encoding that extends ASCII.

    As far as the text is well-formed; behind that, where a reader has stopped, any number.
    """
    cdef const char* octet = PyBytes_AS_STRING(octets)
    cdef const char* end = octet + PyBytes_GET_SIZE(octets)
    cdef Py_ssize_t level = 0
    cdef Py_ssize_t most = 0
    cdef bint in_string = False
    with nogil:
        while octet < end:
            if in_string:
                if octet[0] == b"\\":
                    # what is escaped does not end the string
                    octet += 1
                elif octet[0] == b'"':
                    in_string = False
            elif octet[0] == b'"':
                in_string = True
            elif octet[0] == b"[" or octet[0] == b"{":
                level += 1
                if level > most:
                    most = level
            elif octet[0] == b"]" or octet[0] == b"}":
                level -= 1
            octet += 1
    return most
