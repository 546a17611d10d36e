"""Nothing that a document makes up stays behind: names apart from those of the thread, parsers that are replaced."""

from __future__ import annotations

import encodings
import gc
import os
import platform
import subprocess
import sys
import threading
import time
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

import duisign
import readings
from duisign._document_parser import DocumentParser, give_back, new_parser, short_root, take_parser
from duisign._markup import UTF8, prolog
from duisign.document import DocumentReader
from duisign.limits import PARSER_OCTETS, SHARED_PARSER_OCTETS
from hard_documents import CUT, FAULTY, kept_by_fuzzer, read_by_lxml

sys.path.insert(0, str(Path(__file__).parent / "memory"))

from growth import malloc_octets

SHORT = b'<a xmlns="urn:x"><b>text</b></a>'
LONG = b"<a>" + b"<b/>" * (SHARED_PARSER_OCTETS // 4) + b"</a>"
MALFORMED = b"<a><b></a>"
PADDING = 250


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


def own_parser():
    """The thread's own parser."""
    parser = take_parser()
    give_back(parser)
    return parser


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
    parser = own_parser()
    for _ in range(PARSER_OCTETS // len(LONG) + 1):
        reader.parse(LONG)
        with pytest.raises(duisign.DocumentError):
            reader.parse(LONG[:-1])
    assert own_parser() is parser
    assert not parser.spent


@pytest.mark.parametrize("document", [SHORT, MALFORMED])
def test_a_parser_reads_so_many_octets_and_is_replaced(document):
    reader = DocumentReader()

    def parse():
        try:
            reader.parse(document)
        except duisign.DocumentError:
            assert document is MALFORMED

    first = new_parser()
    give_back(first)
    documents = 0
    while own_parser() is first:
        parse()
        documents += 1
    assert first.spent
    # What is malformed is parsed with white space behind it, and again without, to learn why.
    octets = len(document) + PADDING + (len(document) if document is MALFORMED else 0)
    assert documents == -(-PARSER_OCTETS // octets)
    assert not own_parser().spent


@pytest.mark.parametrize("document", [MALFORMED, LONG[:-1]])
def test_a_refusal_holds_no_parser(document):
    with pytest.raises(duisign.DocumentError) as caught:
        DocumentReader().parse(document)
    frames = caught.value.__traceback__
    while frames is not None:
        assert not any(isinstance(value, DocumentParser) for value in frames.tb_frame.f_locals.values())
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
            # Not the parser that is at work and locked: who waited for it would wait for ever.
            assert own_parser().parser is not calling
            found.append(etree.get_default_parser())
            found.append(reader.parse(SHORT).tag)
            etree.set_default_parser(second)

        calling = etree.XMLParser()
        lookup = CallingLookup(finalizer)
        calling.set_element_class_lookup(lookup)
        parser = DocumentParser(calling)
        try:
            for _ in range(3):
                give_back(parser)
                lookup.call = finalizer
                found.append(reader.parse(b"<outer/>").tag)
                found.append(etree.get_default_parser())
            return found, [first, "{urn:x}a", "outer", second, *([second, "{urn:x}a", "outer", second] * 2)]
        finally:
            give_back(new_parser())
            etree.set_default_parser(before)

    found, expected = run(parsers)
    assert found == expected


def whole(root):
    """A document's tree, and what it knows of the octets."""
    info = root.getroottree().docinfo
    lines = [node.sourceline for node in root.iter()]
    return etree.tostring(root.getroottree()), lines, root.tail, info.xml_version, info.encoding, info.standalone


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param(CUT, id="cut"),
        pytest.param(FAULTY, id="faults"),
        pytest.param(kept_by_fuzzer("byte_lane"), id="byte lane"),
        pytest.param([readings.document_of(one) for one in kept_by_fuzzer("usual_signature")], id="usual Signature"),
    ],
)
def test_white_space_behind_short_documents_changes_nothing(documents):
    """Nor does it matter how errors are found: all messages are asked here, and the flags of the tree there."""
    taken = refused = 0
    for document in documents:
        if prolog(document, False) != UTF8:
            continue
        ours, theirs = short_root(document), read_by_lxml(document)
        assert (ours is None) == (theirs is None)
        if ours is None or theirs is None:
            refused += 1
            continue
        taken += 1
        assert whole(ours) == whole(theirs)
    assert taken > 10
    assert refused > 10


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


FAULTS = """
import resource, sys, threading
import duisign
from duisign.testing import Smki

user = Smki.create().user
signer = duisign.Signer(user.private_key, user.certificate)
verifier = duisign.Verifier(duisign.PinnedCertificates([user.certificate]))

def faults_of_each(octets):
    part = b"<s:a xmlns:s='urn:x'><s:b>12</s:b><s:c>text of some words</s:c></s:a>"
    signed = signer.sign(b"<r>" + part * (octets // len(part)) + b"</r>")
    # The heap grows until each of their blocks finds the place of the last one.
    for _ in range(10):
        verifier.verify(signed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        verifier.verify(signed)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20

def report():
    print(*(faults_of_each(octets) for octets in (70_000, 300_000, 1_000_000)))

if sys.argv[1] == "thread":
    thread = threading.Thread(target=report)
    thread.start()
    thread.join()
else:
    report()
"""


@pytest.mark.release_build
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its malloc is the one that learns")
@pytest.mark.parametrize("where", ["main", "thread"])
def test_memory_for_long_documents_is_not_fetched_again_page_by_page(where):
    """Their trees have from 100 to 2,000 pages, which took a good part of the time of verifying."""
    done = subprocess.run([sys.executable, "-c", FAULTS, where], capture_output=True, text=True, check=True)
    assert [float(faults) < 10 for faults in done.stdout.split()] == [True] * 3, done.stdout


KEPT = """
import ctypes, sys
import duisign
from duisign.testing import Smki
from growth import mapped_blocks

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def is_mapped(octets):
    before = mapped_blocks()
    block = libc.malloc(ctypes.c_size_t(octets))
    mapped = mapped_blocks() > before
    libc.free(block)
    return mapped

user = Smki.create().user
signer = duisign.Signer(user.private_key, user.certificate)
document = b"<a>" + b"x" * 200_000 + b"</a>"
jobs = {
    "nothing": lambda: signer.sign(document),
    "read": lambda: duisign.canonicalize(document),
    "batch": lambda: list(signer.sign_many([document] * 8, workers=2)),
}
jobs[sys.argv[1]]()
print(is_mapped(1024 * 1024))
"""


@pytest.mark.release_build
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its malloc is the one that learns")
@pytest.mark.parametrize(("job", "mapped"), [("nothing", "True"), ("read", "False"), ("batch", "False")])
def test_glibc_learns_how_much_to_keep(job, mapped):
    """What it maps no longer by itself, it keeps."""
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "memory")}
    done = subprocess.run([sys.executable, "-c", KEPT, job], env=path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == mapped
