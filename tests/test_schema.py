"""Schemas: sets as they are published load without a network, and violations are told without the document's values."""

from __future__ import annotations

import socket
import threading

import pytest
from lxml import etree

import duisign
from duisign import ConfigurationError, KeyRing, PinnedCertificates, Schema, SchemaError, Signer, Verifier
from schema_set import DOCUMENT, FILES, MAIN, PARTS, SIGNATURE, write_set


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    return Schema.from_folder(write_set(tmp_path_factory.mktemp("xsd") / "a folder"))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refused(*arguments, **options):
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")


class TestSets:
    def test_it_loads_as_published(self, schema):
        schema.validate(DOCUMENT)
        assert repr(schema) == "<Schema with 4 names of elements>"

    def test_other_files_of_the_folder_do_not_matter(self, tmp_path):
        write_set(tmp_path)
        (tmp_path / "readme.txt").write_text("<")
        (tmp_path / "XMLSchema.dtd").write_text("<")
        Schema.from_folder(str(tmp_path)).validate(DOCUMENT)

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({}, "there are 0 .xsd files"),
            ({"a.xsd": "<"}, "a.xsd is no XML Schema"),
            ({"a.xsd": "<a/>"}, "a.xsd is no XML Schema"),
            ({"a.xsd": MAIN}, "refers to xmldsig-core-schema.xsd, which is not in the folder"),
            ({**FILES, "copy.xsd": MAIN}, "are for one namespace"),
            ({**FILES, "Parts Schema V1.0.xsd": PARTS.replace('"Word"', '"Other"')}, "libxml2 refuses it"),
            ({"a.xsd": SIGNATURE.replace("<!ENTITY dsig", "<!ENTITY other")}, "a.xsd is no XML Schema"),
            ({f"{number}.xsd": PARTS for number in range(101)}, "there are 101 .xsd files"),
        ],
        ids=range(8),
    )
    def test_what_is_no_set(self, tmp_path, files, words):
        write_set(tmp_path, files)
        with pytest.raises(ConfigurationError) as caught:
            Schema.from_folder(tmp_path)
        assert caught.value.code == "schema"
        assert words in str(caught.value)
        assert caught.value.__context__ is None or caught.value.__suppress_context__

    @pytest.mark.parametrize("path", ["/does/not/exist", None, 7, "\0", __file__])
    def test_what_is_no_folder(self, path):
        with pytest.raises(ConfigurationError) as caught:
            Schema.from_folder(path)
        assert caught.value.code == "schema"

    def test_files_outside_the_folder_are_not_read(self, tmp_path):
        write_set(tmp_path / "outside", {"parts.xsd": PARTS})
        main = MAIN.replace('"Parts Schema V1.0.xsd"', f'"{(tmp_path / "outside" / "parts.xsd").as_uri()}"')
        write_set(tmp_path / "set", {"main.xsd": main, "xmldsig-core-schema.xsd": SIGNATURE})
        with pytest.raises(ConfigurationError) as caught:
            Schema.from_folder(tmp_path / "set")
        assert "refers to parts.xsd" in str(caught.value)

    def test_entities_of_files_are_not_read(self, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("urn:secret")
        schema = SIGNATURE.replace(
            '<!ENTITY dsig "http://www.w3.org/2000/09/xmldsig#">', f'<!ENTITY dsig SYSTEM "{secret.as_uri()}">'
        )
        write_set(tmp_path / "set", {"a.xsd": schema})
        with pytest.raises(ConfigurationError):
            Schema.from_folder(tmp_path / "set")


class TestViolations:
    @pytest.mark.parametrize(
        ("old", "new", "line", "words"),
        [
            (b">1<", b">s3cret<", 3, "element Counted: its value is not of its type"),
            (b">1<", b">'s3cret' is not<", 3, "element Counted: its value is not of its type"),
            (b">word<", b">S3CRET<", 4, "element Word: its value"),
            (b">word<", b">s3cretword<", 4, "element Word: its value"),
            (b"<Word>word</Word>", b"<S3cret>word</S3cret>", 4, "an element: it is not expected here"),
            (b"<Word>word</Word>", b"<S3cret>word</S3cret>", 4, "expected: "),
            (b"<Counted>1</Counted>", b"", 4, "element Word: it is not expected here, or lacks an element"),
            (b"<Counted>1</Counted>", b"", 4, "expected: Counted"),
            (b"<Counted>", b'<Counted s3cret="s3cret">', 3, "element Counted"),
            (b"<Word>", b"s3cret<Word>", 2, "element Request: it holds text where only elements may be"),
            (b"urn:test", b"urn:s3cret", 2, "element Request: the schema does not know it as a root"),
        ],
    )
    def test_line_and_reason_without_values(self, schema, old, new, line, words):
        with pytest.raises(SchemaError) as caught:
            schema.validate(DOCUMENT.replace(old, new))
        error = caught.value
        assert (error.code, error.line, error.check) == ("schema-invalid", line, "document")
        assert f"line {line}: " in str(error)
        assert words in str(error)
        assert "s3cret" not in str(error).lower()
        assert error.__context__ is None

    def test_no_default_is_put_in(self, schema):
        root = etree.fromstring(DOCUMENT)
        before = etree.tostring(root)
        schema.validate_element(root)
        assert etree.tostring(root) == before

    def test_documents_are_read_as_everywhere(self, schema):
        for document, code in (
            (b"<a", "malformed-xml"),
            (b"<!DOCTYPE a><a/>", "doctype"),
            ("text", "wrong-type"),
        ):
            with pytest.raises(duisign.DocumentError) as caught:
                schema.validate(document)
            assert caught.value.code == code

    def test_threads_get_their_own_errors(self, schema):
        wrong = []

        def work(number):
            lines = b"\n" * number
            for _ in range(200):
                try:
                    schema.validate(lines + DOCUMENT.partition(b"\n")[2].replace(b">1<", b">x<"))
                except SchemaError as error:
                    if error.line != number + 2:
                        wrong.append(error)

        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


class TestOptions:
    @pytest.fixture(params=["both", "tree"], autouse=True)
    def lanes(self, request, monkeypatch):
        monkeypatch.setenv("DUISIGN_LANES", request.param)

    def test_a_signer_hands_out_only_what_is_valid(self, smki, schema):
        signer = Signer(smki.user.private_key, smki.user.certificate, schema=schema)
        plain = Signer(smki.user.private_key, smki.user.certificate, deterministic=True)
        signed = signer.sign(DOCUMENT)
        assert len(signed) == len(plain.sign(DOCUMENT))
        assert [result.ok for result in signer.sign_many([DOCUMENT, DOCUMENT.replace(b">1<", b">x<")])] == [True, False]
        with pytest.raises(SchemaError) as caught:
            signer.sign(DOCUMENT.replace(b">1<", b">x<"))
        assert caught.value.line == 3
        utf16 = DOCUMENT.decode().replace('"1.0"', '"1.0" encoding="UTF-16"')
        signer.sign(utf16.encode("utf-16"))
        with pytest.raises(SchemaError):
            signer.sign(utf16.replace(">1<", ">x<").encode("utf-16"))

    def test_a_key_ring_too(self, smki, schema, request_document):
        ring = KeyRing([(smki.user.private_key, smki.user.certificate)], schema=schema)
        with pytest.raises(SchemaError):
            ring.sign(request_document)

    @pytest.mark.parametrize("first", [False, True])
    def test_a_verifier_accepts_only_what_is_valid(self, smki, schema, first):
        sign = Signer(smki.user.private_key, smki.user.certificate).sign
        trust = PinnedCertificates([smki.user.certificate])
        verifier = Verifier(trust, schema=schema, schema_first=first)
        assert verifier.verify(sign(DOCUMENT)).element.tag == "{urn:test}Request"
        assert verifier.receive(sign(DOCUMENT)).element.tag == "{urn:test}Request"
        invalid = sign(DOCUMENT.replace(b">1<", b">x<"))
        assert Verifier(trust).verify(invalid)
        for call in (verifier.verify, verifier.receive):
            with pytest.raises(SchemaError):
                call(invalid)
        (result,) = verifier.verify_many([invalid])
        assert result.error.code == "schema-invalid"

    def test_the_order(self, smki, schema):
        signed = Signer(smki.user.private_key, smki.user.certificate).sign(DOCUMENT).replace(b">1<", b">x<")
        trust = PinnedCertificates([smki.user.certificate])
        with pytest.raises(duisign.DigestMismatchError):
            Verifier(trust, schema=schema).verify(signed)
        with pytest.raises(SchemaError):
            Verifier(trust, schema=schema, schema_first=True).verify(signed)

    def test_what_is_no_schema(self, smki):
        for call in (
            lambda: Signer(smki.user.private_key, smki.user.certificate, schema="folder"),
            lambda: Verifier(PinnedCertificates([smki.user.certificate]), schema="folder"),
        ):
            with pytest.raises(ConfigurationError) as caught:
                call()
            assert caught.value.code == "schema"
