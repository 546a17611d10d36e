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
from duisign._tree_release import BY_LIBXML2, release_tree
from duisign.document import DocumentReader
from interop import peers

sys.path.insert(0, str(Path(__file__).parent / "memory"))

from growth import malloc_octets

SECONDS = 120
LONG = 8192
C14N = duisign.CanonicalizationMethod.C14N_1_0
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
release_tree(root, sys.getrefcount(root))
print(by_lxml, unmerged_octets())
"""

BEHIND = """
import sys
sys.path[:] = {paths!r}
import duisign
from duisign.testing import Smki
from growth import unmerged_octets
from test_tree_release import C14N, LONG, not_usual, padded
smki, job = Smki.create(), {job!r}
signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
document = padded(smki, LONG, b"<sr:a>b</sr:a>")
signed = signer.sign(document)
if job == "read and verify":
    signed = not_usual(signed)
call = (lambda: duisign.canonicalize(document, C14N)) if job == "canonicalize" else (lambda: verifier.verify(signed))
results = [call() for _ in range(3)]
print(unmerged_octets())
"""


def padded(smki, octets, piece=b"<!--x-->"):
    """A request with so many octets of something in it."""
    sample = duisign.testing.make_samples(smki)["service-request"].document
    padding = piece * (octets // len(piece) + 1)
    assert sample.count(b"</sr:Body>") == 1
    return sample.replace(b"</sr:Body>", padding + b"</sr:Body>")


def not_usual(signed):
    """The document with its Signature written a little otherwise than usual, so that all of it is parsed."""
    assert signed.count(b"<ds:KeyInfo>") == 1
    return signed.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo >")


def parsed(document=DOCUMENT, **options):
    return etree.fromstring(document, etree.XMLParser(**{"collect_ids": False, **options}))


def release(root):
    """Release its tree, for whoever holds the root as well."""
    # With one that this function holds, as the other one does.
    release_tree(root, sys.getrefcount(root))


def is_released(root):
    """Whether lxml's proxy has no node any more."""
    try:
        len(root)
    except AssertionError as error:
        assert "invalid" in str(error)  # noqa: PT017 - which of lxml's assertions it is
        return True
    return False


def in_reach():
    """Whether lxml's module has libxml2's function, or is linked with it, and the process offers no other to all."""
    if os.name != "posix":
        return False
    own, offered = (
        ctypes.cast(library.xmlFreeNodeList, ctypes.c_void_p).value if hasattr(library, "xmlFreeNodeList") else None
        for library in (ctypes.CDLL(etree.__file__), ctypes.CDLL(None))
    )
    return own is not None and offered in (None, own)


def test_libxml2_is_called_where_it_is_in_reach():
    expected = os.environ.get("DUISIGN_EXPECTED_LOADED") != "nothing" and in_reach()
    assert expected is BY_LIBXML2


def test_lxml_frees_where_it_has_no_file():
    code = "from lxml import etree; del etree.__file__; import duisign._tree_release as one; print(one.BY_LIBXML2)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"


def test_a_tree_is_released():
    root = parsed()
    release(root)
    assert is_released(root) is BY_LIBXML2


@pytest.mark.parametrize("other", [lambda root: root[0], lambda root: root[-1], lambda root: root.getnext()])
def test_a_tree_that_somebody_else_may_look_at_stays(other):
    root = parsed()
    kept = other(root)
    release(root)
    assert etree.tostring(root.getroottree()) == etree.tostring(parsed().getroottree())
    del root
    assert kept is not None
    del kept
    root = parsed()
    # Gone again: nobody is left who may.
    other(root)
    release(root)
    assert is_released(root) is BY_LIBXML2


def test_a_root_that_somebody_else_holds_stays():
    root = parsed()
    tree = root.getroottree()
    release_tree(root, sys.getrefcount(root) - 1)
    assert tree.getroot().prefix is None
    assert etree.tostring(tree) == etree.tostring(parsed().getroottree())


@pytest.fixture
def kept_elements():
    """All elements that lxml makes for the library: an application's class may keep them, and lxml allows it."""
    kept = []

    class Keeping(etree.ElementBase):
        def _init(self):
            kept.append(self)

    etree.set_element_class_lookup(etree.ElementDefaultClassLookup(element=Keeping))
    try:
        yield kept
    finally:
        etree.set_element_class_lookup(None)


def test_elements_of_an_applications_class_stay(smki, kept_elements):
    document = padded(smki, LONG)
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
    signed = duisign.Signer(smki.user.private_key, smki.user.certificate).sign(document)
    for call in (lambda: verifier.verify(signed), lambda: duisign.canonicalize(document, C14N)):
        kept_elements.clear()
        call()
        assert kept_elements
        for root in kept_elements:
            assert root.prefix == "sr"
            assert len(root) >= 2


def test_an_element_of_an_applications_class_stays_whoever_holds_it(kept_elements):
    root = parsed()
    kept_elements.clear()
    release(root)
    assert root.tag == "a"


@pytest.mark.parametrize("job", ["verify", "canonicalize"])
def test_an_element_that_a_tracer_keeps_stays(smki, job):
    document = padded(smki, LONG)
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
    signed = not_usual(duisign.Signer(smki.user.private_key, smki.user.certificate).sign(document))
    kept = []

    def tracer(frame, event, result):
        if event == "return" and isinstance(result, etree._Element) and not kept:
            kept.append(result)

    sys.setprofile(tracer)
    try:
        if job == "verify":
            verifier.verify(signed)
        else:
            duisign.canonicalize(document, C14N)
    finally:
        sys.setprofile(None)
    (root,) = kept
    assert root.prefix == "sr"
    assert len(root) >= 2


@pytest.mark.release_build
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone tells what is freed and not merged")
@pytest.mark.parametrize("job", ["verify", "read and verify", "canonicalize"])
def test_long_documents_are_released_behind_their_work(smki, job):
    code = BEHIND.format(paths=sys.path, job=job)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    unmerged = int(done.stdout)
    assert (unmerged < LONG) is BY_LIBXML2


@pytest.mark.parametrize(
    ("document", "options"),
    [
        (b'<!DOCTYPE a [\n<!ENTITY e "x">\n]>\n<a>&e;</a>', {"resolve_entities": False}),
        (b'<a><b xml:id="one"/></a>', {"collect_ids": True}),
    ],
)
def test_a_tree_with_tables_beside_it_stays(document, options):
    root = parsed(document, **options)
    release(root)
    assert root.tag == "a"
    assert etree.tostring(root.getroottree()) == document


def test_an_element_that_is_no_root_stays():
    child = parsed()[0]
    release(child)
    assert child.tag == "{urn:p}c"
    # Its document went with its root, of which there is no other proxy; the nodes stay as long as the child does.
    assert child.getparent().tag == "a"


def test_nothing_and_what_was_released_are_no_trees():
    release_tree(None, 1)
    root = parsed()
    release(root)
    release(root)
    assert is_released(root) is BY_LIBXML2
    with pytest.raises(TypeError):
        release_tree("<a/>", 1)


@pytest.mark.release_build
def test_all_of_a_tree_is_freed():
    def growth():
        before = malloc_octets()
        root = parsed()
        release(root)
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
        release(root)
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


@pytest.mark.parametrize("octets", [600, LONG, 100_000])
def test_what_was_verified_and_canonicalized_has_a_tree_of_its_own(smki, octets):
    """Whatever became of the tree that it was read from."""
    document = padded(smki, octets)
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]), policy=duisign.Policy())
    for _ in range(3):
        message = verifier.verify(signer.sign(document))
        assert message.element.tag.endswith("}Request")
        assert message.request_id is not None
        assert message.message_class is not None
        assert duisign.canonicalize(document, C14N) == message.signed_bytes
    assert DocumentReader().parse(document).tag == message.element.tag
