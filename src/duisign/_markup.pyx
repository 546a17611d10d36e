"""Markup in the caller's bytes: where the prolog ends, where a Signature goes, which white space can go.

These functions find their way in UTF-8 that libxml2 has found to be well-formed, and change nothing but what they
are asked to. On other input they stay inside the buffer and raise ValueError or give a result that the parser,
which always has the last word, refuses.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

from duisign._tree_lane cimport DEPTH_LIMIT_MAXIMUM

UTF8 = IN_UTF8
"""`prolog`: UTF-8 or US-ASCII, by byte order mark, label, or default."""
OTHER_ENCODING = IN_OTHER_ENCODING
"""`prolog`: any other encoding, to be decoded before anything else."""
DOCTYPE = WITH_DOCTYPE
"""`prolog`: a DOCTYPE stands before the root element."""

cdef enum:
    # Octets of a document from which a scan is long enough to be worth giving up the GIL for.
    LONG_SCAN = 32768


cdef enum Markup:
    MALFORMED = -1
    FINISH = 0
    START_TAG
    END_TAG
    EMPTY_TAG
    COMMENT
    INSTRUCTION
    CDATA


cdef struct Scanner:
    const char* at
    const char* end
    # the markup found last, from "<" to behind ">"
    const char* start


cdef inline bint is_space(char octet) noexcept nogil:
    return octet == c" " or octet == c"\n" or octet == c"\t" or octet == c"\r"


cdef inline bint begins(const char* at, const char* end, const char* word, size_t length) noexcept nogil:
    return <size_t> (end - at) >= length and memcmp(at, word, length) == 0


cdef const char* behind(const char* at, const char* end, const char* closing, size_t length) noexcept nogil:
    """Behind the first `closing` (which ends in ">") from `at` on, or NULL."""
    cdef const char* found = at
    while True:
        found = <const char*> memchr(found, c">", end - found)
        if found == NULL:
            return NULL
        found += 1
        if <size_t> (found - at) >= length and memcmp(found - length, closing, length) == 0:
            return found


cdef const char* behind_tag(const char* at, const char* end) noexcept nogil:
    """Behind the ">" of a start tag, of which none is inside quotes, or NULL."""
    cdef char octet
    while at < end:
        octet = at[0]
        at += 1
        if octet == c">":
            return at
        if octet == c'"' or octet == c"'":
            at = <const char*> memchr(at, octet, end - at)
            if at == NULL:
                return NULL
            at += 1
    return NULL


cdef Markup next_markup(Scanner* scanner) noexcept nogil:
    """Move behind the next markup; character data lies between the end of one and the start of the next."""
    cdef const char* at = <const char*> memchr(scanner.at, c"<", scanner.end - scanner.at)
    cdef const char* end = scanner.end
    cdef Markup kind
    if at == NULL:
        return FINISH
    scanner.start = at
    if begins(at, end, b"</", 2):
        at = behind(at + 2, end, b">", 1)
        kind = END_TAG
    elif begins(at, end, b"<!--", 4):
        at = behind(at + 4, end, b"-->", 3)
        kind = COMMENT
    elif begins(at, end, b"<![CDATA[", 9):
        at = behind(at + 9, end, b"]]>", 3)
        kind = CDATA
    elif begins(at, end, b"<?", 2):
        at = behind(at + 2, end, b"?>", 2)
        kind = INSTRUCTION
    elif begins(at, end, b"<!", 2):
        return MALFORMED
    else:
        at = behind_tag(at + 1, end)
        kind = EMPTY_TAG if at != NULL and (at - 2)[0] == c"/" else START_TAG
    if at == NULL:
        return MALFORMED
    scanner.at = at
    return kind


cdef bint is_utf8_label(const char* at, const char* end, bint marked) noexcept nogil:
    """Whether the XML declaration from `at` to `end` names UTF-8, or no encoding, or US-ASCII unless `marked`."""
    cdef const char* name
    cdef char quote
    cdef Py_ssize_t length
    cdef char[9] lower
    cdef Py_ssize_t index
    while at < end and not begins(at, end, b"encoding", 8):
        at += 1
    if at == end:
        return True
    at += 8
    while at < end and (is_space(at[0]) or at[0] == c"="):
        at += 1
    if at == end or (at[0] != c'"' and at[0] != c"'"):
        return False
    quote = at[0]
    name = at + 1
    at = <const char*> memchr(name, quote, end - name)
    length = at - name if at != NULL else 0
    if length < 4 or length > 8:
        return False
    for index in range(length):
        lower[index] = name[index] | 0x20 if c"A" <= name[index] <= c"Z" else name[index]
    if (length == 5 and memcmp(lower, b"utf-8", 5) == 0) or (length == 4 and memcmp(lower, b"utf8", 4) == 0):
        return True
    # A byte order mark is no ASCII: readers differ in which of the two they believe.
    return not marked and (
        (length == 8 and memcmp(lower, b"us-ascii", 8) == 0) or (length == 5 and memcmp(lower, b"ascii", 5) == 0)
    )


def prolog(bytes document not None, bint decoded):
    """UTF8, OTHER_ENCODING or DOCTYPE: what stands before the root element, as far as it concerns parsing.

    `decoded`: the document is UTF-8 now, whatever its label says.
    """
    cdef const char* octets = PyBytes_AS_STRING(document)
    return <int> prolog_of(octets, octets + len(document), decoded)


cdef Prolog prolog_of(const char* at, const char* end, bint decoded) noexcept nogil:
    """`prolog` of the octets from `at` to `end`."""
    cdef Scanner scanner
    cdef Markup kind
    if begins(at, end, b"\xef\xbb\xbf", 3):
        at += 3
        scanner.at = NULL
        if not decoded and begins(at, end, b"<?xml", 5):
            scanner.at = behind(at, end, b"?>", 2)
        if scanner.at != NULL and end - at > 5 and is_space(at[5]) and not is_utf8_label(at, scanner.at, True):
            return IN_OTHER_ENCODING
    elif end - at >= 2 and not decoded:
        # UTF-16, UTF-32 with or without a mark, EBCDIC: XML 1.0 appendix F
        if (<unsigned char> at[0] >= 0xFE and <unsigned char> at[1] >= 0xFE) or at[0] == 0 or at[1] == 0:
            return IN_OTHER_ENCODING
        if begins(at, end, b"\x4c\x6f\xa7\x94", 4):
            return IN_OTHER_ENCODING
        if begins(at, end, b"<?xml", 5):
            scanner.at = behind(at, end, b"?>", 2)
            if scanner.at != NULL and end - at > 5 and is_space(at[5]) and not is_utf8_label(at, scanner.at, False):
                return IN_OTHER_ENCODING
    scanner.at = at
    scanner.end = end
    while True:
        kind = next_markup(&scanner)
        if kind == MALFORMED and begins(scanner.start, end, b"<!D", 3):
            return WITH_DOCTYPE
        if kind != COMMENT and kind != INSTRUCTION:
            return IN_UTF8


cdef struct Splice:
    # "<" of the root's end tag, or "/" of a root without content
    const char* at
    bint empty_root
    const char* root_name
    size_t root_name_length
    # the child element to drop
    const char* drop_start
    const char* drop_end


cdef int find_splice(const char* start, const char* end, int drop_child, Splice* found) noexcept nogil:
    """0, or -1 if the document is not what libxml2 takes for well-formed."""
    cdef Scanner scanner
    cdef Markup kind
    cdef const char* name
    cdef int depth = 0
    cdef int child = -1
    found.at = found.drop_start = found.drop_end = NULL
    scanner.at = start
    scanner.end = end
    while True:
        kind = next_markup(&scanner)
        if kind == START_TAG or kind == EMPTY_TAG:
            if depth == 0:
                name = scanner.start + 1
                found.root_name = name
                while name < scanner.at and not is_space(name[0]) and name[0] != c"/" and name[0] != c">":
                    name += 1
                found.root_name_length = name - found.root_name
                found.empty_root = kind == EMPTY_TAG
                if found.empty_root:
                    found.at = scanner.at - 2
                    return 0 if drop_child < 0 else -1
            elif depth == 1:
                child += 1
                if child == drop_child:
                    found.drop_start = scanner.start
                    if kind == EMPTY_TAG:
                        found.drop_end = scanner.at
            if kind == START_TAG:
                depth += 1
        elif kind == END_TAG:
            depth -= 1
            if depth == 1 and child == drop_child and found.drop_end == NULL and found.drop_start != NULL:
                found.drop_end = scanner.at
            elif depth <= 0:
                found.at = scanner.start
                return 0 if depth == 0 and (drop_child < 0 or found.drop_end != NULL) else -1
        elif kind == FINISH or kind == MALFORMED:
            return -1


cdef bint find_last_tag(const char* start, const char* end, Splice* found) noexcept nogil:
    """Where nothing but white space stands behind the root, the last "<" begins its end tag; False if it has none."""
    cdef const char* at = end
    while at > start:
        at -= 1
        if at[0] == c"<":
            found.at = at
            found.empty_root = False
            found.drop_start = found.drop_end = NULL
            return at + 1 < end and at[1] == c"/"
    return False


cdef char* copied(char* to, const char* start, const char* end) noexcept nogil:
    memcpy(to, start, end - start)
    return to + (end - start)


def splice(bytes document not None, bytes insertion not None, int drop_child, bint ends_with_root):
    """`document` with `insertion` before the root's end tag, and without child element number `drop_child`, if >= 0.

    `ends_with_root`: the parser found no comment or instruction behind the root. A root without
    content is opened. ValueError if the document is not well-formed as far as this needs.
    """
    cdef const char* start = PyBytes_AS_STRING(document)
    cdef const char* end = start + len(document)
    cdef Splice found
    cdef int status
    cdef bytes result
    cdef char* to
    cdef Py_ssize_t length
    if ends_with_root and drop_child < 0 and find_last_tag(start, end, &found):
        status = 0
    elif len(document) >= LONG_SCAN:
        with nogil:
            status = find_splice(start, end, drop_child, &found)
    else:
        status = find_splice(start, end, drop_child, &found)
    if status < 0:
        raise ValueError("not a well-formed document")
    length = len(document) + len(insertion)
    if found.empty_root:
        length += found.root_name_length + 2
    if found.drop_start != NULL:
        length -= found.drop_end - found.drop_start
    result = PyBytes_FromStringAndSize(NULL, length)
    to = PyBytes_AS_STRING(result)
    if found.drop_start != NULL:
        to = copied(to, start, found.drop_start)
        start = found.drop_end
    to = copied(to, start, found.at)
    if found.empty_root:
        to = copied(to, b">", <const char*> b">" + 1)
    to = copied(to, insertion, <const char*> insertion + len(insertion))
    if found.empty_root:
        to = copied(to, b"</", <const char*> b"</" + 2)
        to = copied(to, found.root_name, found.root_name + found.root_name_length)
        found.at += 1
    copied(to, found.at, end)
    return result


cdef struct Leaf:
    const char* start
    const char* end


cdef int find_leaf(const char* start, const char* end, int outer, int inner, Leaf* found) noexcept nogil:
    """The content of child element `inner` of child element `outer` of the root. 0; -1 if there is none."""
    cdef Scanner scanner
    cdef Markup kind
    cdef int depth = 0
    cdef int[2] numbers
    numbers[0] = numbers[1] = -1
    found.start = NULL
    scanner.at = start
    scanner.end = end
    while True:
        kind = next_markup(&scanner)
        if kind == START_TAG or kind == EMPTY_TAG:
            if depth == 1:
                numbers[0] += 1
                numbers[1] = -1
            elif depth == 2:
                numbers[1] += 1
                if numbers[0] == outer and numbers[1] == inner:
                    found.start = scanner.at
                    if kind == EMPTY_TAG:
                        found.end = scanner.at
                        return 0
            if kind == START_TAG:
                depth += 1
        elif kind == END_TAG:
            depth -= 1
            if depth == 2 and found.start != NULL:
                found.end = scanner.start
                return 0
        elif kind == FINISH or kind == MALFORMED:
            return -1


def leaf(bytes document not None, int outer, int inner):
    """Where the content of child element number `inner` of the root's child element number `outer` starts and ends.

    Both count from 0. ValueError if the document is not well-formed as far as this needs, or has no such element.
    """
    cdef const char* start = PyBytes_AS_STRING(document)
    cdef const char* end = start + len(document)
    cdef Leaf found
    cdef int status
    with nogil:
        status = find_leaf(start, end, outer, inner, &found)
    if status < 0:
        raise ValueError("no such element in a well-formed document")
    return found.start - start, found.end - start


cdef struct Run:
    const char* start
    const char* end


cdef struct Runs:
    # owned by strip
    Run* items
    Py_ssize_t count
    Py_ssize_t capacity


cdef int add_run(Runs* runs, const char* start, const char* end) noexcept nogil:
    cdef Run* items
    if runs.count == runs.capacity:
        items = <Run*> realloc(runs.items, (2 * runs.capacity + 64) * sizeof(Run))
        if items == NULL:
            return -1
        runs.items = items
        runs.capacity = 2 * runs.capacity + 64
    runs.items[runs.count].start = start
    runs.items[runs.count].end = end
    runs.count += 1
    return 0


cdef int find_white_space(const char* start, const char* end, Runs* runs) noexcept nogil:
    """Collect the white space to strip. 0; -1 not well-formed or too deep; -2 out of memory."""
    cdef Scanner scanner
    cdef Markup kind
    cdef Markup before = FINISH
    cdef const char* text
    cdef const char* octet
    cdef int depth = 0
    cdef Py_ssize_t[DEPTH_LIMIT_MAXIMUM + 1] marks
    cdef bint[DEPTH_LIMIT_MAXIMUM + 1] has_elements
    scanner.at = start
    scanner.end = end
    while True:
        text = scanner.at
        kind = next_markup(&scanner)
        if kind == MALFORMED:
            return -1
        if kind == FINISH:
            return 0 if depth == 0 else -1
        if depth > 0 and scanner.start != text and before != CDATA and kind != CDATA:
            octet = text
            while octet < scanner.start and is_space(octet[0]):
                octet += 1
            if octet == scanner.start and add_run(runs, text, octet) < 0:
                return -2
        before = kind
        if kind == START_TAG or kind == EMPTY_TAG:
            has_elements[depth] = True
            if kind == START_TAG:
                if depth == DEPTH_LIMIT_MAXIMUM:
                    return -1
                depth += 1
                has_elements[depth] = False
                marks[depth] = runs.count
        elif kind == END_TAG:
            if depth == 0:
                return -1
            # White space in a leaf is its text. Without child elements, all runs since its start tag are its own.
            if not has_elements[depth]:
                runs.count = marks[depth]
            depth -= 1


def strip(bytes document not None):
    """`document` without the literal white-space-only text of elements that have element children.

    Text of leaf elements, CDATA sections and character references stay. Gives `document` itself when there is
    nothing to strip. ValueError if the document is not well-formed as far as this needs.
    """
    cdef const char* start = PyBytes_AS_STRING(document)
    cdef const char* end = start + len(document)
    cdef Runs runs
    cdef int status
    cdef Py_ssize_t index
    cdef Py_ssize_t length = len(document)
    cdef bytes result
    cdef char* to
    runs.items = NULL
    runs.count = runs.capacity = 0
    try:
        with nogil:
            status = find_white_space(start, end, &runs)
        if status == -2:
            raise MemoryError
        if status < 0:
            raise ValueError("not a well-formed document")
        if runs.count == 0:
            return document
        for index in range(runs.count):
            length -= runs.items[index].end - runs.items[index].start
        result = PyBytes_FromStringAndSize(NULL, length)
        to = PyBytes_AS_STRING(result)
        for index in range(runs.count):
            to = copied(to, start, runs.items[index].start)
            start = runs.items[index].end
        copied(to, start, end)
        return result
    finally:
        free(runs.items)
