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
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from duisign._byte_scan cimport Cut, Scan, put_head, put_tail, rest_length, scan_free, scan_open, scan_run
from duisign._byte_text cimport (
    DECLINES, DOCTYPE, DUISIGN_SCAN, ENCODING, INSTRUCTION, MALFORMED, NAME, NAMESPACE, NOT_DECLINED, SIGNATURE,
    TOO_DEEP, TOO_LARGE, XML_ATTRIBUTE, Decline,
)
from duisign._octets cimport Octets, _PyBytes_Resize, octets_digest, octets_take
from duisign._sha256 cimport DIGEST, Sha256, sha256_free, sha256_needs_gil, sha256_open
from duisign._signature_frame cimport SignatureFrame, SignedInfo, signed_info_of

cdef enum:
    # Octets of a document whose reading takes long enough to be worth giving up the GIL for.
    LONG_READING = 4096

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
    """What the lane makes of a document that is not signed: why it declines, a str, or a tuple.

    Its items: the canonical octets, or their digest; the document without what is dropped; the index in it where the
    Signature goes; whether the root binds the prefix ds to XMLDSig; the name of a root that must be opened, or None.
    """
    cdef Octets out
    cdef Scan scan
    cdef Sha256 sha256
    cdef bytes room = PyBytes_FromStringAndSize(NULL, len(document))
    cdef bytes rest
    cdef Decline decline
    sha256_open(&sha256)
    scan_open(
        &scan, &out, document, len(document), algorithm, strip, replace, max_depth, &sha256 if digest else NULL,
        <unsigned char*> PyBytes_AS_STRING(room),
    )
    try:
        decline = scan_run(&scan)
        if decline:
            return REASONS[decline]
        rest = PyBytes_FromStringAndSize(NULL, rest_length(&scan.cut))
        put_tail(&scan.cut, put_head(&scan.cut, PyBytes_AS_STRING(rest)), 0)
        name = None
        if scan.cut.empty_root:
            name = PyBytes_FromStringAndSize(<const char*> scan.cut.root_name.octets, scan.cut.root_name.length)
        return octets_take(&out), rest, scan.cut.splice, scan.cut.binds_ds, name
    finally:
        scan_free(&scan)
        sha256_free(&sha256)


cdef struct Options:
    int algorithm
    bint strip
    bint replace
    int max_depth
    Py_ssize_t max_octets
    # octets of a Signature, and of one where the root binds the prefix ds
    Py_ssize_t signature
    Py_ssize_t signature_bound
    # borrowed from the frame: the state behind the start of the canonical SignedInfo
    const Sha256* signed_info


cdef struct Reading:
    # what a document needs to be signed; its octets must stay
    Cut cut
    SignedInfo signed_info
    # octets of the signed document
    Py_ssize_t length


cdef Decline read(
    const Options* options, const unsigned char* document, size_t length, unsigned char* room, Sha256* sha256,
    Reading* reading,
) except DECLINES nogil:
    """Read a document, all that comes before its ECDSA signature; NOT_DECLINED, or why not.

    `room`: where what is left of the document is put together; as long as the document, or NULL if nothing is dropped.
    """
    cdef Octets out
    cdef Scan scan
    cdef Decline decline
    cdef unsigned char[DIGEST] digest
    scan_open(
        &scan, &out, document, length, options.algorithm, options.strip, options.replace, options.max_depth, sha256,
        room,
    )
    try:
        decline = scan_run(&scan)
        if decline:
            return decline
        reading.cut = scan.cut
        reading.length = rest_length(&scan.cut) + (
            options.signature_bound if scan.cut.binds_ds else options.signature
        )
        if scan.cut.empty_root:
            reading.length += scan.cut.root_name.length + 2
        if reading.length > options.max_octets:
            return TOO_LARGE
        if not octets_digest(&out, digest) or not signed_info_of(
            digest, options.signed_info, sha256, &reading.signed_info
        ):
            with gil:
                raise MemoryError
        return NOT_DECLINED
    finally:
        scan_free(&scan)


@cython.final
cdef class ReadDocument:
    """A document that a ByteLane has read, and that waits for its ECDSA signature."""

    cdef bytes document
    # of the lane that has read it
    cdef SignatureFrame frame
    cdef Reading reading
    # DECLINES: it is not read
    cdef Decline decline
    # it is being signed, or has been
    cdef bint taken
    # owned, see `ByteLane.room`; NULL where nothing is dropped, and once it is taken
    cdef PyObject* room

    def __dealloc__(self):
        Py_XDECREF(self.room)


cdef struct Unread:
    # borrowed from a ReadDocument that is not read yet
    const unsigned char* octets
    size_t length
    unsigned char* rest
    Reading* reading
    Decline* decline


cdef int read_each(const Options* options, const Unread* documents, Py_ssize_t count) except -1 nogil:
    cdef Sha256 sha256
    cdef Py_ssize_t index
    cdef const Unread* one
    sha256_open(&sha256)
    try:
        for index in range(count):
            one = &documents[index]
            one.decline[0] = read(options, one.octets, one.length, one.rest, &sha256, one.reading)
        return 0
    finally:
        sha256_free(&sha256)


@cython.final
cdef class ByteLane:
    """Signs documents for one Signer, or declines them.

    `algorithm`: 0 for C14N 1.0, 2 for Exclusive C14N. `strip`, `replace`: as the options of `Signer`.
    """

    cdef SignatureFrame frame
    cdef Options options
    # documents by reason; those that were signed under NOT_DECLINED
    cdef unsigned long long[DECLINES] counts

    def __cinit__(
        self, SignatureFrame frame not None, int algorithm, bint strip, bint replace, Py_ssize_t max_octets,
        int max_depth,
    ):
        self.frame = frame
        self.options.algorithm = algorithm
        self.options.strip = strip
        self.options.replace = replace
        self.options.max_octets = max_octets
        self.options.max_depth = max_depth
        self.options.signature = frame.length(False)
        self.options.signature_bound = frame.length(True)
        self.options.signed_info = &frame.signed_info.state

    cdef bint takes(self, document) except -1:
        """Whether to read a document at all."""
        if type(document) is not bytes:
            return False
        if len(<bytes> document) > self.options.max_octets:
            self.counts[<int> TOO_LARGE] += 1
            return False
        return True

    cdef PyObject* room(self, bytes document) except? NULL:
        """The result, owned, in which what is left of the document is put together; NULL if nothing is dropped."""
        if not self.options.strip and not self.options.replace:
            return NULL
        return new_bytes(NULL, len(document) + self.options.signature)

    def sign(self, document):
        """The signed document, or None: declined."""
        cdef Reading reading
        cdef Sha256 sha256
        cdef Decline decline
        cdef PyObject* room
        cdef unsigned char* rest = NULL
        cdef const unsigned char* octets
        cdef size_t length
        if not self.takes(document):
            return None
        octets, length = <bytes> document, len(<bytes> document)
        room = self.room(<bytes> document)
        if room != NULL:
            rest = <unsigned char*> PyBytes_AS_STRING(<object> room)
        sha256_open(&sha256)
        try:
            if length >= LONG_READING:
                with nogil:
                    decline = read(&self.options, octets, length, rest, &sha256, &reading)
            else:
                decline = read(&self.options, octets, length, rest, &sha256, &reading)
            if decline:
                self.counts[<int> decline] += 1
                return None
            return self.signed_document(&reading, &room)
        finally:
            sha256_free(&sha256)
            Py_XDECREF(room)

    def read_all(self, list documents not None):
        """Read documents at once, without the GIL: a tuple for each, of itself and its `ReadDocument`.

        None in place of that: declined. Where memory ends, the rest is left unread, for `sign_read` to say so.
        """
        cdef tuple taken = tuple(documents)
        cdef list found = [(document, None) for document in taken]
        cdef list waiting = []
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t index
        cdef ReadDocument one
        cdef Unread* unread = <Unread*> malloc((len(taken) + 1) * sizeof(Unread))
        if unread == NULL:
            return found
        try:
            for index in range(len(taken)):
                if not self.takes(taken[index]):
                    continue
                one = ReadDocument.__new__(ReadDocument)
                one.document = taken[index]
                one.frame = self.frame
                one.decline = DECLINES
                waiting.append((index, one))
                try:
                    one.room = self.room(one.document)
                except MemoryError:
                    break
                unread[count].octets, unread[count].length = one.document, len(one.document)
                unread[count].rest = NULL if one.room == NULL else <unsigned char*> PyBytes_AS_STRING(<object> one.room)
                unread[count].reading, unread[count].decline = &one.reading, &one.decline
                count += 1
            try:
                if sha256_needs_gil():
                    read_each(&self.options, unread, count)
                else:
                    with nogil:
                        read_each(&self.options, unread, count)
            except MemoryError:
                # The results of those before it come before it is told.
                pass
        finally:
            free(unread)
        for index, one in waiting:
            if one.decline == NOT_DECLINED or one.decline == DECLINES:
                found[index] = (one.document, one)
            else:
                self.counts[<int> one.decline] += 1
        return found

    def sign_read(self, ReadDocument document not None):
        """The signed document, for one that this lane has read; can be had once."""
        cdef Reading reading = document.reading
        cdef PyObject* room = document.room
        if document.frame is not self.frame or document.taken:
            raise ValueError("it is not this lane's, or signed already")
        if document.decline != NOT_DECLINED:
            raise MemoryError
        # Before the key is called: it may be anybody's code.
        document.taken = True
        document.room = NULL
        try:
            return self.signed_document(&reading, &room)
        finally:
            Py_XDECREF(room)

    cdef object signed_document(self, const Reading* reading, PyObject** room):
        """The signed document. Takes `room`, and leaves NULL, or what its owner has to free after an exception."""
        cdef bytes der = self.frame.der_signature(&reading.signed_info)
        cdef char* to
        if room[0] == NULL or reading.length > PyBytes_GET_SIZE(<object> room[0]):
            Py_XDECREF(room[0])
            room[0] = NULL
            room[0] = new_bytes(NULL, reading.length)
        to = put_head(&reading.cut, PyBytes_AS_STRING(<object> room[0]))
        if reading.cut.empty_root:
            to[0] = c">"
            to = self.frame.put(to + 1, reading.cut.binds_ds, &reading.signed_info, der)
            to[0] = c"<"
            to[1] = c"/"
            memcpy(to + 2, reading.cut.root_name.octets, reading.cut.root_name.length)
            # Behind the "/" of the empty root.
            put_tail(&reading.cut, to + 2 + reading.cut.root_name.length, 1)
        else:
            put_tail(&reading.cut, self.frame.put(to, reading.cut.binds_ds, &reading.signed_info, der), 0)
        if PyBytes_GET_SIZE(<object> room[0]) != reading.length:
            _PyBytes_Resize(room, reading.length)
        self.counts[<int> NOT_DECLINED] += 1
        signed = <object> room[0]
        Py_XDECREF(room[0])
        room[0] = NULL
        return signed

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
