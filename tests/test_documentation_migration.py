"""What the pages say of the DCC's tool and of xmlsec1, said by the DCC's tool and by xmlsec1."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import sys

import pytest
from cryptography.hazmat.primitives import serialization

from duisign.testing import TEST_POLICY_OID, Smki
from interop import peers
from interop.xmlsec1 import series_of, signing_options, verdicts_of
from pages import DOCS, blocks_of, outputs_of, rows_of, run

TOOL = (DOCS / "migrate-from-dcc-tool.md").read_text()
XMLSEC1 = (DOCS / "migrate-from-xmlsec1.md").read_text()

TOOL_CLASSES = ["java", "-cp", "tool.jar", "uk.co.smartdcc.boxed.xmldsig"]
POLICY_OID = ["--policy-oid", TEST_POLICY_OID]
END = "</sr:Request>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """That of the demo, with what the pages and their tables speak of."""
    path = tmp_path_factory.mktemp("migration")
    assert run(["duisign", "demo", "--folder", "."], path).returncode == 0
    peers.require_program("java")
    peers.require_program("xmlsec1")
    shutil.copy(peers.DUIS_SIGN_WRAP.install() / "dist" / "tool.jar", path)
    (placeholder,) = (body.strip() for kind, body in blocks_of(XMLSEC1) if kind == "xml")
    (settings,) = (body for kind, body in blocks_of(TOOL) if kind == "toml")
    (path / "service.toml").write_text(settings)
    compact = (path / "unsigned" / "service-request.xml").read_text()
    signed = (path / "signed" / "service-request.xml").read_text()
    indented = compact.replace("<sr:Body>", "\n  <sr:Body>")
    named = r"<ds:X509IssuerSerial>.*</ds:X509IssuerSerial>"
    other = "<ds:X509IssuerSerial><ds:X509IssuerName>CN=other</ds:X509IssuerName>"
    other += "<ds:X509SerialNumber>1</ds:X509SerialNumber></ds:X509IssuerSerial>"
    files = {
        "template.xml": compact.replace(END, placeholder + END),
        "text.xml": "no XML",
        "foreign.xml": "<a/>",
        "unknown.xml": compact.replace("00-DB-12-34-A5-00-00-01:", "00-DB-12-34-A5-00-00-0F:"),
        "changed.xml": signed.replace("Fern", "Moss"),
        "indented-after.xml": signed.replace("<sr:Body>", "\n  <sr:Body>"),
        "indented.xml": indented,
        "other-name.xml": re.sub(named, other, signed),
    }
    for name, text in files.items():
        assert text not in (compact, signed)
        (path / name).write_text(text)
    key_and_certificate = ["--key", "smki/user.key", "--cert", "smki/user.pem"]
    sign(path, "indented.xml", "indented-signed.xml", *key_and_certificate, "--keep-whitespace")
    sign(path, "unsigned/service-request.xml", "by-dcc.xml", "--key", "smki/dcc.key", "--cert", "smki/dcc.pem")
    write_expired_and_revoked(path)
    for name in ("expired", "revoked"):
        options = ["--key", f"{name}/user.key", "--cert", f"{name}/user.pem"]
        sign(path, "unsigned/service-request.xml", f"{name}.xml", *options)
    forge(path, placeholder, compact)
    return path


def sign(path, document, output, *options):
    assert run(["duisign", "sign", document, "-o", output, *options], path).returncode == 0


def write_expired_and_revoked(path):
    """Two more SMKIs: one of long ago, and one whose user is revoked."""
    Smki.create(now=datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=9000)).write(path / "expired")
    smki = Smki.create()
    smki.write(path / "revoked")
    crl = smki.crl(revoked=[smki.user])
    (path / "revoked" / "issuing-ca.crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))


def forge(path, placeholder, compact):
    """As anyone can: an RSA key of his own, which the message brings along."""
    rsa = placeholder.replace("xmldsig-more#ecdsa-sha256", "xmldsig-more#rsa-sha256")
    rsa = re.sub(r"<ds:X509Data>.*</ds:X509Data>", "<ds:KeyValue/>", rsa, flags=re.DOTALL)
    assert rsa.count("KeyValue") == rsa.count("rsa-sha256") == 1
    (path / "forgery-template.xml").write_text(compact.replace("Fern", "Moss").replace(END, rsa + END))
    done = run(["openssl", "genrsa", "-out", "mallory.key", "2048"], path)
    assert done.returncode == 0, done.stderr
    done = fill(path, "forgery-template.xml", "forgery.xml", "mallory.key")
    assert done.returncode == 0, done.stderr


def fill(path, template, output, key="smki/user.key,smki/user.pem"):
    """As the page has xmlsec1 sign, with the option that it names for 1.3."""
    return run(["xmlsec1", *signing_options("xmlsec1"), "--privkey-pem", key, "--output", output, template], path)


def test_the_examples_of_the_tool_run_and_give_the_same_octets(folder):
    outputs_of(blocks_of(TOOL), folder)
    assert (folder / "message.xml").read_bytes() == (folder / "same-message.xml").read_bytes() + b"\n"


def test_the_examples_of_xmlsec1_run(folder):
    signing = " ".join(signing_options("xmlsec1"))
    outputs_of(
        [(kind, body.replace("xmlsec1 --sign", f"xmlsec1 {signing}")) for kind, body in blocks_of(XMLSEC1)], folder
    )
    assert outcome(["--cert", "smki"], "signed.xml", folder) == "0"


def test_the_counter_changes_in_the_tool_alone(folder):
    before = (folder / "unsigned" / "service-request.xml").read_text()
    by_tool = run_tool("Sign", folder, "unsigned/service-request.xml", "smki/user.pem", "smki/user.key")
    options = ["--key", "smki/user.key", "--cert", "smki/user.pem"]
    here = run(["duisign", "sign", "unsigned/service-request.xml", *options], folder)
    (request_id,) = re.findall(r"<sr:RequestID>.*</sr:RequestID>", before)
    assert request_id in here.stdout
    assert request_id not in by_tool.stdout
    assert 'standalone="no"' in by_tool.stdout
    assert here.stdout.startswith(before.removesuffix(END))


def run_tool(name, folder, *arguments):
    return run([*TOOL_CLASSES[:-1], f"{TOOL_CLASSES[-1]}.{name}", *arguments], folder)


def outcome(options, document, folder):
    """What ``duisign verify`` says, as the tables have it: exit status, and the code if there is one."""
    done = run(["duisign", "verify", document, *options, "--json"], folder)
    code = json.loads(done.stdout)["code"]
    return f"{done.returncode} `{code}`" if code else str(done.returncode)


def by_root(smki):
    return ["--root", f"{smki}/root.pem", "--ca", smki, "--crl", smki, "--cert", smki, *POLICY_OID]


USERS = ["smki/user.pem", "smki/user.key"]
SIGNING = {
    "a request": ("unsigned/service-request.xml", USERS),
    "a request whose sender's key is not known": ("unknown.xml", None),
    "text that is no XML": ("text.xml", USERS),
    "a document outside the schema": ("foreign.xml", USERS),
    "a request with the certificate of another key": (
        "unsigned/service-request.xml",
        ["smki/dcc.pem", "smki/user.key"],
    ),
}


def test_the_table_of_signing_with_the_tool(folder):
    rows = rows_of(TOOL, "signing", "the tool", "duisign")
    assert [case for case, *_ in rows] == list(SIGNING)
    for case, tool, here in rows:
        document, pair = SIGNING[case]
        done = run_tool("Sign", folder, document, *(pair or []))
        assert str(done.returncode) == tool, f"{case}\n{done.stderr}"
        options = ["--keyring", "smki"] if pair is None else ["--cert", pair[0], "--key", pair[1]]
        done = run(["duisign", "sign", document, *options], folder)
        assert str(done.returncode) == here, f"{case}\n{done.stderr}"


VERIFYING = {
    "a signed request": ("signed/service-request.xml", "smki/user.pem"),
    "text that is no XML": ("text.xml", "smki/user.pem"),
    "a request that was changed": ("changed.xml", "smki/user.pem"),
    "an unsigned request": ("unsigned/service-request.xml", "smki/user.pem"),
    "an unsigned response": ("unsigned/acknowledgement.xml", "smki/dcc.pem"),
    "white space put between tags after signing": ("indented-after.xml", "smki/user.pem"),
    "white space between tags, signed with it": ("indented-signed.xml", "smki/user.pem"),
    "KeyInfo names another certificate than the one given": ("other-name.xml", "smki/user.pem"),
    "a certificate that has expired": ("expired.xml", "expired/user.pem"),
    "a request that the DCC's key signed, with `--root`": ("by-dcc.xml", "smki/dcc.pem"),
}


def test_the_table_of_verifying_with_the_tool(folder):
    rows = rows_of(TOOL, "verifying", "the tool", "duisign")
    assert [case for case, *_ in rows] == list(VERIFYING)
    for case, tool, here in rows:
        document, certificate = VERIFYING[case]
        done = run_tool("Validate", folder, document, certificate)
        assert str(done.returncode) == tool, f"{case}\n{done.stderr}"
        options = by_root("smki") if "--root" in case else ["--cert", certificate]
        assert outcome(options, document, folder) == here, case


MESSAGES = {
    "a signed request": ("signed/service-request.xml", "smki/user.pem"),
    "a request that was changed": ("changed.xml", "smki/user.pem"),
    "an unsigned request": ("unsigned/service-request.xml", "smki/user.pem"),
    "text that is no XML": ("text.xml", "smki/user.pem"),
    "a forgery with its own RSA key as KeyValue, without `--enabled-key-data`": ("forgery.xml", "smki/user.pem"),
    "KeyInfo names another certificate than the one given": ("other-name.xml", "smki/user.pem"),
    "a certificate that has expired": ("expired.xml", "expired/user.pem"),
    "a signed request, by the SMKI": ("signed/service-request.xml", "smki/user.pem"),
    "a certificate that is revoked, by the SMKI": ("revoked.xml", "revoked/user.pem"),
    "a request that the DCC's key signed, by the SMKI": ("by-dcc.xml", "smki/dcc.pem"),
}


def test_the_table_of_xmlsec1(folder):
    rows = rows_of(XMLSEC1, "message", "xmlsec1 1.2", "xmlsec1 1.3", "duisign")
    assert [case for case, *_ in rows] == list(MESSAGES)
    column = ("1.2", "1.3").index(series_of("xmlsec1"))
    for case, *columns, here in rows:
        there = columns[column]
        document, certificate = MESSAGES[case]
        smki = certificate.partition("/")[0]
        by_smki = case.endswith("by the SMKI")
        only_x509 = [] if "without `--enabled-key-data`" in case else ["--enabled-key-data", "x509"]
        key = ["--pubkey-cert-pem", certificate]
        if by_smki:
            key = ["--trusted-pem", f"{smki}/root.pem", "--untrusted-pem", f"{smki}/issuing-ca.pem"]
            key += ["--untrusted-pem", certificate]
        done = run(["xmlsec1", "--verify", *only_x509, *key, document], folder)
        assert str(done.returncode) == there, f"{case}\n{done.stderr}"
        assert outcome(by_root(smki) if by_smki else ["--cert", certificate], document, folder) == here, case


def test_the_tool_refuses_white_space_that_xmlsec1_signs(folder):
    template = (folder / "template.xml").read_text().replace("<sr:Body>", "\n  <sr:Body>")
    (folder / "indented-template.xml").write_text(template)
    assert fill(folder, "indented-template.xml", "indented-filled.xml").returncode == 0
    assert run_tool("Validate", folder, "indented-filled.xml", "smki/user.pem").returncode == 10
    sign(folder, "indented-template.xml", "dropped.xml", "--key", "smki/user.key", "--cert", "smki/user.pem")
    assert run_tool("Validate", folder, "dropped.xml", "smki/user.pem").returncode == 0


def test_xmlsec1_needs_a_placeholder(folder):
    assert fill(folder, "unsigned/service-request.xml", "none.xml").returncode == 1


def test_xmlsec1_stops_at_the_first_that_is_not_valid(folder):
    files = ["signed/service-request.xml", "changed.xml", "signed/service-request.xml"]
    command = ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--pubkey-cert-pem", "smki/user.pem"]
    done = run([*command, *files], folder)
    assert verdicts_of(done.stderr) == [True, False]
    here = run(["duisign", "verify", *files, "--cert", "smki", "--json"], folder)
    assert [json.loads(line)["verdict"] for line in here.stdout.splitlines()] == ["valid", "invalid", "valid"]
    assert here.returncode == 10


def test_xmlsec1_takes_a_certificate_of_another_key(folder):
    assert fill(folder, "template.xml", "mismatched.xml", "smki/user.key,smki/dcc.pem").returncode == 0
    assert outcome(["--cert", "smki"], "mismatched.xml", folder) == "10 `signature-mismatch`"


def test_the_profiles_of_the_table_of_transforms(folder):
    rows = rows_of(XMLSEC1, "Transforms of the Reference", "digest over", "duisign")
    assert [row[2] for row in rows] == ["`--profile duis`, the default", "`--profile signxml`", "refused: `transforms`"]
    transform = '<ds:Transform Algorithm="{}"/>'
    enveloped = transform.format("http://www.w3.org/2000/09/xmldsig#enveloped-signature")
    template = (folder / "template.xml").read_text()
    assert enveloped in template
    for algorithm, expected in (
        ("http://www.w3.org/2001/10/xml-exc-c14n#", "0"),
        ("http://www.w3.org/2006/12/xml-c14n11", "10 `transforms`"),
    ):
        (folder / "two-transforms.xml").write_text(template.replace(enveloped, enveloped + transform.format(algorithm)))
        assert fill(folder, "two-transforms.xml", "two-filled.xml").returncode == 0
        assert outcome(["--cert", "smki", "--profile", "signxml"], "two-filled.xml", folder) == expected
        assert outcome(["--cert", "smki", "--profile", "duis"], "two-filled.xml", folder) == "10 `transforms`"


def test_the_options_that_the_tables_name_are_there():
    help_text = {
        name: run([sys.executable, "-m", "duisign", name, "--help"], DOCS).stdout
        for name in ("sign", "verify", "canonicalize")
    }
    named = {
        option
        for page in (TOOL, XMLSEC1)
        for column in re.findall(r"\| ([^|]*)\|$", page, re.MULTILINE)
        for option in re.findall(r"(--[a-z][a-z0-9-]+)", column)
    }
    assert {"--keyring", "--password-env", "--at", "--crl", "--profile"} <= named
    assert not {option for option in named if not any(option in text for text in help_text.values())}
