# The usual Signature at the end of a document.

from duisign._signature_element cimport SignatureElement


cpdef SignatureElement usual_signature(document, Py_ssize_t max_octets, int max_depth)
