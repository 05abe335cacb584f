"""How a NestJS server says no: ``{"statusCode", "message", "error"}``. That Sessions is one is inferred."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from airflow_provider_sessions.sandbox.request_parsing import ApiError, FieldError

THROTTLED = "ThrottlerException: Too Many Requests"
_WITHOUT_ERROR = (401, 429)


def refused_body(refusal: ApiError, style: Literal["list", "text"]) -> tuple[int, dict[str, Any]]:
    """Status and body of a refusal. What does not fit is a 400 here, with all that is wrong in ``message``."""
    status = 400 if refusal.status == 422 else refusal.status
    wrong = [_wrong(fault) for fault in refusal.fields] or [refusal.reason]
    message = wrong if refusal.fields and style == "list" else wrong[0]
    if status == 429:
        message = THROTTLED
    content: dict[str, Any] = {"statusCode": status, "message": message}
    return status, content if status in _WITHOUT_ERROR else content | {"error": HTTPStatus(status).phrase}


def invalid(field: str, message: str) -> ApiError:
    """A refusal of one field by a rule of our own: ``plannedEnd must be after startAt``."""
    return ApiError(422, "Bad Request", fields=(FieldError(field, "validation_rule", message),))


def not_found(what: str) -> ApiError:
    """The refusal of what is not there."""
    return ApiError(404, f"{what} not found")


def conflict(reason: str) -> ApiError:
    """The refusal of what the present state does not allow."""
    return ApiError(409, reason)


def _wrong(fault: FieldError) -> str:
    """What is wrong with a field, in words like those of class-validator."""
    code = fault.code.removeprefix("validation_")
    if code == "required":
        return f"{fault.field} should not be empty"
    if code == "unknown":
        return f"property {fault.field} should not exist"
    if code.startswith(("datetime", "date_")):
        return f"{fault.field} must be a valid ISO 8601 date string"
    if code in ("rule", "value_error"):
        return f"{fault.field} {fault.message.removeprefix('Value error, ')}"
    return f"{fault.field}: {fault.message}"
