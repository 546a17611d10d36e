"""A certificate as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from duisign.certificate_status import CertificateState
from duisign.cli.certificate_facts import minute
from duisign.cli.files import printable
from duisign.cli.verdict_table import grid, text_of

if TYPE_CHECKING:
    from duisign.cli.certificate_report import CertificateReport

__all__ = ["rendered"]

_PERIODS = {
    CertificateState.VALID: "current",
    CertificateState.EXPIRED: "expired",
    CertificateState.NOT_YET_VALID: "not yet valid",
}


def rendered(report: CertificateReport) -> str:
    """The certificate with its status, what it says, and the path to its root."""
    facts = report.facts()
    title = Text.assemble((printable(report.place), "bold"))
    if report.status is not None:
        state = report.status.state
        title.append(": ").append(
            state.value.replace("-", " "), "bold green" if state is CertificateState.VALID else "bold red"
        )
        if not report.status.revocation_checked:
            title.append(", revocation NOT checked", "bold yellow")
    if report.code is not None:
        title.append(f" ({report.code})")
    kind = " (a CA)" if facts["authority"] else ""
    role = "none" if facts["role"] is None else f"{facts['role']} {facts['role_name'] or '(unknown)'}"
    period = f"{minute(facts['valid_from'])} to {minute(facts['valid_to'])} UTC, {_PERIODS[report.period]}"
    rows = [
        ("subject", facts["subject"]),
        ("issuer", facts["issuer"]),
        ("serial", facts["serial_number"]),
        ("role", f"{role}{kind}"),
        ("EUI-64", facts["entity_id"] or "none"),
        ("valid", period),
        ("key usage", ", ".join(facts["key_usage"]) or "none"),
        *(("policies", policy) for policy in facts["policies"] or ["none"]),
        ("SKI", facts["subject_key_identifier"] or "none"),
        ("SHA-256", facts["sha256"]),
        *(("path", authority) for authority in (facts["path"] or ())[1:]),
    ]
    if report.reason is not None:
        rows.append(("status", report.reason))
    return text_of(title, grid(rows), "")
