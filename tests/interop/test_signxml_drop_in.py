"""duisign.signxml beside signxml 5.2: the same interface, the same octets, the same results; and where they differ.

Both sides take the deterministic nonce of RFC 6979, from the same key object. Documents are as in
test_signxml_identity.py, except that the root may bind the XMLDSig namespace to another prefix.
"""

from __future__ import annotations

import base64
import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import signxml
import signxml.processor
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
import duisign.signxml as dropin
from duisign.signxml.hook import HOOKS
from interop import signature_parts as parts
from interop.peers import Identity
from interop.test_signxml_identity import PARSER, DeterministicKey
from xml_documents import Shape, documents, duis_documents, generate, generate_duis

DS = parts.DSIG
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
METHODS = (EXCLUSIVE, INCLUSIVE)
SEEDS = range(120)
SHAPE = Shape(
    processing_instructions_around_root=False,
    dsig_prefixes=("ds", "sig"),
    ampersand_in_namespace_names=False,
    ascii_markup=True,
)
XML = "{http://www.w3.org/XML/1998/namespace}"

Options = Callable[[Identity], dict[str, Any]]


def pem(identity: Identity) -> str:
    return identity.certificate.public_bytes(Encoding.PEM).decode()


def body(identity: Identity) -> str:
    """Base64 in one line, with carriage returns that nobody wants."""
    return "\r\n".join(parts.pem_body(identity.certificate).split())


OPTIONS: dict[str, Options] = {
    "key-value": lambda identity: {},
    "key-name": lambda identity: {"key_name": "a <key> & more"},
    "certificate": lambda identity: {"cert": [identity.certificate]},
    "pem": lambda identity: {"cert": pem(identity)},
    "pem-bytes": lambda identity: {"cert": pem(identity).replace("\n", "\r\n").encode()},
    "pem-list": lambda identity: {"cert": [pem(identity), pem(identity).encode()]},
    "chain": lambda identity: {"cert": pem(identity) + pem(identity)},
    "base64": lambda identity: {"cert": [body(identity)]},
    "everything": lambda identity: {"cert": [identity.certificate], "key_name": "n", "always_add_key_value": True},
    "key-info": lambda identity: {"key_info": parts.issuer_serial(identity.certificate)},
    "key-info-and-certificate": lambda identity: {
        "key_info": parts.key_name("n"),
        "cert": [identity.certificate],
    },
    "key-info-of-another-tree": lambda identity: {
        "key_info": etree.fromstring(f'<x xmlns="{DS}" xmlns:w="urn:w"><KeyInfo><w:a/></KeyInfo> </x>')[0]
    },
}


def signed_by(module: Any, root: etree._Element, key: Any, method: str = EXCLUSIVE, **options: Any) -> etree._Element:
    annotators = options.pop("annotators", [])
    namespaces = options.pop("namespaces", None)
    signer = module.XMLSigner(
        method=module.methods.enveloped,
        signature_algorithm=module.SignatureMethod.ECDSA_SHA256,
        digest_algorithm="sha256",
        c14n_algorithm=module.CanonicalizationMethod(method),
    )
    signer.signature_annotators += annotators
    if namespaces is not None:
        signer.namespaces = namespaces
    signed: etree._Element = signer.sign(root, key=key, **options)
    return signed


def both(data: bytes, identity: Identity, method: str, options: Options) -> tuple[bytes, bytes]:
    """The document as signxml signs it, and as we do."""
    key = DeterministicKey(identity.private_key)
    theirs, ours = (
        etree.tostring(signed_by(module, etree.fromstring(data, PARSER), key, method, **options(identity)))
        for module in (signxml, dropin)
    )
    return theirs, ours


def assert_identical(data: bytes, identity: Identity, method: str, options: Options) -> bytes:
    theirs, ours = both(data, identity, method, options)
    root = etree.fromstring(data, PARSER)
    if method == INCLUSIVE and any(name.startswith(XML) for name in root.attrib):
        # Difference xml-attributes: signxml leaves them out of SignedInfo, and signs something else.
        theirs, ours = (re.sub(b"(SignatureValue>)[^<]*", b"\\1", one) for one in (theirs, ours))
    assert ours == theirs
    return ours


# The interface


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (signxml.XMLSigner, dropin.XMLSigner),
        (signxml.XMLSigner.sign, dropin.XMLSigner.sign),
        (signxml.XMLVerifier.verify, dropin.XMLVerifier.verify),
        (signxml.SignatureReference, dropin.SignatureReference),
        (signxml.VerifyResult, dropin.VerifyResult),
        (signxml.SignatureConfiguration, dropin.SignatureConfiguration),
    ],
)
def test_signatures_of_classes_and_methods(theirs: Any, ours: Any) -> None:
    def described(function: Any) -> list[tuple[object, ...]]:
        parameters = inspect.signature(function).parameters.values()
        return [(one.name, one.kind, plain(one.default)) for one in parameters]

    def plain(default: object) -> object:
        if isinstance(default, frozenset):
            return frozenset(map(repr, default))
        if dataclasses.is_dataclass(default):
            return {field.name: plain(getattr(default, field.name)) for field in dataclasses.fields(default)}
        return default.value if hasattr(default, "value") else default

    assert described(ours) == described(theirs)


def test_names() -> None:
    exported = {
        name for name in vars(signxml) if not name.startswith("_") and not inspect.ismodule(vars(signxml)[name])
    }
    assert exported - set(dropin.__all__) == {"XMLSignatureProcessor"}
    assert dropin.namespaces.items() <= signxml.namespaces.items()
    for name in ("SignatureMethod", "DigestAlgorithm", "CanonicalizationMethod", "methods"):
        theirs, ours = getattr(signxml, name), getattr(dropin, name)
        assert [(one.name, one.value) for one in ours] == [(one.name, one.value) for one in theirs]
    for name in ("InvalidInput", "InvalidSignature", "InvalidDigest", "InvalidCertificate"):
        theirs, ours = getattr(signxml, name), getattr(dropin, name)
        assert {one.__name__ for one in theirs.__mro__} <= {one.__name__ for one in ours.__mro__}


def test_every_hook_of_signxml_is_known() -> None:
    hooks = set()
    for kind in (signxml.XMLSigner, signxml.XMLVerifier):
        for one in kind.__mro__[:-1]:
            hooks |= {name for name in vars(one) if not name.startswith("__")}
    instances: list[Any] = [signxml.XMLSigner(), signxml.XMLVerifier()]
    hooks |= {name for one in instances for name in vars(one)}
    # What verify() leaves in the object.
    hooks |= {"config", "hmac_key", "x509_cert"}
    kept = {"sign", "verify", "check_deprecated_methods", "signature_annotators", "namespaces"}
    assert hooks - kept == HOOKS


# The octets


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_templates(
    options: Options, method: str, duis_templates: list[Path], dcc_identity: Callable[[bytes], Identity]
) -> None:
    for template in duis_templates[::9]:
        document = parts.without_signature(template.read_bytes())
        assert_identical(document, dcc_identity(document), method, options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_documents_of_seeds(options: Options, method: str, identity: Identity) -> None:
    for generator in (generate, generate_duis):
        for seed in SEEDS:
            assert_identical(generator(seed, SHAPE), identity, method, options)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    document=documents(SHAPE) | duis_documents(SHAPE),
    options=st.sampled_from(list(OPTIONS.values())),
    method=st.sampled_from(METHODS),
)
def test_generated_documents(document: bytes, options: Options, method: str, identity: Identity) -> None:
    assert_identical(document, identity, method, options)


ROOTS = [
    '<a xmlns:ds="{}">{}</a>',
    '<a xmlns:sig="{}">{}</a>',
    '<a xmlns:sig="{0}" xmlns:ds="{0}">{1}</a>',
    '<a xmlns="{}">{}</a>',
    '<sig:a xmlns:sig="{}">{}</sig:a>',
    '<a xmlns:ds="urn:other" xmlns:sig="{}">{}</a>',
    '<a xmlns:dsig11="http://www.w3.org/2009/xmldsig11#" xmlns:s="{}">{}</a>',
    '<a xmlns:k="http://www.w3.org/2009/xmldsig11#" xmlns="urn:d" xmlns:s="{}">{}</a>',
    '<s:a Id="i1" xmlns:s="{}">{}</s:a>',
    '<s:a ID="i1" xmlns:s="{}">{}</s:a>',
]
CONTENTS = [
    "",
    "text",
    "<b/> <c/>",
    f'<Signature xmlns="{DS}" Id="placeholder"/>',
    f'x<ds:Signature xmlns:ds="{DS}" Id="placeholder"></ds:Signature><b/>',
    f'<b/><q:Signature xmlns:q="{DS}" Id="placeholder"> </q:Signature>tail',
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("root", ROOTS)
def test_prefixes_and_placeholders(root: str, content: str, method: str, identity: Identity) -> None:
    for options in OPTIONS.values():
        assert_identical(root.format(DS, content).encode(), identity, method, options)


def reference(module: Any, method: str | None = None) -> list[Any]:
    return [module.SignatureReference("i1", None if method is None else module.CanonicalizationMethod(method))]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "options",
    [
        lambda module: {"reference_uri": "i1"},
        lambda module: {"reference_uri": "#i1"},
        lambda module: {"reference_uri": ["i1"], "id_attribute": "Id"},
        lambda module: {"reference_uri": reference(module)},
        lambda module: {"reference_uri": reference(module, EXCLUSIVE)},
        lambda module: {"reference_uri": reference(module, INCLUSIVE)},
        lambda module: {"reference_uri": reference(module, INCLUSIVE), "exclude_c14n_transform_element": True},
        lambda module: {"namespaces": {"sig": DS}},
        lambda module: {"namespaces": {"sig": DS, "more": "urn:more"}},
        lambda module: {"annotators": [annotate]},
        lambda module: {"id_attribute": "Other"},
    ],
)
def test_references_prefixes_annotators(
    options: Callable[[Any], dict[str, Any]], method: str, identity: Identity
) -> None:
    key = DeterministicKey(identity.private_key)
    for data in (b'<a Id="i1"><b Id="i2"/></a>', b'<a xmlns="urn:d" xmlns:u="urn:u" Id="i1">t</a>'):
        theirs, ours = (
            etree.tostring(signed_by(module, etree.fromstring(data), key, method, **options(module)))
            for module in (signxml, dropin)
        )
        assert ours == theirs


def annotate(sig_root: etree._Element, signing_settings: Any) -> None:
    assert signing_settings.key_name is None
    etree.SubElement(sig_root, f"{{{DS}}}Object", Id="o").text = "more"
    sig_root.set("Id", "s")


def test_without_a_transform(identity: Identity) -> None:
    for data in (b'<a xmlns:u="urn:u"/>', b"<a><b/></a>"):
        assert_identical(data, identity, INCLUSIVE, lambda _: {"exclude_c14n_transform_element": True})


# The results


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(document=documents(SHAPE) | duis_documents(SHAPE), method=st.sampled_from(METHODS))
def test_each_verifies_the_other(document: bytes, method: str, identity: Identity) -> None:
    signed = assert_identical(document, identity, method, OPTIONS["everything"])
    root = etree.fromstring(document, PARSER)
    if method == INCLUSIVE and any(name.startswith(XML) for name in root.attrib):
        return
    theirs, ours = (module.XMLVerifier().verify(signed, x509_cert=identity.certificate) for module in (signxml, dropin))
    assert not isinstance(theirs, list)
    assert not isinstance(ours, list)
    assert ours.signed_data == theirs.signed_data
    assert ours.signature_key == theirs.signature_key
    assert etree.tostring(ours.signature_xml) == etree.tostring(theirs.signature_xml)
    assert ours.signed_xml is not None
    assert theirs.signed_xml is not None
    assert etree.tostring(ours.signed_xml) == etree.tostring(theirs.signed_xml)


def test_octopus_energys_client(identity: Identity) -> None:
    """What the client's steps behind signxml's signer leave, and what the five lines do."""
    certificate, key = identity.certificate, DeterministicKey(identity.private_key)
    document = b'<a xmlns:sr="urn:sr"><sr:b>x</sr:b></a>'
    theirs = signed_by(signxml, etree.fromstring(document), key, cert=[certificate])
    x509_data = theirs.find("{*}Signature/{*}KeyInfo/{*}X509Data")
    assert x509_data is not None
    x509_data.append(parts.issuer_serial(certificate)[0][0])
    x509_data.append(parts.certificate_digest(certificate)[0][0])
    ours = signed_by(
        dropin,
        etree.fromstring(document),
        key,
        cert=[certificate],
        annotators=[dropin.add_issuer_serial, dropin.add_x509_digest],
    )
    assert etree.tostring(ours) == etree.tostring(theirs)
    written = ours.find(".//{*}X509Data")
    assert written is not None
    assert [etree.QName(one).localname for one in written] == [
        "X509Certificate",
        "X509IssuerSerial",
        "X509Digest",
    ]
    pinned = duisign.Verifier(duisign.PinnedCertificates([certificate]))
    assert pinned.verify(etree.tostring(ours)).certificate == certificate


# The differences: what signxml does, and why ours does not. What ours does is a matter of tests/test_signxml_*.py.


@pytest.fixture
def signed(identity: Identity) -> bytes:
    return etree.tostring(
        signed_by(signxml, etree.fromstring("<a><b>x</b></a>"), identity.private_key, cert=[identity.certificate])
    )


def resigned(document: bytes, identity: Identity, *changes: tuple[str, str]) -> bytes:
    """The document with changes, its SignatureValue made anew."""
    text = document.decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    root = etree.fromstring(text)
    signed_info, value = (root.find(f".//{{*}}{name}") for name in ("SignedInfo", "SignatureValue"))
    assert signed_info is not None
    assert value is not None
    octets = etree.tostring(signed_info, method="c14n", exclusive=True, with_tail=False)
    der = identity.private_key.sign(octets, ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    value.text = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    return etree.tostring(root)


def assert_only_signxml_accepts(document: bytes, identity: Identity, code: str, **options: Any) -> None:
    assert signxml.XMLVerifier().verify(document, x509_cert=identity.certificate, **options)
    with pytest.raises(dropin.SignXMLException) as caught:
        dropin.XMLVerifier().verify(document, x509_cert=identity.certificate)
    assert caught.value.code == code


def test_signxml_skips_unknown_transforms(signed: bytes, identity: Identity) -> None:
    unknown = resigned(
        signed, identity, ("</ds:Transforms>", '<ds:Transform Algorithm="urn:unknown"/></ds:Transforms>')
    )
    assert_only_signxml_accepts(unknown, identity, "signature-content")
    unknown = resigned(signed, identity, (f'<ds:Transform Algorithm="{EXCLUSIVE}"/>', '<ds:Transform Algorithm="u"/>'))
    assert_only_signxml_accepts(unknown, identity, "transforms")


def test_signxml_decodes_what_is_no_base64(signed: bytes, identity: Identity) -> None:
    lax = resigned(signed, identity, ("<ds:DigestValue>", "<ds:DigestValue>!"))
    assert_only_signxml_accepts(lax, identity, "digest-value", validate_schema=False)


def test_signxml_finds_a_signature_anywhere(signed: bytes, identity: Identity) -> None:
    by_id = signed_by(signxml, etree.fromstring('<a Id="i">x</a>'), identity.private_key, cert=[identity.certificate])
    wrapped = b"<o><unsigned/>" + etree.tostring(by_id) + b"</o>"
    assert_only_signxml_accepts(wrapped, identity, "signature-misplaced")


def test_signxml_moves_the_key_info(identity: Identity) -> None:
    tree = etree.fromstring(f'<x xmlns="{DS}"><KeyInfo/></x>')
    signed_by(signxml, etree.fromstring("<a/>"), identity.private_key, key_info=tree[0])
    assert len(tree) == 0


def test_signxml_lets_foreign_exceptions_through(signed: bytes, identity: Identity) -> None:
    with pytest.raises(etree.XMLSyntaxError):
        signxml.XMLVerifier().verify(b"")
    with pytest.raises(etree.DocumentInvalid):
        signxml.XMLVerifier().verify(signed.replace(b"<ds:SignatureValue>", b"<ds:x/><ds:SignatureValue>"))
    with pytest.raises(FileNotFoundError):
        signxml.XMLVerifier().verify(signed, ca_pem_file="/does/not/exist")


def test_signxml_signs_beside_a_signature(signed: bytes, identity: Identity) -> None:
    twice = signed_by(signxml, etree.fromstring(signed), identity.private_key, cert=[identity.certificate])
    assert len(twice.findall("{*}Signature")) == 2


def test_signxml_pairs_any_key_and_certificate(identity: Identity) -> None:
    other = DeterministicKey(ec.generate_private_key(ec.SECP256R1()))
    assert len(signed_by(signxml, etree.fromstring("<a/>"), other, cert=[identity.certificate])) == 1


def test_signxml_leaves_out_inherited_attributes(identity: Identity) -> None:
    data = b'<a xml:lang="en"/>'
    theirs, ours = both(data, identity, INCLUSIVE, OPTIONS["certificate"])
    with pytest.raises(signxml.InvalidSignature):
        signxml.XMLVerifier().verify(ours, x509_cert=identity.certificate)
    with pytest.raises(dropin.InvalidSignature):
        dropin.XMLVerifier().verify(theirs, x509_cert=identity.certificate)


def test_signxml_does_not_verify_what_text_follows(identity: Identity) -> None:
    data = CONTENTS[-1]
    signed = assert_identical(f"<a>{data}</a>".encode(), identity, EXCLUSIVE, OPTIONS["certificate"])
    with pytest.raises(etree.XMLSyntaxError):
        signxml.XMLVerifier().verify(signed, x509_cert=identity.certificate)
    assert dropin.XMLVerifier().verify(signed, x509_cert=identity.certificate)
