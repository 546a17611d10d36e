"""Plain documents: those that an older libxml2 is trusted with.

lxml's wheels for Windows carry libxml2 2.11. It ends a document at a U+0000 behind the root, takes an XML declaration
without white space between its parts, misreads an ampersand in a namespace URI, and needs a time that grows with the
square of the attributes of an element and of the names in a document, and with all levels and declarations around each
element. So it is given nothing but what the byte lane's scan, which knows XML for itself, takes too, with few of these.
It has the last word all the same.
"""

from duisign._bindings cimport Bindings, bindings_free, bindings_open
from duisign._byte_scan cimport Scan, scan_for_parser, scan_free, scan_open, scan_run
from duisign._byte_text cimport DECLINES, NOT_DECLINED, Decline, reason_of
from duisign._octets cimport Octets
from duisign._sha256 cimport Sha256, sha256_free, sha256_open

cdef enum:
    # Octets of a document whose reading takes long enough to be worth giving up the GIL for.
    LONG_READING = 4096


cdef Decline scan_all(const unsigned char* document, size_t length, int max_depth) except DECLINES nogil:
    cdef Octets out
    cdef Scan scan
    cdef Bindings words
    # Never begun; with it, no room for the whole canonical form is made.
    cdef Sha256 sha256
    sha256_open(&sha256)
    scan_open(&scan, &out, document, length, 0, False, False, max_depth, &sha256, NULL)
    bindings_open(&words)
    scan_for_parser(&scan, &words)
    try:
        return scan_run(&scan)
    finally:
        scan_free(&scan)
        bindings_free(&words)
        sha256_free(&sha256)


def why_not_plain(bytes document not None, int max_depth):
    """None for a plain document, else the reason why it is none, in a word."""
    cdef Decline decline
    cdef const unsigned char* octets = document
    cdef size_t length = len(document)
    if length >= LONG_READING:
        with nogil:
            decline = scan_all(octets, length, max_depth)
    else:
        decline = scan_all(octets, length, max_depth)
    return None if decline == NOT_DECLINED else reason_of(decline)
