"""What is secret in a URL or a header, and texts without it, as they may be logged or quoted.

No other module knows a name of a header or a query parameter that is secret, or harmless. Both lists name what is
harmless: a platform may call its credential anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from airflow_provider_sessions.errors import SessionsError

if TYPE_CHECKING:
    from airflow_provider_sessions.client import httpx_api as httpx

_TELLING = frozenset(
    ("page", "limit", "offset", "items", "start_time", "end_time", "start_at", "end_at", "cancel_without_email")
)
"""Query parameters of which the value may be shown. All others may be a signature, a token or a password."""
_PLAIN = re.compile(r"[\d:.TZ+-]{1,40}|true|false")
"""A number, a time or a yes or no."""
_HARMLESS_HEADERS = frozenset(
    (
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "if-range",
        "range",
        "transfer-encoding",
        "user-agent",
    )
)
"""Headers of a request that another host may get. All others may hold a credential, whatever they are called."""
_SECRET_NAME = re.compile(r"token|secret|passw|signature|credential|authorization|key$|^code$", re.IGNORECASE)
"""Names of fields that hold a credential."""
_SHORTEST_SECRET = 4
"""Characters; what is shorter cannot be told from any other text."""


def redact_url(url: str) -> str:
    """The address with user information dropped and the values of all but harmless query parameters hidden."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(an address that cannot be read)"
    shown = urlencode([(key, value if _may_be_shown(key, value) else "***") for key, value in query], safe="*:")
    return urlunsplit((parts.scheme, _place(parts.netloc), parts.path, shown, ""))


def redact_path(url: str) -> str:
    """Scheme and host alone: another host's path may be as secret as its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    return f"{parts.scheme}://{_place(parts.netloc)}/..."


def redact_typed_address(address: str) -> str:
    """An address as a person typed it: all before the last ``@`` is dropped, for a password may hold any character."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    return redact_url(scheme + separator + rest.rpartition("@")[2])


def typed_password(address: str) -> str | None:
    """Return the password in an address as a person typed it: up to the last ``@``, for it may hold any character."""
    scheme, separator, rest = address.partition("://")
    user_info, at, _ = (rest if separator else scheme).rpartition("@")
    return user_info.partition(":")[2] or None if at else None


def password_in(text: str) -> str | None:
    """Return the password in what may be a URL, or any other text."""
    if "://" not in text:
        return None
    try:
        return urlsplit(text).password
    except ValueError:
        return None


def drop_secret_headers(request: httpx.Request) -> None:
    """Remove all headers of a request but those that another host may get."""
    for name in request.headers.keys() - _HARMLESS_HEADERS:
        del request.headers[name]


def credentials_of(request: httpx.Request) -> tuple[str, ...]:
    """Return the credential that a request was sent with: some platforms quote it back."""
    sent = (value for name, value in request.headers.items() if name not in _HARMLESS_HEADERS)
    return tuple(filter(None, (value.rpartition(" ")[2] for value in sent)))


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced by asterisks, also where it stands as part of an address."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return text


@contextmanager
def without_secrets(secrets: Callable[[], Iterable[str]]) -> Iterator[None]:
    """Hide secrets in the text and the fields of whichever error of ours leaves the block.

    :param secrets: gives them, when an error is on its way.
    """
    try:
        yield
    except SessionsError as error:
        known = tuple(secrets())
        error.args = tuple(hide_secrets(arg, known) if isinstance(arg, str) else arg for arg in error.args)
        for name, value in vars(error).items():
            if isinstance(value, str):
                setattr(error, name, hide_secrets(value, known))
        raise


def hide_values(content: Any) -> Any:
    """Return JSON in which the values of names that tell of a secret, and the queries of addresses, are hidden."""
    if isinstance(content, Mapping):
        return {name: hide_value(str(name), value) for name, value in content.items()}
    if isinstance(content, list):
        return [hide_values(item) for item in content]
    if isinstance(content, str) and content.startswith(("http://", "https://")):
        return redact_url(content)
    return content


def hide_value(name: str, value: Any) -> Any:
    """Return a value as it may be shown beside its name; see :func:`hide_values`."""
    return "***" if value and isinstance(value, str) and _SECRET_NAME.search(name) else hide_values(value)


def _may_be_shown(key: str, value: str) -> bool:
    return key in _TELLING and _PLAIN.fullmatch(value) is not None


def _place(netloc: str) -> str:
    return netloc.rpartition("@")[2]
