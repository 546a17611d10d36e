"""This project, profile DUIS."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

import duisign
from duisign.testing import Identity
from task import Call, Task

OURS = "duisign"


class Duisign:
    """This project, with the lane that it chooses."""

    name = OURS
    version = version("duisign")

    def signing(self, task: Task) -> Call:
        return partial(task.signer().sign, task.document)

    def verifying(self, identity: Identity, signed: bytes) -> Call:
        trust = duisign.PinnedCertificates([identity.certificate])
        return partial(duisign.Verifier(trust).verify, signed)

    def canonicalizing(self, document: bytes) -> Call:
        return partial(duisign.canonicalize, document)
