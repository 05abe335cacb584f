"""Decode responses: check their size, decode JSON and texts, and find the content in its envelope."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, NamedTuple

from pydantic_core import from_json

from airflow_provider_sessions.errors import ApiError, MalformedResponseError, ResponseTooLargeError

MAX_PAGE_ITEMS = 10_000
"""Items that a page may hold if a page size was requested; nobody requests more than a thousand."""
MAX_ITEMS = 200_000
"""Items that any other list may hold, unless the connection's field ``max_items`` is set."""

_MIN_COUNTED = 64 * 1024
"""Bytes of JSON from which lists and objects are counted before it is decoded."""
_LIST_BYTES, _OBJECT_BYTES, _EMPTY_OBJECT_BYTES = 88, 200, 96
"""Bytes of memory that a list or an object takes at least, measured on CPython 3.11."""
_MAX_GROWTH = 20
"""How much larger than its JSON the lists and objects of a response may be. Objects of ten bytes each are."""
_ERROR_KEYS = frozenset({"code", "error", "errors", "message", "messages", "success", "timestamp"})
"""A body with errors and no other keys than these has no content."""
_RAW_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of JSON: a surrogate pair, half of one, or any other."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is special about a platform's responses.

    :param platform: the connection type.
    :param hints: what a user should check, shown at the end of an error; by HTTP status, or by the platform's own error
        code as a text.
    :param codes: the error class by the platform's own error code as a text, if the status does not determine it.
    :param volatile: what differs between responses though nothing has changed, such as a timestamp.
    """

    platform: str
    hints: Mapping[int | str, str] = field(default_factory=dict)
    codes: Mapping[str, type[ApiError]] = field(default_factory=dict)
    volatile: re.Pattern[bytes] | None = None

    def with_connection(self, conn_id: str) -> Dialect:
        """Return the same with hints that name the connection to check."""
        return replace(self, hints={key: f"{hint} (connection {conn_id!r})" for key, hint in self.hints.items()})

    def strip_volatile(self, body: bytes) -> bytes:
        """Return the part of a body that changes only if something has changed."""
        return body if self.volatile is None else self.volatile.sub(b"", body)


def decode_json(body: bytes, route: str, content_type: str, max_items: int = MAX_ITEMS) -> Any:
    """Decode JSON; an empty body is None.

    Half of a surrogate pair, which is left when a platform cuts a text, becomes the replacement character: no file
    accepts it, and a list must not be lost because of a title.

    :param body: the JSON.
    :param route: the endpoint's name, for the error.
    :param content_type: the header ``Content-Type``, for the error.
    :param max_items: items that a list or an object may hold.
    :raises MalformedResponseError: it is not JSON. The text quotes the start of a web page, but not broken JSON, which
        may hold a token.
    :raises ResponseTooLargeError: it holds more items, or would take far more memory than its size suggests.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        return None
    _check_density(body, route, max_items)
    try:
        content = from_json(body)
    except ValueError as error:
        content = None
        with suppress(ValueError):
            content = from_json(_replace_half_surrogates(body))
        if content is None:
            start = body.lstrip()[:80].decode("utf-8", "replace")
            raise MalformedResponseError(
                f"{route}: the response is not JSON ({content_type[:80] or 'no content type'}, {len(body)} bytes, "
                f"{error})" + (f"; it begins with {start!r}" if start.startswith("<") else "")
            ) from None
    _check_items(content, body, route, max_items)
    return content


def decode_body(response_type: Any, body: bytes, route: str, content_type: str, max_items: int = MAX_ITEMS) -> Any:
    """Decode the response of a call.

    =================  =======================================================================================
    type               result
    =================  =======================================================================================
    ``str``            the text; a byte order mark is dropped
    ``bytes``          the body
    ``Any``            the text of a text file, None for an empty body, else the decoded JSON
    ``NoneType``       None for a plain text, with which some platforms respond to an action; else decoded JSON
    any other          the decoded JSON
    =================  =======================================================================================

    :param response_type: the type.
    :param body: the body.
    :param route: the endpoint's name, for the error.
    :param content_type: the header ``Content-Type``.
    :param max_items: items that a list or an object may hold.
    :raises MalformedResponseError: it is something else.
    :raises ResponseTooLargeError: see :func:`decode_json`.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if response_type is Any and not body.strip():
        return None
    is_text = response_type is str or (response_type is Any and media_type.startswith("text/"))
    if (is_text or response_type is bytes) and media_type in ("text/html", "application/json"):
        raise MalformedResponseError(f"{route}: the response is {media_type}, not a file ({len(body)} bytes)")
    if is_text:
        try:
            return body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise MalformedResponseError(f"{route}: the response is not UTF-8 text: {error}") from None
    if response_type is bytes:
        return body
    if response_type is NoneType and media_type == "text/plain":
        return None
    return decode_json(body, route, content_type, max_items)


def decode_error(body: bytes, route: str) -> Any:
    """Decode the body of a response with an error status; None if it is not JSON, since the status says enough."""
    try:
        return decode_json(body, route, "")
    except (MalformedResponseError, ResponseTooLargeError):
        return None


class Body(NamedTuple):
    """The body of a response, as it was received.

    :param content: its bytes, without a content coding such as gzip.
    :param media_type: of the header ``Content-Type``, in lower case; empty if there is none.
    """

    content: bytes
    media_type: str


class Unwrapped(NamedTuple):
    """A decoded response without its envelope.

    :param content: the content.
    :param meta: what stood beside it, such as ``total``.
    """

    content: Any
    meta: Mapping[str, Any]


def unwrap(content: Any, keys: tuple[str, ...], *, is_list: bool = False) -> Unwrapped:
    """Take the content out of its envelope. A key that is missing is skipped: platforms are not strict about them.

    :param content: the decoded response.
    :param keys: the keys from the outermost envelope inwards.
    :param is_list: whether the content is a list. Servers in some languages write an empty one as null.
    """
    meta: Mapping[str, Any] = {}
    for key in keys:
        if isinstance(content, dict) and key in content:
            meta = content
            content = content[key]
    if content is None and ((is_list and keys[-1:] and keys[-1] in meta) or meta.get("total") in (0, "0")):
        content = []
    # Without the content itself: the rest is kept longer than the decoded response should be.
    return Unwrapped(content, {key: value for key, value in meta.items() if value is not content})


def is_error(content: Any) -> bool:
    """Whether a body with a success status reports an error; each platform has its own way to say so."""
    if not isinstance(content, dict):
        return False
    status = content.get("statusCode")
    return (
        content.get("success") is False
        or (isinstance(status, int) and status >= 400)
        or (bool(content.get("errors")) and content.keys() <= _ERROR_KEYS)
    )


def check_page(items: Any, route: str) -> None:
    """Reject a page with far more items than requested.

    :param items: the page's decoded list.
    :param route: the endpoint's name, for the error.
    :raises ResponseTooLargeError: it holds more than :data:`MAX_PAGE_ITEMS`.
    """
    if isinstance(items, list) and len(items) > MAX_PAGE_ITEMS:
        raise ResponseTooLargeError(
            f"{route}: a page holds {len(items)} items; no page may hold more than {MAX_PAGE_ITEMS}"
        )


def _check_density(body: bytes, route: str, max_items: int) -> None:
    """Reject JSON of which the lists and objects alone would take far more memory than its bytes.

    ``[]`` takes 2 bytes in JSON and 88 in memory. Brackets inside texts are counted too: the order of magnitude counts.
    """
    if len(body) < _MIN_COUNTED:
        return
    # A connection that allows more items than usual allows the memory for them.
    lists, objects, allowed = (
        body.count(b"["),
        body.count(b"{"),
        _MAX_GROWTH * len(body) * max(1, max_items / MAX_ITEMS),
    )
    memory = lists * _LIST_BYTES + objects * _OBJECT_BYTES
    if memory > allowed:
        memory -= body.count(b"{}") * (_OBJECT_BYTES - _EMPTY_OBJECT_BYTES)
    if memory > allowed:
        raise ResponseTooLargeError(
            f"{route}: the response holds {lists + objects} lists and objects in {len(body)} bytes and would take too "
            f"much memory; if that many are right, set 'max_items' in the connection's extra to more than {max_items}"
        )


def _check_items(content: Any, body: bytes, route: str, max_items: int) -> None:
    """Reject a response of which any list or object, however deep, holds too many items."""
    if len(body) < 2 * max_items or body.count(b",") < max_items or not isinstance(content, dict | list):
        return
    rest = [content]
    while rest:
        found = rest.pop()
        if len(found) > max_items:
            raise ResponseTooLargeError(
                f"{route}: the response holds {len(found)} items; a list may hold {max_items}; if that many are right, "
                f"set 'max_items' in the connection's extra to a larger number"
            )
        inner = found.values() if isinstance(found, dict) else found
        rest += [value for value in inner if isinstance(value, dict | list)]


def _replace_half_surrogates(body: bytes) -> bytearray:
    """Replace halves of surrogate pairs in JSON, escaped or not; everything else stays, right or wrong."""
    if _RAW_SURROGATE.search(body):
        text = body.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
        body = text.decode("utf-16", "replace").encode()
    whole = bytearray(body)
    for found in _ESCAPE.finditer(body):
        if found["half"]:
            whole[found.start() : found.end()] = b"\\ufffd"  # as long as what it replaces
    return whole
