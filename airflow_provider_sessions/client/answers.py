"""Reading answers: down through envelopes, into typed values, or into errors that tell a person what to do."""

from __future__ import annotations

import codecs
import functools
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from airflow_provider_sessions.client.rate_headers import read_rate_headers
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    MalformedAnswerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    TemporaryError,
)

_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: TemporaryError,
    409: ConflictError,
    410: NotFoundError,
    423: TemporaryError,
    425: TemporaryError,
    429: RateLimitedError,
}
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "cf-ray")
_ERROR_KEYS = frozenset({"code", "error", "errors", "message", "messages", "success", "timestamp"})
"""A body that holds errors and nothing beside these holds no answer."""
_QUOTED = 300
"""Characters of a platform's own words that an error quotes."""
_ID = 100
"""Characters of a code or an id that an error quotes."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a platform talks: how its errors are explained, and what in its answers means nothing.

    :param platform: the connection type.
    :param hints: by HTTP status, what a person should check; shown at the end of the error.
    :param volatile: what changes from answer to answer though nothing happened, such as the time of the answer.
    """

    platform: str
    hints: Mapping[int, str] = field(default_factory=dict)
    volatile: re.Pattern[bytes] | None = None

    def about(self, conn_id: str) -> Dialect:
        """The same, with hints that name the connection that a person should check."""
        return replace(self, hints={status: f"{hint} (connection {conn_id!r})" for status, hint in self.hints.items()})

    def telling_bytes(self, body: bytes) -> bytes:
        """The part of a body by which two answers are compared."""
        return body if self.volatile is None else self.volatile.sub(b"", body)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A decoded answer: the part asked for, and what stood beside it."""

    content: Any
    meta: Mapping[str, Any]


def decode(body: bytes, route: str, content_type: str) -> Any:
    """Decode JSON; an empty body is None.

    Half an emoji, as is left where a platform cuts a text to a length, becomes the replacement character: no file takes
    it, and a list must not be lost for a title.

    :raises MalformedAnswerError: it is no JSON. The beginning of a web page is quoted; broken JSON is not, because it
        may be a token's.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        return None
    try:
        return from_json(body)
    except ValueError as unreadable:
        with suppress(ValueError, RecursionError):
            return from_json(_whole_characters(json.loads(body)))
        start = body.lstrip()[:80].decode("utf-8", "replace")
        raise MalformedAnswerError(
            f"{route}: the answer is not JSON ({content_type[:80] or 'no content type'}, {len(body)} bytes, "
            f"{unreadable})" + (f"; it begins with {start!r}" if start.startswith("<") else "")
        ) from None


def _whole_characters(content: Any) -> str:
    """The JSON of some content, without halves of surrogate pairs."""
    text = json.dumps(content, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def decode_as(answer: Any, body: bytes, route: str, content_type: str) -> Any:
    """Decode the answer of a call: as a text for ``str``, else as JSON.

    For ``NoneType`` any text will do, a web page apart: some platforms answer an action with a few words.

    :raises MalformedAnswerError: it is something else.
    """
    if answer is str:
        return decode_text(body, route, content_type)
    if answer is NoneType and _kind(content_type) == "text/plain":
        return None
    return decode(body, route, content_type)


def failure_reason(body: bytes, route: str) -> Any:
    """What an answer under an error status says, decoded; None for what is no JSON: its status says enough."""
    try:
        return decode(body, route, "")
    except MalformedAnswerError:
        return None


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def decode_text(body: bytes, route: str, content_type: str) -> str:
    """Decode a text, such as a CSV file; a byte order mark is dropped.

    :raises MalformedAnswerError: it is a page or JSON instead, or not UTF-8.
    """
    kind = _kind(content_type)
    if kind in ("text/html", "application/json"):
        raise MalformedAnswerError(f"{route}: the answer is {kind}, not a text file ({len(body)} bytes)")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as unreadable:
        raise MalformedAnswerError(f"{route}: the answer is not UTF-8 text: {unreadable}") from None


def unwrap(content: Any, keys: tuple[str, ...], *, is_list: bool = False) -> Unwrapped:
    """Go down through ``keys``, each only where it is there: platforms are not strict about their envelopes.

    :param is_list: whether a list is looked for. Servers in some languages write one without items as null.
    """
    meta: Mapping[str, Any] = {}
    for key in keys:
        if isinstance(content, dict) and key in content:
            meta = content
            content = content[key]
    if content is None and ((is_list and keys[-1:] and keys[-1] in meta) or meta.get("total") == 0):
        content = []
    # Without the content itself: what stands beside it is kept for longer than the raw answer should be.
    return Unwrapped(content, {key: value for key, value in meta.items() if value is not content})


@functools.cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)


def read(answer: Any, content: Any, route: str) -> Any:
    """Read decoded JSON as ``answer``.

    :raises MalformedAnswerError: it has another shape; says where, without quoting values.
    """
    try:
        return _adapter(answer).validate_python(content)
    except ValidationError as misfit:
        first = misfit.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole answer"
        raise MalformedAnswerError(
            f"{route}: the answer has another shape than expected at {where}: {first['msg']} "
            f"({misfit.error_count()} such places)"
        ) from None


def says_failure(content: Any) -> bool:
    """Whether a body under a good status says that the request failed: each platform has its own way."""
    if not isinstance(content, dict):
        return False
    status = content.get("statusCode")
    return (
        content.get("success") is False
        or (isinstance(status, int) and status >= 400)
        or (bool(content.get("errors")) and content.keys() <= _ERROR_KEYS)
    )


def error_from(
    response: httpx.Response,
    content: Any,
    dialect: Dialect,
    route: str | None,
    clock: Clock,
    *,
    what: str,
    hint: str | None = None,
) -> ApiError:
    """The error that an answer stands for.

    :param content: the decoded body; None if it could not be decoded.
    :param what: the request in a few words, for the text.
    :param hint: what a person should check besides what the platform's dialect says.
    """
    status = response.status_code
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else RejectedError)
    reason, code = _reason(_without_credentials(content, response))
    request_id = next((response.headers[name][:_ID] for name in _REQUEST_ID_HEADERS if name in response.headers), None)
    retry_after = read_rate_headers(status, response.headers, clock.now()).wanted_wait
    parts = [f"{dialect.platform} answered {status} to {what}"]
    parts += [f": {reason}"] if reason else []
    parts += [f" (code {code})"] if code else []
    parts += [f" [request id {request_id}]"] if request_id else []
    parts += [f". {said}" for said in (dialect.hints.get(status), hint) if said]
    return kind(
        "".join(parts),
        status=status,
        route=route,
        reason=reason,
        code=code,
        request_id=request_id,
        retry_after=retry_after,
    )


def _reason(content: Any) -> tuple[str | None, str | None]:
    """The platform's own words: ``error``, ``message`` or ``messages`` as text or list, and ``errors`` by field."""
    if not isinstance(content, dict):
        return (_short(content) or None if isinstance(content, str) else None, None)
    words = [_words(content[key]) for key in ("error", "message", "messages", "errors") if content.get(key)]
    nested = content.get("error")
    code = content.get("code") or (nested.get("code") if isinstance(nested, dict) else None)
    text = _short("; ".join(dict.fromkeys(word for word in words if word)))
    return (text or None, _short(str(code))[:_ID] if isinstance(code, str | int) and code else None)


def _without_credentials(content: Any, response: httpx.Response) -> Any:
    """The content with the credential hidden that the request was sent with: some platforms quote it back."""
    sent = response.request.headers
    secrets = [sent[name].rpartition(" ")[2] for name in ("authorization", "x-api-key") if sent.get(name)]

    def hide(value: Any) -> Any:
        if isinstance(value, str):
            return functools.reduce(lambda text, secret: text.replace(secret, "***"), secrets, value)
        if isinstance(value, list):
            return [hide(item) for item in value]
        if isinstance(value, dict):
            return {key: hide(item) for key, item in value.items()}
        return value

    return hide(content) if secrets else content


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value[:10])
    if isinstance(value, dict):
        named = value.get("field") or value.get("path")
        said = value.get("message") or value.get("msg") or value.get("code")
        if said:
            return f"{named}: {_words(said)}" if named else _words(said)
        return ", ".join(f"{key}: {_words(item)}" for key, item in list(value.items())[:10])
    return str(value)


def _short(text: str) -> str:
    """The text on one line, and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "..."
