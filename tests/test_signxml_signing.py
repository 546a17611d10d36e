"""XMLSigner: what it takes, refuses and leaves alone. Byte identity is a matter of the interop tests."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

import duisign
from duisign.signxml import (
    CanonicalizationMethod,
    InvalidInput,
    SignatureReference,
    XMLVerifier,
    add_issuer_serial,
    add_key_info,
    add_x509_digest,
)
from duisign.testing import Smki
from signxml_calls import DS, EXCLUSIVE, INCLUSIVE, PLACEHOLDER, RemoteKey, make, parsed, pem, refused, verified


@pytest.fixture
def identity(smki):
    return smki.user


@pytest.fixture
def key(identity):
    return identity.private_key


@pytest.fixture
def certificate(identity):
    return identity.certificate


# Data


def test_the_callers_tree_stays_as_it_is(key, certificate):
    tree = parsed(f"<a><b/>text{PLACEHOLDER}</a>")
    before = etree.tostring(tree)
    signed = make().sign(tree, key=key, cert=[certificate])
    assert etree.tostring(tree) == before
    assert signed.getroottree() is not tree.getroottree()
    assert verified(signed, certificate).signed_data == b"<a><b></b>text</a>"


def test_the_tree_of_a_nested_element_is_its_own(key, certificate):
    outer = parsed('<o xmlns="urn:o" xmlns:p="urn:p"><p:a>x</p:a>tail</o>')
    assert verified(make().sign(outer[0], key=key, cert=[certificate]), certificate).signed_xml.tag == "{urn:p}a"


@pytest.mark.parametrize("data", ["<a/>", b"<a/>", 5, None, object(), etree.Comment("x"), etree.ElementTree()])
def test_what_is_no_element(data, key):
    with pytest.raises(InvalidInput):
        make().sign(data, key=key)


def test_an_element_that_was_never_made(key):
    assert refused(etree._Element.__new__(etree._Element), key=key) == "malformed-xml"


def test_elements_of_the_standard_library(key, certificate):
    signed = make().sign(ElementTree.fromstring("<a><b>ö</b></a>"), key=key, cert=[certificate])
    assert verified(signed, certificate).signed_data == "<a><b>ö</b></a>".encode()
    unwritable = ElementTree.Element("a")
    unwritable.text = 5
    assert refused(unwritable, key=key) == "malformed-xml"


def test_doctype_and_limits(key):
    assert refused("<!DOCTYPE a><a/>", key=key) == "doctype"
    deep = etree.fromstring("<a>" * 257 + "</a>" * 257, etree.XMLParser(huge_tree=True))
    assert refused(deep, key=key) == "too-deep"
    assert refused('<a xmlns="relative"/>', key=key) == "relative-namespace"


def test_instructions_around_the_root(key, certificate):
    root = parsed("<?p q?><a/><!--c-->")
    assert refused(root.getroottree(), key=key) == "instruction-outside-root"
    assert verified(make().sign(root, key=key, cert=[certificate]), certificate).signed_data == b"<a></a>"
    commented = parsed("<!--c--><a/>").getroottree()
    assert verified(make().sign(commented, key=key, cert=[certificate]), certificate).signed_data == b"<a></a>"


# Placeholders and other Signatures


def test_a_placeholder_is_filled_where_it_stands(key, certificate):
    signed = make().sign(parsed(f"<a>x{PLACEHOLDER}<b/></a>"), key=key, cert=[certificate])
    assert [child.tag for child in signed] == [f"{{{DS}}}Signature", "b"]
    assert not signed[0].attrib
    assert verified(signed, certificate).signed_data == b"<a>x<b></b></a>"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (f'<a><Signature xmlns="{DS}"/></a>', "signature-exists"),
        (f'<a><Signature xmlns="{DS}" Id="other"/></a>', "signature-exists"),
        (f"<a>{PLACEHOLDER}{PLACEHOLDER}</a>", "signature-repeated"),
        (f"<a><b>{PLACEHOLDER}</b></a>", "signature-misplaced"),
        (f'<Signature xmlns="{DS}" Id="placeholder"/>', "signature-misplaced"),
        (f'<a><Signature xmlns="{DS}" Id="placeholder"><x/></Signature></a>', "placeholder"),
        (f'<a><Signature xmlns="{DS}" Id="placeholder">x</Signature></a>', "placeholder"),
        (f'<a><Signature xmlns="{DS}" Id="placeholder" n="1"/></a>', "placeholder"),
    ],
)
def test_signatures_that_are_there(data, code, key):
    assert refused(data, key=key) == code


# References


@pytest.mark.parametrize("method", [EXCLUSIVE, INCLUSIVE])
@pytest.mark.parametrize(
    ("data", "options"),
    [
        ('<a Id="x1"/>', {}),
        ('<a ID="x1"/>', {}),
        ('<a Id="x1"><b Id="x2"/></a>', {"reference_uri": "x1"}),
        ('<a Id="x1"/>', {"reference_uri": "#x1"}),
        ('<a Id="x1"/>', {"reference_uri": ["#x1"]}),
        ('<a id="x1"/>', {"reference_uri": "x1"}),
        ('<a Id="x1"/>', {"reference_uri": [SignatureReference("x1")]}),
        ('<a Id="x1"/>', {"reference_uri": [SignatureReference("x1", INCLUSIVE)]}),
        ('<a Name="x1"/>', {"reference_uri": "x1", "id_attribute": "Name"}),
    ],
)
def test_the_root_by_its_id(data, options, method, key, certificate):
    signed = make(method).sign(parsed(data), key=key, cert=[certificate], **options)
    assert signed.find(".//{*}Reference").get("URI") == "#x1"
    names = {"id_attribute": options["id_attribute"]} if "id_attribute" in options else {}
    assert verified(signed, certificate, **names).signed_data == duisign.canonicalize(data.encode(), method.value)


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        ("<a/>", {"reference_uri": ""}, "reference-uri"),
        ("<a/>", {"reference_uri": "x"}, "reference-uri"),
        ('<a Id="x y"/>', {}, "reference-uri"),
        ('<a Id=""/>', {}, "reference-uri"),
        ('<a Id="x"><b Id="x"/></a>', {}, "reference-uri"),
        ('<a ID="x"><b Id="x"/></a>', {}, "option"),
        ('<a><b Id="x"/></a>', {"reference_uri": "x"}, "option"),
        ('<a Id="x"/>', {"reference_uri": ["x", "x"]}, "option"),
        ('<a Id="x"/>', {"reference_uri": []}, "option"),
        ('<a Id="x"/>', {"reference_uri": [5]}, "option"),
        ('<a Id="x"/>', {"reference_uri": 5}, "option"),
        ('<a Id="x"/>', {"reference_uri": [SignatureReference(5)]}, "option"),
        ('<a Id="x"/>', {"reference_uri": [SignatureReference("x", inclusive_ns_prefixes=["p"])]}, "option"),
        (
            '<a Id="x"/>',
            {"reference_uri": [SignatureReference("x", CanonicalizationMethod.CANONICAL_XML_1_1)]},
            "option",
        ),
    ],
)
def test_references_that_are_refused(data, options, code, key):
    assert refused(data, key=key, **options) == code


# Other options


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"inclusive_ns_prefixes": ["a"]}, "option"),
        ({"signature_properties": [etree.Element("x")]}, "option"),
        ({"exclude_c14n_transform_element": True}, "option"),
        ({"key_name": 5}, "option"),
        ({"key_info": "x"}, "key-info"),
        ({"key_info": parsed("<KeyInfo/>")}, "key-info"),
        ({"key_info": parsed(f'<KeyInfo xmlns="{DS}"><!--c--></KeyInfo>')}, "key-info"),
        ({"key_info": parsed(f'<KeyInfo xmlns="{DS}"><Signature/></KeyInfo>')}, "key-info"),
        ({"key_info": parsed(f'<a xmlns="{DS}"><KeyInfo/>t</a>')[0]}, "key-info"),
        ({"key_info": parsed(f'<KeyInfo xmlns="{DS}"/>'), "key_name": "x"}, "option"),
        ({"key_info": parsed(f'<KeyInfo xmlns="{DS}"/>'), "always_add_key_value": True}, "option"),
        ({"cert": []}, "certificate-malformed"),
        ({"cert": ""}, "certificate-malformed"),
        ({"cert": b"no certificate"}, "certificate-malformed"),
        ({"cert": [5]}, "certificate-malformed"),
        ({"cert": 5}, "certificate-malformed"),
        ({"cert": ["AAAA"]}, "certificate-malformed"),
        ({"cert": ["%"]}, "certificate-malformed"),
        ({"passphrase": b"x"}, "key-malformed"),
    ],
)
def test_options_that_are_refused(options, code, key):
    assert refused(key=key, **options) == code


def test_the_key_info_element_stays_the_callers(key, certificate):
    key_info = parsed(f'<x xmlns="{DS}"><KeyInfo><KeyName>n</KeyName></KeyInfo></x>')[0]
    signer = make()
    first, second = (signer.sign(parsed("<a/>"), key=key, cert=[certificate], key_info=key_info) for _ in range(2))
    assert key_info.getparent() is not None
    assert first.findtext(".//{*}KeyName") == second.findtext(".//{*}KeyName") == "n"


def test_a_transform_is_left_out_only_when_the_default_is_meant(key, certificate):
    signed = make(INCLUSIVE).sign(
        parsed('<a xmlns:u="urn:u"/>'), key=key, cert=[certificate], exclude_c14n_transform_element=True
    )
    assert len(signed.findall(".//{*}Transform")) == 1
    assert verified(signed, certificate).signed_data == b'<a xmlns:u="urn:u"></a>'


def test_duis_form_by_the_id_of_the_root(key, certificate):
    reference = SignatureReference("x", INCLUSIVE)
    signed = make().sign(
        parsed('<a xmlns:u="urn:u" Id="x"/>'),
        key=key,
        cert=[certificate],
        reference_uri=[reference],
        exclude_c14n_transform_element=True,
    )
    assert verified(signed, certificate).signed_data == b'<a xmlns:u="urn:u" Id="x"></a>'


# Keys and certificates


class BrokenKey(RemoteKey):
    def __init__(self, answer):
        self._answer = answer

    def sign(self, data, signature_algorithm):
        return self._answer


def test_keys_in_pem(key, certificate):
    for text in (pem(key), pem(key).decode()):
        assert verified(make().sign(parsed("<a/>"), key=text, cert=[certificate]), certificate)
    encrypted = pem(key, b"secret")
    assert verified(make().sign(parsed("<a/>"), key=encrypted, passphrase=b"secret", cert=[certificate]), certificate)
    assert refused(key=encrypted) == "key-malformed"
    assert refused(key=encrypted, passphrase=b"wrong") == "key-malformed"
    assert refused(key=pem(key), passphrase=b"secret") == "key-malformed"
    assert refused(key=b"no key") == "key-malformed"


def test_keys_that_are_refused(key):
    assert refused() == "key-missing"
    assert refused(key=5) == "key-type"
    assert refused(key=key.public_key()) == "key-type"
    assert refused(key=ec.generate_private_key(ec.SECP384R1())) == "key-curve"
    assert refused(key=ec.generate_private_key(ec.SECP256K1())) == "key-curve"
    assert refused(key=rsa.generate_private_key(65537, 2048)) == "key-curve"
    wrong = SimpleNamespace(key_size=256, sign=None, public_key=lambda: "no key")
    wrong.sign = key.sign
    assert refused(key=wrong) == "key-curve"


def test_a_key_elsewhere(key, certificate):
    assert verified(make().sign(parsed("<a/>"), key=RemoteKey(key), cert=[certificate]), certificate)
    assert refused(key=RemoteKey(key)) == "key-public"
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(key=RemoteKey(other), cert=[certificate]) == "key-certificate-mismatch"
    for answer in (None, b"", b"\x30\x00", bytes(64), bytes.fromhex("3006020100020101")):
        assert refused(key=BrokenKey(answer), cert=[certificate]) == "key-signature"


def test_what_a_key_elsewhere_raises_comes_through(certificate):
    class Gone(RemoteKey):
        def sign(self, data, signature_algorithm):
            raise ConnectionError("the token is gone")

    with pytest.raises(ConnectionError):
        make().sign(parsed("<a/>"), key=Gone(None), cert=[certificate])


# Annotators


def test_annotators_add_to_the_signature(key, certificate):
    told = []

    def annotate(sig_root, signing_settings):
        told.append(signing_settings)
        etree.SubElement(sig_root, f"{{{DS}}}Object").text = "unsigned"

    signer = make()
    signer.signature_annotators.append(annotate)
    signed = signer.sign(parsed("<a/>"), key=key, cert=[certificate], key_name="n")
    assert signed.findtext(".//{*}Object") == "unsigned"
    assert (told[0].key, told[0].key_name, told[0].cert_chain) == (key, "n", [certificate])
    assert repr(told[0]) == "<SigningSettings>"
    signer.signature_annotators = []
    assert signer.sign(parsed("<a/>"), key=key).find(".//{*}KeyInfo") is None


def test_issuer_serial_and_digest(key, certificate, smki):
    signer = make()
    signer.signature_annotators += [add_issuer_serial, add_x509_digest]
    signed = etree.tostring(signer.sign(parsed("<a/>"), key=key, cert=[certificate]))
    assert duisign.Verifier(duisign.PinnedCertificates([certificate])).verify(signed).certificate == certificate
    assert refused(key=key, signer=signer) == "annotator"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.getparent().set("n", "1"),
        lambda root: root.getparent().append(etree.Element("more")),
        lambda root: root[0].set("Id", "x"),
        lambda root: root.find(".//{*}Reference").set("URI", "#x"),
        lambda root: root.remove(root[1]),
        lambda root: root.append(root[0]),
        lambda root: root.insert(0, etree.Element("x")),
        lambda root: root[1].set("Id", "x"),
        lambda root: root.getparent().remove(root),
        lambda root: root.append(copy.deepcopy(root)),
        lambda root: setattr(root, "tag", "Signature"),
    ],
)
def test_annotators_must_not_change_what_is_signed(change, key):
    signer = make()
    signer.signature_annotators.append(lambda sig_root, signing_settings: change(sig_root))
    assert refused("<a><b/></a>", signer=signer, key=key) in ("annotator", "signature-misplaced")


def test_annotators_must_not_repeat_the_id(key):
    signer = make()
    signer.signature_annotators.append(lambda sig_root, signing_settings: sig_root.set("Id", "x"))
    assert refused('<a Id="x"/>', signer=signer, key=key) == "reference-uri"
    assert signer.sign(parsed('<a Id="y"/>'), key=key)[0].get("Id") == "x"


def test_what_an_annotator_raises_comes_through(key):
    def fail(sig_root, signing_settings):
        raise KeyError("mine")

    signer = make()
    signer.signature_annotators = [add_key_info, fail]
    with pytest.raises(KeyError, match="mine"):
        signer.sign(parsed("<a/>"), key=key)


# Prefixes


def test_prefixes(key, certificate):
    signer = make(INCLUSIVE)
    signer.namespaces = {"sig": DS, "more": "urn:more"}
    signed = signer.sign(parsed("<a/>"), key=key, cert=[certificate])
    assert b'<sig:Signature xmlns:more="urn:more" xmlns:sig="' in etree.tostring(signed).replace(
        f'xmlns:sig="{DS}" xmlns:more="urn:more"'.encode(), f'xmlns:more="urn:more" xmlns:sig="{DS}"'.encode()
    )
    assert verified(signed, certificate)


@pytest.mark.parametrize(
    "namespaces", [{}, {"ds": "urn:x"}, {None: DS}, {"ds": DS, None: "urn:x"}, {"1 ": DS}, "ds", None]
)
def test_prefixes_that_are_refused(namespaces, key):
    signer = make()
    signer.namespaces = namespaces
    assert refused(signer=signer, key=key) == "option"


# Threads


def test_one_signer_and_verifier_for_all_threads(smki):
    signer, verifier = make(), XMLVerifier()
    identities = (smki.user, smki.dcc, Smki.create().user)

    def turn(number):
        who = identities[number % len(identities)]
        name = f"Id{number % 5}"
        document = parsed(f'<a {name}="x{number}"><b>{number}</b></a>')
        options = {"reference_uri": f"x{number}", "id_attribute": name}
        signed = signer.sign(document, key=who.private_key, cert=[who.certificate], **options)
        result = verifier.verify(etree.tostring(signed), x509_cert=who.certificate, id_attribute=name)
        return result.signed_data == f'<a {name}="x{number}"><b>{number}</b></a>'.encode()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(turn, range(400)))


def test_signatures_are_made_of_the_same_algorithm(key, certificate):
    asked = []

    class Listening(RemoteKey):
        def sign(self, data, signature_algorithm):
            asked.append(signature_algorithm)
            return super().sign(data, signature_algorithm)

    make().sign(parsed("<a/>"), key=Listening(key), cert=[certificate])
    assert isinstance(asked[0].algorithm, hashes.SHA256)
