"""What an older libxml2 is given, and what not. `make windows` runs this with libxml2 2.11 itself."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import CanonicalizationMethod, Profile, Signer
from duisign import document as documents_of_ours
from duisign import schema as schemas
from duisign import signer as signers
from duisign import verifier as verifiers
from duisign._plain_document import why_not_plain
from duisign.document import PLAIN_ALONE, DocumentReader
from duisign.limits import DEEPEST, MAX_DEPTH
from duisign.testing import make_samples
from lane_documents import DECLINED, REFUSED, REFUSED_OCTETS, SIGNATURE, TAKEN
from xml_documents import Shape, documents

CORPUS = Path(__file__).parent / "fuzz" / "byte_lane.zip"
PLAIN = Shape(dsig_prefixes=("ds", "a"), ascii_markup=True, ampersand_in_namespace_names=False)
MOST_ATTRIBUTES, MOST_BINDINGS, MOST_WORDS = 128, 256, 1000


def reason(document):
    return why_not_plain(document if isinstance(document, bytes) else document.encode(), DEEPEST)


def many(count, write):
    return " ".join(write(number) for number in range(count))


@pytest.fixture
def reader(monkeypatch):
    """A reader that takes its libxml2 for an older one."""
    monkeypatch.setattr(documents_of_ours, "PLAIN_ALONE", True)
    return DocumentReader()


def error_of(call, *arguments):
    with pytest.raises(duisign.DuisignError) as caught:
        call(*arguments)
    assert caught.value.__context__ is None
    return caught.value


def test_which_libxml2_is_an_older_one():
    assert (etree.LIBXML_VERSION < (2, 14)) == PLAIN_ALONE


class TestWhatIsPlain:
    @pytest.mark.parametrize("name", TAKEN)
    def test_what_the_byte_lane_takes(self, name):
        assert reason(TAKEN[name]) is None

    def test_every_sample_with_inner_signatures_too(self, smki):
        for sample in make_samples(smki).values():
            signed = Signer(smki.user.private_key, smki.user.certificate, existing_signature="replace")
            assert reason(sample.document) is None
            assert reason(signed.sign(sample.document)) is None

    @pytest.mark.parametrize(
        "document",
        [
            f"<a>{SIGNATURE}</a>",
            f"<a>{SIGNATURE}<b/>{SIGNATURE}</a>",
            f"<a><b>{SIGNATURE}</b></a>",
            SIGNATURE,
            "<a><Signature xmlns='urn:x'/></a>",
            f"<a>\r{SIGNATURE}\n]{SIGNATURE}]x</a>",
        ],
    )
    def test_signatures_are_elements_like_others(self, document):
        assert reason(document) is None

    @pytest.mark.parametrize("name", [*REFUSED, *REFUSED_OCTETS])
    def test_what_libxml2_refuses_is_not(self, name):
        assert reason(REFUSED[name] if name in REFUSED else REFUSED_OCTETS[name]) is not None

    @pytest.mark.parametrize(("why", "document"), [(why, one) for why, all_ in DECLINED.items() for one in all_])
    def test_what_is_doubtful_is_not(self, why, document):
        assert reason(document) == why

    def test_white_space_is_missing_in_the_declaration(self):
        # libxml2 2.11 takes it.
        assert reason('<?xml version="1.0" encoding="UTF-8"standalone="no"?><a/>') == "encoding"
        assert reason('<?xml version="1.0"encoding="UTF-8"?><a/>') == "encoding"

    @settings(max_examples=300, deadline=None)
    @given(document=documents(PLAIN))
    def test_what_is_plain_is_read(self, document):
        if reason(document) is None:
            assert DocumentReader().parse(document) is not None

    def test_canonical_forms_of_plain_documents_are_plain(self):
        """As far as white space is not written in other ways there."""
        count = made = 0
        with zipfile.ZipFile(CORPUS) as corpus:
            for name in corpus.namelist():
                document = corpus.read(name)[1:]
                if reason(document) is None:
                    count += 1
                    root = DocumentReader().parse(document)
                    for algorithm in CanonicalizationMethod:
                        # Some are refused, as out of proportion.
                        with contextlib.suppress(duisign.CanonicalizationError):
                            assert reason(duisign.canonicalize(root.getroottree(), algorithm)) is None, name
                            made += 1
        assert (count > 300, made > 3.9 * count) == (True, True)


class TestLimits:
    """What libxml2 2.11 needs a time for that grows with the square."""

    def test_attributes(self):
        for tag in ("<a {}/>", "<b><b/><a {}></a></b>"):
            for count, expected in ((MOST_ATTRIBUTES, None), (MOST_ATTRIBUTES + 1, "too-many")):
                assert reason(tag.format(many(count, lambda number: f"b{number}='1'"))) == expected

    def test_namespaces_of_one_element(self):
        for count, expected in ((MOST_BINDINGS, None), (MOST_BINDINGS + 1, "too-many")):
            assert reason("<a {}/>".format(many(count, lambda number: f"xmlns:b{number}='urn:x'"))) == expected

    @pytest.mark.parametrize("declaration", ["xmlns='urn:x'", "xmlns:p='urn:x'", "xmlns=''"])
    def test_namespaces_of_open_elements_also_when_they_say_the_same_again(self, declaration):
        for count, expected in ((MOST_BINDINGS, None), (MOST_BINDINGS + 1, "too-many")):
            assert reason(f"<a {declaration}>" * count + "</a>" * count) == expected

    def test_those_of_elements_that_are_closed_do_not_count(self):
        one = f"<b {many(200, lambda number: f'xmlns:b{number}=' + repr('urn:x'))}><c/></b>"
        assert reason(f"<a>{one * 20}</a>") is None
        assert reason(f"<a xmlns:p='urn:y'>{one * 20}</a>") is None

    def test_both_at_once(self):
        attributes = many(MOST_ATTRIBUTES, lambda number: f"b{number}='1'")
        namespaces = many(MOST_BINDINGS, lambda number: f"xmlns:b{number}='urn:x'")
        document = f"<a {attributes} {namespaces}/>"
        assert reason(document) is None
        assert DocumentReader().parse(document.encode()).get("b0") == "1"

    @pytest.mark.parametrize(
        ("part", "others"),
        [
            ("<a{}/>", 1),
            ("<a b{}='1'/>", 2),
            ("<?a{}?>", 1),
            ("<a xmlns:b{}='urn:x'/>", 3),
            # The prefix, too, which is none.
            ("<a xmlns='urn:{}'/>", 3),
            ("<a>{}</a>", 2),
            ("<a>\r\n{}\r\n</a>", 2),
        ],
    )
    def test_words_that_a_parser_keeps(self, part, others):
        """Names, prefixes, namespaces, and longer white space between tags."""

        def written(number):
            blanks = "".join(" \t"[number >> bit & 1] for bit in range(16))
            return part.format(blanks if "a>" in part else number)

        for count, expected in ((MOST_WORDS - others, None), (MOST_WORDS - others + 1, "too-many")):
            document = f"<r>{''.join(map(written, range(count))) * 2}</r>"
            assert reason(document) == expected

    @pytest.mark.parametrize(("octets", "expected"), [(15, None), (16, "too-many"), (119, "too-many"), (120, None)])
    def test_how_long_white_space_is_that_a_parser_keeps(self, octets, expected):
        parts = ("".join(" \t"[number >> bit & 1] for bit in range(11)).ljust(octets) for number in range(2000))
        assert reason(f"<r>{''.join(f'<a>{part}</a>' for part in parts)}</r>") == expected

    @pytest.mark.parametrize("text", ["{}", "{}x", "x{}", "<![CDATA[{}]]>", "{}&#32;", "&#32;{}"])
    def test_other_text_is_no_such_word(self, text):
        blanks = ("".join(" \t"[number >> bit & 1] for bit in range(16)) for number in range(2000))
        contents = (str(number) if text == "{}" else text.format(blank) for number, blank in enumerate(blanks))
        assert reason(f"<r>{''.join(f'<a>{content}</a>' for content in contents)}</r>") is None

    def test_values_are_no_such_words(self):
        values = "".join(f"<a b='{number}'/>" for number in range(3000))
        assert reason(f"<r>{values}</r>") is None

    @pytest.mark.parametrize(
        ("start", "element", "end", "levels"),
        [
            ("<a>", "<b/>", "</a>", 64),
            ("<a>", "<b></b>", "</a>", 112),
            ("<a xmlns='urn:x'>", "<b/>", "</a>", 32),
            ("<a>", "<b xmlns:p='urn:x' p:c='' p:d=''/>", "</a>", 180),
        ],
    )
    def test_what_stands_around_elements_and_attributes(self, start, element, end, levels):
        """libxml2 2.11 looks through it for what a prefix is bound to: 16 of it for each octet."""
        for around, expected in ((levels - 8, None), (levels + 8, "too-many")):
            document = (start * around + element * 50_000 + end * around).encode()
            assert why_not_plain(document, MAX_DEPTH) == expected

    def test_levels(self):
        assert reason("<a>" * DEEPEST + "</a>" * DEEPEST) is None
        assert reason("<a>" * (DEEPEST + 1) + "</a>" * (DEEPEST + 1)) == "too-deep"


class TestTheReader:
    """What comes of it, whichever libxml2 there is."""

    @pytest.mark.parametrize(
        ("document", "code"),
        [
            (b"<a/>\0<b/>", "malformed-xml"),
            (b"<a>" * 257 + b"</a>" * 257, "too-deep"),
            (b"<a xmlns='urn:&amp;x'/>", "document-not-plain"),
            ("<a {}/>".format(many(129, lambda number: f"b{number}='1'")).encode(), "document-not-plain"),
            (b'<?xml version="1.0" encoding="UTF-8"standalone="no"?><a/>', "document-not-plain"),
            ("\ufeff<a/>".encode("utf-16-le"), "document-not-plain"),
            ("\ufeff<!DOCTYPE a><a/>".encode("utf-16-le"), "doctype"),
            (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "unsupported-encoding"),
            (b"<!DOCTYPE a><a/>", "doctype"),
            (b"<a/><!DOCTYPE a>", "malformed-xml"),
            ("<\u00e9/>".encode(), "document-not-plain"),
        ],
    )
    def test_what_it_refuses(self, reader, document, code):
        error = error_of(reader.read, document)
        assert (type(error), error.code) == (duisign.DocumentError, code)
        assert reader.read(b"<a/>")[0].tag == "a"

    def test_the_sentence_says_what_to_do(self, reader):
        assert str(error_of(reader.read, b"<a xml:lang='en'/>")).endswith(
            "is given plain documents alone, and this is none (xml-attribute): use an lxml that carries libxml2 2.14."
        )

    @pytest.mark.unusual
    def test_a_verifier_does_not_read_a_part(self, monkeypatch, smki, signer):
        """That which is usual at the end of a document, as it does otherwise."""
        unusual = signer.sign(b"<a xml:lang='en'/>")
        monkeypatch.setattr(verifiers, "PLAIN_ALONE", True)
        monkeypatch.setattr(documents_of_ours, "PLAIN_ALONE", True)
        verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
        assert error_of(verifier.verify, unusual).code == "document-not-plain"

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_signer_makes_nothing_else(self, monkeypatch, smki, reader, workers):
        """Though the byte lane would: many attributes, and names of which there are too many with the Signature's."""
        monkeypatch.setattr(signers, "PLAIN_ALONE", True)
        signer = Signer(smki.user.private_key, smki.user.certificate)
        attributes = f"<a {many(129, lambda number: f'b{number}=' + repr('1'))}/>".encode()
        names = f"<a>{''.join(f'<b{number}/>' for number in range(990))}</a>".encode()
        assert (reason(attributes), reason(names)) == ("too-many", None)
        for document in (attributes, names):
            assert error_of(signer.sign, document).code == "document-not-plain"
        results = list(signer.sign_many([attributes, b"<a/>", names] * 3, workers=workers))
        assert [result.ok for result in results] == [False, True, False] * 3
        assert signer.sign_element(etree.Element("a")).tag == "a"

    @pytest.mark.parametrize(
        "text",
        ["<![CDATA[{}{}]]>", "{}<!---->{}", "&#32;{}", "{}\r\n" + "\r\n" * 52],
        ids=["section", "comment", "reference", "line ends"],
    )
    def test_what_is_verified_has_a_tree(self, monkeypatch, smki, reader, text):
        """Its canonical form may have more of what a parser keeps than the document."""
        monkeypatch.setattr(verifiers, "PLAIN_ALONE", True)
        blanks = ["".join(" \t"[number >> bit & 1] for bit in range(15)) for number in range(1001)]
        document = f"<r>{''.join(f'<a>{text.format(blank, blank)}</a>' for blank in blanks)}</r>".encode()
        signed = Signer(smki.user.private_key, smki.user.certificate).sign(document)
        assert reason(signed) is None
        verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
        assert error_of(verifier.verify, signed).code == "document-not-plain"

    def test_as_many_levels_as_are_wanted(self, reader):
        deep = b"<a>" * DEEPEST + b"</a>" * DEEPEST
        assert DocumentReader(max_depth=DEEPEST).read(deep)[0].tag == "a"
        assert error_of(DocumentReader(max_depth=DEEPEST - 1).read, deep).code == "too-deep"
        assert duisign.canonicalize(deep, max_depth=DEEPEST) == deep

    def test_no_parser_is_shared(self, reader):
        """Its names would be met again with each document."""
        one = reader.parse(b"<a/>")
        assert reader.parse(b"<a/>").getroottree().parser is not one.getroottree().parser

    @pytest.mark.unusual
    def test_the_rest_is_read_where_libxml2_is_a_newer_one(self):
        for documents_ in DECLINED.values():
            for document in documents_:
                assert DocumentReader().parse(document.encode()) is not None

    @pytest.mark.parametrize("profile", Profile)
    def test_a_verifier_gives_it_the_whole_document(self, monkeypatch, smki, reader, profile):
        monkeypatch.setattr(verifiers, "PLAIN_ALONE", True)
        verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate, smki.dcc.certificate]))
        signer = Signer(smki.user.private_key, smki.user.certificate, profile=profile, existing_signature="replace")
        for sample in make_samples(smki).values():
            signed = signer.sign(sample.document)
            assert verifier.verify(signed).element is not None
            assert error_of(verifier.verify, signed + b"\0").code == "malformed-xml"
        for call in (signer.sign, verifier.verify, verifier.receive, duisign.canonicalize, duisign.message_class):
            assert error_of(call, b"<a xml:lang='en'/>").code == "document-not-plain"

    def test_no_schema_is_loaded(self, monkeypatch, tmp_path):
        monkeypatch.setattr(schemas, "PLAIN_ALONE", True)
        error = error_of(duisign.Schema.from_folder, tmp_path)
        assert (type(error), error.code) == (duisign.ConfigurationError, "schema")
        assert "libxml2 2.14" in str(error)


class TestTreesOfCallers:
    """They come from libxml2 as it is; an ampersand in a namespace URI may be none."""

    def test_an_ampersand_in_a_namespace(self, signer):
        root = etree.fromstring(b'<a xmlns:p="urn:&amp;"><p:b/></a>')
        if not PLAIN_ALONE:
            assert duisign.canonicalize(root) == b'<a xmlns:p="urn:&amp;"><p:b></p:b></a>'
            return
        for element in (root, root[0]):
            error = error_of(duisign.canonicalize, element)
            assert (type(error), error.code) == (duisign.CanonicalizationError, "namespace-misread")
            # This writes it first, with an ampersand that is none.
            assert error_of(signer.sign_element, element).code == "malformed-xml"

    @given(text=st.text(alphabet="<&>\"'x\u00e9", max_size=5))
    def test_ampersands_elsewhere(self, text):
        root = etree.Element("a", b=text)
        root.text = text
        again = etree.fromstring(duisign.canonicalize(root))
        assert (again.get("b"), again.text or "") == (text, text)
