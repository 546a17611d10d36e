"""Files and standard streams: read whole, written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import TextIO

from duisign.cli.exit_status import ExitStatus, Failure, ReaderGone
from duisign.limits import MAX_DOCUMENT_OCTETS

__all__ = [
    "STANDARD_STREAM",
    "note",
    "printable",
    "read_document",
    "read_octets",
    "reason",
    "write_octets",
    "write_text",
]

STANDARD_STREAM = "-"
"""The file name that means standard input or standard output."""

_NEW_FILE_MODE = 0o666  # less the umask
_PRIVATE_MODE = 0o600
_MEBIOCTET = 1 << 20


def printable(text: str) -> str:
    """`text` for a terminal: control characters, which could steer it, and what is no text become escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def note(sentence: str) -> None:
    """Say a sentence on standard error, after the name of the command."""
    if sys.stderr is None:
        return
    try:
        print(f"duisign: {printable(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        # Nobody listens; the exit status says what matters.
        _discard(sys.stderr)


def read_document(name: str) -> bytes:
    """The octets of a document from a file, or from standard input if the name is ``-``; raises Failure."""
    # One octet more than the limit tells a longer document, however long it is.
    document = read_octets(name, MAX_DOCUMENT_OCTETS + 1)
    if len(document) > MAX_DOCUMENT_OCTETS:
        limit = f"{MAX_DOCUMENT_OCTETS // _MEBIOCTET} MiB"
        raise Failure(f"{_shown(name)} is longer than {limit}, more than any DUIS message.")
    return document


def read_octets(name: str, limit: int, *, status: ExitStatus = ExitStatus.ERROR) -> bytes:
    """At most `limit` octets of a file, or of standard input if the name is ``-``; raises Failure(status)."""
    try:
        if name != STANDARD_STREAM:
            with Path(name).open("rb") as file:
                return file.read(limit)
        if sys.stdin is None:
            raise Failure("There is no standard input to read from: name a file.", status)
        return sys.stdin.buffer.read(limit)
    except OSError as error:
        raise Failure(f"Cannot read {_shown(name)}: {reason(error)}.", status) from None


def write_octets(name: str | None, octets: bytes) -> None:
    """Write to a file, which is replaced as a whole, or to standard output (``-`` or None); raises Failure."""
    if name is None or name == STANDARD_STREAM:
        if sys.stdout is None:
            raise Failure("There is no standard output to write to: name a file with --output.")
        _write_stream(sys.stdout, octets)
        return
    try:
        _write_file(Path(name), octets)
    except OSError as error:
        raise Failure(f"Cannot write {_shown(name)}: {reason(error)}.") from None


def write_text(text: str, *, to_stderr: bool = False) -> None:
    """Write text to standard output, or to standard error; raises Failure, ReaderGone."""
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is not None:
        _write_stream(stream, text.encode(stream.encoding, "backslashreplace"))


def _write_stream(stream: TextIO, octets: bytes) -> None:
    rest = memoryview(octets)
    try:
        stream.flush()
        while rest:
            # Under PYTHONUNBUFFERED this is the system's write, which may take a part only.
            rest = rest[stream.buffer.write(rest) :]
        stream.buffer.flush()
    except OSError as error:
        _discard(stream)
        if error.errno == errno.EPIPE:
            raise ReaderGone from None
        raise Failure(f"Cannot write the standard output: {reason(error)}.") from None


def _discard(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, or Python would try once more, and complain, when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _write_file(path: Path, octets: bytes) -> None:
    # Behind a symbolic link it is the target that is replaced.
    path = path.resolve()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        # A device or a named pipe takes the octets; a folder raises.
        with path.open("wb") as file:
            file.write(octets)
        return
    temporary = path.with_name(f".duisign-{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(temporary, flags, _NEW_FILE_MODE if mode is None else _PRIVATE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            if mode is not None:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _shown(name: str) -> str:
    return "the standard input" if name == STANDARD_STREAM else name


def reason(error: OSError) -> str:
    """What the system says went wrong, to stand behind a colon."""
    words = error.strerror or type(error).__name__
    return words[:1].lower() + words[1:]
