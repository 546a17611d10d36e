"""The byte lane: from a document's octets to their canonical form in one pass, without a tree.

For signing alone. It takes the plain UTF-8 subset of XML that DUIS messages use, without DOCTYPE, and declines
everything else: then the tree lane decides, and words the refusal. Two properties hold for every input, and are
fuzzed: it declines, or gives exactly the octets and the splice of the tree lane; and what libxml2 refuses is declined.

XML 1.0 (fifth edition), Namespaces in XML 1.0, Canonical XML 1.0, Exclusive XML Canonicalization 1.0.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.string cimport memcpy

from duisign._byte_scan cimport Scan, put_head, put_tail, rest_length, scan_free, scan_open, scan_run
from duisign._byte_text cimport (
    DECLINES, DOCTYPE, DUISIGN_SCAN, ENCODING, INSTRUCTION, MALFORMED, NAME, NAMESPACE, NOT_DECLINED, SIGNATURE,
    TOO_DEEP, TOO_LARGE, XML_ATTRIBUTE, Decline,
)
from duisign._octets cimport Octets, _PyBytes_Resize, octets_take
from duisign._signature_frame cimport SignatureFrame

cdef extern from "Python.h":
    # As `_PyBytes_Resize` wants it: an object that nobody else holds.
    PyObject* new_bytes "PyBytes_FromStringAndSize" (const char* octets, Py_ssize_t length) except NULL

SCAN = DUISIGN_SCAN.decode()
"""Which branch of the scanner was compiled: "SSE2", "NEON" or "plain"."""

cdef dict REASONS = {
    MALFORMED: "malformed",
    DOCTYPE: "doctype",
    ENCODING: "encoding",
    NAME: "name",
    NAMESPACE: "namespace",
    XML_ATTRIBUTE: "xml-attribute",
    INSTRUCTION: "instruction",
    SIGNATURE: "signature",
    TOO_DEEP: "too-deep",
    TOO_LARGE: "too-large",
}


def canonical_document(
    bytes document not None, int algorithm, bint strip, bint replace, int max_depth, bint digest,
):
    """What the lane makes of a document, for tests: why it declines, a str, or a tuple.

    Its items: the canonical octets, or their digest; the document without what is dropped; the index in it where the
    Signature goes; whether the root binds the prefix ds to XMLDSig; the name of a root that must be opened, or None.
    """
    cdef Octets out
    cdef Scan scan
    cdef bytes rest
    cdef Decline decline
    cdef bytes room
    scan_open(&scan, &out, document, algorithm, strip, replace, max_depth, digest)
    try:
        if strip or replace:
            room = PyBytes_FromStringAndSize(NULL, len(document))
            scan.rest = <unsigned char*> PyBytes_AS_STRING(room)
        decline = scan_run(&scan)
        if decline:
            return REASONS[decline]
        rest = PyBytes_FromStringAndSize(NULL, rest_length(&scan))
        put_tail(&scan, put_head(&scan, PyBytes_AS_STRING(rest)), 0)
        name = None
        if scan.empty_root:
            name = PyBytes_FromStringAndSize(<const char*> scan.root_name.octets, scan.root_name.length)
        return octets_take(&out), rest, scan.splice, scan.binds_ds, name
    finally:
        scan_free(&scan)


@cython.final
cdef class ByteLane:
    """Signs documents for one Signer, or declines them.

    `algorithm`: 0 for C14N 1.0, 2 for Exclusive C14N. `strip`, `replace`: as the options of `Signer`.
    """

    cdef SignatureFrame frame
    cdef int algorithm
    cdef bint strip
    cdef bint replace
    cdef Py_ssize_t max_octets
    cdef int max_depth
    # documents by reason; those that were signed under NOT_DECLINED
    cdef unsigned long long[DECLINES] counts

    def __cinit__(
        self, SignatureFrame frame not None, int algorithm, bint strip, bint replace, Py_ssize_t max_octets,
        int max_depth,
    ):
        self.frame = frame
        self.algorithm = algorithm
        self.strip = strip
        self.replace = replace
        self.max_octets = max_octets
        self.max_depth = max_depth

    def sign(self, document):
        """The signed document, or None: declined."""
        cdef Octets out
        cdef Scan scan
        cdef Decline decline
        cdef Py_ssize_t length, room_length
        cdef bytes digest_text, der
        cdef PyObject* signed = NULL
        cdef char* to
        if type(document) is not bytes:
            return None
        if len(<bytes> document) > self.max_octets:
            self.counts[<int> TOO_LARGE] += 1
            return None
        # The result, in which what is left of the document is put together when something is dropped.
        room_length = len(<bytes> document) + self.frame.length(False)
        scan_open(
            &scan, &out, <bytes> document, self.algorithm, self.strip, self.replace, self.max_depth, True
        )
        try:
            if self.strip or self.replace:
                signed = new_bytes(NULL, room_length)
                scan.rest = <unsigned char*> PyBytes_AS_STRING(<object> signed)
            decline = scan_run(&scan)
            if decline:
                self.counts[<int> decline] += 1
                return None
            length = rest_length(&scan) + self.frame.length(scan.binds_ds)
            if scan.empty_root:
                length += scan.root_name.length + 2
            if length > self.max_octets:
                self.counts[<int> TOO_LARGE] += 1
                return None
            digest_text = self.frame.digest_text(octets_take(&out))
            der = self.frame.der_signature(digest_text)
            if signed == NULL or length > room_length:
                Py_XDECREF(signed)
                signed = NULL
                signed = new_bytes(NULL, length)
            to = put_head(&scan, PyBytes_AS_STRING(<object> signed))
            if scan.empty_root:
                to[0] = c">"
                to = self.frame.put(to + 1, scan.binds_ds, digest_text, der)
                to[0] = c"<"
                to[1] = c"/"
                memcpy(to + 2, scan.root_name.octets, scan.root_name.length)
                to += 2 + scan.root_name.length
                # Behind the "/" of the empty root.
                put_tail(&scan, to, 1)
            else:
                put_tail(&scan, self.frame.put(to, scan.binds_ds, digest_text, der), 0)
            if PyBytes_GET_SIZE(<object> signed) != length:
                _PyBytes_Resize(&signed, length)
            self.counts[<int> NOT_DECLINED] += 1
            return <object> signed
        finally:
            Py_XDECREF(signed)
            scan_free(&scan)

    def declined(self):
        """How often documents were declined, by reason."""
        cdef int reason
        cdef dict counts = {}
        for reason in range(1, DECLINES):
            if self.counts[reason]:
                counts[REASONS[reason]] = self.counts[reason]
        return counts

    @property
    def signed(self):
        """How many documents this lane has signed."""
        return self.counts[<int> NOT_DECLINED]
