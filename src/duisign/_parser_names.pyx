"""The names that a parser has met, apart from those of the rest of the process.

lxml gives all parsers of a thread one dictionary (libxml2's xmlDict), which lives as long as the thread: every element,
attribute, prefix and namespace URI of every document goes in, and none comes out. Who sends documents could fill it,
with or without a Signature. So the parsers that read documents get dictionaries of their own: the object that holds
the thread's, which lxml looks up in the thread's state, makes room for another one as long as a parse takes. Trees
refer to their dictionary; it goes with the last of them and with its `ParserNames`.

An lxml that keeps it elsewhere is not disturbed; then nothing is apart.
"""

cimport cython
from cpython.object cimport PyObject

from lxml import etree

cdef extern from "Python.h":
    # Borrowed; NULL where the thread has none.
    PyObject* PyThreadState_GetDict() noexcept

cdef str CONTEXT = "_ParserDictionaryContext"
cdef object _fromstring = etree.fromstring


@cython.final
cdef class ParserNames:
    """The names of the documents of one parser, which belongs to one thread."""

    # lxml's _ParserDictionaryContext, which makes itself at the first parse
    cdef object context

    def parse(self, bytes document not None, parser):
        """The root element of a document; raises what lxml does."""
        cdef PyObject* state = PyThreadState_GetDict()
        cdef dict thread
        if state == NULL:
            return _fromstring(document, parser)
        thread = <dict> state
        theirs = thread.get(CONTEXT)
        if self.context is not None:
            thread[CONTEXT] = self.context
        elif theirs is not None:
            del thread[CONTEXT]
        try:
            return _fromstring(document, parser)
        finally:
            # The thread's own comes back whatever happened: its default parser is in it, too.
            self.context = thread.get(CONTEXT)
            if theirs is not None:
                thread[CONTEXT] = theirs
            elif self.context is not None:
                del thread[CONTEXT]
