# A Signature of the wire profile, read.

from lxml.includes.etreepublic cimport _Element
from lxml.includes.tree cimport xmlNode


cdef class SignatureElement:
    cdef _Element root
    # NULL if it is not in the tree: see _usual_signature
    cdef xmlNode* signature
    cdef xmlNode* signed_info
    cdef xmlNode* key_info
    cdef int max_depth
    cdef Py_ssize_t size
    # the canonical octets of the document without this Signature and their digest, once they are made
    cdef bytes octets
    cdef bytes octets_digest
    # the text of DigestValue if SignedInfo is the usual one, whose canonical form is then known, else None
    cdef bytes digest_text
    # what KeyInfo says if it is not in the tree
    cdef list known_hints
    cdef readonly object profile
    cdef readonly bytes digest_value
    cdef readonly bytes der_signature

    cdef bint walk(self, bint stop_at_signature) except -1
    cdef bint is_sole(self) except -1
