"""The names of documents are kept apart from those of the thread, and neither they nor anything else slows others."""

from __future__ import annotations

import gc
import threading
import time
from copy import deepcopy

import pytest
from lxml import etree

import duisign
from duisign.document import DocumentReader
from duisign.limits import PARSER_OCTETS

SHORT = b'<a xmlns="urn:x"><b>text</b></a>'
LONG = b"<a>" + b"<b/>" * (PARSER_OCTETS // 4) + b"</a>"
MALFORMED = b"<a><b></a>"


def in_a_new_thread(call):
    """What the call gives in a thread that has done nothing else."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    (result,) = results
    return result


def in_this_thread(call):
    """What the call gives."""
    return call()


@pytest.mark.parametrize("run", [in_this_thread, in_a_new_thread])
def test_the_threads_own_parser_stays_what_it_was(run):
    reader = DocumentReader()

    def parsers():
        mine = etree.XMLParser(remove_comments=True)
        before = etree.get_default_parser()
        etree.set_default_parser(mine)
        try:
            reader.parse(SHORT)
            after_document = etree.get_default_parser()
            with pytest.raises(duisign.DocumentError, match="not well-formed"):
                reader.parse(MALFORMED)
            return mine, after_document, etree.get_default_parser(), etree.fromstring("<a><!-- c --></a>")
        finally:
            etree.set_default_parser(before)

    mine, after_document, after_refusal, root = run(parsers)
    assert after_document is after_refusal is mine
    assert len(root) == 0


def test_a_thread_that_first_parses_a_document_has_a_parser_of_its_own_afterwards():
    reader = DocumentReader()

    def tags():
        read = reader.parse(b"<first/>")
        return read.tag, etree.fromstring("<second/>").tag, reader.parse(b"<third/>").tag

    assert in_a_new_thread(tags) == ("first", "second", "third")


def content(root):
    """Tag, attributes and text of each element."""
    return [(element.tag, dict(element.attrib), element.text) for element in root.iter()]


@pytest.mark.parametrize("run", [in_this_thread, in_a_new_thread])
def test_what_is_read_mixes_with_other_trees(run):
    """Their names are in different dictionaries, each of which goes while the other tree is still there."""
    reader = DocumentReader()

    def mixed():
        theirs = etree.fromstring('<r xmlns="urn:r"><s t="u">v</s></r>')
        ours = run(lambda: reader.parse(b'<x:a xmlns:x="urn:x" long-attribute-name="1"><x:b/><c/></x:a>'))
        theirs.append(deepcopy(ours))
        theirs.append(ours[0])
        ours.append(theirs[0])
        etree.SubElement(ours, "{urn:x}another-name", another="2")
        assert [node.tag for node in ours.xpath("//*[@another or @t]")] == ["{urn:r}s", "{urn:x}another-name"]
        return theirs, ours

    theirs, ours = mixed()
    for _ in range(3):
        reader.parse(LONG)
    reader = None
    gc.collect()
    assert content(ours) == [
        ("{urn:x}a", {"long-attribute-name": "1"}, None),
        ("c", {}, None),
        ("{urn:r}s", {"t": "u"}, "v"),
        ("{urn:x}another-name", {"another": "2"}, None),
    ]
    ours = None
    gc.collect()
    assert content(theirs) == [
        ("{urn:r}r", {}, None),
        ("{urn:x}a", {"long-attribute-name": "1"}, None),
        ("{urn:x}b", {}, None),
        ("c", {}, None),
        ("{urn:x}b", {}, None),
    ]


def test_a_parser_reads_so_many_octets_and_is_replaced():
    reader = DocumentReader()
    reader.parse(SHORT)
    first = reader._thread.parser
    for _ in range((PARSER_OCTETS - 1) // len(SHORT) - 1):
        reader.parse(SHORT)
    assert reader._thread.parser is first
    reader.parse(SHORT)
    assert reader._thread.parser is None
    reader.parse(SHORT)
    assert reader._thread.parser not in (None, first)


@pytest.mark.parametrize("document", [LONG, LONG[:-1]])
def test_a_long_document_is_its_parsers_last(document):
    reader = DocumentReader()
    reader.parse(SHORT)
    try:
        reader.parse(document)
    except duisign.DocumentError as error:
        frames = error.__traceback__
        while frames is not None:
            assert not {"parser", "names"} & set(frames.tb_frame.f_locals)
            frames = frames.tb_next
    assert reader._thread.parser is None


@pytest.mark.timed
def test_a_document_of_many_namespaces_makes_no_other_slower(smki, verifier, signed):
    hostile = b"<a" + b"".join(b' xmlns:n%d="urn:%d"' % (number, number) for number in range(200_000)) + b"/>"

    def seconds():
        fastest = 1.0
        for _ in range(500):
            start = time.perf_counter()
            verifier.verify(signed)
            fastest = min(fastest, time.perf_counter() - start)
        return fastest

    before = seconds()
    with pytest.raises(duisign.UnsignedMessageError):
        verifier.verify(hostile)
    after = seconds()
    print(f"before {before * 1e6:.0f} us, after {after * 1e6:.0f} us")
    assert after < 2 * before
