"""Refusals on the wire: problem details (RFC 9457), and the object of the DCC's tool."""

from __future__ import annotations

import json

from starlette.responses import Response

from duisign.errors import (
    CanonicalizationError,
    ConfigurationError,
    DocumentError,
    DuisignError,
    ExternalKeyError,
    SchemaError,
)

__all__ = ["RequestError", "dcc_error", "problem", "problem_facts", "status_of"]

_TITLES = {
    400: "The request cannot be read",
    401: "Authentication is needed",
    403: "The request is refused",
    404: "There is nothing here",
    405: "The method is not that of this address",
    408: "The request took too long to come",
    413: "The request is too large",
    415: "The media type is not read here",
    421: "The service has another name",
    422: "The message is refused",
    431: "The request is too large",
    500: "The service failed",
    501: "The service does not do this",
    503: "The service cannot do this now",
}


class RequestError(DuisignError):
    """The request is refused, whatever its message is. `status`: of HTTP. `headers`: beside those of any response."""

    check = "request"

    def __init__(self, code: str, sentence: str, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, sentence)
        self.status = status
        self.headers = headers or {}


def status_of(error: DuisignError) -> int:
    """400: cannot be read. 413: is too large. 422: is read and refused. 503: the key is away. 500: a fault here."""
    if isinstance(error, RequestError):
        return error.status
    if error.code == "document-too-large":
        return 413
    if isinstance(error, ConfigurationError):
        return 500
    if isinstance(error, ExternalKeyError):
        return 503
    if isinstance(error, SchemaError):
        return 422
    return 400 if isinstance(error, (DocumentError, CanonicalizationError)) else 422


def problem_facts(error: DuisignError) -> dict[str, object]:
    """The members of problem details: those of the standard, and what `DuisignError.to_dict` has."""
    status = status_of(error)
    return {
        "type": f"urn:duisign:code:{error.code}",
        "title": _TITLES[status],
        "status": status,
        "detail": str(error),
        "code": error.code,
        "check": error.check,
        "signer": error.signer,
        "request_id": error.request_id,
    }


def problem(error: DuisignError) -> Response:
    """A refusal as problem details."""
    body = json.dumps(problem_facts(error)).encode()
    return Response(body, status_of(error), _headers(error), media_type="application/problem+json")


def dcc_error(error: DuisignError) -> Response:
    """A refusal as the DCC's tool has it: 400 for whatever a message is refused for."""
    status = status_of(error)
    if not isinstance(error, RequestError) and status < 500:
        status = 400
    body = json.dumps({"error": str(error), "errorCode": error.code}).encode()
    return Response(body, status, _headers(error), media_type="application/json")


def _headers(error: DuisignError) -> dict[str, str]:
    return error.headers if isinstance(error, RequestError) else {}
