"""Locks on folders, so that one process at a time writes into a folder or anywhere below it."""

from __future__ import annotations

import fcntl
import os
from pathlib import PurePath

__all__ = ["FolderLocks"]


class FolderLocks:
    """What a process has locked: folders with all that is below them. To be closed, as the end of the process does.

    A lock on a folder is exclusive, and goes with shared ones on those above it: nobody else can then have one of them
    whole, while folders beside it are free.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        # Descriptor by path, and whether the lock is exclusive.
        self._held: dict[str, tuple[int, bool]] = {}

    def take(self, path: str) -> bool:
        """Lock a folder by its real path; False if another process has it, or one above or below. Raises OSError."""
        above = [str(folder) for folder in PurePath(path).parents]
        if any(self._held.get(folder, (0, False))[1] for folder in (path, *above)):
            return True
        if not self._locked(path, exclusive=True):
            return False
        for folder in above:
            try:
                if folder not in self._held and not self._locked(folder, exclusive=False):
                    return False
            except OSError:
                # Who may not look into it cannot keep others out either.
                continue
        return True

    def close(self) -> None:
        """Give all of them up."""
        for descriptor, _ in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _locked(self, path: str, *, exclusive: bool) -> bool:
        if path in self._held:
            descriptor = self._held[path][0]
        else:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._held[path] = descriptor, exclusive
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # A file system without locks: then two at once are the user's to avoid.
            return True
        return True
