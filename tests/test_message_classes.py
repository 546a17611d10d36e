"""The table of messages, line by line: its class, who may sign it, who may not, and what only looks like one of it."""

from __future__ import annotations

import pytest
from lxml import etree

import duisign
from duisign import MessageClass, Policy, Signer, SmkiTrust, Verifier, message_class
from duisign.message_class import UNKNOWN_REMOTE_PARTY_SERVICES
from duisign.policy import MAY_BE_UNSIGNED
from duisign.service_reference import SERVICE_REFERENCES
from duisign.testing import TEST_POLICY_OID

SR = 'xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway"'
USER, DCC, METER = "00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02", "00-DB-12-35-00-00-C3-50"
REFERENCES = (
    "<sr:ServiceReference>{0}</sr:ServiceReference><sr:ServiceReferenceVariant>{0}</sr:ServiceReferenceVariant>"
)
NON_DEVICE_DATA = (
    "CINMessage",
    "DSPInventory",
    "DSPOptIn",
    "DSPSchedulesRead",
    "DSPScheduleID",
    "DSPWANMatrix",
    "DSPUpdateFirmwareWarning",
    "DSPUpdatePPMIDFirmwareWarning",
)
"""Payloads of responses with non-device data, as DESIGN section 3 lists them."""


def request(body, variant="3.4"):
    return (
        f'<sr:Request {SR} schemaVersion="5.1"><sr:Header><sr:RequestID>{USER}:{METER}:7</sr:RequestID>'
        f"{REFERENCES.format(variant)}</sr:Header><sr:Body>{body}</sr:Body></sr:Request>"
    ).encode()


def response(body, beside=""):
    return (
        f'<sr:Response {SR} schemaVersion="5.1"><sr:Header><sr:ResponseID>{DCC}:{USER}:7</sr:ResponseID></sr:Header>'
        f"<sr:Body>{body}</sr:Body>{beside}</sr:Response>"
    ).encode()


def answer(payload, variant="4.1.1"):
    return response(f"<sr:ResponseMessage>{REFERENCES.format(variant)}{payload}</sr:ResponseMessage>")


GBCS = "<sr:GBCSPayload>3wkB</sr:GBCSPayload>"
LINES = {
    "SignedPreCommand": (request(f"<sr:SignedPreCommand>{GBCS}</sr:SignedPreCommand>"), "signed-pre-command", "user"),
    **{
        f"Request {kind}": (request("<sr:AnyRequest/>", variant), "service-request", "user")
        for kind, variant in (("critical", "1.1.1"), ("non-critical", "4.1.1"), ("non-device", "8.2"))
    },
    "PreCommand": (answer(f"<sr:PreCommand>{GBCS}</sr:PreCommand>"), "pre-command", "dcc"),
    **{name: (answer(f"<sr:{name}/>", "8.2"), "non-device-response", "dcc") for name in NON_DEVICE_DATA},
    "LocalCommand": (answer(f"<sr:LocalCommand>{GBCS}</sr:LocalCommand>"), "local-command", "dcc"),
    "DSPScheduledMessage": (answer("<sr:DSPScheduledMessage/>"), "scheduled-response", "dcc"),
    **{
        f"GBCSPayload {variant}": (answer(GBCS, variant), "unknown-remote-party-command", "dcc")
        for variant in sorted(UNKNOWN_REMOTE_PARTY_SERVICES)
    },
    "GBCSPayload otherwise": (answer(GBCS), "device-response", "dcc"),
    "FutureDatedDeviceAlertMessage": (answer("<sr:FutureDatedDeviceAlertMessage/>"), "device-response", "dcc"),
    "without payload": (answer(""), "acknowledgement", "dcc"),
    "DCCAlertMessage": (response("<sr:DCCAlertMessage/>"), "dcc-alert", "dcc"),
    "DeviceAlertMessage": (response(f"<sr:DeviceAlertMessage>{GBCS}</sr:DeviceAlertMessage>"), "device-alert", "dcc"),
    "SMETS1ResponseMessage": (response("<sr:SMETS1ResponseMessage/>"), "smets1-response", "dcc"),
}


@pytest.fixture(scope="module")
def supplier(smki):
    """The User's key for Devices: of the same party, and no XML signing key."""
    return smki.issue(entity_id=USER, role=duisign.RemotePartyRole.SUPPLIER)


@pytest.fixture(scope="module")
def trust(smki, supplier):
    return SmkiTrust(
        [smki.root.certificate],
        [smki.issuing_ca.certificate],
        [one.certificate for one in (smki.user, smki.dcc, supplier)],
        [smki.crl(), smki.crl(issuer=smki.root)],
        policies=[TEST_POLICY_OID],
    )


@pytest.mark.parametrize("line", LINES)
def test_each_line_by_its_signer_and_by_others(smki, supplier, trust, line):
    document, kind, right = LINES[line]
    assert message_class(document) == kind
    verifier = Verifier(trust, policy=Policy(accept_unsigned=MAY_BE_UNSIGNED))
    signers = {"user": smki.user, "dcc": smki.dcc, "supplier": supplier}
    verdicts = {}
    for name, identity in signers.items():
        signed = Signer(identity.private_key, identity.certificate).sign(document)
        try:
            message = verifier.receive(signed)
            verdicts[name] = str(message.message_class)
            assert message.certificate == identity.certificate
        except duisign.SignerRoleError as error:
            verdicts[name] = error.code
    assert verdicts == {
        "user": kind if right == "user" else "signer-role-for-class",
        "dcc": kind if right == "dcc" else "signer-role-for-class",
        "supplier": "signer-role",
    }
    # Unsigned, the table says which lines may come at all.
    if kind in MAY_BE_UNSIGNED:
        assert verifier.receive(document).message_class == kind
    else:
        with pytest.raises(duisign.UnsignedMessageError):
            verifier.receive(document)
    with pytest.raises(duisign.UnsignedMessageError):
        Verifier(trust).receive(document)


def test_the_lines_are_all_of_the_table():
    assert {kind for _, kind, _ in LINES.values()} == set(MessageClass)
    counts = [
        sum(entry.critical for entry in SERVICE_REFERENCES.values()),
        sum(not entry.critical and not entry.non_device for entry in SERVICE_REFERENCES.values()),
        sum(entry.non_device for entry in SERVICE_REFERENCES.values()),
    ]
    assert counts == [37, 76, 16]


FOREIGN = '<x:PreCommand xmlns:x="urn:x"/>'
UNNAMED = "<PreCommand/>"
STRANGE = {
    "foreign": FOREIGN,
    "no namespace": UNNAMED,
    "almost the namespace": '<x:PreCommand xmlns:x="http://www.dccinterface.co.uk/serviceusergateway"/>',
    "unknown name": "<sr:PreCommand2/>",
    "other case": "<sr:preCommand/>",
    "text": "3wkB",
    "CDATA": "<![CDATA[3wkB]]>",
    "text between references": "x<!-- -->",
    "instruction": "<?PreCommand 3wkB?>",
    "no-break space": "\u00a0",
}


class TestWhatOnlyLooksLikeOne:
    """What nobody knows is never taken for nothing: the class decides whether a Signature is asked for."""

    def refused(self, trust, document):
        assert message_class(document) is None
        assert message_class(etree.fromstring(document)) is None
        verifier = Verifier(trust, policy=Policy(accept_unsigned=MAY_BE_UNSIGNED))
        with pytest.raises(duisign.UnsignedMessageError):
            verifier.receive(document)

    @pytest.mark.parametrize("strange", STRANGE)
    def test_unknown_payloads_are_no_acknowledgement(self, trust, strange):
        self.refused(trust, answer(STRANGE[strange]))

    @pytest.mark.parametrize("strange", STRANGE)
    def test_unknown_things_beside_a_payload(self, trust, strange):
        for payload in (GBCS, "<sr:FutureDatedDeviceAlertMessage/>"):
            self.refused(trust, answer(payload + STRANGE[strange]))
            self.refused(trust, answer(STRANGE[strange] + payload))

    @pytest.mark.parametrize("strange", STRANGE)
    def test_unknown_things_in_and_beside_the_body(self, trust, strange):
        alert = f"<sr:DeviceAlertMessage>{GBCS}</sr:DeviceAlertMessage>"
        for body in (alert, f"<sr:ResponseMessage>{REFERENCES.format('4.1.1')}</sr:ResponseMessage>"):
            self.refused(trust, response(body + STRANGE[strange]))
            self.refused(trust, response(STRANGE[strange] + body))
            self.refused(trust, response(body, beside=STRANGE[strange]))
        assert message_class(request("<sr:AnyRequest/>" + STRANGE[strange])) is None

    @pytest.mark.parametrize("strange", sorted(STRANGE.keys() - {"unknown name", "other case"}))
    def test_unknown_things_in_the_header(self, trust, strange):
        """Where identifiers stand: another reader may take them for one."""
        for document in (request("<sr:AnyRequest/>"), answer("")):
            assert message_class(document) is not None
            changed = document.replace(b"<sr:Header>", b"<sr:Header>" + STRANGE[strange].encode())
            assert message_class(changed) is None

    def test_what_is_no_body_and_no_signature(self, trust):
        for beside in ("<sr:GBCSPayload/>", '<Signature xmlns="urn:x"/>', '<ds:Object xmlns:ds="urn:x"/>'):
            self.refused(trust, response("<sr:ResponseMessage/>", beside=beside))
        assert message_class(request(FOREIGN)) is None
        assert message_class(request(UNNAMED)) is None

    @pytest.mark.parametrize("cover", ["ServiceReference", "ServiceReferenceVariant", "GBCSPayload"])
    def test_elements_of_text_hide_no_payload(self, trust, cover):
        hidden = f"<sr:PreCommand>{GBCS}</sr:PreCommand>"
        references = REFERENCES.format("4.1.1")
        document = answer(f"<sr:{cover}>4.1.1{hidden}</sr:{cover}>")
        self.refused(trust, document)
        if cover != "GBCSPayload":
            self.refused(trust, document.replace(references.encode(), b""))

    @pytest.mark.parametrize("hidden", [f"<sr:PreCommand>{GBCS}</sr:PreCommand>", FOREIGN, UNNAMED])
    def test_device_alerts_hide_no_payload(self, trust, hidden):
        self.refused(trust, response(f"<sr:DeviceAlertMessage>{GBCS}{hidden}</sr:DeviceAlertMessage>"))
        self.refused(
            trust,
            response(f"<sr:DeviceAlertMessage><sr:GBCSPayload>{hidden}</sr:GBCSPayload></sr:DeviceAlertMessage>"),
        )

    def test_one_payload_is_the_most(self, trust):
        payloads = [GBCS, "<sr:PreCommand/>", "<sr:FutureDatedDeviceAlertMessage/>"]
        for first in payloads:
            for second in payloads:
                self.refused(trust, answer(first + second))

    def test_what_means_nothing_is_passed_over(self):
        for between in ("", " \t\r\n", "<!--x-->", "\n<!-- -->\n"):
            spaced = answer("").replace(b"><", f">{between}<".encode())
            assert message_class(spaced) is MessageClass.ACKNOWLEDGEMENT
            assert message_class(answer(GBCS).replace(b"><", f">{between}<".encode())) is MessageClass.DEVICE_RESPONSE

    def test_the_signature_is_no_payload(self, smki):
        signed = Signer(smki.dcc.private_key, smki.dcc.certificate).sign(answer(""))
        assert message_class(signed) is MessageClass.ACKNOWLEDGEMENT

    def test_a_variant_is_text_and_nothing_else(self):
        variants = "<sr:ServiceReferenceVariant>4.1<x/>.1</sr:ServiceReferenceVariant>"
        assert message_class(response(f"<sr:ResponseMessage>{variants}{GBCS}</sr:ResponseMessage>")) is None
