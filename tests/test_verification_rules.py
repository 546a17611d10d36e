"""Every rule of the Verifier: what breaks it is refused with its class, code and check."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

import duisign
from duisign import PinnedCertificates, Verifier
from duisign.testing import Identity
from forgery import TEMPLATE, forge, raw_octets
from signature_rules import (
    DIGESTS,
    ENVELOPED,
    EXCLUSIVE,
    FORMAT,
    SHAPES,
    SIGNATURE,
    VALUES,
    java_signature,
    plain,
    refused,
)


def test_the_unchanged_template_verifies(smki, verifier):
    message = verifier.verify(forge(smki.user))
    assert message.profile is duisign.Profile.DUIS
    assert b"Signature" not in message.signed_bytes
    assert message.certificate == smki.user.certificate


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
@pytest.mark.parametrize(
    "other",
    [None]
    + [pytest.param(name, marks=[pytest.mark.unusual] * (name == "relative-namespace")) for name in OTHER_FAULTS],
)
def test_where_signatures_stand_comes_first_among_what_is_wrong(smki, verifier, place, other):
    others = [] if other is None else [other]
    assert code_of(verifier, faulty(smki, place, *others)) == place
    if other is not None:
        assert code_of(verifier, faulty(smki, None, other)) == other


@pytest.mark.unusual
def test_what_the_signature_says_comes_before_the_signer_and_both_before_the_canonical_form(smki, verifier):
    for first in ("digest-value", "signature-attribute", "signature-method"):
        assert code_of(verifier, faulty(smki, None, first, "unknown-signer", "relative-namespace")) == first
    assert code_of(verifier, faulty(smki, None, "unknown-signer", "relative-namespace")) == "unknown-signer"


@pytest.mark.unusual
@pytest.mark.parametrize("profile", duisign.Profile)
@pytest.mark.parametrize("name", ["Signature", "SignedInfo", "Reference", "Transforms", "DigestMethod", "DigestValue"])
def test_a_relative_namespace_around_what_is_signed(smki, profile, name):
    """There is no canonical form of it, in the usual Signature either, whose form is known beforehand."""
    signed = duisign.Signer(smki.user.private_key, smki.user.certificate, profile=profile).sign(b"<a><b/></a>")
    verifier = duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate]), profiles=[profile])
    relative, absolute = (
        signed.replace(f"<ds:{name}".encode(), f'<ds:{name} xmlns:r="{uri}"'.encode(), 1) for uri in ("r", "urn:r")
    )
    assert code_of(verifier, relative) == "relative-namespace"
    assert verifier.verify(absolute).signed_bytes == b"<a><b></b></a>"


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
