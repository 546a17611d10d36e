# One scan of a document in the byte lane.

from duisign._bindings cimport Bindings, Text
from duisign._byte_text cimport DECLINES, NOT_DECLINED, Decline, Lane
from duisign._octets cimport Octets
from duisign._sha256 cimport Sha256


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


cdef struct Cut:
    # how the result comes about: where the Signature goes into the document, and what is dropped before it
    # octets of the result before the Signature
    size_t splice
    bint binds_ds
    # an element without content at the root: the splice is at its "/"
    bint empty_root
    Text root_name
    # borrowed, as long as the document: what is left of it, once something is dropped; NULL where nothing may be
    unsigned char* rest
    size_t rest_length
    # document octets from here on are not in rest yet
    const unsigned char* unwritten
    const unsigned char* end


cdef struct Scan:
    Lane lane
    Cut cut
    # octets that the canonical form of the whole document may have
    size_t largest
    int depth
    int max_depth
    bint strip
    bint replace
    # the last markup was a CDATA section
    bint after_cdata
    # the Signature to drop was met; it is open
    bint signature_met
    bint in_signature
    const unsigned char* signature_start
    # for a parser: what stands around all elements so far, and may
    size_t around
    size_t most_around
    bint out_of_memory
    # inline_open, or owned and max_depth long
    OpenElement* open
    OpenElement[INLINE_LEVELS] inline_open


cdef int scan_open(
    Scan* scan, Octets* out, const unsigned char* document, size_t length, int algorithm, bint strip, bint replace,
    int max_depth, Sha256* sha256, unsigned char* rest,
) except -1 nogil
cdef void scan_for_parser(Scan* scan, Bindings* words) noexcept nogil
cdef void scan_free(Scan* scan) noexcept nogil
cdef Decline scan_run(Scan* scan) except DECLINES nogil
cdef Py_ssize_t rest_length(const Cut* cut) noexcept nogil
cdef char* put_head(const Cut* cut, char* out) noexcept nogil
cdef void put_tail(const Cut* cut, char* out, size_t skip) noexcept nogil
