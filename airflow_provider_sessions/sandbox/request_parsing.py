"""What a route handler receives and raises: a parsed request, and an error that each platform formats its own way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from typing import Any, TypeVar

import jwt
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, QueryParams

from airflow_provider_sessions.sandbox.routing import Route

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    code: str
    message: str


class ApiError(Exception):
    """The request fails with an error response.

    :param status: HTTP status of the response.
    :param reason: one sentence for the caller.
    :param code: the platform's error code, if it has one.
    :param fields: the invalid fields.
    :param gateway: whether the error comes from the gateway in front of the application, for platforms where the two
        format errors differently.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        code: str | None = None,
        fields: tuple[FieldError, ...] = (),
        gateway: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.code = code
        self.fields = fields
        self.gateway = gateway
        self.headers = headers or {}


@dataclass
class ApiRequest:
    """One request to a platform.

    :param path: below the platform's base URL.
    :param origin: scheme, host and port by which the caller reached the sandbox.
    :param caller: the authenticated caller, once the platform has identified it.
    """

    method: str
    path: str
    query: QueryParams
    headers: Headers
    body: bytes
    origin: str
    now: datetime
    route: Route | None = None
    path_params: dict[str, str] = field(default_factory=dict)
    caller: Any = None

    @property
    def matched_route(self) -> Route:
        """The route that the request matches.

        :raises LookupError: none; a request without a route fails before any handler sees it.
        """
        if self.route is None:
            raise LookupError(f"No route for {self.method} {self.path}")
        return self.route

    def json(self) -> Any:
        """Parse the body as JSON; None if there is none.

        :raises ApiError: 400, the body is not JSON.
        """
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ApiError(400, "Invalid Request", gateway=True) from error

    def form(self) -> dict[str, bytes]:
        """Parse the fields and files of a form (``multipart/form-data``).

        :raises ApiError: 400, the body is not such a form.
        """
        content_type = self.headers.get("content-type", "")
        content = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + self.body)
        if content.get_content_type() != "multipart/form-data" or not content.is_multipart():
            raise ApiError(400, "Invalid Request", gateway=True)
        parts: list[Any] = content.get_payload()  # type: ignore[assignment]
        return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}

    def parse_body(self, model: type[M]) -> M:
        """Parse and validate the body; unknown fields are ignored unless the model forbids them.

        :raises ApiError: 400, the body is not a JSON object; 422, a field is missing or invalid.
        """
        content = self.json()
        if content is not None and not isinstance(content, dict):
            raise ApiError(400, "Invalid Request", gateway=True)
        return self.validate(model, content or {})

    def validate(self, model: type[M], content: dict[str, Any]) -> M:
        """Validate a JSON object as strictly as JSON allows.

        :raises ApiError: 422, a field is missing or invalid.
        """
        try:
            return model.model_validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            raise ApiError(422, "Invalid Request", fields=field_errors(error), gateway=True) from error


_UNCHECKED_CLAIMS = ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")


def verify_signature(token: str, secret: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token signed with ``secret`` by HS256; checking the claims is up to the caller.

    :raises jwt.InvalidTokenError: it is not a token, or not signed with this secret.
    """
    options: Any = {f"verify_{claim}": False for claim in _UNCHECKED_CLAIMS}
    claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"], options=options)
    return claims


_CODES = {
    "missing": ("required", "This field is required"),
    "string_too_short": ("min", None),
    "string_too_long": ("max", None),
    "greater_than_equal": ("min", None),
    "less_than_equal": ("max", None),
    "literal_error": ("oneof", None),
    "timezone_aware": ("datetime", None),
    "string_pattern_mismatch": ("pattern", None),
    "extra_forbidden": ("unknown", None),
}


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """Convert pydantic's errors to those of a web API."""
    errors = []
    for item in error.errors():
        kind = item["type"]
        code, message = _CODES.get(kind, (kind.removesuffix("_parsing").removesuffix("_type"), None))
        name = ".".join(str(part) for part in item["loc"])
        errors.append(FieldError(name, f"validation_{code}", message or item["msg"]))
    return tuple(errors)
