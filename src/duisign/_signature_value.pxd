# Base64 and ECDSA signatures, raw and DER.

cdef Py_ssize_t put_decoded(const unsigned char* text, Py_ssize_t length, unsigned char* out) noexcept nogil
cdef bytes decode_base64(const unsigned char* text, Py_ssize_t length)
cdef char* put_base64(char* out, const unsigned char* octets, Py_ssize_t length) noexcept nogil
cdef bytes der_from_raw(const unsigned char* raw, Py_ssize_t width)
cdef bint raw_from_der(const unsigned char* source, Py_ssize_t length, unsigned char* raw) noexcept
