"""Folders of documents: which files are taken, and where what is made of them goes."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from duisign.cli.exit_status import Failure
from duisign.cli.files import locked, note, reason, remove_dead, replace_file

__all__ = ["FILE_UNREADABLE", "FILE_UNWRITABLE", "FoundFile", "InputFolder", "OutputFolder"]

FILE_UNREADABLE, FILE_UNWRITABLE = "file-unreadable", "file-unwritable"
"""Codes in reports: what is wrong is wrong with files, and not with what they hold."""

_TEMPORARY = ".duisign-batch-"
"""How the names of temporary files in an output folder begin."""


@dataclass(slots=True)
class FoundFile:
    """A file of a batch. `name`: relative to its folder. `octets`: its length, 0 if unknown. `target`: where its
    output goes, "" if it has none. `problem`: why it cannot be worked on, as code and sentence. `document`: what it
    holds, if that has been read already.
    """

    name: str
    path: str
    octets: int = 0
    target: str = ""
    problem: tuple[str, str] | None = None
    document: bytes | None = None


class InputFolder:
    """The files of a folder and its subfolders whose names match `pattern`, in any case of letters.

    Hidden files and folders are left alone, and so are symbolic links to folders; a link to a file is that file.
    """

    def __init__(self, path: str, pattern: str) -> None:
        self.path = path
        self._pattern = pattern
        self._left_alone = 0
        self._matches = re.compile(fnmatch.translate(pattern), re.IGNORECASE).match

    def files(self, output: OutputFolder | None = None) -> Iterator[FoundFile]:
        """The files, ordered by name, those of a folder before its subfolders'. `output`: gets each folder ready."""
        folders = [""]
        while folders:
            folder = folders.pop()
            path = os.path.join(self.path, folder)  # noqa: PTH118 - no Path is made for each of a million files
            try:
                with os.scandir(path) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError as error:
                yield FoundFile(folder, path, problem=(FILE_UNREADABLE, f"Cannot read {path}: {reason(error)}."))
                continue
            subfolders, files = self._sorted_out(entries)
            folders += [f"{folder}{name}/" for name in reversed(subfolders)]
            problem = output.prepare(folder) if output is not None and files else None
            alike = _alike(entry.name for entry in files) if output is not None and problem is None else {}
            for entry in files:
                found = FoundFile(folder + entry.name, entry.path)
                with contextlib.suppress(OSError):
                    found.octets = entry.stat().st_size
                if output is not None:
                    found.target = output.place(found.name)
                    sentence = problem
                    if entry.name in alike and output.folds_names(folder):
                        sentence = (
                            f"{entry.path} would be written to the same file as {alike[entry.name]}, since the output "
                            "folder's file system does not tell their names apart: rename one."
                        )
                    if sentence is not None:
                        found.problem = FILE_UNWRITABLE, sentence
                yield found

    def count(self) -> int:
        """How many files there are."""
        return sum(1 for _ in InputFolder(self.path, self._pattern).files())

    def note_left_alone(self, *, nothing_taken: bool) -> None:
        """Say what was not taken."""
        if nothing_taken:
            note(f"No file in {self.path} is named like {self._pattern}.")
        if self._left_alone:
            note(
                f"Left alone in {self.path}: {self._left_alone:,} entries that are hidden, links to folders, or not "
                f"named like {self._pattern}."
            )

    def _sorted_out(self, entries: list[os.DirEntry[str]]) -> tuple[list[str], list[os.DirEntry[str]]]:
        """Names of the subfolders, and the entries that are taken."""
        subfolders, files = [], []
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                subfolders.append(entry.name)
            elif not entry.name.startswith(".") and self._matches(entry.name) and not _is_folder(entry):
                files.append(entry)
            else:
                self._left_alone += 1
        return subfolders, files


class OutputFolder:
    """Where the outputs go: each under the name of its input. One process at a time writes to it.

    To be closed by ``with``. Raises Failure where input and output would get into each other's way, or nothing can be
    written.
    """

    def __init__(self, path: str, source: str, *, sync: bool) -> None:
        self.path = path
        self._sync = sync
        self._source = os.path.realpath(source)
        # By device and number: two names may lead to one folder.
        self._prepared: dict[tuple[int, int], str] = {}
        self._folds: dict[str, bool] = {}
        # Folders that have got a subfolder.
        self._grown: set[str] = set()
        if _within(os.path.realpath(path), self._source) or _within(self._source, os.path.realpath(path)):
            raise Failure(
                f"{path} and {source} are in one another, or the same: name a folder beside it with --output."
            )
        try:
            self._make(path)
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileExistsError:
            raise Failure(f"{path} is no folder: name one with --output.") from None
        except OSError as error:
            raise Failure(f"Cannot write to {path}: {reason(error)}.") from None
        # Given up when the folder is closed, or the process ends, in whatever way.
        if not locked(self._descriptor):
            os.close(self._descriptor)
            raise Failure(f"Another duisign is writing to {path}: wait for it, or name another folder.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def place(self, name: str) -> str:
        """The path of the output of the input of a name."""
        return f"{self.path}/{name}"

    def prepare(self, folder: str) -> str | None:
        """Make a subfolder ready, "" for the folder itself; why it cannot be, a sentence."""
        path = self.place(folder)
        try:
            self._make(path)
            status = os.stat(path)  # noqa: PTH116
            known = self._prepared.setdefault((status.st_dev, status.st_ino), folder)
            if known != folder:
                return f"{path} is the same folder as {self.place(known)}, which has outputs of its own: rename one."
            if _within(os.path.realpath(path), self._source):
                return f"{path} leads into the input folder: remove the link."
            with os.scandir(path) as entries:
                left = [entry.path for entry in entries if entry.name.startswith(_TEMPORARY)]
            for temporary in left:
                remove_dead(temporary)
        except OSError as error:
            return f"Cannot write to {path}: {reason(error)}."
        return None

    def folds_names(self, folder: str) -> bool:
        """Whether the file system takes names of other case, or other normalization, for the same file."""
        if folder not in self._folds:
            name = _temporary()
            probe = self.place(folder) + name
            try:
                os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
                self._folds[folder] = os.path.lexists(self.place(folder) + name.upper())
            except OSError:
                # Then nothing can be written either, and that will be said.
                self._folds[folder] = False
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(probe)  # noqa: PTH108
        return self._folds[folder]

    def is_done(self, file: FoundFile) -> bool:
        """Whether the output of a file is there, and newer than the file."""
        try:
            target, source = os.lstat(file.target), os.stat(file.path)  # noqa: PTH116
        except OSError:
            return False
        # What was moved or copied into place since has an old date of its content, but a new one of its status.
        newest = max(source.st_mtime_ns, source.st_ctime_ns)
        return stat.S_ISREG(target.st_mode) and target.st_size > 0 and target.st_mtime_ns >= newest

    def write(self, file: FoundFile, octets: bytes) -> None:
        """Write an output whole; a symbolic link in its place is replaced, not followed. Raises Failure."""
        temporary = os.path.dirname(file.target) + "/" + _temporary()  # noqa: PTH120
        try:
            replace_file(file.target, (octets,), temporary, sync=self._sync)
        except OSError as error:
            raise Failure(f"Cannot write {file.target}: {reason(error)}.") from None

    def finish(self) -> None:
        """Wait, if asked to, until the names of the outputs are on the disk too. Raises Failure."""
        if not self._sync:
            return
        for folder in sorted({*map(self.place, self._prepared.values()), *self._grown}):
            try:
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise Failure(f"Cannot write to {folder}: {reason(error)}.") from None

    def _make(self, path: str) -> None:
        """Make a folder, and those above it that are missing."""
        folder = Path(path)
        self._grown.update(str(missing.parent) for missing in (folder, *folder.parents) if not missing.exists())
        folder.mkdir(parents=True, exist_ok=True)


def _temporary() -> str:
    return _TEMPORARY + secrets.token_hex(8)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link in a circle: opening it will say so.
        return False


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _alike(names: Iterator[str]) -> dict[str, str]:
    """Names that a file system may take for an earlier one, and that one."""
    seen: dict[str, str] = {}
    found = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold()
        first = seen.setdefault(folded, name)
        if first != name:
            found[name] = first
    return found
