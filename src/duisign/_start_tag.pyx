"""The start tag of a canonical element: which namespaces and attributes it has, and in which order.

Canonical XML 1.0 sections 2.2 to 2.4, Exclusive XML Canonicalization 1.0 section 3.
"""

from libc.string cimport strchr, strcmp

from lxml.includes.tree cimport (
    LIBXML_VERSION, XML_ELEMENT_NODE, XML_ENTITY_REF_NODE, XML_TEXT_NODE, xmlAttr, xmlNode, xmlNs,
)

from duisign._bindings cimport (
    Binding, Bindings, Text, bind, bound_index, bound_uri, differ, expanded_name_key, ordered, text_key, text_of,
)
from duisign._octets cimport put, put_attribute_value, put_octet
from duisign._pointers cimport are_many, item_ahead, pointers_add, pointers_sort, prefetch


cdef const char* DSIG = b"http://www.w3.org/2000/09/xmldsig#"

cdef enum:
    # Octets of a namespace URI. Genuine ones have fewer than 60; each is compared and written many times over.
    LONGEST_URI = 2048
    # The first libxml2 whose tree has "&" where a namespace URI has it, not "&#38;". The tests ran with none between
    # this and 2.11.
    READS_AMPERSANDS = 21400

cdef const char* XML_NAMESPACE = b"http://www.w3.org/XML/1998/namespace"


cdef inline const char* namespace_prefix(const xmlNs* ns) noexcept nogil:
    if ns == NULL:
        return b""
    return text(ns.prefix)


cdef inline const char* namespace_uri(const xmlNs* ns) noexcept nogil:
    if ns == NULL:
        return b""
    return text(ns.href)


cdef bint is_absolute(const char* uri) noexcept nogil:
    """Whether `uri` begins with a scheme (RFC 3986 section 3.1)."""
    cdef const char* cursor = uri
    if not (c"a" <= (cursor[0] | 0x20) <= c"z"):
        return False
    while (
        c"a" <= (cursor[0] | 0x20) <= c"z" or c"0" <= cursor[0] <= c"9"
        or cursor[0] == c"+" or cursor[0] == c"-" or cursor[0] == c"."
    ):
        cursor += 1
    return cursor[0] == c":"


cdef int by_prefix(const void* left, const void* right) noexcept nogil:
    return ordered((<const Binding*> left).prefix, (<const Binding*> right).prefix)


cdef int by_expanded_name(const void* left, const void* right) noexcept nogil:
    # Canonical XML 1.0 section 2.2: namespace URI first, then local name; UTF-8 octets sort as code points do.
    cdef const xmlAttr* a = <const xmlAttr*> left
    cdef const xmlAttr* b = <const xmlAttr*> right
    cdef int order
    if a.ns != b.ns:
        order = strcmp(namespace_uri(a.ns), namespace_uri(b.ns))
        if order != 0:
            return order
    return strcmp(<const char*> a.name, <const char*> b.name)


cdef unsigned long long prefix_key(const void* item) noexcept nogil:
    return text_key((<const Binding*> item).prefix)


cdef unsigned long long attribute_key(const void* item) noexcept nogil:
    cdef const xmlAttr* attribute = <const xmlAttr*> item
    return expanded_name_key(text_of(namespace_uri(attribute.ns)), text_of(<const char*> attribute.name))


cdef inline bint is_xml_namespace(const xmlNs* ns) noexcept nogil:
    return ns != NULL and ns.prefix != NULL and strcmp(<const char*> ns.prefix, b"xml") == 0


cdef void declare(Walk* walk, const xmlNode* element) noexcept nogil:
    """Bring the declarations of one element into scope, without those that repeat what holds already."""
    cdef const xmlNs* ns = element.nsDef
    cdef Text prefix
    cdef Text uri
    while ns != NULL:
        prefix = text_of(text(ns.prefix))
        uri = text_of(text(ns.href))
        if not is_xml_namespace(ns):
            if uri.length == 0:
                if prefix.length != 0:
                    walk.failure = INCONSISTENT_NAMESPACES
                    return
            elif not is_absolute(<const char*> uri.octets):
                walk.failure = RELATIVE_NAMESPACE
                return
            elif uri.length > LONGEST_URI:
                walk.failure = LONG_NAMESPACE
                return
            elif LIBXML_VERSION < READS_AMPERSANDS and strchr(<const char*> uri.octets, c"&") != NULL:
                walk.failure = MISREAD_NAMESPACE
                return
            if differ(bound_uri(&walk.in_scope, prefix), uri):
                bind(&walk.in_scope, prefix, uri)
                walk.consistent = NULL
        ns = ns.next


cdef inline void check_binding(Walk* walk, const xmlNs* ns, bint attribute) noexcept nogil:
    """A prefix must be bound to the namespace that the name is in where it stands."""
    cdef const char* prefix = namespace_prefix(ns)
    cdef const char* uri = namespace_uri(ns)
    if attribute and prefix[0] == 0:
        walk.failure = INCONSISTENT_NAMESPACES
    elif ns != NULL and ns == walk.consistent:
        return
    elif is_xml_namespace(ns):
        if strcmp(uri, XML_NAMESPACE) != 0:
            walk.failure = INCONSISTENT_NAMESPACES
    elif differ(bound_uri(&walk.in_scope, text_of(prefix)), text_of(uri)):
        walk.failure = INCONSISTENT_NAMESPACES
    else:
        walk.consistent = ns


cdef inline void check_local(Walk* walk, const unsigned char* name) noexcept nogil:
    """A name without namespace has no prefix: libxml2 keeps an unbound one in the name."""
    if strchr(<const char*> name, c":") != NULL:
        walk.failure = INCONSISTENT_NAMESPACES


cdef inline void render(Walk* walk, Text prefix, Text uri) noexcept nogil:
    """Exclusive C14N section 3: write a binding unless the nearest written one of its prefix is the same."""
    if differ(bound_uri(&walk.rendered, prefix), uri):
        bind(&walk.rendered, prefix, uri)


cdef void put_namespaces(Walk* walk, Bindings* stack, int first, bint apex) noexcept nogil:
    """Write the bindings from index `first` up, by prefix; at an apex only those that hold and bind something."""
    cdef int index
    cdef Binding* item
    cdef const Binding* ahead
    walk.namespaces.count = 0
    for index in range(first, stack.count):
        item = &stack.items[index]
        if apex and (item.uri.length == 0 or bound_index(stack, item.prefix) != index):
            continue
        pointers_add(&walk.namespaces, item)
    pointers_sort(&walk.namespaces, by_prefix, prefix_key)
    for index in range(walk.namespaces.count):
        if are_many(&walk.namespaces):
            ahead = <const Binding*> item_ahead(&walk.namespaces, index)
            prefetch(ahead.prefix.octets)
            prefetch(ahead.uri.octets)
        item = <Binding*> walk.namespaces.items[index]
        put(walk.out, b" xmlns", 6)
        if item.prefix.length != 0:
            put_octet(walk.out, c":")
            put(walk.out, item.prefix.octets, item.prefix.length)
        put(walk.out, b'="', 2)
        put_attribute_value(walk.out, item.uri.octets)
        put_octet(walk.out, c'"')


cdef void inherit_xml_attributes(Walk* walk, const xmlNode* apex) noexcept nogil:
    """Canonical XML 1.0 section 2.4: an apex gets the xml: attributes of its ancestors that it lacks."""
    cdef const xmlNode* ancestor = apex.parent
    cdef xmlAttr* attribute
    cdef int index
    cdef int kept = 0
    while ancestor != NULL and ancestor.type == XML_ELEMENT_NODE:
        attribute = ancestor.properties
        while attribute != NULL:
            if is_xml_namespace(attribute.ns):
                pointers_add(&walk.attributes, attribute)
            attribute = attribute.next
        ancestor = ancestor.parent
    # The sort is stable and the nearest come first, so of equal names the first is the one that holds.
    pointers_sort(&walk.attributes, by_expanded_name, attribute_key)
    for index in range(walk.attributes.count):
        if kept == 0 or by_expanded_name(walk.attributes.items[kept - 1], walk.attributes.items[index]) != 0:
            walk.attributes.items[kept] = walk.attributes.items[index]
            kept += 1
    walk.attributes.count = kept


cdef void put_attributes(Walk* walk) noexcept nogil:
    cdef int index
    cdef const xmlAttr* attribute
    cdef const xmlAttr* ahead
    cdef const xmlNode* child
    for index in range(walk.attributes.count):
        if are_many(&walk.attributes):
            ahead = <const xmlAttr*> item_ahead(&walk.attributes, index)
            prefetch(ahead.name)
            prefetch(ahead.children)
        attribute = <const xmlAttr*> walk.attributes.items[index]
        put_octet(walk.out, c" ")
        put_name(walk.out, attribute.ns, attribute.name)
        put(walk.out, b'="', 2)
        child = attribute.children
        while child != NULL:
            if child.type == XML_TEXT_NODE:
                if child.content != NULL:
                    put_attribute_value(walk.out, child.content)
            else:
                walk.failure = ENTITY_REFERENCE if child.type == XML_ENTITY_REF_NODE else UNKNOWN_NODE
                return
            child = child.next
        put_octet(walk.out, c'"')


cdef void open_element(Walk* walk, const xmlNode* element, bint apex) noexcept nogil:
    """Write the start tag."""
    cdef int first = 0 if apex else walk.in_scope.count
    cdef int rendered = walk.rendered.count
    cdef int index
    cdef Text prefix
    cdef Text uri
    cdef xmlAttr* attribute
    if element.nsDef != NULL:
        declare(walk, element)
        if walk.failure:
            return
    check_binding(walk, element.ns, False)
    if element.ns == NULL:
        check_local(walk, element.name)
    walk.attributes.count = 0
    attribute = element.properties
    while attribute != NULL:
        if attribute.ns != NULL:
            check_binding(walk, attribute.ns, True)
        else:
            check_local(walk, attribute.name)
        pointers_add(&walk.attributes, attribute)
        attribute = attribute.next
    if walk.failure:
        return
    if walk.stop_at_signature and element.name[0] == c"S" and strcmp(<const char*> element.name, b"Signature") == 0:
        if strcmp(namespace_uri(element.ns), DSIG) == 0:
            walk.failure = SIGNATURE_MET
            return
    put_octet(walk.out, c"<")
    put_name(walk.out, element.ns, element.name)
    if walk.exclusive:
        if not is_xml_namespace(element.ns):
            render(walk, text_of(namespace_prefix(element.ns)), text_of(namespace_uri(element.ns)))
        for index in range(walk.attributes.count):
            attribute = <xmlAttr*> walk.attributes.items[index]
            if attribute.ns != NULL and not is_xml_namespace(attribute.ns):
                render(walk, text_of(namespace_prefix(attribute.ns)), text_of(namespace_uri(attribute.ns)))
        if apex or element.nsDef != NULL:
            for index in range(walk.inclusive_count):
                prefix = text_of(walk.inclusive[index])
                uri = bound_uri(&walk.in_scope, prefix)
                if uri.length != 0 or prefix.length == 0:
                    render(walk, prefix, uri)
        if walk.rendered.count != rendered:
            put_namespaces(walk, &walk.rendered, rendered, False)
    elif walk.in_scope.count != first:
        put_namespaces(walk, &walk.in_scope, first, apex)
    if apex and not walk.exclusive:
        inherit_xml_attributes(walk, element)
    elif walk.attributes.count > 1:
        pointers_sort(&walk.attributes, by_expanded_name, attribute_key)
    put_attributes(walk)
    put_octet(walk.out, c">")


cdef void declare_ancestors(Walk* walk, const xmlNode* apex) noexcept nogil:
    """Bring into scope what the ancestors of an apex declare, outermost first."""
    cdef const xmlNode* ancestor = apex.parent
    walk.namespaces.count = 0
    while ancestor != NULL and ancestor.type == XML_ELEMENT_NODE:
        if ancestor.nsDef != NULL:
            pointers_add(&walk.namespaces, <void*> ancestor)
        ancestor = ancestor.parent
    while walk.namespaces.count > 0 and not walk.failure and not walk.namespaces.failed:
        walk.namespaces.count -= 1
        declare(walk, <const xmlNode*> walk.namespaces.items[walk.namespaces.count])
