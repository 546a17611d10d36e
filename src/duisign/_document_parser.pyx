"""A parser whose names are apart from those of the rest of the process.

lxml gives all parsers of a thread one dictionary (libxml2's xmlDict), which lives as long as the thread: every element,
attribute, prefix and namespace URI of every document goes in, and none comes out. Who sends documents could fill it,
with or without a Signature. So the parsers that read documents get dictionaries of their own: the object that holds
the thread's, which lxml looks up in the thread's state, makes room for another one as long as a parse takes. Trees
refer to their parser and its dictionary, so these go with the last of them.

An lxml that keeps it elsewhere is not disturbed; then nothing is apart.
"""

cimport cython
from cpython.object cimport PyObject

from lxml import etree

from duisign import limits

cdef extern from "Python.h":
    # Borrowed; NULL where the thread has none.
    PyObject* PyThreadState_GetDict() noexcept

cdef Py_ssize_t PARSER_OCTETS = limits.PARSER_OCTETS
cdef str CONTEXT = "_ParserDictionaryContext"
cdef object _fromstring = etree.fromstring
cdef object _get_default_parser = etree.get_default_parser
cdef object _set_default_parser = etree.set_default_parser


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

    def parse(self, bytes document not None):
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
