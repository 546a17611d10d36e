"""All competitors, and the judge of their answers.

A result that is not right is no result: `wrong_signing`, `wrong_verifying` and `wrong_canonicalizing` say what is wrong
with a competitor's, and its cell stays empty. What is judged is the second result of a prepared call, not the first:
one that keeps something of the document before is right only once.
"""

from __future__ import annotations

import duisign
from adapters.limits import LIMIT, MEMCPY, SHA256, EcdsaAlone, MemcpyAlone, Sha256Alone
from adapters.lxml import Lxml
from adapters.minisignxml import Minisignxml
from adapters.ours import OURS, Duisign
from adapters.pybergshamra import PYBERGSHAMRA, Pybergshamra
from adapters.remote import DCC_TOOL, JDK, TREE_LANE, Remote, remotes
from adapters.signxml import DROP_IN, SIGNXML, SIGNXML_PREPARED, DropIn, PreparedSignxml, Signxml
from reference import check_canonical, check_signed
from task import Call, Competitor, Task, UnsupportedError

__all__ = [
    "COMPETITORS",
    "DCC_TOOL",
    "DROP_IN",
    "JDK",
    "LIMIT",
    "MEMCPY",
    "OURS",
    "PHYSICAL",
    "PYBERGSHAMRA",
    "SHA256",
    "SIGNXML",
    "SIGNXML_PREPARED",
    "TREE_LANE",
    "Call",
    "Competitor",
    "Remote",
    "Task",
    "UnsupportedError",
    "named",
    "wrong_canonicalizing",
    "wrong_signing",
    "wrong_verifying",
]

PHYSICAL = (LIMIT, SHA256, MEMCPY)
"""What nobody can do without; their sum is the limit in the tables."""

_TREE_LANE, _PYTHON_XMLSEC, _JDK, _DCC_TOOL = remotes()

COMPETITORS: tuple[Competitor, ...] = (
    EcdsaAlone(),
    Sha256Alone(),
    MemcpyAlone(),
    Duisign(),
    _TREE_LANE,
    DropIn(),
    Signxml(),
    PreparedSignxml(),
    _PYTHON_XMLSEC,
    Pybergshamra(),
    Minisignxml(),
    Lxml(),
    _JDK,
    _DCC_TOOL,
)


def named(*names: str) -> tuple[Competitor, ...]:
    """The competitors of these names, in the order of the names."""
    by_name = {competitor.name: competitor for competitor in COMPETITORS}
    return tuple(by_name[name] for name in names)


def wrong_signing(competitor: Competitor, task: Task) -> str | None:
    """What is wrong with the competitor's signatures; None if the judge and duisign's Verifier accept one."""
    identity = task.identity
    try:
        signed = _second(competitor.signing(task))
        if competitor.name in PHYSICAL:
            competitor.check(signed, identity, task.bare)
        elif not isinstance(signed, bytes):
            return "its result is not bytes"
        else:
            check_signed(signed, task.content, identity.certificate)
            duisign.Verifier(duisign.PinnedCertificates([identity.certificate])).verify(signed)
    except Exception as error:  # noqa: BLE001 - a competitor may fail in any way, and only loses its cell
        return _sentence(error)
    return None


def wrong_verifying(competitor: Competitor, task: Task) -> str | None:
    """What is wrong with the competitor's verdicts; None if it accepts what is right, and only that."""
    try:
        result = _second(competitor.verifying(task.identity, task.signed))
        if competitor.name in PHYSICAL:
            competitor.check(result, task.identity, task.signed)
            return None
    except UnsupportedError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - as above
        return f"it refuses a good signature: {_sentence(error)}"
    for name, document in (("tampered", task.tampered), ("forged", task.forged)):
        try:
            competitor.verifying(task.identity, document)()
        except Exception:  # noqa: BLE001 - as above
            continue
        return f"it accepts a {name} document"
    return None


def wrong_canonicalizing(competitor: Competitor, task: Task) -> str | None:
    """What is wrong with the competitor's canonical form; None if the judge has the same octets."""
    try:
        octets = _second(competitor.canonicalizing(task.document))
        if competitor.name in PHYSICAL:
            competitor.check(octets, task.identity, task.document)
        else:
            check_canonical(octets, task.document)
    except Exception as error:  # noqa: BLE001 - as above
        return _sentence(error)
    return None


def _second(call: Call) -> object:
    call()
    return call()


def _sentence(error: Exception) -> str:
    """One line, without its full stop."""
    lines = (str(error) or type(error).__name__).splitlines()
    return lines[0].rstrip(". ")
