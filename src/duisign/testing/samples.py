"""One unsigned DUIS message of each class, and the largest legal request, for a throw-away SMKI.

All values are invented. The documents obey the DUIS schema 5.1. They are compact UTF-8, and several roots
carry declarations that nothing uses, as genuine roots do: Canonical XML 1.0 keeps them, so the signature
covers them.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
from typing import Literal

from duisign.testing.smki import Smki

FIRMWARE_OCTETS_MAX = 10_240_000
"""The largest firmware image, in octets before base64 (DUIS schema, UpdateFirmware/FirmwareImage)."""
DEVICE_IDS_MAX = 50_000
"""The most EUI-64s that a list of 1,199,999 characters holds (DUIS schema, UpdateFirmware/DeviceIDList)."""

_SR = ' xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway"'
_RA = ' xmlns:ra="http://www.dccinterface.co.uk/ResponseAndAlert"'
_NS3 = ' xmlns:ns3="http://www.dccinterface.co.uk/ResponseAndAlert"'
_DS = ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
_XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

_METER = "00-DB-12-35-00-00-C3-50"
_HUB = "00-DB-12-35-00-00-C3-51"
_FIRST_COUNTER = 4_102_444_800_017
_MOMENT = "2031-03-09T16:20:05Z"
_MPAN = "9900000000017"


@dataclasses.dataclass(frozen=True)
class Sample:
    """A message that is not signed yet.

    message_class: its class, such as `"service-request"`.
    signed_by: which party of the `Smki` signs such a message, if it is signed at all.
    document: compact UTF-8 with an XML declaration; its root has no `ds:Signature`.
    """

    message_class: str
    signed_by: Literal["user", "dcc"]
    document: bytes


def make_samples(smki: Smki) -> dict[str, Sample]:
    """One sample of each message class of DUIS, under the name of the class.

    Every RequestID names `smki.user` as the Business Originator; the alerts have a ResponseID only. In
    `"smets1-response"` the `sr:SMETS1SignedResponse` is complete: `smki.s1sp` has signed it as a document of
    its own. The root around it declares no prefix that it does not declare itself, so that it is the same
    document again when it is taken out.

    Raises duisign.DuisignError if the inner signature cannot be made.
    """
    user, dcc = _entity_id(smki.user.entity_id), _entity_id(smki.dcc.entity_id)
    counters = itertools.count(_FIRST_COUNTER)
    samples = {}
    for name, (variant, service, declarations, body) in _REQUESTS.items():
        document = _request(f"{user}:{_METER}:{next(counters)}", variant, service, body, declarations)
        samples[name] = Sample(name, "user", document)
    for name, (code, service, declarations, payload) in _RESPONSES.items():
        counter = next(counters)
        body = f"<sr:ResponseMessage>{_service(service)}{payload}</sr:ResponseMessage>"
        document = _response(f"{user}:{dcc}:{counter}", f"{dcc}:{user}:{counter}", code, body, declarations)
        samples[name] = Sample(name, "dcc", document)
    for name, (sender, declarations, body) in _ALERTS.items():
        response_id = f"{sender or dcc}:{user}:{next(counters)}"
        samples[name] = Sample(name, "dcc", _response(None, response_id, "I0", body, declarations))
    samples["smets1-response"] = Sample("smets1-response", "dcc", _smets1_response(smki, next(counters)))
    return samples


def firmware_request(smki: Smki, octets: int = FIRMWARE_OCTETS_MAX, device_ids: int = DEVICE_IDS_MAX) -> bytes:
    """An unsigned request for SRV 11.1, as large as the schema allows by default: 14.9 million octets.

    octets: the size of the firmware image, before base64. device_ids: how many meters it is for.
    Larger values are not refused, so that limits can be tested. The image is the same each time and does
    not compress.

    Raises ValueError if octets is negative or device_ids is less than one.
    """
    if octets < 0 or device_ids < 1:
        raise ValueError("octets must not be negative, and device_ids must be at least one")
    user, dcc = _entity_id(smki.user.entity_id), _entity_id(smki.dcc.entity_id)
    meters = ",".join((0x00DB_1236_0000_0000 + n).to_bytes(8).hex("-").upper() for n in range(device_ids))
    body = (
        f"<sr:UpdateFirmware><sr:FirmwareImage>{_opaque('firmware', octets)}</sr:FirmwareImage>"
        f"<sr:FirmwareVersion>0A0B0C0D</sr:FirmwareVersion><sr:DeviceIDList>{meters}</sr:DeviceIDList>"
        "</sr:UpdateFirmware>"
    )
    return _request(f"{user}:{dcc}:{_FIRST_COUNTER}", 8, "11.1", body, _SR)


def _entity_id(entity_id: str | None) -> str:
    assert entity_id is not None  # the parties of an Smki have one
    return entity_id


def _opaque(label: str, octets: int) -> str:
    return base64.b64encode(hashlib.shake_256(label.encode()).digest(octets)).decode()


def _gbcs(label: str, octets: int) -> str:
    return f"<sr:GBCSPayload>{_opaque(label, octets)}</sr:GBCSPayload>"


def _service(variant: str) -> str:
    # A Service Reference Variant such as 6.24.1 belongs to the Service Reference 6.24.
    reference = ".".join(variant.split(".")[:2])
    return (
        f"<sr:ServiceReference>{reference}</sr:ServiceReference>"
        f"<sr:ServiceReferenceVariant>{variant}</sr:ServiceReferenceVariant>"
    )


def _document(root: str, declarations: str, content: str) -> bytes:
    text = f'<sr:{root}{declarations} schemaVersion="5.1">{content}</sr:{root}>'
    return ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode()


def _request(request_id: str, variant: int, service: str, body: str, declarations: str) -> bytes:
    header = (
        f"<sr:RequestID>{request_id}</sr:RequestID><sr:CommandVariant>{variant}</sr:CommandVariant>{_service(service)}"
    )
    return _document("Request", declarations, f"<sr:Header>{header}</sr:Header><sr:Body>{body}</sr:Body>")


def _response(request_id: str | None, response_id: str, code: str, body: str, declarations: str) -> bytes:
    header = (
        (f"<sr:RequestID>{request_id}</sr:RequestID>" if request_id else "")
        + f"<sr:ResponseID>{response_id}</sr:ResponseID><sr:ResponseCode>{code}</sr:ResponseCode>"
        + f"<sr:ResponseDateTime>{_MOMENT}</sr:ResponseDateTime>"
    )
    return _document("Response", declarations, f"<sr:Header>{header}</sr:Header><sr:Body>{body}</sr:Body>")


def _smets1_response(smki: Smki, counter: int) -> bytes:
    from duisign import Signer

    user = _entity_id(smki.user.entity_id)
    content = (
        "<sr:SMETS1Response><sr:Header>"
        f"<ra:BusinessOriginatorID>{_METER}</ra:BusinessOriginatorID>"
        f"<ra:BusinessTargetID>{user}</ra:BusinessTargetID>"
        f"<ra:OriginatorCounter>{counter}</ra:OriginatorCounter></sr:Header>"
        '<sr:Body><sr:ResponseMessage><ra:SMETSData><ra:ReadSupplyStatusRsp MessageSuccess="true">'
        "<ra:SupplyState>Enabled</ra:SupplyState></ra:ReadSupplyStatusRsp></ra:SMETSData>"
        "</sr:ResponseMessage></sr:Body></sr:SMETS1Response>"
    )
    document = _document("SMETS1SignedResponse", _SR + _RA, content)
    signed = Signer(smki.s1sp.private_key, smki.s1sp.certificate).sign(document).decode()
    inner = signed[signed.index("?>") + len("?>") :]
    body = f"<sr:SMETS1ResponseMessage>{_service('7.4')}{inner}</sr:SMETS1ResponseMessage>"
    request_id, response_id = f"{user}:{_METER}:{counter}", f"{_METER}:{user}:{counter}"
    return _response(request_id, response_id, "I0", body, _SR)


_REQUESTS = {
    "service-request": (
        1,
        "3.4",
        _DS + _SR + _XSI,
        "<sr:UpdateSupplierName><sr:ExecutionDateTime>2031-06-01T00:00:00Z</sr:ExecutionDateTime>"
        "<sr:SupplierName>Fern &amp; Moor</sr:SupplierName>"
        "<sr:SupplierTelephoneNumber>0808 157 0000</sr:SupplierTelephoneNumber></sr:UpdateSupplierName>",
    ),
    "signed-pre-command": (
        5,
        "7.12",
        _SR + _NS3,
        f"<sr:SignedPreCommand>{_gbcs('signed pre-command', 173)}</sr:SignedPreCommand>",
    ),
}
"""By class: command variant, Service Reference Variant, declarations of the root, body."""

_RESPONSES = {
    "pre-command": (
        "I0",
        "7.12",
        _SR + _NS3 + _XSI,
        f"<sr:PreCommand><sr:GBCSVersion>4.1</sr:GBCSVersion>{_gbcs('pre-command', 101)}</sr:PreCommand>",
    ),
    "non-device-response": (
        "I0",
        "8.2",
        _DS + _SR + _RA,
        f"<sr:DSPInventory><sr:Device><sr:DeviceID>{_METER}</sr:DeviceID><sr:DeviceType>ESME</sr:DeviceType>"
        "<sr:DeviceStatus>Commissioned</sr:DeviceStatus><sr:DeviceManufacturer>Ouzel</sr:DeviceManufacturer>"
        f"<sr:DeviceModel>Dipper 3</sr:DeviceModel><sr:ImportMPxN>{_MPAN}</sr:ImportMPxN></sr:Device>"
        f"<sr:Device><sr:DeviceID>{_HUB}</sr:DeviceID><sr:DeviceType>CHF</sr:DeviceType>"
        "<sr:DeviceManufacturer>Ouzel</sr:DeviceManufacturer><sr:DeviceModel>Beck</sr:DeviceModel></sr:Device>"
        "</sr:DSPInventory>",
    ),
    "local-command": (
        "I0",
        "11.2",
        _SR + _NS3,
        f"<sr:LocalCommand>{_gbcs('local command', 88)}</sr:LocalCommand>",
    ),
    "scheduled-response": (
        "I0",
        "4.8.1",
        _DS + _SR + _NS3 + _XSI,
        f"<sr:DSPScheduledMessage>{_gbcs('scheduled', 1900)}<sr:DSPScheduleID>70012</sr:DSPScheduleID>"
        "</sr:DSPScheduledMessage>",
    ),
    "unknown-remote-party-command": ("I0", "6.23", _SR + _RA, _gbcs("unknown remote party", 640)),
    "device-response": ("I0", "4.1.1", _SR + _NS3, _gbcs("device response", 129)),
    "acknowledgement": ("I99", "3.4", _SR + _NS3 + _XSI, ""),
}
"""By class: response code, Service Reference Variant, declarations of the root, payload."""

_ALERTS = {
    "dcc-alert": (
        None,
        _DS + _SR + _NS3,
        "<sr:DCCAlertMessage><sr:DCCAlertCode>AD1</sr:DCCAlertCode><sr:DCCAlert><sr:PowerOutageEvent>"
        f"<sr:CommsHubDeviceID>{_HUB}</sr:CommsHubDeviceID><sr:StartDateTime>{_MOMENT}</sr:StartDateTime>"
        f"<sr:MPxN>{_MPAN}</sr:MPxN></sr:PowerOutageEvent></sr:DCCAlert></sr:DCCAlertMessage>",
    ),
    "device-alert": (
        _METER,
        _SR + _RA + _XSI,
        f"<sr:DeviceAlertMessage><sr:AlertCode>81A0</sr:AlertCode>{_gbcs('device alert', 97)}</sr:DeviceAlertMessage>",
    ),
}
"""By class: sender (None: the DCC), declarations of the root, body."""
