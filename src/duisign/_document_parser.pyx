"""Parsers whose names are apart from those of the rest of the process.

lxml gives all parsers of a thread one dictionary (libxml2's xmlDict), which lives as long as the thread: every element,
attribute, prefix and namespace URI of every document goes in, and none comes out. Who sends documents could fill it,
with or without a Signature. So the parsers that read documents get dictionaries of their own: the object that holds
the thread's, which lxml looks up in the thread's state, makes room for another one as long as a parse takes. Trees
refer to their parser and its dictionary, so these go with the last of them.

An lxml that keeps it elsewhere is not disturbed; then nothing is apart.

Short documents are parsed with white space behind them. Where fewer octets are left than libxml2 wants at hand, its
parser looks for more at each step, an eighth of its work on a request of 0.6 KB. White space behind a document is part
of it (XML 1.0 section 2.8, production 22) and ends nothing that was not ended before it: what is well-formed with it is
so without, and its tree is the same.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.string cimport memcpy, memset

from lxml.includes.etreepublic cimport _Element, import_lxml__etree

from duisign._document_tree cimport INPUT_CHUNK, TREE_EXPANSION
from duisign._heap cimport keep_memory

from lxml import etree

from duisign import limits

cdef extern from "Python.h":
    # Borrowed; NULL where the thread has none.
    PyObject* PyThreadState_GetDict() noexcept

cdef enum:
    # What libxml2 says of a document in which it has found no error, neither of well-formedness nor of namespaces:
    # XML_DOC_WELLFORMED and XML_DOC_NSVALID of its tree.h. There is no DTD, and `collect_ids` is off: no other is left.
    FAULTLESS = 1 | 2

cdef Py_ssize_t PARSER_OCTETS = limits.PARSER_OCTETS
cdef str CONTEXT = "_ParserDictionaryContext"
cdef str PARSER = "duisign._document_parser"
cdef object _fromstring = etree.fromstring
cdef object _get_default_parser = etree.get_default_parser
cdef object _set_default_parser = etree.set_default_parser
cdef object _Parser = etree.XMLParser
cdef object LxmlError = etree.LxmlError


@cython.final
cdef class DocumentParser:
    """An lxml parser with names of its own; for one thread.

    `parser`: as it was given. `spent`: it has read so much that another should take its place.
    """

    cdef readonly object parser
    cdef readonly bint spent
    # of all documents so far
    cdef Py_ssize_t octets
    # lxml's _ParserDictionaryContext, which makes itself at the first parse, and the default parser that it holds
    cdef object context
    cdef object default_parser

    def __cinit__(self, parser not None):
        self.parser = parser

    cpdef object parse(self, bytes document):
        """The root element of a document; raises what lxml does.

        Finalizers may run meanwhile and use lxml: for them the thread's default parser is what it was.
        """
        cdef PyObject* state = PyThreadState_GetDict()
        cdef dict thread
        self.octets += len(document)
        self.spent = self.octets >= PARSER_OCTETS
        if state == NULL:
            return _fromstring(document, self.parser)
        thread = <dict> state
        default_parser = _get_default_parser()
        theirs = thread.get(CONTEXT)
        if self.context is not None:
            thread[CONTEXT] = self.context
        elif theirs is not None:
            del thread[CONTEXT]
        try:
            if default_parser is not self.default_parser:
                _set_default_parser(default_parser)
            return _fromstring(document, self.parser)
        finally:
            try:
                self.default_parser = _get_default_parser()
                self.context = thread.get(CONTEXT)
            finally:
                if theirs is not None:
                    thread[CONTEXT] = theirs
                else:
                    thread.pop(CONTEXT, None)
            if self.default_parser is not default_parser:
                # A finalizer has set it.
                _set_default_parser(self.default_parser)


cpdef DocumentParser new_parser():
    """A parser with no DTD, no entities and no network."""
    return DocumentParser(
        _Parser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            collect_ids=False,
            # Text up to the size limit; the depth is checked by ourselves, on the tree.
            huge_tree=True,
        )
    )


cpdef DocumentParser new_parser_for(Py_ssize_t octets):
    """A parser for one document of so many octets, its own.

    With its parser all memory of a tree goes, and glibc would give it back to the system: the next document fetched it
    again page by page, which took more than a third of the time of verifying.
    """
    keep_memory(TREE_EXPANSION * <size_t> octets)
    return new_parser()


cpdef DocumentParser take_parser():
    """The thread's own parser, to be given back; a new one where it is at work, spent, or there is none."""
    cdef PyObject* state = PyThreadState_GetDict()
    # Taken away: what runs in the midst of a parse, such as a finalizer, may want to parse as well.
    cdef DocumentParser own = None if state == NULL else (<dict> state).pop(PARSER, None)
    return new_parser() if own is None or own.spent else own


cpdef object give_back(DocumentParser parser):
    """Make this the thread's own parser."""
    cdef PyObject* state = PyThreadState_GetDict()
    if state != NULL:
        (<dict> state)[PARSER] = parser


def short_root(bytes document not None):
    """The root element of a short document in UTF-8; None if it is not faultless: parse it again to learn why."""
    cdef Py_ssize_t length = len(document)
    cdef bytes padded = PyBytes_FromStringAndSize(NULL, length + INPUT_CHUNK)
    cdef char* to = PyBytes_AS_STRING(padded)
    cdef DocumentParser parser
    cdef _Element root = None
    memcpy(to, PyBytes_AS_STRING(document), length)
    memset(to + length, c" ", INPUT_CHUNK)
    parser = take_parser()
    try:
        root = parser.parse(padded)
    except (LxmlError, ValueError, LookupError):
        pass
    give_back(parser)
    # lxml looks at the last message alone: a warning behind it hides an unbound prefix or a repeated attribute.
    if root is not None and root._c_node.doc.properties & FAULTLESS != FAULTLESS:
        return None
    return root


import_lxml__etree()
