# Trees of short documents, by the thread's own parser.

from lxml.includes.etreepublic cimport _Element


cdef enum:
    # Spaces behind a short document: as many octets as libxml2's parser wants at hand, INPUT_CHUNK of its
    # parserInternals.h.
    PADDING = 250


cdef _Element padded_root(bytes octets)
