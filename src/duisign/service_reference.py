"""The Service Reference Variants of DUIS: which requests are critical, which reach no device, who may send them.

The specification is the DCC User Interface Specification (DUIS, Smart Energy Code Appendix AD), clause 3.1. Its
text was not at hand when this table was made: the facts below are second-hand, from public material that cites
it, in an arrangement of our own. Column by column:

``variant``, ``reference``
    The SRV list of the public repository ``alexszarko/Adaptor-JSON-Builder`` (``app-config.json``, commit
    a2e84b8e), a tool that drives DCC test environments for DUIS 3.0 to 5.3: 129 variants of 95 references. A
    reference is the first two numbers of its variants. Tests compare both with the enumerations of the DUIS XML
    Schema 5.1 where that is installed.
``critical``, ``non_device``
    From the Command Variants that the same list gives each SRV: 4 to 7 (a Pre-Command is made, signed or sent)
    mean critical, 1 to 3 non-critical, 8 (the DCC alone) non-device. This agrees with every use case looked at in
    the GBCS 3.1 Use Cases (Smart Energy Code Schedule 8; Message Type SME.C.C or SME.C.NC): 1.5, 1.7, 2.5, 3.1,
    6.22, 6.27, 7.5, 7.6, 7.8, 7.9 and 8.11. The list is silent on four SRVs:

    - 7.10 is non-critical: GBCS use case ECS62, which it shares with 7.9.
    - 8.5 is non-critical: its Command (CS02b by the Access Control Broker) carries no User's signature (GBCS
      13.3.3.1, and DESIGN section 3).
    - 8.6 is non-device: DESIGN section 3.
    - 7.16 is critical **by elimination only**: DESIGN section 3 counts 37 critical SRVs and 36 are found above.
``eligible_roles``
    The permitted users of the same list. It has no authority of its own, so a deployment that enforces roles should
    compare it with the DUIS in force first. Checked elsewhere: 4.1.1 (notes on DUIS 5.3 in the public repository
    ``21bcarlisle-arch/synthetic-enterprise``), 3.1 to 3.5 (the DCC's draft interface specification 0.8 of 2014),
    and the Remote Party Roles of the GBCS use cases above. ``None`` means "not reliably sourced", never "nobody":
    7.10 and 7.16 (absent), 8.5 and 8.6 (the list names only the DCC's own systems), and 5.3 (the list leaves out
    the Export Supplier, which it allows to create and read schedules, and which the draft of 2014 allows all three).
    ``MDR`` is for SMETS1 devices only, as far as the notes on 4.1.1 and Appendix E go.
``name``
    For readers; nothing is decided by it. Titles of requests where public documents show them (the DCC's drafts of
    2014 and 2015, pages of the Smart Energy Code Company), else a description of the GBCS use case in our words,
    so related variants can share one. Empty where neither was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["SERVICE_REFERENCES", "USER_ROLES", "ServiceReference", "service_reference"]

USER_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "IS": "Import Supplier",
        "GS": "Gas Supplier",
        "ES": "Export Supplier",
        "RSA": "Registered Supplier Agent",
        "ED": "Electricity Distributor",
        "GT": "Gas Transporter",
        "OU": "Other User",
        "MDR": "Meter Data Retriever",
    }
)
"""The User Roles that `ServiceReference.eligible_roles` names, by their usual abbreviation.

These are roles of Users under the Smart Energy Code, not the Remote Party Roles of certificates.
"""


@dataclass(frozen=True, slots=True)
class ServiceReference:
    """What is known of one Service Reference Variant; the module says from where."""

    reference: str
    """The Service Reference, such as ``"6.15"``."""
    variant: str
    """The Service Reference Variant, such as ``"6.15.1"``; equal to the reference where there is only one."""
    name: str
    """What it is, for readers; empty if no source was found."""
    critical: bool
    """Whether the User signs a Pre-Command for the device. Never true together with `non_device`."""
    non_device: bool
    """Whether the DCC answers the request itself, without a Command to a device."""
    eligible_roles: frozenset[str] | None
    """The User Roles that may send it, keys of `USER_ROLES`; None if that is not reliably known."""


_CRITICAL, _NON_CRITICAL, _NON_DEVICE = "critical", "non-critical", "non-device"
_ALL = "IS GS ES RSA ED GT OU"
_UNKNOWN = None

# variant, class, eligible User Roles, name
_ROWS: Final[tuple[tuple[str, str, str | None, str], ...]] = (
    # 1: product management
    ("1.1.1", _CRITICAL, "IS GS", "Update Import Tariff (Primary Element)"),
    ("1.1.2", _CRITICAL, "IS", "Update Import Tariff (Secondary Element)"),
    ("1.2.1", _CRITICAL, "IS GS", "Update Price (Primary Element)"),
    ("1.2.2", _CRITICAL, "IS", "Update Price (Secondary Element)"),
    ("1.5", _CRITICAL, "IS GS", "Update Meter Balance"),
    ("1.6", _CRITICAL, "IS GS", "Update Payment Mode"),
    ("1.7", _CRITICAL, "IS", "Reset Tariff Block Counter Matrix"),
    # 2: prepayment
    ("2.1", _CRITICAL, "IS GS", "Update Prepay Configuration"),
    ("2.2", _NON_CRITICAL, "IS GS", "Top Up Device"),
    ("2.3", _CRITICAL, "IS GS", "Update Debt"),
    ("2.5", _CRITICAL, "IS GS", "Activate Emergency Credit"),
    # 3: customer management
    ("3.1", _NON_CRITICAL, "IS GS", "Display Message"),
    ("3.2", _NON_CRITICAL, "IS GS", "Restrict Access For Change Of Tenancy"),
    ("3.3", _NON_CRITICAL, "IS GS", "Clear Event Log"),
    ("3.4", _NON_CRITICAL, "IS GS", "Update Supplier Name"),
    ("3.5", _NON_CRITICAL, "IS GS", "Disable Privacy PIN"),
    # 4: reading
    ("4.1.1", _NON_CRITICAL, "IS GS ED GT MDR", "Read Instantaneous Import Registers"),
    ("4.1.2", _NON_CRITICAL, "IS GS ED GT", "Read Instantaneous Import TOU Matrices"),
    ("4.1.3", _NON_CRITICAL, "IS ED", "Read Instantaneous Import TOU With Blocks Matrices"),
    ("4.1.4", _NON_CRITICAL, "GS", "Read Instantaneous Import Block Counters"),
    ("4.2", _NON_CRITICAL, "ES ED MDR", "Read Instantaneous Export Registers"),
    ("4.3", _NON_CRITICAL, "IS GS", "Read Instantaneous Prepay Values"),
    ("4.4.2", _NON_CRITICAL, "IS GS", "Retrieve Change Of Mode / Tariff Triggered Billing Data Log"),
    ("4.4.3", _NON_CRITICAL, "IS GS", "Retrieve Billing Calendar Triggered Billing Data Log"),
    ("4.4.4", _NON_CRITICAL, "IS GS", "Retrieve Billing Data Log (Payment Based Debt Payments)"),
    ("4.4.5", _NON_CRITICAL, "IS GS", "Retrieve Billing Data Log (Prepayment Credits)"),
    ("4.6.1", _NON_CRITICAL, "IS GS MDR", "Retrieve Import Daily Read Log"),
    ("4.6.2", _NON_CRITICAL, "ES MDR", "Retrieve Export Daily Read Log"),
    ("4.8.1", _NON_CRITICAL, "IS GS ED GT OU MDR", "Read Active Import Profile Data"),
    ("4.8.2", _NON_CRITICAL, "IS ED OU", "Read Reactive Import Profile Data"),
    ("4.8.3", _NON_CRITICAL, "ES ED OU MDR", "Read Export Profile Data"),
    ("4.10", _NON_CRITICAL, "IS GS ED GT", "Read Network Data"),
    ("4.11.1", _NON_CRITICAL, "IS GS OU", "Read Tariff (Primary Element)"),
    ("4.11.2", _NON_CRITICAL, "IS OU", "Read Tariff (Secondary Element)"),
    ("4.12.1", _NON_CRITICAL, "IS ED", "Read Maximum Demand Import Registers"),
    ("4.12.2", _NON_CRITICAL, "ES ED", "Read Maximum Demand Export Registers"),
    ("4.13", _NON_CRITICAL, "IS GS", "Read Prepayment Configuration"),
    ("4.14", _NON_CRITICAL, "IS GS", "Read Prepayment Daily Read Log"),
    ("4.15", _NON_CRITICAL, "IS ED", "Read load limit data"),
    ("4.16", _NON_CRITICAL, "IS ED", "Read Active Power Import"),
    ("4.17", _NON_CRITICAL, "IS GS ED GT OU MDR", "Read the daily consumption log"),
    ("4.18", _NON_CRITICAL, "IS GS", "Read the meter balance"),
    # 5: scheduling
    ("5.1", _NON_DEVICE, "IS GS ES ED GT OU MDR", "Create Schedule"),
    ("5.2", _NON_DEVICE, "IS GS ES ED GT OU MDR", "Read Schedule"),
    ("5.3", _NON_DEVICE, _UNKNOWN, "Delete Schedule"),
    # 6: device management
    ("6.2.1", _NON_CRITICAL, "IS RSA ED", "Read configuration: voltage"),
    ("6.2.2", _NON_CRITICAL, "IS RSA ED", "Read configuration: randomisation"),
    ("6.2.3", _NON_CRITICAL, "IS GS RSA", "Read configuration: billing calendar"),
    ("6.2.4", _NON_CRITICAL, _ALL, "Read configuration: device identity"),
    ("6.2.5", _NON_CRITICAL, "IS RSA", "Read configuration: instantaneous power thresholds"),
    ("6.2.7", _NON_CRITICAL, _ALL, "Read configuration: MPAN or MPRN"),
    ("6.2.8", _NON_CRITICAL, "GS RSA GT", "Read configuration: gas"),
    ("6.2.9", _NON_CRITICAL, "IS GS RSA", "Read configuration: payment mode"),
    ("6.2.10", _NON_CRITICAL, "IS GS ED", "Read configuration: event and alert behaviours"),
    ("6.4.1", _CRITICAL, "IS", "Set load limits: general settings"),
    ("6.4.2", _NON_CRITICAL, "IS", "Set load limits: reset the counter"),
    ("6.5", _NON_CRITICAL, "ED", "Set the voltage configuration"),
    ("6.6", _CRITICAL, "GS", "Set calorific value and conversion factor of gas"),
    ("6.7", _CRITICAL, "GS", "Set uncontrolled gas flow rate and supply tamper state"),
    ("6.8", _CRITICAL, "IS GS", "Update Device Configuration (Billing Calendar)"),
    ("6.11", _CRITICAL, "IS GS", "Set the clock"),
    ("6.12", _NON_CRITICAL, "IS", "Set instantaneous power thresholds"),
    ("6.13", _NON_CRITICAL, "IS GS RSA ED GT", "Read an event or security log"),
    ("6.14.1", _CRITICAL, "IS", "Set labels of auxiliary load control switches"),
    ("6.14.2", _CRITICAL, "IS", "Set the configuration of auxiliary load control switches, labels excluded"),
    ("6.14.3", _CRITICAL, "IS", ""),
    ("6.15.1", _CRITICAL, "IS GS ED GT", "Update Security Credentials (by the party that holds them)"),
    ("6.15.2", _CRITICAL, "IS GS", "Update certificates of the device"),
    ("6.17", _CRITICAL, "IS GS", "Issue Security Credentials"),
    ("6.18.1", _NON_CRITICAL, "ED", "Set the time period of maximum demand"),
    ("6.18.2", _NON_CRITICAL, "ED", "Reset maximum demand registers"),
    ("6.20.1", _NON_CRITICAL, "IS GS", "Set import MPAN or MPRN"),
    ("6.20.2", _NON_CRITICAL, "ES", "Set export MPAN"),
    ("6.21", _NON_CRITICAL, "IS GS", ""),
    ("6.22", _NON_CRITICAL, "IS GS ED", "Configure Alert Behaviour"),
    ("6.23", _NON_CRITICAL, "IS GS", "Update Security Credentials (on change of supplier)"),
    ("6.24.1", _NON_CRITICAL, "IS GS ED GT", "Read security credentials of remote parties"),
    ("6.24.2", _CRITICAL, "IS GS", "Retrieve Device Security Credentials (Device)"),
    ("6.25", _CRITICAL, "IS", "Set the supply tamper state of electricity"),
    ("6.26", _CRITICAL, "IS", "Configure daily resetting of the tariff block counter matrix"),
    ("6.27", _NON_CRITICAL, "ED", "Reset RMS voltage counters"),
    ("6.28", _NON_CRITICAL, "IS GS", ""),
    ("6.29", _NON_CRITICAL, "IS GS", ""),
    ("6.30", _NON_CRITICAL, "IS GS RSA", ""),
    ("6.31", _NON_CRITICAL, "IS GS RSA", ""),
    ("6.32", _NON_CRITICAL, "IS GS RSA", ""),
    # 7: supply and load
    ("7.1", _CRITICAL, "IS", "Close the load switch"),
    ("7.2", _CRITICAL, "IS GS", "Open the load switch or close the gas valve"),
    ("7.3", _CRITICAL, "IS GS", "Arm the load switch or the gas valve"),
    ("7.4", _NON_CRITICAL, "IS GS ES RSA ED GT", "Read the state of the load switch or the gas valve"),
    ("7.5", _CRITICAL, "IS", "Control an auxiliary load control switch"),
    ("7.6", _CRITICAL, "IS", "Control an auxiliary load control switch"),
    ("7.7", _NON_CRITICAL, "IS ED OU", "Read data of auxiliary load control switches"),
    ("7.8", _CRITICAL, "IS", "Control an auxiliary load control switch"),
    ("7.9", _NON_CRITICAL, "IS", "Associate auxiliary load control switches and the boost button"),
    ("7.10", _NON_CRITICAL, _UNKNOWN, "Associate auxiliary load control switches and the boost button"),
    ("7.11", _NON_CRITICAL, "IS OU", "Read data of the boost button"),
    ("7.12", _CRITICAL, "IS", "Update the randomised offset limit"),
    ("7.13", _CRITICAL, "IS", ""),
    ("7.14", _NON_CRITICAL, "IS ED OU", ""),
    ("7.15", _NON_CRITICAL, "IS ED OU", ""),
    ("7.16", _CRITICAL, _UNKNOWN, ""),
    # 8: device estate
    ("8.1.1", _CRITICAL, "IS GS", ""),
    ("8.2", _NON_DEVICE, f"{_ALL} MDR", ""),
    ("8.3", _NON_DEVICE, "IS GS", ""),
    ("8.4", _NON_DEVICE, _ALL, "Update Inventory"),
    ("8.5", _NON_CRITICAL, _UNKNOWN, "Update Security Credentials (of the Access Control Broker)"),
    ("8.6", _NON_DEVICE, _UNKNOWN, ""),
    ("8.7.1", _CRITICAL, "IS GS", "Join devices, method A or C"),
    ("8.7.2", _NON_CRITICAL, "IS GS OU", "Join devices, method B"),
    ("8.8.1", _CRITICAL, "IS GS", "Unjoin devices, method A or C"),
    ("8.8.2", _NON_CRITICAL, "IS GS OU", "Unjoin devices, any method"),
    ("8.9", _NON_CRITICAL, "IS GS OU", "Read a device log"),
    ("8.11", _NON_CRITICAL, "IS GS OU", "Add a device to the log of the Communications Hub, or remove one"),
    ("8.12.1", _NON_CRITICAL, "IS GS", "Restore the device log of the Communications Hub"),
    ("8.12.2", _NON_CRITICAL, "IS GS", "Restore the device log of the Gas Proxy Function"),
    ("8.13", _NON_DEVICE, "IS GS", ""),
    ("8.14.1", _NON_DEVICE, "IS GS", ""),
    ("8.14.2", _NON_DEVICE, "IS GS", ""),
    ("8.14.3", _NON_DEVICE, "IS GS RSA", ""),
    ("8.14.4", _NON_DEVICE, "IS GS", ""),
    # 9 to 14: consent, firmware, installation, gas network
    ("9.1", _NON_CRITICAL, "OU", "Send a Customer Identification Number"),
    ("11.1", _NON_DEVICE, "IS GS", "Update Firmware"),
    ("11.2", _NON_CRITICAL, _ALL, "Read Firmware Version"),
    ("11.3", _CRITICAL, "IS GS", "Activate Firmware"),
    ("11.4", _NON_DEVICE, "IS GS", ""),
    ("12.1", _NON_DEVICE, _ALL, ""),
    ("12.2", _NON_DEVICE, _ALL, "Pre-notification of a device"),
    ("14.1", _NON_CRITICAL, "GT", "Start the gas network data log"),
)


def _read(rows: tuple[tuple[str, str, str | None, str], ...]) -> dict[str, ServiceReference]:
    return {
        variant: ServiceReference(
            reference=".".join(variant.split(".")[:2]),
            variant=variant,
            name=name,
            critical=kind == _CRITICAL,
            non_device=kind == _NON_DEVICE,
            eligible_roles=None if roles is None else frozenset(roles.split()),
        )
        for variant, kind, roles, name in rows
    }


SERVICE_REFERENCES: Final[Mapping[str, ServiceReference]] = MappingProxyType(_read(_ROWS))
"""All Service Reference Variants of DUIS 5.1, by variant, in the order of their numbers."""


def service_reference(variant: str) -> ServiceReference | None:
    """The entry of a Service Reference Variant such as ``"6.15.1"``, or None if there is no such variant."""
    return SERVICE_REFERENCES.get(variant) if isinstance(variant, str) else None
