"""What `Signer.sign` does to the caller's bytes: it adds one element, and nothing else changes."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import (
    CanonicalizationError,
    ConfigurationError,
    DocumentError,
    KeyInfo,
    PinnedCertificates,
    Profile,
    Signer,
    Verifier,
)
from xml_documents import documents

DS = "http://www.w3.org/2000/09/xmldsig#"
OPEN, CLOSE = re.compile(rb"<ds:Signature[ >]"), b"</ds:Signature>"


def make(smki, **options):
    return Signer(smki.user.private_key, smki.user.certificate, **options)


def taken_out(signed):
    """The bytes around the one Signature."""
    (start,) = (match.start() for match in OPEN.finditer(re.sub(rb"<!--.*?-->", lambda m: b"x" * len(m[0]), signed)))
    end = signed.index(CLOSE, start) + len(CLOSE)
    return signed[:start] + signed[end:]


BYTES = {
    "declaration": b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\r\n<a>x</a>',
    "byte-order-mark": b"\xef\xbb\xbf<a>\xc3\xa9</a>",
    "crlf": b"<a>\r\n <b/>\r\n</a>\r\n",
    "quotes": b"<a b='1' c=\"2\"   d = '&#x41;\"'\n><b/></a >\n\n",
    "comments-behind": b"<a><b/></a><!-- </a> --><?p </a> ?>",
    "comments-before": b"<!-- <a> --><?p <a ?><a><b/></a>",
    "cdata": b"<a><![CDATA[</a>]]]]><![CDATA[>]]></a>",
    "greater-than": b"<a b='>' c=\"/>\">></a>",
    "same-names": b"<a><a></a><a/></a>",
    "label-ascii": b"<?xml version='1.0' encoding='us-ascii'?><a>&#233;</a>",
    "prefix": b'<s:a xmlns:s="urn:s"><s:b/></s:a>',
    "default": b'<a xmlns="urn:s"><b xmlns=""/></a>',
    "ds-bound": f'<a xmlns:ds="{DS}"><b/></a>'.encode(),
    "ds-elsewhere": b'<a xmlns:ds="urn:not-dsig"><ds:b/></a>',
    "ds-below": f'<a><b xmlns:ds="{DS}"/></a>'.encode(),
}


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.unusual] * (name == "label-ascii")) for name in BYTES]
)
def test_everything_outside_the_signature_stays(smki, verifier, name, profile):
    signed = make(smki, profile=profile).sign(BYTES[name])
    assert taken_out(signed) == BYTES[name]
    assert verifier.verify(signed).profile is profile


@pytest.mark.parametrize(
    ("document", "opened"),
    [
        (b"<a/>", b"<a></a>"),
        (b'<s:a\txmlns:s="urn:s" b="/" />\n', b'<s:a\txmlns:s="urn:s" b="/" ></s:a>\n'),
        pytest.param(b"<\xc3\xa9/>", b"<\xc3\xa9></\xc3\xa9>", marks=pytest.mark.unusual),
    ],
)
def test_a_root_without_content_is_opened(signer, verifier, document, opened):
    signed = signer.sign(document)
    assert taken_out(signed) == opened
    verifier.verify(signed)


def test_the_shape_on_the_wire(smki, signer, verifier, request_document):
    signed = signer.sign(request_document)
    signature = verifier and etree.fromstring(signed)[-1]
    assert etree.fromstring(signed).getchildren()[-1].tag == f"{{{DS}}}Signature"
    assert signature.prefix == "ds"
    assert not signature.attrib
    written = signed[OPEN.search(signed).start() : signed.index(CLOSE)]
    assert not any(octet in written for octet in b"\r\n\t")
    assert b'xmlns:ds="' not in written  # the sample's root binds it
    assert b'<ds:Signature xmlns:ds="' in signer.sign(b"<a/>")
    assert len(signature.findtext(f"{{{DS}}}SignatureValue")) == 88
    issuer_serial = signature.find(f".//{{{DS}}}X509IssuerSerial")
    assert [child.text for child in issuer_serial] == [
        "CN=duisign test CA,OU=07",
        str(smki.user.certificate.serial_number),
    ]


def test_deterministic_signatures_repeat(smki, request_document):
    deterministic = make(smki, deterministic=True)
    assert deterministic.sign(request_document) == deterministic.sign(request_document)
    random = make(smki)
    assert random.sign(request_document) != random.sign(request_document)


@pytest.mark.unusual
@pytest.mark.parametrize(
    ("codec", "label", "mark"),
    [
        ("utf-16-le", "UTF-16", "\ufeff"),
        ("utf-16-be", "UTF-16", "\ufeff"),
        ("utf-16-le", "UTF-16LE", ""),
        ("utf-16-be", "UTF-16BE", ""),
        ("latin-1", "ISO-8859-1", ""),
        ("iso8859-15", "ISO-8859-15", ""),
        ("cp1252", "windows-1252", ""),
        ("koi8-r", "KOI8-R", ""),
        ("shift_jis", "Shift_JIS", ""),
        ("gb18030", "GB18030", ""),
        ("utf-32-le", "UTF-32", "\ufeff"),
        ("utf-8", "utf-8", "\ufeff"),
    ],
)
@pytest.mark.parametrize("whitespace", ["preserve", "strip"])
def test_other_encodings_are_kept(smki, verifier, codec, label, mark, whitespace):
    letters = {"koi8-r": "\u0416", "shift_jis": "\u8868\u30bd", "gb18030": "\u4e02\U0001f600"}.get(codec, "\u00e9")
    text = f'{mark}<?xml version="1.0" encoding="{label}"?><a b="{letters}">\n <c>{letters}</c></a>'
    signed = make(smki, whitespace=whitespace).sign(text.encode(codec))
    decoded = signed.decode(codec)
    start, end = (
        re.search("<ds:Signature[ >]", decoded).start(),
        decoded.index("</ds:Signature>") + len("</ds:Signature>"),
    )
    kept = text if whitespace == "preserve" else text.replace("\n ", "")
    assert decoded[:start] + decoded[end:] == kept
    assert verifier.verify(signed).element.get("b") == letters


@pytest.mark.unusual
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_needs_no_declaration(signer, verifier, codec):
    signed = signer.sign("\ufeff<a>\u00e9</a>".encode(codec))
    assert signed.decode(codec).startswith("\ufeff<a>\u00e9<ds:Signature")
    assert verifier.verify(signed).element.text == "\u00e9"
    with pytest.raises(duisign.DocumentError):
        verifier.verify("\ufeff<!DOCTYPE a><a/>".encode(codec))


@pytest.mark.parametrize(
    "label",
    [
        "UTF-7",
        "ISO-2022-JP",
        "HZ-GB-2312",
        "IBM037",
        "nonsense",
        "rot13",
        "zlib",
        "unicode_escape",
        "punycode",
    ],
)
def test_encodings_that_hide_markup_are_refused(signer, verifier, label):
    for call in (signer.sign, verifier.verify, duisign.canonicalize):
        with pytest.raises(duisign.DocumentError) as caught:
            call(f'<?xml version="1.0" encoding="{label}"?><a/>'.encode())
        assert caught.value.code == "unsupported-encoding"


class TestExistingSignature:
    PLACEHOLDER = (
        f'<ds:Signature xmlns:ds="{DS}"><!-- old --><ds:KeyInfo><x>old</x></ds:KeyInfo></ds:Signature>'.encode()
    )

    def test_is_refused_by_default(self, signer):
        with pytest.raises(duisign.SignatureExistsError) as caught:
            signer.sign(b"<a>" + self.PLACEHOLDER + b"</a>")
        assert (caught.value.code, caught.value.check) == ("signature-exists", "signature")

    @pytest.mark.parametrize(
        "document",
        [
            b"<a><b/>%s</a>",
            b"<a>%s<b/></a>",
            b"<a>\n<b/>\n %s\n</a>\n",
            b"<a><b><c/></b><!-- <ds:Signature> -->%s<?x?><d/></a>",
            b"<a>%s</a>",
            b"\xef\xbb\xbf<a><b/>%s</a>",
        ],
    )
    @pytest.mark.parametrize("old", [PLACEHOLDER, f'<Signature xmlns="{DS}"/>'.encode()])
    def test_replace_keeps_nothing_of_it(self, smki, verifier, document, old):
        signed = make(smki, existing_signature="replace").sign(document % old)
        assert b"old" not in signed
        assert taken_out(signed) == document % b""
        verifier.verify(signed)

    @pytest.mark.unusual
    def test_replace_in_utf_16(self, smki, verifier):
        document = f'<?xml version="1.0" encoding="UTF-16"?><a>{self.PLACEHOLDER.decode()}</a>'.encode("utf-16")
        verifier.verify(make(smki, existing_signature="replace").sign(document))

    def test_signing_again_replaces(self, smki, signed, verifier):
        again = make(smki, existing_signature="replace").sign(signed)
        assert taken_out(again) == taken_out(signed)
        verifier.verify(again)

    @pytest.mark.parametrize("document", [b"<a>%s%s</a>", b"<a><b>%s</b>%s</a>"])
    def test_signatures_that_cannot_be_replaced_are_refused(self, smki, document):
        with pytest.raises(duisign.SignatureFormatError):
            make(smki, existing_signature="replace").sign(document % (self.PLACEHOLDER, self.PLACEHOLDER))


STRIP = {
    "indented": (b"<a>\n  <b>\n    <c> x </c>\n  </b>\n</a>\n", b"<a><b><c> x </c></b></a>\n"),
    "crlf-and-tabs": (b"<a>\r\n\t<b/>\r\n</a>", b"<a><b/></a>"),
    "leaf": (b"<a> <b> </b> </a>", b"<a><b> </b></a>"),
    "leaf-root": (b"<a> \n </a>", b"<a> \n </a>"),
    "leaf-with-comment": (b"<a><b> <!-- c --> </b></a>", b"<a><b> <!-- c --> </b></a>"),
    "comment-and-element": (
        b"<a> <!-- c --> <?p?> <b/> <!-- d --> </a>",
        b"<a><!-- c --><?p?><b/><!-- d --></a>",
    ),
    "cdata": (b"<a> <b/><![CDATA[ ]]> <c/> </a>", b"<a><b/><![CDATA[ ]]> <c/></a>"),
    "references": (b"<a>&#32;<b/> &#10; <c/>\n</a>", b"<a>&#32;<b/> &#10; <c/></a>"),
    "mixed": (b"<a> x <b/> <c/> y </a>", b"<a> x <b/><c/> y </a>"),
    "attributes": (b"<a> <b c='> <'/></a>".replace(b"<'", b"'"), b"<a><b c='> '/></a>"),
    "around": (b"<?p?>\n<!-- c -->\n<a>\n<b/></a>\n<?q?>\n", b"<?p?>\n<!-- c -->\n<a><b/></a>\n<?q?>\n"),
    "deep": (b"<a> " * 100 + b"<b/>" + b" </a>" * 100, b"<a>" * 100 + b"<b/>" + b"</a>" * 100),
    "no-break-space": (b"<a>\xc2\xa0<b/></a>", b"<a>\xc2\xa0<b/></a>"),
}


@pytest.mark.parametrize("name", STRIP)
def test_strip_removes_white_space_between_tags_alone(smki, verifier, name):
    document, stripped = STRIP[name]
    signed = make(smki, whitespace="strip").sign(document)
    assert taken_out(signed) == stripped
    verifier.verify(signed)


def test_strip_gives_what_signing_the_compact_document_gives(smki, request_document):
    strip = make(smki, whitespace="strip", deterministic=True)
    indented = (
        request_document.replace(b"><sr:H", b">\n  <sr:H").replace(b"</sr:", b"</sr:").replace(b"><sr:B", b">\n\t<sr:B")
    )
    assert indented != request_document
    assert strip.sign(indented) == strip.sign(request_document)


@pytest.mark.unusual
@settings(max_examples=150, deadline=None)
@given(document=documents())
def test_any_document_signs_and_verifies(smki, verifier, document):
    for options in ({}, {"whitespace": "strip"}, {"profile": Profile.SIGNXML}):
        signed = make(smki, **options).sign(document)
        message = verifier.verify(signed)
        if "whitespace" not in options:
            algorithm = message.profile.digest_canonicalization
            assert message.signed_bytes == duisign.canonicalize(document, algorithm)


class TestElements:
    def test_the_borrowed_tree_is_not_changed(self, smki, verifier, signer):
        root = etree.fromstring(b"<?p?><!--c--><a> <b/>t</a><?q?>")
        before = etree.tostring(root.getroottree())
        signed = signer.sign_element(root)
        assert etree.tostring(root.getroottree()) == before
        assert signed is not root
        assert signed[-1].tag == f"{{{DS}}}Signature"
        assert etree.tostring(signed.getroottree()).startswith(b"<?p?><!--c--><a> <b/>t<ds:Signature")
        verifier.verify(etree.tostring(signed.getroottree()))

    def test_an_element_inside_a_document_becomes_one_of_its_own(self, verifier, signer):
        inner = etree.fromstring(b'<a xmlns="urn:1" xmlns:p="urn:2"><p:b c="1"/>tail</a>')[0]
        signed = signer.sign_element(inner)
        assert signed.tag == "{urn:2}b"
        assert signed.tail is None
        verifier.verify(etree.tostring(signed))

    def test_same_bytes_as_sign(self, smki, request_document):
        deterministic = make(smki, deterministic=True)
        element = deterministic.sign_element(etree.fromstring(request_document))
        assert etree.tostring(element) == deterministic.sign(etree.tostring(etree.fromstring(request_document)))

    @pytest.mark.unusual
    @pytest.mark.parametrize(
        "text", ["<r><?pi \u00e9?><!--\u00e9--><x/></r>", "<r\u00e9/>", "<r \u00e9='1'/>", "<r><?\u00e9 x?></r>"]
    )
    def test_names_comments_and_instructions_that_are_not_ascii(self, verifier, signer, text):
        root = etree.fromstring(text)
        signed = signer.sign_element(root)
        octets = etree.tostring(signed.getroottree(), encoding="UTF-8")
        assert verifier.verify(octets).signed_bytes == duisign.canonicalize(text.encode())

    def test_a_tree_built_in_memory(self, verifier, signer):
        root = etree.Element("{urn:x}a", nsmap={None: "urn:x"})
        etree.SubElement(root, "{urn:y}b", {"{urn:z}c": '\r\n\t"<&'}).text = "\r<>&\u00e9"
        verifier.verify(etree.tostring(signer.sign_element(root)))

    @pytest.mark.parametrize(
        "bad",
        [None, b"<a/>", "<a/>", etree.Comment("c"), etree.ProcessingInstruction("p"), etree.ElementTree(), 7],
    )
    def test_anything_else_is_refused(self, signer, bad):
        with pytest.raises(duisign.DocumentError) as caught:
            signer.sign_element(bad)
        assert caught.value.code == "wrong-type"

    def test_a_doctype_is_refused(self, signer):
        with pytest.raises(duisign.DocumentError) as caught:
            signer.sign_element(etree.fromstring(b"<!DOCTYPE a><a/>"))
        assert caught.value.code == "doctype"


class TestConstruction:
    def refused(self, code, *arguments, **options):
        with pytest.raises(duisign.ConfigurationError) as caught:
            Signer(*arguments, **options)
        assert caught.value.code == code

    def test_key_and_certificate_as_bytes(self, smki, request_document, verifier):
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            key = smki.user.private_key.private_bytes(
                encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            verifier.verify(Signer(key, smki.user.certificate.public_bytes(encoding)).sign(request_document))

    def test_what_does_not_fit_is_refused(self, smki):
        key, certificate = smki.user.private_key, smki.user.certificate
        self.refused("key-certificate-mismatch", smki.dcc.private_key, certificate)
        self.refused("key-type", rsa.generate_private_key(65537, 2048), certificate)
        self.refused("key-type", key.public_key(), certificate)
        self.refused("key-type", None, certificate)
        self.refused("key-type", "text", certificate)
        self.refused("key-curve", ec.generate_private_key(ec.SECP384R1()), certificate)
        self.refused("key-malformed", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", certificate)
        self.refused("key-malformed", b"", certificate)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
        self.refused("key-malformed", secret, certificate)
        self.refused("certificate-malformed", key, b"")
        self.refused("certificate-malformed", key, None)
        self.refused("certificate-malformed", key, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        agreement = smki.issue(entity_id="00-DB-12-34-A5-00-00-08", role=0x87, key_usage="key_agreement")
        self.refused("certificate-key-usage", agreement.private_key, agreement.certificate)

    @pytest.mark.parametrize(
        ("option", "value", "code"),
        [
            ("profile", "duis", "profile"),
            ("whitespace", "drop", "whitespace"),
            ("existing_signature", True, "existing-signature"),
            ("key_info", "none", "key-info"),
            ("key_info", None, "key-info"),
            ("max_octets", 0, "size-limit"),
            ("max_depth", 0, "depth-limit"),
            ("max_depth", 2049, "depth-limit"),
            ("max_depth", "x", "depth-limit"),
        ],
    )
    def test_options_are_checked(self, smki, option, value, code):
        self.refused(code, smki.user.private_key, smki.user.certificate, **{option: value})

    def test_nothing_secret_in_the_repr(self, smki, signer):
        text = repr(signer)
        assert str(smki.user.certificate.serial_number) in text
        assert "PrivateKey" not in text


class TestKeyInfo:
    FORMS = {
        KeyInfo.ISSUER_SERIAL: ["X509IssuerSerial"],
        KeyInfo.CERTIFICATE: ["X509Certificate"],
        KeyInfo.ISSUER_SERIAL_AND_CERTIFICATE: ["X509IssuerSerial", "X509Certificate"],
        KeyInfo.SKI: ["X509SKI"],
        KeyInfo.DIGEST: ["X509Digest"],
        KeyInfo.SUBJECT_NAME: ["X509SubjectName"],
        KeyInfo.NONE: None,
    }

    @pytest.mark.parametrize("form", KeyInfo)
    def test_every_form_is_written_and_read(self, smki, verifier, form):
        signed = make(smki, key_info=form).sign(b"<a/>")
        data = etree.fromstring(signed).find(f".//{{{DS}}}X509Data")
        names = None if data is None else [etree.QName(child).localname for child in data]
        assert names == self.FORMS[form]
        assert verifier.verify(signed).certificate == smki.user.certificate

    def test_a_callers_element_is_copied(self, smki, verifier):
        element = etree.fromstring(
            f'<KeyInfo xmlns="{DS}"><KeyName>n&amp;\u00e9</KeyName><o:x xmlns:o="urn:o" o:y="1"/></KeyInfo>'
        )
        before = etree.tostring(element)
        signed = make(smki, key_info=element).sign(b"<a/>")
        assert etree.tostring(element) == before
        copied = etree.fromstring(signed).find(f"{{{DS}}}Signature/{{{DS}}}KeyInfo")
        assert copied.findtext(f"{{{DS}}}KeyName") == "n&\u00e9"
        verifier.verify(signed)

    @pytest.mark.parametrize("issuer", ["a\x01b", "ends in space ", "x" * 1100, "\ufffe"])
    def test_issuers_that_are_odd(self, smki, issuer):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import NameOID

        template = smki.user.certificate
        attribute = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, issuer, _validate=False)
        builder = x509.CertificateBuilder(
            x509.Name([attribute]),
            template.subject,
            template.public_key(),
            5,
            template.not_valid_before_utc,
            template.not_valid_after_utc,
        ).add_extension(template.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
        odd = builder.sign(smki.user.private_key, hashes.SHA256())
        if issuer in ("ends in space ", "a\x01b"):
            signed = Signer(smki.user.private_key, odd).sign(b"<a/>")
            assert Verifier(PinnedCertificates([odd])).verify(signed).certificate == odd
            return
        with pytest.raises(duisign.ConfigurationError) as caught:
            Signer(smki.user.private_key, odd)
        assert caught.value.code == "key-info"

    @pytest.mark.parametrize("content", ["text", "<\u00e9:x xmlns:\u00e9='urn:e'/>"])
    def test_elements_that_verifiers_refuse(self, smki, content):
        with pytest.raises(duisign.ConfigurationError) as caught:
            make(smki, key_info=etree.fromstring(f'<KeyInfo xmlns="{DS}">{content}</KeyInfo>'))
        assert caught.value.code == "key-info"
        with pytest.raises(duisign.ConfigurationError):
            make(smki, key_info=etree.fromstring(f'<KeyInfo xmlns="{DS}" Id="k"><KeyName>k</KeyName></KeyInfo>'))

    @pytest.mark.parametrize("content", ["<x xmlns=''/>", "<!--c-->", "<?p?>", "<Signature/>"])
    def test_elements_that_would_not_verify_are_refused(self, smki, content):
        with pytest.raises(duisign.ConfigurationError) as caught:
            make(smki, key_info=etree.fromstring(f'<KeyInfo xmlns="{DS}">{content}</KeyInfo>'))
        assert caught.value.code == "key-info"
        with pytest.raises(duisign.ConfigurationError):
            make(smki, key_info=etree.fromstring(f'<X509Data xmlns="{DS}"/>'))


def test_one_signer_serves_many_threads(smki, signer, verifier, request_document):
    from concurrent.futures import ThreadPoolExecutor

    pages = [request_document.replace(b"Fern", f"Fern{number}".encode()) for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        for page, message in zip(pages, pool.map(lambda page: verifier.verify(signer.sign(page)), pages), strict=True):
            assert message.signed_bytes == duisign.canonicalize(page)


@settings(max_examples=60, deadline=None)
@given(size=st.integers(0, 40))
def test_the_size_limit_holds_for_what_is_handed_out(smki, size):
    document = b"<a>" + b"x" * size + b"</a>"
    length = len(make(smki).sign(document))
    assert len(make(smki, max_octets=length).sign(document)) == length
    with pytest.raises(duisign.DocumentError) as caught:
        make(smki, max_octets=length - 1).sign(document)
    assert caught.value.code == "document-too-large"
    trust = PinnedCertificates([smki.user.certificate])
    Verifier(trust, max_octets=length).verify(make(smki).sign(document))


class TestReplacingWithTextAround:
    """Without the old Signature its neighbours become one text, which is what must be signed."""

    OLD = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
    LONG = OLD.replace("/>", ">" + "x" * 40_000 + "</ds:Signature>")
    ENCODINGS = ("utf-8", *(pytest.param(name, marks=pytest.mark.unusual) for name in ("utf-16", "iso-8859-1")))

    @pytest.mark.parametrize("encoding", ENCODINGS)
    @pytest.mark.parametrize("whitespace", ["preserve", "strip"])
    @pytest.mark.parametrize("profile", list(Profile))
    @pytest.mark.parametrize("around", ["\r|\n", "x\r|\ny", "]|]", "]]|&gt;", "]|x>", " | ", "\r\n  |\r\n"])
    def test_what_is_signed_is_what_is_handed_out(self, smki, profile, whitespace, encoding, around):
        left, right = around.split("|")
        declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
        document = f"{declaration}<a>{left}{self.OLD}{right}</a>".encode(encoding)
        signer = Signer(
            smki.user.private_key,
            smki.user.certificate,
            profile=profile,
            whitespace=whitespace,
            existing_signature="replace",
        )
        signed = signer.sign(document)
        assert Verifier(PinnedCertificates([smki.user.certificate])).verify(signed)
        assert signer.sign(signed)

    @pytest.mark.parametrize("encoding", ENCODINGS)
    @pytest.mark.parametrize("around", ["]]|>", "]|]>"])
    def test_text_that_joins_to_an_end_of_section_is_refused(self, smki, encoding, around):
        left, right = around.split("|")
        document = f'<?xml version="1.0" encoding="{encoding}"?><a>{left}{self.OLD}{right}</a>'.encode(encoding)
        signer = Signer(smki.user.private_key, smki.user.certificate, existing_signature="replace")
        with pytest.raises(DocumentError) as caught:
            signer.sign(document)
        assert caught.value.code == "text-around-signature"


class TestLimitsOfWhatIsMade:
    """What a Signer makes, it and a Verifier with its limits can read."""

    @pytest.mark.parametrize("dropped", [" " * 40_000, TestReplacingWithTextAround.LONG])
    @pytest.mark.parametrize("lanes", ["both", "tree"])
    def test_what_is_dropped_buys_no_room(self, monkeypatch, smki, lanes, dropped):
        monkeypatch.setenv("DUISIGN_LANES", lanes)
        signer = Signer(
            smki.user.private_key,
            smki.user.certificate,
            profile=Profile.SIGNXML,
            whitespace="strip",
            existing_signature="replace",
        )
        document = f'<a xmlns:p="urn:{"x" * 900}">{"<p:b/>" * 200}{dropped}<b/></a>'.encode()
        with pytest.raises(CanonicalizationError) as caught:
            signer.sign(document)
        assert caught.value.code == "canonical-form-too-large"

    @pytest.mark.parametrize("levels", [1, 5])
    def test_a_signer_below_the_levels_of_a_signature_is_refused(self, smki, levels):
        with pytest.raises(ConfigurationError) as caught:
            Signer(smki.user.private_key, smki.user.certificate, max_depth=levels)
        assert caught.value.code == "depth-limit"
        signed = Signer(smki.user.private_key, smki.user.certificate, max_depth=6).sign(b"<a/>")
        assert Verifier(PinnedCertificates([smki.user.certificate]), max_depth=6).verify(signed)

    @pytest.mark.parametrize("octets", [2**63 - 1, 2**63, 10**30])
    def test_any_number_of_octets_is_a_limit(self, smki, octets):
        signed = Signer(smki.user.private_key, smki.user.certificate, max_octets=octets).sign(b"<a/>")
        assert Verifier(PinnedCertificates([smki.user.certificate]), max_octets=octets).verify(signed)

    def test_a_truth_value_is_no_limit(self, smki):
        with pytest.raises(ConfigurationError) as caught:
            Signer(smki.user.private_key, smki.user.certificate, max_octets=True)
        assert caught.value.code == "size-limit"


class TestKeysOfOthers:
    """A key whose `sign` gives something else than a signature in DER."""

    @pytest.mark.parametrize("lanes", ["both", "tree"])
    @pytest.mark.parametrize(
        "output", [None, bytearray(b"x"), b"", b"\x30\x06\x02\x01\x01\x02\x01", bytes(64)], ids=repr
    )
    def test_what_it_gives_is_refused(self, monkeypatch, smki, lanes, output):
        monkeypatch.setenv("DUISIGN_LANES", lanes)
        key = smki.user.private_key

        class Key(ec.EllipticCurvePrivateKey):
            curve = key.curve
            key_size = key.key_size
            public_key, exchange = key.public_key, key.exchange
            private_numbers, private_bytes = key.private_numbers, key.private_bytes

            def sign(self, data, signature_algorithm):
                return output

            def __copy__(self):
                return self

            def __deepcopy__(self, memo):
                return self

        with pytest.raises(ConfigurationError) as caught:
            Signer(Key(), smki.user.certificate).sign(b"<a/>")
        assert caught.value.code == "key-output"
