"""Message classes: which kind of DUIS message a document is, by where its payload stands.

The table is DESIGN section 3, from the DCC User Interface Specification (Smart Energy Code Appendix AD).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from lxml import etree

from duisign._message_facts import UNKNOWN, MessageFacts, message_facts
from duisign.document import DocumentReader
from duisign.request_id import collapsed
from duisign.service_reference import SERVICE_REFERENCES

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["MessageClass", "class_of", "message_class"]


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

_PAYLOADS = {**_RESPONSE_MESSAGE, **_RESPONSE_BODY, "SignedPreCommand": MessageClass.SIGNED_PRE_COMMAND}

UNKNOWN_REMOTE_PARTY_SERVICES = frozenset({"6.21", "6.23", "6.24.1", "8.5", "8.9", "8.12.2"})
"""Service Reference Variants whose GBCSPayload is a command that the DCC signs for an Unknown Remote Party."""

_REFERENCES = frozenset({"ServiceReference", "ServiceReferenceVariant"})
"""What stands in a ResponseMessage before its one payload, as text."""

_TEXTS = _REFERENCES | {"GBCSPayload"}
"""Elements of a ResponseMessage that hold text alone. One that holds elements would be a payload in hiding."""

_GATEWAY = "http://www.dccinterface.co.uk/ServiceUserGateway"
_READER = DocumentReader()


def _of_response_message(facts: MessageFacts) -> MessageClass | None:
    if not _TEXTS.isdisjoint(facts.containers):
        return None
    payloads = [name for name in facts.payloads if name not in _REFERENCES]
    if len(payloads) != 1:
        # What is unknown has a name too: only nothing is no payload.
        return None if payloads else MessageClass.ACKNOWLEDGEMENT
    (payload,) = payloads
    kind = _RESPONSE_MESSAGE.get(payload)
    if payload != "GBCSPayload":
        return kind
    # Which of two classes it is hangs on the variant: where that is not clear, neither is the class.
    variants = [collapsed(text) for text in facts.variants]
    if len(variants) != 1 or variants[0] not in SERVICE_REFERENCES:
        return None
    if variants[0] in UNKNOWN_REMOTE_PARTY_SERVICES:
        return MessageClass.UNKNOWN_REMOTE_PARTY_COMMAND
    return kind


def class_of(facts: MessageFacts) -> MessageClass | None:
    """The class of a message by its facts, or None if it is none of the table."""
    if facts.bodies != 1 or len(facts.contents) != 1 or not facts.is_plain:
        return None
    (content,) = facts.contents
    if facts.root == "Request":
        if content == UNKNOWN:
            return None
        return MessageClass.SIGNED_PRE_COMMAND if content == "SignedPreCommand" else MessageClass.SERVICE_REQUEST
    if facts.root != "Response":
        return None
    if content == "ResponseMessage":
        return _of_response_message(facts)
    kind = _RESPONSE_BODY.get(content)
    if kind is MessageClass.DEVICE_ALERT and (facts.containers or UNKNOWN in facts.payloads):
        # All that a device alert has is text. It may come unsigned, so it must not be a cover for what may not.
        return None
    return kind


def payload_classes(root: _Element) -> frozenset[MessageClass]:
    """The classes that the payloads of a tree would be of by their names, wherever they stand."""
    names = (etree.QName(element).localname for element in root.iter(f"{{{_GATEWAY}}}*"))
    return frozenset(_PAYLOADS[name] for name in names if name in _PAYLOADS)


def message_class(source: bytes | _Element) -> MessageClass | None:
    """The class of a DUIS message, or None if the document is none of the table.

    `source`: a document, or the root element of one. Raises DocumentError.
    """
    return class_of(message_facts(source if isinstance(source, etree._Element) else _READER.tree(source)[0]))
