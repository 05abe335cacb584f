"""A connection as the platforms see it: no Airflow here, and no secret in its repr."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_sessions.client.redact import find_password, find_typed_password, redact_typed_address
from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.header_values import parse_whole_number
from airflow_provider_sessions.messages import suggest_choices
from airflow_provider_sessions.model import parse_seconds
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from airflow_provider_sessions.safe_text import sanitize_text

_TYPED = ("host", "proxy")
"""Fields that are an address and nothing else, with a scheme or without."""
_EXPECTED = "expected is an address such as 'https://example.com/api'"


@dataclass(frozen=True, slots=True)
class Account:
    """The fields of one Airflow connection.

    :param conn_id: its id.
    :param conn_type: its type: the platform.
    :param host: base URL, with or without a scheme; not shown, because somebody may have put a password into it.
    :param extra: the platform's own fields.
    :param rate_store: the Redis in which all workers share the account's rate limit; None for a file on each host.
    """

    conn_id: str
    conn_type: str
    host: str | None = field(default=None, repr=False)
    port: int | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rate_store: RedisAddress | None = None

    def base_url(self, default: str | None) -> str:
        """The base URL, without a slash at its end.

        :param default: where the connection names no host.
        :raises ConnectionConfigError: there is none, or it is no http address.
        """
        host = (self.host or "").strip() or default
        if not host:
            raise self.wrong("host", "is empty, and this platform has no address that can be taken for granted")
        if "://" not in host:
            if self.schema not in (None, "", "http", "https"):
                raise self.wrong(
                    "schema",
                    f"is {redact_typed_address(self.schema)!r}; expected http or https (in a connection written as a "
                    f"URI, Airflow takes a path for it: encode the base URL as a whole, as in "
                    f"https%3A%2F%2Fexample.com%2Fapi)",
                )
            host = f"{self.schema or 'https'}://{host}"
        return self.address("host", host, self.port)

    def address(self, name: str, text: str, port: int | None = None) -> str:
        """An address of http or https, without a slash at its end; https where it names neither.

        :param name: the field that holds it.
        :param port: the port where the address names none.
        :raises ConnectionConfigError: it is none. What stands in the wrong place is not quoted: it may be a password.
        """
        from airflow_provider_sessions.client import httpx_api as httpx  # here, as operators import this module

        text = text if "://" in text else f"https://{text}"
        if "@" in text:
            raise self.wrong(
                name,
                "holds a user name or password, or another '@'; put them into the fields made for them, and write %40 "
                "in a path",
            )
        try:
            parts = urlsplit(text)
            port = parts.port or port
            httpx.URL(text).host  # noqa: B018 - fails where nothing can be sent to it
        except (ValueError, httpx.InvalidURL):
            raise self.wrong(name, f"has no readable port or host; {_EXPECTED}") from None
        strange = parts.query or parts.fragment or any(c.isspace() for c in text)
        if parts.scheme not in ("http", "https") or not parts.hostname or strange:
            raise self.wrong(name, f"is not an address of http or https, or has a query or blanks; {_EXPECTED}")
        place = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
        return f"{parts.scheme}://{place}{f':{port}' if port else ''}{parts.path}".rstrip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may quote: the password, as it is sent, too, and passwords inside of addresses."""
        found = [self.password, self.rate_store and self.rate_store.password]
        found += [password for _, password in self.addresses_with_passwords]
        forms = [form for value in found if value for form in (value, value.strip(), unquote(value))]
        return tuple(dict.fromkeys(filter(None, forms)))

    @property
    def addresses_with_passwords(self) -> tuple[tuple[str, str], ...]:
        """Addresses among the fields that hold a password, and that password as it stands there."""
        fields = {"host": self.host, **self.extra}
        found = [
            (value, find_typed_password(value) if name in _TYPED else find_password(value))
            for name, value in fields.items()
            if isinstance(value, str)
        ]
        return tuple((address, password) for address, password in found if password)

    def required_password(self, what: str) -> str:
        """The password field.

        :param what: what it holds for this platform, for the error.
        :raises ConnectionConfigError: it is empty.
        """
        if not self.password or not self.password.strip():
            raise self.wrong("password", f"is empty; it holds the {what}")
        return self.password.strip()

    def text(self, name: str, default: str | None = None) -> str | None:
        """A text field of the connection's extra.

        :raises ConnectionConfigError: it is no text.
        """
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str):
            raise self.wrong(name, f"must be a text, not {type(value).__name__}")
        return value.strip() or default

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """A field that takes one of a few words.

        :raises ConnectionConfigError: another word.
        """
        value = self.text(name, default) or default
        if value not in choices:
            near = suggest_choices([value], choices)
            raise self.wrong(name, f"is {value!r}; expected one of {', '.join(choices)}{near}")
        return value

    def seconds(self, name: str, default: float) -> float:
        """A duration in seconds (number or ISO 8601).

        :raises ConnectionConfigError: it cannot be read.
        """
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        try:
            return parse_seconds(value, name)
        except ValueError as unreadable:
            raise self._unreadable(unreadable) from None

    def number(self, name: str, default: int) -> int:
        """A field that is a whole number above zero, as JSON or as a text.

        :raises ConnectionConfigError: it is none.
        """
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        number = None if isinstance(value, bool) else parse_whole_number(str(value))
        if not number:
            raise self.wrong(name, f"is {sanitize_text(repr(value), 50)}; expected a whole number above zero")
        return number

    def flag(self, name: str) -> bool:
        """A field that is true or false, as JSON or as a text; false if it is empty.

        :raises ConnectionConfigError: it is neither.
        """
        value = self.extra.get(name)
        value = value.strip().lower() if isinstance(value, str) else value
        if value in (None, "", False, "false"):
            return False
        if value in (True, "true"):
            return True
        raise self.wrong(name, f"is {value!r}; expected true or false")

    def rate_limit(self, default: RateLimit | None) -> RateLimit | None:
        """Return the account's limit, from the ``rate_limit`` field.

        :raises ConnectionConfigError: it cannot be read.
        """
        return self._rate_limits().get(None, default)

    def category_limits(self, defaults: Mapping[str, RateLimit], known: Collection[str]) -> dict[str, RateLimit]:
        """Return the limits of categories of endpoints, from the ``rate_limit`` field.

        :param defaults: the limits of those that it does not name.
        :param known: the categories there are.
        :raises ConnectionConfigError: it cannot be read, or names another category.
        """
        limits = {name: limit for name, limit in self._rate_limits().items() if name is not None}
        if unknown := sorted(limits.keys() - set(known)):
            there_are = f"there are {', '.join(sorted(known))}" if known else f"{self.conn_type} has none"
            raise self.wrong(
                "rate_limit", f"names the categories {unknown}; {there_are}{suggest_choices(unknown, known)}"
            )
        return {**defaults, **limits}

    def _rate_limits(self) -> dict[str | None, RateLimit]:
        """The ``rate_limit`` field, such as ``10/minute, exports=2/minute``: limits by category, None for the account.

        :raises ConnectionConfigError: it cannot be read, or names something twice.
        """
        limits: dict[str | None, RateLimit] = {}
        for part in text.split(",") if (text := self.text("rate_limit")) else ():
            name, is_named, limit = part.rpartition("=")
            category = name.strip() if is_named else None
            try:
                parsed = RateLimit.parse(limit)
            except ValueError as unreadable:
                raise self._unreadable(unreadable) from None
            if category in limits:
                raise self.wrong("rate_limit", f"names {repr(category) if category else 'the account'} twice")
            limits[category] = parsed
        return limits

    def paths(self, known: Mapping[str, Any]) -> dict[str, str]:
        """The ``paths`` field: endpoint names to paths, as an object or as its JSON.

        :param known: the platform's endpoint names.
        :raises ConnectionConfigError: it cannot be read, or names an endpoint that does not exist.
        """
        value = self.mapping("paths")
        if unknown := sorted(set(value) - set(known)):
            near = suggest_choices(unknown, known)
            raise self.wrong("paths", f"names unknown endpoints {unknown}; known are {', '.join(sorted(known))}{near}")
        return value

    def mapping(self, name: str) -> dict[str, str]:
        """A field that holds texts by name, as an object or as its JSON.

        :raises ConnectionConfigError: it cannot be read.
        """
        value = self.extra.get(name)
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else None
            except ValueError:
                raise self.wrong(name, "is not JSON") from None
        if not value:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
            raise self.wrong(name, "must be a JSON object of names and texts")
        return dict(value)

    def fingerprint(self, base_url: str, name: str | None = None) -> str:
        """Return what identifies an account without revealing a credential: its connections share a rate limit.

        Where the account has a name, no password goes into it. Else it is a slow hash of the key, the same on all
        hosts: it stands in names of files and of Redis keys, where others may see it.

        :param name: what names the account: its log-in, say.
        """
        place = f"{self.conn_type}\n{base_url}"
        if name := (name or "").strip():
            return hashlib.sha256(f"{place}\n{name}".encode()).hexdigest()[:24]
        return _slow_hash(place, (self.password or "").strip())

    def _unreadable(self, why: ValueError) -> ConnectionConfigError:
        """The error for a field whose reader names it."""
        return ConnectionConfigError(f"connection {self.conn_id!r} ({self.conn_type}): {why}")

    def wrong(self, name: str, why: str) -> ConnectionConfigError:
        """The error for a field of this connection."""
        return ConnectionConfigError(f"connection {self.conn_id!r} ({self.conn_type}): {name} {why}")


@functools.lru_cache(maxsize=64)
def _slow_hash(place: str, password: str) -> str:
    """A hash of a credential that cannot be guessed at in bulk. It takes some 50 ms and 16 MiB, once a process."""
    return hashlib.scrypt(password.encode(), salt=place.encode(), n=2**14, r=8, p=1, dklen=12).hex()
