# The state of a canonicalization, and the start tag: namespaces and attributes, most of what C14N is about.

from lxml.includes.tree cimport xmlNode, xmlNs

from duisign._bindings cimport Bindings
from duisign._octets cimport Octets, put_octet, put_string
from duisign._pointers cimport Pointers


cdef enum Failure:
    NONE = 0
    TOO_DEEP
    RELATIVE_NAMESPACE
    SIGNATURE_MET
    LONG_NAMESPACE
    # as an older libxml2 may have made it of another one
    MISREAD_NAMESPACE
    ENTITY_REFERENCE
    UNKNOWN_NODE
    INCONSISTENT_NAMESPACES
    UNSERIALIZABLE


cdef struct Walk:
    Octets* out
    # namespaces declared by the open elements; for inclusive C14N also those written
    Bindings in_scope
    # exclusive only: namespaces written by the open elements
    Bindings rendered
    const xmlNode* excluded
    bint exclusive
    bint with_comments
    # stop with SIGNATURE_MET at any Signature of XMLDSig
    bint stop_at_signature
    # prefixes that Exclusive C14N treats inclusively; "" is #default
    const char** inclusive
    int inclusive_count
    int max_depth
    # scratch of the element that is being opened
    Pointers attributes
    Pointers namespaces
    # the last namespace found bound where it is used; NULL after any change of in_scope
    const xmlNs* consistent
    Failure failure


cdef void open_element(Walk* walk, const xmlNode* element, bint apex) noexcept nogil
cdef void declare_ancestors(Walk* walk, const xmlNode* apex) noexcept nogil


cdef inline const char* text(const unsigned char* string) noexcept nogil:
    # libxml2 writes "no prefix" and "no namespace" as NULL; as "" they compare like any other.
    if string == NULL:
        return b""
    return <const char*> string


cdef inline void put_name(Octets* out, const xmlNs* ns, const unsigned char* name) noexcept nogil:
    if ns != NULL and ns.prefix != NULL and ns.prefix[0] != 0:
        put_string(out, <const char*> ns.prefix)
        put_octet(out, c":")
    put_string(out, <const char*> name)
