cdef object decode_base64(const unsigned char* text, Py_ssize_t length)
cdef bytes der_from_raw(const unsigned char* raw, Py_ssize_t width)
