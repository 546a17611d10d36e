"""The service as the DCC's signing tool: asked from Node as Smart DCC's npm client asks, judged by the tool itself.

The client with ``backend: new URL(...)`` is in sources of `@smartdcc/duis-sign-wrap` that the npm registry has not
(it ends at 0.1.2, which starts the Java tool for each message), and the Node-RED nodes, which call that package, were
not found there. So the contract is driven by a script of ours that makes the same calls.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import duisign
from interop import peers
from service_process import SECONDS, running

SCRIPT = Path(__file__).parent / "node" / "wire.mjs"
COUNTER = re.compile(r"(?<=:)[0-9]+(?=\s*</[^>]*RequestID>)")


class Node:
    """The script, running. `ask` gives its answer to one job."""

    def __init__(self, address):
        self._process = subprocess.Popen(
            [peers.require_program("node"), str(SCRIPT), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, mode, document, **more):
        job = {"mode": mode, "message": base64.b64encode(document).decode(), **more}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self):
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.stdout.close()
        assert self._process.wait(SECONDS) == 0


@pytest.fixture(scope="module")
def ring(dcc_keystore):
    store = peers.DCCBOXED_KEYSTORE.install() / "keystore.json"
    return duisign.KeyRing([store], existing_signature="replace", whitespace="strip")


@pytest.fixture(scope="module")
def node(ring, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    certificates = {
        signer.certificate for entry in ring.entries if entry.entity_id for signer in ring.signers(entry.entity_id)
    }
    for certificate in certificates:
        (folder / f"{certificate.serial_number}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    store = peers.DCCBOXED_KEYSTORE.install() / "keystore.json"
    settings = folder / "service.toml"
    settings.write_text(f'[signing]\nkeyring = ["{store}"]\n[trust]\ncertificates = ["{folder}"]\n')
    with running("--config", settings, "--port", "0") as service:
        node = Node(f"http://localhost:{service.port}")
        yield node
        node.stop()


def test_the_tool_accepts_what_the_service_signs_for_its_client(
    node, ring, duis_templates, dcc_identity, tool_validate
):
    refused = []
    for template in duis_templates:
        document = template.read_bytes()
        begin = datetime.datetime.now(datetime.UTC).timestamp() * 1000 - 1
        answer = node.ask("sign", document)
        if "error" in answer:
            assert (answer["error"], answer["status"]) == ("signing-key-unknown", 400)
            refused.append(template.name)
            continue
        assert int(COUNTER.search(answer["message"])[0]) >= begin
        identity = dcc_identity(document)
        code, messages, _ = tool_validate.ask(answer["message"].encode(), str(identity.certificate_file))
        assert (code, b"passed signature check" in messages) == (b"0", True), template.name
    # Of parties that have no key of the role XML signing in the published store.
    assert len(refused) == 6


def test_the_counter_is_preserved_when_it_is_asked_for(node, ring, duis_templates):
    for template in duis_templates[:40]:
        document = template.read_bytes()
        if "error" in (answer := node.ask("sign", document, preserveCounter=True)):
            continue
        assert COUNTER.search(answer["message"])[0] == COUNTER.search(document.decode())[0]


def test_a_verified_message_comes_back_without_its_signature(node, ring, duis_templates):
    document = duis_templates[0].read_bytes()
    signed = node.ask("sign", document, preserveCounter=True)["message"]
    answer = node.ask("verify", signed.encode())
    verifier = duisign.Verifier(duisign.PinnedCertificates([ring.signer_for(document).certificate]))
    assert answer["message"].encode() == verifier.verify(signed.encode()).signed_bytes
    assert "Signature>" not in answer["message"]


def test_errors_have_what_the_client_reads(node, duis_templates):
    document = duis_templates[0].read_bytes()
    signed = node.ask("sign", document, preserveCounter=True)["message"]
    tampered = COUNTER.sub("7", signed, count=1).encode()
    for mode, octets, more, status, code in (
        ("verify", tampered, {}, 400, "digest-mismatch"),
        (
            "verify",
            COUNTER.sub("7", signed[: signed.rindex("<ds:Signature")]).encode() + b"</sr:Request>",
            {},
            400,
            None,
        ),
        ("sign", b"<a>", {}, 400, "malformed-xml"),
        ("sign", document, {"method": "GET"}, 405, "method"),
        ("sign", document, {"method": "PUT"}, 405, "method"),
    ):
        answer = node.ask(mode, octets, **more)
        assert answer["status"] == status
        assert answer["error"] == code or code is None
        assert answer["cause"].endswith((".", ")."))
