"""The byte lane: from a document's octets to their canonical form in one pass, without a tree.

For signing alone. It takes the plain UTF-8 subset of XML that DUIS messages use, without DOCTYPE, and declines
everything else: then the tree lane decides, and words the refusal. Two properties hold for every input, and are
fuzzed: it declines, or gives exactly the octets and the splice of the tree lane; and what libxml2 refuses is declined.

XML 1.0 (fifth edition), Namespaces in XML 1.0, Canonical XML 1.0, Exclusive XML Canonicalization 1.0.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from duisign._byte_scan cimport Cut, Scan, put_head, put_tail, rest_length, scan_free, scan_open, scan_run
from duisign._byte_text cimport DECLINES, DUISIGN_SCAN, NOT_DECLINED, TOO_LARGE, Decline, reason_of
from duisign._heap cimport keep_memory
from duisign._octets cimport Octets, _PyBytes_Resize, octets_digest, octets_take
from duisign._sha256 cimport DIGEST, Sha256, sha256_free, sha256_needs_gil, sha256_open
from duisign._signature_frame cimport RAW, FrameOctets, SignatureFrame, SignedInfo, put_signature, signed_info_of

cdef enum:
    # Octets of a document whose reading takes long enough to be worth giving up the GIL for, and of a result whose
    # copying does: two threads gain nothing by it at 70 KB, a tenth at 700 KB.
    LONG_READING = 4096
    LONG_COPY = 262144
    # Chunks of a worker's documents that are signed and not yet with the caller, about.
    CHUNKS_UNDER_WAY = 16

cdef extern from "Python.h":
    # As `_PyBytes_Resize` wants it: an object that nobody else holds.
    PyObject* new_bytes "PyBytes_FromStringAndSize" (const char* octets, Py_ssize_t length) except NULL
    char* bytes_octets "PyBytes_AS_STRING" (PyObject* octets) noexcept nogil
    Py_ssize_t bytes_length "PyBytes_GET_SIZE" (PyObject* octets) noexcept nogil

SCAN = DUISIGN_SCAN.decode()
"""Which branch of the scanner was compiled: "SSE2", "NEON" or "plain"."""


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
            return reason_of(decline)
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


cdef void put_document(
    char* out, const Reading* reading, const FrameOctets* frame, const unsigned char* raw,
) noexcept nogil:
    """Write the signed document, `reading.length` octets; `out` may be the room that it was read with."""
    cdef const Cut* cut = &reading.cut
    cdef char* to = put_head(cut, out)
    if cut.empty_root:
        to[0] = c">"
        to = put_signature(to + 1, frame, cut.binds_ds, &reading.signed_info, raw)
        to[0] = c"<"
        to[1] = c"/"
        memcpy(to + 2, cut.root_name.octets, cut.root_name.length)
        # Behind the "/" of the empty root.
        put_tail(cut, to + 2 + cut.root_name.length, 1)
    else:
        put_tail(cut, put_signature(to, frame, cut.binds_ds, &reading.signed_info, raw), 0)


cdef struct Job:
    # a document, borrowed; NULL: it is not to be read
    const unsigned char* octets
    size_t length
    # owned: the room it is read with, or NULL, and then the signed document
    PyObject* room
    Decline decline
    Reading reading
    unsigned char[RAW] raw


cdef int read_jobs(const Options* options, Job* jobs, Py_ssize_t* count) except -1 nogil:
    """Read what is taken of `count` documents; `count` are read then, even after a MemoryError."""
    cdef Sha256 sha256
    cdef Py_ssize_t index = 0
    cdef Job* job
    sha256_open(&sha256)
    try:
        while index < count[0]:
            job = &jobs[index]
            if job.octets != NULL:
                job.decline = read(options, job.octets, job.length, octets_of(job.room), &sha256, &job.reading)
            index += 1
        return 0
    finally:
        count[0] = index
        sha256_free(&sha256)


cdef void put_jobs(Job* jobs, Py_ssize_t count, const FrameOctets* frame) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(count):
        if is_signed(&jobs[index]):
            put_document(bytes_octets(jobs[index].room), &jobs[index].reading, frame, jobs[index].raw)


cdef inline bint is_signed(const Job* job) noexcept nogil:
    """Whether a document that was read is one to sign, or was signed."""
    return job.octets != NULL and job.decline == NOT_DECLINED


cdef inline unsigned char* octets_of(PyObject* room) noexcept nogil:
    """Where the octets of an object of bytes are, or NULL if there is none."""
    return NULL if room == NULL else <unsigned char*> bytes_octets(room)


cdef int make_room(PyObject** room, const Reading* reading) except -1:
    """See to it that there is room for the signed document, with what was put together in it.

    There is too little in a root that must be opened alone: of such a document nothing is dropped.
    """
    if room[0] == NULL or reading.length > bytes_length(room[0]):
        Py_XDECREF(room[0])
        room[0] = NULL
        room[0] = new_bytes(NULL, reading.length)
    return 0


cdef object taken_room(PyObject** room, const Reading* reading):
    """The signed document that was put into its room, which is NULL from then on."""
    if bytes_length(room[0]) != reading.length:
        _PyBytes_Resize(room, reading.length)
    signed = <object> room[0]
    Py_XDECREF(room[0])
    room[0] = NULL
    return signed


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
        cdef unsigned char[RAW] raw
        cdef PyObject* room
        cdef const unsigned char* octets
        cdef size_t length
        if type(document) is not bytes:
            return None
        octets, length = <bytes> document, len(<bytes> document)
        if <Py_ssize_t> length > self.options.max_octets:
            self.counts[<int> TOO_LARGE] += 1
            return None
        room = self.room(<bytes> document)
        sha256_open(&sha256)
        try:
            if length >= LONG_READING:
                with nogil:
                    decline = read(&self.options, octets, length, octets_of(room), &sha256, &reading)
            else:
                decline = read(&self.options, octets, length, octets_of(room), &sha256, &reading)
            if decline:
                self.counts[<int> decline] += 1
                return None
            self.frame.sign(self.frame.to_sign(&reading.signed_info), raw)
            make_room(&room, &reading)
            if reading.length >= LONG_COPY:
                with nogil:
                    put_document(bytes_octets(room), &reading, &self.frame.octets, raw)
            else:
                put_document(bytes_octets(room), &reading, &self.frame.octets, raw)
            signed = taken_room(&room, &reading)
            self.counts[<int> NOT_DECLINED] += 1
            return signed
        finally:
            sha256_free(&sha256)
            Py_XDECREF(room)

    def sign_all(self, list documents not None, list found not None):
        """Append to `found` what `sign` gives for each of some documents, all done at once.

        The GIL is needed for the calls of the key, and a moment before and behind all. Where `sign` would raise for a
        document, what it gives for those before it is in `found`, and then this raises.
        """
        cdef tuple taken = tuple(documents)
        cdef Py_ssize_t number = len(taken)
        cdef Py_ssize_t index
        cdef Job* jobs = <Job*> calloc(number + 1, sizeof(Job))
        if jobs == NULL:
            raise MemoryError
        try:
            self.sign_jobs(jobs, taken, found)
        finally:
            for index in range(number):
                Py_XDECREF(jobs[index].room)
            free(jobs)

    cdef int sign_jobs(self, Job* jobs, tuple documents, list found) except -1:
        cdef Py_ssize_t count = len(documents)
        cdef Py_ssize_t index = 0
        cdef size_t octets = 0
        cdef Job* job
        cdef list to_sign = []
        failure = None
        try:
            for index in range(count):
                document = documents[index]
                job = &jobs[index]
                if type(document) is not bytes:
                    continue
                if len(<bytes> document) > self.options.max_octets:
                    job.decline = TOO_LARGE
                    continue
                job.room = self.room(<bytes> document)
                job.octets, job.length = <bytes> document, len(<bytes> document)
                octets += job.length
        except MemoryError as error:
            failure, count = error, index
        keep_memory(CHUNKS_UNDER_WAY * octets)
        try:
            if sha256_needs_gil():
                read_jobs(&self.options, jobs, &count)
            else:
                with nogil:
                    read_jobs(&self.options, jobs, &count)
        except MemoryError as error:
            failure = error
        try:
            for index in range(count):
                job = &jobs[index]
                if is_signed(job):
                    to_sign.append(self.frame.to_sign(&job.reading.signed_info))
                    make_room(&job.room, &job.reading)
                else:
                    to_sign.append(None)
        except MemoryError as error:
            failure, count = error, index
        try:
            # A call of the key lets other threads have the GIL: between two of them they wait for it.
            for index in range(count):
                job = &jobs[index]
                if is_signed(job):
                    self.frame.sign(to_sign[index], job.raw)
        except BaseException as error:
            # Of the key, or of a signal that came while it was called.
            failure, count = error, index
        with nogil:
            put_jobs(jobs, count, &self.frame.octets)
        for index in range(count):
            job = &jobs[index]
            if is_signed(job):
                found.append(taken_room(&job.room, &job.reading))
                self.counts[<int> NOT_DECLINED] += 1
            else:
                found.append(None)
                if job.decline:
                    self.counts[<int> job.decline] += 1
        if failure is not None:
            raise failure
        return 0

    def declined(self):
        """How often documents were declined, by reason."""
        cdef int reason
        cdef dict counts = {}
        for reason in range(1, DECLINES):
            if self.counts[reason]:
                counts[reason_of(<Decline> reason)] = self.counts[reason]
        return counts

    @property
    def signed(self):
        """How many documents this lane has signed."""
        return self.counts[<int> NOT_DECLINED]
