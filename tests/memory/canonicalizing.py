"""Growth by canonicalize, on every kind of source, with output that outgrows its buffers, and with bad input."""

from __future__ import annotations

import sys

from growth import CALLS, PATH_CALLS, Workload, fresh, main, mixed
from lxml import etree

from duisign import CanonicalizationMethod, canonicalize
from duisign.testing import Smki, make_samples

DOCUMENT = make_samples(Smki.create())["service-request"].document
INCLUSIVE, EXCLUSIVE = CanonicalizationMethod.C14N_1_0, CanonicalizationMethod.EXCLUSIVE_C14N_1_0
ATTRIBUTES = b"<a %s/>" % b" ".join(b'a%d="%d"' % (number * 7 % 50, number) for number in range(50))
DECLARATIONS = b" ".join(b'xmlns:n%d="urn:%d"' % (number * 7 % 60, number) for number in range(60))
NAMESPACES = b"<n1:a %s n2:b='' n3:c=''><n4:d %s/></n1:a>" % (DECLARATIONS, DECLARATIONS.replace(b"urn:", b"urn:x"))
GROWING = b"<a b='%s'>%s</a>" % (b"\t" * 500 + b"&#9;" * 2000, b"&#13;" * 2000 + b">" * 2000)
LONG = b"<a>%s</a>" % (b"0123456789abcdef&amp;" * 3_500)
DEEP = b"<a>" * 300 + b"</a>" * 300
PREFIXES = ["sr", "xsi", "#default", *(f"unbound{number}" for number in range(20))]


def canonicalizing(name, source, code=None, method=INCLUSIVE, calls=PATH_CALLS, **options):
    """A workload of canonicalize; `source` is bytes, or a function that makes a source."""
    make = source if callable(source) else lambda: fresh(source)
    return Workload(f"canonicalize {name}", lambda: canonicalize(make(), method, **options), code, calls)


def element(document, *path):
    """A function that parses the document and gives the element at the indices of `path`."""

    def make():
        found = etree.fromstring(document)
        for index in path:
            found = found[index]
        return found

    return make


def with_entity():
    """An element that holds an entity reference."""
    root = etree.fromstring(DOCUMENT)
    root[1].append(etree.Entity("unknown"))
    return root


def with_instruction():
    """An element with a processing instruction that no document can hold."""
    root = etree.fromstring(DOCUMENT)
    root.append(etree.PI("target", "a\rb"))
    return root


def with_comment():
    """An element with a comment that no document can hold."""
    root = etree.fromstring(DOCUMENT)
    root.append(etree.Comment("a\rb"))
    return root


def with_doctype():
    """An element whose document has a DOCTYPE."""
    parser = etree.XMLParser(load_dtd=False, resolve_entities=False)
    return etree.fromstring(b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", parser)


GOOD = [
    *(
        canonicalizing(f"{kind}, {method.name}", source, method=method)
        for method in CanonicalizationMethod
        for kind, source in [
            ("bytes", b"<?p a?><!--c-->" + DOCUMENT[DOCUMENT.index(b"?>") + 2 :] + b"<?q?>"),
            ("element", element(DOCUMENT, 0, 0)),
            ("tree", lambda: etree.fromstring(DOCUMENT).getroottree()),
            ("many attributes", ATTRIBUTES),
            ("many namespaces", NAMESPACES),
            ("many namespaces below", element(NAMESPACES, 0)),
            ("output that grows", GROWING),
        ]
    ),
    canonicalizing("prefixes", DOCUMENT, method=EXCLUSIVE, inclusive_prefixes=PREFIXES),
    canonicalizing("prefixes, many namespaces", NAMESPACES, method=EXCLUSIVE, inclusive_prefixes=PREFIXES),
    canonicalizing("longer than a block", LONG),
]
REFUSALS = [
    canonicalizing("relative namespace", b'<a xmlns="relative"/>', "relative-namespace"),
    canonicalizing("relative namespace behind many", NAMESPACES.replace(b"urn:x3", b"x3"), "relative-namespace"),
    canonicalizing("relative namespace above", element(b'<a xmlns:r="relative"><b/></a>', 0), "relative-namespace"),
    canonicalizing("too deep", DEEP, "too-deep"),
    canonicalizing("too deep, exclusive", DEEP, "too-deep", EXCLUSIVE, max_depth=20),
    canonicalizing("entity", with_entity, "entity-reference"),
    canonicalizing("instruction", with_instruction, "unserializable-node"),
    canonicalizing("comment", with_comment, "unserializable-node", CanonicalizationMethod.C14N_1_0_WITH_COMMENTS),
    canonicalizing("no element", lambda: etree.Comment("c"), "wrong-type"),
    canonicalizing("text", lambda: "<a/>", "wrong-type"),
    canonicalizing("no whole tree", lambda: etree.ElementTree(etree.fromstring(DOCUMENT)[0]), "wrong-type"),
    canonicalizing("malformed", DOCUMENT[:-5], "malformed-xml", calls=CALLS),
    canonicalizing("DOCTYPE", b"<!DOCTYPE a><a/>", "doctype"),
    canonicalizing("DOCTYPE of element", with_doctype, "doctype"),
    canonicalizing("unknown algorithm", DOCUMENT, "canonicalization-algorithm", "urn:x"),
    canonicalizing("prefixes for C14N 1.0", DOCUMENT, "inclusive-prefixes", inclusive_prefixes=["sr"]),
    canonicalizing("prefixes as text", DOCUMENT, "inclusive-prefixes", EXCLUSIVE, inclusive_prefixes="sr"),
    canonicalizing("bad prefix behind good", DOCUMENT, "inclusive-prefixes", EXCLUSIVE, inclusive_prefixes=["a", 7]),
    canonicalizing("surrogate prefix", DOCUMENT, "inclusive-prefixes", EXCLUSIVE, inclusive_prefixes=["a", "\ud800"]),
    canonicalizing("limit", DOCUMENT, "depth-limit", max_depth=0),
]
WORKLOADS = [
    canonicalizing("bytes", DOCUMENT, calls=CALLS),
    canonicalizing("element", element(DOCUMENT, 1), method=EXCLUSIVE, calls=CALLS),
    mixed("canonicalize every refusal in turn", REFUSALS),
    *GOOD,
    *REFUSALS,
]

if __name__ == "__main__":
    sys.exit(main(WORKLOADS))
