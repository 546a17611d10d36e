"""The way through a document in the byte lane: declaration, what stands around the root, elements and their end.

On the way it finds where the Signature goes, and leaves out the Signature to replace and the white space to strip.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from duisign._bindings cimport Bindings, bindings_free, bindings_open, unbind_to
from duisign._byte_tag cimport (
    attributes_free, attributes_open, binds_ds_to_xmldsig, read_known_start, read_start_tag,
)
from duisign._byte_text cimport (
    DOCTYPE, MALFORMED, MOST_AROUND, MOST_ATTRIBUTES, MOST_BINDINGS, SIGNATURE, TOO_DEEP, TOO_LARGE, TOO_MANY,
    Attribute, begins, between, declared_prefix, declined, duisign_same, duisign_scan_name, duisign_scan_text,
    duisign_skip_space, flush, keep_word, name_of, read_cdata, read_comment, read_declaration, read_instruction,
    read_text, value_of,
)
from duisign._octets cimport DIGEST_BLOCK, octets_discard, octets_free, octets_keep, octets_open, put_octet
from duisign._pointers cimport pointers_free, pointers_open
from duisign._sha256 cimport Sha256
from duisign._tree_lane cimport DEPTH_LIMIT_MAXIMUM, EXCLUSIVE, largest_form

cdef enum:
    # Octets of a document that this lane takes. libxml2 has limits from 10^9 on.
    LARGEST_DOCUMENT = 536870912


cdef void drop(Scan* scan, const unsigned char* start, const unsigned char* end) noexcept nogil:
    """Leave the octets from `start` to `end` out of the result."""
    memcpy(scan.cut.rest + scan.cut.rest_length, scan.cut.unwritten, start - scan.cut.unwritten)
    scan.cut.rest_length += start - scan.cut.unwritten
    scan.cut.unwritten = end


cdef inline size_t place(const Scan* scan, const unsigned char* at) noexcept nogil:
    """The index in the result, so far without Signature, of what stands at `at` in the document."""
    return scan.cut.rest_length + (at - scan.cut.unwritten)


cdef const unsigned char* behind(
    const unsigned char* at, const unsigned char* end, const char* closing, size_t length,
) noexcept nogil:
    """Behind the first `closing` (which ends in ">") that begins at `at` or later, or NULL."""
    cdef const unsigned char* found = at
    while found < end:
        found = <const unsigned char*> memchr(found, c">", end - found)
        if found == NULL:
            return NULL
        found += 1
        if <size_t> (found - at) >= length and memcmp(found - length, closing, length) == 0:
            return found
    return NULL


cdef Content content_ahead(const Lane* lane, const unsigned char* at) noexcept nogil:
    """Whether an element whose content goes on with the markup at `at` has element children; UNKNOWN if malformed."""
    while at != NULL:
        if at[1] == c"/":
            return LEAF
        if at[1] == c"?":
            at = behind(at + 2, lane.end, b"?>", 2)
        elif at[1] == c"!" and at[2] == c"-":
            at = behind(at + 4, lane.end, b"-->", 3)
        elif at[1] == c"!":
            at = behind(at + 3, lane.end, b"]]>", 3)
        else:
            return PARENT
        if at != NULL:
            at = <const unsigned char*> memchr(at, c"<", lane.end - at)
    return UNKNOWN


cdef bint check_blank(Lane* lane, const unsigned char* behind_space) noexcept nogil:
    """Count the white space before the next markup, if that is all that stands there and a parser keeps it."""
    # libxml2 2.11 keeps from 16 to 59 characters; here a line end may still be two.
    if behind_space[0] != c"<" or not 16 <= behind_space - lane.at < 120:
        return True
    return keep_word(lane, between(lane.at, behind_space))


cdef bint check_for_parser(Scan* scan) noexcept nogil:
    """Whether the start tag read last has names, attributes and surroundings that a parser may be given."""
    cdef Lane* lane = &scan.lane
    cdef size_t looked_for = 1
    cdef int index
    cdef const Attribute* declaration
    if lane.attributes.count > MOST_ATTRIBUTES or lane.in_scope.count > MOST_BINDINGS:
        return declined(lane, TOO_MANY)
    if not keep_word(lane, lane.name):
        return False
    for index in range(lane.attributes.count):
        if not keep_word(lane, name_of(&lane.attributes.items[index])):
            return False
        if lane.attributes.items[index].prefix_length:
            looked_for += 1
    for index in range(lane.declarations.count):
        declaration = &lane.declarations.items[index]
        if not keep_word(lane, declared_prefix(declaration)) or not keep_word(lane, value_of(declaration)):
            return False
    scan.around += looked_for * (scan.depth + lane.in_scope.count)
    return scan.around <= scan.most_around or declined(lane, TOO_MANY)


cdef bint strip_space(Scan* scan) noexcept nogil:
    """Drop the white space before the next markup if it is all that stands there and the element has children."""
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* behind_space = duisign_skip_space(lane.at)
    cdef OpenElement* parent = &scan.open[scan.depth - 1]
    if lane.words != NULL:
        return check_blank(lane, behind_space)
    if behind_space[0] != c"<" or scan.after_cdata or begins(lane, behind_space, b"<![CDATA[", 9):
        return True
    if parent.content == UNKNOWN:
        parent.content = content_ahead(lane, behind_space)
        if parent.content == UNKNOWN:
            return declined(lane, MALFORMED)
    if parent.content == PARENT:
        flush(lane, lane.at)
        drop(scan, lane.at, behind_space)
        lane.at = lane.run = behind_space
    return True


cdef inline void leave_scope(Lane* lane, int in_scope, int rendered) noexcept nogil:
    if lane.in_scope.count != in_scope or lane.rendered.count != rendered:
        unbind_to(&lane.in_scope, in_scope)
        unbind_to(&lane.rendered, rendered)
        lane.known = False


cdef bint open_more(Scan* scan) noexcept nogil:
    """Make room for all levels that there may be; False without memory."""
    cdef OpenElement* levels = <OpenElement*> malloc(scan.max_depth * sizeof(OpenElement))
    if levels == NULL:
        scan.out_of_memory = True
        return False
    memcpy(levels, scan.inline_open, sizeof(scan.inline_open))
    scan.open = levels
    return True


cdef bint looks_like_signature(const Lane* lane, const unsigned char* start) noexcept nogil:
    """Whether the start tag at `start` has the local name Signature."""
    cdef const unsigned char* name = start + 1
    cdef const unsigned char* at = duisign_scan_name(name, lane.end)
    if at[0] == c":":
        name = at + 1
        at = duisign_scan_name(name, lane.end)
    return at - name == 9 and memcmp(name, b"Signature", 9) == 0


cdef inline bint enter(Scan* scan, int in_scope, int rendered) noexcept nogil:
    """Go on in the element whose start tag was read; `in_scope`, `rendered`: the bindings outside of it."""
    cdef OpenElement* element
    if scan.depth == INLINE_LEVELS and scan.open == scan.inline_open and not open_more(scan):
        return False
    element = &scan.open[scan.depth]
    element.name = scan.lane.name
    element.in_scope = in_scope
    element.rendered = rendered
    element.content = UNKNOWN
    scan.depth += 1
    return True


cdef inline bint read_element_start(Scan* scan) noexcept nogil:
    """Read a start tag or an empty element."""
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* start = lane.at
    if scan.depth == scan.max_depth:
        return declined(lane, TOO_DEEP)
    if lane.words == NULL and start - lane.run <= DIGEST_BLOCK and read_known_start(lane):
        # The root's is none of these: no prefix is known before it.
        scan.open[scan.depth - 1].content = PARENT
        return lane.is_empty or enter(scan, lane.in_scope.count, lane.rendered.count)
    return read_unknown_start(scan)


cdef bint read_unknown_start(Scan* scan) noexcept nogil:
    """Read a start tag or an empty element of any kind."""
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* start = lane.at
    cdef int in_scope = lane.in_scope.count
    cdef int rendered = lane.rendered.count
    cdef bint to_drop = False
    if scan.depth == 1 and lane.words == NULL and looks_like_signature(lane, start):
        if not scan.replace or scan.signature_met:
            return declined(lane, SIGNATURE)
        to_drop = True
        flush(lane, start)
        lane.run = start
        octets_discard(lane.out)
    elif start - lane.run > DIGEST_BLOCK:
        flush(lane, start)
        lane.run = start
    if not read_start_tag(lane):
        return False
    if lane.words != NULL:
        if not check_for_parser(scan):
            return False
    elif lane.is_signature != to_drop:
        # Where none may be; or, at the place of one, an element of another namespace with its name.
        return declined(lane, SIGNATURE)
    if scan.depth:
        scan.open[scan.depth - 1].content = PARENT
    else:
        scan.cut.binds_ds = binds_ds_to_xmldsig(lane)
        scan.cut.root_name = lane.name
        if lane.is_empty:
            scan.cut.empty_root = True
            scan.cut.splice = place(scan, lane.at - 2)
    if to_drop:
        scan.signature_met = scan.in_signature = True
        scan.signature_start = start
        drop(scan, start, lane.at)
    if lane.is_empty:
        leave_scope(lane, in_scope, rendered)
        return not to_drop or leave_signature(scan)
    return enter(scan, in_scope, rendered)


cdef bint leave_signature(Scan* scan) noexcept nogil:
    """Go on behind the Signature that is dropped; False if the text around it would be read otherwise without it."""
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* left = scan.signature_start
    octets_keep(lane.out)
    lane.run = scan.cut.unwritten = lane.at
    scan.in_signature = False
    # The root's start tag stands before it, so there are two octets at least.
    if (left - 1)[0] == c"\r" and lane.at[0] == c"\n":
        return declined(lane, SIGNATURE)
    if (left - 1)[0] == c"]" and (lane.at[0] == c"]" or lane.at[0] == c">"):
        return declined(lane, SIGNATURE)
    return True


cdef bint read_end_tag(Scan* scan) noexcept nogil:
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* start = lane.at
    cdef const unsigned char* at = start + 2
    cdef const OpenElement* element = &scan.open[scan.depth - 1]
    if not duisign_same(element.name.octets, at, lane.end, element.name.length):
        return declined(lane, MALFORMED)
    at += element.name.length
    if at[0] != c">":
        flush(lane, at)
        lane.run = at = duisign_skip_space(at)
        if at[0] != c">":
            return declined(lane, MALFORMED)
    lane.at = at + 1
    scan.depth -= 1
    leave_scope(lane, element.in_scope, element.rendered)
    if scan.depth == 0:
        scan.cut.splice = place(scan, start)
    elif scan.depth == 1 and scan.in_signature:
        return leave_signature(scan)
    return True


cdef bint read_markup_in_content(Scan* scan) noexcept nogil:
    """Read what is neither tag nor text, from its "<"."""
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* at = lane.at
    scan.after_cdata = False
    flush(lane, at)
    lane.run = at
    if at[1] == c"?":
        return read_instruction(lane)
    if begins(lane, at, b"<!--", 4):
        if not read_comment(lane):
            return False
        lane.run = lane.at
        return True
    if begins(lane, at, b"<![CDATA[", 9):
        scan.after_cdata = True
        return read_cdata(lane)
    return declined(lane, MALFORMED)


cdef bint read_root(Scan* scan) noexcept nogil:
    """Read the root element from its "<"."""
    cdef Lane* lane = &scan.lane
    cdef const unsigned char* text_end
    lane.run = lane.at
    if not read_element_start(scan):
        return False
    while scan.depth:
        if lane.at[0] != c"<":
            if scan.strip and not scan.in_signature and not strip_space(scan):
                return False
            text_end = duisign_scan_text(lane.at, lane.end)
            if text_end[0] == c"<":
                lane.at = text_end
            elif not read_text(lane):
                return False
        if lane.at[1] == c"!" or lane.at[1] == c"?":
            if not read_markup_in_content(scan):
                return False
            continue
        scan.after_cdata = False
        if lane.at[1] == c"/":
            if not read_end_tag(scan):
                return False
        elif not read_element_start(scan):
            return False
    flush(lane, lane.at)
    return True


cdef bint read_around_root(Lane* lane, bint before) noexcept nogil:
    """Read what stands before the root, up to its "<", or behind it, up to the end."""
    while True:
        lane.at = duisign_skip_space(lane.at)
        if lane.at == lane.end:
            return not before or declined(lane, MALFORMED)
        if lane.at[0] != c"<":
            return declined(lane, MALFORMED)
        if lane.at[1] == c"?":
            if not before:
                put_octet(lane.out, c"\n")
            if not read_instruction(lane):
                return False
            if before:
                put_octet(lane.out, c"\n")
        elif begins(lane, lane.at, b"<!--", 4):
            if not read_comment(lane):
                return False
        elif lane.at[1] == c"!":
            return declined(lane, DOCTYPE)
        else:
            return before or declined(lane, MALFORMED)


cdef bint read_document(Scan* scan) noexcept nogil:
    """The whole way; False after declining, or without memory."""
    cdef Lane* lane = &scan.lane
    cdef size_t written
    if not (
        read_declaration(lane) and read_around_root(lane, True) and read_root(scan) and read_around_root(lane, False)
    ):
        return False
    # What is left counts, not what came in: a Verifier will see no more.
    written = scan.largest - lane.out.remaining + lane.out.length
    if written > largest_form(rest_length(&scan.cut)):
        return declined(lane, TOO_LARGE)
    return True


cdef int scan_open(
    Scan* scan, Octets* out, const unsigned char* document, size_t length, int algorithm, bint strip, bint replace,
    int max_depth, Sha256* sha256, unsigned char* rest,
) except -1 nogil:
    """`document`: `length` octets and a NUL. `sha256`: for a digest, or NULL. `rest`: as much room as the document
    takes, if `strip` or `replace`.
    """
    cdef Lane* lane = &scan.lane
    if not 0 < max_depth <= DEPTH_LIMIT_MAXIMUM:
        with gil:
            raise ValueError("max_depth is out of range")
    scan.largest = largest_form(length)
    octets_open(out, length, scan.largest, sha256)
    lane.out = out
    lane.at = lane.run = scan.cut.unwritten = document
    lane.end = scan.cut.end = document + length
    lane.exclusive = (algorithm & EXCLUSIVE) != 0
    bindings_open(&lane.in_scope)
    bindings_open(&lane.rendered)
    attributes_open(&lane.attributes)
    attributes_open(&lane.declarations)
    pointers_open(&lane.sorted)
    lane.known = False
    lane.decline = NOT_DECLINED
    scan.depth = 0
    scan.max_depth = max_depth
    scan.strip = strip
    scan.replace = replace
    lane.words = NULL
    scan.after_cdata = scan.signature_met = scan.in_signature = False
    scan.cut.binds_ds = scan.cut.empty_root = False
    scan.cut.splice = 0
    scan.open = scan.inline_open
    scan.cut.rest = rest
    scan.cut.rest_length = 0
    scan.out_of_memory = False
    return 0


cdef void scan_for_parser(Scan* scan, Bindings* words) noexcept nogil:
    """Prepare a scan that only tells whether the document is declined, for a parser that is to read it.

    Signatures are elements like any other. `words`: empty, and there as long as the scan.
    """
    cdef Lane* lane = &scan.lane
    lane.words = words
    scan.around = 0
    # However short a document is, it may have its levels.
    scan.most_around = MOST_AROUND * <size_t> (lane.end - lane.at) + <size_t> scan.max_depth * scan.max_depth
    # For check_blank.
    scan.strip = True
    octets_discard(lane.out)


cdef void scan_free(Scan* scan) noexcept nogil:
    cdef Lane* lane = &scan.lane
    octets_free(lane.out)
    bindings_free(&lane.in_scope)
    bindings_free(&lane.rendered)
    attributes_free(&lane.attributes)
    attributes_free(&lane.declarations)
    pointers_free(&lane.sorted)
    if scan.open != scan.inline_open:
        free(scan.open)


cdef Decline scan_run(Scan* scan) except DECLINES nogil:
    """NOT_DECLINED, or why the document was declined."""
    cdef Lane* lane = &scan.lane
    cdef bint is_read
    if lane.end - lane.at > LARGEST_DOCUMENT:
        return TOO_LARGE
    is_read = read_document(scan)
    if (
        scan.out_of_memory or lane.in_scope.failed or lane.rendered.failed or lane.attributes.failed
        or lane.declarations.failed or lane.sorted.failed or (lane.words != NULL and lane.words.failed)
        or (lane.out.failed and not lane.out.too_long)
    ):
        with gil:
            raise MemoryError
    if lane.out.too_long:
        return TOO_LARGE
    if lane.decline:
        return lane.decline
    if not is_read:
        with gil:
            raise AssertionError
    return NOT_DECLINED


cdef Py_ssize_t rest_length(const Cut* cut) noexcept nogil:
    """Octets of the document without what is dropped."""
    return cut.rest_length + (cut.end - cut.unwritten)


cdef char* put_head(const Cut* cut, char* out) noexcept nogil:
    """Write the result up to the splice, and give the place behind it. What is in cut.rest may be there already."""
    if cut.rest_length and out != <char*> cut.rest:
        memcpy(out, cut.rest, cut.rest_length)
    out += cut.rest_length
    # Nothing is dropped behind the splice.
    memcpy(out, cut.unwritten, cut.splice - cut.rest_length)
    return out + (cut.splice - cut.rest_length)


cdef void put_tail(const Cut* cut, char* out, size_t skip) noexcept nogil:
    """Write the result from `skip` octets behind the splice."""
    cdef const unsigned char* start = cut.unwritten + (cut.splice - cut.rest_length) + skip
    memcpy(out, start, cut.end - start)
