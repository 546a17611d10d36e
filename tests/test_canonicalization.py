"""Canonical forms: cases by clause of the two standards, and properties that hold for every document.

Expected forms that are written out here were derived from the standards' text; `tests/interop` holds the same code
against xmlsec1 and the JDK on thousands of generated documents.
"""

from __future__ import annotations

import base64
import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import CanonicalizationMethod, canonicalize
from duisign._byte_lane import canonical_document
from xml_documents import Shape, documents

C14N = CanonicalizationMethod.C14N_1_0
C14N_COMMENTS = CanonicalizationMethod.C14N_1_0_WITH_COMMENTS
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_C14N_1_0
EXCLUSIVE_COMMENTS = CanonicalizationMethod.EXCLUSIVE_C14N_1_0_WITH_COMMENTS

DOCUMENTS = {
    # Canonical XML 1.0 section 2.1 and 2.3: around the root
    "top-level": (b"<?p a?>\n<!--c-->\n<a/>\n<!--d--><?q?>\n", b"<?p a?>\n<a></a>\n<?q?>"),
    "declaration": (b"<?xml version='1.0'?>\n<a/>", b"<a></a>"),
    "mark": (b"\xef\xbb\xbf<a/>", b"<a></a>"),
    # section 2.3: text, attributes
    "text-escapes": (b"<a>&lt;&gt;&amp;\"'&#13;&#9;&#10;</a>", b"<a>&lt;&gt;&amp;\"'&#xD;\t\n</a>"),
    "attribute-escapes": (
        b"<a b='&lt;>&amp;&quot;&apos;&#13;&#9;&#10; \t\n'/>",
        b'<a b="&lt;>&amp;&quot;\'&#xD;&#x9;&#xA;   "></a>',
    ),
    "line-ends": (b"<a>x\r\ny\rz\n</a>", b"<a>x\ny\nz\n</a>"),
    "cdata": (b"<a><![CDATA[<&>]]>&gt;</a>", b"<a>&lt;&amp;&gt;&gt;</a>"),
    "references": (b"<a>&#x1F600;&#233;</a>", "<a>\U0001f600\u00e9</a>".encode()),
    "instruction": (b"<a><?p   x  ?><?q?></a>", b"<a><?p x  ?><?q?></a>"),
    "comment": (b"<a><!-- x --></a>", b"<a></a>"),
    # section 2.2: order
    "attribute-order": (
        b'<a xmlns:y="urn:1" xmlns:x="urn:2" y:b="1" x:a="2" c="3" xml:lang="en" a="4"/>',
        b'<a xmlns:x="urn:2" xmlns:y="urn:1" a="4" c="3" xml:lang="en" y:b="1" x:a="2"></a>',
    ),
    "namespace-order": (
        b'<z:a xmlns:z="urn:z" xmlns="urn:d" xmlns:a="urn:a"/>',
        b'<z:a xmlns="urn:d" xmlns:a="urn:a" xmlns:z="urn:z"></z:a>',
    ),
    # section 2.3: superfluous declarations
    "repeated": (
        b'<a xmlns="urn:a" xmlns:x="urn:x"><b xmlns="urn:a" xmlns:x="urn:x"/></a>',
        b'<a xmlns="urn:a" xmlns:x="urn:x"><b></b></a>',
    ),
    "rebound": (
        b'<x:a xmlns:x="urn:1"><x:b xmlns:x="urn:2"><x:c xmlns:x="urn:1"/></x:b></x:a>',
        b'<x:a xmlns:x="urn:1"><x:b xmlns:x="urn:2"><x:c xmlns:x="urn:1"></x:c></x:b></x:a>',
    ),
    "empty-default": (
        b'<a xmlns=""><b xmlns="urn:b"><c xmlns=""><d xmlns=""/></c></b></a>',
        b'<a><b xmlns="urn:b"><c xmlns=""><d></d></c></b></a>',
    ),
    "xml-prefix-declared": (
        b'<a xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:lang="en"/>',
        b'<a xml:lang="en"></a>',
    ),
    "uri-escapes": (b'<a xmlns="urn:a&amp;b"/>', b'<a xmlns="urn:a&amp;b"></a>'),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_c14n_1_0(name):
    document, form = DOCUMENTS[name]
    assert canonicalize(document) == form
    assert canonicalize(etree.ElementTree(etree.fromstring(document))) == form


EXCLUSIVE_DOCUMENTS = {
    "unused": (b'<a xmlns:x="urn:x" xmlns="urn:d"><b/></a>', b'<a xmlns="urn:d"><b></b></a>'),
    "unused-default": (b'<x:a xmlns:x="urn:x" xmlns="urn:d"/>', b'<x:a xmlns:x="urn:x"></x:a>'),
    "used-below": (
        b'<a xmlns:x="urn:x"><x:b><x:c/></x:b><x:d/></a>',
        b'<a><x:b xmlns:x="urn:x"><x:c></x:c></x:b><x:d xmlns:x="urn:x"></x:d></a>',
    ),
    "used-by-attribute": (b'<a xmlns:x="urn:x"><b x:c="1"/></a>', b'<a><b xmlns:x="urn:x" x:c="1"></b></a>'),
    "empty-default": (
        b'<a xmlns="urn:a"><x:b xmlns:x="urn:x" xmlns=""><c/></x:b></a>',
        b'<a xmlns="urn:a"><x:b xmlns:x="urn:x"><c xmlns=""></c></x:b></a>',
    ),
    "one-uri-two-prefixes": (
        b'<x:a xmlns:x="urn:1" xmlns:y="urn:1"><y:b x:c="" y:d=""/></x:a>',
        b'<x:a xmlns:x="urn:1"><y:b xmlns:y="urn:1" x:c="" y:d=""></y:b></x:a>',
    ),
    "xml-attribute": (b'<a xml:lang="en"/>', b'<a xml:lang="en"></a>'),
}


@pytest.mark.parametrize("name", EXCLUSIVE_DOCUMENTS)
def test_exclusive_c14n(name):
    document, form = EXCLUSIVE_DOCUMENTS[name]
    assert canonicalize(document, EXCLUSIVE) == form


@pytest.mark.parametrize("length", [*range(70), 1_000, 70_000])
def test_escapes_at_every_place_of_a_text_and_of_a_value(length):
    """They are looked for in steps of four octets first, then of sixteen; in each text anew behind each escape."""
    text_escapes = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\r": "&#xD;"}
    value_escapes = {"<": "&lt;", "&": "&amp;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
    root = etree.Element("a")
    expected = ["<a>"]
    for place in range(length) if length < 70 else (length // 2, length - 1):
        for character in "<>&\r\"\t\n'\u20ac":
            content = f"{'x' * place}{character}{'y' * (length - place - 1)}"
            content += content
            etree.SubElement(root, "b", c=content).text = content
            value, text = (
                "".join(escapes.get(one, one) for one in content) for escapes in (value_escapes, text_escapes)
            )
            expected.append(f'<b c="{value}">{text}</b>')
    document = etree.tostring(root, encoding="UTF-8")
    form = "".join([*expected, "</a>"]).encode()
    assert canonicalize(document) == form
    assert canonicalize(root) == form


def test_with_comments():
    document = b"<!--b--><a><!--c-->x</a><!--d-->"
    for method in (C14N_COMMENTS, EXCLUSIVE_COMMENTS):
        assert canonicalize(document, method) == b"<!--b-->\n<a><!--c-->x</a>\n<!--d-->"


class TestSubtrees:
    """Section 2.4 of Canonical XML 1.0 and section 3 of Exclusive C14N: an element in the context of its document."""

    ROOT = etree.fromstring(
        b'<a xmlns="urn:d" xmlns:x="urn:x" xmlns:u="urn:u" xml:lang="en" xml:space="preserve" xml:base="urn:b">'
        b'<b xmlns:x="urn:x2" xml:lang="de"><x:c y="1"><d xmlns=""/></x:c></b></a>'
    )

    def test_inclusive_inherits_namespaces_and_xml_attributes(self):
        assert canonicalize(self.ROOT[0][0]) == (
            b'<x:c xmlns="urn:d" xmlns:u="urn:u" xmlns:x="urn:x2" y="1" '
            b'xml:base="urn:b" xml:lang="de" xml:space="preserve">'
            b'<d xmlns=""></d></x:c>'
        )

    def test_an_own_xml_attribute_wins(self):
        assert b'xml:lang="de"' in canonicalize(self.ROOT[0])
        assert canonicalize(self.ROOT[0]).count(b"xml:lang") == 1

    @pytest.mark.parametrize("count", [3, 15, 16, 17, 100])
    def test_of_many_xml_attributes_the_nearest_hold(self, count):
        """Whatever way of sorting their number calls for."""

        def attributes(level):
            return "".join(f' xml:a{number % count}="{level}"' for number in range(level, count + level - 1))

        levels = "".join(f"<e{attributes(level)}>" for level in range(4))
        document = f"{levels}<apex/>{'</e>' * 4}"
        nearest = {f"xml:a{number % count}": level for level in range(4) for number in range(level, count + level - 1)}
        expected = "".join(f' {name}="{level}"' for name, level in sorted(nearest.items()))
        (apex,) = etree.fromstring(document).iter("apex")
        assert canonicalize(apex) == f"<apex{expected}></apex>".encode()

    def test_an_empty_default_at_the_apex_is_not_written(self):
        assert canonicalize(self.ROOT[0][0][0]).startswith(b'<d xmlns:u="urn:u" xmlns:x="urn:x2" xml:base')

    def test_shadowed_declarations_are_not_inherited(self):
        root = etree.fromstring(b'<a xmlns:p="urn:1"><b xmlns:p="urn:2"><c xmlns:p="urn:1"><d/></c></b></a>')
        assert canonicalize(root[0][0][0]) == b'<d xmlns:p="urn:1"></d>'
        assert canonicalize(root[0][0]) == b'<c xmlns:p="urn:1"><d></d></c>'

    def test_exclusive_takes_what_it_uses(self):
        assert canonicalize(self.ROOT[0][0], EXCLUSIVE) == b'<x:c xmlns:x="urn:x2" y="1"><d></d></x:c>'

    def test_prefix_list(self):
        element = self.ROOT[0][0]
        assert canonicalize(element, EXCLUSIVE, inclusive_prefixes=["u", "x", "absent"]) == (
            b'<x:c xmlns:u="urn:u" xmlns:x="urn:x2" y="1"><d></d></x:c>'
        )
        assert canonicalize(element, EXCLUSIVE, inclusive_prefixes=["#default"]) == (
            b'<x:c xmlns="urn:d" xmlns:x="urn:x2" y="1"><d xmlns=""></d></x:c>'
        )

    def test_default_in_the_prefix_list_undeclares(self):
        root = etree.fromstring(b'<a xmlns="urn:d"><x:b xmlns:x="urn:x" xmlns=""/></a>')
        assert canonicalize(root, EXCLUSIVE, inclusive_prefixes=["#default"]) == (
            b'<a xmlns="urn:d"><x:b xmlns="" xmlns:x="urn:x"></x:b></a>'
        )

    def test_the_tail_and_the_siblings_stay_outside(self):
        root = etree.fromstring(b"<?p?><a>x<b>y</b>z<c/></a>")
        assert canonicalize(root[0]) == b"<b>y</b>"
        assert canonicalize(root) == b"<a>x<b>y</b>z<c></c></a>"


@settings(max_examples=300, deadline=None)
@given(
    # libxml2 writes an ampersand of a namespace URI unescaped, which is not even well-formed.
    document=documents(Shape(ampersand_in_namespace_names=False)),
    exclusive=st.booleans(),
    comments=st.booleans(),
)
def test_whole_documents_agree_with_libxml2s_own_c14n(document, exclusive, comments):
    method = [[C14N, C14N_COMMENTS], [EXCLUSIVE, EXCLUSIVE_COMMENTS]][exclusive][comments]
    tree = etree.fromstring(document).getroottree()
    expected = etree.tostring(tree, method="c14n", exclusive=exclusive, with_comments=comments)
    assert canonicalize(document, method) == expected
    assert canonicalize(tree, method) == expected


@settings(max_examples=200, deadline=None)
@given(document=documents())
def test_a_canonical_form_is_its_own(document):
    for method in CanonicalizationMethod:
        once = canonicalize(document, method)
        assert canonicalize(once, method) == once


@settings(max_examples=200, deadline=None)
@given(document=documents(Shape(ampersand_in_namespace_names=False)), data=st.data())
def test_exclusive_subtrees_agree_with_libxml2(document, data):
    """lxml's element-level Exclusive C14N without PrefixList is right (DESIGN section 2)."""
    elements = [element for element in etree.fromstring(document).iter() if isinstance(element.tag, str)]
    element = data.draw(st.sampled_from(elements))
    assert canonicalize(element, EXCLUSIVE) == etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, with_tail=False
    )


@pytest.mark.parametrize("count", [15, 16, 17, 24, 25, 300, 5000])
def test_many_attributes_and_namespaces(count):
    attributes = " ".join(f'a{(number * 7919) % count}_{number}="{number}"' for number in range(count))
    namespaces = " ".join(f'xmlns:n{(number * 7919) % count}_{number}="urn:{number}"' for number in range(count))
    qualified = " ".join(f'n{(number * 7919) % count}_{number}:q="{number}"' for number in range(count))
    document = f"<a {namespaces} {attributes} {qualified}><b {attributes}/></a>".encode()
    for exclusive in (False, True):
        expected = etree.tostring(etree.fromstring(document).getroottree(), method="c14n", exclusive=exclusive)
        assert canonicalize(document, EXCLUSIVE if exclusive else C14N) == expected


URIS = ["urn:a", "urn:aa", "urn:aaaaaaaa", "urn:aaaaaaaab", "http://example.org/a", "http://example.org/b", "Z:z"]
FIRST = ["a", "A", "z", "_", "\u00e9", "\u4e2d", "\ufdf0", "\U00010000"]
OTHERS = [*FIRST, "0", "9", "-", ".", "\u00b7"]


def tag_of_many(chance: random.Random, letters: list[str], others: list[str]) -> str:
    """A start tag with up to 300 attributes and declarations whose names begin alike, in no order."""

    def name():
        start = chance.choice(["", chance.choice(letters) * chance.randrange(1, 10)])
        return start + chance.choice(letters) + "".join(chance.choices(others, k=chance.randrange(4)))

    prefixes = {name(): uri for uri in chance.choices(URIS, k=chance.randrange(1, 60))}
    declared = [f'xmlns:{prefix}="{uri}"' for prefix, uri in prefixes.items() if not prefix.lower().startswith("xml")]
    used = [prefix for prefix in prefixes if f'xmlns:{prefix}="{prefixes[prefix]}"' in declared]
    attributes = {}
    for _ in range(chance.randrange(17, 240)):
        prefix, local = chance.choice([None, *used]), name()
        attributes.setdefault((prefixes.get(prefix), local), f'{prefix}:{local}=""' if prefix else f'{local}=""')
    parts = declared + list(attributes.values())
    chance.shuffle(parts)
    return " ".join(parts)


@pytest.mark.parametrize("seed", range(60))
def test_names_that_begin_alike_are_in_order(seed):
    """Sorting looks at their first octets before it looks at the names."""
    chance = random.Random(seed)
    plain = seed % 2 == 0
    parts = tag_of_many(chance, FIRST[:4], OTHERS[8:12]) if plain else tag_of_many(chance, FIRST, OTHERS)
    document = f"<a {parts}/>".encode()
    tree = etree.fromstring(document).getroottree()
    for number, exclusive in enumerate((False, True)):
        expected = etree.tostring(tree, method="c14n", exclusive=exclusive)
        assert canonicalize(document, EXCLUSIVE if exclusive else C14N) == expected
        if plain:
            assert canonical_document(document, 2 * number, False, False, 256, False)[0] == expected


def stems(differing):
    """Beginnings of eight octets, of which so many differ."""
    return ["b" * number + "a" * (differing - number) + "k" * (8 - differing) for number in range(differing + 1)]


def written(names, declared):
    """A document of one element with these attributes, or with declarations of these prefixes."""
    parts = (f'xmlns:{name}="urn:{name}"' if declared else f'{name}="1"' for name in names)
    return f"<a {' '.join(parts)}/>".encode()


def check_both_lanes(document):
    expected = etree.tostring(etree.fromstring(document).getroottree(), method="c14n")
    assert canonicalize(document, C14N) == expected
    assert canonical_document(document, 0, False, False, 256, False)[0] == expected


@pytest.mark.parametrize("differing", range(1, 9))
@pytest.mark.parametrize("declared", [False, True])
def test_names_of_which_some_begin_alike(differing, declared):
    """Any number of the first eight octets differs; one that stands twice is found wherever it belongs."""
    chance = random.Random(differing)
    names = [f"{stem}{number}" for stem in stems(differing) for number in range(12)]
    chance.shuffle(names)
    check_both_lanes(written(names, declared))
    for stem in stems(differing):
        twice = [*names, f"{stem}7"]
        chance.shuffle(twice)
        assert canonical_document(written(twice, declared), 0, False, False, 256, False) == "malformed"
        if not declared:
            with pytest.raises(duisign.DocumentError):
                canonicalize(written(twice, declared))


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("letter", ["a", "z"])
@pytest.mark.parametrize("declared", [False, True])
def test_one_name_that_differs_in_one_octet(place, letter, declared):
    names = [f"kkkkkkkk{number}" for number in range(20)]
    for index in range(20):
        other = list(names)
        other[index] = f"{'k' * place}{letter}{'k' * (7 - place)}{index}"
        check_both_lanes(written(other, declared))


@pytest.mark.parametrize("count", [2, 3, 16, 17, 18, 100])
@pytest.mark.parametrize("prefixed", [False, True])
def test_one_that_stands_twice_among_many_is_found(count, prefixed):
    """By its expanded name; the byte lane declines it, since libxml2 refuses it."""

    def document(names):
        attributes = " ".join(f'{name}="1"' for name in names)
        return f'<a xmlns:p="urn:a" xmlns:q="urn:a" {attributes}/>'.encode()

    names = [f"p:name{number}" for number in range(count)]
    assert not isinstance(canonical_document(document(names), 0, False, False, 256, False), str)
    for place in (1, count // 2, count - 1):
        twice = [*names[:place], "q:name0" if prefixed else "p:name0", *names[place + 1 :]]
        assert canonical_document(document(twice), 0, False, False, 256, False) == "malformed"
        with pytest.raises(duisign.DocumentError):
            canonicalize(document(twice))


@pytest.mark.parametrize("count", [2, 17, 100])
def test_a_prefix_that_is_declared_twice_is_found(count):
    declarations = [f"xmlns:p{number}='urn:{number}'" for number in range(count)]
    for place in (1, count - 1):
        twice = [*declarations]
        twice[place] = "xmlns:p0='urn:other'"
        assert canonical_document(f"<a {' '.join(twice)}/>".encode(), 0, False, False, 256, False) == "malformed"


def test_nested_rebinding_uses_one_stack_for_all_levels():
    document = b"".join(b'<a xmlns:p%d="urn:%d" xmlns="urn:d%d">' % (n, n, n) for n in range(200)) + b"</a>" * 200
    for exclusive in (False, True):
        expected = etree.tostring(etree.fromstring(document).getroottree(), method="c14n", exclusive=exclusive)
        assert canonicalize(document, EXCLUSIVE if exclusive else C14N) == expected


@pytest.mark.parametrize("length", [100, 600, 1000, 2000, 4000, 30_000, 65535, 65536, 65537, 200_000, 3_000_000])
@pytest.mark.parametrize("letter", ["x", "&amp;", ">", "\r"])
@pytest.mark.parametrize("elements", [0, 1000])
@pytest.mark.parametrize("lanes", ["both", "tree"])
def test_digests_in_blocks_are_digests_of_the_octets(smki, length, letter, elements, lanes, monkeypatch):
    """Signing digests block by block, verifying in one piece: both must see the same octets.

    Not least where the canonical form leaves the buffer that the length of the document asked for.
    """
    monkeypatch.setenv("DUISIGN_LANES", lanes)
    document = f"<a><b>{letter * (length // len(letter))}</b>{'<c/>' * elements}</a>".encode()
    signed = duisign.Signer(smki.user.private_key, smki.user.certificate).sign(document)
    message = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate])).verify(signed)
    value = etree.fromstring(signed).findtext(".//{http://www.w3.org/2000/09/xmldsig#}DigestValue")
    assert hashlib.sha256(message.signed_bytes).digest() == base64.b64decode(value)
    assert message.signed_bytes == canonicalize(document)
