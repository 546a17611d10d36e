"""Nothing that a document makes up stays behind: names apart from those of the thread, parsers that are replaced."""

from __future__ import annotations

import encodings
import gc
import sys
import threading
import time
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

import duisign
from duisign._document_parser import DocumentParser
from duisign.document import DocumentReader
from duisign.limits import PARSER_OCTETS, SHARED_PARSER_OCTETS

sys.path.insert(0, str(Path(__file__).parent / "memory"))

from growth import malloc_octets

SHORT = b'<a xmlns="urn:x"><b>text</b></a>'
LONG = b"<a>" + b"<b/>" * (SHARED_PARSER_OCTETS // 4) + b"</a>"
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


@pytest.mark.release_build
@pytest.mark.parametrize("run", [in_this_thread, in_a_new_thread])
@pytest.mark.parametrize("names", [1_000, 100_000])
def test_names_go_with_their_parser(run, names):
    reader = DocumentReader()

    def parse(first):
        for start in range(first, first + 200_000, names):
            reader.parse(b"<a>" + b"".join(b"<n%d/>" % number for number in range(start, start + names)) + b"</a>")

    def growth():
        parse(1_000_000)
        before = malloc_octets()
        for round_ in range(2, 5):
            parse(round_ * 1_000_000)
        return malloc_octets() - before

    # Of 600,000 names, each with 40 octets or so.
    assert run(growth) < 5_000_000


def test_names_of_long_documents_are_not_those_of_short_ones():
    """So that a tree that somebody keeps does not hold them."""
    reader = DocumentReader()
    reader.parse(SHORT)
    parser = reader._places.place.parser
    for _ in range(PARSER_OCTETS // len(LONG) + 1):
        reader.parse(LONG)
        with pytest.raises(duisign.DocumentError):
            reader.parse(LONG[:-1])
    assert reader._places.place.parser is parser
    assert not parser.spent


@pytest.mark.parametrize("document", [SHORT, MALFORMED])
def test_a_parser_reads_so_many_octets_and_is_replaced(document):
    reader = DocumentReader()

    def parse():
        try:
            reader.parse(document)
        except duisign.DocumentError:
            assert document is MALFORMED
        return reader._places.place.parser

    first = parse()
    for _ in range((PARSER_OCTETS - 1) // len(document) - 1):
        assert parse() is first
    assert not first.spent
    assert parse() is first
    assert first.spent
    second = parse()
    assert second is not first
    assert not second.spent


@pytest.mark.parametrize("document", [MALFORMED, LONG[:-1]])
def test_a_refusal_holds_no_parser(document):
    with pytest.raises(duisign.DocumentError) as caught:
        DocumentReader().parse(document)
    frames = caught.value.__traceback__
    while frames is not None:
        assert not {"parser", "shared"} & set(frames.tb_frame.f_locals)
        frames = frames.tb_next


class CallingLookup(etree.CustomElementClassLookup):
    """Has lxml call `call` in the midst of a parse, as the collector of cycles calls finalizers."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def lookup(self, node_type, document, namespace, name):
        """What is called for each element that Python sees."""
        call, self.call = self.call, lambda: None
        call()


@pytest.mark.parametrize("run", [in_this_thread, in_a_new_thread])
def test_what_runs_in_the_midst_of_a_parse_finds_everything_as_it_was(run):
    reader = DocumentReader()

    def parsers():
        before = etree.get_default_parser()
        first, second = etree.XMLParser(remove_comments=True), etree.XMLParser(remove_pis=True)
        etree.set_default_parser(first)
        found = []

        def finalizer():
            # The reader's parser, which is at work and locked: who waited for it would wait for ever.
            assert reader._places.place.parser is None
            found.append(etree.get_default_parser())
            found.append(reader.parse(SHORT).tag)
            etree.set_default_parser(second)

        calling = etree.XMLParser()
        lookup = CallingLookup(finalizer)
        calling.set_element_class_lookup(lookup)
        reader._places.place.parser = DocumentParser(calling)
        try:
            for _ in range(3):
                lookup.call = finalizer
                found.append(reader.parse(b"<outer/>").tag)
                found.append(etree.get_default_parser())
            return found, [first, "{urn:x}a", "outer", second, *([second, "{urn:x}a", "outer", second] * 2)]
        finally:
            etree.set_default_parser(before)

    found, expected = run(parsers)
    assert found == expected


def test_made_up_encodings_are_not_remembered(verifier):
    before = len(encodings._cache)
    for number in range(100):
        with pytest.raises(duisign.DocumentError) as caught:
            verifier.verify(b'<?xml version="1.0" encoding="made-up-%d"?><a/>' % number)
        assert caught.value.code == "unsupported-encoding"
    assert len(encodings._cache) - before < 10


@pytest.mark.timed
@pytest.mark.parametrize("namespaces", [2_000, 200_000])
def test_a_document_of_many_namespaces_makes_no_other_slower(smki, verifier, signed, namespaces):
    hostile = b"<a" + b"".join(b' xmlns:n%d="urn:%d"' % (number, number) for number in range(namespaces)) + b"/>"

    def seconds():
        fastest = 1.0
        for _ in range(300):
            start = time.perf_counter()
            verifier.verify(signed)
            fastest = min(fastest, time.perf_counter() - start)
        return fastest

    before = seconds()
    with pytest.raises(duisign.UnsignedMessageError):
        verifier.verify(hostile)
    after = seconds()
    print(f"before {before * 1e6:.0f} us, after {after * 1e6:.0f} us")
    assert after < 1.5 * before
