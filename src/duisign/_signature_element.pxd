# A Signature of the wire profile, read.

cimport cython

from lxml.includes.tree cimport xmlNode

from duisign._sha256 cimport DIGEST


@cython.final
cdef class SignatureElement:
    # an lxml element or a DocumentTree
    cdef readonly object root
    # NULL if it is not in the tree: see _usual_signature
    cdef xmlNode* signature
    cdef xmlNode* signed_info
    cdef xmlNode* key_info
    cdef int max_depth
    cdef Py_ssize_t size
    # the canonical octets of the document without this Signature and their digest, once they are made
    cdef bytes octets
    cdef unsigned char[DIGEST] octets_digest
    # what DigestValue says
    cdef unsigned char[DIGEST] digest
    # SignedInfo is the usual one, whose canonical form is known
    cdef bint is_usual
    # what KeyInfo says if it is not in the tree
    cdef list known_hints
    cdef readonly object profile
    cdef readonly bytes der_signature

    cdef bint walk(self, bint stop_at_signature) except -1
    cdef bint is_sole(self) except -1
    cpdef bytes signed_octets(self)
    cpdef bint digest_holds(self) except -1
    cpdef bytes signed_info_digest(self)
    cpdef list key_hints(self)


cpdef SignatureElement read_signature(
    object root, bint accept_duis, bint accept_signxml, bint unmarked_c14n, bint java_widths, int max_depth,
    Py_ssize_t size,
)
