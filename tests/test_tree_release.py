"""Trees that have done their work: freed without Python's lock, and only where nobody else can have a part of one."""

from __future__ import annotations

import ctypes
import operator
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lxml import etree

import duisign
from duisign._tree_release import BY_LIBXML2, LONG_TREE, release_tree
from duisign.document import PLAIN_ALONE, DocumentReader
from interop import peers

sys.path.insert(0, str(Path(__file__).parent / "memory"))

from growth import malloc_octets

SECONDS = 120
CONTENT = b'<b x="1">text</b><!-- comment --><?target data?>' * 400
DOCUMENT = b'<?before it?><!-- it --><a xmlns:p="urn:p"><p:c/>' + CONTENT + b"</a><?behind it?>"

OFFERED = """
from lxml import etree
from duisign._tree_release import BY_LIBXML2
print(BY_LIBXML2)
"""

UNMERGED = """
import sys
sys.path[:] = {paths!r}
from growth import unmerged_octets
from lxml import etree
from duisign._tree_release import release_tree
document = {document!r}
root = etree.fromstring(document, etree.XMLParser(collect_ids=False))
del root
by_lxml = unmerged_octets()
root = etree.fromstring(document, etree.XMLParser(collect_ids=False))
release_tree(root)
print(by_lxml, unmerged_octets())
"""


def parsed(document=DOCUMENT, **options):
    return etree.fromstring(document, etree.XMLParser(**{"collect_ids": False, **options}))


def is_released(root):
    """Whether lxml's proxy has no node any more."""
    try:
        len(root)
    except AssertionError as error:
        assert "invalid" in str(error)  # noqa: PT017 - which of lxml's assertions it is
        return True
    return False


def test_libxml2_is_called_where_it_is_in_reach():
    expected = (
        os.environ.get("DUISIGN_EXPECTED_LOADED") != "nothing"
        and os.name == "posix"
        and hasattr(ctypes.CDLL(etree.__file__), "xmlFreeNodeList")
    )
    assert expected is BY_LIBXML2


def test_a_tree_is_released():
    root = parsed()
    release_tree(root)
    assert is_released(root) is BY_LIBXML2


@pytest.mark.parametrize("other", [lambda root: root[0], lambda root: root[-1], lambda root: root.getnext()])
def test_a_tree_that_somebody_else_may_look_at_stays(other):
    root = parsed()
    kept = other(root)
    release_tree(root)
    assert etree.tostring(root.getroottree()) == etree.tostring(parsed().getroottree())
    del root
    assert kept is not None
    del kept
    root = parsed()
    # Gone again: nobody is left who may.
    other(root)
    release_tree(root)
    assert is_released(root) is BY_LIBXML2


def test_who_holds_the_root_alone_has_no_element_any_more():
    root = parsed()
    tree = root.getroottree()
    release_tree(root)
    assert is_released(tree.getroot()) is BY_LIBXML2


@pytest.mark.parametrize(
    ("document", "options"),
    [
        (b'<!DOCTYPE a [\n<!ENTITY e "x">\n]>\n<a>&e;</a>', {"resolve_entities": False}),
        (b'<a><b xml:id="one"/></a>', {"collect_ids": True}),
    ],
)
def test_a_tree_with_tables_beside_it_stays(document, options):
    root = parsed(document, **options)
    release_tree(root)
    assert root.tag == "a"
    assert etree.tostring(root.getroottree()) == document


def test_an_element_that_is_no_root_stays():
    child = parsed()[0]
    release_tree(child)
    assert child.tag == "{urn:p}c"
    # Its document went with its root, of which there is no other proxy; the nodes stay as long as the child does.
    assert child.getparent().tag == "a"


def test_nothing_and_what_was_released_are_no_trees():
    release_tree(None)
    root = parsed()
    release_tree(root)
    release_tree(root)
    assert is_released(root) is BY_LIBXML2
    with pytest.raises(TypeError):
        release_tree("<a/>")


@pytest.mark.release_build
def test_all_of_a_tree_is_freed():
    def growth():
        before = malloc_octets()
        root = parsed()
        release_tree(root)
        # All but the document's own node, and what lxml has of it.
        return malloc_octets() - before

    growth()
    # The C library does not tell everywhere.
    assert growth() < len(DOCUMENT) / 4 or not BY_LIBXML2
    before = malloc_octets()
    for _ in range(200):
        growth()
    assert malloc_octets() - before < len(DOCUMENT)


@pytest.mark.release_build
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps blocks apart")
def test_its_blocks_are_made_one_for_whoever_comes_next():
    code = UNMERGED.format(paths=sys.path, document=DOCUMENT)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    by_lxml, by_itself = map(int, done.stdout.split())
    assert by_lxml > len(DOCUMENT)
    assert by_itself < len(DOCUMENT) / 4 or not BY_LIBXML2


@pytest.mark.release_build
def test_other_threads_go_on_meanwhile():
    document = b"<a>" + b"<b/>" * 2_000_000 + b"</a>"
    clock, stopped, times = time.perf_counter, threading.Event(), []

    def note():
        while not stopped.is_set():
            times.append(clock())

    # More than once: the other thread may get no processor.
    for _ in range(20):
        root = parsed(document)
        times.clear()
        stopped.clear()
        thread = threading.Thread(target=note)
        thread.start()
        start = clock()
        release_tree(root)
        end = clock()
        stopped.set()
        thread.join()
        # At both ends this thread gives the lock away for some milliseconds, because it was asked to.
        moments = [start, *(moment for moment in times if start < moment < end), end]
        went_on = max(map(operator.sub, moments[1:], moments)) < (end - start) / 3
        if went_on:
            break
    assert went_on or not BY_LIBXML2


@pytest.mark.posix
@pytest.mark.release_build
def test_a_function_that_the_process_offers_to_all_is_not_taken_for_lxmls(tmp_path):
    """lxml may have got that one: its trees are not freed by another."""
    library = tmp_path / "offered.so"
    source = Path(__file__).parent / "native" / "free_nodes.c"
    compiler = peers.require_program("gcc")
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", library], check=True, timeout=SECONDS)
    for preload, taken in (("", BY_LIBXML2), (str(library), False)):
        environment = {**os.environ, "LD_PRELOAD": preload}
        done = subprocess.run(
            [sys.executable, "-c", OFFERED],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(taken)


@pytest.mark.parametrize("octets", [600, LONG_TREE, 100_000])
def test_what_was_verified_and_canonicalized_has_a_tree_of_its_own(smki, octets):
    """Whatever became of the tree that it was read from."""
    sample = duisign.testing.make_samples(smki)["service-request"].document
    padding = b"<!--" + b"x" * octets + b"-->"
    document = sample.replace(b"<sr:Body>", b"<sr:Body>" + padding)
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]), policy=duisign.Policy())
    for _ in range(3):
        message = verifier.verify(signer.sign(document))
        assert message.element.tag.endswith("}Request")
        assert message.request_id is not None
        assert message.message_class is not None
        assert padding not in message.signed_bytes
        assert duisign.canonicalize(document, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315") == message.signed_bytes
    assert DocumentReader().parse(document).tag == message.element.tag
    assert not PLAIN_ALONE or not BY_LIBXML2
