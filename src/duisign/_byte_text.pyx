"""Names, values, text, comments, instructions and XML declaration in the byte lane: from octets to canonical octets.

XML 1.0 (fifth edition) sections 2.2 to 2.11, 3.3.3 and 4.1; Canonical XML 1.0 section 2.3. What libxml2 refuses, or
what is doubtful, is declined.
"""

from libc.string cimport memchr

from duisign._bindings cimport bind, bound_index, differ, text_of
from duisign._octets cimport put_octet

cdef enum:
    # Characters end here (XML 1.0 production 2).
    LAST_CODE = 0x10FFFF

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
    TOO_MANY: "too-many",
}


cdef bint keep_word(Lane* lane, Text word) noexcept nogil:
    """Count a word that a parser keeps, unless it does so already; False if these are too many."""
    if bound_index(lane.words, word) < 0:
        bind(lane.words, word, word)
        if lane.words.count > MOST_WORDS:
            return declined(lane, TOO_MANY)
    return True


cdef const unsigned char* read_name(
    Lane* lane, const unsigned char* at, Text* name, Text* prefix, Text* local,
) noexcept nogil:
    """Read a QName of ASCII characters; gives the octet behind it, or NULL."""
    cdef const unsigned char* start = at
    at = duisign_scan_name(at, lane.end)
    prefix[0] = between(start, start)
    local[0] = between(start, at)
    if at[0] == c":" and starts_name(start[0]):
        prefix[0] = local[0]
        at = duisign_scan_name(at + 1, lane.end)
        local[0] = between(prefix.octets + prefix.length + 1, at)
    name[0] = between(start, at)
    if not starts_name(local.octets[0]) or local.length == 0 or at[0] >= 0x80 or name.length > LONGEST_NAME:
        declined(lane, NAME if at[0] >= 0x80 or name.length > LONGEST_NAME else MALFORMED)
        return NULL
    return at


cdef const unsigned char* read_character_reference(const unsigned char* at, unsigned int* code) noexcept nogil:
    cdef unsigned int base = 10
    cdef unsigned int digit
    cdef unsigned int value = 0
    cdef bint any_digit = False
    at += 2
    if at[0] == c"x":
        base = 16
        at += 1
    while at[0] != c";":
        if c"0" <= at[0] <= c"9":
            digit = at[0] - c"0"
        elif base == 16 and c"a" <= (at[0] | 0x20) <= c"f":
            digit = (at[0] | 0x20) - c"a" + 10
        else:
            return NULL
        value = value * base + digit
        if value > LAST_CODE:
            return NULL
        any_digit = True
        at += 1
    if not any_digit or (value < 0x20 and value != 9 and value != 10 and value != 13):
        return NULL
    if 0xD800 <= value <= 0xDFFF or value == 0xFFFE or value == 0xFFFF:
        return NULL
    code[0] = value
    return at + 1


cdef const unsigned char* read_reference(const unsigned char* at, unsigned int* code) noexcept nogil:
    """Read a character reference or one of the five predefined entities, from its "&"; NULL for anything else."""
    if at[1] == c"#":
        return read_character_reference(at, code)
    if at[1] == c"l" and at[2] == c"t" and at[3] == c";":
        code[0] = c"<"
        return at + 4
    if at[1] == c"g" and at[2] == c"t" and at[3] == c";":
        code[0] = c">"
        return at + 4
    if at[1] == c"a" and at[2] == c"m" and at[3] == c"p" and at[4] == c";":
        code[0] = c"&"
        return at + 5
    if at[1] == c"a" and at[2] == c"p" and at[3] == c"o" and at[4] == c"s" and at[5] == c";":
        code[0] = c"'"
        return at + 6
    if at[1] == c"q" and at[2] == c"u" and at[3] == c"o" and at[4] == c"t" and at[5] == c";":
        code[0] = c'"'
        return at + 6
    return NULL


cdef void put_character(Octets* out, unsigned int code) noexcept nogil:
    """Write a character in UTF-8 as it is."""
    cdef unsigned char[4] octets
    if code < 0x80:
        put_octet(out, code)
        return
    octets[0] = octets[1] = octets[2] = octets[3] = 0x80 | (code & 0x3F)
    if code < 0x800:
        octets[0] = 0xC0 | (code >> 6)
        put(out, octets, 2)
        return
    if code < 0x10000:
        octets[0] = 0xE0 | (code >> 12)
        octets[1] = 0x80 | (code >> 6 & 0x3F)
        put(out, octets, 3)
        return
    octets[0] = 0xF0 | (code >> 18)
    octets[1] = 0x80 | (code >> 12 & 0x3F)
    octets[2] = 0x80 | (code >> 6 & 0x3F)
    put(out, octets, 4)


cdef void put_value(Lane* lane, Text value) noexcept nogil:
    """Write an attribute value that was read before: references expanded, white space and escapes as C14N has them."""
    cdef Octets* out = lane.out
    cdef const unsigned char* at = value.octets
    cdef const unsigned char* end = at + value.length
    cdef const unsigned char* run = at
    cdef unsigned int code
    while True:
        # The quote behind the value is a stop.
        at = duisign_scan_value(at, lane.end)
        if at >= end:
            put(out, run, end - run)
            return
        code = at[0]
        if code == c"&":
            put(out, run, at - run)
            at = read_reference(at, &code)
            if code == c"&":
                put(out, b"&amp;", 5)
            elif code == c"<":
                put(out, b"&lt;", 4)
            elif code == c'"':
                put(out, b"&quot;", 6)
            elif code == c"\t":
                put(out, b"&#x9;", 5)
            elif code == c"\n":
                put(out, b"&#xA;", 5)
            elif code == c"\r":
                put(out, b"&#xD;", 5)
            else:
                put_character(out, code)
            run = at
        elif code == c'"':
            put(out, run, at - run)
            put(out, b"&quot;", 6)
            at += 1
            run = at
        elif code == c"\t" or code == c"\n" or code == c"\r":
            # XML 1.0 sections 2.11 and 3.3.3: a line end is one character, and literal white space a space.
            put(out, run, at - run)
            put_octet(out, c" ")
            at += 2 if code == c"\r" and at[1] == c"\n" else 1
            run = at
        else:
            at += 1


cdef const unsigned char* read_value(Lane* lane, const unsigned char* at, Text* value, bint* plain) noexcept nogil:
    """Read an attribute value from its quote; gives the octet behind the other quote, or NULL. Clears `plain` where
    the canonical value is written otherwise."""
    cdef unsigned char quote = at[0]
    cdef unsigned int code
    cdef int length
    cdef const unsigned char* start = at + 1
    if quote != c'"':
        if quote != c"'":
            declined(lane, MALFORMED)
            return NULL
        plain[0] = False
    at = start
    while True:
        at = duisign_scan_value(at, lane.end)
        if at[0] == quote:
            value[0] = between(start, at)
            return at + 1
        if at[0] == c"'":
            at += 1
        elif at[0] >= 0x80:
            length = duisign_character(at)
            if length == 0:
                break
            at += length
        elif at[0] == c"&":
            plain[0] = False
            at = read_reference(at, &code)
            if at == NULL:
                break
        elif at[0] == c'"' or at[0] == c"\t" or at[0] == c"\n" or at[0] == c"\r":
            plain[0] = False
            at += 1
        else:
            break
    declined(lane, MALFORMED)
    return NULL


cdef const unsigned char* behind_character(Lane* lane, const unsigned char* at) noexcept nogil:
    """Behind a character that a scan stopped at; NULL if it is none, after declining."""
    cdef int length = duisign_character(at) if at[0] >= 0x80 else 0
    if length == 0:
        declined(lane, MALFORMED)
        return NULL
    return at + length


cdef const unsigned char* end_of_line(Lane* lane, const unsigned char* at) noexcept nogil:
    """Write the line feed that a carriage return, alone or with a line feed, stands for (XML 1.0 section 2.11)."""
    flush(lane, at)
    put_octet(lane.out, c"\n")
    at += 2 if at[1] == c"\n" else 1
    lane.run = at
    return at


cdef bint read_text(Lane* lane) noexcept nogil:
    """Read character data up to the next "<"."""
    cdef const unsigned char* start = lane.at
    cdef const unsigned char* at = start
    cdef unsigned int code
    while True:
        at = duisign_scan_text(at, lane.end)
        if at[0] == c"<":
            lane.at = at
            return True
        if at[0] == c"\r":
            at = end_of_line(lane, at)
        elif at[0] == c"&":
            flush(lane, at)
            at = read_reference(at, &code)
            if at == NULL:
                return declined(lane, MALFORMED)
            if code == c"&":
                put(lane.out, b"&amp;", 5)
            elif code == c"<":
                put(lane.out, b"&lt;", 4)
            elif code == c">":
                put(lane.out, b"&gt;", 4)
            elif code == c"\r":
                put(lane.out, b"&#xD;", 5)
            else:
                put_character(lane.out, code)
            lane.run = at
        elif at[0] == c">":
            if at - start >= 2 and (at - 1)[0] == c"]" and (at - 2)[0] == c"]":
                return declined(lane, MALFORMED)
            flush(lane, at)
            put(lane.out, b"&gt;", 4)
            at += 1
            lane.run = at
        else:
            at = behind_character(lane, at)
            if at == NULL:
                return False


cdef bint read_cdata(Lane* lane) noexcept nogil:
    """Read a CDATA section from its "<"; its canonical form is text."""
    cdef const unsigned char* at = lane.at + 9
    lane.run = at
    while True:
        at = duisign_scan_text(at, lane.end)
        if at[0] == c">":
            if at - lane.run >= 2 and (at - 1)[0] == c"]" and (at - 2)[0] == c"]":
                flush(lane, at - 2)
                lane.run = lane.at = at + 1
                return True
            flush(lane, at)
            put(lane.out, b"&gt;", 4)
            at += 1
            lane.run = at
        elif at[0] == c"<":
            flush(lane, at)
            put(lane.out, b"&lt;", 4)
            at += 1
            lane.run = at
        elif at[0] == c"&":
            flush(lane, at)
            put(lane.out, b"&amp;", 5)
            at += 1
            lane.run = at
        elif at[0] == c"\r":
            at = end_of_line(lane, at)
        else:
            at = behind_character(lane, at)
            if at == NULL:
                return False


cdef bint read_comment(Lane* lane) noexcept nogil:
    """Read a comment from its "<" and move behind it. Nothing is written."""
    cdef const unsigned char* at = lane.at + 4
    while True:
        at = duisign_scan_to(at, lane.end, c"-")
        if at[0] == c"-":
            if at[1] != c"-":
                at += 1
            elif at[2] != c">":
                return declined(lane, MALFORMED)
            else:
                lane.at = at + 3
                return True
        elif at[0] == c"\r":
            at += 1
        else:
            at = behind_character(lane, at)
            if at == NULL:
                return False


cdef bint read_instruction(Lane* lane) noexcept nogil:
    """Read a processing instruction from its "<", write its canonical form, and move behind it."""
    cdef const unsigned char* target = lane.at + 2
    cdef const unsigned char* at = duisign_scan_name(target, lane.end)
    if not starts_name(target[0]) or at[0] >= 0x80 or at[0] == c":":
        return declined(lane, INSTRUCTION)
    if at - target > LONGEST_NAME:
        return declined(lane, INSTRUCTION)
    if at - target >= 3 and (target[0] | 0x20) == c"x" and (target[1] | 0x20) == c"m" and (target[2] | 0x20) == c"l":
        return declined(lane, INSTRUCTION)
    if lane.words != NULL and not keep_word(lane, between(target, at)):
        return False
    put(lane.out, b"<?", 2)
    put(lane.out, target, at - target)
    lane.run = at
    if at[0] != c"?":
        at = duisign_skip_space(at)
        if at == lane.run:
            return declined(lane, MALFORMED)
        lane.run = at
        if at[0] != c"?" or at[1] != c">":
            put_octet(lane.out, c" ")
    elif at[1] != c">":
        return declined(lane, MALFORMED)
    while True:
        at = duisign_scan_to(at, lane.end, c"?")
        if at[0] == c"?":
            at += 1
            if at[0] == c">":
                flush(lane, at + 1)
                lane.run = lane.at = at + 1
                return True
        elif at[0] == c"\r":
            at = end_of_line(lane, at)
        else:
            at = behind_character(lane, at)
            if at == NULL:
                return False


cdef const unsigned char* pseudo_attribute(
    const Lane* lane, const unsigned char* at, const char* name, size_t length, Text* value,
) noexcept nogil:
    """Read white space, `name`, "=" and a quoted value of the XML declaration; NULL if something else stands there."""
    cdef const unsigned char* start = duisign_skip_space(at)
    if start == at or not begins(lane, start, name, length):
        return NULL
    at = duisign_skip_space(start + length)
    if at[0] != c"=":
        return NULL
    at = duisign_skip_space(at + 1)
    if at[0] != c'"' and at[0] != c"'":
        return NULL
    value.octets = at + 1
    at = <const unsigned char*> memchr(value.octets, at[0], lane.end - value.octets)
    if at == NULL:
        return NULL
    value.length = at - value.octets
    return at + 1


cdef bint is_one_of(Text value, const char* one, const char* other) noexcept nogil:
    return not differ(value, text_of(one)) or not differ(value, text_of(other))


cdef bint read_declaration(Lane* lane) noexcept nogil:
    """Read byte order mark and XML declaration, if they are there; every other encoding is declined."""
    cdef const unsigned char* at
    cdef const unsigned char* behind_value
    cdef Text value
    if begins(lane, lane.at, b"\xef\xbb\xbf", 3):
        lane.at += 3
    if not begins(lane, lane.at, b"<?xml", 5) or duisign_skip_space(lane.at + 5) == lane.at + 5:
        return True
    at = pseudo_attribute(lane, lane.at + 5, b"version", 7, &value)
    if at == NULL or differ(value, text_of(b"1.0")):
        return declined(lane, ENCODING)
    behind_value = pseudo_attribute(lane, at, b"encoding", 8, &value)
    if behind_value != NULL:
        at = behind_value
        if not is_one_of(value, b"UTF-8", b"utf-8"):
            return declined(lane, ENCODING)
    behind_value = pseudo_attribute(lane, at, b"standalone", 10, &value)
    if behind_value != NULL:
        at = behind_value
        if not is_one_of(value, b"yes", b"no"):
            return declined(lane, ENCODING)
    at = duisign_skip_space(at)
    if at[0] != c"?" or at[1] != c">":
        return declined(lane, ENCODING)
    lane.at = at + 2
    return True


cdef str reason_of(Decline decline):
    """The name of a reason to decline."""
    return REASONS[decline]
