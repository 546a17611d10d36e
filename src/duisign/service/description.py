"""The OpenAPI document of the service."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from duisign.service.batch_api import MEDIA_TYPE
from duisign.service.message_api import COUNTERS

__all__ = ["description"]

_XML = {"application/xml": {"schema": {"type": "string", "format": "binary"}}}
_LINES = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Line"}}}
_COUNTER = {
    "name": "counter",
    "in": "query",
    "description": "Whether RequestID keeps its counter, or gets the current time in milliseconds.",
    "schema": {"type": "string", "enum": list(COUNTERS), "default": "preserve"},
}
_ERRORS = {
    "401": "No bearer token that is known here.",
    "405": "Another method is meant.",
    "408": "The request took too long to come.",
    "413": "The body is too large.",
    "431": "The headers are too large.",
    "503": "Too many requests at once, or one that took too long; Retry-After says when to come again.",
}


def _answers(kind: str, ok: dict[str, Any], refused: dict[str, str]) -> dict[str, Any]:
    media_type, schema = ("application/json", "DccError") if kind == "dcc" else ("application/problem+json", "Problem")
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    texts = refused | _ERRORS
    return {"200": ok} | {status: {"description": text, "content": content} for status, text in sorted(texts.items())}


def _post(summary: str, kind: str, body: dict[str, Any], answers: dict[str, Any], *parameters: Any) -> dict[str, Any]:
    tag = {"dcc": "As the DCC's tool", "v1": "Messages"}[kind]
    operation = {"summary": summary, "tags": [tag], "requestBody": {"required": True, "content": body}}
    if parameters:
        operation["parameters"] = list(parameters)
    return {"post": operation | {"responses": answers}}


def _get(summary: str, media_type: str, *, security: bool = True) -> dict[str, Any]:
    answer = {"200": {"description": summary, "content": {media_type: {}}}}
    operation: dict[str, Any] = {"summary": summary, "tags": ["Running it"], "responses": answer}
    return {"get": operation if security else operation | {"security": []}}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _paths() -> dict[str, Any]:
    in_base64 = {"description": "The message, in base64.", "content": _json("Message")}
    verdicts = {"description": "The octets that were signed.", "content": _XML | _json("Verdict")}
    refused = {"400": "The document cannot be read.", "415": "Another media type.", "422": "The message is refused."}
    each = {"description": "A line for each line, in order, each as soon as it is done.", "content": _LINES}
    unread = {"415": "Another media type."}
    bad = {"400": "The message is refused, or cannot be read."}
    return {
        "/sign": _post("Sign a message", "dcc", _json("SignRequest"), _answers("dcc", in_base64, bad)),
        "/verify": _post("Verify a message", "dcc", _json("Message"), _answers("dcc", in_base64, bad)),
        "/v1/sign": _post(
            "Sign a document",
            "v1",
            _XML,
            _answers("v1", {"description": "The signed document.", "content": _XML}, refused),
            _COUNTER,
        ),
        "/v1/verify": _post("Verify a document", "v1", _XML, _answers("v1", verdicts, refused)),
        "/v1/sign/batch": _post("Sign many documents", "v1", _LINES, _answers("v1", each, unread), _COUNTER),
        "/v1/verify/batch": _post("Verify many documents", "v1", _LINES, _answers("v1", each, unread)),
        "/healthz": _get("Whether the process lives", "application/json", security=False),
        "/readyz": _get("Whether it can do what it is for; 503 if not", "application/json", security=False),
        "/metrics": _get("Numbers for Prometheus", "text/plain"),
        "/openapi.json": _get("This description", "application/json"),
        "/docs": _get("This description as a page", "text/html"),
    }


def _object(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _schemas() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    maybe: dict[str, Any] = {"type": ["string", "null"]}
    octets = {"type": "string", "contentEncoding": "base64", "description": "The octets of an XML document."}
    preserve = {"type": "boolean", "description": "Whether RequestID keeps its counter; by default as configured."}
    sender_id = {"type": ["string", "integer", "null"]}
    return {
        "Message": _object(["message"], message=octets),
        "SignRequest": _object(["message"], message=octets, preserveCounter=preserve),
        "DccError": _object(["error", "errorCode"], error=text, errorCode=text),
        "Problem": _object(
            ["type", "title", "status", "detail", "code"],
            type=text,
            title=text,
            status={"type": "integer"},
            detail=text,
            code=text,
            check=text,
            signer={"type": ["object", "null"]},
            request_id=maybe,
        ),
        "Verdict": _object(
            ["signed", "message"],
            signed={"type": "boolean"},
            profile=text,
            role=maybe,
            entity_id=maybe,
            message_class=maybe,
            request_id=maybe,
            response_id=maybe,
            service_reference_variant=maybe,
            message=octets,
        ),
        "Line": _object(["message"], id=sender_id, message={"type": "string", "description": "XML, or base64 of it."}),
    }


def description() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "duisign",
            "version": version("duisign"),
            "description": "Signs and verifies DUIS messages.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"mutualTls": []}, {}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "mutualTls": {"type": "mutualTLS"},
            },
        },
    }
