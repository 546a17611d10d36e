# One scan of a document in the byte lane.

from duisign._bindings cimport Text
from duisign._byte_text cimport DECLINES, NOT_DECLINED, Decline, Lane
from duisign._octets cimport Octets


cdef enum:
    # Levels of open elements that need no allocation. DUIS messages have fewer than 20.
    INLINE_LEVELS = 32


cdef enum Content:
    # of an element: not known yet whether it has element children; it has none; it has
    UNKNOWN
    LEAF
    PARENT


cdef struct OpenElement:
    # as in the start tag
    Text name
    # bindings outside of it
    int in_scope
    int rendered
    Content content


cdef struct Scan:
    Lane lane
    # octets that the canonical form of the whole document may have
    size_t largest
    int depth
    int max_depth
    bint strip
    bint replace
    # the last markup was a CDATA section
    bint after_cdata
    bint binds_ds
    # an element without content at the root: the splice is at its "/"
    bint empty_root
    Text root_name
    # octets of the result before the Signature
    size_t splice
    # the Signature to drop was met; it is open
    bint signature_met
    bint in_signature
    const unsigned char* signature_start
    # borrowed, as long as the document: what is left of it, once something is dropped. Whoever opens a scan that may
    # drop anything sets it before the scan runs; NULL before
    unsigned char* rest
    size_t rest_length
    # document octets from here on are not in rest yet
    const unsigned char* unwritten
    bint out_of_memory
    # inline_open, or owned and max_depth long
    OpenElement* open
    OpenElement[INLINE_LEVELS] inline_open


cdef int scan_open(
    Scan* scan, Octets* out, bytes document, int algorithm, bint strip, bint replace, int max_depth, bint digest,
) except -1
cdef void scan_free(Scan* scan) noexcept
cdef Decline scan_run(Scan* scan) except DECLINES
cdef Py_ssize_t rest_length(const Scan* scan) noexcept nogil
cdef char* put_head(const Scan* scan, char* out) noexcept
cdef void put_tail(const Scan* scan, char* out, size_t skip) noexcept
