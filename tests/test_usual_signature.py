"""The usual Signature is read from the octets at a document's end, never differently from the tree."""

from __future__ import annotations

import base64
import hashlib
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import duisign
import readings
from duisign.testing import Smki, make_samples
from test_byte_lane import PLAIN, damaged
from xml_documents import documents, generate, generate_duis

CORPUS = Path(__file__).parent / "fuzz" / "usual_signature.zip"
OWN, BOUND = readings.usual_signatures()
VALUE = OWN[OWN.index(b"<ds:SignatureValue>") + 19 : OWN.index(b"</ds:SignatureValue>")]
BINDING = b' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'


@pytest.fixture(scope="module")
def smki():
    return Smki.create()


@pytest.mark.parametrize("trailing", [b"", b"\n", b" \r\n\n"])
def test_what_we_sign_is_read_so(smki, trailing):
    sign = duisign.Signer(smki.user.private_key, smki.user.certificate).sign
    for name, sample in make_samples(smki).items():
        signed = sign(sample.document.rstrip() + trailing)
        assert readings.compare(signed) == readings.USUAL, name


def changed(old, new):
    assert old in OWN
    return b"<a>" + OWN.replace(old, new) + b"</a>"


def test_each_octet_of_the_digest_counts(smki):
    sign = duisign.Signer(smki.user.private_key, smki.user.certificate).sign
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
    signed = sign(b"<a>b</a>")
    digest = hashlib.sha256(b"<a>b</a>").digest()
    text = base64.b64encode(digest)
    assert text in signed
    for index in range(len(digest)):
        other = digest[:index] + bytes([digest[index] ^ 1]) + digest[index + 1 :]
        document = signed.replace(text, base64.b64encode(other))
        assert readings.compare(document) == readings.USUAL
        with pytest.raises(duisign.DigestMismatchError):
            verifier.verify(document)
    verifier.verify(signed)


def test_only_bytes_are_read_so(smki):
    """What a subclass shows of itself may be something else than what it holds."""

    class Octets(bytes):
        pass

    signed = duisign.Signer(smki.user.private_key, smki.user.certificate).sign(b"<a/>")
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]))
    for wrong in (Octets(signed), bytearray(signed), signed.decode(), None):
        with pytest.raises(duisign.DocumentError) as caught:
            verifier.verify(wrong)
        assert caught.value.code == "wrong-type"


TAKEN = {
    "nothing else": b"<a>" + OWN + b"</a>",
    "end tag with a space": b"<a>" + OWN + b"</a >",
    "bound by the root": b"<a" + BINDING + b">" + BOUND + b"</a>",
    "bound twice": b"<a" + BINDING + b">" + OWN + b"</a>",
    "behind text": b"<a>]] x\r" + OWN + b"</a>",
    "behind an end of a section": b"<a><![CDATA[<]]>" + OWN + b"</a>",
    "behind comments and instructions": b"<!-- a --><?p?><a><!-- b --><?p b?>" + OWN + b"</a>",
    "ds bound to something else": b'<a xmlns:ds="urn:x"><ds:b/>' + OWN + b"</a>",
    "its namespace as default": b'<a xmlns="http://www.w3.org/2000/09/xmldsig#">' + OWN + b"</a>",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_read_so(name):
    assert readings.compare(TAKEN[name]) == readings.USUAL


LEFT = {
    "in a comment": b"<a><!-- " + OWN + b"</a-->",
    "in a comment behind the root": b"<a></a><!-- " + OWN + b"</a-->",
    "in a comment behind an empty root": b"<a/><!-- " + OWN + b"</x-->",
    "in a comment, with an end tag": b"<a></a><!-- " + OWN + b"</a>-->",
    "in an instruction behind the root": b"<a></a><?p " + OWN + b"</a?>",
    "in a section": b"<a><![CDATA[" + OWN + b"]]></a>",
    "in an open section": b"<a><![CDATA[" + OWN + b"</a>",
    "in an attribute": b"<a b='" + OWN + b"</a>",
    "in a value that ends behind": b"<a b='" + OWN.replace(b'"', b"&quot;") + b"'></a>",
    "behind the root": b"<a></a>" + OWN + b"</a>",
    "before the root": OWN + b"<a></a>",
    "no root": OWN,
    "no root but an end tag": OWN + b"</a>",
    "in a child": b"<a><b>" + OWN + b"</b></a>",
    "in a child that stays open": b"<a><b>" + OWN + b"</a>",
    "twice": b"<a>" + OWN + OWN + b"</a>",
    "with another before": b"<a>" + OWN + b"<b/>" + OWN + b"</a>",
    "with one misplaced": b"<a><b>" + OWN + b"</b>" + OWN + b"</a>",
    "not last": b"<a>" + OWN + b"<b/></a>",
    "text behind it": b"<a>" + OWN + b" </a>",
    "comment behind the root": b"<a>" + OWN + b"</a><!-- -->",
    "instruction behind the root": b"<a>" + OWN + b"</a><?p?>",
    "not bound": b"<a>" + BOUND + b"</a>",
    "bound below the root": b"<a><b" + BINDING + b"/>" + BOUND + b"</a>",
    "bound to something else": b'<a xmlns:ds="urn:x">' + BOUND + b"</a>",
    "another end tag": b"<a>" + OWN + b"</b>",
    "end tag of an open comment": b"<a><!-- --" + OWN + b"></a>",
    "document type": b"<!DOCTYPE a><a>" + OWN + b"</a>",
    "document type with an entity": b"<!DOCTYPE a [<!ENTITY e '<b>'>]><a>&e;" + OWN + b"</a>",
    "reference cut in two": b"<a>&am" + OWN + b"</a>",
    "character cut in two": b"<a>\xc3" + OWN + b"</a>",
    "tag cut in two": b"<a><b " + OWN + b"</a>",
    "ASCII": b"<?xml version='1.0' encoding='us-ascii'?><a>\xc3\xa9" + OWN + b"</a>",
    "Latin-1": b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9" + OWN + b"</a>",
    "NUL": b"<a>\0" + OWN + b"</a>",
    "issuer with a reference": changed(b"CN=", b"CN=&amp;"),
    "no issuer": changed(b"CN=duisign test CA,OU=07", b""),
    "serial number too long": changed(b"<ds:X509SerialNumber>", b"<ds:X509SerialNumber>" + b"1" * 50),
    "serial number with a sign": changed(b"<ds:X509SerialNumber>", b"<ds:X509SerialNumber>+"),
    "other algorithm": changed(b"#ecdsa-sha256", b"#ecdsa-sha512"),
    "with Id": changed(b"<ds:Signature ", b"<ds:Signature Id='x' "),
    "zero as value": changed(VALUE, b"A" * 86 + b"=="),
    "base64 with bits left": changed(VALUE, VALUE[:-3] + b"B=="),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_the_tree(name):
    assert readings.usual_reading(LEFT[name], 256) is None
    assert readings.compare(LEFT[name]) in (readings.GENERAL, readings.REFUSED)


def test_the_readings_keep_the_same_limit_of_levels():
    for depth in range(1, 9):
        expected = readings.USUAL if depth >= 6 else readings.REFUSED
        assert readings.compare(b"<a>" + OWN + b"</a>", depth) == expected
        nested = b"<a>" + b"<b>" * 6 + b"</b>" * 6 + OWN + b"</a>"
        assert readings.compare(nested, depth) == (readings.USUAL if depth >= 7 else readings.REFUSED)


def test_long_documents_are_left_to_the_tree():
    for octets, expected in ((65536, readings.USUAL), (65537, readings.GENERAL)):
        filling = b"x" * (octets - len(OWN) - len(b"<a></a>"))
        assert readings.compare(b"<a>" + filling + OWN + b"</a>") == expected


def test_a_profile_that_is_not_accepted_is_refused_all_the_same(smki):
    signed = duisign.Signer(smki.user.private_key, smki.user.certificate).sign(b"<a/>")
    trust = duisign.PinnedCertificates([smki.user.certificate])
    with pytest.raises(duisign.SignatureFormatError) as caught:
        duisign.Verifier(trust, profiles=[duisign.Profile.SIGNXML]).verify(signed)
    assert caught.value.code == "transforms"


def test_a_document_over_the_limit_is_refused_all_the_same(smki):
    signed = duisign.Signer(smki.user.private_key, smki.user.certificate).sign(b"<a/>")
    trust = duisign.PinnedCertificates([smki.user.certificate])
    assert duisign.Verifier(trust, max_octets=len(signed)).verify(signed)
    with pytest.raises(duisign.DocumentError) as caught:
        # The rest without the Signature would be below the limit.
        duisign.Verifier(trust, max_octets=len(signed) - 1).verify(signed)
    assert caught.value.code == "document-too-large"


def with_signature(document: bytes, at: int, signature: bytes) -> bytes:
    return document[:at] + signature + document[at:]


@settings(max_examples=150, deadline=None)
@given(documents(PLAIN), st.data())
def test_anywhere_in_generated_documents(document, data):
    at = data.draw(st.one_of(st.integers(0, len(document)), st.just(document.rfind(b"</"))))
    readings.compare(with_signature(document, max(at, 0), data.draw(st.sampled_from([OWN, BOUND]))))


def test_anywhere_in_damaged_documents():
    chance = random.Random(20260802)
    outcomes = []
    for seed in range(3000):
        document = (generate, generate_duis)[seed % 2](seed, PLAIN)
        if seed % 3:
            document = damaged(document, chance)
        ends = [at for at in range(len(document)) if document.startswith(b"</", at)] or [0]
        at = chance.choice([ends[-1], ends[-1], chance.choice(ends), chance.randrange(len(document) + 1)])
        outcomes.append(readings.compare(with_signature(document, at, chance.choice([OWN, BOUND]))))
    assert outcomes.count(readings.USUAL) > 100
    assert outcomes.count(readings.GENERAL) > 20
    assert outcomes.count(readings.REFUSED) > 1000


def test_damaged_signatures():
    chance = random.Random(20260803)
    outcomes = [readings.compare(b"<a>" + damaged(OWN, chance) + b"</a>") for _ in range(3000)]
    assert outcomes.count(readings.USUAL) > 20
    assert outcomes.count(readings.REFUSED) > 1000


def test_what_the_fuzzer_found_worth_keeping():
    with zipfile.ZipFile(CORPUS) as corpus:
        names = corpus.namelist()
        outcomes = {readings.compare(readings.document_of(corpus.read(name))) for name in names}
    assert len(names) > 100
    assert outcomes == {readings.USUAL, readings.GENERAL, readings.REFUSED}
