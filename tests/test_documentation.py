"""Every command and example of the documentation runs, in the order in which a reader meets them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import duisign
from pages import DOCS, ROOT, blocks_of, outputs_of, run

README = (ROOT / "README.md").read_text()
BLOCKS = blocks_of(README)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("readme")
    done = run(["duisign", "demo", "--folder", "."], path)
    assert done.returncode == 0, done.stderr
    return path


def test_the_two_commands_are_targets_and_ci_runs_them():
    (commands,) = (body for kind, body in BLOCKS if kind == "sh" and body.startswith("make"))
    lines = [line.partition("#")[0].split() for line in commands.splitlines()]
    assert lines == [["make", "demo"], ["make", "test"]]
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "lint", "docs", "bench", "bench-quick", "count"):
        assert re.search(rf"^{target}:.*\n(?:\t.*\n)+", makefile, re.MULTILINE)
    for path in re.findall(r"\b(?:bench|tests|src)/[\w/]+\.py\b", makefile):
        assert (ROOT / path).exists(), path
    commands = {"make demo", "make lint", "make docs", "make test", "make count", "make bench-quick"}
    assert commands | {"make bench BENCH=--fast"} <= set(ci)


def test_the_commands_of_the_performance_page_are_targets_and_options():
    page = (ROOT / "docs" / "performance.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    lines = [
        line for body in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) for line in body.splitlines()
    ]
    assert len(lines) > 5
    for line in lines:
        make, target, *options = line.partition("#")[0].split()
        assert make == "make"
        assert re.search(rf"^{target}: ", makefile, re.MULTILINE), line
        assert all(option in ("BENCH=--fast", "BENCH=--check") for option in options), line
    for path in re.findall(r"`(bench/[\w./]+)`", page):
        assert (ROOT / path).exists() or path == "bench/results/", path


def test_the_examples_run(folder):
    outputs = outputs_of(BLOCKS, folder)
    assert len(outputs) == 3
    assert outputs[2].startswith("00-DB-12-34-A5-00-00-01 XML_SIGN ")
    assert outputs[1].startswith("service-request 00-DB-12-34-")


def test_the_examples_of_trust_run(folder):
    outputs = []
    for kind, body in blocks_of((ROOT / "docs" / "trust.md").read_text()):
        assert kind == "python"
        done = run([sys.executable, "-W", "error", "-c", body], folder)
        assert (done.returncode, done.stderr) == (0, ""), body
        outputs.append(done.stdout.splitlines())
    assert outputs[0][0] == "00-DB-12-34-A5-00-00-03"
    assert outputs[0][1].startswith("<UnsignedMessage of ")
    assert outputs[1][0].startswith("refuse {'error': 'DigestMismatchError', 'code': 'digest-mismatch'")
    assert outputs[2] == ["user valid None 3 True", "issuing-ca valid None 2 True", "root valid None 1 True"]


def test_the_examples_of_batches_run(tmp_path):
    assert run(["duisign", "demo", "--folder", "."], tmp_path).returncode == 0
    (output,) = outputs_of(blocks_of((ROOT / "docs" / "batches.md").read_text()), tmp_path)
    indices, lengths = zip(*map(str.split, output.splitlines()), strict=True)
    assert indices == tuple(map(str, range(12)))
    assert all(map(str.isdecimal, lengths))
    answers = [json.loads((tmp_path / f"{name}.ndjson").read_bytes()) for name in ("signed", "verified")]
    assert [(answer["id"], answer["line"], answer["code"]) for answer in answers] == [(1, 1, None)] * 2
    assert json.loads((tmp_path / "verified.json").read_bytes())["counts"]["valid"] == 12


def test_the_examples_for_signxml_users_run(folder):
    page = (ROOT / "docs" / "signxml.md").read_text()
    first, whole, wire_profile, five = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    done = run([sys.executable, "-W", "error", "-c", first + whole + wire_profile], folder)
    assert (done.returncode, done.stderr) == (0, "")
    tag, signed = done.stdout.splitlines()
    assert tag == "{http://www.dccinterface.co.uk/ServiceUserGateway}Request"
    assert signed.startswith("DUIS 00-DB-12-34-A5-00-00-01:")
    assert len([line for line in five.splitlines() if line]) <= 5
    before = "from pathlib import Path\nfrom cryptography import x509\nfrom lxml import etree\nimport duisign\n"
    before += 'key = Path("smki/user.key").read_bytes()\n'
    before += 'certificate = x509.load_pem_x509_certificate(Path("smki/user.pem").read_bytes())\n'
    before += 'document = Path("unsigned/signed-pre-command.xml").read_bytes()\n'
    after = "print(duisign.Verifier(duisign.PinnedCertificates([certificate])).verify(signed).profile.name)"
    done = run([sys.executable, "-W", "error", "-c", before + five + after], folder)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "SIGNXML\n")


def test_the_examples_of_schemas_run(tmp_path):
    from schema_set import DOCUMENT, write_set

    assert run(["duisign", "demo", "--folder", "."], tmp_path).returncode == 0
    write_set(tmp_path / "xsd")
    (tmp_path / "request.xml").write_bytes(DOCUMENT)
    (output,) = outputs_of(blocks_of((ROOT / "docs" / "schema.md").read_text()), tmp_path)
    first, second = output.splitlines()
    assert first.startswith("schema-invalid 3 The document is not valid by its schema, line 3: element Counted: ")
    assert second.startswith("<VerifiedMessage")


def test_the_examples_of_key_management_services_sign():
    import asyncio
    from types import SimpleNamespace

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    from duisign.testing import Smki

    user = Smki.create().user
    names = {}
    for _, body in blocks_of((ROOT / "docs" / "hsm.md").read_text()):
        if "class " in body:
            exec(body, names)

    def der_of(digest):
        assert len(digest) == 32
        return user.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))

    def aws(*, KeyId, Message, MessageType, SigningAlgorithm):
        assert (KeyId, MessageType, SigningAlgorithm) == ("alias/duis", "DIGEST", "ECDSA_SHA_256")
        return {"KeyId": KeyId, "Signature": der_of(Message), "SigningAlgorithm": SigningAlgorithm}

    def google(*, request):
        assert request["name"] == "projects/p"
        return SimpleNamespace(signature=der_of(request["digest"]["sha256"]))

    async def azure(algorithm, digest):
        assert algorithm == "ES256"
        return SimpleNamespace(signature=names["raw_signature"](der_of(digest)))

    keys = [
        names["AwsKey"](SimpleNamespace(sign=aws), "alias/duis"),
        names["GoogleKey"](SimpleNamespace(asymmetric_sign=google), "projects/p"),
    ]
    signed = [duisign.Signer(key, user.certificate).sign(b"<a/>") for key in keys]
    signer = duisign.Signer(names["AzureKey"](SimpleNamespace(sign=azure)), user.certificate)
    signed.append(asyncio.run(signer.sign_async(b"<a/>")))
    for document in signed:
        assert duisign.Verifier(duisign.PinnedCertificates([user.certificate])).verify(document)


def test_the_option_tables_name_every_argument():
    import inspect

    import duisign.signxml

    page = (ROOT / "docs" / "signxml.md").read_text()
    signing, verifying = (page.partition(f"## Options of {name}")[2].partition("\n## ")[0] for name in ("XMLS", "XMLV"))
    for section, functions in (
        (signing, (duisign.signxml.XMLSigner, duisign.signxml.XMLSigner.sign)),
        (verifying, (duisign.signxml.XMLVerifier.verify,)),
    ):
        named = set(re.findall(r"`(\w+)[`=]", section))
        for function in functions:
            missing = set(inspect.signature(function).parameters) - named - {"self", "deprecated_kwargs"}
            assert not missing


def test_the_api_table_names_what_there_is():
    table = README[README.index("## API") : README.index("## Limits")]
    named = set(re.findall(r"\b(\w+)\b", table))
    missing = [name for name in duisign.__all__ if name not in named and not name.endswith("Error")]
    assert missing == ["VerifiedMessage"] or missing == []
    import inspect

    for name in ("Signer", "Verifier", "PinnedCertificates", "Policy", "SmkiTrust", "canonicalize"):
        function = getattr(duisign, name)
        (written,) = re.findall(rf"`{function.__name__}\(([^`]*)\)`", table)
        parameters = [name.strip() for name in written.replace("*,", "").split(",")]
        assert parameters == list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in DOCS.glob("*.md"))],
)
def test_links_and_paths_exist(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target
    if page == "CONTRIBUTING.md":
        for row in re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE):
            paths = re.findall(r"`([^`]+)`", row)
            for path in paths:
                parent = Path(paths[0]).parent
                assert (ROOT / path).exists() or (ROOT / parent / path).exists(), path


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in DOCS.glob("*.md"))])
def test_the_rows_of_a_table_have_its_columns(page):
    for table in re.findall(r"(?:^\|.*\n)+", (ROOT / page).read_text(), re.MULTILINE):
        header, *rows = table.splitlines()
        assert not [row for row in rows if row.count("|") != header.count("|")]


def test_the_version_stands_in_one_place():
    import tomllib
    from importlib.metadata import version

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version("duisign") == declared
    sources = [path for path in (ROOT / "src").rglob("*.py*") if path.suffix in (".py", ".pyx", ".pyi", ".pxd")]
    assert not [path for path in sources if f'"{declared}"' in path.read_text()]
