"""JSON that comes from outside: read as the module json reads it, or refused; never the end of a process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duisign._json_levels import json_levels
from duisign.json_object import json_object
from duisign.limits import MAX_JSON_LEVELS

TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('[]{}"\\'))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)
SMALL_STACK = 128 * 1024
"""Octets of a thread's stack with musl, where nobody asks for more."""
SECONDS = 60


def levels_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(levels_of, value), default=0) if isinstance(value, list) else 0


def nested(levels):
    """An object of so many levels."""
    return b'{"a":' + b"[" * (levels - 1) + b"1" + b"]" * (levels - 1) + b"}"


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_levels_are_those_of_the_value(value, ascii_alone, indent):
    assert json_levels(json.dumps(value, ensure_ascii=ascii_alone, indent=indent).encode()) == levels_of(value)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans())
def test_an_object_is_read_as_the_module_json_reads_it(value, ascii_alone):
    octets = json.dumps(value, ensure_ascii=ascii_alone).encode()
    assert json_object(octets) == value
    assert json_object(b"\xef\xbb\xbf" + octets) == value


class Watched(json.JSONDecoder):
    """The reader of the module json that is written in Python, and how deep it goes."""

    def __init__(self):
        super().__init__()
        self.level = self.most = 0
        self.parse_array = self._watched(json.decoder.JSONArray)
        self.parse_object = self._watched(json.decoder.JSONObject)
        self.scan_once = json.scanner.py_make_scanner(self)

    def _watched(self, parse):
        def watched(*arguments):
            self.level += 1
            self.most = max(self.most, self.level)
            try:
                return parse(*arguments)
            finally:
                self.level -= 1

        return watched


TOKENS = st.sampled_from(["[", "[", "]", '{"a":', '{"b', "}", '"', '"c"', "\\", '\\"', ",", "1", " ", "\n", "\0"])


@given(st.lists(TOKENS, max_size=30).map("".join))
def test_no_text_is_followed_deeper_than_its_levels(text):
    """Text that is no JSON too."""
    reader = Watched()
    try:
        reader.decode(text)
    except ValueError:
        assert json_levels(text.encode()) >= reader.most
    else:
        assert json_levels(text.encode()) == reader.most


@pytest.mark.parametrize("levels", [1, MAX_JSON_LEVELS - 1, MAX_JSON_LEVELS])
def test_so_many_levels_are_read(levels):
    assert json_object(nested(levels)) == json.loads(nested(levels))


@pytest.mark.parametrize("levels", [MAX_JSON_LEVELS + 1, 1_000, 5_000_000])
def test_more_are_refused(levels):
    assert json_object(nested(levels)) is None
    assert json_object(nested(levels)[:levels]) is None


def test_brackets_that_are_text_or_side_by_side_are_no_levels():
    value = {"a": "[" * 5_000 + '{\\"' * 5_000, "b": [[]] * 5_000}
    assert json_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"1",
        b"{",
        b"{}{}",
        b'{"a": 1, "a": 1}',
        b'{"a": [{"b": 1, "b": 2}]}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": 1' + b"0" * 5_000 + b"}",
    ],
)
def test_what_is_no_object_in_utf8(octets):
    assert json_object(octets) is None


@pytest.mark.release_build
def test_no_text_ends_a_process_with_small_stacks():
    """The module json would: it counts to 1,000 or 10,000 before it gives up, whatever the stack holds."""
    code = f"""
import threading
from duisign.json_object import json_object
found = []
threading.stack_size({SMALL_STACK})
for text in (b"[" * 5_000_000, b'{{"a":' * 1_000_000, {nested(MAX_JSON_LEVELS)!r}):
    thread = threading.Thread(target=lambda: found.append(json_object(text) is None))
    thread.start()
    thread.join()
print(found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[True, True, False]\n", "")


@pytest.mark.parametrize("octets", [None, "{}", bytearray(b"{}")])
def test_levels_are_those_of_bytes(octets):
    with pytest.raises(TypeError):
        json_levels(octets)
