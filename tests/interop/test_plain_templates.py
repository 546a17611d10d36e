"""What Smart DCC publishes is plain: an older libxml2, such as that of lxml's wheels for Windows, may be given it."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

import duisign
from duisign._plain_document import why_not_plain
from duisign.limits import MAX_DEPTH
from duisign.testing import Smki

GENUINE_WORDS = 100
GENUINE_AROUND = 4
"""What the documentation says genuine messages have fewer of: words, and levels and declarations for each octet."""


def test_every_template_is_plain_before_and_after(smki: Smki, duis_templates: list[Path]) -> None:
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate, existing_signature="replace")
    for template in duis_templates:
        document = template.read_bytes()
        assert why_not_plain(document, MAX_DEPTH) is None, template.name
        assert why_not_plain(signer.sign(document), MAX_DEPTH) is None, template.name


def test_they_are_far_from_the_limits(duis_templates: list[Path]) -> None:
    for template in duis_templates:
        words: set[str | None] = set()
        around = 0
        for element in etree.parse(template).iter(etree.Element):
            assert len(element.attrib) < 10, template.name
            assert len(element.nsmap) < 20, template.name
            words.update([element.tag, *element.attrib, *element.nsmap, *element.nsmap.values()])
            prefixed = 1 + sum(name.startswith("{") for name in element.attrib)
            around += prefixed * (len(list(element.iterancestors())) + len(element.nsmap))
        assert len(words) < GENUINE_WORDS, template.name
        assert around < GENUINE_AROUND * template.stat().st_size, template.name
