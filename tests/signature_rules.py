"""Signatures that break a rule of the Verifier, by what is wrong with them."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import utils

import duisign
from forgery import TEMPLATE, forge

ENVELOPED = '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
EXCLUSIVE = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
SIGNATURE = TEMPLATE[TEMPLATE.index("<ds:Signature>") : TEMPLATE.index("</sr:Request>")]
KEY_INFO = TEMPLATE[TEMPLATE.index("<ds:KeyInfo>") : TEMPLATE.index("</ds:Signature></sr:Request>")]
PREFIX_LIST = '<e:InclusiveNamespaces xmlns:e="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="sr"/>'
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def refused(verifier, document, error, code, check=None):
    with pytest.raises(error) as caught:
        verifier.verify(document)
    assert type(caught.value) is error
    assert caught.value.code == code
    if check is not None:
        assert caught.value.check == check
    assert caught.value.__cause__ is None
    return caught.value


FORMAT = duisign.SignatureFormatError
SHAPES = {
    # name: ([(old, new), ...], code, check)
    "unknown-element-first": (
        [("<ds:SignedInfo>", "<ds:Object/><ds:SignedInfo>")],
        "signature-content",
        "signature",
    ),
    "object-last": ([("</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>")], "signature-content", "signature"),
    "second-key-info": ([("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>")], "signature-content", "signature"),
    "key-info-before-value": (
        [(KEY_INFO, ""), ("<ds:SignatureValue>", KEY_INFO + "<ds:SignatureValue>")],
        "signature-content",
        "signature",
    ),
    "no-signature-value": (
        [("<ds:SignatureValue>@SIGNATURE@</ds:SignatureValue>", "")],
        "signature-content",
        "signature",
    ),
    "two-signature-values": (
        [("<ds:SignatureValue>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:SignatureValue>")],
        "signature-content",
        "signature",
    ),
    "stray-text": ([("<ds:SignatureValue>", "stray<ds:SignatureValue>")], "signature-content", "signature"),
    "stray-text-signed-info": ([("<ds:SignedInfo>", "<ds:SignedInfo>x")], "signature-content", "signature"),
    "no-break-space": (
        [("<ds:SignatureValue>", "\u00a0<ds:SignatureValue>")],
        "signature-content",
        "signature",
    ),
    "comment-signature": ([("<ds:SignedInfo>", "<!--c--><ds:SignedInfo>")], "signature-content", "signature"),
    "comment-signed-info": (
        [("<ds:SignedInfo>", "<ds:SignedInfo><!--c-->")],
        "signature-content",
        "signature",
    ),
    "instruction-signed-info": (
        [("<ds:SignedInfo>", "<ds:SignedInfo><?p?>")],
        "signature-content",
        "signature",
    ),
    "comment-reference": ([("<ds:Transforms>", "<!--c--><ds:Transforms>")], "signature-content", "signature"),
    "comment-transform": (
        [(ENVELOPED, ENVELOPED[:-2] + "><!--c--></ds:Transform>")],
        "signature-content",
        "signature",
    ),
    "signature-id": ([("<ds:Signature>", '<ds:Signature Id="s">')], "signature-attribute", "signature"),
    "signed-info-id": ([("<ds:SignedInfo>", '<ds:SignedInfo Id="s">')], "signature-attribute", "signature"),
    "value-id": ([("<ds:SignatureValue>", '<ds:SignatureValue Id="s">')], "signature-attribute", "signature"),
    "key-info-id": ([("<ds:KeyInfo>", '<ds:KeyInfo Id="s">')], "signature-attribute", "signature"),
    "reference-id": (
        [('<ds:Reference URI="">', '<ds:Reference Id="r" URI="">')],
        "signature-attribute",
        "signature",
    ),
    "reference-type": ([('URI="">', 'URI="" Type="urn:x">')], "signature-attribute", "signature"),
    "reference-no-uri": ([('<ds:Reference URI="">', "<ds:Reference>")], "signature-attribute", "signature"),
    "reference-namespaced-uri": ([('URI="">', 'ns3:URI="">')], "signature-attribute", "signature"),
    "reference-id-uri": ([('URI="">', 'URI="#x">')], "reference-uri", "signature"),
    "reference-xpointer": ([('URI="">', 'URI="#xpointer(/)">')], "reference-uri", "signature"),
    "reference-remote": ([('URI="">', 'URI="http://127.0.0.1/x">')], "reference-uri", "signature"),
    "two-references": (
        [
            (
                "</ds:Reference>",
                "</ds:Reference>" + TEMPLATE[TEMPLATE.index("<ds:Reference") : TEMPLATE.index("</ds:SignedInfo>")],
            )
        ],
        "reference-count",
        "signature",
    ),
    "c14n-inclusive": (
        [
            (
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
                'CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"',
            )
        ],
        "canonicalization-method",
        "algorithms",
    ),
    "c14n-with-comments": (
        [
            (
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"',
            )
        ],
        "canonicalization-method",
        "algorithms",
    ),
    "c14n-unmarked": (
        [
            (
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n"',
            )
        ],
        "canonicalization-method",
        "algorithms",
    ),
    "c14n-space": (
        [
            (
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
                'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n# "',
            )
        ],
        "canonicalization-method",
        "algorithms",
    ),
    "c14n-prefix-list": (
        [
            (
                'xml-exc-c14n#"/>',
                f'xml-exc-c14n#">{PREFIX_LIST}</ds:CanonicalizationMethod>',
            )
        ],
        "signature-content",
        "signature",
    ),
    "method-rsa": ([("ecdsa-sha256", "rsa-sha256")], "signature-method", "algorithms"),
    "method-ecdsa-sha1": ([("ecdsa-sha256", "ecdsa-sha1")], "signature-method", "algorithms"),
    "method-hmac": (
        [
            (
                "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
                "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            )
        ],
        "signature-method",
        "algorithms",
    ),
    "method-case": ([("ecdsa-sha256", "ECDSA-SHA256")], "signature-method", "algorithms"),
    "method-parameter": (
        [
            (
                '#ecdsa-sha256"/>',
                '#ecdsa-sha256"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>',
            )
        ],
        "signature-content",
        "signature",
    ),
    "digest-sha1": ([("xmlenc#sha256", "xmldsig#sha1")], "digest-method", "algorithms"),
    "digest-sha512": ([("xmlenc#sha256", "xmlenc#sha512")], "digest-method", "algorithms"),
    "no-transforms": (
        [(f"<ds:Transforms>{ENVELOPED}</ds:Transforms>", "")],
        "signature-content",
        "signature",
    ),
    "empty-transforms": ([(ENVELOPED, "")], "signature-content", "signature"),
    "exclusive-alone": ([(ENVELOPED, EXCLUSIVE)], "transforms", "algorithms"),
    "wrong-order": ([(ENVELOPED, EXCLUSIVE + ENVELOPED)], "transforms", "algorithms"),
    "enveloped-twice": ([(ENVELOPED, ENVELOPED * 2)], "transforms", "algorithms"),
    "three-transforms": ([(ENVELOPED, ENVELOPED + EXCLUSIVE * 2)], "transforms", "algorithms"),
    "exclusive-with-comments": (
        [(ENVELOPED, ENVELOPED + EXCLUSIVE.replace("c14n#", "c14n#WithComments"))],
        "transforms",
        "algorithms",
    ),
    "exclusive-prefix-list": (
        [
            (
                ENVELOPED,
                ENVELOPED + EXCLUSIVE[:-2] + f">{PREFIX_LIST}</ds:Transform>",
            )
        ],
        "transforms",
        "algorithms",
    ),
    "xpath-transform": (
        [
            (
                ENVELOPED,
                '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>1</ds:XPath></ds:Transform>',
            )
        ],
        "transforms",
        "algorithms",
    ),
    "xslt-transform": (
        [(ENVELOPED, ENVELOPED + '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>')],
        "transforms",
        "algorithms",
    ),
    "foreign-namespace": (
        [("<ds:SignedInfo>", "<sr:SignedInfo>"), ("</ds:SignedInfo>", "</sr:SignedInfo>")],
        "signature-content",
        "signature",
    ),
    "comment-digest-value": ([("@DIGEST@", "@DIGEST@<!---->")], "digest-value", "signature"),
    "instruction-digest-value": ([("@DIGEST@", "<?p?>@DIGEST@")], "digest-value", "signature"),
    "element-digest-value": ([("@DIGEST@", "@DIGEST@<ds:X/>")], "digest-value", "signature"),
    "comment-signature-value": (
        [("@SIGNATURE@", "<!--x-->@SIGNATURE@")],
        "signature-value-encoding",
        "signature",
    ),
    "instruction-signature-value": (
        [("@SIGNATURE@", "@SIGNATURE@<?x?>")],
        "signature-value-encoding",
        "signature",
    ),
}


def plain(octets):
    return b64encode(octets).decode()


DIGESTS = {
    "short": lambda octets: plain(octets[:31]),
    "long": lambda octets: plain(octets + b"\0"),
    "sha1-size": lambda octets: plain(octets[:20]),
    "no-padding": lambda octets: plain(octets).rstrip("="),
    "too-much-padding": lambda octets: plain(octets) + "=",
    "urlsafe": lambda octets: "-_" + plain(octets)[2:],
    "inner-padding": lambda octets: plain(octets[:2]) + plain(octets[2:]),
    "trailing-bits": lambda octets: plain(octets)[:-2] + chr(ord(plain(octets)[-2]) + 1) + "=",
    "letter-behind": lambda octets: plain(octets) + "A",
    "empty": lambda octets: "",
    "no-break-space": lambda octets: plain(octets) + "\u00a0",
    "vertical-tab-lookalike": lambda octets: plain(octets) + "\u2028",
}


def der(raw):
    return utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


VALUES = {
    "der": (lambda raw: plain(der(raw)), "signature-value-width"),
    "62-octets": (lambda raw: plain(raw[1:32] + raw[33:]), "signature-value-width"),
    "63-octets": (lambda raw: plain(raw[:63]), "signature-value-width"),
    "65-octets": (lambda raw: plain(raw + b"\0"), "signature-value-width"),
    "66-octets": (lambda raw: plain(b"\0" + raw[:32] + b"\0" + raw[32:]), "signature-value-width"),
    "empty": (lambda raw: "", "signature-value-width"),
    "r-zero": (lambda raw: plain(bytes(32) + raw[32:]), "signature-value-range"),
    "s-zero": (lambda raw: plain(raw[:32] + bytes(32)), "signature-value-range"),
    "r-order": (lambda raw: plain(ORDER.to_bytes(32, "big") + raw[32:]), "signature-value-range"),
    "s-order": (lambda raw: plain(raw[:32] + ORDER.to_bytes(32, "big")), "signature-value-range"),
    "s-ones": (lambda raw: plain(raw[:32] + b"\xff" * 32), "signature-value-range"),
    "no-padding": (lambda raw: plain(raw).rstrip("="), "signature-value-encoding"),
    "trailing-bits": (
        lambda raw: plain(raw)[:-3] + chr(ord(plain(raw)[-3]) + 1) + "==",
        "signature-value-encoding",
    ),
    "letters": (lambda raw: plain(raw) + "!!!!", "signature-value-encoding"),
    "behind-padding": (lambda raw: plain(raw) + "AAAA", "signature-value-encoding"),
}


def java_signature(identity, width):
    """A message whose r and s both fit `width` octets: the base64 that BigInteger.toByteArray leads to."""
    while True:
        kept = []

        def value(raw, kept=kept):
            kept.append(raw)
            r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
            if max(r, s).bit_length() > 8 * width:
                return "AAAA"
            return plain(r.to_bytes(width, "big") + s.to_bytes(width, "big"))

        document = forge(identity, value=value)
        if b"<ds:SignatureValue>AAAA" not in document:
            return document
