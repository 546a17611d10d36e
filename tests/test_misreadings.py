"""What libxml2 2.11 takes and later ones do not is refused; `make windows` runs malformed documents past it itself."""

from __future__ import annotations

import pytest
from lxml import etree

import duisign
from duisign import document as documents
from duisign._misreadings import misreading
from duisign.document import DocumentReader
from duisign.limits import DEEPEST


def error_of(reader, octets):
    with pytest.raises(duisign.DocumentError) as caught:
        reader.read(octets)
    assert caught.value.__context__ is None
    return caught.value


@pytest.fixture
def reader(monkeypatch):
    """A reader that takes its libxml2 for an old one."""
    monkeypatch.setattr(documents, "_MISREADS", True)
    return DocumentReader()


def test_this_libxml2_is_taken_for_what_it_is():
    assert (etree.LIBXML_VERSION < (2, 14)) == documents._MISREADS


class TestTheTree:
    @pytest.mark.parametrize(
        "octets",
        [
            b"<a/>",
            b"<a><b><c>&amp;</c></b><!-- & --><?p &?><b d='&amp;'><c><![CDATA[&]]></c></b></a>",
            b"<a xmlns='urn:x' xmlns:p='urn:y?z=1'><p:b xmlns=''/></a>",
        ],
    )
    def test_nothing_is_found(self, octets):
        assert misreading(etree.fromstring(octets), 3) is None

    def test_depth(self):
        root = etree.fromstring(b"<a><b/>x<b><c>y</c><!-- --></b><b/></a>")
        assert [misreading(root, levels) for levels in (1, 2, 3, 4)] == ["too-deep", "too-deep", None, None]
        # The nodes behind it and above it are not its own.
        assert misreading(root[0], 1) is None
        assert misreading(root[1], 1) == "too-deep"
        assert misreading(root[1][0], 1) is None

    @pytest.mark.parametrize(
        "octets",
        [
            b"<a xmlns='urn:x?&amp;'/>",
            b"<a xmlns:p='urn:x' xmlns:q='urn:&#38;'/>",
            b"<a><b/><b><c/><c xmlns:p='urn:&#x26;x'>y</c></b></a>",
        ],
    )
    def test_an_ampersand_in_a_namespace(self, octets):
        assert misreading(etree.fromstring(octets), 3) == "ampersand"

    def test_what_is_no_element(self):
        with pytest.raises(duisign.DocumentError):
            misreading(etree.Comment("x"), 3)


class TestTheReader:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "iso-8859-1"])
    @pytest.mark.parametrize("text", ["<a/>\0", "<a/>\0<b/>", "<a>\0</a>", "\0", "<a b='\0'/>"])
    def test_a_null_character(self, reader, encoding, text):
        label = "" if encoding == "utf-8" else f'<?xml version="1.0" encoding="{encoding}"?>'
        error = error_of(reader, (label + text).encode(encoding))
        assert error.code == "malformed-xml"
        assert "U+0000" in str(error)

    def test_octets_of_other_encodings_are_no_null_characters(self, reader):
        assert reader.read("<a>\u0100</a>".encode("utf-16"))[0].text == "\u0100"

    def test_depth(self, reader):
        # libxml2 2.14 itself refuses the next one.
        assert reader.read(b"<a>" * DEEPEST + b"</a>" * DEEPEST)[0].tag == "a"

    def test_depth_beyond_all_limits(self, reader, monkeypatch):
        monkeypatch.setattr(documents, "DEEPEST", 100)
        assert reader.read(b"<a>" * 100 + b"</a>" * 100)[0].tag == "a"
        assert error_of(reader, b"<a>" * 101 + b"</a>" * 101).code == "too-deep"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_an_ampersand_in_a_namespace(self, reader, encoding):
        octets = '<a><b xmlns:p="urn:&amp;"/></a>'.encode(encoding)
        assert error_of(reader, octets).code == "namespace-misread"
        # The reader is of use afterwards.
        assert reader.read(b"<a/>")[0].tag == "a"

    def test_it_is_read_where_libxml2_reads_it_well(self):
        assert etree.LIBXML_VERSION >= (2, 14)
        root = DocumentReader().read(b'<a xmlns="urn:&amp;"/>')[0]
        assert duisign.canonicalize(root) == b'<a xmlns="urn:&amp;"></a>'
