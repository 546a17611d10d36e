"""Message classes: which kind of DUIS message a document is, by where its payload stands.

The table is DESIGN section 3, from the DCC User Interface Specification (Smart Energy Code Appendix AD).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from lxml import etree

from duisign.document import DocumentReader
from duisign.errors import element_error

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["SERVICE_GATEWAY", "MessageClass", "element_text", "message_class"]

SERVICE_GATEWAY = "http://www.dccinterface.co.uk/ServiceUserGateway"


class MessageClass(enum.StrEnum):
    """The kinds of DUIS messages that differ in who signs them."""

    SERVICE_REQUEST = "service-request"
    SIGNED_PRE_COMMAND = "signed-pre-command"
    PRE_COMMAND = "pre-command"
    NON_DEVICE_RESPONSE = "non-device-response"
    LOCAL_COMMAND = "local-command"
    SCHEDULED_RESPONSE = "scheduled-response"
    UNKNOWN_REMOTE_PARTY_COMMAND = "unknown-remote-party-command"
    DEVICE_RESPONSE = "device-response"
    ACKNOWLEDGEMENT = "acknowledgement"
    DCC_ALERT = "dcc-alert"
    DEVICE_ALERT = "device-alert"
    SMETS1_RESPONSE = "smets1-response"


_RESPONSE_MESSAGE = {
    "PreCommand": MessageClass.PRE_COMMAND,
    "CINMessage": MessageClass.NON_DEVICE_RESPONSE,
    "DSPInventory": MessageClass.NON_DEVICE_RESPONSE,
    "DSPOptIn": MessageClass.NON_DEVICE_RESPONSE,
    "DSPSchedulesRead": MessageClass.NON_DEVICE_RESPONSE,
    "DSPScheduleID": MessageClass.NON_DEVICE_RESPONSE,
    "DSPWANMatrix": MessageClass.NON_DEVICE_RESPONSE,
    "DSPUpdateFirmwareWarning": MessageClass.NON_DEVICE_RESPONSE,
    "DSPUpdatePPMIDFirmwareWarning": MessageClass.NON_DEVICE_RESPONSE,
    "LocalCommand": MessageClass.LOCAL_COMMAND,
    "DSPScheduledMessage": MessageClass.SCHEDULED_RESPONSE,
    "GBCSPayload": MessageClass.DEVICE_RESPONSE,
    "FutureDatedDeviceAlertMessage": MessageClass.DEVICE_RESPONSE,
}
_RESPONSE_BODY = {
    "DCCAlertMessage": MessageClass.DCC_ALERT,
    "DeviceAlertMessage": MessageClass.DEVICE_ALERT,
    "SMETS1ResponseMessage": MessageClass.SMETS1_RESPONSE,
}

UNKNOWN_REMOTE_PARTY_SERVICES = frozenset({"6.21", "6.23", "6.24.1", "8.5", "8.9", "8.12.2"})
"""Service Reference Variants whose GBCSPayload is a command that the DCC signs for an Unknown Remote Party."""

_REFERENCES = frozenset(
    {"ServiceReference", "ServiceReferenceVariant", "ThrottledAlertSequenceId", "ThrottledAlertCount"}
)

_READER = DocumentReader()


def element_text(element: _Element) -> str:
    """The text of an element as an xs:token: all its text nodes joined, white space collapsed.

    lxml's ``.text`` ends at the first comment, which no signature over C14N notices.
    """
    return " ".join("".join(element.xpath("descendant::text()")).split())


def _children(element: _Element, name: str | None = None) -> list[_Element]:
    found = []
    for child in element.iterchildren():
        if isinstance(child.tag, str) and child.tag.startswith(f"{{{SERVICE_GATEWAY}}}"):
            local = child.tag.rpartition("}")[2]
            if name is None or local == name:
                found.append(child)
    return found


def _name(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _response_message(message: _Element) -> MessageClass | None:
    payloads = [child for child in _children(message) if _name(child) not in _REFERENCES]
    if not payloads:
        return MessageClass.ACKNOWLEDGEMENT
    kinds = {_RESPONSE_MESSAGE.get(_name(payload)) for payload in payloads}
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    if kind is MessageClass.DEVICE_RESPONSE:
        variants = {element_text(child) for child in _children(message, "ServiceReferenceVariant")}
        if len(variants) == 1 and variants <= UNKNOWN_REMOTE_PARTY_SERVICES and _name(payloads[0]) == "GBCSPayload":
            return MessageClass.UNKNOWN_REMOTE_PARTY_COMMAND
    return kind


def message_class(source: bytes | _Element) -> MessageClass | None:
    """The class of a DUIS message, or None if the document is none of the table.

    `source`: a document, or the root element of one. Raises DocumentError.
    """
    root = _READER.parse(source) if not isinstance(source, etree._Element) else source
    if not isinstance(root.tag, str):
        raise element_error()
    bodies = _children(root, "Body")
    if len(bodies) != 1:
        return None
    contents = _children(bodies[0])
    if len(contents) != 1:
        return None
    if root.tag == f"{{{SERVICE_GATEWAY}}}Request":
        if _name(contents[0]) == "SignedPreCommand":
            return MessageClass.SIGNED_PRE_COMMAND
        return MessageClass.SERVICE_REQUEST
    if root.tag == f"{{{SERVICE_GATEWAY}}}Response":
        if _name(contents[0]) == "ResponseMessage":
            return _response_message(contents[0])
        return _RESPONSE_BODY.get(_name(contents[0]))
    return None
