# What a DUIS message says of itself.


cdef class MessageFacts:
    cdef readonly object root
    cdef readonly int bodies
    cdef readonly list contents
    cdef readonly list payloads
    cdef readonly list containers
    cdef readonly bint is_plain
    cdef readonly list request_ids
    cdef readonly list response_ids
    cdef readonly list variants


cpdef MessageFacts message_facts(object root)
