# What stands before the root element of a document.


cdef enum Prolog:
    IN_UTF8 = 0
    IN_OTHER_ENCODING = 1
    WITH_DOCTYPE = 2


cdef Prolog prolog_of(const char* at, const char* end, bint decoded) noexcept nogil
