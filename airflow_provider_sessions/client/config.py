"""What a client needs to know of a connection, and the URLs of its calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from airflow_provider_sessions.client.addresses import AddressPolicy
from airflow_provider_sessions.client.call import REPEATABLE_METHODS, Call, Route, fill_path, find_placeholders
from airflow_provider_sessions.client.paging import NumberedPages, Paging
from airflow_provider_sessions.client.responses import MAX_ITEMS
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.errors import ConnectionConfigError

MIB = 1024 * 1024
_OVERRIDE = re.compile(r"(?:(?P<method>GET|POST|PUT|PATCH|DELETE) +)?(?P<path>/[^\s?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a client needs to know of a connection, apart from credentials.

    :param base_url: the platform's base URL, without a slash at its end.
    :param bases: other base URLs by the names that routes use.
    :param scope: the path that precedes scoped routes (``/libraries/...``).
    :param paths: overrides of inferred paths: route name to template, or to ``METHOD template``.
    :param first_page: the number of a list's first page, for lists with page numbers and no total; None for the
        endpoint's own.
    :param timeout: seconds without a byte after which a request fails.
    :param deadline: seconds that a request may take in all, without its wait for the rate limit. A download has to
        receive a mebibyte in each such period instead.
    :param proxy: the URL of a proxy; None for what the environment's ``HTTPS_PROXY`` and ``NO_PROXY`` say.
    :param ca_bundle: the path of a file of certificates to trust.
    :param allow_private: whether the platform may name addresses of private networks, for downloads for example.
    :param max_json_bytes: the maximum size of a response.
    :param max_items: the maximum number of items of a list without a requested page size.
    :param retry: when a call is sent again; its ``max_wait`` is also how long a request may wait for the rate limit.
    """

    base_url: str
    bases: Mapping[str, str] = field(default_factory=dict)
    scope: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    first_page: int | None = None
    timeout: float = 30.0
    deadline: float = 300.0
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    allow_private: bool = False
    max_json_bytes: int = 64 * MIB
    max_items: int = MAX_ITEMS
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The URLs of the hosts to which the credential is sent."""
        return (self.base_url, *self.bases.values())

    @property
    def addresses(self) -> AddressPolicy:
        """Which addresses the platform may name."""
        return AddressPolicy.from_urls(self.trusted, allow_private=self.allow_private)

    def get_method_and_url(self, call: Call[Any]) -> tuple[str, str]:
        """Return method and absolute URL of a call, with the connection's overrides applied.

        :raises ConnectionConfigError: an override is invalid, or a base URL is missing.
        """
        route = call.route
        method, path = self._get_template(route)
        base = self.base_url if route.base is None else self.bases.get(route.base)
        if base is None:
            raise ConnectionConfigError(
                f"{route.name} needs the connection's base URL for {route.base!r} (field '{route.base}_host', or a "
                f"name in 'base_urls'), which is not set"
            )
        scope = self.scope if route.scoped and self.scope else ""
        filled = fill_path(path, {name: quote(value, safe="") for name, value in call.arguments.items()})
        return method, base.rstrip("/") + scope + filled

    def paging(self, paging: Paging) -> Paging:
        """Return how the pages of a list are requested on this connection."""
        if self.first_page is None or not isinstance(paging, NumberedPages):
            return paging
        return replace(paging, first_page=self.first_page)

    def is_repeatable(self, route: Route) -> bool:
        """Whether a route may be sent twice on this connection. One that an override turns into a POST may not."""
        method, _ = self._get_template(route)
        return route.repeatable and (method == route.method or method in REPEATABLE_METHODS)

    def _get_template(self, route: Route) -> tuple[str, str]:
        override = self.paths.get(route.name)
        if override is None:
            return route.method, route.path
        found = _OVERRIDE.fullmatch(override.strip())
        is_valid = found is not None and find_placeholders(found["path"]) == route.placeholders
        if found is None or not is_valid or "{" in fill_path(found["path"], {}, "x"):
            raise ConnectionConfigError(
                f"paths: invalid value {route.name}={override!r}; use a path such as {route.path!r} with the same "
                f"names in braces, perhaps after a method (GET, POST, PUT, PATCH, DELETE)"
            )
        return (found["method"] or route.method).upper(), found["path"]
