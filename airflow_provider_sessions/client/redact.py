"""Hide secrets in URLs, headers, JSON and texts, so that these can be logged or quoted.

No other module names a header or a query parameter that is secret, or harmless. Both lists name what is harmless,
because a platform may call its credential anything.
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

_SHOWN_PARAMETERS = frozenset(
    ("page", "limit", "offset", "items", "start_time", "end_time", "start_at", "end_at", "cancel_without_email")
)
"""Query parameters whose values may be shown. Any other value may be a signature, a token or a password."""
_SHOWN_VALUE = re.compile(r"[\d:.TZ+-]{1,40}|true|false")
"""A number, a time or a boolean."""
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
"""Headers of a request that another host may get. Any other header may hold a credential."""
_SECRET_NAME = re.compile(
    r"token|secret|passw|passcode|passphrase|signature|credential|authorization"
    r"|keys?(?!\w)|(?<![a-z])(?:pin|pwd)(?![a-z])|(?<!\w)code$"
)
"""Names of fields that hold a credential, in lower case with words apart: ``stream_keys``, but neither ``key_id`` nor
``pinned``. A path such as ``stream_keys.0`` is a name, too."""
_NEXT_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Where a new word begins in a name such as ``meetingPin``."""
_MIN_SECRET = 4
"""Characters of a secret that is hidden: a shorter one may be a part of any word."""
_UNREADABLE_URL = "(an invalid URL)"


def redact_url(url: str) -> str:
    """Return a URL without user information, and with the values of all but harmless query parameters hidden."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return _UNREADABLE_URL
    shown = urlencode([(key, value if _may_be_shown(key, value) else "***") for key, value in query], safe="*:")
    return urlunsplit((parts.scheme, _drop_user_info(parts.netloc), parts.path, shown, ""))


def redact_path(url: str) -> str:
    """Return scheme and host of a URL: on a foreign host, the path may be as secret as the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _UNREADABLE_URL
    return f"{parts.scheme}://{_drop_user_info(parts.netloc)}/..."


def redact_typed_address(address: str) -> str:
    """Return an address as a user typed it, without all before its last ``@``: a password may hold any character."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    return redact_url(scheme + separator + rest.rpartition("@")[2])


def find_typed_password(address: str) -> str | None:
    """Return the password in an address as a user typed it, which extends to the last ``@``; None for none."""
    scheme, separator, rest = address.partition("://")
    user_info, at, _ = (rest if separator else scheme).rpartition("@")
    return user_info.partition(":")[2] or None if at else None


def find_password(text: str) -> str | None:
    """Return the password in a text that may be a URL; None for none."""
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


def get_credentials(request: httpx.Request) -> tuple[str, ...]:
    """Return the credentials in a request's headers, which some platforms quote in their responses."""
    sent = (value for name, value in request.headers.items() if name not in _HARMLESS_HEADERS)
    return tuple(filter(None, (value.rpartition(" ")[2] for value in sent)))


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text with asterisks instead of secrets, percent-encoded ones too."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _MIN_SECRET:
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return text


@contextmanager
def hide_secrets_in_errors(get_secrets: Callable[[], Iterable[str]]) -> Iterator[None]:
    """Hide secrets in the text and the attributes of an error of this package that is raised in the block.

    :param get_secrets: returns the secrets; called only if there is an error.
    """
    try:
        yield
    except SessionsError as error:
        secrets = tuple(get_secrets())
        error.args = tuple(hide_secrets(arg, secrets) if isinstance(arg, str) else arg for arg in error.args)
        for name, value in vars(error).items():
            if isinstance(value, str):
                setattr(error, name, hide_secrets(value, secrets))
        raise


def redact_values(content: Any) -> Any:
    """Return JSON in which the values of secret fields and the queries of URLs are hidden."""
    if isinstance(content, Mapping):
        return {name: redact_value(str(name), value) for name, value in content.items()}
    if isinstance(content, list):
        return [redact_values(item) for item in content]
    if isinstance(content, str) and content.startswith(("http://", "https://")):
        return redact_url(content)
    return content


def redact_value(name: str, value: Any) -> Any:
    """Return the value of a field as it may be shown; see :func:`redact_values`."""
    is_secret = _SECRET_NAME.search(_NEXT_WORD.sub("_", name).lower())
    return _hide(value) if is_secret else redact_values(value)


def _hide(value: Any) -> Any:
    """Return a value in which all texts and numbers are hidden, those in lists and mappings too."""
    if isinstance(value, Mapping):
        return {name: _hide(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return value if value in (None, "") or isinstance(value, bool) else "***"


def _may_be_shown(key: str, value: str) -> bool:
    return key in _SHOWN_PARAMETERS and _SHOWN_VALUE.fullmatch(value) is not None


def _drop_user_info(netloc: str) -> str:
    return netloc.rpartition("@")[2]
