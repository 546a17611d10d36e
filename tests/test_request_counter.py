"""Setting the originator counter: one number in the caller's bytes, or a refusal."""

from __future__ import annotations

import re
import threading
import time

import pytest

from duisign import ConfigurationError, DocumentError
from duisign._markup import leaf
from duisign.request_counter import RequestCounter, milliseconds

COUNTER = re.compile(rb"(?<=:)[0-9]+(?=\s*</sr:RequestID>)")
BEFORE = (
    '<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway">'
    "<!-- <sr:Header><sr:RequestID>1</sr:RequestID></sr:Header> --><?p <sr:Header> ?><sr:Header>"
)
AFTER = '</sr:Header><sr:Body a="&gt;"><sr:X>&#xe9;</sr:X></sr:Body></sr:Request>'
USER, METER = "90-b3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-A0"


def document(content, before="", after=""):
    return f"{BEFORE}{before}<sr:RequestID>{content}</sr:RequestID>{after}{AFTER}"


@pytest.mark.parametrize("counter", [0, 1, 1700000000000, 2**64 - 1])
@pytest.mark.parametrize(
    "around",
    [("", ""), (" \n", "\t"), ("\r\n", "\r\n  ")],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "iso8859-1"])
def test_only_the_digits_change(counter, around, codec):
    label = {"iso8859-1": "ISO-8859-1", "utf-16-be": "UTF-16BE"}.get(codec, "")
    label = label and f'<?xml version="1.0" encoding="{label}"?>'
    before, after = around
    old, new = (
        (label + document(f"{before}{USER}:{METER}:{number}{after}")).encode(codec) for number in ("00042", counter)
    )
    assert RequestCounter().set(old, counter) == new


def test_neighbours_of_any_kind_are_passed_over():
    others = "<sr:A/><sr:B><sr:C>&lt;</sr:C></sr:B><!-- > --><sr:D q='>'><![CDATA[</sr:D><sr:RequestID>]]></sr:D>"
    old, new = (document(f"{USER}:{METER}:{number}", others, others).encode() for number in (1, 2))
    assert RequestCounter().set(old, 2) == new


def test_every_request_keeps_all_but_its_counter(samples, verifier, signer):
    for sample in samples.values():
        if sample.signed_by == "user":
            changed = RequestCounter().set(sample.document, 77)
            assert changed == COUNTER.sub(b"77", sample.document) != sample.document
            assert verifier.verify(signer.sign(changed)).request_id.counter == 77


def test_the_default_is_the_time(request_document):
    begin = time.time_ns() // 1_000_000
    changed = RequestCounter().set(request_document)
    assert begin <= int(COUNTER.search(changed)[0]) <= milliseconds() <= time.time() * 1000 + 1


def test_what_has_no_counter_of_its_sender_is_refused(samples):
    for sample in samples.values():
        if sample.signed_by == "dcc":
            with pytest.raises(DocumentError) as refusal:
                RequestCounter().set(sample.document, 1)
            assert refusal.value.code == "request-counter"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (document(f"{USER}:<!-- 1:2 -->{METER}:1"), "request-counter"),
        (document(f"{USER}:{METER}:1<!---->"), "request-counter"),
        (document(f"{USER}:{METER}:1<!---->2"), "request-counter"),
        (document(f"<![CDATA[{USER}:{METER}:1]]>"), "request-counter"),
        (document(f"{USER}:{METER}:&#49;"), "request-counter"),
        (document(f"{USER}:{METER}:1&#32;"), "request-counter"),
        (document(f"{USER}:{METER}:1<?p?>"), "request-id"),
        (document(f"{USER}:{METER}:1<sr:X/>"), "request-id"),
        (document(f"{USER}:{METER}:"), "request-id"),
        (document(f"{USER}:{METER}:18446744073709551616"), "request-id"),
        (document(f"{USER}:1"), "request-id"),
        (document(""), "request-id"),
        (document(f"{USER}:{METER}:1", f"<sr:RequestID>{USER}:{METER}:1</sr:RequestID>"), "request-id"),
        (document(f"{USER}:{METER}:1", after="</sr:Header><sr:Header>"), "request-id"),
        (BEFORE + AFTER, "request-id"),
        (BEFORE.replace("<sr:Header>", "") + AFTER.replace("</sr:Header>", ""), "request-id"),
        ('<Request xmlns="urn:other"><Header><RequestID/></Header></Request>', "request-counter"),
        ("<!DOCTYPE a><a/>", "doctype"),
        ("<a>", "malformed-xml"),
    ],
)
def test_doubt_is_a_refusal(text, code):
    with pytest.raises(DocumentError) as refusal:
        RequestCounter().set(text.encode(), 1)
    assert refusal.value.code == code
    assert USER not in str(refusal.value)


@pytest.mark.parametrize("counter", [-1, 2**64, True, 1.0, "1"])
def test_no_other_number_is_a_counter(request_document, counter):
    with pytest.raises(ConfigurationError) as refusal:
        RequestCounter().set(request_document, counter)
    assert refusal.value.code == "request-counter"


def test_the_limit_is_that_of_a_signer(request_document):
    assert RequestCounter(max_octets=len(request_document)).set(request_document, 1)
    with pytest.raises(DocumentError) as refusal:
        RequestCounter(max_octets=len(request_document) - 1).set(request_document, 1)
    assert refusal.value.code == "document-too-large"


def test_threads_share_one(request_document):
    counter, wrong = RequestCounter(), []

    def work(start):
        for number in range(start, start + 200):
            if int(COUNTER.search(counter.set(request_document, number))[0]) != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "octets", [b"", b"<", b"<a", b"<a>", b"<a><b>", b"<a><b/></a>", b"<a/>", b"<a></a></a>", b"</a>"]
)
def test_a_leaf_that_is_not_there_is_an_error(octets):
    with pytest.raises(ValueError, match="no such element"):
        leaf(octets, 0, 0)


def test_a_leaf_is_found_by_its_place():
    assert leaf(b"<a><b/><c><d/><e>xy</e></c></a>", 1, 1) == (17, 19)
    assert leaf(b"<a><b/><c><d/></c></a>", 1, 0) == (14, 14)
    assert leaf(b"<a><c><d><e>1</e>2</d></c></a>", 0, 0) == (9, 18)
