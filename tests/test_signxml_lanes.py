"""XMLSigner by the byte lane: what it signs in one pass, with the same result as by way of a tree."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from duisign.signxml import InvalidInput, XMLVerifier, add_issuer_serial, add_key_info, add_x509_digest
from signxml_calls import DS, INCLUSIVE, PLACEHOLDER, RemoteKey, make, make_with, parsed, refused, verified
from xml_documents import Shape, documents


@pytest.fixture
def key(smki):
    return smki.user.private_key


@pytest.fixture
def certificate(smki):
    return smki.user.certificate


@pytest.fixture(params=["both", "tree"])
def lanes(request, monkeypatch):
    monkeypatch.setenv("DUISIGN_LANES", request.param)
    return request.param


def without_value(root):
    value = root.find(f"{{{DS}}}Signature/{{{DS}}}SignatureValue")
    assert len(value.text) == 88
    value.text = None
    return etree.tostring(root)


DSIG11 = "http://www.w3.org/2009/xmldsig11#"
SURROUNDINGS = [None, {"ds": DS}, {"x": DS}, {None: DS}, {"ds": "urn:other"}, {"dsig11": DSIG11}, {"x": DSIG11}]
KEY_INFOS = ["<p:x/>", "<x xmlns='urn:a'/>", "<é/>", "<x é='1'></x>", "<x><![CDATA[<]]></x>", "<x> </x>&#13;"]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=documents(Shape(dsig_prefixes=("ds", "a", ""))),
    surroundings=st.sampled_from(SURROUNDINGS),
    form=st.sampled_from(["PEM", "list", "two", "none"]),
    more=st.sampled_from([{}, {"key_name": "\u20ac&"}, {"key_name": ""}, {"always_add_key_value": True}, *KEY_INFOS]),
    annotators=st.lists(st.sampled_from([add_issuer_serial, add_x509_digest]), max_size=2),
)
def test_one_pass_makes_what_a_tree_makes(document, surroundings, form, more, annotators, two_signers):
    one_pass, tree, user, issuer = two_signers
    root = parsed(document)
    if surroundings is not None:
        etree.Element("w", nsmap=surroundings).append(root)
    if isinstance(more, str):
        more = {"key_info": parsed(f'<ds:KeyInfo xmlns:ds="{DS}" xmlns:p="urn:p">{more}</ds:KeyInfo>')}
    cert = {"PEM": user.certificate_pem(), "list": [user.certificate], "two": [user.certificate, issuer.certificate]}
    outcomes = []
    for signer in (one_pass, tree):
        signer.signature_annotators = [add_key_info, *annotators]
        try:
            signed = signer.sign(root, key=user.private_key, cert=cert.get(form), **more)
        except InvalidInput as refusal:
            outcomes.append((refusal.code, str(refusal)))
            continue
        # The element: in ASCII, lxml's default, names and instructions would be others.
        if len(set(annotators)) == len(annotators):
            assert XMLVerifier().verify(signed, x509_cert=user.certificate).signed_xml is not None
        outcomes.append(without_value(signed))
    assert outcomes[0] == outcomes[1]


@pytest.fixture(scope="module")
def two_signers(smki):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUISIGN_LANES", "tree")
        tree = make()
    return make(), tree, smki.user, smki.issuing_ca


def test_the_usual_call_takes_one_pass(key, certificate, lanes, monkeypatch):
    def fail(*arguments):
        raise KeyError("by way of a tree")

    monkeypatch.setattr("duisign.signxml.signer.digest_for_signing", fail)
    signer, root = make(), parsed(f'<a xmlns:ds="{DS}"><b/></a>')
    for cert in (certificate.public_bytes(serialization.Encoding.PEM), [certificate]):
        if lanes == "both":
            assert verified(signer.sign(root, key=key, cert=cert), certificate)
        else:
            with pytest.raises(KeyError):
                signer.sign(root, key=key, cert=cert)
    for unusual in (
        lambda: signer.sign(parsed('<a Id="x"/>'), key=key),
        lambda: signer.sign(parsed('<a id="x"/>'), key=key, reference_uri="x"),
        lambda: signer.sign(root.getroottree(), key=key),
        lambda: signer.sign(root, key=RemoteKey(key), cert=[certificate]),
        lambda: signer.sign(parsed(f"<a>{PLACEHOLDER}</a>"), key=key),
        lambda: make(INCLUSIVE).sign(root, key=key),
        lambda: make_with(namespaces={"x": DS}).sign(root, key=key),
        lambda: make_with(signature_annotators=[add_key_info, print]).sign(root, key=key),
        lambda: make_with(signature_annotators=[]).sign(root, key=key),
    ):
        with pytest.raises(KeyError):
            unusual()


def test_lanes_that_are_none(monkeypatch):
    monkeypatch.setenv("DUISIGN_LANES", "bytes")
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.code == "lanes"


@pytest.mark.parametrize("name", ["\x01", "\ud800"])
def test_what_is_wrong_with_the_document_comes_first(name, key, lanes):
    assert refused(f'<a><ds:Signature xmlns:ds="{DS}"/></a>', key=key, key_name=name) == "signature-exists"
    with pytest.raises(ValueError, match=r"."):
        make().sign(parsed("<a/>"), key=key, key_name=name)


def test_an_object_that_denies_its_id(key, certificate):
    class Denying(etree.ElementBase):
        def get(self, key, default=None):
            return default

    parser = etree.XMLParser()
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=Denying))
    root = etree.fromstring('<a Id="u"/>', parser)
    assert root.get("Id") is None
    signed = make().sign(root, key=key, cert=[certificate])
    assert signed.find(f".//{{{DS}}}Reference").get("URI") == "#u"


def test_a_key_of_the_callers_own_class_is_asked_once_and_for_octets(key, certificate):
    """A subclass of cryptography's abstract class may hash by itself, whatever the algorithm says."""
    asked = []

    def sign(self, data, *, signature_algorithm):
        asked.append(signature_algorithm)
        return key.sign(data, ec.ECDSA(hashes.SHA256()))

    rest = dict.fromkeys(ec.EllipticCurvePrivateKey.__abstractmethods__, None)
    own = {"sign": sign, "public_key": lambda self: key.public_key(), "key_size": 256, "curve": ec.SECP256R1()}
    mine = type("Mine", (ec.EllipticCurvePrivateKey,), rest | own)()
    assert isinstance(mine, ec.EllipticCurvePrivateKey)
    assert verified(make().sign(parsed("<a/>"), key=mine, cert=[certificate]), certificate)
    assert [type(algorithm.algorithm) for algorithm in asked] == [hashes.SHA256]
