"""What is measured, by the names of the tables: requests of each size, and the templates that Smart DCC publishes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from adapters.remote import peers, unsupported_if_missing
from documents import SIZES
from duisign.testing import Smki
from task import Task

TEMPLATES = "templates"
STRIPPED_TEMPLATES = "templates, strip"


@dataclasses.dataclass(frozen=True)
class Workload:
    """One row of a table: `tasks` makes what there is to do. Figures are means over them.

    `tasks(smki, every)`: of many documents, only every so many-th. It raises UnsupportedError where what it needs is
    not there.
    """

    name: str
    tasks: Callable[[Smki, int], Sequence[Task]]


def _templates(smki: Smki, every: int, *, strip: bool) -> Sequence[Task]:
    """The templates as they are published: indented, each ends in a placeholder Signature."""
    with unsupported_if_missing():
        folder = peers().DUIS_TEMPLATES.install() / "templates"
    documents = [path.read_bytes() for path in sorted(folder.glob("*.XML"))]
    assert len(documents) == 297
    return [Task.of(smki, document, strip=strip) for document in documents[::every]]


def _size(name: str) -> Workload:
    return Workload(name, lambda smki, _: [Task.of(smki, SIZES[name](smki))])


WORKLOADS: tuple[Workload, ...] = (
    *(_size(name) for name in SIZES),
    Workload(TEMPLATES, lambda smki, every: _templates(smki, every, strip=False)),
    Workload(STRIPPED_TEMPLATES, lambda smki, every: _templates(smki, every, strip=True)),
)
