"""Trees without lxml's elements: node by node what lxml makes of the same octets, or no tree at all."""

from __future__ import annotations

import ctypes
import gc
import operator
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

import duisign
import readings
from duisign._document_tree import BY_LIBXML2, DocumentTree, document_tree
from duisign._markup import UTF8, prolog
from duisign._message_facts import message_facts
from duisign._tree_lane import canonicalize_document
from duisign.document import PLAIN_ALONE, DocumentReader
from duisign.limits import DEEPEST, PARSER_OCTETS, SHARED_PARSER_OCTETS, SHORT_OCTETS
from hard_documents import CUT, FAULTY, kept_by_fuzzer, read_by_lxml
from interop import peers
from nodes import compare, nodes
from xml_documents import Shape, documents, generate, generate_duis

sys.path.insert(0, str(Path(__file__).parent / "memory"))

from growth import malloc_octets

SECONDS = 120
SYMBOLS = (
    "xmlCtxtGetStatus",
    "xmlCtxtGetVersion",
    "xmlCtxtReadMemory",
    "xmlFreeParserCtxt",
    "xmlNewSAXParserCtxt",
    "xmlStopParser",
)

IN_REACH = "from lxml import etree; import duisign._document_tree as one; print(one.BY_LIBXML2)"


def in_reach():
    """Whether lxml's module has these functions, or is linked with them, and the process offers no others to all."""
    if os.name != "posix":
        return False
    for symbol in SYMBOLS:
        own, offered = (
            ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value if hasattr(library, symbol) else None
            for library in (ctypes.CDLL(etree.__file__), ctypes.CDLL(None))
        )
        if own is None or offered not in (None, own):
            return False
    return True


def answer(code, **environment):
    """What Python code prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class TestWhereTheParserIsFound:
    def test_it_is_called_where_it_is_in_reach(self):
        expected = os.environ.get("DUISIGN_EXPECTED_LOADED") != "nothing" and in_reach()
        assert expected is BY_LIBXML2

    def test_lxml_makes_all_trees_where_it_has_no_file(self):
        assert answer(IN_REACH.replace("import duisign", "del etree.__file__; import duisign", 1)) == "False"

    @pytest.mark.posix
    @pytest.mark.release_build
    def test_a_function_that_the_process_offers_to_all_is_not_taken_for_lxmls(self, tmp_path):
        """Its structures may be others."""
        library = tmp_path / "offered.so"
        source = Path(__file__).parent / "native" / "read_memory.c"
        compiler = peers.require_program("gcc")
        subprocess.run([compiler, "-shared", "-fPIC", source, "-o", library], check=True, timeout=SECONDS)
        for preload, taken in (("", BY_LIBXML2), (str(library), False)):
            assert answer(IN_REACH, LD_PRELOAD=preload) == str(taken)

    def test_all_is_read_all_the_same_where_it_is_not(self, monkeypatch, smki):
        signer = duisign.Signer(smki.user.private_key, smki.user.certificate, profile=duisign.Profile.SIGNXML)
        verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
        document = duisign.testing.make_samples(smki)["service-request"].document
        signed = signer.sign(document)

        def read():
            return verifier.verify(signed).signed_bytes, duisign.canonicalize(document), duisign.message_class(document)

        here = read()
        asked = []
        monkeypatch.setattr("duisign.document.document_tree", asked.append)
        assert read() == here
        # None is what list.append gives, and so lxml has read all of it.
        assert asked == ([] if PLAIN_ALONE else [signed, document, document])


def many(piece, octets):
    return b"<a>" + piece * (octets // len(piece) + 1) + b"</a>"


SIZES = (250, SHORT_OCTETS - 10, SHORT_OCTETS + 1, SHARED_PARSER_OCTETS + 1)
PIECES = (
    b"<b/>", b"<b c='1' d=''/>", b"text", b"&lt;", b"<b>t</b>", b"<!--c-->t", b"<?p d?>", b"<![CDATA[x]]>y<b/>",
    b'<p:b xmlns:p="urn:p" p:q="1"/>', b'<b xmlns=""/><b xmlns="urn:x"><c/></b>', "\u20ac\U0001f600".encode(), b"\r\n",
)  # fmt: skip
COLLIDING = (
    b"<p:a xmlns:p='urn:x'>"
    + b"".join(b"<p:b xmlns:p='urn:%d' p:c=''/><p:d p:e=''/>" % number for number in range(64))
    + b"</p:a>"
)
NAMESPACES = (
    b"<a"
    + b"".join(b' xmlns:n%d="urn:%d"' % (number, number % 7) for number in range(100))
    + b">"
    + b"".join(b'<n%d:b n%d:c="" n%d:d="" xml:lang=""/>' % (one, one * 7 % 100, one * 31 % 100) for one in range(100))
    + b"</a>"
)


@pytest.mark.borrowed
class TestTrees:
    """What `document_tree` makes, or does not."""

    @pytest.mark.parametrize("octets", SIZES)
    @pytest.mark.parametrize("piece", PIECES)
    def test_are_lxmls_whatever_they_are_made_of(self, piece, octets):
        # Nodes are compared slowly: the longest document has no more of them than the others.
        assert compare(many(piece + b"-" * (500 if octets > SHARED_PARSER_OCTETS else 0), octets))

    @pytest.mark.parametrize(
        "document",
        [
            b"<a/>",
            b"<a></a>",
            b'\xef\xbb\xbf<a b=" x&#10;&quot; "/>',
            b'<a b="&amp;" c="&#38;&#x26;" d="&amp;#38;&#38;#38;#38;&amp;amp;lt;" e="&lt;&amp;&#60;"/>',
            b'<a b="&#38;&#10;" xml:lang="&amp;"/>',
            b'<a xml:id="b"><c xml:id=" b "/><d xml:id="1 2"/></a>',
            COLLIDING,
            b"<a>&amp;&#38;&#x26;<![CDATA[&]]></a>",
            b"<a><![CDATA[]]></a>",
            b"<a>t<![CDATA[]]><b/><![CDATA[u]]><!----><?p?></a>",
            b"<?p?>\n<!--c--><?q  r ?>\n<a/>\n<!--d--><?s t?>\n",
            b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>',
            b'<xml:a xml:b="" xmlns:xml="http://www.w3.org/XML/1998/namespace"/>',
            b'<a xmlns:p="urn:a"><p:b xmlns:p="urn:b" p:c=""><p:d/></p:b><p:e/></a>',
            b'<a xmlns="urn:a" b=""><c xmlns="" d=""><e xmlns="urn:a"/></c></a>',
            b'<a xmlns:p="relative" p:b=""/>',
            b'<p:a xmlns:p="urn:a&amp;b&#38;c"/>',
            NAMESPACES,
        ],
    )
    def test_are_lxmls_in_the_corners(self, document):
        assert compare(document)

    @settings(max_examples=400, deadline=None)
    @given(document=documents(Shape()))
    def test_are_lxmls_for_any_document(self, document):
        compare(document)

    def test_are_lxmls_for_generated_documents(self):
        shape = Shape(ampersand_in_namespace_names=False)
        made = [compare(make(seed, shape)) for make in (generate, generate_duis) for seed in range(300)]
        assert sum(made) > 300

    def test_are_lxmls_for_samples(self, smki):
        for sample in duisign.testing.make_samples(smki).values():
            assert compare(sample.document)

    @pytest.mark.parametrize(
        "inputs",
        [
            pytest.param(CUT, id="cut"),
            pytest.param(FAULTY, id="faulty"),
            pytest.param(kept_by_fuzzer("byte_lane"), id="byte lane"),
            pytest.param(kept_by_fuzzer("document_tree"), id="trees"),
            pytest.param(
                [readings.document_of(one) for one in kept_by_fuzzer("usual_signature")], id="usual Signature"
            ),
        ],
    )
    def test_are_not_made_of_what_lxml_refuses(self, inputs):
        inputs = [document for document in inputs if prolog(document, False) == UTF8]
        made = sum(map(compare, inputs))
        assert made < len(inputs) - 10
        # In what is faulty lxml finds something to say throughout.
        assert made > 10 or inputs[0] == FAULTY[0]

    @pytest.mark.parametrize(
        "document",
        [
            # with a warning, or an error that lxml may say or not
            b'<a xmlns="relative"/>',
            b'<?xml version="1.1"?><a/>',
            b"<p:a/>",
            b"<a p:b=''/>",
            b"<?p:q?><a/>",
            # refused
            b"<!DOCTYPE a><a/>",
            b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            b"<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>",
            b"<a>&e;</a>",
            b"<a b='&e;'/>",
            b"<a b='&#38'/>",
            b"<a/><b/>",
            b"<a/>t",
            b"<a>",
            b"<!--c-->",
            b"",
            b"\0",
        ],
    )
    @pytest.mark.parametrize("octets", [0, SHORT_OCTETS])
    def test_are_left_to_lxml_where_in_doubt(self, document, octets):
        assert document_tree(document + b"\n" * octets) is None

    def test_are_as_deep_as_lxmls(self):
        for depth in (DEEPEST - 1, DEEPEST, DEEPEST + 1):
            document = b"<a>" * depth + b"</a>" * depth
            assert compare(document) is (depth <= DEEPEST)
        assert read_by_lxml(b"<a>" * DEEPEST + b"</a>" * DEEPEST) is not None

    def test_stand_by_themselves(self):
        """Whatever becomes of their document, of others, and of the parser that has their names."""
        trees = []
        for number in range(50):
            document = many(b'<n%d m%d="o"/>' % (number, number) + b"-" * 300, (200, 3_000, 70_000)[number % 3])
            trees.append((document_tree(document), nodes(read_by_lxml(document))))
            assert document_tree(document[:-1]) is None
            del document
        for _ in range(2 * PARSER_OCTETS // 1000):
            document_tree(many(b"<b/>", 1000))
        assert all(nodes(tree) == expected for tree, expected in trees)

    @pytest.mark.parametrize("octets", [600, 20_000])
    def test_of_threads_have_parsers_of_their_own(self, octets):
        sources = [many(b'<n%d m="%d"/>' % (number, number) + b"-" * 300, octets) for number in range(40)]
        expected = [nodes(read_by_lxml(document)) for document in sources]
        wrong, start = [], threading.Barrier(4)

        def work():
            start.wait()
            for _ in range(20):
                trees = [document_tree(document) for document in sources]
                wrong.extend(tree for tree, nodes_ in zip(trees[:2], expected, strict=False) if nodes(tree) != nodes_)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    @pytest.mark.release_build
    @pytest.mark.parametrize("octets", SIZES)
    @pytest.mark.parametrize("end", [b"", b"<", b"\0"])
    def test_are_freed_as_a_whole(self, octets, end):
        document = many(b'<b c="d">text</b>', octets) + end

        def make():
            assert (document_tree(document) is None) is (end != b"")

        for _ in range(3):
            make()
        before = malloc_octets()
        for _ in range(200):
            make()
        assert malloc_octets() - before < 4096

    @pytest.mark.parametrize("octets", range(240, 262))
    def test_are_not_made_of_what_white_space_behind_would_continue(self, octets):
        """All of which is text, and has room."""
        assert not compare(b"<" + b"a" * octets + b">")

    @pytest.mark.release_build
    def test_names_of_long_documents_go_with_them(self):
        document_tree(b"<a/>")
        before = malloc_octets()
        assert document_tree(b"<a>" + b"".join(b"<n%d/>" % number for number in range(20_000)) + b"</a>")
        assert malloc_octets() - before < 4096

    @pytest.mark.release_build
    @pytest.mark.parametrize("names", [100, 10_000])
    def test_names_go_with_their_parser(self, names):
        def make(first):
            for start in range(first, first + 200_000, names):
                document_tree(b"<a>" + b"".join(b"<n%d/>" % number for number in range(start, start + names)) + b"</a>")

        make(1_000_000)
        before = malloc_octets()
        for round_ in range(2, 5):
            make(round_ * 1_000_000)
        # Of 600,000 names, each with 40 octets or so.
        assert malloc_octets() - before < 5_000_000

    @pytest.mark.release_build
    def test_leave_other_threads_to_their_work(self):
        document = b"<a>" + b"<b/>" * 2_000_000 + b"</a>"
        clock, stopped, times = time.perf_counter, threading.Event(), []

        def note():
            while not stopped.is_set():
                times.append(clock())

        # More than once: the other thread may get no processor.
        for _ in range(20):
            times.clear()
            stopped.clear()
            thread = threading.Thread(target=note)
            thread.start()
            start = clock()
            tree = document_tree(document)
            end = clock()
            stopped.set()
            thread.join()
            assert tree is not None
            # At both ends this thread gives the lock away for some milliseconds, because it was asked to.
            moments = [start, *(moment for moment in times if start < moment < end), end]
            went_on = max(map(operator.sub, moments[1:], moments)) < (end - start) / 3
            if went_on:
                break
        assert went_on


class Remaker:
    """Has Python's collector of cycles make a tree of another document, whenever it finds one of these."""

    made = 0

    def __init__(self):
        self.itself = self

    def __del__(self):
        document_tree(b"<another>document</another>")
        Remaker.made += 1


@pytest.mark.borrowed
@pytest.mark.parametrize("octets", SIZES)
def test_a_finalizer_that_makes_trees_changes_none(octets):
    document = many(b"<b>t</b>", octets)
    expected = canonicalize_document(DocumentReader().parse(document), 0, (), 10, len(document))
    before, made = gc.get_threshold(), Remaker.made
    gc.collect()
    gc.disable()
    try:
        for _ in range(30):
            Remaker()
            gc.enable()
            gc.set_threshold(1)
            # Nothing else is made in between, for which the collector would run.
            tree = document_tree(document)
            gc.disable()
            assert canonicalize_document(tree, 0, (), 10, len(document)) == expected
        gc.collect()
        assert Remaker.made == made + 30
    finally:
        gc.set_threshold(*before)
        gc.enable()


@pytest.mark.unusual
class TestReaders:
    def test_give_native_code_what_it_reads_faster(self):
        reader = DocumentReader()
        # Longer than what is parsed with white space of one octet behind it.
        other = f"<?xml version='1.0' encoding='utf-16'?><a/>{' ' * SHORT_OCTETS}".encode("utf-16")
        for document, is_utf8 in ((b"<a/>", True), (other, False)):
            tree, found = reader.tree(document)
            assert found is is_utf8
            assert isinstance(tree, DocumentTree) is (is_utf8 and BY_LIBXML2)
            assert canonicalize_document(tree, 0, (), 10, 0) == b"<a></a>"

    @pytest.mark.parametrize(
        "document", [b"<a", b"<p:a/>", b"<!DOCTYPE a><a/>", b"<a>&e;</a>", b"<a/>" + b" " * 100, "<a/>", b"\xff\xfe<"]
    )
    def test_refuse_what_they_refuse_to_parse(self, document):
        reader, codes = DocumentReader(max_octets=100), []
        for call in (reader.parse, reader.tree):
            with pytest.raises(duisign.DocumentError) as caught:
                call(document)
            codes.append((caught.value.code, str(caught.value)))
        assert codes[0] == codes[1]

    @pytest.mark.parametrize("document", [b'<a xmlns="relative"/>', b'<?xml version="1.1"?><a/>'])
    def test_have_lxml_read_the_rest(self, document):
        reader = DocumentReader()
        assert type(reader.tree(document)[0]) is etree._Element
        assert nodes(reader.tree(document)[0]) == nodes(reader.parse(document))


class TestObjects:
    def test_cannot_be_made_otherwise(self):
        with pytest.raises(TypeError, match="document_tree"):
            DocumentTree()
        with pytest.raises(TypeError):
            type("Tree", (DocumentTree,), {})
        with pytest.raises(TypeError):
            document_tree("<a/>")
        with pytest.raises(TypeError):
            document_tree(None)

    @pytest.mark.parametrize("nothing", [DocumentTree.__new__(DocumentTree), None, "<a/>", 1])
    def test_that_are_no_tree_are_refused(self, nothing):
        for call in (lambda: message_facts(nothing), lambda: canonicalize_document(nothing, 0, (), 10, 0)):
            with pytest.raises(duisign.DocumentError) as caught:
                call()
            assert caught.value.code == "wrong-type"

    def test_tell_nothing_of_their_document(self):
        tree = DocumentReader().tree(b"<secret/>")[0]
        assert "secret" not in repr(tree) or not BY_LIBXML2


@pytest.mark.parametrize("octets", [0, SHORT_OCTETS, 100_000])
def test_what_was_verified_and_canonicalized_has_a_tree_of_its_own(smki, octets):
    sample = duisign.testing.make_samples(smki)["service-request"].document
    document = sample.replace(b"</sr:Body>", b"<!--x-->" * (octets // 8) + b"</sr:Body>")
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]), policy=duisign.Policy())
    for _ in range(3):
        message = verifier.verify(signer.sign(document))
        assert message.element.tag.endswith("}Request")
        assert message.request_id is not None
        assert message.message_class is not None
        assert duisign.canonicalize(document, duisign.CanonicalizationMethod.C14N_1_0) == message.signed_bytes
    assert DocumentReader().parse(document).tag == message.element.tag
