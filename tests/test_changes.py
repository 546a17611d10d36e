"""What `duisign sign` says that it changed: by the byte lane as by a tree, which takes many times as long."""

from __future__ import annotations

import pytest
from lxml import etree

from duisign import DuisignError, Signer
from duisign.cli.signing import _changes_by_tree, changes
from lane_documents import TAKEN


@pytest.fixture(scope="module")
def replacing(smki):
    return Signer(smki.user.private_key, smki.user.certificate, whitespace="strip", existing_signature="replace")


def both(signer, document):
    """The changes, which both ways find; None for a document that cannot be signed."""
    try:
        signed = signer.sign(document)
    except DuisignError:
        return None
    found = changes(document, signed)
    assert found == _changes_by_tree(document)
    return found


@pytest.mark.parametrize("name", TAKEN)
def test_documents_that_the_byte_lane_takes(replacing, name):
    document = TAKEN[name] if isinstance(TAKEN[name], bytes) else TAKEN[name].encode()
    found = both(replacing, document)
    if found is not None:
        assert found[0] >= 0
        again = replacing.sign(document)
        assert both(replacing, again) == (0, True)


def test_messages(replacing, samples):
    for sample in samples.values():
        assert both(replacing, sample.document) == (0, False)
        for document, replaced in ((sample.document, False), (replacing.sign(sample.document), True)):
            root = etree.fromstring(document)
            etree.indent(root, "\t")
            indented = etree.tostring(root)
            # In the Signature it goes with that.
            signature = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
            if signature is not None:
                root.remove(signature)
            spaces = indented.count(b"\n") + indented.count(b"\t") if signature is None else None
            found = both(replacing, indented)
            assert found is not None
            assert found[1] is replaced
            assert found[0] == spaces if spaces is not None else found[0] > 0


def test_what_the_byte_lane_declines(replacing):
    document = b"<a xml:lang='en'>\n<b/>\n</a>"
    assert both(replacing, document) == (2, False)
    assert both(replacing, document.decode().encode("utf-16")) == (4, False)
