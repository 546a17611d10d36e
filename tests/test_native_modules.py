"""What the compiled modules are: linked to no libxml2, and unwilling to read nodes they were not built for."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lxml import etree

import duisign
from duisign.testing import Smki

SECONDS = 600
MODULES = [
    "_bindings",
    "_byte_lane",
    "_byte_scan",
    "_byte_tag",
    "_byte_text",
    "_document_parser",
    "_document_tree",
    "_heap",
    "_json_levels",
    "_markup",
    "_message_content",
    "_message_facts",
    "_octets",
    "_plain_document",
    "_pointers",
    "_request_id",
    "_sha256",
    "_signature_element",
    "_signature_frame",
    "_signature_place",
    "_signature_value",
    "_start_tag",
    "_tree_builder",
    "_tree_lane",
    "_usual_signature",
    "_verification",
]


@pytest.mark.parametrize("name", MODULES)
def test_no_libxml2_is_linked(name):
    path = importlib.import_module(f"duisign.{name}").__file__
    dynamic = subprocess.run(["readelf", "-Wd", path], check=True, capture_output=True, text=True).stdout
    assert "NEEDED" in dynamic
    assert "xml2" not in dynamic
    symbols = subprocess.run(["readelf", "-W", "--dyn-syms", path], check=True, capture_output=True, text=True).stdout
    undefined = [line.split()[-1] for line in symbols.splitlines() if " UND " in line and len(line.split()) > 7]
    assert not [symbol for symbol in undefined if symbol.startswith(("xml", "__xml"))]


@pytest.mark.release_build
def test_every_native_module_is_listed():
    package = Path(duisign.__file__).parent
    assert sorted(path.stem for path in package.glob("*.pyx")) == MODULES


@pytest.mark.release_build
def test_the_build_for_debuggers_loads(tmp_path):
    command = [
        sys.executable,
        "setup.py",
        "--quiet",
        "build",
        "--build-base",
        tmp_path,
        "--build-lib",
        tmp_path / "lib",
    ]
    environment = {**os.environ, "DUISIGN_BUILD": "debug"}
    subprocess.run(command, cwd=Path(__file__).parents[1], env=environment, check=True, timeout=SECONDS)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'lib')!r}); import duisign; print(duisign._tree_lane.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(str(tmp_path))


@pytest.mark.parametrize("version", [(2, 9, 14), (2, 13, 0), (2, 15, 0), (3, 0, 0)])
def test_another_libxml2_gives_an_import_error_with_a_remedy(version):
    code = f"from lxml import etree; etree.LIBXML_VERSION = {version!r}; import duisign"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"ImportError: lxml {etree.__version__} carries libxml2 {version[0]}.{version[1]}" in done.stderr
    assert "install an lxml wheel of the 6.1 series, or rebuild" in done.stderr


def test_importing_the_library_pulls_in_no_extra():
    code = "import sys, duisign; print([m for m in ('typer', 'rich', 'signxml', 'click') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.release_build
@pytest.mark.parametrize("many", [False, True])
def test_others_run_while_documents_are_read(many):
    """A thread that counts gets on, though no thread is interrupted: only who gives up Python's lock lets it."""
    document = b"<a>" + b"<b>text</b>" * 100_000 + b"</a>"
    smki = Smki.create()
    signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
    count, stopped = 0, threading.Event()

    def counting():
        nonlocal count
        while not stopped.is_set():
            count += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=counting)
    thread.start()
    counted = []
    try:
        sys.setswitchinterval(1000)
        for _ in range(5):
            before = count
            # Declined at its very end, so that no key is asked.
            if many:
                signer._byte_lane.sign_all([document + b"<b/>"] * 4, [])
            else:
                signer._byte_lane.sign(document + b"<b/>")
            counted.append(count - before)
    finally:
        sys.setswitchinterval(interval)
        stopped.set()
        thread.join()
    # Not each time: where the cores are all taken, the thread may get none for as long as one call takes.
    assert max(counted) > 0
