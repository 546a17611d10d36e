"""Keys outside the process: what a Signer asks of them, and what it does not take from them."""

from __future__ import annotations

import asyncio
import hashlib
import threading

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

import duisign
import duisign.signxml
from duisign import ConfigurationError, ExternalKeyError, PinnedCertificates, Signer, Verifier

PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DOCUMENT = b'<?xml version="1.0"?>\n<a b="1"><c>text</c></a>'


@pytest.fixture(params=["both", "tree"])
def lanes(request, monkeypatch):
    monkeypatch.setenv("DUISIGN_LANES", request.param)


class Remote:
    """An ExternalKey; `answers` come before anything else."""

    def __init__(self, private_key, answers=()):
        self.private_key = private_key
        self.answers = list(answers)
        self.digests = []

    def sign_digest(self, digest):
        self.digests.append(digest)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        return self.signature(digest) if answer is None else answer

    def signature(self, digest):
        r, s = utils.decode_dss_signature(self.private_key.sign(digest, PREHASHED))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class AsyncRemote(Remote):
    async def sign_digest(self, digest):
        await asyncio.sleep(0)
        return super().sign_digest(digest)


class SignxmlKey:
    """What users of signxml wrote for a key management service: the algorithm is not looked at."""

    key_size = 256

    def __init__(self, private_key):
        self.private_key = private_key

    def sign(self, data, signature_algorithm):
        assert isinstance(signature_algorithm.algorithm, hashes.SHA256)
        return self.private_key.sign(hashlib.sha256(data).digest(), PREHASHED)


def verified(signed, smki):
    return Verifier(PinnedCertificates([smki.user.certificate])).verify(signed)


def signed_as_signxml(key, smki, **options):
    signer = duisign.signxml.XMLSigner(
        signature_algorithm="ecdsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    return signer.sign(etree.fromstring(DOCUMENT), key=key, cert=[smki.user.certificate], **options)


@pytest.mark.parametrize("make", [Remote, SignxmlKey])
@pytest.mark.usefixtures("lanes")
def test_signatures_verify_and_nothing_else_differs(smki, make):
    user = smki.user
    external = Signer(make(user.private_key), user.certificate)
    ordinary = Signer(user.private_key, user.certificate)
    for document in (DOCUMENT, DOCUMENT.decode().replace("?>", ' encoding="UTF-16"?>').encode("utf-16")):
        signed = external.sign(document)
        assert verified(signed, smki).signed_bytes == verified(ordinary.sign(document), smki).signed_bytes
        assert len(signed) == len(ordinary.sign(document))


def test_one_way_for_every_call(smki):
    signer = Signer(Remote(smki.user.private_key), smki.user.certificate)
    results = list(signer.sign_many([DOCUMENT] * 40, workers=4))
    assert all(verified(result.unwrap(), smki) for result in results)
    root = signer.sign_element(verified(results[0].document, smki).element)
    assert root[-1].tag.endswith("}Signature")
    assert signer.lane_counts.byte_lane == 41


def test_the_probe_is_no_signed_info(smki):
    key = Remote(smki.user.private_key)
    Signer(key, smki.user.certificate)
    Signer(key, smki.user.certificate)
    assert len(key.digests) == 2
    assert len(set(key.digests)) == 1
    assert len(key.digests[0]) == 32


@pytest.mark.parametrize("make", [Remote, SignxmlKey])
def test_another_key_than_the_certificates(smki, make):
    with pytest.raises(ConfigurationError) as caught:
        Signer(make(smki.dcc.private_key), smki.user.certificate)
    assert caught.value.code == "key-certificate-mismatch"


def test_a_key_that_is_exchanged_later(smki):
    key = Remote(smki.user.private_key)
    signer = Signer(key, smki.user.certificate)
    key.private_key = smki.dcc.private_key
    with pytest.raises(ConfigurationError) as caught:
        signer.sign(DOCUMENT)
    assert caught.value.code == "key-certificate-mismatch"


ONE = (1).to_bytes(32, "big")


@pytest.mark.usefixtures("lanes")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "key-output"),
        (bytes(64), "key-output"),
        (ONE + bytes(32), "key-output"),
        (bytes(32) + ONE, "key-output"),
        (ORDER.to_bytes(32, "big") + ONE, "key-output"),
        (ONE + ORDER.to_bytes(32, "big"), "key-output"),
        (b"\xff" * 64, "key-output"),
        (bytes(63) + b"\x01\x01", "key-output"),
        (bytes.fromhex("3006020101020101"), "key-output"),
        (bytearray(64), "key-output"),
        ("text", "key-output"),
        (ONE + ONE, "key-certificate-mismatch"),
        ((ORDER - 1).to_bytes(32, "big") * 2, "key-certificate-mismatch"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("key") else repr(value)[:20],
)
def test_what_is_no_signature_of_the_document(smki, raw, code):
    signer = Signer(Remote(smki.user.private_key, [None, raw]), smki.user.certificate)
    with pytest.raises(ConfigurationError) as caught:
        signer.sign(DOCUMENT)
    assert caught.value.code == code
    assert verified(signer.sign(DOCUMENT), smki)
    with pytest.raises(ConfigurationError) as caught:
        Signer(Remote(smki.user.private_key, [raw]), smki.user.certificate)
    assert caught.value.code == code


def test_a_key_in_the_form_of_signxml_is_checked_too(smki):
    class Key(SignxmlKey):
        key_size = 384

    with pytest.raises(ConfigurationError) as caught:
        Signer(Key(smki.user.private_key), smki.user.certificate)
    assert caught.value.code == "key-curve"
    for output in (None, bytearray(b"x"), b"", bytes(64)):
        key = SignxmlKey(smki.user.private_key)
        key.sign = lambda data, signature_algorithm, output=output: output
        with pytest.raises(ConfigurationError) as caught:
            Signer(key, smki.user.certificate)
        assert caught.value.code in ("key-output", "key-certificate-mismatch")


def test_what_the_key_raises_is_a_result_and_not_the_end(smki):
    failure = OSError("the service is away")
    key = Remote(smki.user.private_key, [None, None, failure, None, ExternalKeyError("key-failed", "Ours.")])
    signer = Signer(key, smki.user.certificate)
    results = list(signer.sign_many([DOCUMENT] * 5, workers=1))
    assert [result.ok for result in results] == [True, False, True, False, True]
    error = results[1].error
    assert isinstance(error, ExternalKeyError)
    assert (error.code, error.check, error.__cause__) == ("key-failed", "signer", failure)
    assert "away" not in str(error)
    # A result kept does not keep its document.
    assert (failure.__traceback__, failure.__context__) == (None, None)
    assert str(results[3].error) == "Ours."
    with pytest.raises(KeyboardInterrupt):
        Signer(Remote(smki.user.private_key, [KeyboardInterrupt()]), smki.user.certificate)


def test_options_that_an_external_key_cannot_have(smki):
    with pytest.raises(ConfigurationError) as caught:
        Signer(Remote(smki.user.private_key), smki.user.certificate, deterministic=True)
    assert caught.value.code == "deterministic"


class TestKeyRing:
    def test_it_signs_for_its_party(self, smki, request_document):
        ring = duisign.KeyRing(
            [(Remote(smki.user.private_key), smki.user.certificate_pem()), smki.dcc.private_key_pem()]
        )
        assert verified(ring.sign(request_document), smki)
        assert [entry.status.value for entry in ring.entries] == ["signs"]

    def test_one_that_does_not_answer_keeps_none_of_the_others(self, smki, request_document):
        key = Remote(smki.dcc.private_key, [OSError()])
        user, dcc = smki.user, smki.dcc
        ring = duisign.KeyRing([(user.private_key, user.certificate), (key, dcc.certificate)])
        assert [entry.status.value for entry in ring.entries] == ["signs", "key-unavailable"]
        (problem,) = ring.problems
        assert (problem.where, "raised OSError" in problem.sentence) == ("source 2", True)
        assert verified(ring.sign(request_document), smki)
        assert ring.reload() == ()
        assert [entry.status.value for entry in ring.entries] == ["signs", "signs"]

    def test_one_with_the_certificate_of_another(self, smki):
        with pytest.raises(ConfigurationError) as caught:
            duisign.KeyRing([(Remote(smki.dcc.private_key), smki.user.certificate)])
        assert caught.value.code == "key-ring"
        assert "key-unavailable" in str(caught.value)

    def test_an_option_that_it_cannot_have(self, smki):
        with pytest.raises(ConfigurationError) as caught:
            duisign.KeyRing([(Remote(smki.user.private_key), smki.user.certificate)], deterministic=True)
        assert caught.value.code == "deterministic"


class TestAsync:
    def test_documents_are_signed_while_others_wait(self, smki):
        class Gate(AsyncRemote):
            waiting = 0

            async def sign_digest(self, digest):
                self.waiting += 1
                while self.waiting < 50:
                    await asyncio.sleep(0)
                return await super().sign_digest(digest)

        signer = Signer(Gate(smki.user.private_key), smki.user.certificate)
        documents = [DOCUMENT.replace(b"text", str(index).encode()) for index in range(50)]

        async def all_of_them():
            return await asyncio.wait_for(asyncio.gather(*map(signer.sign_async, documents)), 60)

        for index, signed in enumerate(asyncio.run(all_of_them())):
            assert verified(signed, smki).signed_bytes == b'<a b="1"><c>%d</c></a>' % index

    def test_every_kind_of_document(self, smki):
        asynchronous = Signer(
            AsyncRemote(smki.user.private_key), smki.user.certificate, whitespace="strip", existing_signature="replace"
        )
        ordinary = Signer(
            smki.user.private_key, smki.user.certificate, whitespace="strip", existing_signature="replace"
        )
        signed = ordinary.sign(DOCUMENT)
        for document in (
            signed,
            b"<a>\n <b/>\n</a>",
            b"<a/>",
            DOCUMENT.decode().replace("?>", ' encoding="UTF-16"?>').encode("utf-16"),
        ):
            result = asyncio.run(asynchronous.sign_async(document))
            assert verified(result, smki).signed_bytes == verified(ordinary.sign(document), smki).signed_bytes

    def test_the_same_checks(self, smki):
        for answer, code in (
            (ONE + ONE, "key-certificate-mismatch"),
            (b"", "key-output"),
            (OSError(), "key-failed"),
            (ExternalKeyError("key-failed", "Ours."), "key-failed"),
        ):
            signer = Signer(AsyncRemote(smki.user.private_key, [answer]), smki.user.certificate)
            with pytest.raises(duisign.DuisignError) as caught:
                asyncio.run(signer.sign_async(DOCUMENT))
            assert caught.value.code == code
        with pytest.raises(duisign.DocumentError):
            asyncio.run(signer.sign_async(b"<a"))

    def test_what_cannot_wait(self, smki):
        signer = Signer(AsyncRemote(smki.user.private_key), smki.user.certificate)
        (result,) = signer.sign_many([DOCUMENT])
        assert result.error.code == "key-async"
        with pytest.raises(duisign.signxml.InvalidInput) as caught:
            signed_as_signxml(AsyncRemote(smki.user.private_key), smki)
        assert caught.value.code == "key-type"

    def test_any_other_key_signs_in_a_thread(self, smki):
        threads = []

        class Key(Remote):
            def sign_digest(self, digest):
                threads.append(threading.current_thread())
                return super().sign_digest(digest)

        signer = Signer(Key(smki.user.private_key), smki.user.certificate)
        assert verified(asyncio.run(signer.sign_async(DOCUMENT)), smki)
        assert threads[0] is threading.current_thread()
        assert threads[1] is not threading.current_thread()


class TestSignxml:
    @pytest.mark.parametrize("make", [Remote, SignxmlKey])
    def test_signatures_verify(self, smki, make):
        signed = signed_as_signxml(make(smki.user.private_key), smki)
        result = duisign.signxml.XMLVerifier().verify(
            signed,
            x509_cert=smki.user.certificate,
            expect_config=duisign.signxml.SignatureConfiguration(
                signature_methods={duisign.signxml.SignatureMethod.ECDSA_SHA256}
            ),
        )
        assert result.signed_xml.tag == "a"

    def test_the_key_value_is_written_if_the_key_tells_it(self, smki):
        key = Remote(smki.user.private_key)
        key.public_key = smki.user.private_key.public_key
        signed = signed_as_signxml(key, smki, always_add_key_value=True)
        assert signed.findall(".//{*}PublicKey")

    def test_no_signature_is_refused(self, smki):
        with pytest.raises(duisign.signxml.InvalidInput) as caught:
            signed_as_signxml(Remote(smki.user.private_key, [bytes(64)]), smki)
        assert caught.value.code == "key-signature"
