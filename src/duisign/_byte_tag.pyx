"""The start tag in the byte lane: names, namespaces and attributes of one element, from octets to canonical octets.

XML 1.0 section 3.1, Namespaces in XML 1.0, Canonical XML 1.0 sections 2.2 to 2.3, Exclusive XML Canonicalization 1.0
section 3. What libxml2 refuses, or what is doubtful, is declined.
"""

from libc.limits cimport INT_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy

from duisign._bindings cimport (
    Binding, Bindings, Text, bind, bound_uri, differ, expanded_name_key, ordered, text_key, text_of,
)
from duisign._byte_text cimport (
    INLINE_ATTRIBUTES, LONGEST_NAME, MALFORMED, NAME, NAMESPACE, XML_ATTRIBUTE, Attribute, Attributes, Lane, between,
    declared_prefix, declined, duisign_scan_name, duisign_scan_value, duisign_skip_space, flush, is_space, local_of,
    prefix_of, put_value, read_name, read_value, starts_name, value_of,
)
from duisign._octets cimport put, put_octet
from duisign._pointers cimport Key, Order, are_many, item_ahead, pointers_add, pointers_sort, prefetch

cdef const char* DSIG = b"http://www.w3.org/2000/09/xmldsig#"
cdef const char* XMLNS_NAMESPACE = b"http://www.w3.org/2000/xmlns/"
cdef const char* XML_NAMESPACE = b"http://www.w3.org/XML/1998/namespace"


cdef void attributes_open(Attributes* array) noexcept nogil:
    array.items = array.inline_items
    array.count = 0
    array.capacity = INLINE_ATTRIBUTES
    array.failed = False


cdef void attributes_free(Attributes* array) noexcept nogil:
    if array.items != array.inline_items:
        free(array.items)


cdef Attribute* new_attribute(Attributes* array) noexcept nogil:
    """A place behind the last one, or NULL without memory. Moves all others."""
    cdef Attribute* items
    if array.count == array.capacity:
        if array.capacity > INT_MAX // 4:
            array.failed = True
            return NULL
        if array.items == array.inline_items:
            items = <Attribute*> malloc(2 * <size_t> array.capacity * sizeof(Attribute))
            if items != NULL:
                memcpy(items, array.inline_items, sizeof(array.inline_items))
        else:
            items = <Attribute*> realloc(array.items, 2 * <size_t> array.capacity * sizeof(Attribute))
        if items == NULL:
            array.failed = True
            return NULL
        array.items = items
        array.capacity *= 2
    array.count += 1
    return &array.items[array.count - 1]


cdef bint is_plain_uri(const Lane* lane, Text uri) noexcept nogil:
    """Whether a namespace URI is absolute and so plain that every reading of RFC 3986 takes it.

    Scheme, an optional authority that is a host name, path, query and fragment, without percent-encoding.
    """
    cdef const unsigned char* at = uri.octets
    cdef const unsigned char* end = at + uri.length
    cdef const unsigned char* start
    cdef bint in_authority = False
    cdef bint in_fragment = False
    if uri.length > LONGEST_NAME or uri.length == 0 or not c"a" <= (at[0] | 0x20) <= c"z":
        return False
    while at < end and (c"a" <= (at[0] | 0x20) <= c"z" or c"0" <= at[0] <= c"9" or at[0] == c"-" or at[0] == c"."):
        at += 1
    if end - at < 2 or at[0] != c":":
        return False
    at += 1
    if at[0] == c"/" and at[1] == c"/":
        at += 2
        in_authority = True
        # A host must be there; "end" can be read, it is the quote.
        if not (c"a" <= (at[0] | 0x20) <= c"z" or c"0" <= at[0] <= c"9"):
            return False
    while True:
        start = at
        # The quote stops it.
        at = duisign_scan_name(at, lane.end)
        if in_authority and memchr(start, c"_", at - start) != NULL:
            return False
        if at >= end:
            return True
        if at[0] == c"/":
            in_authority = False
        elif at[0] == c"#":
            if in_fragment:
                return False
            in_fragment = True
            in_authority = False
        elif at[0] != c":" and at[0] != c"?" and at[0] != c"~" or in_authority:
            return False
        at += 1


cdef bint declare(Lane* lane, const Attribute* declaration) noexcept nogil:
    """Bring a declaration into scope (but for a parser, not one that repeats what holds); False if it is declined."""
    cdef Text prefix = declared_prefix(declaration)
    cdef Text uri = value_of(declaration)
    if prefix.length >= 3 and memcmp(prefix.octets, b"xml", 3) == 0:
        return declined(lane, NAMESPACE)
    if uri.length == 0:
        if prefix.length:
            return declined(lane, MALFORMED)
    elif not is_plain_uri(lane, uri):
        return declined(lane, NAMESPACE)
    elif not differ(uri, text_of(XML_NAMESPACE)) or not differ(uri, text_of(XMLNS_NAMESPACE)):
        return declined(lane, NAMESPACE)
    if lane.words != NULL or differ(bound_uri(&lane.in_scope, prefix), uri):
        bind(&lane.in_scope, prefix, uri)
    return True


cdef int by_declared_prefix(const void* left, const void* right) noexcept nogil:
    return ordered(declared_prefix(<const Attribute*> left), declared_prefix(<const Attribute*> right))


cdef int by_bound_prefix(const void* left, const void* right) noexcept nogil:
    return ordered((<const Binding*> left).prefix, (<const Binding*> right).prefix)


cdef int by_expanded_name(const void* left, const void* right) noexcept nogil:
    # Canonical XML 1.0 section 2.2: namespace URI first, then local name.
    cdef int order = ordered((<const Attribute*> left).uri, (<const Attribute*> right).uri)
    if order != 0:
        return order
    return ordered(local_of(<const Attribute*> left), local_of(<const Attribute*> right))


cdef unsigned long long declared_prefix_key(const void* item) noexcept nogil:
    return text_key(declared_prefix(<const Attribute*> item))


cdef unsigned long long bound_prefix_key(const void* item) noexcept nogil:
    return text_key((<const Binding*> item).prefix)


cdef unsigned long long attribute_key(const void* item) noexcept nogil:
    return expanded_name_key((<const Attribute*> item).uri, local_of(<const Attribute*> item))


cdef void sort_attributes(Lane* lane, Attributes* array, Order order, Key key) noexcept nogil:
    cdef int index
    lane.sorted.count = 0
    for index in range(array.count):
        pointers_add(&lane.sorted, &array.items[index])
    pointers_sort(&lane.sorted, order, key)


cdef bint declare_all(Lane* lane) noexcept nogil:
    """Bring the tag's declarations into scope; False if one is declined, or two bind one prefix."""
    cdef int index
    for index in range(lane.declarations.count):
        if not declare(lane, &lane.declarations.items[index]):
            return False
    if lane.declarations.count > 1:
        sort_attributes(lane, &lane.declarations, by_declared_prefix, declared_prefix_key)
        if lane.sorted.failed:
            return False
        if lane.sorted.repeated:
            return declined(lane, MALFORMED)
    lane.known = False
    return True


cdef inline bint resolve(Lane* lane, Text prefix, Text* uri, bint* to_render) noexcept nogil:
    """The namespace URI of a prefix; False if it has none. Sets `to_render` where an exclusive form must write it."""
    if lane.known and not differ(prefix, lane.known_prefix):
        uri[0] = lane.known_uri
        return True
    uri[0] = bound_uri(&lane.in_scope, prefix)
    if uri.length == 0 and prefix.length:
        return declined(
            lane, XML_ATTRIBUTE if prefix.length == 3 and memcmp(prefix.octets, b"xml", 3) == 0 else MALFORMED
        )
    if lane.exclusive and differ(bound_uri(&lane.rendered, prefix), uri[0]):
        to_render[0] = True
        return True
    lane.known = True
    lane.known_prefix = prefix
    lane.known_uri = uri[0]
    return True


cdef inline void render(Lane* lane, Text prefix, Text uri) noexcept nogil:
    """Exclusive C14N section 3: write a binding unless the nearest written one of its prefix is the same."""
    if differ(bound_uri(&lane.rendered, prefix), uri):
        bind(&lane.rendered, prefix, uri)


cdef void put_namespaces(Lane* lane, Bindings* stack, int first) noexcept nogil:
    """Write the bindings from index `first` up, by prefix."""
    cdef int index
    cdef const Binding* item
    lane.sorted.count = 0
    for index in range(first, stack.count):
        pointers_add(&lane.sorted, &stack.items[index])
    pointers_sort(&lane.sorted, by_bound_prefix, bound_prefix_key)
    for index in range(lane.sorted.count):
        if are_many(&lane.sorted):
            prefetch((<const Binding*> item_ahead(&lane.sorted, index)).prefix.octets)
        item = <const Binding*> lane.sorted.items[index]
        put(lane.out, b" xmlns", 6)
        if item.prefix.length:
            put_octet(lane.out, c":")
            put(lane.out, item.prefix.octets, item.prefix.length)
        put(lane.out, b'="', 2)
        # A plain URI has nothing to escape.
        put(lane.out, item.uri.octets, item.uri.length)
        put_octet(lane.out, c'"')


cdef void put_attributes(Lane* lane) noexcept nogil:
    """Write the attributes that lane.sorted holds."""
    cdef int index
    cdef const Attribute* attribute
    for index in range(lane.sorted.count):
        if are_many(&lane.sorted):
            # The value stands behind the name.
            prefetch((<const Attribute*> item_ahead(&lane.sorted, index)).name)
        attribute = <const Attribute*> lane.sorted.items[index]
        put_octet(lane.out, c" ")
        put(lane.out, attribute.name, attribute.name_length)
        put(lane.out, b'="', 2)
        put_value(lane, value_of(attribute))
        put_octet(lane.out, c'"')


cdef const unsigned char* read_attributes(Lane* lane, const unsigned char* at, bint* as_it_is) noexcept nogil:
    """Read attributes and declarations from behind the element's name; gives the "/" or ">" behind, or NULL.

    Clears `as_it_is` where the canonical tag is written otherwise, as far as this can be seen here.
    """
    cdef Text name, prefix, local
    cdef Text value
    cdef Attribute* attribute
    cdef const unsigned char* space
    cdef bint is_declaration
    while True:
        space = at
        at = duisign_skip_space(at)
        if at[0] == c">" or at[0] == c"/":
            if at != space:
                as_it_is[0] = False
            return at
        if at - space != 1 or space[0] != c" ":
            as_it_is[0] = False
            if at == space:
                declined(lane, MALFORMED if at[0] < 0x80 else NAME)
                return NULL
        at = read_name(lane, at, &name, &prefix, &local)
        if at == NULL:
            return NULL
        if at[0] != c"=" or is_space(at[1]):
            as_it_is[0] = False
            at = duisign_skip_space(at)
            if at[0] != c"=":
                declined(lane, MALFORMED)
                return NULL
            at = duisign_skip_space(at + 1) - 1
        at = read_value(lane, at + 1, &value, as_it_is)
        if at == NULL:
            return NULL
        is_declaration = False
        if name.length >= 5 and memcmp(name.octets, b"xmlns", 5) == 0:
            if prefix.length == 5 or name.length == 5:
                is_declaration = True
        attribute = new_attribute(&lane.declarations if is_declaration else &lane.attributes)
        if attribute == NULL:
            return NULL
        attribute.name, attribute.name_length = name.octets, <unsigned short> name.length
        attribute.prefix_length = <unsigned short> prefix.length
        attribute.value, attribute.value_length = value.octets, value.length
        attribute.uri = between(name.octets, name.octets)
        if is_declaration and lane.attributes.count:
            as_it_is[0] = False


cdef bint is_in_order(const Attributes* array, Order order) noexcept nogil:
    """Whether each comes before the next, so that there is nothing to sort and none stands twice."""
    cdef int index
    for index in range(1, array.count):
        if order(&array.items[index - 1], &array.items[index]) >= 0:
            return False
    return True


cdef bint read_plain_tag(Lane* lane, const unsigned char* at, Text prefix) noexcept nogil:
    """The rest of a start tag without attributes and without white space, from the "/" or ">" behind its name."""
    cdef Text uri
    cdef bint to_render = False
    cdef int rendered = lane.rendered.count
    if not resolve(lane, prefix, &uri, &to_render):
        return False
    lane.is_signature = is_signature(lane, prefix, uri)
    if to_render or lane.is_empty:
        flush(lane, at)
        if to_render:
            render(lane, prefix, uri)
            lane.known = False
            put_namespaces(lane, &lane.rendered, rendered)
        finish_tag(lane)
        lane.run = lane.at
    return True


cdef inline bint is_signature(const Lane* lane, Text prefix, Text uri) noexcept nogil:
    cdef size_t before = prefix.length + 1 if prefix.length else 0
    return (
        lane.name.length - before == 9 and memcmp(lane.name.octets + before, b"Signature", 9) == 0
        and not differ(uri, text_of(DSIG))
    )


cdef inline void finish_tag(Lane* lane) noexcept nogil:
    put_octet(lane.out, c">")
    if lane.is_empty:
        put(lane.out, b"</", 2)
        put(lane.out, lane.name.octets, lane.name.length)
        put_octet(lane.out, c">")


cdef bint read_known_rest(Lane* lane, const unsigned char* at) noexcept nogil:
    """The rest of what read_known_start reads, from behind the name, if that is not ">"."""
    cdef const unsigned char* behind_name = at
    cdef const unsigned char* attribute
    if at[0] == c" ":
        attribute = at + 1
        at = duisign_scan_name(attribute, lane.end)
        # "xmlns" begins with an "x".
        if attribute[0] == c"x" or not starts_name(attribute[0]) or at - attribute > LONGEST_NAME:
            return False
        if at[0] != c"=" or at[1] != c'"':
            return False
        at = duisign_scan_value(at + 2, lane.end)
        if at[0] != c'"':
            return False
        at += 1
    if at[0] != c">" and (at[0] != c"/" or at[1] != c">"):
        return False
    lane.name = between(lane.at + 1, behind_name)
    lane.is_empty = at[0] == c"/"
    lane.at = at + 1 + lane.is_empty
    if lane.is_empty:
        flush(lane, at)
        finish_tag(lane)
        lane.run = lane.at
    return True


cdef bint read_start_tag(Lane* lane) noexcept nogil:
    """Read a start tag from its "<", write its canonical form, and move behind it; False if it is declined.

    The canonical end tag of an empty element is written too. Without memory: False, and nothing declined.
    """
    cdef const unsigned char* start = lane.at
    cdef const unsigned char* at
    cdef Text prefix, local, uri
    cdef Attribute* attribute
    cdef int in_scope = lane.in_scope.count
    cdef int rendered = lane.rendered.count
    cdef int index
    cdef bint as_it_is = True
    cdef bint to_render = False
    at = read_name(lane, start + 1, &lane.name, &prefix, &local)
    if at == NULL:
        return False
    lane.attributes.count = lane.declarations.count = 0
    if at[0] != c">" and at[0] != c"/":
        at = read_attributes(lane, at, &as_it_is)
        if at == NULL:
            return False
    lane.is_empty = at[0] == c"/"
    lane.at = at + 1
    if lane.is_empty:
        if at[1] != c">":
            return declined(lane, MALFORMED)
        lane.at = at + 2
    if as_it_is and lane.attributes.count == 0 and lane.declarations.count == 0:
        return read_plain_tag(lane, at, prefix)

    if lane.declarations.count:
        if not declare_all(lane):
            return False
        # Written as they stand if all are new, in order, and the form is inclusive.
        if (
            lane.exclusive or lane.in_scope.count - in_scope != lane.declarations.count
            or not is_in_order(&lane.declarations, by_declared_prefix)
        ):
            as_it_is = False
    if not resolve(lane, prefix, &uri, &to_render):
        return False
    lane.is_signature = is_signature(lane, prefix, uri)
    for index in range(lane.attributes.count):
        attribute = &lane.attributes.items[index]
        if attribute.prefix_length and not resolve(lane, prefix_of(attribute), &attribute.uri, &to_render):
            return False
    if not is_in_order(&lane.attributes, by_expanded_name):
        as_it_is = False
    if as_it_is and not to_render:
        if lane.is_empty:
            flush(lane, at)
            finish_tag(lane)
            lane.run = lane.at
        return True

    flush(lane, start)
    put(lane.out, start, 1 + lane.name.length)
    if lane.exclusive:
        render(lane, prefix, uri)
        for index in range(lane.attributes.count):
            attribute = &lane.attributes.items[index]
            if attribute.prefix_length:
                render(lane, prefix_of(attribute), attribute.uri)
        if lane.rendered.count != rendered:
            lane.known = False
            put_namespaces(lane, &lane.rendered, rendered)
    elif lane.in_scope.count != in_scope:
        put_namespaces(lane, &lane.in_scope, in_scope)
    sort_attributes(lane, &lane.attributes, by_expanded_name, attribute_key)
    if lane.sorted.failed:
        return False
    if lane.sorted.repeated:
        return declined(lane, MALFORMED)
    put_attributes(lane)
    finish_tag(lane)
    lane.run = lane.at
    return True


cdef bint binds_ds_to_xmldsig(const Lane* lane) noexcept nogil:
    """Whether the start tag read last binds the prefix ds to XMLDSig itself."""
    cdef int index
    for index in range(lane.declarations.count):
        if not differ(declared_prefix(&lane.declarations.items[index]), text_of(b"ds")):
            return not differ(value_of(&lane.declarations.items[index]), text_of(DSIG))
    return False
