"""The XSD set of DUIS, as it lies in the DCC's tool: it loads, and holds every published template valid."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

import duisign
from interop.peers import Identity
from interop.verifiers import pinned


@pytest.fixture(scope="module")
def xsd(dcc_tool_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("duis xsd")
    with zipfile.ZipFile(dcc_tool_jar) as jar:
        for name in jar.namelist():
            if name.endswith((".xsd", ".dtd")):
                (folder / Path(name).name).write_bytes(jar.read(name))
    assert any(" " in path.name for path in folder.iterdir())
    return folder


@pytest.fixture(scope="module")
def schema(xsd: Path) -> duisign.Schema:
    return duisign.Schema.from_folder(xsd)


def test_every_template_is_valid(schema: duisign.Schema, duis_templates: list[Path]) -> None:
    for template in duis_templates:
        schema.validate(template.read_bytes())


def test_signed_templates_are_valid(
    schema: duisign.Schema, duis_templates: list[Path], dcc_identity: Callable[[bytes], Identity]
) -> None:
    for template in duis_templates[::10]:
        document = template.read_bytes()
        identity = dcc_identity(document)
        signer = duisign.Signer(
            identity.private_key,
            identity.certificate,
            whitespace="strip",
            existing_signature="replace",
            schema=schema,
        )
        signed = signer.sign(document)
        trust = pinned(identity.certificate)._trust
        assert duisign.Verifier(trust, schema=schema, schema_first=True).verify(signed)


def test_a_violation_is_told_with_its_line(schema: duisign.Schema, duis_templates: list[Path]) -> None:
    document = duis_templates[0].read_bytes()
    broken = document.replace(b"CommandVariant>", b"CommandVariants>")
    assert broken != document
    with pytest.raises(duisign.SchemaError) as caught:
        schema.validate(broken)
    line = broken[: broken.index(b"CommandVariants>")].count(b"\n") + 1
    assert caught.value.line == line
    assert "CommandVariants" not in str(caught.value)
    assert "CommandVariant" in str(caught.value)


def test_libxml2_would_not_load_it_as_it_is(xsd: Path) -> None:
    with pytest.raises(etree.LxmlError):
        etree.XMLSchema(etree.parse(xsd / "DUIS Schema V5.1.xsd", etree.XMLParser(no_network=True)))
