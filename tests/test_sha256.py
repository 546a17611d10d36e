"""SHA-256: the digests of hashlib, whichever way they are made, and no lock of Python's for them."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from duisign._sha256 import BY_OPENSSL, Sha256Start
from duisign._signature_frame import SignatureFrame
from interop import peers

SECONDS = 120
START = Sha256Start(b"")
# Around the blocks of SHA-256, and of the byte lane's output.
LENGTHS = [*range(130), 255, 256, 257, 2047, 2048, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1_000_003]

END = b"</ds:DigestValue></ds:Reference></ds:SignedInfo>"

WITHOUT_OPENSSL = """
import sys
sys.modules["_hashlib"] = None
import hashlib
assert hashlib.sha256.__module__ != "_hashlib"
from duisign._sha256 import BY_OPENSSL, Sha256Start
assert not BY_OPENSSL
start = Sha256Start(b"a")
assert {start.digest_with(b"bc") for _ in range(3)} == {hashlib.sha256(b"abc").digest()}
"""


def in_reach():
    """Whether the module that hashlib stands on has OpenSSL's functions, or is linked with them."""
    try:
        import _hashlib
    except ImportError:
        return False
    path = getattr(_hashlib, "__file__", None)
    return path is not None and hasattr(ctypes.CDLL(path), "SHA256_Init")


def test_openssl_is_called_where_it_is_in_reach():
    expected = os.environ.get("DUISIGN_EXPECTED_LOADED") != "nothing" and in_reach()
    assert expected is BY_OPENSSL


@pytest.mark.parametrize(
    ("octets", "digest"),
    [
        # FIPS 180-4, examples of NIST's Cryptographic Standards and Guidelines.
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ],
)
def test_published_digests(octets, digest):
    assert START.digest_with(octets).hex() == digest


@pytest.mark.parametrize("length", LENGTHS)
def test_digests_are_those_of_hashlib(length):
    octets = random.Random(length).randbytes(length)
    assert START.digest_with(octets) == hashlib.sha256(octets).digest()


@pytest.mark.parametrize("length", LENGTHS)
def test_a_digest_goes_on_where_another_stands(length):
    start = random.Random(length).randbytes(length)
    frame = SignatureFrame(start, Sha256Start(start), b"", b"", b"", lambda digest, algorithm: b"", None)
    # Twice: the state that it goes on from stays as it is.
    for seed in (b"one", b"other"):
        digest = hashlib.sha256(seed).digest()
        again = hashlib.sha256(start + base64.b64encode(digest) + END)
        assert frame.signed_info_digest(digest) == again.digest()


def test_threads_share_a_state():
    start = bytes(1000)
    frame = SignatureFrame(start, Sha256Start(start), b"", b"", b"", lambda digest, algorithm: b"", None)
    digests = [hashlib.sha256(b"%d" % number).digest() for number in range(2000)]
    expected = [frame.signed_info_digest(digest) for digest in digests]
    wrong = []

    def work():
        for digest, right in zip(digests, expected, strict=True):
            if frame.signed_info_digest(digest) != right:
                wrong.append(digest)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_hashlib_serves_where_there_is_no_openssl():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENSSL], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr


FOREIGN = """
import ctypes, hashlib, sys, types
# Which want the real one.
import cryptography.x509, lxml.etree
library = ctypes.CDLL(sys.argv[1])
sys.modules["_hashlib"] = types.SimpleNamespace(__file__=sys.argv[1])
from duisign._sha256 import BY_OPENSSL, Sha256Start
print(BY_OPENSSL, Sha256Start(b"a").digest_with(b"bc").hex())
"""


@pytest.mark.posix
@pytest.mark.release_build
@pytest.mark.parametrize(
    ("fault", "taken"),
    [("NONE", True), ("LACKS_ONE", False), ("REFUSES", False), ("DIFFERS", False), ("WRITES_TOO_FAR", False)],
)
def test_functions_that_are_not_openssls_are_not_called(tmp_path, fault, taken):
    """Whatever has their names must give a digest and stay inside its room."""
    if os.environ.get("DUISIGN_EXPECTED_LOADED") == "nothing":
        taken = False
    library = tmp_path / "foreign.so"
    source = Path(__file__).parent / "native" / "sha256.c"
    compiler = peers.require_program("gcc")
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", f"-D{fault}"]
    subprocess.run([compiler, *options, source, "-o", library], check=True, timeout=SECONDS)
    command = [sys.executable, "-c", FOREIGN, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(taken), hashlib.sha256(b"abc").hexdigest()]


@pytest.mark.posix
def test_a_path_that_is_no_text_is_no_obstacle(tmp_path):
    """Where the module that hashlib stands on lies in a folder whose name is not UTF-8."""
    import _hashlib

    # A link, and named afterwards: CPython 3.13 imports nothing from such a folder.
    link = tmp_path / os.fsdecode(b"\xff.so")
    link.symlink_to(_hashlib.__file__)
    code = f"import _hashlib; _hashlib.__file__ = {str(link)!a}; import duisign._sha256 as one; print(one.BY_OPENSSL)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(BY_OPENSSL)


@pytest.mark.parametrize("octets", [None, "abc", bytearray(b"abc")])
def test_only_bytes_have_a_digest(octets):
    with pytest.raises(TypeError):
        START.digest_with(octets)
    with pytest.raises(TypeError):
        Sha256Start(octets)
