"""The options of batches, alike in each command that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from duisign.batch import available_workers
from duisign.cli.exit_status import Failure
from duisign.cli.files import STANDARD_STREAM
from duisign.limits import MAX_WORKERS

__all__ = ["BatchOptions", "Fsync", "Glob", "Ndjson", "ReportFile", "Resume", "Workers"]

Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_WORKERS,
        metavar="N",
        help="For a folder or NDJSON: threads that work at the same time. Without the option, one per processor. "
        "With --fsync more are worth while: they wait for the disk.",
    ),
]
Ndjson = Annotated[
    bool,
    typer.Option(
        "--ndjson",
        help='Read JSON objects, one on each line, such as {"id": 1, "message": "<xml/>"}, and write one for each in '
        "answer, in the same order. The message is XML as text, or its octets in base64.",
    ),
]
Glob = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN", help="For a folder: the names of the files that are taken. Without the option, *.xml."
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="For a folder: skip a file whose output is there already, and newer than the file."),
]
Fsync = Annotated[
    bool,
    typer.Option(
        "--fsync", help="For a folder: wait for the disk, so that a power failure takes nothing that was reported."
    ),
]
ReportFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="For a folder or NDJSON: write what became of each document to a file, one JSON object."
    ),
]

_PATTERN = "*.xml"


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What the options say."""

    workers: int | None
    glob: str | None
    report: str | None
    resume: bool = False
    fsync: bool = False

    @property
    def threads(self) -> int:
        """Threads that work at the same time."""
        return self.workers or available_workers()

    @property
    def pattern(self) -> str:
        """What the names of the files in a folder must match."""
        return self.glob or _PATTERN

    def check(self, *, folder: bool, ndjson: bool) -> None:
        """Raise Failure for an option that says nothing here."""
        if folder and ndjson:
            raise Failure("A folder holds XML, one document in each file: leave out --ndjson.")
        of_both: dict[str, object] = {"--workers": self.workers, "--report": self.report}
        of_folders: dict[str, object] = {"--glob": self.glob, "--resume": self.resume, "--fsync": self.fsync}
        for option, given in of_folders.items():
            if given and not folder:
                raise Failure(f"{option} says nothing without a folder of documents: name one.")
        for option, given in of_both.items():
            if given and not (folder or ndjson):
                raise Failure(f"{option} says nothing for one document: name a folder, or give --ndjson.")
        if self.report == STANDARD_STREAM:
            raise Failure("--report needs the name of a file.")
