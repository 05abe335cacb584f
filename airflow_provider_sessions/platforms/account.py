"""A connection, independent of Airflow. Its repr shows no secret."""

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

_URL_FIELDS = ("host", "proxy")
"""Fields that hold a URL, with a scheme or without."""
_EXPECTED = "expected is an address such as 'https://example.com/api'"


@dataclass(frozen=True, slots=True)
class Account:
    """The fields of one Airflow connection.

    :param conn_id: its id.
    :param conn_type: its type: the platform.
    :param host: base URL, with or without a scheme; not shown, because it may hold a password.
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
        """Return the base URL, without a slash at its end.

        :param default: used if the connection names no host.
        :raises ConnectionConfigError: there is none, or it is invalid.
        """
        host = (self.host or "").strip() or default
        if not host:
            raise self.make_field_error("host", "is empty, and this platform has no default")
        if "://" not in host:
            if self.schema not in (None, "", "http", "https"):
                raise self.make_field_error(
                    "schema",
                    f"is {redact_typed_address(self.schema)!r}; expected http or https (in a connection written as a "
                    f"URI, Airflow takes a path for it: encode the base URL as a whole, as in "
                    f"https%3A%2F%2Fexample.com%2Fapi)",
                )
            host = f"{self.schema or 'https'}://{host}"
        return self.address("host", host, self.port)

    def address(self, name: str, text: str, port: int | None = None) -> str:
        """Return a URL, without a slash at its end; without a scheme it is https.

        :param name: the field that holds it.
        :param port: used if the URL has none.
        :raises ConnectionConfigError: it is no http or https URL. It is not quoted, as it may hold a password.
        """
        from airflow_provider_sessions.client import (
            httpx_api as httpx,
        )  # imported here because operators import this module

        text = text if "://" in text else f"https://{text}"
        if "@" in text:
            raise self.make_field_error(
                name,
                "holds a user name or password, or another '@'; put them into the fields made for them, and write %40 "
                "in a path",
            )
        try:
            parts = urlsplit(text)
            port = parts.port or port
            httpx.URL(text).host  # noqa: B018 - raises if it is invalid
        except (ValueError, httpx.InvalidURL):
            raise self.make_field_error(name, f"has no readable port or host; {_EXPECTED}") from None
        is_invalid = parts.query or parts.fragment or any(c.isspace() for c in text)
        if parts.scheme not in ("http", "https") or not parts.hostname or is_invalid:
            raise self.make_field_error(
                name, f"is not an address of http or https, or has a query or blanks; {_EXPECTED}"
            )
        host = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
        return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}".rstrip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that no text may quote: the password, also as it is sent, and passwords in URLs."""
        found = [self.password, self.rate_store and self.rate_store.password]
        found += [password for _, password in self.addresses_with_passwords]
        forms = [form for value in found if value for form in (value, value.strip(), unquote(value))]
        return tuple(dict.fromkeys(filter(None, forms)))

    @property
    def addresses_with_passwords(self) -> tuple[tuple[str, str], ...]:
        """The URLs of fields that hold a password, and the password as it is written there."""
        fields = {"host": self.host, **self.extra}
        found = [
            (value, find_typed_password(value) if name in _URL_FIELDS else find_password(value))
            for name, value in fields.items()
            if isinstance(value, str)
        ]
        return tuple((address, password) for address, password in found if password)

    def required_password(self, what: str) -> str:
        """Return the password field.

        :param what: its content on this platform, for the error.
        :raises ConnectionConfigError: it is empty.
        """
        if not self.password or not self.password.strip():
            raise self.make_field_error("password", f"is empty; it holds the {what}")
        return self.password.strip()

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text field of the connection's extra.

        :raises ConnectionConfigError: it is no text.
        """
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str):
            raise self.make_field_error(name, f"must be a text, not {type(value).__name__}")
        return value.strip() or default

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return a field that has a few possible values.

        :raises ConnectionConfigError: it has another value.
        """
        value = self.text(name, default) or default
        if value not in choices:
            near = suggest_choices([value], choices)
            raise self.make_field_error(name, f"is {value!r}; expected one of {', '.join(choices)}{near}")
        return value

    def seconds(self, name: str, default: float) -> float:
        """Return a duration in seconds from a number or ISO 8601 text.

        :raises ConnectionConfigError: it is invalid.
        """
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        try:
            return parse_seconds(value, name)
        except ValueError as error:
            raise self._wrong_value(error) from None

    def number(self, name: str, default: int) -> int:
        """Return a whole number above zero from a number or text.

        :raises ConnectionConfigError: it is invalid.
        """
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        number = None if isinstance(value, bool) else parse_whole_number(str(value))
        if not number:
            raise self.make_field_error(
                name, f"is {sanitize_text(repr(value), 50)}; expected a whole number above zero"
            )
        return number

    def flag(self, name: str) -> bool:
        """Return whether a field is true, from a boolean or text; False if it is empty.

        :raises ConnectionConfigError: it is neither true nor false.
        """
        value = self.extra.get(name)
        value = value.strip().lower() if isinstance(value, str) else value
        if value in (None, "", False, "false"):
            return False
        if value in (True, "true"):
            return True
        raise self.make_field_error(name, f"is {value!r}; expected true or false")

    def rate_limit(self, default: RateLimit | None) -> RateLimit | None:
        """Return the account's limit, from the ``rate_limit`` field.

        :raises ConnectionConfigError: it is invalid.
        """
        return self._rate_limits().get(None, default)

    def category_limits(self, defaults: Mapping[str, RateLimit], known: Collection[str]) -> dict[str, RateLimit]:
        """Return the limits of categories of endpoints, from the ``rate_limit`` field.

        :param defaults: used for categories that the field does not name.
        :param known: the platform's categories.
        :raises ConnectionConfigError: it is invalid, or names another category.
        """
        limits = {name: limit for name, limit in self._rate_limits().items() if name is not None}
        if unknown := sorted(limits.keys() - set(known)):
            there_are = f"there are {', '.join(sorted(known))}" if known else f"{self.conn_type} has none"
            raise self.make_field_error(
                "rate_limit", f"names the categories {unknown}; {there_are}{suggest_choices(unknown, known)}"
            )
        return {**defaults, **limits}

    def _rate_limits(self) -> dict[str | None, RateLimit]:
        """Return the limits of the ``rate_limit`` field, such as ``10/minute, exports=2/minute``; None is the account.

        :raises ConnectionConfigError: it is invalid, or names something twice.
        """
        limits: dict[str | None, RateLimit] = {}
        for part in text.split(",") if (text := self.text("rate_limit")) else ():
            name, is_named, limit = part.rpartition("=")
            category = name.strip() if is_named else None
            try:
                parsed = RateLimit.parse(limit)
            except ValueError as error:
                raise self._wrong_value(error) from None
            if category in limits:
                raise self.make_field_error(
                    "rate_limit", f"names {repr(category) if category else 'the account'} twice"
                )
            limits[category] = parsed
        return limits

    def paths(self, known: Mapping[str, Any]) -> dict[str, str]:
        """Return the ``paths`` field: endpoint names and their paths, from an object or JSON.

        :param known: the platform's endpoint names.
        :raises ConnectionConfigError: it is invalid, or names an unknown endpoint.
        """
        value = self.mapping("paths")
        if unknown := sorted(set(value) - set(known)):
            near = suggest_choices(unknown, known)
            raise self.make_field_error(
                "paths", f"names unknown endpoints {unknown}; known are {', '.join(sorted(known))}{near}"
            )
        return value

    def mapping(self, name: str) -> dict[str, str]:
        """Return a field of names and texts, from an object or JSON.

        :raises ConnectionConfigError: it is invalid.
        """
        value = self.extra.get(name)
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else None
            except ValueError:
                raise self.make_field_error(name, "is not JSON") from None
        if not value:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
            raise self.make_field_error(name, "must be a JSON object of names and texts")
        return dict(value)

    def fingerprint(self, base_url: str, name: str | None = None) -> str:
        """Return an id of the vendor's account that reveals no credential: its connections share a rate limit.

        If the account has a name, the id is made of that, else of a slow hash of the key, as it is a part of file names
        and Redis keys, which others may read. It is the same on all hosts.

        :param name: the account's name, such as its login.
        """
        prefix = f"{self.conn_type}\n{base_url}"
        if name := (name or "").strip():
            return hashlib.sha256(f"{prefix}\n{name}".encode()).hexdigest()[:24]
        return _slow_hash(prefix, (self.password or "").strip())

    def _wrong_value(self, why: ValueError) -> ConnectionConfigError:
        """Return the error for a field that the text of ``why`` names."""
        return ConnectionConfigError(f"connection {self.conn_id!r} ({self.conn_type}): {why}")

    def make_field_error(self, name: str, why: str) -> ConnectionConfigError:
        """Return the error for a field of this connection."""
        return ConnectionConfigError(f"connection {self.conn_id!r} ({self.conn_type}): {name} {why}")


@functools.lru_cache(maxsize=1024)
def _slow_hash(salt: str, password: str) -> str:
    """Return a hash that resists guessing. It takes about 50 ms and 16 MiB, once in a process."""
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=12).hex()
