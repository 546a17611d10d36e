"""Signatures that the engine reads for XMLVerifier, and those that are read for it alone: the same verdicts."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign.signxml import (
    InvalidInput,
    InvalidSignature,
    VerifyResult,
    XMLVerifier,
    add_issuer_serial,
    add_x509_digest,
)
from duisign.signxml.signature import read_signature
from signxml_calls import DS, INCLUSIVE, sign

SNIPPETS = (
    "<!--c-->", "<?p?>", " ", "\n", "x", "&#13;", "<x/>", "<![CDATA[ ]]>", "<![CDATA[A]]>",
    "<ds:X509Data/>", "<ds:KeyName>n</ds:KeyName>", "<ds:Object/>", "<ds:KeyInfo/>", "<ds:Transform/>",
    f'<ds:Signature xmlns:ds="{DS}"/>',
)  # fmt: skip
ATTRIBUTES = (' Id="x"', ' x="y"', ' xmlns="urn:x"', ' xmlns:r="relative"', f' xmlns:q="{DS}"', ' xml:space="preserve"')


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=st.integers(0, 4), place=st.integers(0, 200), change=st.integers(0, len(SNIPPETS) + len(ATTRIBUTES) + 1))
def test_the_engine_reads_what_is_read_here(form, place, change, signed_forms, monkeypatch):
    """Result or refusal, whoever has read the Signature; and what the engine reads is most."""
    documents, certificate = signed_forms
    pieces = documents[form].split(">")
    # From the Signature on mostly; the last piece is empty.
    place = len(pieces) - 2 - place % (len(pieces) - 1)
    if change < len(SNIPPETS):
        pieces[place] += ">" + SNIPPETS[change]
        pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
    elif change < len(SNIPPETS) + len(ATTRIBUTES):
        pieces[place] = (
            pieces[place].removesuffix("/") + ATTRIBUTES[change - len(SNIPPETS)] + "/" * pieces[place].endswith("/")
        )
    elif change == len(SNIPPETS) + len(ATTRIBUTES):
        del pieces[place]
    document = ">".join(pieces).encode()
    by_engine = outcome(document, certificate)
    with monkeypatch.context() as patch:
        patch.setattr("duisign.signxml.signature._read_by_engine", lambda root, size: None)
        assert outcome(document, certificate) == by_engine
    if change > len(SNIPPETS) + len(ATTRIBUTES):
        assert by_engine[0] is VerifyResult
        assert (read_signature(document).read is None) == (form == 4)


def outcome(document, certificate):
    """What a result holds, or what a refusal says."""
    try:
        result = XMLVerifier().verify(document, x509_cert=certificate)
    except (InvalidInput, InvalidSignature) as refusal:
        return type(refusal), refusal.code, refusal.check, str(refusal)
    trees = (etree.tostring(tree) for tree in (result.signed_xml, result.signature_xml))
    return VerifyResult, result.signed_data, result.signature_key, *trees


@pytest.fixture(scope="module")
def signed_forms(smki):
    """Each form of Signature, the last one none that the engine knows."""
    user, document = smki.user, b"<a><b>x</b>\n</a>"
    forms = [
        sign(user, document),
        sign(user, document, always_add_key_value=True, annotators=[add_issuer_serial, add_x509_digest]),
        duisign.Signer(user.private_key, user.certificate).sign(document),
        duisign.Signer(user.private_key, user.certificate, key_info=duisign.KeyInfo.NONE).sign(document),
        sign(user, document, INCLUSIVE),
    ]
    return [form.decode() for form in forms], user.certificate
