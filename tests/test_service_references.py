"""The table of Service Reference Variants: its shape, its counts, and that no published message falls outside it."""

from __future__ import annotations

import dataclasses
import re
import zipfile

import pytest
from lxml import etree

from duisign.message_class import UNKNOWN_REMOTE_PARTY_SERVICES
from duisign.service_reference import SERVICE_REFERENCES, USER_ROLES, ServiceReference, service_reference
from interop import peers

ENTRIES = list(SERVICE_REFERENCES.values())
NON_DEVICE = [
    "5.1",
    "5.2",
    "5.3",
    "8.2",
    "8.3",
    "8.4",
    "8.6",
    "8.13",
    "8.14.1",
    "8.14.2",
    "8.14.3",
    "8.14.4",
    "11.1",
    "11.4",
    "12.1",
    "12.2",
]
ROLES_NOT_SOURCED = ["5.3", "7.10", "7.16", "8.5", "8.6"]
NAMES_NOT_FOUND = [
    "6.14.3",
    "6.21",
    "6.28",
    "6.29",
    "6.30",
    "6.31",
    "6.32",
    "7.13",
    "7.14",
    "7.15",
    "7.16",
    "8.1.1",
    "8.2",
    "8.3",
    "8.6",
    "8.13",
    "8.14.1",
    "8.14.2",
    "8.14.3",
    "8.14.4",
    "11.4",
    "12.1",
]

SERVICE_GATEWAY = "http://www.dccinterface.co.uk/ServiceUserGateway"


def numbers(variant):
    return [int(number) for number in variant.split(".")]


def test_the_counts_are_those_of_the_design():
    assert len(ENTRIES) == 129
    assert len({entry.reference for entry in ENTRIES}) == 95
    assert sum(entry.critical for entry in ENTRIES) == 37
    assert [entry.variant for entry in ENTRIES if entry.non_device] == NON_DEVICE
    assert sum(not entry.critical and not entry.non_device for entry in ENTRIES) == 76


@pytest.mark.parametrize("entry", ENTRIES, ids=list(SERVICE_REFERENCES))
def test_an_entry_is_well_formed(entry):
    assert SERVICE_REFERENCES[entry.variant] is entry
    assert re.fullmatch(r"[1-9]\d*\.[1-9]\d*(\.[1-9]\d*)?", entry.variant)
    assert entry.variant == entry.reference or entry.variant.rpartition(".")[0] == entry.reference
    assert not (entry.critical and entry.non_device)
    assert entry.name == " ".join(entry.name.split())
    if entry.eligible_roles is not None:
        assert entry.eligible_roles
        assert entry.eligible_roles <= USER_ROLES.keys()


def test_the_rows_stand_in_the_order_of_their_numbers_once_each():
    assert list(SERVICE_REFERENCES) == sorted(SERVICE_REFERENCES, key=numbers)


def test_what_could_not_be_sourced_is_left_out():
    assert [entry.variant for entry in ENTRIES if entry.eligible_roles is None] == ROLES_NOT_SOURCED
    assert [entry.variant for entry in ENTRIES if not entry.name] == NAMES_NOT_FOUND


def test_one_entry_of_each_class():
    assert service_reference("6.15.1") == ServiceReference(
        reference="6.15",
        variant="6.15.1",
        name="Update Security Credentials (by the party that holds them)",
        critical=True,
        non_device=False,
        eligible_roles=frozenset({"IS", "GS", "ED", "GT"}),
    )
    assert service_reference("4.1.1") == ServiceReference(
        reference="4.1",
        variant="4.1.1",
        name="Read Instantaneous Import Registers",
        critical=False,
        non_device=False,
        eligible_roles=frozenset({"IS", "GS", "ED", "GT", "MDR"}),
    )
    assert service_reference("5.1").non_device
    assert service_reference("8.6").eligible_roles is None


# GBCS 3.1 Use Cases (Smart Energy Code Schedule 8): Message Type by Service Reference.
@pytest.mark.parametrize(
    ("reference", "critical"),
    [
        ("1.5", True),
        ("1.7", True),
        ("2.5", True),
        ("3.1", False),
        ("6.22", False),
        ("6.27", False),
        ("7.5", True),
        ("7.6", True),
        ("7.8", True),
        ("7.9", False),
        ("7.10", False),
        ("8.11", False),
    ],
)
def test_the_class_is_that_of_the_gbcs_use_case(reference, critical):
    entry = service_reference(reference)
    assert (entry.critical, entry.non_device) == (critical, False)


def test_commands_for_unknown_remote_parties_are_non_critical_device_requests():
    for variant in UNKNOWN_REMOTE_PARTY_SERVICES:
        entry = service_reference(variant)
        assert (entry.critical, entry.non_device) == (False, False)


@pytest.mark.parametrize("variant", ["", "1", "1.1", "6.15", "6.2.6", "7.17", "10.1", "6.15.1 ", "06.15.1", "7.1.0"])
def test_what_is_no_variant_has_no_entry(variant):
    assert service_reference(variant) is None


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        SERVICE_REFERENCES["1.1.1"] = None
    with pytest.raises(TypeError):
        USER_ROLES["IS"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        service_reference("1.1.1").critical = False


def test_every_published_template_is_in_the_table():
    templates = sorted((peers.DUIS_TEMPLATES.install() / "templates").glob("*.XML"))
    assert len(templates) == 297
    found = set()
    for template in templates:
        header = etree.parse(template).find(f"{{{SERVICE_GATEWAY}}}Header")
        found.add(
            (
                header.findtext(f"{{{SERVICE_GATEWAY}}}ServiceReferenceVariant"),
                header.findtext(f"{{{SERVICE_GATEWAY}}}ServiceReference"),
            )
        )
    assert found <= {(entry.variant, entry.reference) for entry in ENTRIES}


def test_the_schema_enumerates_exactly_the_table():
    jar = peers.DUIS_SIGN_WRAP.install() / "dist" / "tool.jar"
    with zipfile.ZipFile(jar) as archive:
        (name,) = (name for name in archive.namelist() if re.search(r"DUIS Schema V5\.1\.xsd$", name))
        schema = etree.fromstring(archive.read(name), etree.XMLParser(load_dtd=False, no_network=True))

    def enumerated(simple_type):
        path = f"//xs:simpleType[@name='{simple_type}']//xs:enumeration/@value"
        return schema.xpath(path, namespaces={"xs": "http://www.w3.org/2001/XMLSchema"})

    assert sorted(enumerated("ServiceReferenceVariant"), key=numbers) == list(SERVICE_REFERENCES)
    assert set(enumerated("ServiceReference")) == {entry.reference for entry in ENTRIES}
