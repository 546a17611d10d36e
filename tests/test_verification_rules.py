"""Every rule of the Verifier: what breaks it is refused with its class, code and check."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, settings
from hypothesis import strategies as st

import duisign
from duisign import PinnedCertificates, Verifier
from duisign.testing import Identity
from forgery import TEMPLATE, forge, raw_octets

ENVELOPED = '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
EXCLUSIVE = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
SIGNATURE = TEMPLATE[TEMPLATE.index("<ds:Signature>") : TEMPLATE.index("</sr:Request>")]
KEY_INFO = TEMPLATE[TEMPLATE.index("<ds:KeyInfo>") : TEMPLATE.index("</ds:Signature></sr:Request>")]
X509_DATA = KEY_INFO[len("<ds:KeyInfo>") : -len("</ds:KeyInfo>")]
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


def test_the_unchanged_template_verifies(smki, verifier):
    message = verifier.verify(forge(smki.user))
    assert message.profile is duisign.Profile.DUIS
    assert b"Signature" not in message.signed_bytes
    assert message.certificate == smki.user.certificate


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


@pytest.mark.parametrize("name", SHAPES)
def test_a_signature_of_another_shape_is_refused(smki, verifier, name):
    changes, code, check = SHAPES[name]
    refused(verifier, forge(smki.user, *changes), FORMAT, code, check)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([(SIGNATURE, SIGNATURE + SIGNATURE)], "signature-repeated"),
        (
            [("<sr:Payload>", SIGNATURE + "<sr:Payload>"), ("</sr:Body>" + SIGNATURE, "</sr:Body>")],
            "signature-misplaced",
        ),
        ([("<sr:Payload>", "<sr:Payload><ds:Signature/>")], "signature-misplaced"),
        ([("</ds:KeyInfo>", "<ds:Signature/></ds:KeyInfo>")], "signature-misplaced"),
    ],
)
def test_signatures_elsewhere_are_refused(smki, verifier, changes, code):
    refused(verifier, forge(smki.user, *changes), FORMAT, code, "signature")


PLACES = {
    "signature-repeated": [("<sr:Body>", SIGNATURE + "<sr:Body>")],
    "signature-misplaced": [("<sr:Payload>", "<sr:Payload><ds:Signature/>")],
    "too-deep": [],
}
OTHER_FAULTS = {
    "digest-value": [("@DIGEST@", "@DIGEST@<!---->")],
    "signature-attribute": [("<ds:SignedInfo>", '<ds:SignedInfo Id="i">')],
    "signature-method": [("#ecdsa-sha256", "#ecdsa-sha1")],
    "unknown-signer": [("@SERIAL@", "12")],
    "relative-namespace": [],
}
"""In the order in which they are found."""


CLASSES = {
    **dict.fromkeys([*PLACES, *OTHER_FAULTS], FORMAT),
    "too-deep": duisign.DocumentError,
    "unknown-signer": duisign.UnknownSignerError,
    "relative-namespace": duisign.CanonicalizationError,
}


def faulty(smki, place, *others):
    """A document with a fault in its place, if it is not None, and others."""
    changes = [change for other in others for change in OTHER_FAULTS[other]]
    document = forge(smki.user, *PLACES.get(place, []), *changes)
    # What no other implementation makes a digest of.
    if place == "too-deep":
        document = document.replace(b"<sr:Payload>", b"<sr:Payload>" + b"<e>" * 300 + b"</e>" * 300)
    return document.replace(b"<sr:Body>", b'<sr:Body xmlns="relative">', "relative-namespace" in others)


def code_of(verifier, document):
    with pytest.raises(duisign.DuisignError) as caught:
        verifier.verify(document)
    assert caught.value.__context__ is None
    assert type(caught.value) is CLASSES[caught.value.code]
    return caught.value.code


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("other", [None, *OTHER_FAULTS])
def test_where_signatures_stand_comes_first_among_what_is_wrong(smki, verifier, place, other):
    others = [] if other is None else [other]
    assert code_of(verifier, faulty(smki, place, *others)) == place
    if other is not None:
        assert code_of(verifier, faulty(smki, None, other)) == other


def test_what_the_signature_says_comes_before_the_signer_and_both_before_the_canonical_form(smki, verifier):
    for first in ("digest-value", "signature-attribute", "signature-method"):
        assert code_of(verifier, faulty(smki, None, first, "unknown-signer", "relative-namespace")) == first
    assert code_of(verifier, faulty(smki, None, "unknown-signer", "relative-namespace")) == "unknown-signer"


@pytest.mark.parametrize("behind", ["text", "<!--c-->", "<?p?>", "<sr:Header/>"])
def test_what_stands_behind_the_signature(smki, verifier, behind):
    """It is signed; and the Signature is found, last or not."""
    signed = verifier.verify(forge(smki.user, (SIGNATURE, SIGNATURE + behind))).signed_bytes
    assert (b"text" in signed, b"<?p?>" in signed) == (behind == "text", behind == "<?p?>")


def test_a_signature_as_root_is_refused(verifier):
    refused(
        verifier,
        SIGNATURE.replace("<ds:Signature>", '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">').encode(),
        FORMAT,
        "signature-misplaced",
    )


def test_white_space_between_the_elements_is_fine(smki, verifier):
    verifier.verify(forge(smki.user, ("><ds:", ">\n \t<ds:"), ("></ds:", ">\r\n</ds:")))


def test_absence_is_its_own_verdict(verifier, request_document):
    refused(verifier, request_document, duisign.UnsignedMessageError, "unsigned", "signature")


@pytest.mark.parametrize("prefix", ["sr", "ns3"])
@pytest.mark.parametrize("name", ["Signature", "SignatureX"])
def test_a_signature_under_another_name_is_none(smki, verifier, prefix, name):
    renamed = SIGNATURE.replace("ds:Signature>", f"{prefix}:{name}>")
    document = forge(smki.user).replace(b"<ds:Signature>", f"<{prefix}:{name}>".encode())
    document = document.replace(b"</ds:Signature>", f"</{prefix}:{name}>".encode())
    assert renamed[:14].encode() in document
    refused(verifier, document, duisign.UnsignedMessageError, "unsigned", "signature")


def test_an_element_called_signature_in_another_namespace_is_payload(smki, verifier):
    verifier.verify(forge(smki.user, ("<sr:Payload>", "<sr:Payload><sr:Signature/>")))


def test_the_unmarked_c14n_identifier_needs_its_option(smki):
    changes = SHAPES["c14n-unmarked"][0]
    lenient = Verifier(PinnedCertificates([smki.user.certificate]), accept_unmarked_exclusive_c14n=True)
    assert lenient.verify(forge(smki.user, *changes)).profile is duisign.Profile.DUIS
    refused(lenient, forge(smki.user, *SHAPES["c14n-with-comments"][0]), FORMAT, "canonicalization-method")


def test_profiles_can_be_restricted(smki):
    exclusive = forge(smki.user, (ENVELOPED, ENVELOPED + EXCLUSIVE), exclusive=True)
    trust = PinnedCertificates([smki.user.certificate])
    assert Verifier(trust).verify(exclusive).profile is duisign.Profile.SIGNXML
    refused(Verifier(trust, profiles=[duisign.Profile.DUIS]), exclusive, FORMAT, "transforms")
    refused(Verifier(trust, profiles=[duisign.Profile.SIGNXML]), forge(smki.user), FORMAT, "transforms")


def test_a_label_for_one_canonicalization_over_the_digest_of_another_is_refused(smki, verifier):
    refused(verifier, forge(smki.user, exclusive=True), duisign.DigestMismatchError, "digest-mismatch", "digest")


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


@pytest.mark.parametrize("name", DIGESTS)
def test_digest_values_are_strict_base64(smki, verifier, name):
    refused(verifier, forge(smki.user, digest=DIGESTS[name]), FORMAT, "digest-value", "signature")


@settings(deadline=None)
@given(
    spaces=st.lists(st.tuples(st.integers(0, 50), st.sampled_from([" ", "\n", "\t", "  \n"])), max_size=3),
    where=st.integers(0, 43),
    what=st.sampled_from(["", *"AZaz09+/=-_ &é"]),
    length=st.sampled_from([0, 1, 2, 4]),
)
def test_digest_values_are_read_as_strictly_as_python_reads_them(smki, verifier, spaces, where, what, length):
    written = []

    def text(octets):
        found = plain(octets)
        found = found[:where] + what + found[where + length :]
        for place, space in spaces:
            found = found[:place] + space + found[place:]
        written.append((octets, found))
        return found.replace("&", "&amp;")

    document = forge(smki.user, digest=text)
    ((octets, found),) = written
    found = "".join(found.split())
    try:
        right = plain(b64decode(found, validate=True)) == found
    except ValueError:
        right = False
    if right and b64decode(found) == octets:
        verifier.verify(document)
    elif right and len(b64decode(found)) == 32:
        refused(verifier, document, duisign.DigestMismatchError, "digest-mismatch")
    else:
        refused(verifier, document, FORMAT, "digest-value", "signature")


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


@pytest.mark.parametrize("name", VALUES)
def test_signature_values_are_strict(smki, verifier, name):
    value, code = VALUES[name]
    refused(verifier, forge(smki.user, value=value), FORMAT, code, "signature")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: f"{text[:76]}&#13;\n{text[76:]}",
        lambda text: f"{text[:76]} {text[76:]}\n",
        lambda text: "\t".join(text),
        lambda text: f"<![CDATA[{text}]]>",
    ],
)
def test_signature_values_may_be_wrapped(smki, verifier, wrap):
    verifier.verify(forge(smki.user, value=lambda raw: wrap(plain(raw))))


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


def test_java_widths_need_the_option_that_warns(smki, verifier):
    lax = Verifier(PinnedCertificates([smki.user.certificate]), dangerously_accept_java_widths=True)
    wide = java_signature(smki.user, 33)
    refused(verifier, wide, FORMAT, "signature-value-width")
    lax.verify(wide)
    narrow = forge(smki.user, value=lambda raw: plain(bytes(31) + bytes(30) + b"\x01"))
    refused(lax, narrow, FORMAT, "signature-value-range")
    for size in (60, 63, 65, 68, 70):
        refused(
            lax,
            forge(smki.user, value=lambda raw, size=size: plain(bytes(size))),
            FORMAT,
            "signature-value-width",
        )
    refused(
        lax,
        forge(smki.user, value=lambda raw: plain(b"\1" + raw[:32] + b"\0" + raw[32:])),
        FORMAT,
        "signature-value-range",
    )


def test_a_changed_document_is_refused(signed, verifier):
    refused(
        verifier,
        signed.replace(b"3.4</sr:ServiceReferenceV", b"3.5</sr:ServiceReferenceV"),
        duisign.DigestMismatchError,
        "digest-mismatch",
        "digest",
    )


def test_an_indented_document_is_refused(signed, verifier):
    refused(verifier, signed.replace(b"<sr:Body>", b"\n<sr:Body>"), duisign.DigestMismatchError, "digest-mismatch")


def test_another_key_is_refused(smki, verifier):
    other = Identity(ec.generate_private_key(ec.SECP256R1()), smki.user.certificate)
    refused(verifier, forge(other), duisign.SignatureMismatchError, "signature-mismatch", "signature-value")


def test_another_signature_over_other_octets_is_refused(smki, verifier):
    document = forge(smki.user, value=lambda raw: plain(raw_octets(smki.user.private_key, b"other")))
    refused(verifier, document, duisign.SignatureMismatchError, "signature-mismatch")


def test_top_level_instructions_are_signed_and_comments_are_not(smki, verifier):
    with_both = forge(smki.user, template="<?before x?>" + TEMPLATE + "<?after?>")
    assert verifier.verify(with_both).signed_bytes.startswith(b"<?before x?>\n<sr:Request")
    refused(verifier, with_both.replace(b"<?after?>", b""), duisign.DigestMismatchError, "digest-mismatch")
    verifier.verify(with_both + b"<!-- not signed -->\n")


def test_a_comment_in_the_request_id_hides_nothing(smki, verifier):
    message = verifier.verify(forge(smki.user, ("C3-50:7<", "C3-50:<!--x-->7<")))
    assert str(message.request_id) == "00-DB-12-34-A5-00-00-01:00-DB-12-35-00-00-C3-50:7"
    assert b"<!--" not in message.signed_bytes


def test_the_tree_comes_from_the_signed_octets(smki, verifier):
    message = verifier.verify(forge(smki.user))
    import hashlib

    from lxml import etree

    assert etree.tostring(message.element.getroottree(), method="c14n") == message.signed_bytes
    assert hashlib.sha256(message.signed_bytes).digest()
    message.element[0].clear()
    assert message.request_id is not None


class TestInnerSignatures:
    def test_smets1_places_are_allowed(self, smki, samples, verifier):
        document = duisign.Signer(smki.dcc.private_key, smki.dcc.certificate).sign(samples["smets1-response"].document)
        message = verifier.verify(document)
        assert message.signed_bytes.count(b"</ds:Signature>") == 1

    INNER = "<ds:Signature/>"
    ALERT = (
        "<sr:DCCAlertMessage><sr:DCCAlert><sr:S1SPAlertDSP><sr:S1SPAlert>{}</sr:S1SPAlert></sr:S1SPAlertDSP>"
        "</sr:DCCAlert></sr:DCCAlertMessage>"
    )
    RESPONSE = (
        "<sr:SMETS1ResponseMessage><sr:SMETS1SignedResponse>{}</sr:SMETS1SignedResponse></sr:SMETS1ResponseMessage>"
    )

    def document(self, smki, payload, root="sr:Response"):
        return forge(
            smki.dcc,
            ("<sr:Payload>x</sr:Payload>", payload),
            ("sr:Request ", f"{root} "),
            ("</sr:Request>", f"</{root}>"),
        )

    @pytest.mark.parametrize("place", [ALERT, RESPONSE])
    def test_exact_places(self, smki, verifier, place):
        verifier.verify(self.document(smki, place.format(self.INNER)))
        for payload, root in [
            (place.format(self.INNER), "sr:Request"),
            (place.format(f"<sr:X>{self.INNER}</sr:X>"), "sr:Response"),
            (f"<sr:X>{place.format(self.INNER)}</sr:X>", "sr:Response"),
            (place.format(self.INNER).replace("sr:S", "ns3:S"), "sr:Response"),
            (self.INNER, "sr:Response"),
        ]:
            refused(verifier, self.document(smki, payload, root), FORMAT, "signature-misplaced")

    def test_only_one(self, smki, verifier):
        refused(verifier, self.document(smki, self.RESPONSE.format(self.INNER * 2)), FORMAT, "signature-repeated")

    def test_an_inner_one_does_not_sign_the_message(self, smki, verifier):
        template = (
            TEMPLATE.replace(SIGNATURE, "")
            .replace("sr:Request>", "sr:Response>")
            .replace("sr:Request ", "sr:Response ")
        )
        document = template.replace("<sr:Payload>x</sr:Payload>", self.RESPONSE.format(self.INNER)).encode()
        refused(verifier, document, duisign.UnsignedMessageError, "unsigned")


class TestKeyInfo:
    def test_names_are_compared_parsed(self, smki, verifier):
        for name in (
            "CN=duisign test CA, OU=07",
            "cn=duisign  TEST ca ,ou=07",
            "2.5.4.3=duisign test CA,OID.2.5.4.11=07",
            'CN="duisign test CA";OU=07',
            "CN=duisign\\20test CA,OU=#0c023037",
            "\nCN=duisign test CA,OU=07 ",
        ):
            verifier.verify(forge(smki.user, ("@ISSUER@", name)))

    @pytest.mark.parametrize(
        "name",
        [
            "CN=other,OU=07",
            "OU=07,CN=duisign test CA",
            "CN=duisign test CA",
            "CN=duisign test CA+OU=07",
            "CN=duisign test CA,OU=07,OU=00",
        ],
    )
    def test_other_issuers_are_unknown(self, smki, verifier, name):
        refused(
            verifier,
            forge(smki.user, ("@ISSUER@", name)),
            duisign.UnknownSignerError,
            "unknown-signer",
            "signer",
        )

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "CN",
            "=x",
            "CN=a,",
            "CN=a\\",
            "XX=a",
            "CN=#zz",
            "CN=#0c05",
            'CN="a',
            "CN=" + "a" * 2000,
            "CN=\\zz",
        ],
    )
    def test_text_that_is_no_name_is_refused(self, smki, verifier, name):
        refused(verifier, forge(smki.user, ("@ISSUER@", name)), FORMAT, "key-info-name", "key-info")

    @pytest.mark.parametrize("serial", ["", "x", "-1", "+1", "0x10", "1.0", "1 2", "\u0661", "\u00b2", "1" * 50])
    def test_serials_are_ascii_decimal(self, smki, verifier, serial):
        refused(verifier, forge(smki.user, ("@SERIAL@", serial)), FORMAT, "key-info-serial", "key-info")

    def test_another_serial_is_unknown(self, smki, verifier):
        refused(verifier, forge(smki.user, ("@SERIAL@", "12")), duisign.UnknownSignerError, "unknown-signer")

    def test_the_named_certificate_is_the_one_that_is_used(self, smki, verifier):
        """The DCC's key signs, KeyInfo names the User."""
        document = forge(Identity(smki.dcc.private_key, smki.user.certificate))
        refused(verifier, document, duisign.SignatureMismatchError, "signature-mismatch")

    def test_serial_before_issuer_is_refused(self, smki, verifier):
        swapped = (
            X509_DATA.replace("IssuerName", "\0").replace("SerialNumber", "IssuerName").replace("\0", "SerialNumber")
        )
        refused(verifier, forge(smki.user, (X509_DATA, swapped)), FORMAT, "key-info-content", "key-info")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("@ISSUER@", "@ISSUER@<!--c-->"),
            ("@SERIAL@", "<?p?>@SERIAL@"),
            ("<ds:X509Data>", "<ds:X509Data>x"),
            ("</ds:X509IssuerSerial>", "<ds:X/></ds:X509IssuerSerial>"),
            ("<ds:X509Data>", "<ds:X509Data><!--c-->"),
            ("</ds:X509Data>", "<ds:X509SKI>!</ds:X509SKI></ds:X509Data>"),
        ],
    )
    def test_key_info_content_is_checked(self, smki, verifier, old, new):
        refused(verifier, forge(smki.user, (old, new)), FORMAT, "key-info-content", "key-info")

    def pem(self, certificate):
        return b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

    def test_an_embedded_certificate_must_equal_a_pinned_one(self, smki, verifier):
        embedded = "<ds:X509Certificate>{}</ds:X509Certificate>"
        own = f"<ds:X509Data>{embedded.format(self.pem(smki.user.certificate))}</ds:X509Data>"
        verifier.verify(forge(smki.user, (X509_DATA, own)))
        stranger = smki.issue(entity_id="00-DB-12-34-A5-00-00-01", role=duisign.RemotePartyRole.XML_SIGN)
        foreign = f"<ds:X509Data>{embedded.format(self.pem(stranger.certificate))}</ds:X509Data>"
        refused(verifier, forge(stranger, (X509_DATA, foreign)), duisign.UnknownSignerError, "unknown-signer")
        # issuer and serial of a pinned certificate do not vouch for an embedded stranger
        both = X509_DATA.replace("</ds:X509Data>", embedded.format(self.pem(stranger.certificate)) + "</ds:X509Data>")
        refused(verifier, forge(smki.user, (X509_DATA, both)), duisign.UnknownSignerError, "unknown-signer")
        chain = X509_DATA.replace(
            "</ds:X509Data>",
            embedded.format(self.pem(smki.user.certificate))
            + embedded.format(self.pem(smki.issuing_ca.certificate))
            + "</ds:X509Data>",
        )
        verifier.verify(forge(smki.user, (X509_DATA, chain)))

    def test_hints_that_name_different_certificates_fit_none(self, smki, verifier):
        fingerprint = b64encode(
            smki.dcc.certificate.fingerprint(__import__("cryptography").hazmat.primitives.hashes.SHA256())
        ).decode()
        hint = f'<d:X509Digest xmlns:d="http://www.w3.org/2009/xmldsig11#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256">{fingerprint}</d:X509Digest></ds:X509Data>'
        refused(verifier, forge(smki.user, ("</ds:X509Data>", hint)), duisign.UnknownSignerError, "unknown-signer")
        refused(
            verifier,
            forge(smki.user, ("</ds:X509Data>", hint.replace("xmlenc#sha256", "xmldsig#sha1"))),
            FORMAT,
            "key-info-content",
        )

    @pytest.mark.parametrize("count", [15, 16, 50_000])
    def test_a_key_info_says_few_things(self, smki, verifier, count):
        subject = "<ds:X509Certificate>AAAA</ds:X509Certificate>" * count
        document = forge(smki.user, ("</ds:X509Data>", subject + "</ds:X509Data>"))
        if count < 16:
            refused(verifier, document, duisign.UnknownSignerError, "unknown-signer")
        else:
            refused(verifier, document, FORMAT, "key-info-content", "key-info")

    def test_key_material_in_the_message_supplies_no_key(self, smki, verifier):
        attacker = Identity(ec.generate_private_key(ec.SECP256R1()), smki.user.certificate)
        numbers = attacker.private_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        spki = attacker.private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for content in (
            '<ds:KeyValue><e:ECKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">'
            f'<e:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/><e:PublicKey>{plain(numbers)}</e:PublicKey>'
            "</e:ECKeyValue></ds:KeyValue>",
            f'<e:DEREncodedKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">{plain(spki)}</e:DEREncodedKeyValue>',
            '<ds:RetrievalMethod URI="file:///etc/passwd"/>',
            "<ds:KeyName>attacker</ds:KeyName>",
            "",
        ):
            changes = [(X509_DATA, content)]
            refused(verifier, forge(attacker, *changes), duisign.SignatureMismatchError, "signature-mismatch")
            assert verifier.verify(forge(smki.user, *changes)).certificate == smki.user.certificate

    def test_without_key_info_the_pinned_keys_are_tried(self, smki, verifier):
        assert verifier.verify(forge(smki.dcc, (KEY_INFO, ""))).certificate == smki.dcc.certificate
        bare = Verifier(PinnedCertificates([smki.user.private_key.public_key()]))
        message = bare.verify(forge(smki.user, (KEY_INFO, "")))
        assert (message.certificate, message.role, message.entity_id) == (None, None, None)
        assert bare.verify(forge(smki.user)).certificate is None

    def test_too_many_keys_are_not_tried(self, smki):
        many = [ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(17)]
        refused(
            Verifier(PinnedCertificates(many)),
            forge(smki.user, (KEY_INFO, "")),
            duisign.UnknownSignerError,
            "unknown-signer",
        )
        refused(
            Verifier(PinnedCertificates([])),
            forge(smki.user, (KEY_INFO, "")),
            duisign.UnknownSignerError,
            "unknown-signer",
        )

    def test_one_key_under_two_certificates_is_ambiguous(self, smki):
        twin = smki.issue(
            entity_id="00-DB-12-34-A5-00-00-09",
            role=duisign.RemotePartyRole.XML_SIGN,
            private_key=smki.user.private_key,
        )
        both = Verifier(PinnedCertificates([smki.user.certificate, twin.certificate]))
        refused(both, forge(smki.user, (KEY_INFO, "")), duisign.AmbiguousSignerError, "ambiguous-signer", "signer")
        assert both.verify(forge(smki.user)).certificate == smki.user.certificate
        assert both.verify(forge(twin)).certificate == twin.certificate


class TestCertificates:
    DAY = dt.timedelta(days=1)

    def test_validity_follows_the_clock(self, smki):
        document = forge(smki.user)
        start, end = smki.user.certificate.not_valid_before_utc, smki.user.certificate.not_valid_after_utc
        for now in (start, end, lambda: start):
            Verifier(PinnedCertificates([smki.user.certificate], now=now)).verify(document)
        early = Verifier(PinnedCertificates([smki.user.certificate], now=start - self.DAY))
        refused(early, document, duisign.CertificateError, "certificate-not-yet-valid", "certificate")
        late = Verifier(PinnedCertificates([smki.user.certificate], now=lambda: end + self.DAY))
        refused(late, document, duisign.CertificateError, "certificate-expired", "certificate")
        refused(late, forge(smki.user, (KEY_INFO, "")), duisign.CertificateError, "certificate-expired")

    def test_key_agreement_certificates_do_not_sign(self, smki):
        agreement = smki.issue(
            entity_id="00-DB-12-34-A5-00-00-08",
            role=duisign.RemotePartyRole.XML_SIGN,
            key_usage="key_agreement",
        )
        verifier = Verifier(PinnedCertificates([agreement.certificate]))
        refused(verifier, forge(agreement), duisign.CertificateError, "certificate-key-usage", "certificate")

    def test_other_curves_are_refused(self, smki):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        key = ec.generate_private_key(ec.SECP384R1())
        template = smki.user.certificate
        builder = x509.CertificateBuilder(
            template.issuer,
            template.subject,
            key.public_key(),
            template.serial_number + 1,
            template.not_valid_before_utc,
            template.not_valid_after_utc,
        )
        builder = builder.add_extension(template.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
        other = builder.sign(smki.issuing_ca.private_key, hashes.SHA256())
        verifier = Verifier(PinnedCertificates([other]))
        refused(
            verifier,
            forge(Identity(smki.user.private_key, other)),
            duisign.CertificateError,
            "certificate-curve",
            "certificate",
        )


def test_a_canonical_form_may_be_longer_than_the_limit_of_documents(smki):
    document = forge(smki.user, ("<sr:Payload>", "<sr:Payload a='" + '"' * 3000 + "'>"))
    trust = PinnedCertificates([smki.user.certificate])
    message = Verifier(trust, max_octets=len(document)).verify(document)
    assert len(message.signed_bytes) > 3 * len(document)
    assert message.element is not None
    assert message.request_id is not None


USUAL = [
    [],
    [("@DIGEST@", " @DIGEST@")],
    [("@DIGEST@", "@DIGEST@\n")],
    [("@DIGEST@", "<![CDATA[@DIGEST@]]>")],
    [("><ds:", "> <ds:")],
    [("<ds:Reference URI", "\n<ds:Reference URI")],
    [("</ds:Transforms>", " </ds:Transforms>")],
    [(ENVELOPED, ENVELOPED[:-2] + "> </ds:Transform>")],
    [(ENVELOPED, ENVELOPED + EXCLUSIVE)],
    [("<ds:SignedInfo>", '<ds:SignedInfo xmlns:x="urn:x">')],
    [("<ds:SignedInfo>", '<ds:SignedInfo xmlns="urn:x">')],
    [("<ds:Transforms>", '<ds:Transforms xmlns:ds="http://www.w3.org/2000/09/xmldsig#">')],
    [("<ds:", "<dsig:"), ("</ds:", "</dsig:"), ("xmlns:ds=", "xmlns:dsig=")],
    [("<ds:", "<d:"), ("</ds:", "</d:"), ("xmlns:ds", "xmlns:d")],
    [("<ds:", "<"), ("</ds:", "</"), ("<Signature>", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">')],
    [
        ("<ds:DigestValue", "<e:DigestValue"),
        ("</ds:DigestValue", "</e:DigestValue"),
        ("xmlns:ns3", 'xmlns:e="http://www.w3.org/2000/09/xmldsig#" xmlns:ns3'),
    ],
]


@pytest.mark.parametrize("changes", USUAL, ids=range(len(USUAL)))
def test_the_signed_info_digest_is_that_of_its_canonical_form(smki, changes):
    """The usual SignedInfo has a canonical form that is known beforehand; it must be the one that the walk gives."""
    from hashlib import sha256

    from lxml import etree

    from duisign._signature_element import read_signature

    text = TEMPLATE
    for old, new in changes:
        text = text.replace(old, new)
    document = forge(smki.user, template=text)
    root = etree.fromstring(document)
    signature = read_signature(root, True, True, False, False, 256, len(document))
    signed_info = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}SignedInfo"))
    form = etree.tostring(signed_info, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    assert duisign.canonicalize(signed_info, duisign.CanonicalizationMethod.EXCLUSIVE_C14N_1_0) == form
    assert signature.signed_info_digest() == sha256(form).digest()
