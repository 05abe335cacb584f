"""Make an error of a response: which class, what the platform said, which argument it rejects, what to check next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.client.redact import get_credentials, hide_secrets, redact_value
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    ClockSkewError,
    ConflictError,
    LinkRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    TemporaryError,
)
from airflow_provider_sessions.header_values import parse_http_date, parse_whole_number
from airflow_provider_sessions.rate_limit.headers import parse_rate_limit_headers
from airflow_provider_sessions.safe_text import sanitize_text

_CLASSES: dict[int, type[ApiError]] = {
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
_PROXY_HINT = "The response is a web page, as from a proxy or a firewall: check these before the credential"
_HOST_HINT = "The response is a web page: check the connection's host and path, which may not lead to the API"
_WEB_PAGE_HINTS = {401: _PROXY_HINT, 403: _PROXY_HINT, 404: _HOST_HINT, 410: _HOST_HINT, 405: _HOST_HINT}
"""What to check if a web page came, by HTTP status."""
_MAX_SKEW = 30.0
"""Seconds by which clocks may differ before a 401 is attributed to them."""
_MAX_ID = 100
"""Characters of a code or an id that an error quotes."""

_NOT_FOUND = (404, 410)
_ABOUT_ARGUMENTS = (400, *_NOT_FOUND, 422)
_FIELD_KEYS = ("field", "path", "property", "param", "loc")
_WORD = re.compile(r"[A-Za-z][\w.-]*")
_MIN_VALUE = 4
"""Characters that a value needs to be recognized in a platform's message."""
_AUTH_PATH = "/auth/"
"""Bodies of requests below this path hold passwords and tokens."""


def make_api_error(
    response: httpx.Response,
    content: Any,
    dialect: Dialect,
    route: str | None,
    clock: Clock,
    *,
    request_name: str,
    hint: str | None = None,
    find_arguments: Callable[[str | None], Mapping[str, str]] = lambda reason: {},
    secrets: Iterable[str] = (),
) -> ApiError:
    """Make the error of a response.

    :param response: the response.
    :param content: its decoded body; None if that cannot be decoded.
    :param dialect: the platform's.
    :param route: the endpoint's name, if an endpoint was called.
    :param clock: the time.
    :param request_name: the request in a few words.
    :param hint: what to check besides what the dialect says.
    :param find_arguments: returns the arguments that are rejected, given the platform's message.
    :param secrets: what the text must not quote, besides the credential of the request.
    """
    status = response.status_code
    secrets = (*secrets, *get_credentials(response.request))
    reason, code = _get_reason(content, secrets)
    error_class = _CLASSES.get(status, ServerError if status >= 500 else RejectedError)
    error_class = dialect.codes.get(code or "", error_class)
    request_id = _get_request_id(response, secrets)
    by_platform = "text/html" not in response.headers.get("content-type", "").lower()
    found = find_arguments(reason) if by_platform else {}
    arguments = {name: sanitize_text(hide_secrets(value, secrets)) for name, value in found.items()}
    skew = _describe_skew(response, clock) if status == 401 and _is_sent_with_jwt(response.request) else None
    if skew is not None:
        error_class = ClockSkewError
    own_hint = dialect.hints.get(code or "", dialect.hints.get(status)) if by_platform else _WEB_PAGE_HINTS.get(status)
    parts = [f"{dialect.platform} responded with {status} to {request_name}"]
    parts += [f": {reason}"] if reason else []
    parts += [f" (code {code})"] if code else []
    parts += [f" [request id {request_id}]"] if request_id else []
    parts += [f". {text}" for text in (_describe_arguments(arguments, status), skew or own_hint, hint) if text]
    error = error_class(
        "".join(parts),
        status=status,
        route=route,
        reason=reason,
        code=code,
        request_id=request_id,
        retry_after=parse_rate_limit_headers(status, response.headers, clock.now()).retry_delay,
        arguments=arguments,
    )
    error.by_platform = by_platform
    return error


def make_link_error(
    response: httpx.Response, dialect: Dialect, clock: Clock, *, request_name: str, is_own: bool = False
) -> ApiError:
    """Make the error of a response to a link, which usually leads to a host of files that knows no credential.

    :param response: the response.
    :param dialect: that of the platform that gave the link.
    :param clock: the time.
    :param request_name: the request in a few words.
    :param is_own: whether the link leads to the platform itself.
    """
    status, host = response.status_code, dialect.platform if is_own else response.request.url.host
    if status not in (400, 401, 403):
        plain = replace(dialect, platform=host, hints={})
        return make_api_error(response, None, plain, None, clock, request_name=request_name)
    hint = (
        dialect.hints.get(status)
        if is_own
        else f"The link came from {dialect.platform}; the credential is not affected"
    )
    return LinkRefusedError(
        f"{host} responded with {status} to {request_name}: the link was refused or has expired; a retry requests a "
        f"new one" + (f". {hint}" if hint else ""),
        status=status,
    )


def find_rejected_arguments(
    call: Call[Any], query: Mapping[str, Any], status: int, content: Any, reason: str | None
) -> dict[str, str]:
    """Return the arguments that a platform rejects, by their names in the request; empty if they are not known.

    They are those that the platform names, by a field of its response or by their value in its message. If it names
    none: the ids in the path, if an object was not found, or if nothing else was sent.

    :param call: the call.
    :param query: the query as it was sent.
    :param status: the HTTP status.
    :param content: the decoded response.
    :param reason: the platform's message.
    """
    if status not in _ABOUT_ARGUMENTS:
        return {}
    in_order = sorted(call.arguments, key=lambda name: call.route.path.find(f"{{{name}}}"))
    path = {name: str(call.arguments[name]) for name in in_order}
    body = {} if call.route.path.startswith(_AUTH_PATH) else dict(_flatten(call.form or call.body))
    others = {**dict(_flatten({key: value for key, value in query.items() if value is not None})), **body}
    fields = set(_find_fields(content))
    by_field = _select_by_field({**others, **path}, fields)
    if found := by_field or _select_by_field({**others, **path}, {_get_last(field) for field in fields}):
        return found
    if status in _NOT_FOUND:
        return _select_by_message(others, reason, by_name=True) or path
    return _select_by_message({**others, **path}, reason) or (path if not others else {})


def _describe_arguments(arguments: Mapping[str, str], status: int) -> str | None:
    """Return a sentence about the rejected arguments; None for none."""
    if not arguments:
        return None
    listed = ", ".join(f"{name}={redact_value(name, value)!r}" for name, value in arguments.items())
    if status in _NOT_FOUND:
        verbs = ("was", "is") if len(arguments) == 1 else ("were", "are")
        return f"{listed} {verbs[0]} not found, or {verbs[1]} not visible with this credential"
    return f"Check {listed}"


def _select_by_field(arguments: Mapping[str, str], fields: Set[str]) -> dict[str, str]:
    normalized = {_normalize(field) for field in fields}
    return {
        name: value for name, value in arguments.items() if {_normalize(name), _normalize(_get_last(name))} & normalized
    }


def _select_by_message(arguments: Mapping[str, str], reason: str | None, *, by_name: bool = False) -> dict[str, str]:
    """Return the arguments whose values are in a platform's message.

    :param by_name: also return ids whose names are: ``preset_id`` for "Preset not found".
    """
    words = {_normalize(word) for word in _WORD.findall(reason or "")}

    def is_in_message(name: str, value: str) -> bool:
        normalized = _normalize(_get_last(name))
        if by_name and normalized.endswith("id") and normalized.removesuffix("id") in words:
            return True
        return len(value) >= _MIN_VALUE and value in (reason or "")

    return {name: value for name, value in arguments.items() if is_in_message(name, value)}


def _flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts and numbers in a body, each with its path of keys and indexes."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{name}.{index}" if name else str(index))
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and name:
        yield name, str(value)


def _find_fields(content: Any) -> Iterator[str]:
    """Yield the fields that a response names as invalid: in entries of a list, as keys, or as first words."""
    if not isinstance(content, Mapping):
        return
    for key in ("errors", "error", "fields", "message", "messages"):
        found = content.get(key)
        if isinstance(found, Mapping):
            yield from (str(found[name]) for name in _FIELD_KEYS if isinstance(found.get(name), str))
            yield from (str(name) for name in found if name not in ("message", "code"))
        for item in found if isinstance(found, list) else ():
            if isinstance(item, Mapping):
                yield from (_join_path(item[name]) for name in _FIELD_KEYS if isinstance(item.get(name), str | list))
            elif isinstance(item, str) and (word := _WORD.match(item)):
                yield word[0]


def _join_path(field: Any) -> str:
    return ".".join(str(part) for part in field) if isinstance(field, list) else str(field)


def _get_last(name: str) -> str:
    return name.rpartition(".")[2]


def _normalize(name: str) -> str:
    """Return what different spellings of a name have in common: ``presetId``, ``preset_id`` and ``preset-id``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _get_request_id(response: httpx.Response, secrets: Iterable[str]) -> str | None:
    found = next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None)
    return None if found is None else sanitize_text(hide_secrets(found, secrets), _MAX_ID)


def _is_sent_with_jwt(request: httpx.Request) -> bool:
    """Whether the credential is a JSON Web Token, which holds the times between which it is valid."""
    authorization: str = request.headers.get("authorization", "")
    return authorization.count(".") == 2


def _describe_skew(response: httpx.Response, clock: Clock) -> str | None:
    """Return a sentence about the difference between this machine's clock and the platform's; None if it is small.

    A response from a cache is as old as its ``Age`` says. Source: RFC 9110 6.6.1, RFC 9111 5.1.
    """
    now = clock.now()
    date, age = parse_http_date(response.headers.get("date")), parse_whole_number(response.headers.get("age", "0"))
    if date is None or age is None:
        return None
    ahead = (now - date).total_seconds() - age
    if abs(ahead) < _MAX_SKEW:
        return None
    difference = f"{abs(ahead):.0f} s" if abs(ahead) < 2 * 60 else f"{abs(ahead) / 60:.0f} min"
    return (
        f"This machine's clock is {difference} {'ahead of' if ahead > 0 else 'behind'} the platform's "
        f"({now:%Y-%m-%d %H:%M:%S} UTC here, {response.headers['date'][:_MAX_ID]} there): credentials that hold a time "
        f"are refused because of that. Set the clock before you change the credential"
    )


def _get_reason(content: Any, secrets: Iterable[str]) -> tuple[str | None, str | None]:
    """Return the platform's message and error code.

    The message is the text of ``error``, ``message`` or ``messages``, and ``errors`` by field.
    """
    if not isinstance(content, dict):
        return (_to_line(hide_secrets(content, secrets)) or None if isinstance(content, str) else None, None)
    texts = [_to_text(content[key]) for key in ("error", "message", "messages", "errors") if content.get(key)]
    nested = content.get("error")
    code = content.get("code") or (nested.get("code") if isinstance(nested, dict) else None)
    message = _to_line(hide_secrets("; ".join(dict.fromkeys(text for text in texts if text)), secrets))
    code = hide_secrets(str(code), secrets) if isinstance(code, str | int) and code else None
    return (message or None, code and sanitize_text(" ".join(code.split()), _MAX_ID))


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_to_text(item) for item in value[:10])
    if isinstance(value, dict):
        field = value.get("field") or value.get("path")
        message = value.get("message") or value.get("msg") or value.get("code")
        if message:
            return f"{_join_path(field)}: {_to_text(message)}" if field else _to_text(message)
        return ", ".join(f"{key}: {_to_text(item)}" for key, item in list(value.items())[:10])
    return str(value)


def _to_line(text: str) -> str:
    return sanitize_text(" ".join(text.split()))
