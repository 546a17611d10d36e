# What messages consist of.


cdef class MessageContent:
    cdef readonly bytes _octets
    cdef readonly object _reader
    cdef public object _known_facts
    # a tree parsed from the octets, once somebody asked for it, or None
    cdef public object _element
    cdef readonly object _profile
    cdef readonly object _signatory
    cdef readonly object _policy
