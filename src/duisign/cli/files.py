"""Files and standard streams: read whole, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from duisign.cli.exit_status import ExitStatus, Failure, ReaderGone
from duisign.limits import MAX_DOCUMENT_OCTETS

__all__ = [
    "STANDARD_STREAM",
    "is_folder",
    "locked",
    "note",
    "output_is_terminal",
    "printable",
    "read_document",
    "read_file",
    "read_octets",
    "reason",
    "remove_dead",
    "replace_file",
    "too_long",
    "write_octets",
    "write_pieces",
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


def is_folder(name: str) -> bool:
    """Whether a name that is not ``-`` is that of a folder."""
    return name != STANDARD_STREAM and Path(name).is_dir()


def output_is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def read_document(name: str) -> bytes:
    """The octets of a document from a file, or from standard input if the name is ``-``; raises Failure."""
    # One octet more than the limit tells a longer document, however long it is.
    document = read_octets(name, MAX_DOCUMENT_OCTETS + 1)
    if len(document) > MAX_DOCUMENT_OCTETS:
        raise too_long(_shown(name))
    return document


def too_long(shown: str) -> Failure:
    """What is said of a document that is longer than any may be."""
    limit = f"{MAX_DOCUMENT_OCTETS // _MEBIOCTET} MiB"
    return Failure(f"{shown} is longer than {limit}, more than any DUIS message.")


def read_file(path: str) -> bytes:
    """The octets of a document from a regular file: no pipe or device, which may never end. Raises Failure."""
    try:
        # Opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Failure(f"{path} is not a regular file: name a pipe or device by itself.")
            # Not in one go: a buffer for the largest document takes longer to make than most files to read.
            octets = file.read(min(status.st_size, MAX_DOCUMENT_OCTETS) + 1)
            if len(octets) > status.st_size:
                octets += file.read(MAX_DOCUMENT_OCTETS + 1 - len(octets))
    except OSError as error:
        raise Failure(f"Cannot read {path}: {reason(error)}.") from None
    if len(octets) > MAX_DOCUMENT_OCTETS:
        raise too_long(path)
    return octets


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
    write_pieces(name, (octets,))


def write_pieces(name: str, pieces: Iterable[bytes]) -> None:
    """Write to a file, which is replaced as a whole; raises Failure."""
    try:
        _write_file(Path(name), pieces)
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


def _write_file(path: Path, pieces: Iterable[bytes]) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        # A device or a named pipe takes the octets; a folder raises.
        with path.open("wb") as file:
            file.writelines(pieces)
        return
    # Behind a symbolic link it is the target that is replaced.
    path = path.resolve()
    temporary = path.with_name(f".duisign-{secrets.token_hex(8)}")
    replace_file(path, pieces, temporary, sync=True, mode=None if mode is None else stat.S_IMODE(mode))


def replace_file(
    path: str | Path, pieces: Iterable[bytes], temporary: str | Path, *, sync: bool, mode: int | None = None
) -> None:
    """Write a file whole, or leave what was there: by way of a temporary file in the same folder. Raises OSError.

    `sync`: wait until the octets are on the disk. `mode`: of the file, where it is not that of any new file.
    """
    lock = None
    try:
        # Inside, since an interruption may come as soon as there is a file.
        with os.fdopen(_locked_file(temporary, _NEW_FILE_MODE if mode is None else _PRIVATE_MODE), "wb") as file:
            # The lock lasts until both are closed, and what closing the file may say comes before its name.
            lock = os.dup(file.fileno())
            file.writelines(pieces)
            if mode is not None:
                os.fchmod(lock, mode)
            file.flush()
            if sync:
                os.fsync(lock)
        os.replace(temporary, path)  # noqa: PTH105 - no Path is made for each of a million files
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    finally:
        if lock is not None:
            os.close(lock)


def remove_dead(temporary: str) -> None:
    """Remove a temporary file of `replace_file`, unless the process that writes it is alive. Raises OSError.

    What cannot be opened stays: it is gone, no such file, or somebody else's, of whom nothing is known.
    """
    try:
        descriptor = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if locked(descriptor):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108
    finally:
        os.close(descriptor)


def locked(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder; False if another process has. What has no locks counts as locked."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        # Then two at once are the user's to avoid.
        return True
    return True


def _locked_file(path: str | Path, mode: int) -> int:
    """A new file, locked so that nobody takes it for that of a dead process."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        locked(descriptor, wait=True)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        # Somebody did, before it was locked.
        os.close(descriptor)


def _shown(name: str) -> str:
    return "the standard input" if name == STANDARD_STREAM else name


def reason(error: OSError) -> str:
    """What the system says went wrong, to stand behind a colon."""
    words = error.strerror or type(error).__name__
    return words[:1].lower() + words[1:]
