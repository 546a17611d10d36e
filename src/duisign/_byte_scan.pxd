# One scan of a document in the byte lane.

from duisign._bindings cimport Text
from duisign._byte_text cimport DECLINES, NOT_DECLINED, Decline, Lane
from duisign._octets cimport Octets
from duisign._tree_lane cimport DEPTH_LIMIT_MAXIMUM


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
    const unsigned char* start
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
    # owned: what is left of the document when something is dropped; NULL before
    unsigned char* rest
    size_t rest_length
    # document octets from here on are not in rest yet
    const unsigned char* unwritten
    bint out_of_memory
    OpenElement[DEPTH_LIMIT_MAXIMUM] open


cdef int scan_open(
    Scan* scan, Octets* out, bytes document, int algorithm, bint strip, bint replace, int max_depth, bint digest,
) except -1
cdef void scan_free(Scan* scan) noexcept
cdef Decline scan_run(Scan* scan) except DECLINES
cdef Py_ssize_t rest_length(const Scan* scan) noexcept
cdef char* put_rest(const Scan* scan, char* out, size_t start, size_t end) noexcept
