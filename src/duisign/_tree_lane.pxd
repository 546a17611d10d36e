# Canonicalization of borrowed libxml2 trees; nothing here changes a node or calls libxml2.

from lxml.includes.tree cimport xmlNode


cdef enum:
    # Levels of open elements. libxml2 parses no deeper with XML_PARSE_HUGE, so a larger limit could not be used.
    DEPTH_LIMIT_MAXIMUM = 2048


cdef enum Canonicalization:
    C14N_1_0 = 0
    WITH_COMMENTS = 1
    EXCLUSIVE = 2


cdef bytes canonical(
    xmlNode* apex, const xmlNode* excluded, int algorithm, tuple inclusive_prefixes, int max_depth,
    Py_ssize_t size_hint, bint digest_alone, unsigned char* digest, bint release_gil, bint stop_at_signature,
)


cdef size_t largest_form(Py_ssize_t size_hint) noexcept nogil
