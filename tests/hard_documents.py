"""Documents that are hard to read: cut anywhere, faulty, or worth keeping to a fuzzer. And lxml's word on them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from lxml import etree

RICH = (
    "<?xml version='1.0' encoding=\"UTF-8\"?><!-- c --><?p i?>"
    '<p:a xmlns:p="urn:p" xmlns="urn:d" b="&lt;&#xE9;\u20ac" p:b="x">'
    "t<![CDATA[<]]>&amp;<e/>\u00e9</p:a ><!-- d --><?q?>"
).encode()
ENDS = b"@ @\n@\0@ \0 @\xc2@\xe2\x80@<@</@&@x@<a/>@<!--@<!-- - -->@<?@]]>".split(b"@")
FAULTS = [
    b"<a><p:b/></a>",
    b'<a><p:b/><c xmlns="relative"/></a>',
    b'<a p:b="1"/>',
    b'<a p:b="1" xmlns="relative"/>',
    b'<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/>',
    b'<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2" xmlns="relative"/>',
    b'<a><b xml:id="x"/><b xml:id="x"/></a>',
    b'<a xml:id="1 2"/>',
    b'<a xmlns:p=""/>',
    b'<a xmlns:xml="urn:x"/>',
    b"<a:b:c xmlns:a='urn:a'/>",
    b"<?a:b c?><a/>",
    b'<?xml version="1.1"?><a/>',
    b'<?xml version="2.0"?><a/>',
]

CUT = [RICH[:end] + behind for end in range(len(RICH) + 1) for behind in ENDS]
FAULTY = [document + behind for document in FAULTS for behind in ENDS]


def kept_by_fuzzer(name):
    """The inputs that a fuzz target keeps."""
    with zipfile.ZipFile(Path(__file__).parent / "fuzz" / f"{name}.zip") as inputs:
        return [inputs.read(entry) for entry in inputs.namelist()]


def read_by_lxml(document):
    """The root of a document in which lxml finds no error, whatever it makes of those that it finds."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, collect_ids=False, huge_tree=True)
    try:
        root = etree.fromstring(document, parser)
    except (etree.LxmlError, ValueError):
        return None
    return None if any(message.level >= etree.ErrorLevels.ERROR for message in parser.error_log) else root
