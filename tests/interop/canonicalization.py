"""What to canonicalize, and where the peers are known to depart from the standard."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

import duisign
from xml_documents import PREFIXES, XML, SeededChoices

ALGORITHMS = (
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
)
# Prefixes that the documents use, the default namespace, and a prefix that no document binds.
PREFIX_LIST_MEMBERS = ("#default", *PREFIXES, "sr", "unbound")
SUBTREES_PER_DOCUMENT = 2

# CDATA sections stay nodes of their own, so that a tree holds every kind of node that a document can have.
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
_CARRIAGE_RETURN_IN_CDATA = re.compile(rb"<!\[CDATA\[(?:(?!\]\]>).)*\r", re.DOTALL)

Path = tuple[int, ...]  # positions among the element children, from the root element down; () is the root


@dataclass(frozen=True)
class Canonicalization:
    """Of a whole document (``path`` None) or of the subtree of one element in the context of its document."""

    document: bytes
    algorithm: str
    inclusive_prefixes: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def exclusive(self) -> bool:
        return is_exclusive(self.algorithm)

    def ours(self) -> bytes:
        source = self.document if self.path is None else self.apex()
        return duisign.canonicalize(source, self.algorithm, inclusive_prefixes=self.inclusive_prefixes)

    def apex(self) -> etree._Element:
        element = parse(self.document)
        for position in self.path or ():
            element = element.findall("*")[position]
        return element


def is_exclusive(algorithm: str) -> bool:
    return "xml-exc-c14n" in algorithm


@functools.lru_cache(maxsize=8)
def parse(document: bytes) -> etree._Element:
    return etree.fromstring(document, _PARSER)


def paths(document: bytes) -> list[Path]:
    """The paths of all elements, in document order."""

    def below(element: etree._Element, path: Path) -> list[Path]:
        children = enumerate(element.findall("*"))
        return [path, *(found for position, child in children for found in below(child, (*path, position)))]

    return below(parse(document), ())


def seeded_canonicalizations(document: bytes, seed: int) -> list[Canonicalization]:
    """By all algorithms: of the document and of some of its elements."""
    below = SeededChoices(seed).below
    elements = paths(document)
    selected = [elements[below(len(elements))] for _ in range(SUBTREES_PER_DOCUMENT)]
    return [
        Canonicalization(document, algorithm, _prefix_list(below, algorithm), path)
        for path in (None, *selected)
        for algorithm in ALGORITHMS
    ]


def _prefix_list(below: Callable[[int], int], algorithm: str) -> tuple[str, ...]:
    """Up to three members; C14N 1.0 has no PrefixList."""
    members = below(4) if is_exclusive(algorithm) else 0
    return tuple(PREFIX_LIST_MEMBERS[below(len(PREFIX_LIST_MEMBERS))] for _ in range(members))


def xmlsec1_is_right(job: Canonicalization) -> bool:
    """False where xmlsec1 1.2.37 with libxml2 2.9.14 is known to depart from the standard.

    - C14N 1.0 section 2.3 writes a namespace node like an attribute node; libxml2 leaves its ``&`` unescaped.
    - XML 1.0 section 2.11 reads CR LF as LF everywhere; libxml2's push parser does not in CDATA sections, and
      xmlsec1 uses it for the files that it refers to. (Its other parser reads what it signs or verifies.)
    """
    namespaces = {name for element in parse(job.document).iter("*") for name in element.nsmap.values()}
    ampersand = any("&" in name for name in namespaces)
    return not ampersand and not _CARRIAGE_RETURN_IN_CDATA.search(job.document)


def jdk_is_right(job: Canonicalization) -> bool:
    """False where the JDK (17) is known to depart from the standard.

    - It drops what follows an empty root element: comments and processing instructions.
    - C14N 1.0 section 2.4 gives an orphaned element the ``xml:*`` attributes of its nearest ancestor that has
      them; the JDK takes those of the farthest.
    """
    apex = job.apex()
    if job.path is None:
        return len(apex) > 0 or bool(apex.text) or apex.getnext() is None
    return job.exclusive or not any(
        len({ancestor.get(name) for ancestor in apex.iterancestors() if name in ancestor.attrib}) > 1
        for name in {name for ancestor in apex.iterancestors() for name in ancestor.attrib}
        if name.startswith(f"{{{XML}}}") and name not in apex.attrib
    )
