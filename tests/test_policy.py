"""Who may sign what: every line of the tables of message classes and roles, accepted and refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

import duisign
from duisign import MessageClass, PinnedCertificates, Policy, RemotePartyRole, Signer, SmkiTrust, Verifier
from duisign.policy import MAY_BE_UNSIGNED, SIGNING_ROLES
from duisign.testing import TEST_POLICY_OID, Smki
from forgery import TEMPLATE, forge

DCC_EUI = "00-DB-12-34-A5-00-00-02"
USER_EUI = "00-DB-12-34-A5-00-00-01"


def trust_in(smki, *identities):
    return SmkiTrust(
        [smki.root.certificate],
        [smki.issuing_ca.certificate],
        [one.certificate for one in identities],
        [smki.crl(), smki.crl(issuer=smki.root)],
        policies=[TEST_POLICY_OID],
    )


def signed_by(identity, document):
    return Signer(identity.private_key, identity.certificate).sign(document)


def refused(verifier, document, code, error=duisign.SignerRoleError):
    with pytest.raises(error) as caught:
        verifier.verify(document)
    assert (caught.value.code, caught.value.check) == (code, "policy")
    return caught.value


@pytest.mark.parametrize("kind", MessageClass)
def test_each_class_by_its_signer_and_by_the_other(smki, samples, kind):
    verifier = Verifier(trust_in(smki, smki.user, smki.dcc))
    sample = samples[kind]
    right, wrong = (smki.user, smki.dcc) if sample.signed_by == "user" else (smki.dcc, smki.user)
    message = verifier.verify(signed_by(right, sample.document))
    assert message.message_class is kind
    assert message.role in SIGNING_ROLES[kind]
    error = refused(verifier, signed_by(wrong, sample.document), "signer-role-for-class")
    assert error.signer["entity_id"] == wrong.entity_id


@pytest.mark.parametrize("role", [role for role in RemotePartyRole if role not in (0x87, 0x89)])
def test_keys_of_other_roles_sign_no_message(smki, samples, role):
    identity = smki.issue(entity_id=USER_EUI, role=role)
    verifier = Verifier(trust_in(smki, identity))
    for kind in (MessageClass.SERVICE_REQUEST, MessageClass.DCC_ALERT):
        error = refused(verifier, signed_by(identity, samples[kind].document), "signer-role")
        assert error.signer["role"] == f"{role:02X}"
    # whoever pins that certificate has decided for himself
    pinned = Verifier(PinnedCertificates([identity.certificate]))
    assert pinned.verify(signed_by(identity, samples[kind].document)).role is role
    refused(
        Verifier(PinnedCertificates([identity.certificate]), policy=Policy()),
        signed_by(identity, samples[kind].document),
        "signer-role",
    )


def test_the_signer_of_a_request_is_its_originator(smki, samples):
    other = smki.issue(entity_id="00-DB-12-34-A5-00-00-0A", role=RemotePartyRole.XML_SIGN)
    trust = trust_in(smki, smki.user, other)
    for kind in (MessageClass.SERVICE_REQUEST, MessageClass.SIGNED_PRE_COMMAND):
        error = refused(Verifier(trust), signed_by(other, samples[kind].document), "signer-entity")
        assert error.request_id.startswith(USER_EUI)
        assert error.signer["entity_id"] == other.entity_id
        Verifier(trust, policy=Policy(check_originator=False)).verify(signed_by(other, samples[kind].document))
    lower = samples["service-request"].document.replace(USER_EUI.encode(), USER_EUI.lower().encode())
    Verifier(trust).verify(signed_by(smki.user, lower))


def test_a_comment_does_not_hide_the_originator(smki, samples):
    """The text before the comment would be another party's."""
    document = samples["service-request"].document.replace(b"A5-00-00-01:", b"A5-00-00-01<!---->:", 1)
    verifier = Verifier(trust_in(smki, smki.user))
    assert verifier.verify(signed_by(smki.user, document)).request_id.originator == USER_EUI
    spoofed = samples["service-request"].document.replace(b"<sr:RequestID>", b"<sr:RequestID><!--x-->9", 1)
    refused(verifier, signed_by(smki.user, spoofed), "request-id")


@pytest.mark.parametrize(
    "change",
    [
        (b"<sr:RequestID>", b"<sr:RequestID>x"),
        (b"</sr:RequestID>", b"</sr:RequestID><sr:RequestID>x</sr:RequestID>"),
        (b"</sr:RequestID>", b"</sr:RequestID><sr:RequestID> </sr:RequestID>"),
        (b"<sr:RequestID>", b"<sr:RequestID/><sr:RequestID>"),
        # Text after an instruction or an element is text that some reader leaves out.
        (b"</sr:RequestID>", b"<?x?>1</sr:RequestID>"),
        (b"</sr:RequestID>", b"<sr:x/>1</sr:RequestID>"),
        (b"</sr:RequestID>", b"<x/></sr:RequestID>"),
        (b"<sr:Body>", b"<sr:Header/><sr:Body>"),
    ],
)
def test_requests_without_one_good_request_id(smki, samples, change):
    document = samples["service-request"].document.replace(*change, 1)
    refused(Verifier(trust_in(smki, smki.user)), signed_by(smki.user, document), "request-id")


def test_requests_without_request_id(smki, samples):
    document = samples["service-request"].document
    start, end = document.index(b"<sr:RequestID>"), document.index(b"</sr:RequestID>") + len(b"</sr:RequestID>")
    without = document[:start] + document[end:]
    refused(Verifier(trust_in(smki, smki.user)), signed_by(smki.user, without), "signer-entity")


def test_the_dcc_can_be_named(smki, samples):
    trust = trust_in(smki, smki.dcc)
    document = signed_by(smki.dcc, samples["dcc-alert"].document)
    for spelling in (DCC_EUI.lower(), DCC_EUI.replace("-", "")):
        Verifier(trust, policy=Policy(dcc_entity_ids=[spelling])).verify(document)
    refused(Verifier(trust, policy=Policy(dcc_entity_ids=["00-00-00-00-00-00-00-00"])), document, "signer-entity")


def test_documents_that_are_no_messages(smki):
    refused(Verifier(trust_in(smki, smki.user)), signed_by(smki.user, b"<a/>"), "message-class")


def test_bare_keys_have_no_role(smki, samples):
    bare = PinnedCertificates([smki.user.private_key.public_key()])
    document = signed_by(smki.user, samples["service-request"].document)
    Verifier(bare).verify(document)
    refused(Verifier(bare, policy=Policy()), document, "signer-role")


def test_a_store_that_says_nothing_of_a_policy_gets_the_default(smki, samples):
    """Such as one that somebody wraps around another: nobody loses the rules by it."""

    class Wrapped:
        def __init__(self, trust):
            self.signatories, self.check = trust.signatories, trust.check

    document = signed_by(smki.dcc, samples["service-request"].document)
    for trust in (trust_in(smki, smki.dcc), PinnedCertificates([smki.dcc.certificate])):
        refused(Verifier(Wrapped(trust)), document, "signer-role-for-class")
    Verifier(PinnedCertificates([smki.dcc.certificate])).verify(document)


def test_decimal_role_137_is_an_option(smki, samples):
    early = smki.issue(entity_id=DCC_EUI, role="137")
    document = signed_by(early, samples["dcc-alert"].document)
    refused(Verifier(trust_in(smki, early)), document, "signer-role")
    verifier = Verifier(trust_in(smki, early), policy=Policy(accept_decimal_role_137=True))
    assert verifier.verify(document).role is RemotePartyRole.DSP_XML_SIGN
    error = refused(verifier, signed_by(early, samples["service-request"].document), "signer-role-for-class")
    assert error.signer["role"] == "89"
    # The certificate says 137, whoever reads it without that option.
    assert Verifier(PinnedCertificates([early.certificate])).verify(document).role is None
    eight_nine = smki.issue(entity_id=DCC_EUI, role="138")
    refused(
        Verifier(trust_in(smki, eight_nine), policy=Policy(accept_decimal_role_137=True)),
        signed_by(eight_nine, samples["dcc-alert"].document),
        "signer-role",
    )


def test_production_roles_can_be_added(smki, samples):
    transform = smki.issue(entity_id=DCC_EUI, role=0x42)
    document = signed_by(transform, samples["pre-command"].document)
    refused(Verifier(trust_in(smki, transform)), document, "signer-role")
    half = Policy(xml_signing_roles={0x87, 0x89, 0x42})
    refused(Verifier(trust_in(smki, transform), policy=half), document, "signer-role-for-class")
    full = dataclasses.replace(half, signing_roles={**SIGNING_ROLES, MessageClass.PRE_COMMAND: {0x89, 0x42}})
    Verifier(trust_in(smki, transform), policy=full).verify(document)
    # a role of signing_roles that is not for XML signing stays out
    refused(
        Verifier(trust_in(smki, transform), policy=Policy(signing_roles={MessageClass.PRE_COMMAND: {0x42}})),
        document,
        "signer-role",
    )


class TestUnsigned:
    @pytest.mark.parametrize("kind", MessageClass)
    def test_receive(self, smki, samples, kind):
        trust = trust_in(smki, smki.user, smki.dcc)
        document = samples[kind].document
        for verifier in (Verifier(trust), Verifier(PinnedCertificates([smki.user.certificate]))):
            with pytest.raises(duisign.UnsignedMessageError):
                verifier.receive(document)
        lenient = Verifier(trust, policy=Policy(accept_unsigned=MAY_BE_UNSIGNED))
        with pytest.raises(duisign.UnsignedMessageError):
            lenient.verify(document)
        if kind in MAY_BE_UNSIGNED:
            message = lenient.receive(document)
            assert type(message) is duisign.UnsignedMessage
            assert message.message_class is kind
            assert message.octets == duisign.canonicalize(document)
            assert not hasattr(message, "signed_bytes")
        else:
            with pytest.raises(duisign.UnsignedMessageError):
                lenient.receive(document)

    @pytest.mark.parametrize(
        ("header", "payload", "received"),
        [
            ("", "<sr:FutureDatedDeviceAlertMessage><sr:GBCSPayload/></sr:FutureDatedDeviceAlertMessage>", True),
            ("", "<sr:FutureDatedDeviceAlertMessage><sr:PreCommand/></sr:FutureDatedDeviceAlertMessage>", False),
            ("", "<sr:FutureDatedDeviceAlertMessage><a><sr:PreCommand/></a></sr:FutureDatedDeviceAlertMessage>", False),
            ("", "", True),
            ("<sr:LocalCommand/>", "", False),
            ("<sr:A><sr:DCCAlertMessage/></sr:A>", "", False),
        ],
    )
    def test_what_comes_unsigned_covers_nothing_that_must_be_signed(self, smki, header, payload, received):
        """Whoever looks for a payload by its name alone finds none in what `receive` hands out."""
        document = (
            '<sr:Response xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway">'
            f"<sr:Header>{header}</sr:Header><sr:Body><sr:ResponseMessage>{payload}</sr:ResponseMessage></sr:Body>"
            "</sr:Response>"
        ).encode()
        assert duisign.message_class(document) in MAY_BE_UNSIGNED
        lenient = Verifier(trust_in(smki, smki.dcc), policy=Policy(accept_unsigned=MAY_BE_UNSIGNED))
        if received:
            assert lenient.receive(document).octets == duisign.canonicalize(document)
        else:
            with pytest.raises(duisign.UnsignedMessageError):
                lenient.receive(document)

    def test_receive_verifies_what_is_signed(self, smki, samples):
        lenient = Verifier(trust_in(smki, smki.user, smki.dcc), policy=Policy(accept_unsigned=MAY_BE_UNSIGNED))
        document = signed_by(smki.dcc, samples["device-response"].document)
        assert type(lenient.receive(document)) is duisign.VerifiedMessage
        with pytest.raises(duisign.DigestMismatchError):
            lenient.receive(document.replace(b"sr:ResponseCode>I0", b"sr:ResponseCode>I1"))

    @pytest.mark.parametrize(
        "options",
        [
            {"accept_unsigned": {MessageClass.SERVICE_REQUEST}},
            {"accept_unsigned": ["x"]},
            {"signing_roles": {"x": [1]}},
            {"signing_roles": 7},
            {"xml_signing_roles": ["x"]},
            {"dcc_entity_ids": [7]},
            {"dcc_entity_ids": DCC_EUI},
            {"dcc_entity_ids": ["00-DB"]},
            {"s1sp_entity_ids": 7},
            # A text is a collection too: this would be the roles 8 and 7.
            {"xml_signing_roles": "87"},
            {"xml_signing_roles": ["87"]},
            {"xml_signing_roles": [256]},
            {"s1sp_signing_roles": [True]},
            {"s1sp_signing_roles": None},
            {"signing_roles": {MessageClass.DCC_ALERT: "89"}},
            {"check_originator": None},
            {"accept_decimal_role_137": "no"},
        ],
    )
    def test_policies_that_make_no_sense(self, options):
        with pytest.raises(duisign.ConfigurationError) as caught:
            Policy(**options)
        assert caught.value.code == "policy"

    def test_a_verifier_takes_policies_only(self):
        with pytest.raises(duisign.ConfigurationError):
            Verifier(PinnedCertificates([]), policy="default")


class TestRefusals:
    def test_what_a_refusal_tells(self, smki, samples):
        document = signed_by(smki.user, samples["service-request"].document)
        verifier = Verifier(trust_in(smki, smki.dcc))
        with pytest.raises(duisign.UnknownSignerError) as caught:
            verifier.verify(document)
        told = caught.value.to_dict()
        assert json.loads(json.dumps(told)) == told
        assert told["code"] == "unknown-signer"
        assert told["signer"] == {
            "issuer": "CN=duisign test CA,OU=07",
            "serial_number": str(smki.user.certificate.serial_number),
            "role": None,
            "entity_id": None,
        }
        assert told["request_id"].startswith(f"{USER_EUI}:")
        with pytest.raises(duisign.DigestMismatchError) as caught:
            Verifier(trust_in(smki, smki.user)).verify(document.replace(b"Fern", b"Farn"))
        assert caught.value.to_dict()["signer"]["entity_id"] == USER_EUI

    def test_what_it_cannot_tell(self, verifier, request_document):
        with pytest.raises(duisign.UnsignedMessageError) as caught:
            verifier.verify(request_document.replace(b"<sr:RequestID>", b"<sr:RequestID>secret payload "))
        assert caught.value.to_dict() == {
            "error": "UnsignedMessageError",
            "code": "unsigned",
            "check": "signature",
            "sentence": str(caught.value),
            "signer": None,
            "request_id": None,
        }
        with pytest.raises(duisign.DocumentError) as caught:
            verifier.verify(b"<a>")
        assert caught.value.request_id is None

    def test_names_cannot_break_lines_or_steer_terminals(self, smki, verifier):
        for name, told in (("CN=a\n\tb,OU=07", "CN=a b,OU=07"), ("CN=a\u009b2J,OU=07", None), ("CN=a\u202eb", None)):
            with pytest.raises(duisign.UnknownSignerError) as caught:
                verifier.verify(forge(smki.user, ("@ISSUER@", name)))
            assert (caught.value.signer or {}).get("issuer") == told

    def test_nor_can_those_of_a_certificate_that_a_message_carries(self, smki):
        """Anybody makes a certificate of any name, and the refusal tells of it."""
        key, template = smki.user.private_key, smki.user.certificate
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\nb\x1b[2J\u202e")])
        builder = x509.CertificateBuilder(
            issuer, template.subject, key.public_key(), 5, template.not_valid_before_utc, template.not_valid_after_utc
        )
        usage = template.extensions.get_extension_for_class(x509.KeyUsage)
        made = builder.add_extension(usage.value, usage.critical).sign(key, hashes.SHA256())
        der = b64encode(made.public_bytes(Encoding.DER)).decode()
        issuer_serial = TEMPLATE[TEMPLATE.index("<ds:X509IssuerSerial>") : TEMPLATE.index("</ds:X509Data>")]
        document = forge(smki.user, (issuer_serial, f"<ds:X509Certificate>{der}</ds:X509Certificate>"))
        with pytest.raises(duisign.CertificatePathError) as caught:
            Verifier(trust_in(smki)).verify(document)
        assert caught.value.signer["issuer"] == "CN=a\\0Ab\\1B[2J\\E2\\80\\AE"

    def test_names_that_are_no_names_are_not_told(self, smki, verifier):
        with pytest.raises(duisign.SignatureFormatError) as caught:
            verifier.verify(forge(smki.user, ("@ISSUER@", "secret payload")))
        assert caught.value.signer is None

    def test_an_integrators_mapping_is_one_dictionary(self, smki, samples):
        responses = {"digest-mismatch": "E-mine"}
        with pytest.raises(duisign.VerificationError) as caught:
            Verifier(trust_in(smki, smki.user)).verify(
                signed_by(smki.user, samples["service-request"].document).replace(b"Fern", b"Farn")
            )
        assert responses[caught.value.code] == "E-mine"


class TestInnerMessages:
    ALERT = (
        '<?xml version="1.0" encoding="UTF-8"?><sr:Response xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway"'
        '{outer} schemaVersion="5.1">'
        "<sr:Header><sr:ResponseCode>I0</sr:ResponseCode></sr:Header><sr:Body><sr:DCCAlertMessage><sr:DCCAlertCode>N55</sr:DCCAlertCode><sr:DCCAlert>"
        "<sr:S1SPAlertDSP>{inner}</sr:S1SPAlertDSP></sr:DCCAlert></sr:DCCAlertMessage></sr:Body></sr:Response>"
    )
    S1SP_ALERT = (
        '<sr:S1SPAlert xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway"'
        '{own} schemaVersion="5.1"><sr:S1SPAlertCode>S1VE</sr:S1SPAlertCode>'
        "<sr:DateTime>2031-06-01T00:00:00Z</sr:DateTime></sr:S1SPAlert>"
    )
    RA = ' xmlns:ra="http://www.dccinterface.co.uk/ResponseAndAlert"'
    DS = ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
    XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    EACH = ("", RA, DS, XSI, RA + DS, RA + XSI, DS + XSI, RA + DS + XSI)

    def verifiers(self, smki):
        return Verifier(PinnedCertificates([smki.dcc.certificate])), Verifier(
            PinnedCertificates([smki.s1sp.certificate])
        )

    def test_the_sample_response(self, smki, samples):
        outer, s1sp = self.verifiers(smki)
        message = outer.verify(signed_by(smki.dcc, samples["smets1-response"].document))
        inner = s1sp.verify_inner(message)
        assert inner.certificate == smki.s1sp.certificate
        assert inner.element.tag.endswith("}SMETS1SignedResponse")
        with pytest.raises(duisign.UnknownSignerError):
            outer.verify_inner(message)

    def test_refusals_tell_the_request_that_was_answered(self, smki, samples):
        """The inner message has no RequestID of its own; who has to notify somebody needs the outer one's."""
        outer, s1sp = self.verifiers(smki)
        answer = outer.verify(signed_by(smki.dcc, samples["smets1-response"].document))
        other = outer.verify(signed_by(smki.dcc, samples["local-command"].document))
        for verifier, message, code in ((outer, answer, "unknown-signer"), (s1sp, other, "unsigned")):
            with pytest.raises(duisign.VerificationError) as caught:
                verifier.verify_inner(message)
            assert caught.value.code == code
            assert caught.value.request_id == str(message.request_id)

    @pytest.mark.parametrize("outer_declares", EACH)
    @pytest.mark.parametrize(
        "child", ["", "<sr:A/>", f"<ra:A{RA}/>", f"<sr:A{XSI} xsi:nil='true'/>", "<A xmlns='urn:a'><B/></A>"]
    )
    def test_declarations_of_the_outer_root_do_not_leak_in(self, smki, outer_declares, child):
        """Whatever the S1SP declared, on its root or below: what it signed is found, and nothing else."""
        outer, s1sp = self.verifiers(smki)
        for own in self.EACH:
            alone = self.S1SP_ALERT.format(own=own).replace("</sr:S1SPAlert>", f"{child}</sr:S1SPAlert>")
            inner = signed_by(smki.s1sp, alone.encode()).decode()
            document = self.ALERT.format(outer=outer_declares, inner=inner).encode()
            message = outer.verify(signed_by(smki.dcc, document))
            assert message.message_class is MessageClass.DCC_ALERT
            verified = s1sp.verify_inner(message)
            assert verified.element.tag.endswith("}S1SPAlert")
            assert verified.signed_bytes == duisign.canonicalize(alone.encode())

    def test_declarations_beyond_number(self, smki):
        """The likeliest forms are tried, and no more than a few."""
        outer, s1sp = self.verifiers(smki)
        many = "".join(f' xmlns:n{number}="urn:{number}"' for number in range(200))
        for own, found in (("", True), (self.DS, True), (many, True), (' xmlns:n7="urn:7" xmlns:n8="urn:8"', False)):
            inner = signed_by(smki.s1sp, self.S1SP_ALERT.format(own=own).encode()).decode()
            message = outer.verify(signed_by(smki.dcc, self.ALERT.format(outer=many, inner=inner).encode()))
            if found:
                assert s1sp.verify_inner(message).certificate == smki.s1sp.certificate
            else:
                with pytest.raises(duisign.DigestMismatchError):
                    s1sp.verify_inner(message)

    def test_an_embedded_copy_without_its_own_declarations(self, smki):
        """What an XML library makes of it when it moves the element below a root that declares the same."""
        outer, s1sp = self.verifiers(smki)
        inner = signed_by(smki.s1sp, self.S1SP_ALERT.format(own=self.RA).encode()).decode()
        stripped = inner.replace(' xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway"', "").replace(
            self.RA, ""
        )
        message = outer.verify(signed_by(smki.dcc, self.ALERT.format(outer=self.RA, inner=stripped).encode()))
        assert s1sp.verify_inner(message).certificate == smki.s1sp.certificate

    def test_a_tampered_inner_message_is_refused(self, smki):
        outer, s1sp = self.verifiers(smki)
        inner = signed_by(smki.s1sp, self.S1SP_ALERT.format(own="").encode()).decode().replace("S1VE", "S1VF")
        message = outer.verify(signed_by(smki.dcc, self.ALERT.format(outer="", inner=inner).encode()))
        with pytest.raises(duisign.DigestMismatchError):
            s1sp.verify_inner(message)

    def test_messages_without_inner_message(self, smki, samples):
        outer, s1sp = self.verifiers(smki)
        with pytest.raises(duisign.UnsignedMessageError):
            s1sp.verify_inner(outer.verify(signed_by(smki.dcc, samples["dcc-alert"].document)))
        unsigned = self.S1SP_ALERT.format(own="")
        with pytest.raises(duisign.UnsignedMessageError):
            s1sp.verify_inner(outer.verify(signed_by(smki.dcc, self.ALERT.format(outer="", inner=unsigned).encode())))
        with pytest.raises(duisign.DuisignError):
            s1sp.verify_inner(b"<a/>")


class TestWhoMaySignInnerMessages:
    """The S1SP of an inner message is not whoever the SMKI has certified."""

    def outer(self, smki, samples, identity):
        """A SMETS1 response by the DCC, of which the inner message is signed by `identity`."""
        document = samples["smets1-response"].document
        root = etree.fromstring(document)
        inner = root.find(".//{*}SMETS1SignedResponse")
        inner.remove(inner.find("{*}Signature"))
        signed = signed_by(identity, etree.tostring(inner, with_tail=False))
        start, end = document.index(b"<sr:SMETS1SignedResponse"), document.index(b"</sr:SMETS1ResponseMessage>")
        whole = signed_by(smki.dcc, document[:start] + signed + document[end:])
        return Verifier(PinnedCertificates([smki.dcc.certificate])).verify(whole)

    def verdict(self, verifier, message):
        try:
            return verifier.verify_inner(message).entity_id
        except duisign.SignerRoleError as refusal:
            error = refusal
        assert error.check == "policy"
        assert error.signer["entity_id"] is not None
        return error.code

    @pytest.mark.parametrize("role", [*RemotePartyRole, 0x42, "137", "zz"])
    def test_by_default_only_a_service_provider_of_the_dcc(self, smki, samples, role):
        identity = smki.issue(entity_id=smki.s1sp.entity_id, role=role)
        message = self.outer(smki, samples, identity)
        expected = {
            RemotePartyRole.DSP_XML_SIGN: identity.entity_id,
            # Any User has one of these: a valid path makes it no S1SP.
            RemotePartyRole.XML_SIGN: "signer-role-for-class",
        }.get(role, "signer-role")
        assert self.verdict(Verifier(trust_in(smki, identity)), message) == expected
        pinned = PinnedCertificates([identity.certificate])
        assert self.verdict(Verifier(pinned), message) == identity.entity_id
        assert self.verdict(Verifier(pinned, policy=Policy()), message) == expected

    def test_the_roles_of_production_are_an_option(self, smki, samples):
        message, trust = self.outer(smki, samples, smki.s1sp), trust_in(smki, smki.s1sp)
        other = {RemotePartyRole.OTHER}
        both = {RemotePartyRole.XML_SIGN, RemotePartyRole.DSP_XML_SIGN, RemotePartyRole.OTHER}
        for policy, expected in (
            (Policy(), "signer-role"),
            (Policy(s1sp_signing_roles=other), "signer-role"),
            (Policy(xml_signing_roles=both), "signer-role-for-class"),
            (Policy(xml_signing_roles=both, s1sp_signing_roles=other), smki.s1sp.entity_id),
            (Policy(xml_signing_roles=both, s1sp_signing_roles=()), "signer-role-for-class"),
        ):
            assert self.verdict(Verifier(trust, policy=policy), message) == expected
        # What may sign inner messages may sign no other.
        policy = Policy(xml_signing_roles=both, s1sp_signing_roles=other)
        for kind in ("dcc-alert", "service-request"):
            document = signed_by(smki.s1sp, samples[kind].document)
            refused(Verifier(trust, policy=policy), document, "signer-role-for-class")

    def test_the_service_providers_can_be_named(self, smki, samples):
        identity = smki.issue(entity_id=smki.s1sp.entity_id, role=RemotePartyRole.DSP_XML_SIGN)
        message, trust = self.outer(smki, samples, identity), trust_in(smki, identity)
        for names, expected in (
            ([identity.entity_id.lower()], identity.entity_id),
            ([DCC_EUI], "signer-entity"),
            ([], "signer-entity"),
        ):
            assert self.verdict(Verifier(trust, policy=Policy(s1sp_entity_ids=names)), message) == expected

    def test_a_bare_key_is_nobody(self, smki, samples):
        message = self.outer(smki, samples, smki.s1sp)
        bare = PinnedCertificates([smki.s1sp.private_key.public_key()])
        assert Verifier(bare).verify_inner(message).certificate is None
        with pytest.raises(duisign.SignerRoleError) as caught:
            Verifier(bare, policy=Policy()).verify_inner(message)
        assert caught.value.code == "signer-role"

    def test_a_path_is_asked_before_the_role(self, smki, samples):
        stranger = Smki.create().dcc
        with pytest.raises(duisign.CertificatePathError):
            Verifier(trust_in(smki, stranger)).verify_inner(self.outer(smki, samples, stranger))
        identity = smki.issue(entity_id=smki.s1sp.entity_id, role=RemotePartyRole.DSP_XML_SIGN)
        trust = trust_in(smki, identity)
        message = self.outer(smki, samples, identity)
        Verifier(trust).verify_inner(message)
        trust.add_crls([smki.crl([identity], number=2)])
        with pytest.raises(duisign.CertificateRevokedError):
            Verifier(trust).verify_inner(message)

    def test_an_inner_message_alone_is_no_message(self, smki, samples):
        """What an S1SP signed is not handed out as if it were the DCC's or a User's."""
        identity = smki.issue(entity_id=smki.s1sp.entity_id, role=RemotePartyRole.DSP_XML_SIGN)
        trust = trust_in(smki, identity)
        verifier = Verifier(trust)
        document = verifier.verify_inner(self.outer(smki, samples, identity)).signed_bytes
        for one in (document, TestInnerMessages.S1SP_ALERT.format(own="").encode()):
            refused(verifier, signed_by(identity, one), "message-class")
            with pytest.raises(duisign.UnsignedMessageError):
                Verifier(trust, policy=Policy(accept_unsigned=MAY_BE_UNSIGNED)).receive(one)

    def test_an_outer_message_of_no_class_has_no_inner_one(self, smki, samples):
        """Two bodies, or a payload beside: nobody can say of which of them the inner message is a part."""
        document = samples["smets1-response"].document
        outer = Verifier(PinnedCertificates([smki.dcc.certificate]))
        s1sp = Verifier(PinnedCertificates([smki.s1sp.certificate]))
        s1sp.verify_inner(outer.verify(signed_by(smki.dcc, document)))
        for old, new in (
            (b"</sr:Body></sr:Response>", b"</sr:Body><sr:Body/></sr:Response>"),
            (b"</sr:Body></sr:Response>", b"<x/></sr:Body></sr:Response>"),
            (b"</sr:Body></sr:Response>", b"</sr:Body><sr:Other/></sr:Response>"),
        ):
            assert document.endswith(old)
            message = outer.verify(signed_by(smki.dcc, document[: -len(old)] + new))
            with pytest.raises(duisign.UnsignedMessageError):
                s1sp.verify_inner(message)


@pytest.mark.timed
def test_what_the_policy_costs_is_within_a_tenth(smki, samples):
    """Verifier(SmkiTrust), everything on and warm, against Verifier(PinnedCertificates), interleaved in one run.

    And the trust store alone adds at most 5 us to a verification.
    """
    import statistics
    import time

    document = signed_by(smki.user, samples["service-request"].document)
    pinned = PinnedCertificates([smki.user.certificate])
    # Everything on; by the same policy, what the trust store alone adds.
    verifiers = [Verifier(pinned), Verifier(pinned, policy=Policy()), Verifier(trust_in(smki, smki.user))]

    def measured():
        times = [[], [], []]
        for _ in range(60):
            for verifier, seconds in zip(verifiers, times, strict=True):
                begin = time.perf_counter()
                for _ in range(50):
                    verifier.verify(document)
                seconds.append((time.perf_counter() - begin) / 50)
        # Of the ratios within rounds, as in bench/: a burst of other work then spoils a round and not the figure.
        ratio = statistics.median(everything / bare for bare, _, everything in zip(*times, strict=True))
        added = statistics.median(everything - policed for _, policed, everything in zip(*times, strict=True))
        print(f"SMKI / pinned {ratio:.3f}, SmkiTrust adds {added * 1e6:.2f} us")
        return ratio, added

    ratio, added = measured()
    if ratio > 1.10 or added > 5e-6:
        # A second chance, as in `make bench-quick`.
        ratio, added = measured()
    assert ratio <= 1.10
    assert added <= 5e-6


def test_validity_is_asked_at_the_time_of_the_message(smki, samples):
    late = smki.user.certificate.not_valid_after_utc + dt.timedelta(days=1)
    trust = SmkiTrust(
        [smki.root.certificate],
        [smki.issuing_ca.certificate],
        [smki.user.certificate],
        [],
        policies=[TEST_POLICY_OID],
        check_revocation=False,
        now=late,
    )
    with pytest.raises(duisign.CertificateError) as caught:
        Verifier(trust).verify(signed_by(smki.user, samples["service-request"].document))
    assert caught.value.code == "certificate-expired"
