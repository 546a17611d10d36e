"""The service's two APIs: what comes in, what goes out, and what each refusal looks like."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time

import pytest

import duisign
from asgi import answer, call
from duisign.service import runner
from duisign.service.application import Application
from duisign.service.engine import Engine
from duisign.service.event_log import EventLog
from duisign.service.settings import (
    ServerSettings,
    Settings,
    SigningSettings,
    TrustSettings,
)
from duisign.service.state import State
from duisign.testing import TEST_POLICY_OID, firmware_request
from schema_set import DOCUMENT, write_set

XML, LINES = {"content-type": "application/xml"}, {"content-type": "application/x-ndjson"}
COUNTER = re.compile(rb"(?<=:)[0-9]+(?=</sr:RequestID>)")


@pytest.fixture(scope="module")
def keys(smki, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    smki.write(folder)
    return folder


def make(keys, *, server=None, signing=None, trust=None, log=False):
    settings = Settings(
        server=ServerSettings(**(server or {})),
        signing=SigningSettings(**({"keyring": (keys,)} | (signing or {}))),
        trust=TrustSettings(**({"certificates": (keys / "user.pem", keys / "dcc.pem")} | (trust or {}))),
    )
    return Application(settings, State(settings), EventLog(requests=log))


@pytest.fixture(scope="module")
def application(keys):
    return make(keys)


def in_base64(document, **more):
    return json.dumps({"message": base64.b64encode(document).decode(), **more}).encode()


def message_of(reply):
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "application/json"
    return base64.b64decode(reply.json["message"], validate=True)


def test_sign_sets_the_counter_to_the_time_and_leaves_the_rest(application, request_document, verifier):
    begin = time.time_ns() // 1_000_000
    signed = message_of(call(application, "POST", "/sign", in_base64(request_document)))
    end = time.time_ns() // 1_000_000
    message = verifier.verify(signed)
    assert begin <= message.request_id.counter <= end
    unsigned = re.sub(rb"<ds:Signature[ >].*</ds:Signature>", b"", signed)
    assert COUNTER.sub(b"", unsigned) == COUNTER.sub(b"", request_document)


@pytest.mark.parametrize("more", [{"preserveCounter": True}, {"preserveCounter": True, "another": [1]}])
def test_sign_preserves_the_counter_when_told_to(application, request_document, verifier, more):
    signed = message_of(call(application, "POST", "/sign", in_base64(request_document, **more)))
    counter = verifier.verify(signed).request_id.counter
    assert counter == int(COUNTER.search(request_document)[0])


def test_preserving_can_be_what_is_done_unless_told_otherwise(keys, request_document, verifier):
    application = make(keys, signing={"preserve_counter": True})
    old = int(COUNTER.search(request_document)[0])
    for more, kept in (({}, True), ({"preserveCounter": False}, False)):
        signed = message_of(call(application, "POST", "/sign", in_base64(request_document, **more)))
        assert (verifier.verify(signed).request_id.counter == old) is kept


def test_sign_replaces_a_signature_and_drops_white_space(application, request_document, signed, verifier):
    indented = signed.replace(b"><sr:Body>", b">\n  <sr:Body>")
    again = message_of(call(application, "POST", "/sign", in_base64(indented, preserveCounter=True)))
    assert again.count(b"<ds:Signature>") == 1
    assert b"\n  <" not in again
    assert re.sub(rb"<ds:Signature[ >].*</ds:Signature>", b"", again) == request_document
    verifier.verify(again)


def test_white_space_and_signatures_can_be_kept(keys, request_document, signed):
    application = make(keys, signing={"keep_whitespace": True, "refuse_signed": True, "preserve_counter": True})
    indented = request_document.replace(b"><sr:Body>", b">\n  <sr:Body>")
    assert b"\n  <sr:Body>" in message_of(call(application, "POST", "/sign", in_base64(indented)))
    assert call(application, "POST", "/sign", in_base64(signed)).json["errorCode"] == "signature-exists"


def test_verify_gives_the_message_without_its_signature(application, signed, verifier):
    octets = message_of(call(application, "POST", "/verify", in_base64(signed)))
    assert octets == verifier.verify(signed).signed_bytes
    assert b"Signature" not in octets


def test_a_response_that_nobody_signed_is_refused_unless_it_is_configured(keys, application, samples):
    for name in ("acknowledgement", "device-response"):
        reply = call(application, "POST", "/verify", in_base64(samples[name].document))
        assert (reply.status, reply.json["errorCode"]) == (400, "unsigned")
    tolerant = make(keys, trust={"accept_unsigned": ("acknowledgement",)})
    octets = message_of(call(tolerant, "POST", "/verify", in_base64(samples["acknowledgement"].document)))
    assert octets == duisign.canonicalize(samples["acknowledgement"].document, duisign.CanonicalizationMethod.C14N_1_0)
    reply = call(tolerant, "POST", "/verify", in_base64(samples["device-response"].document))
    assert reply.json["errorCode"] == "unsigned"
    reply = call(
        tolerant, "POST", "/v1/verify", samples["acknowledgement"].document, XML | {"accept": "application/json"}
    )
    assert reply.json["signed"] is False
    assert reply.json["message_class"] == "acknowledgement"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/sign", b"", "body-malformed"),
        ("/sign", b"[]", "body-malformed"),
        ("/sign", b"{}", "body-malformed"),
        ("/sign", b"\xff", "body-malformed"),
        ("/sign", b"[" * 100_000, "body-malformed"),
        ("/sign", b'{"message": 1}', "body-malformed"),
        ("/sign", b'{"message": "PGE/", "message": "PGE/"}', "body-malformed"),
        ("/sign", b'{"message": "PGE v Pg=="}', "body-malformed"),
        ("/sign", b'{"message": "PGE\xc3\xa9"}', "body-malformed"),
        ("/sign", in_base64(b"<a/>", preserveCounter="true"), "body-malformed"),
        ("/sign", in_base64(b"<a/>", preserveCounter=None), "body-malformed"),
        ("/sign", in_base64(b"<a>"), "malformed-xml"),
        ("/sign", in_base64(b"<!DOCTYPE a><a/>"), "doctype"),
        ("/sign", in_base64(b"<a/>"), "request-counter"),
        ("/sign", in_base64(b"<a/>", preserveCounter=True), "message-class"),
        ("/verify", in_base64(b"<a/>"), "unsigned"),
        ("/verify", in_base64(b"<a>"), "malformed-xml"),
    ],
)
def test_refusals_of_the_tools_api(application, path, body, code):
    reply = call(application, "POST", path, body)
    assert (reply.status, reply.json.keys(), reply.json["errorCode"]) == (400, {"error", "errorCode"}, code)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["error"].endswith((".", ")."))


def test_a_tampered_message_is_refused(application, signed):
    tampered = signed.replace(b"</sr:Body>", b"<!-- --><sr:X/></sr:Body>")
    reply = call(application, "POST", "/verify", in_base64(tampered))
    assert (reply.status, reply.json["errorCode"]) == (400, "digest-mismatch")
    reply = call(application, "POST", "/v1/verify", tampered, XML)
    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    facts = reply.json
    assert facts["type"] == "urn:duisign:code:digest-mismatch"
    assert (facts["status"], facts["code"], facts["check"]) == (422, "digest-mismatch", "digest")
    assert facts["signer"]["entity_id"]
    assert facts["request_id"]


def test_documents_as_they_are(application, request_document, verifier):
    reply = call(application, "POST", "/v1/sign", request_document, XML)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/xml")
    assert verifier.verify(reply.body).request_id.counter == int(COUNTER.search(request_document)[0])
    new = call(application, "POST", "/v1/sign", request_document, XML, query="counter=new")
    assert verifier.verify(new.body).request_id.counter > 1_600_000_000_000
    octets = call(application, "POST", "/v1/verify", reply.body, {"content-type": "text/xml; charset=utf-8"})
    assert octets.body == verifier.verify(reply.body).signed_bytes
    told = call(application, "POST", "/v1/verify", reply.body, XML | {"accept": "application/json"}).json
    assert base64.b64decode(told["message"]) == octets.body
    assert (told["signed"], told["role"], told["message_class"]) == (True, "87", "service-request")


@pytest.mark.parametrize(
    ("path", "body", "headers", "query", "status", "code"),
    [
        ("/v1/sign", b"<a/>", XML, "counter=old", 400, "query-malformed"),
        ("/v1/sign", b"<a/>", XML, "conter=new", 400, "query-malformed"),
        ("/v1/sign", b"<a/>", {}, "", 415, "media-type"),
        ("/v1/sign", b"<a>", XML, "", 400, "malformed-xml"),
        ("/v1/sign", b"<a/>", XML, "", 400, "message-class"),
        ("/v1/verify", b"<a/>", XML, "", 422, "unsigned"),
        ("/v1/sign/batch", b"", XML, "", 415, "media-type"),
        ("/v1/nothing", b"", XML, "", 404, "not-found"),
        ("/V1/sign", b"", XML, "", 404, "not-found"),
        ("/v1/sign/", b"", XML, "", 404, "not-found"),
    ],
)
def test_problems_of_the_api(application, path, body, headers, query, status, code):
    reply = call(application, "POST", path, body, headers, query=query)
    assert (reply.status, reply.json["status"], reply.json["code"]) == (status, status, code)
    assert reply.json.keys() >= {"type", "title", "detail"}


def test_other_methods(application):
    for path, allowed in (("/sign", "POST"), ("/verify", "POST"), ("/v1/sign", "POST"), ("/healthz", "GET, HEAD")):
        for method in {"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"} - {*allowed.split(", ")}:
            reply = call(application, method, path)
            assert (reply.status, reply.headers["allow"]) == (405, allowed)
    assert call(application, "GET", "/sign").json.keys() == {"error", "errorCode"}


def test_a_batch_is_answered_line_by_line(application, samples, verifier):
    documents = [one.document for one in samples.values() if one.signed_by == "user"]
    lines = [{"id": "one", "message": documents[0].decode()}, {"message": base64.b64encode(documents[1]).decode()}]
    lines += [{"id": 3, "message": "<a>"}]
    body = (
        b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\n  \nno json\n" + json.dumps(lines[0]).encode()
    )
    for chunk in (7, 1 << 20):
        reply = call(application, "POST", "/v1/sign/batch", body, LINES, chunk=chunk)
        answers = [json.loads(line) for line in reply.body.splitlines()]
        assert [one["code"] for one in answers] == [None, None, "malformed-xml", "line-malformed", None]
        assert [one["line"] for one in answers] == [1, 2, 3, 6, 7]
        assert [one["id"] for one in answers] == ["one", None, 3, None, "one"]
        assert answers[2]["message"] is None
        verifier.verify(answers[0]["message"].encode())
        verifier.verify(base64.b64decode(answers[1]["message"]))
    again = call(application, "POST", "/v1/verify/batch", reply.body, LINES)
    verdicts = [json.loads(line) for line in again.body.splitlines()]
    assert [one["code"] for one in verdicts] == [None, None, "line-malformed", "line-malformed", None]
    assert verdicts[0]["entity_id"] == verdicts[1]["entity_id"] != None  # noqa: E711


def test_a_line_that_is_too_long_is_one_refusal(application, monkeypatch, request_document):
    monkeypatch.setattr("duisign.service.batch_api.MAX_LINE_OCTETS", 4096)
    good = json.dumps({"id": 1, "message": request_document.decode()}).encode()
    for bad in (b"x" * 5000, b"y" * 100_000):
        for body in (good + b"\n" + bad + b"\n" + good, good + b"\n" + good + b"\n" + bad):
            reply = call(application, "POST", "/v1/sign/batch", body, LINES, chunk=1000)
            codes = [json.loads(line)["code"] for line in reply.body.splitlines()]
            assert sorted(code or "" for code in codes) == ["", "", "line-malformed"]


def test_a_body_has_a_limit(keys, request_document):
    application = make(keys, server={"max_body_octets": 1000})
    for path, headers in (("/sign", {}), ("/v1/sign", XML)):
        reply = call(application, "POST", path, b" " * 2000, headers, chunk=100)
        assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert call(application, "POST", "/v1/sign", request_document.ljust(1000), XML).status == 200


def test_a_document_of_the_largest_size_fits(application, smki, verifier):
    document = firmware_request(smki)
    signed = message_of(call(application, "POST", "/sign", in_base64(document)))
    assert verifier.verify(signed).service_reference_variant == "11.1"


def test_a_request_that_takes_too_long(keys, request_document):
    application = make(keys, server={"request_timeout": 0.05})

    async def late(path, headers):
        return await answer(application, "POST", path, request_document, headers, pause=asyncio.sleep(60))

    reply = asyncio.run(late("/v1/sign", XML))
    assert (reply.status, reply.json["code"], reply.headers["connection"]) == (408, "request-timeout", "close")
    assert asyncio.run(late("/sign", {})).json["errorCode"] == "request-timeout"


def test_a_batch_of_which_no_more_comes_is_broken_off(keys, request_document):
    application = make(keys, server={"request_timeout": 0.05})
    line = json.dumps({"message": request_document.decode()}).encode() + b"\n"

    async def late():
        await answer(application, "POST", "/v1/sign/batch", line * 2, LINES, pause=asyncio.sleep(60), chunk=len(line))

    # The server closes the connection then: half an answer must not look like a whole one.
    with pytest.raises(ConnectionAbortedError, match="request-timeout"):
        asyncio.run(late())
    assert application._gate._at_work == 0


def test_an_answer_that_takes_too_long(keys, request_document, monkeypatch):
    application = make(keys, server={"request_timeout": 0.05, "retry_after": 7})

    async def never(*arguments, **options):
        await asyncio.sleep(60)

    monkeypatch.setattr(runner.Runner, "run", never)
    reply = call(application, "POST", "/v1/sign", request_document, XML)
    assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "timeout", "7")


def test_more_requests_than_allowed_are_told_to_come_again(keys, request_document):
    application = make(keys, server={"max_concurrent_requests": 2, "retry_after": 3})

    async def all_of_them():
        gone = asyncio.Event()
        waiting = [
            asyncio.create_task(answer(application, "POST", "/v1/sign", request_document, XML, pause=gone.wait()))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        busy = await answer(application, "POST", "/v1/sign", request_document, XML)
        alive = await answer(application, "GET", "/healthz")
        gone.set()
        done = await asyncio.gather(*waiting)
        after = await answer(application, "POST", "/v1/sign", request_document, XML)
        return busy, alive, done, after

    busy, alive, done, after = asyncio.run(all_of_them())
    assert (busy.status, busy.json["code"], busy.headers["retry-after"]) == (503, "busy", "3")
    assert alive.status == 200
    assert [one.status for one in (*done, after)] == [200] * 3


def test_what_fails_within_says_nothing_of_the_message(keys, request_document, monkeypatch, capsys):
    application = make(keys, log=True)

    def broken(self, document, **options):
        raise ValueError(document.decode())

    monkeypatch.setattr(Engine, "sign", broken)
    reply = call(application, "POST", "/v1/sign", request_document, XML)
    assert (reply.status, reply.json["code"]) == (500, "internal")
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in err.splitlines()]
    assert [one["event"] for one in events] == ["failure", "request"]
    assert events[0]["exception"] == "ValueError"
    assert "RequestID" not in out + err + reply.body.decode()


def test_a_line_of_the_log_says_what_happened(keys, signed, capsys):
    application = make(keys, log=True)
    call(application, "POST", "/verify", in_base64(signed), {"authorization": "Bearer secret-of-somebody"})
    call(application, "POST", "/verify", in_base64(signed.replace(b"sr:Body", b"sr:Bodi")))
    call(application, "GET", "/some/secret", query="token=secret")
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["path"], one["status"], one["code"]) for one in events] == [
        ("/verify", 200, "ok"),
        ("/verify", 400, "digest-mismatch"),
        ("other", 404, "not-found"),
    ]
    assert events[0].keys() == {
        *("time", "process", "event", "caller", "method", "path", "status", "code", "messages", "octets"),
        "milliseconds",
    }
    assert "secret" not in json.dumps(events)


def test_numbers_for_prometheus(keys, signed, smki):
    application = make(keys)
    for body in (in_base64(signed), in_base64(signed), in_base64(b"<a/>"), b"{}"):
        call(application, "POST", "/verify", body)
    reply = call(application, "GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in reply.body.decode().splitlines() if not line.startswith("#"))
    assert lines['duisign_messages_total{code="ok",operation="/verify"}'] == "2.0"
    assert lines['duisign_messages_total{code="unsigned",operation="/verify"}'] == "1.0"
    assert lines['duisign_messages_total{code="body-malformed",operation="/verify"}'] == "1.0"
    assert lines['duisign_requests_total{operation="/verify",status="200"}'] == "2.0"
    assert lines['duisign_request_seconds_count{operation="/verify"}'] == "4.0"
    ends = {key: float(value) for key, value in lines.items() if key.startswith("duisign_key_expiry")}
    assert smki.user.certificate.not_valid_after_utc.timestamp() in ends.values()
    assert lines["duisign_requests_in_flight"] == "1.0"


def test_readiness_is_a_key_that_signs(keys, monkeypatch):
    application = make(keys)
    assert call(application, "GET", "/healthz").json == {"status": "ok"}
    assert call(application, "GET", "/readyz").status == 200
    monkeypatch.setattr(Engine, "keys", [])
    assert call(application, "GET", "/readyz").status == 503
    assert call(application, "GET", "/healthz").status == 200


def test_one_key_instead_of_a_ring(keys, request_document, verifier):
    signing = {"keyring": (), "key": keys / "user.key", "certificate": keys / "user.pem"}
    application = make(keys, signing=signing)
    verifier.verify(call(application, "POST", "/v1/sign", request_document, XML).body)
    assert b"duisign_key_expiry" in call(application, "GET", "/metrics").body
    assert call(application, "GET", "/readyz").status == 200


def test_what_is_not_configured_is_refused(keys, request_document, signed):
    only_signs = make(keys, trust={"certificates": ()})
    only_verifies = make(keys, signing={"keyring": ()})
    reply = call(only_signs, "POST", "/v1/verify", signed, XML)
    assert (reply.status, reply.json["code"]) == (501, "not-configured")
    assert call(only_verifies, "POST", "/sign", in_base64(request_document)).json["errorCode"] == "not-configured"
    assert call(only_verifies, "GET", "/readyz").status == 200


def test_the_description_names_every_address(application, request_document):
    document = call(application, "GET", "/openapi.json").json
    assert document["openapi"].startswith("3.1")
    table = application._gate._addresses
    assert document["paths"].keys() == table.keys()
    for path, methods in document["paths"].items():
        assert [method.upper() for method in methods] == [table[path].method]
        assert methods[table[path].method.lower()].get("security") == ([] if table[path].is_open else None)
    names = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert names == document["components"]["schemas"].keys()
    reply = call(application, "POST", "/v1/verify", request_document, XML)
    assert reply.json.keys() == document["components"]["schemas"]["Problem"]["properties"].keys()


def test_the_page_loads_nothing(application):
    reply = call(application, "GET", "/docs")
    assert reply.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    page = reply.body.decode()
    assert not re.search(r"https?://|<script|<img|<link|url\(", page)
    for path in application._gate._addresses:
        assert f" {path}</code>" in page


def test_pages_of_others_cannot_have_messages_signed(keys, request_document):
    application = make(keys, server={"allowed_hosts": ("signer.internal",)})
    body = in_base64(request_document)
    for host in ("localhost", "127.0.0.1:8080", "[::1]:80", "LOCALHOST:1", "signer.internal:8080"):
        assert call(application, "POST", "/sign", body, {"host": host}).status == 200
    for host in ("evil.example", "localhost.evil.example:8080", "", "127.0.0.1.evil.example"):
        reply = call(application, "POST", "/sign", body, {"host": host})
        assert (reply.status, reply.json["errorCode"]) == (421, "host-refused")
    reply = call(application, "POST", "/sign", body, {"origin": "https://evil.example"})
    assert (reply.status, reply.json["errorCode"]) == (403, "origin-refused")


def test_large_documents_leave_the_loop_to_others(keys, smki, request_document):
    application = make(keys)
    large = firmware_request(smki, 4_000_000, 1000)

    async def both():
        work = asyncio.create_task(answer(application, "POST", "/v1/sign", large, XML, chunk=1 << 24))
        small = []
        while not work.done():
            small.append((await answer(application, "POST", "/v1/sign", request_document, XML)).status)
            await asyncio.sleep(0)
        return small, await work

    small, done = asyncio.run(both())
    assert done.status == 200
    assert len(small) > 1
    assert set(small) == {200}


def test_a_caller_who_leaves_is_no_failure(application, capsys):
    async def leave():
        async def receive():
            return {"type": "http.disconnect"}

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/sign", "headers": [(b"host", b"localhost")]}
        await application(scope | {"query_string": b"", "root_path": "", "client": None}, receive, send)
        return sent

    assert asyncio.run(leave()) == []
    assert "failure" not in capsys.readouterr().err
    assert application._gate._at_work == 0


def test_reload_takes_what_is_there_now(smki, keys, tmp_path, request_document, samples, capsys):
    for name in ("user.key", "user.pem", "dcc.pem"):
        (tmp_path / name).write_bytes((keys / name).read_bytes())
    application = make(tmp_path)
    alert = duisign.Signer(smki.dcc.private_key, smki.dcc.certificate).sign(samples["dcc-alert"].document)
    unsigned = samples["dcc-alert"].document
    assert call(application, "POST", "/v1/sign", unsigned, XML).json["code"] == "signing-key-unknown"
    (tmp_path / "dcc.key").write_bytes((keys / "dcc.key").read_bytes())
    assert asyncio.run(application.reload())
    assert call(application, "POST", "/v1/sign", unsigned, XML).status == 200
    assert call(application, "POST", "/v1/verify", alert, XML).status == 200
    (tmp_path / "dcc.pem").write_bytes(b"broken")
    assert not asyncio.run(application.reload())
    assert call(application, "POST", "/v1/verify", alert, XML).status == 200
    assert call(application, "POST", "/v1/sign", request_document, XML).status == 200
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["reloaded", "reload-failed"]
    assert b'duisign_reloads_total{outcome="failed"} 1.0' in call(application, "GET", "/metrics").body


def test_trust_in_the_smki(keys, signed, request_document, samples):
    trust = {
        "certificates": (keys,),
        "roots": (keys / "root.pem",),
        "intermediates": (keys / "issuing-ca.pem",),
        "crls": (keys,),
        "policies": (TEST_POLICY_OID,),
    }
    application = make(keys, trust=trust, signing={"check_path": True})
    assert call(application, "POST", "/v1/verify", signed, XML).status == 200
    mine = call(application, "POST", "/v1/sign", request_document, XML)
    assert call(application, "POST", "/v1/verify", mine.body, XML).status == 200
    foreign = signed.replace(b"</sr:Request>", b"</sr:Request> ")
    assert call(application, "POST", "/v1/verify", foreign, XML).status == 200
    assert asyncio.run(application.reload())
    wrong = make(keys, trust=trust | {"policies": ("1.2.3",)})
    assert call(wrong, "POST", "/v1/verify", signed, XML).json["code"] == "certificate-policy"


@pytest.mark.parametrize("first", [False, True])
def test_messages_are_held_against_the_schema(keys, smki, tmp_path, first):
    folder = write_set(tmp_path / "xsd")
    single = {"keyring": (), "key": keys / "user.key", "certificate": keys / "user.pem"}
    trust = {"schema": folder, "schema_first": first}
    application = make(keys, signing={**single, "schema": folder, "keep_whitespace": True}, trust=trust)
    signed = call(application, "POST", "/v1/sign", DOCUMENT, XML)
    assert signed.status == 200, signed
    assert call(application, "POST", "/v1/verify", signed.body, XML).status == 200
    refused = call(application, "POST", "/v1/sign", DOCUMENT.replace(b">1<", b">x<"), XML)
    assert (refused.status, refused.json["code"]) == (422, "schema-invalid")
    assert "line 3" in refused.json["detail"]
    invalid = duisign.Signer(smki.user.private_key, smki.user.certificate).sign(DOCUMENT.replace(b">1<", b">x<"))
    refused = call(application, "POST", "/v1/verify", invalid, XML)
    assert (refused.status, refused.json["code"]) == (422, "schema-invalid")
    refused = call(application, "POST", "/v1/verify", signed.body.replace(b">1<", b">x<"), XML)
    assert refused.json["code"] == ("schema-invalid" if first else "digest-mismatch")


def test_a_schema_that_cannot_be_read_is_said_at_the_beginning(keys, tmp_path):
    with pytest.raises(duisign.ConfigurationError) as caught:
        make(keys, signing={"schema": tmp_path})
    assert caught.value.code == "schema"
