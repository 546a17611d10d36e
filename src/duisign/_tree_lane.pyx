"""The tree lane: Canonical XML over the libxml2 nodes of a tree.

Canonical XML 1.0 (W3C, 15 March 2001) and Exclusive XML Canonicalization 1.0 (W3C, 18 July 2002), of a document
or of the subtree below an element in the context of its document, optionally without one subtree (the enveloped
signature). A tree is borrowed and only read. What this lane does not know is an error, never skipped.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport strlen, strstr

from lxml.includes.tree cimport (
    LIBXML_VERSION, XML_CDATA_SECTION_NODE, XML_COMMENT_NODE, XML_DOCUMENT_NODE, XML_ELEMENT_NODE,
    XML_ENTITY_REF_NODE, XML_PI_NODE, XML_TEXT_NODE, xmlNode,
)

from duisign._bindings cimport bindings_free, bindings_open, unbind_to
from duisign._document_tree cimport LONG_TREE, root_node
from duisign._octets cimport (
    Octets, octets_end, octets_free, octets_open, octets_take, put, put_octet, put_string, put_text,
)
from duisign._pointers cimport pointers_free, pointers_open
from duisign._sha256 cimport (
    Sha256, sha256_begin, sha256_finish, sha256_free, sha256_open, sha256_update,
)
from duisign._start_tag cimport (
    ENTITY_REFERENCE, INCONSISTENT_NAMESPACES, LONG_NAMESPACE, MISREAD_NAMESPACE, NONE, RELATIVE_NAMESPACE,
    SIGNATURE_MET, TOO_DEEP, UNKNOWN_NODE, UNSERIALIZABLE, Walk, declare_ancestors, open_element, put_name, text,
)

from lxml import etree

from duisign import limits
from duisign.errors import CanonicalizationError, ConfigurationError, doctype_error, element_error

cdef size_t MAX_EXPANSION = limits.MAX_EXPANSION
cdef size_t EXPANSION_ALLOWANCE = limits.EXPANSION_ALLOWANCE
cdef size_t MAX_DOCUMENT_OCTETS = limits.MAX_DOCUMENT_OCTETS

SUPPORTED_LIBXML2 = frozenset({(2, 11), (2, 14)})
"""The libxml2 release series whose node structures the tests ran with: lxml's wheels for Windows carry the first."""

cdef dict FAILURES = {
    TOO_DEEP: ("too-deep", "The elements are nested deeper than the limit: refuse the document, or raise max_depth."),
    RELATIVE_NAMESPACE: (
        "relative-namespace",
        "A namespace URI is relative; Canonical XML 1.0 section 2.4 has no form for it: declare an absolute URI.",
    ),
    LONG_NAMESPACE: (
        "namespace-too-long", "A namespace URI is longer than 2048 octets: no genuine one is; refuse the document.",
    ),
    MISREAD_NAMESPACE: (
        "namespace-misread",
        "A namespace URI holds an ampersand, which this libxml2 may misread: use an lxml that carries libxml2 2.14.",
    ),
    ENTITY_REFERENCE: (
        "entity-reference",
        "The tree holds an unexpanded entity reference: send the document without entities of its own.",
    ),
    UNKNOWN_NODE: (
        "unknown-node",
        "The tree holds a node that no XML document without DTD has: pass a plain XML document or element.",
    ),
    INCONSISTENT_NAMESPACES: (
        "inconsistent-namespaces",
        "A name's prefix is bound to another namespace where the name stands: serialize the tree and parse it again.",
    ),
    UNSERIALIZABLE: (
        "unserializable-node",
        "A comment or processing instruction holds text that no XML document can have there: remove it.",
    ),
}


cdef inline void close_element(Walk* walk, const xmlNode* element) noexcept nogil:
    put(walk.out, b"</", 2)
    put_name(walk.out, element.ns, element.name)
    put_octet(walk.out, c">")


cdef void put_processing_instruction(Walk* walk, const xmlNode* node) noexcept nogil:
    if node.content != NULL and node.content[0] != 0:
        if strstr(<const char*> node.content, b"?>") != NULL or strstr(<const char*> node.content, b"\r") != NULL:
            walk.failure = UNSERIALIZABLE
            return
        put(walk.out, b"<?", 2)
        put_string(walk.out, <const char*> node.name)
        put_octet(walk.out, c" ")
        put_string(walk.out, <const char*> node.content)
    else:
        put(walk.out, b"<?", 2)
        put_string(walk.out, <const char*> node.name)
    put(walk.out, b"?>", 2)


cdef void put_comment(Walk* walk, const xmlNode* node) noexcept nogil:
    cdef const char* content = text(node.content)
    cdef size_t length = strlen(content)
    if (
        strstr(content, b"--") != NULL or strstr(content, b"\r") != NULL
        or (length and content[length - 1] == c"-")
    ):
        walk.failure = UNSERIALIZABLE
        return
    put(walk.out, b"<!--", 4)
    put(walk.out, <const unsigned char*> content, length)
    put(walk.out, b"-->", 3)


cdef void put_leaf(Walk* walk, const xmlNode* node) noexcept nogil:
    """Write a node below an element that is not itself an element."""
    if node.type == XML_TEXT_NODE or node.type == XML_CDATA_SECTION_NODE:
        if node.content != NULL:
            put_text(walk.out, node.content)
    elif node.type == XML_PI_NODE:
        put_processing_instruction(walk, node)
    elif node.type == XML_COMMENT_NODE:
        if walk.with_comments:
            put_comment(walk, node)
    elif node.type == XML_ENTITY_REF_NODE:
        walk.failure = ENTITY_REFERENCE
    else:
        walk.failure = UNKNOWN_NODE


cdef void walk_subtree(Walk* walk, const xmlNode* apex, bint has_context) noexcept nogil:
    """Write an element and all below it, without recursion: the depth is the caller's, not the C stack's."""
    cdef int[DEPTH_LIMIT_MAXIMUM] in_scope_marks
    cdef int[DEPTH_LIMIT_MAXIMUM] rendered_marks
    cdef int depth = 0
    cdef const xmlNode* node = apex
    if node == walk.excluded:
        return
    while True:
        if node == walk.excluded:
            pass
        elif node.type == XML_ELEMENT_NODE:
            if depth == walk.max_depth:
                walk.failure = TOO_DEEP
                return
            in_scope_marks[depth] = walk.in_scope.count
            rendered_marks[depth] = walk.rendered.count
            depth += 1
            open_element(walk, node, has_context and node == apex)
            if node.children != NULL and not walk.failure:
                node = node.children
                continue
            close_element(walk, node)
            depth -= 1
            leave_scope(walk, in_scope_marks[depth], rendered_marks[depth])
        else:
            put_leaf(walk, node)
        if walk.failure or walk.out.failed:
            return
        while node != apex and node.next == NULL:
            node = node.parent
            close_element(walk, node)
            depth -= 1
            leave_scope(walk, in_scope_marks[depth], rendered_marks[depth])
        if node == apex:
            return
        node = node.next


cdef inline void leave_scope(Walk* walk, int in_scope, int rendered) noexcept nogil:
    if walk.in_scope.count != in_scope:
        unbind_to(&walk.in_scope, in_scope)
        walk.consistent = NULL
    unbind_to(&walk.rendered, rendered)


cdef void walk_document(Walk* walk, const xmlNode* document) noexcept nogil:
    """Write the root element with the processing instructions and comments around it, a line feed between each."""
    cdef const xmlNode* node = document.children
    cdef bint after_root = False
    cdef const unsigned char* space
    while node != NULL and not walk.failure:
        if node.type == XML_ELEMENT_NODE:
            if after_root:
                walk.failure = UNKNOWN_NODE
                return
            walk_subtree(walk, node, False)
            after_root = True
        elif node.type == XML_PI_NODE or (node.type == XML_COMMENT_NODE and walk.with_comments):
            if after_root:
                put_octet(walk.out, c"\n")
            put_leaf(walk, node)
            if not after_root:
                put_octet(walk.out, c"\n")
        elif node.type == XML_TEXT_NODE:
            # lxml keeps the tail of a root here; white space is no part of the data model, text is no document.
            space = node.content
            while space != NULL and (space[0] == c" " or 9 <= space[0] <= 10 or space[0] == 13):
                space += 1
            if space != NULL and space[0] != 0:
                walk.failure = UNKNOWN_NODE
        elif node.type != XML_COMMENT_NODE:
            walk.failure = UNKNOWN_NODE
        node = node.next
    if not after_root and not walk.failure:
        walk.failure = UNKNOWN_NODE


cdef void walk_apex(Walk* walk, const xmlNode* apex) noexcept nogil:
    if apex.type == XML_DOCUMENT_NODE:
        walk_document(walk, apex)
    else:
        declare_ancestors(walk, apex)
        if not walk.failure:
            walk_subtree(walk, apex, True)
    octets_end(walk.out)


cdef void digest_octets(Walk* walk, Sha256* sha256, unsigned char* digest) noexcept nogil:
    """Write the digest of what a walk has written, if all went well."""
    if walk.failure or walk.out.failed:
        return
    if not (
        sha256_begin(sha256) and sha256_update(sha256, walk.out.data, walk.out.length)
        and sha256_finish(sha256, digest)
    ):
        walk.out.failed = True


cdef size_t largest_form(Py_ssize_t size_hint) noexcept nogil:
    """Octets of the largest canonical form of a document of so many octets; 0: the size is not known."""
    return MAX_EXPANSION * (<size_t> size_hint if size_hint > 0 else MAX_DOCUMENT_OCTETS) + EXPANSION_ALLOWANCE


cdef bytes canonical(
    xmlNode* apex, const xmlNode* excluded, int algorithm, tuple inclusive_prefixes, int max_depth,
    Py_ssize_t size_hint, bint digest_alone, unsigned char* digest, bint release_gil, bint stop_at_signature,
):
    """The canonical octets of a document or element node, or with `digest_alone` their SHA-256 digest (32 octets).

    The caller keeps the tree alive, and unchanged when the GIL is released. `inclusive_prefixes` is a tuple of
    UTF-8 bytes, b"" for #default. `digest`: where the digest of the octets goes as well, or NULL. `stop_at_signature`:
    None if there is any Signature, or no telling because of the depth. Raises CanonicalizationError, MemoryError.
    """
    cdef Walk walk
    cdef Octets out
    cdef Sha256 sha256
    cdef int index
    if not 0 < max_depth <= DEPTH_LIMIT_MAXIMUM:
        raise ConfigurationError("depth-limit", f"max_depth must be from 1 to {DEPTH_LIMIT_MAXIMUM}.")
    sha256_open(&sha256)
    octets_open(&out, size_hint, largest_form(size_hint), &sha256 if digest_alone else NULL)
    bindings_open(&walk.in_scope)
    bindings_open(&walk.rendered)
    pointers_open(&walk.attributes)
    pointers_open(&walk.namespaces)
    walk.out = &out
    walk.excluded = excluded
    walk.exclusive = (algorithm & EXCLUSIVE) != 0
    walk.with_comments = (algorithm & WITH_COMMENTS) != 0
    walk.stop_at_signature = stop_at_signature
    walk.inclusive = NULL
    walk.inclusive_count = 0
    walk.max_depth = max_depth
    walk.consistent = NULL
    walk.failure = NONE
    try:
        if inclusive_prefixes:
            walk.inclusive = <const char**> malloc(len(inclusive_prefixes) * sizeof(char*))
            if walk.inclusive == NULL:
                raise MemoryError
            for index in range(len(inclusive_prefixes)):
                walk.inclusive[index] = <const char*> (<bytes?> inclusive_prefixes[index])
            walk.inclusive_count = len(inclusive_prefixes)
        if release_gil:
            with nogil:
                walk_apex(&walk, apex)
                if digest != NULL:
                    digest_octets(&walk, &sha256, digest)
        else:
            walk_apex(&walk, apex)
            if digest != NULL:
                digest_octets(&walk, &sha256, digest)
        if walk.in_scope.failed or walk.rendered.failed or walk.attributes.failed or walk.namespaces.failed:
            raise MemoryError
        if walk.failure == SIGNATURE_MET or (stop_at_signature and walk.failure == TOO_DEEP):
            return None
        if walk.failure:
            raise CanonicalizationError(*FAILURES[walk.failure])
        if out.too_long:
            raise CanonicalizationError(
                "canonical-form-too-large",
                "The canonical form is out of proportion: namespaces are repeated without end; refuse the document.",
            )
        return octets_take(&out)
    finally:
        free(walk.inclusive)
        octets_free(&out)
        sha256_free(&sha256)
        bindings_free(&walk.in_scope)
        bindings_free(&walk.rendered)
        pointers_free(&walk.attributes)
        pointers_free(&walk.namespaces)


cdef object canonical_source(
    object element, bint document, int algorithm, tuple inclusive_prefixes, int max_depth, Py_ssize_t size,
):
    cdef xmlNode* node = root_node(element)
    if node == NULL or node.type != XML_ELEMENT_NODE:
        raise element_error()
    if node.doc == NULL or node.doc.intSubset != NULL or node.doc.extSubset != NULL:
        raise doctype_error()
    return canonical(
        <xmlNode*> node.doc if document else node, NULL, algorithm, inclusive_prefixes, max_depth, size, False, NULL,
        size == 0 or size >= LONG_TREE, False,
    )


def canonicalize_document(root, int algorithm, tuple inclusive_prefixes, int max_depth, Py_ssize_t size):
    """The canonical octets of the whole document that an lxml element or DocumentTree belongs to.

    `size`: octets of the document; 0 if that is not known.
    """
    return canonical_source(root, True, algorithm, inclusive_prefixes, max_depth, size)


def canonicalize_element(element, int algorithm, tuple inclusive_prefixes, int max_depth):
    """The canonical octets of the subtree of an lxml element, in the context of its document."""
    return canonical_source(element, False, algorithm, inclusive_prefixes, max_depth, 0)


def check_libxml2():
    """Raise ImportError unless lxml carries a libxml2 whose node structures this module was built for."""
    version = etree.LIBXML_VERSION
    built = (LIBXML_VERSION // 10000, LIBXML_VERSION // 100 % 100)
    if built not in SUPPORTED_LIBXML2:
        raise ImportError(
            f"duisign was built against libxml2 {built[0]}.{built[1]}, for which it was never tested; "
            "build it with the headers of an lxml wheel of the 6.1 series."
        )
    if version[:2] != built:
        raise ImportError(
            f"lxml {etree.__version__} carries libxml2 {version[0]}.{version[1]}, but duisign was built for "
            f"{built[0]}.{built[1]}: install an lxml wheel of the 6.1 series, or rebuild duisign with this lxml."
        )


check_libxml2()
