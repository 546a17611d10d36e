"""The byte lane declines, or gives what the tree lane gives; and it declines what libxml2 refuses."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import random
import sys
import time
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, settings
from hypothesis import strategies as st

import duisign
import lanes
from duisign._byte_lane import SCAN, ReadDocument, canonical_document
from duisign.testing import Smki, make_samples
from xml_documents import Shape, documents, duis_documents, generate

DSIG = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE = f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo a="1"/> <!-- x -->&amp;</ds:Signature>'
CORPUS = Path(__file__).parent / "fuzz" / "byte_lane.zip"
# What the byte lane declines is left out, so that the rest is met often.
PLAIN = Shape(dsig_prefixes=("ds", "a"), ascii_markup=True, ampersand_in_namespace_names=False)


@pytest.fixture(scope="module")
def smki():
    return Smki.create()


def signer(smki, **options):
    return duisign.Signer(smki.user.private_key, smki.user.certificate, deterministic=True, **options)


def tree_signer(monkeypatch, smki, **options):
    with monkeypatch.context() as patch:
        patch.setenv("DUISIGN_LANES", "tree")
        return signer(smki, **options)


def test_the_branch_that_is_to_be_tested_was_compiled():
    native = {"x86_64": "SSE2", "AMD64": "SSE2", "aarch64": "NEON", "arm64": "NEON"}.get(platform.machine(), "plain")
    # `make plain` builds and tests the branch without vectors.
    assert os.environ.get("DUISIGN_EXPECTED_SCAN", native) == SCAN


# What it takes, and gives exactly.

TAKEN = {
    "smallest": "<a/>",
    "empty with space": "<a />",
    "empty root with everything": "<?p?><a b='1' xmlns='urn:x' /><?q?>",
    "declaration": "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<a></a>\n",
    "byte order mark": '\ufeff<?xml version="1.0"?><a></a>',
    "comments and instructions around": "<!-- a - b --><?p d?>\n<a></a><!----><?q  e ? > ?>\r\n<?r?>",
    "instruction with line ends": "<a><?p a\r\nb\rc?></a>",
    "references": "<a>&lt;&gt;&amp;&quot;&apos;&#13;&#xD;&#10;&#9;&#32;&#x10FFFF;&#233;</a>",
    "references in values": "<a b='&lt;&gt;&amp;&quot;&apos;&#13;&#xA;&#9;&#x20;&#x1F600;&#xE9;\u20ac'/>",
    "quotes in values": '<a b=\'"\' c="\'" d="x>y"/>',
    "white space in values": "<a b='\tx\r\ny\rz\n '/>",
    "tags with white space": "<a\n\tb = '1'\r\n   c\n=\n'2'\n>x</a\r\n>",
    "line ends": "<a>\r\n\r\r\nx\ry</a>",
    "character data section": "<a><![CDATA[<&>]] ]>\r\n\r]]]]></a>",
    "empty sections": "<a><![CDATA[]]><![CDATA[]]>x<![CDATA[>]]></a>",
    "greater than": "<a>> ]> ]]\u20ac> ]]&gt;</a>",
    "sixteen octets and more": "<a>" + "0123456789abcde\u00e9" * 9 + "&amp;" + "x" * 40 + "</a>",
    "attributes out of order": "<a z='1' b='2' xmlns:q='urn:b' xmlns:p='urn:c' q:z='3' p:a='4'/>",
    "attributes of one name": "<a xmlns:p='urn:1' xmlns:q='urn:2' p:x='1' q:x='2' x='3'/>",
    "redundant declarations": "<a xmlns='urn:x' xmlns:p='urn:y'><p:b xmlns='urn:x' xmlns:p='urn:y'/></a>",
    "redeclared prefix": "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c xmlns:p='urn:1'/></p:b><p:d/></p:a>",
    "redeclared default": "<a xmlns='urn:1'><b xmlns='urn:2'><c></c></b><d></d><e xmlns=''><f></f></e><g></g></a>",
    "prefix in and out of scope": "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c></p:c></p:b><p:d></p:d></p:a>",
    "prefix written twice by the exclusive form": "<a xmlns:p='urn:1'><p:b></p:b><p:b><p:c></p:c></p:b></a>",
    "two branches deeper than is usual": f"<a>{'<b>' * 40}{'</b>' * 40}{'<c>' * 40}{'</c>' * 40}</a>",
    "prefix that begins a name": "<p:a xmlns:p='urn:1' xmlns='urn:2'><pb></pb><p:b></p:b></p:a>",
    "prefix that begins a prefix": "<p:a xmlns:p='urn:1' xmlns:pq='urn:2'><pq:b></pq:b><p:b></p:b></p:a>",
    "one attribute behind a known prefix": (
        '<p:a xmlns:p=\'urn:1\'><p:b c="1"><p:d _="x>y"/>\r\n<p:e f=""/></p:b><p:g h-1.2="{}"></p:g></p:a>'.format(
            "x" * 70
        )
    ),
    "one attribute in single quotes": "<a><b></b><b c='1'></b><b c='\"'/><b c='x>'/></a>",
    "one attribute that is written otherwise": (
        '<a><b></b><b c="\'"/><b c="&amp;"></b><b c="&#65;"/><b c="\t"/><b c="\n"></b><b c="\r\n"/></a>'
    ),
    "one attribute with white space": (
        '<a><b></b><b  c="1"></b><b c ="1"/><b c= "1"></b><b c="1" ></b><b c="1" /><b\nc="1"/></a>'
    ),
    "one attribute beyond ASCII": '<a><b></b><b c="\u20ac"></b><b c="\U0001d538"/><b c="0123456789abcdef\xe9"/></a>',
    "two attributes behind a known prefix": (
        '<a><b></b><b c="1" d="2"></b><b d="1" c="2"/><b x="1" c="2"/><b x="1"/></a>'
    ),
    "one attribute with a prefix": (
        '<a xmlns:p="urn:1" xmlns:xp="urn:2"><b></b><b p:c="1"></b><b xp:c="1"/><b xml="1"/><p:b c="1"/></a>'
    ),
    "one declaration behind a known prefix": (
        '<p:a xmlns:p="urn:1"><p:b/><p:b xmlns="urn:2"><c/></p:b><p:b xmlns:p="urn:2"><p:c/></p:b><p:d/></p:a>'
    ),
    "names that are nearly Signature": '<a><b></b><Signatura a="1"/><Signatur a="1"/><b Signatur_="1"/></a>',
    "empty elements behind a known prefix": "<p:a xmlns:p='urn:1'><p:b><p:c/></p:b><p:d/><p:d /> x<p:e/></p:a>",
    "empty elements in a signature to replace": (
        f'<a xmlns:ds="{DSIG}"><b/><ds:Signature><ds:c/><ds:d/><ds:e f="1"/><ds:g f="1">x</ds:g></ds:Signature><b/></a>'
    ),
    "undeclared default": "<a xmlns='urn:x'><b xmlns=''><c xmlns='urn:x'/></b><d/></a>",
    "nothing to undeclare": "<a xmlns=''><b xmlns=''/></a>",
    "exclusive in children": "<a xmlns:p='urn:1' xmlns:q='urn:2'><b><p:c q:d='1'/><p:c><p:e/></p:c></b></a>",
    "astral and last characters": "<a b='\U0001d538'>\U0010fffd\ufffd\ue000\ud7ff\x7f\x80\u2028</a>",
    "signature to replace": f"<a>\n{SIGNATURE}\n</a>",
    "signature that binds nothing": f"<a xmlns:ds='{DSIG}'><b/><ds:Signature>x</ds:Signature>y</a>",
    "empty signature of another prefix": f"<x:a xmlns:x='{DSIG}'><x:Signature/></x:a>",
    "signature larger than a block": f"<a>{'<b>' + 'x' * 70000 + '</b>'}{SIGNATURE.replace('&amp;', 'y' * 200000)}</a>",
    "indented": "<a>\n <b>\n  <c>  </c>\n  <c/>\n </b>\n</a>\n",
    "indented with comments": "<a>\n <!-- x --> <b> <!-- y --> </b><?p?>\n <![CDATA[ ]]> \n<c> <![CDATA[x]]> </c></a>",
    "comments before the first child": "<a> <!-- <b> --> <?p <b/>?> <b/> </a>",
    "mixed": "<a> x <b/> &#32; <b/> y</a>",
}


@pytest.mark.parametrize("options", lanes.OPTIONS, ids=str)
@pytest.mark.parametrize("name", TAKEN)
def test_what_it_takes_is_what_the_tree_lane_gives(name, options):
    document = TAKEN[name].encode()
    if b"Signature" in document and not options[2]:
        assert lanes.compare(document, *options) in ("signature", lanes.REFUSED)
    else:
        assert lanes.compare(document, *options) == lanes.SIGNED


@pytest.mark.parametrize("options", lanes.OPTIONS, ids=str)
def test_every_sample_but_inner_signatures_is_taken(smki, options):
    for name, sample in make_samples(smki).items():
        for document in (sample.document, sample.document.replace(b"><", b">\r\n\t<")):
            expected = "signature" if name == "smets1-response" else lanes.SIGNED
            assert lanes.compare(document, *options) == expected, name


# What it declines, because libxml2 refuses it.

REFUSED = {
    "nothing": "",
    "white space": " \n",
    "no element": "<!-- a -->",
    "text before": "x<a/>",
    "text behind": "<a/>x",
    "two roots": "<a/><b/>",
    "section behind": "<a/><![CDATA[]]>",
    "open": "<a>",
    "open in a tag": "<a",
    "open in a value": "<a b='",
    "open in a comment": "<a><!-- ",
    "open in a section": "<a><![CDATA[ ]]",
    "open in an instruction": "<a><?p ?",
    "open in a reference": "<a>&am",
    "another end tag": "<a></b>",
    "longer end tag": "<a></ab>",
    "shorter end tag": "<ab></a>",
    "end tag of another prefix": "<p:a xmlns:p='urn:x' xmlns:q='urn:x'></q:a>",
    "crossed": "<a><b></a></b>",
    "end tag with attribute": "<a></a b='1'>",
    "no name": "<>",
    "digit first": "<1a/>",
    "dash first": "<-a/>",
    "digit first, in a child": "<a><1b></1b></a>",
    "dash first, behind a known prefix": "<p:a xmlns:p='urn:x'><p:-b></p:-b></p:a>",
    "nothing behind a known prefix": "<p:a xmlns:p='urn:x'><p:></p:></p:a>",
    "a sign behind a known prefix": "<p:a xmlns:p='urn:x'><p$b></p$b></p:a>",
    "two colons behind a known prefix": "<p:a xmlns:p='urn:x'><p:b:c></p:b:c></p:a>",
    "attribute behind a known prefix, digit first": '<a><b></b><b 1="1"/></a>',
    "attribute behind a known prefix, no name": '<a><b></b><b ="1"/></a>',
    "attribute behind a known prefix, a sign in its name": '<a><b></b><b c$="1"/></a>',
    "attribute behind a known prefix, unbound prefix": '<a><b></b><b q:c="1"/></a>',
    "attribute behind a known prefix, no value": "<a><b></b><b c></b></a>",
    "attribute behind a known prefix, no quotes": "<a><b></b><b c=1></b></a>",
    "attribute behind a known prefix, no first quote": '<a><b></b><b c=1"></b></a>',
    "attribute behind a known prefix, no last quote": '<a><b></b><b c="1></b></a>',
    "attribute behind a known prefix, another last quote": "<a><b></b><b c=\"1'></b></a>",
    "attribute behind a known prefix, no equals sign": '<a><b></b><b c+"1"></b></a>',
    "attribute behind a known prefix, less than": '<a><b></b><b c="<"></b></a>',
    "attribute behind a known prefix, ampersand": '<a><b></b><b c="&"></b></a>',
    "attribute behind a known prefix, control": '<a><b></b><b c="\x01"></b></a>',
    "attribute behind a known prefix, no character": '<a><b></b><b c="\uffff"></b></a>',
    "attribute behind a known prefix, twice": '<a><b></b><b c="1" c="1"></b></a>',
    "attribute behind a known prefix, twice without space": '<a><b></b><b c="1"c="1"></b></a>',
    "attribute behind a known prefix, open": '<a><b></b><b c="1',
    "attribute behind a known prefix, open at the equals sign": "<a><b></b><b c=",
    "attribute behind a known prefix, open behind the value": '<a><b></b><b c="1"',
    "attribute behind a known prefix, text behind": '<a><b></b><b c="1"x></b></a>',
    "attribute behind a known prefix, slash inside": '<a><b></b><b c="1"/ ></a>',
    "attribute behind a known prefix, slash at the end": '<a><b></b><b c="1"/',
    "undeclared behind a known prefix": '<a><b></b><b xmlns:p=""/></a>',
    "relative namespace behind a known prefix": '<a><b></b><b xmlns="x"/></a>',
    "end tag of an empty element": "<p:a xmlns:p='urn:1'><p:b/></p:b></p:a>",
    "known prefix out of scope": "<a><p:b xmlns:p='urn:x'><p:c></p:c></p:b><p:c></p:c></a>",
    "colon first": "<:a/>",
    "colon last": "<a:/>",
    "two colons": "<p:a:b xmlns:p='urn:x'/>",
    "name with a sign": "<a$/>",
    "space before the name": "< a/>",
    "slash inside": "<a/ >",
    "no space between attributes": "<a b='1'c='2'/>",
    "no quotes": "<a b=1/>",
    "no value": "<a b/>",
    "no equals sign": "<a b'1'/>",
    "less than in a value": "<a b='<'/>",
    "ampersand in a value": "<a b='&'/>",
    "control in a value": "<a b='\x01'/>",
    "attribute twice": "<a b='1' b='2'/>",
    "attribute twice, apart": "<a b='1' c='2' d='3' b='2'/>",
    "attribute twice by expanded name": "<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='1' q:b='2'/>",
    "declaration twice": "<a xmlns:p='urn:x' xmlns:p='urn:x'/>",
    "default declared twice": "<a xmlns='urn:x' xmlns='urn:y'/>",
    "unbound prefix": "<p:a/>",
    "unbound prefix of an attribute": "<a p:b='1'/>",
    "prefix out of scope": "<a><b xmlns:p='urn:x'/><p:c/></a>",
    "undeclared prefix": "<a xmlns:p=''/>",
    "xmlns bound": "<a xmlns:xmlns='urn:x'/>",
    "prefix of xmlns": "<xmlns:a/>",
    "xml bound to another": "<a xmlns:xml='urn:x'/>",
    "another bound to xml": "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    "default bound to xml": "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
    "bound to xmlns": "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    "namespace that is no URI": "<a xmlns='a b:c'/>",
    "namespace with a port that is none": "<a xmlns='http://h:x/'/>",
    "namespace with two fragments": "<a xmlns='urn:a#b#c'/>",
    "relative namespace": "<a xmlns='x'/>",
    "end of section in text": "<a>]]></a>",
    "end of section far on": "<a>0123456789abcdef0123456789]]></a>",
    "unknown entity": "<a>&nbsp;</a>",
    "reference without name": "<a>&;</a>",
    "reference with space": "<a>& amp;</a>",
    "reference to no character": "<a>&#0;</a>",
    "reference to a surrogate": "<a>&#xD800;</a>",
    "reference to U+FFFE": "<a>&#xFFFE;</a>",
    "reference beyond Unicode": "<a>&#x110000;</a>",
    "reference that overflows": "<a>&#4294967361;</a>",
    "reference without digits": "<a>&#;</a>",
    "reference with large X": "<a>&#X41;</a>",
    "reference with wrong digit": "<a>&#4A;</a>",
    "two dashes in a comment": "<a><!-- -- --></a>",
    "three dashes at its end": "<a><!-- ---></a>",
    "control in a comment": "<a><!--\x02--></a>",
    "instruction named xml": "<a><?xml version='1.0'?></a>",
    "instruction named XML": "<a><?XmL a?></a>",
    "declaration behind space": " <?xml version='1.0'?><a/>",
    "instruction without target": "<a><? a?></a>",
    "instruction with a colon": "<a><?p:q a?></a>",
    "instruction with a sign": "<a><?p$ a?></a>",
    "unknown declaration": "<a><!ELEMENT a></a>",
    "section in lower case": "<a><![cdata[]]></a>",
    "document type": "<!DOCTYPE a><a/>",
    "document type behind": "<a/><!DOCTYPE a>",
    "declaration without version": "<?xml encoding='UTF-8'?><a/>",
    "declaration in another order": "<?xml version='1.0' standalone='no' encoding='UTF-8'?><a/>",
    "standalone perhaps": "<?xml version='1.0' standalone='perhaps'?><a/>",
    "version 1.1": "<?xml version='1.1'?><a/>",
    "declaration that goes on": "<?xml version='1.0' a?><a/>",
    "NUL": "<a>\0</a>",
    "NUL behind": "<a/>\0",
    "control": "<a>\x1f</a>",
    "form feed": "<a\f/>",
}
REFUSED_OCTETS = {
    "no UTF-8": b"<a>\xff</a>",
    "lone continuation": b"<a>\x80</a>",
    "cut short": b"<a>\xc3</a>",
    "cut short at the end": b"<a>\xe2\x82",
    "overlong": b"<a>\xc0\x80</a>",
    "overlong of three": b"<a>\xe0\x9f\xbf</a>",
    "overlong of four": b"<a>\xf0\x8f\xbf\xbf</a>",
    "surrogate": b"<a>\xed\xa0\x80</a>",
    "U+FFFE": b"<a>\xef\xbf\xbe</a>",
    "U+FFFF in a value": b"<a b='\xef\xbf\xbf'/>",
    "beyond Unicode": b"<a>\xf4\x90\x80\x80</a>",
    "five octets": b"<a>\xf8\x88\x80\x80\x80</a>",
    "no UTF-8 in a comment": b"<a><!--\xff--></a>",
    "no UTF-8 in a section": b"<a><![CDATA[\xff]]></a>",
    "no UTF-8 in an instruction": b"<a><?p \xff?></a>",
    "no UTF-8 in a name": b"<a\xff/>",
}


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_OCTETS])
def test_what_libxml2_refuses_is_declined(smki, name):
    document = REFUSED[name].encode() if name in REFUSED else REFUSED_OCTETS[name]
    assert lanes.compare_all(document) == [lanes.REFUSED] * len(lanes.OPTIONS)
    for padding in (b"x" * 13, b"x" * 40):
        # At other places in a block of sixteen octets, and not near the end.
        for padded in (document.replace(b"<a", b"<" + padding + b"a"), b"<b>" + padding + document + padding + b"</b>"):
            lanes.compare_all(padded)
    one = signer(smki)
    with pytest.raises(duisign.DuisignError):
        one.sign(document)
    assert one.lane_counts.byte_lane == 0
    assert sum(one.lane_counts.declined.values()) == 1


# What it declines, and the tree lane signs.

DECLINED = {
    "encoding": ["<?xml version='1.0' encoding='us-ascii'?><a/>", "<?xml version='1.0' encoding='Utf-8'?><a/>"],
    "name": [
        "<\u00e9/>",
        "<a \u00e9='1'/>",
        "<a></a>".replace("a", "a" * 1001),
        "<p:\u00e9 xmlns:p='urn:x'/>",
        # Behind a prefix that is known.
        "<a><b></b></a>".replace("b", "b" * 1001),
        '<a><b></b><b c="1"/></a>'.replace("c", "c" * 1001),
        "<a><\u00e9></\u00e9></a>",
        "<p:a xmlns:p='urn:x'><p:b\u00e9></p:b\u00e9></p:a>",
    ],
    "namespace": [
        "<a xmlns='urn:&amp;x'/>",
        "<a xmlns='http://h:80/'/>",
        "<a xmlns='http://h_x/'/>",
        "<a xmlns='urn:%41'/>",
    ],
    "xml-attribute": ["<a xml:lang='en'/>", "<a><b xml:space='preserve'/></a>"],
    "instruction": ["<?xml-stylesheet a?><a/>", "<a><?\u00e9 a?></a>"],
}


@pytest.mark.parametrize(("reason", "document"), [(why, one) for why, all_ in DECLINED.items() for one in all_])
def test_what_is_doubtful_is_declined_and_signed_by_way_of_a_tree(monkeypatch, smki, reason, document):
    one = signer(smki)
    assert one.sign(document.encode()) == tree_signer(monkeypatch, smki).sign(document.encode())
    assert one.lane_counts == duisign.LaneCounts(0, {reason: 1})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "iso-8859-1"])
def test_other_encodings_are_declined(monkeypatch, smki, encoding):
    label = encoding.removesuffix("-le")
    document = f"<?xml version='1.0' encoding='{label}'?><a>\u00e9</a>".encode(encoding)
    if encoding == "utf-16-le":
        document = b"\xff\xfe" + document
    one = signer(smki)
    assert one.sign(document) == tree_signer(monkeypatch, smki).sign(document)
    assert one.lane_counts.byte_lane == 0


@pytest.mark.parametrize(
    "document",
    [
        f"<a>{SIGNATURE}{SIGNATURE}</a>",
        f"<a><b>{SIGNATURE}</b></a>",
        f"<a>{SIGNATURE.replace('<!-- x -->', SIGNATURE)}</a>",
        SIGNATURE,
        "<a xmlns='urn:x'><Signature/></a>",
        # Behind a prefix that is known.
        f"<a xmlns='{DSIG}'><b><Signature></Signature></b></a>",
        f"<p:a xmlns:p='{DSIG}'><p:b><p:Signature></p:Signature></p:b></p:a>",
    ],
)
def test_any_signature_but_one_child_of_the_root_is_declined(document):
    form = canonical_document(document.encode(), lanes.C14N_1_0, False, True, 256, True)
    assert form == "signature"
    assert lanes.compare(document.encode(), lanes.C14N_1_0, False, True) in (lanes.REFUSED, "signature")


@pytest.mark.parametrize("depth", [1, 2, 255, 256, 2048])
def test_the_depth_limit_is_that_of_the_tree_lane(depth):
    for levels in (depth - 1, depth, depth + 1):
        if levels:
            document = b"<a>" * levels + b"</a>" * levels
            outcome = lanes.compare(document, lanes.C14N_1_0, False, True, depth)
            assert outcome == (lanes.SIGNED if levels <= depth else lanes.REFUSED)


@pytest.mark.parametrize("options", lanes.OPTIONS, ids=str)
@pytest.mark.parametrize("last", ["<c/>", '<c d="1"/>', '<c d="1"></c>', "<c></c>", "<c />", "<q:c/>", "x<!-- --><c/>"])
def test_the_depth_limit_holds_for_every_kind_of_start_tag(last, options):
    # Behind <b>, whose prefix is the same, and in the Signature to replace.
    document = f'<a xmlns:q="urn:x"><b>{last}</b></a>'.encode()
    assert lanes.compare(document, *options, 3) == lanes.SIGNED
    assert lanes.compare(document, *options, 2) == lanes.REFUSED
    signed = f'<a><ds:Signature xmlns:ds="{DSIG}" xmlns:q="urn:x"><ds:b/>{last}</ds:Signature></a>'.encode()
    if options[2]:
        assert lanes.compare(signed, *options, 3) == lanes.SIGNED
        assert lanes.compare(signed, *options, 2) == lanes.REFUSED


def test_the_size_limits_are_those_of_the_tree_lane(monkeypatch, smki):
    document = b"<a>" + b"x" * 3000 + b"</a>"
    size = len(signer(smki).sign(document))
    exact = signer(smki, max_octets=size)
    assert len(exact.sign(document)) == size
    assert exact.lane_counts == duisign.LaneCounts(1, {})
    for limit, documents_seen in ((size - 1, 1), (len(document) - 1, 1)):
        smaller = signer(smki, max_octets=limit)
        with pytest.raises(duisign.DocumentError) as caught:
            smaller.sign(document)
        assert caught.value.code == "document-too-large"
        assert smaller.lane_counts == duisign.LaneCounts(0, {"too-large": documents_seen})


def test_a_form_out_of_proportion_is_declined():
    many = "".join(f" xmlns:p{number}='urn:{'x' * 900}{number}'" for number in range(200))
    used = "".join(f"<p{number}:b/>" for number in range(200))
    document = f"<a{many}>{used * 20}</a>".encode()
    # Exclusive C14N writes each namespace at each use.
    assert canonical_document(document, lanes.EXCLUSIVE_C14N, False, True, 256, True) == "too-large"
    assert lanes.compare(document, lanes.EXCLUSIVE_C14N, False, True) == lanes.REFUSED


def test_distinct_names_without_end_are_no_limit_of_libxml2_either():
    names = "".join(f"<a{number:090d}/>" for number in range(120_000))
    assert lanes.compare(f"<a>{names}</a>".encode(), lanes.C14N_1_0, False, True) == lanes.SIGNED


# Documents from everywhere.


@settings(max_examples=150, deadline=None)
@given(st.one_of(documents(PLAIN), duis_documents(PLAIN), documents()), st.booleans())
def test_generated_documents(document, with_signature):
    if with_signature:
        document = document.replace(b"</", SIGNATURE.encode() + b"</", 1)
    for outcome in lanes.compare_all(document):
        assert outcome in (lanes.SIGNED, lanes.REFUSED, *DECLINED, "signature", "malformed", "encoding")


TOKENS = [
    *[bytes([octet]) for octet in b"<>&\"'/!?-]= \n\r\t:ax\0\x1f\xff"],
    b"]]>", b"<!--", b"-->", b"<![CDATA[", b"<?x ?>", b"&amp;", b"&#13;", b"&#x", b"xmlns", b' xmlns:a="urn:z"',
    b' xmlns=""', b"xml:", b"a:", b"<a/>", b"<!DOCTYPE a>", b"\xc3\xa9", b"\xef\xbb\xbf", b"\xef\xbf\xbf",
    b"\xed\xa0\x80", SIGNATURE.encode(),
]  # fmt: skip


def damaged(document: bytes, chance: random.Random) -> bytes:
    octets = bytearray(document)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(octets) + 1)
        kind = chance.random()
        if kind < 0.5:
            octets[at:at] = chance.choice(TOKENS)
        elif kind < 0.8:
            del octets[at : at + chance.choice((1, 1, 3))]
        else:
            octets[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(octets)


def test_damaged_documents():
    chance = random.Random(20260801)
    outcomes = [
        lanes.compare(damaged(generate(seed, PLAIN), chance), *options)
        for seed in range(1500)
        for options in lanes.OPTIONS[seed % 2 :: 2]
    ]
    assert outcomes.count(lanes.SIGNED) > 50
    assert outcomes.count(lanes.REFUSED) > 1000


def test_what_the_fuzzer_found_worth_keeping():
    with zipfile.ZipFile(CORPUS) as corpus:
        names = corpus.namelist()
        outcomes = [outcome for name in names for outcome in lanes.compare_all(corpus.read(name)[1:])]
    assert len(names) > 500
    assert {lanes.SIGNED, lanes.REFUSED, "name", "namespace", "xml-attribute", "signature"} <= set(outcomes)


# Costs.


def seconds(function, *arguments):
    def once():
        start = time.perf_counter()
        function(*arguments)
        return time.perf_counter() - start

    return min(once() for _ in range(3))


def many_attributes(count):
    return "<a" + "".join(f" b{number}='1'" for number in reversed(range(count))) + "/>"


def many_namespaces(count):
    names = "".join(f" xmlns:p{number}='urn:{number}'" for number in reversed(range(count)))
    return f"<a{names}>" + "".join(f"<p{number}:b/>" for number in range(count)) + "</a>"


def many_comments_in_leaves(count):
    return "<a> " + " <!----> " * count + "</a>"


def many_sections(count):
    return "<a>" + "<![CDATA[]]> " * count + "</a>"


def open_comment(count):
    return "<a> " + "<!-- " * count


@pytest.mark.timed
@pytest.mark.parametrize("options", [(0, False, True), (2, True, True)], ids=str)
@pytest.mark.parametrize(
    "shape", [many_attributes, many_namespaces, many_comments_in_leaves, many_sections, open_comment]
)
def test_cost_is_in_proportion_to_size(shape, options):
    small, large = (shape(count).encode() for count in (1_000, 16_000))
    ratio = seconds(canonical_document, large, *options, 256, True) / seconds(
        canonical_document, small, *options, 256, True
    )
    # Sixteen times the size; sorting has a logarithm. Quadratic cost would be 256.
    assert ratio < 80


# The setting and the counter.


def test_the_setting_turns_the_lane_off(monkeypatch, smki):
    document = make_samples(smki)["service-request"].document
    both, tree = signer(smki), tree_signer(monkeypatch, smki)
    assert both.sign(document) == tree.sign(document)
    assert both.lane_counts == duisign.LaneCounts(byte_lane=1, declined={})
    assert tree.lane_counts == duisign.LaneCounts(byte_lane=0, declined={})


def test_another_setting_is_refused(monkeypatch, smki):
    monkeypatch.setenv("DUISIGN_LANES", "bytes")
    with pytest.raises(duisign.ConfigurationError) as caught:
        signer(smki)
    assert caught.value.code == "lanes"


@pytest.mark.parametrize("profile", list(duisign.Profile))
@pytest.mark.parametrize("whitespace", ["preserve", "strip"])
def test_both_lanes_sign_the_same(monkeypatch, smki, profile, whitespace):
    options = {"profile": profile, "whitespace": whitespace, "existing_signature": "replace"}
    both, tree = signer(smki, **options), tree_signer(monkeypatch, smki, **options)
    for text in TAKEN.values():
        signed = both.sign(text.encode())
        assert signed == tree.sign(text.encode())
        assert both.sign(signed) == tree.sign(signed)
    assert both.lane_counts == duisign.LaneCounts(2 * len(TAKEN), {})


def test_wrong_types_are_the_tree_lanes_to_refuse(smki):
    class Octets(bytes):
        pass

    one = signer(smki)
    for wrong in (None, "<a/>", bytearray(b"<a/>"), memoryview(b"<a/>"), Octets(b"<a/>")):
        with pytest.raises(duisign.DocumentError) as caught:
            one.sign(wrong)
        assert caught.value.code == "wrong-type"
    assert one.lane_counts == duisign.LaneCounts(0, {})


def lane_of(one):
    return one._byte_lane


@pytest.mark.parametrize("options", [{}, {"whitespace": "strip", "existing_signature": "replace"}], ids=str)
class TestReadDocuments:
    """What a lane has read and not signed yet."""

    DOCUMENT = b"<a> <b>text</b> </a>"

    def read(self, one):
        ((document, read),) = lane_of(one).read_all([self.DOCUMENT])
        assert document is self.DOCUMENT
        return read

    def test_it_is_signed_once(self, smki, options):
        one = signer(smki, **options)
        read = self.read(one)
        assert lane_of(one).sign_read(read) == one.sign(self.DOCUMENT)
        with pytest.raises(ValueError, match="signed already"):
            lane_of(one).sign_read(read)

    def test_it_is_of_use_to_its_own_lane_alone(self, smki, options):
        one = signer(smki, **options)
        other = signer(smki, key_info=duisign.KeyInfo.CERTIFICATE, **options)
        with pytest.raises(ValueError, match="not this lane's"):
            lane_of(other).sign_read(self.read(one))
        with pytest.raises(ValueError, match="not this lane's"):
            lane_of(one).sign_read(ReadDocument())

    def test_a_key_that_comes_back_for_it_finds_it_taken(self, smki, options):
        found = []

        class Returning:
            def __init__(self):
                self.read = None

            def sign_digest(self, digest):
                if self.read is not None:
                    with pytest.raises(ValueError, match="signed already"):
                        lane_of(one).sign_read(self.read)
                    found.append(self.read)
                r, s = utils.decode_dss_signature(
                    smki.user.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
                )
                return r.to_bytes(32) + s.to_bytes(32)

        key = Returning()
        one = duisign.Signer(key, smki.user.certificate, **options)
        key.read = self.read(one)
        trust = duisign.PinnedCertificates([smki.user.certificate])
        duisign.Verifier(trust).verify(lane_of(one).sign_read(key.read))
        assert found == [key.read]

    def test_one_of_a_caller_is_no_document(self, smki, options):
        one = signer(smki, **options)
        for workers in (1, 2):
            results = list(one.sign_many([self.DOCUMENT] * 20 + [self.read(one), ReadDocument()], workers=workers))
            assert [result.ok or result.error.code for result in results] == [True] * 20 + ["wrong-type"] * 2


def test_reference_counts_do_not_move(smki):
    documents_seen = [text.encode() for text in itertools.chain(TAKEN.values(), REFUSED.values())]
    one = signer(smki, existing_signature="replace")

    def sign_all():
        for document in documents_seen:
            with contextlib.suppress(duisign.DuisignError):
                one.sign(document)
        for arguments in lane_of(one).read_all(documents_seen):
            with contextlib.suppress(duisign.DuisignError):
                one._sign_read(*arguments)

    sign_all()
    before = [sys.getrefcount(document) for document in documents_seen]
    for _ in range(20):
        sign_all()
    assert [sys.getrefcount(document) for document in documents_seen] == before
