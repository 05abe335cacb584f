"""Reading answers: down through envelopes, into typed values, or into errors that tell a person what to do."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.api_models import find_misfit, is_record, read_records, validate
from airflow_provider_sessions.client.redact import credentials_of, hide_secrets
from airflow_provider_sessions.client.response_errors import tell_refused
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    ClockSkewError,
    ConflictError,
    LinkRefusedError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ResponseTooLargeError,
    ServerError,
    TemporaryError,
)
from airflow_provider_sessions.header_values import read_date, read_whole_number
from airflow_provider_sessions.rate_limit.headers import parse_rate_limit_headers
from airflow_provider_sessions.safe_text import sanitize_text

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
_ON_THE_WAY = "A web page came, as from a proxy or a firewall on the way: look there before you change the credential"
_NO_API = "A web page came: check the connection's host and its path, which may lead to no API"
_PAGES = {401: _ON_THE_WAY, 403: _ON_THE_WAY, 404: _NO_API, 410: _NO_API, 405: _NO_API}
"""By HTTP status, what a person should check where a page came instead of the platform's words."""
_RAW_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of JSON: a pair of surrogates, a half of one, or any other."""
PAGE_ITEMS = 10_000
"""Items that a page may hold where a size was asked for. Nobody asks for more than a thousand."""
ITEMS = 200_000
"""Items that any other list may hold; the connection's field ``max_items`` says otherwise."""

_SMALL = 64 * 1024
"""Bytes from which on the parts of an answer are counted before it is decoded."""
_LIST, _OBJECT, _EMPTY_OBJECT = 88, 200, 96
"""Bytes that a list and an object take in memory at least, wherever they stand. Measured on CPython 3.11."""
_GROWTH = 20
"""How many times as large as its JSON the lists and objects of an answer may be. Records of ten bytes each are."""
_SKEW = 30.0
"""Seconds by which clocks may differ before a 401 is laid to them."""
_ID = 100
"""Characters of a code or an id that an error quotes."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a platform talks: how its errors are explained, and what in its answers means nothing.

    :param platform: the connection type.
    :param hints: by HTTP status, or by the platform's own error code as a text, what a person should check; shown at
        the end of the error.
    :param codes: by the platform's own error code as a text, the class of the error, where the status does not tell it.
    :param volatile: what changes from answer to answer though nothing happened, such as the time of the answer.
    """

    platform: str
    hints: Mapping[int | str, str] = field(default_factory=dict)
    codes: Mapping[str, type[ApiError]] = field(default_factory=dict)
    volatile: re.Pattern[bytes] | None = None

    def with_connection(self, conn_id: str) -> Dialect:
        """The same, with hints that name the connection that a person should check."""
        return replace(self, hints={key: f"{hint} (connection {conn_id!r})" for key, hint in self.hints.items()})

    def telling_bytes(self, body: bytes) -> bytes:
        """The part of a body by which two answers are compared."""
        return body if self.volatile is None else self.volatile.sub(b"", body)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A decoded answer: the part asked for, and what stood beside it."""

    content: Any
    meta: Mapping[str, Any]


def decode(body: bytes, route: str, content_type: str, most: int = ITEMS) -> Any:
    """Decode JSON; an empty body is None.

    Half an emoji, as is left where a platform cuts a text to a length, becomes the replacement character: no file takes
    it, and a list must not be lost for a title.

    :param most: items that a list or an object may hold.
    :raises MalformedResponseError: it is no JSON. The beginning of a web page is quoted; broken JSON is not, because it
        may be a token's.
    :raises ResponseTooLargeError: it holds more items, or would take far more memory than its size.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        return None
    check_density(body, route, most)
    try:
        content = from_json(body)
    except ValueError as unreadable:
        with suppress(ValueError):
            content = from_json(_with_whole_characters(body))
            check_items(content, body, route, most)
            return content
        start = body.lstrip()[:80].decode("utf-8", "replace")
        raise MalformedResponseError(
            f"{route}: the answer is not JSON ({content_type[:80] or 'no content type'}, {len(body)} bytes, "
            f"{unreadable})" + (f"; it begins with {start!r}" if start.startswith("<") else "")
        ) from None
    check_items(content, body, route, most)
    return content


def _with_whole_characters(body: bytes) -> bytearray:
    """JSON without halves of surrogate pairs, escaped or not; what else is wrong with it stays."""
    if _RAW_SURROGATE.search(body):
        text = body.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
        body = text.decode("utf-16", "replace").encode()
    whole = bytearray(body)
    for found in _ESCAPE.finditer(body):
        if found["half"]:
            whole[found.start() : found.end()] = b"\\ufffd"  # as long as what it replaces
    return whole


def decode_as(answer: Any, body: bytes, route: str, content_type: str, most: int = ITEMS) -> Any:
    """Decode the answer of a call: as a text for ``str``, as it is for ``bytes``, else as JSON.

    For ``Any`` a text stays one, and nothing is None.

    For ``NoneType`` any text will do, a web page apart: some platforms answer an action with a few words.

    :param most: items that a list or an object may hold.
    :raises MalformedResponseError: it is something else.
    """
    if answer is str:
        return decode_text(body, route, content_type)
    if answer is bytes:
        return _check_file(body, route, content_type)
    if answer is Any and (not body.strip() or _kind(content_type).startswith("text/")):
        return decode_text(body, route, content_type) or None
    if answer is NoneType and _kind(content_type) == "text/plain":
        return None
    return decode(body, route, content_type, most)


def failure_reason(body: bytes, route: str) -> Any:
    """What an answer under an error status says, decoded; None for what is no JSON: its status says enough."""
    try:
        return decode(body, route, "")
    except (MalformedResponseError, ResponseTooLargeError):
        return None


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _check_file(body: bytes, route: str, content_type: str) -> bytes:
    if (kind := _kind(content_type)) in ("text/html", "application/json"):
        raise MalformedResponseError(f"{route}: the answer is {kind}, not a file ({len(body)} bytes)")
    return body


def decode_text(body: bytes, route: str, content_type: str) -> str:
    """Decode a text, such as a CSV file; a byte order mark is dropped.

    :raises MalformedResponseError: it is a page or JSON instead, or not UTF-8.
    """
    _check_file(body, route, content_type)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as unreadable:
        raise MalformedResponseError(f"{route}: the answer is not UTF-8 text: {unreadable}") from None


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


def read(answer: Any, content: Any, route: str, size: int = 0) -> Any:
    """Read decoded JSON as ``answer``; of records, fields that cannot be read are left out.

    :param size: bytes of the JSON; lets many small items be looked at before anything is made of them.
    :raises MalformedResponseError: it has another shape; says where, without quoting values.
    """
    found = find_misfit(answer, content, size)
    if found is not None and is_record(answer):
        return _read_records(answer, content, route, size)
    try:
        if found is not None:
            validate(answer, found.content)
            found = None  # it fits after all: some models change their items before they read them
        return validate(answer, content)
    except ValidationError as misfit:
        if is_record(answer):
            return _read_records(answer, content, route, size)
        first = misfit.errors(include_input=False, include_url=False)[0]
        path = () if found is None else found.path
        where = ".".join(str(part) for part in (*path, *first["loc"][len(path) :])) or "the whole answer"
        raise MalformedResponseError(
            f"{route}: the answer has another shape than expected at {where}: {first['msg']}"
        ) from None


def _read_records(answer: Any, content: Any, route: str, size: int) -> Any:
    try:
        return read_records(answer, content, size)
    except MalformedResponseError as misfit:
        raise MalformedResponseError(f"{route}: the answer has another shape than expected at {misfit}") from None


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
    refused: Callable[[str | None], Mapping[str, str]] = lambda reason: {},
    secrets: Iterable[str] = (),
) -> ApiError:
    """The error that an answer stands for.

    :param content: the decoded body; None if it could not be decoded.
    :param what: the request in a few words, for the text.
    :param hint: what a person should check besides what the platform's dialect says.
    :param refused: tells which arguments of the request are meant, given the platform's words.
    :param secrets: what the text must not quote, besides the credential of the request.
    """
    status = response.status_code
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else RejectedError)
    hidden = (*secrets, *credentials_of(response.request))
    reason, code = _reason(content, hidden)
    kind = dialect.codes.get(code or "", kind)
    request_id = _request_id(response, hidden)
    retry_after = parse_rate_limit_headers(status, response.headers, clock.now()).retry_delay
    by_platform = "text/html" not in response.headers.get("content-type", "").lower()
    found = refused(reason) if by_platform else {}
    arguments = {name: sanitize_text(hide_secrets(value, hidden)) for name, value in found.items()}
    skew = _skew(response, clock) if status == 401 and _holds_a_time(response.request) else None
    if skew is not None:
        kind = ClockSkewError
    parts = [f"{dialect.platform} answered {status} to {what}"]
    parts += [f": {reason}"] if reason else []
    parts += [f" (code {code})"] if code else []
    parts += [f" [request id {request_id}]"] if request_id else []
    known = dialect.hints.get(code or "", dialect.hints.get(status)) if by_platform else _PAGES.get(status)
    parts += [f". {said}" for said in (tell_refused(arguments, status), skew or known, hint) if said]
    error = kind(
        "".join(parts),
        status=status,
        route=route,
        reason=reason,
        code=code,
        request_id=request_id,
        retry_after=retry_after,
        arguments=arguments,
    )
    error.by_platform = by_platform
    return error


def link_error(response: httpx.Response, dialect: Dialect, clock: Clock, *, what: str, own: bool = False) -> ApiError:
    """The error of what a link leads to, which as a rule is a host that holds files and knows no credential.

    :param what: the request in a few words, for the text.
    :param own: whether the link leads to the platform itself.
    """
    status, who = response.status_code, dialect.platform if own else response.request.url.host
    if status not in (400, 401, 403):
        return error_from(response, None, replace(dialect, platform=who, hints={}), None, clock, what=what)
    hint = dialect.hints.get(status) if own else f"It came from {dialect.platform}; the credential was not refused"
    return LinkRefusedError(
        f"{who} answered {status} to {what}: the link was refused or has expired; a retry asks for a new one"
        + (f". {hint}" if hint else ""),
        status=status,
    )


def _request_id(response: httpx.Response, secrets: Iterable[str]) -> str | None:
    found = next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None)
    return None if found is None else sanitize_text(hide_secrets(found, secrets), _ID)


def _holds_a_time(request: httpx.Request) -> bool:
    """Whether the credential is a token that says when it ends, as a JSON Web Token does."""
    authorization: str = request.headers.get("authorization", "")
    return authorization.count(".") == 2


def _skew(response: httpx.Response, clock: Clock) -> str | None:
    """What a person should know whose clock differs from the platform's, by the answer's ``Date``; else None.

    An answer out of a cache is as old as its ``Age`` says. Source: RFC 9110 6.6.1, RFC 9111 5.1.
    """
    now = clock.now()
    dated, age = read_date(response.headers.get("date")), read_whole_number(response.headers.get("age", "0"))
    if dated is None or age is None:
        return None
    ahead = (now - dated).total_seconds() - age
    if abs(ahead) < _SKEW:
        return None
    return (
        f"This machine's clock is {_length(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the platform's "
        f"({now:%Y-%m-%d %H:%M:%S} UTC here, {response.headers['date'][:_ID]} there): credentials that hold a time are "
        f"refused for that alone. Set the clock before you change the credential"
    )


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * 60 else f"{seconds / 60:.0f} min"


def _reason(content: Any, secrets: Iterable[str]) -> tuple[str | None, str | None]:
    """The platform's own words: ``error``, ``message`` or ``messages`` as text or list, and ``errors`` by field."""
    if not isinstance(content, dict):
        return (_short(hide_secrets(content, secrets)) or None if isinstance(content, str) else None, None)
    words = [_words(content[key]) for key in ("error", "message", "messages", "errors") if content.get(key)]
    nested = content.get("error")
    code = content.get("code") or (nested.get("code") if isinstance(nested, dict) else None)
    text = _short(hide_secrets("; ".join(dict.fromkeys(word for word in words if word)), secrets))
    code = hide_secrets(str(code), secrets) if isinstance(code, str | int) and code else None
    return (text or None, code and sanitize_text(" ".join(code.split()), _ID))


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value[:10])
    if isinstance(value, dict):
        named = value.get("field") or value.get("path")
        said = value.get("message") or value.get("msg") or value.get("code")
        if said:
            named = ".".join(map(str, named)) if isinstance(named, list) else named
            return f"{named}: {_words(said)}" if named else _words(said)
        return ", ".join(f"{key}: {_words(item)}" for key, item in list(value.items())[:10])
    return str(value)


def _short(text: str) -> str:
    """The text on one line, and not too long."""
    return sanitize_text(" ".join(text.split()))


def check_density(body: bytes, route: str, most: int) -> None:
    """Refuse JSON of which the lists and objects alone would take far more memory than its bytes.

    ``[]`` takes 2 bytes there and 88 in memory. Brackets inside texts are counted as well: this is a matter of
    magnitude.

    :param body: the JSON.
    :param route: the endpoint's name, for the error.
    :param most: items that a list may hold; where a connection allows more than usual, it allows the memory for them.
    :raises ResponseTooLargeError: it is such JSON.
    """
    if len(body) < _SMALL:
        return
    lists, objects, allowed = body.count(b"["), body.count(b"{"), _GROWTH * len(body) * max(1, most / ITEMS)
    memory = lists * _LIST + objects * _OBJECT
    if memory > allowed:
        memory -= body.count(b"{}") * (_OBJECT - _EMPTY_OBJECT)
    if memory > allowed:
        raise ResponseTooLargeError(
            f"{route}: the answer holds {lists + objects} lists and objects in {len(body)} bytes, which would take far "
            f"more memory than an answer of its size may; if so many are right, set 'max_items' in the connection's "
            f"extra to a larger number than {most}"
        )


def check_page(items: Any, route: str) -> None:
    """Refuse a page of far more items than were asked for.

    :param items: the page's decoded list.
    :param route: the endpoint's name, for the error.
    :raises ResponseTooLargeError: it holds more than :data:`PAGE_ITEMS`.
    """
    if isinstance(items, list) and len(items) > PAGE_ITEMS:
        raise ResponseTooLargeError(
            f"{route}: a page holds {len(items)} items, more than the {PAGE_ITEMS} that any page may hold"
        )


def check_items(content: Any, body: bytes | bytearray, route: str, most: int) -> None:
    """Refuse an answer of which any list or object holds too many items, however deep it lies.

    :param content: the decoded answer.
    :param body: its JSON.
    :param route: the endpoint's name, for the error.
    :param most: items at most.
    :raises ResponseTooLargeError: there are more.
    """
    if len(body) < 2 * most or body.count(b",") < most or not isinstance(content, dict | list):
        return
    rest = [content]
    while rest:
        found = rest.pop()
        if len(found) > most:
            raise ResponseTooLargeError(
                f"{route}: the answer holds {len(found)} items, more than the {most} that a list may hold; if so many "
                f"are right, set 'max_items' in the connection's extra to a larger number"
            )
        inner = found.values() if isinstance(found, dict) else found
        rest += [value for value in inner if isinstance(value, dict | list)]
