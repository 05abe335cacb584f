"""What a client needs to know of a connection, and the addresses that follow from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from airflow_provider_sessions.client.addresses import AddressPolicy
from airflow_provider_sessions.client.call import REPEATABLE_METHODS, Call, Route, fill, placeholders
from airflow_provider_sessions.client.paging import NumberedPages, Paging
from airflow_provider_sessions.client.responses import ITEMS
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.errors import ConnectionConfigError

MIB = 1024 * 1024
_OVERRIDE = re.compile(r"(?:(?P<method>GET|POST|PUT|PATCH|DELETE) +)?(?P<path>/[^\s?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a client needs to know of a connection, credentials apart.

    :param base_url: the platform's base URL, without a slash at its end.
    :param bases: other base URLs that routes name.
    :param scope: path that goes before scoped routes (``/libraries/...``).
    :param paths: overrides of inferred paths: route name to template, or to ``METHOD template``.
    :param first_page: the number of a list's first page, where pages have numbers and nothing tells how many there are;
        None for what the endpoint says.
    :param timeout: seconds without a byte before a request is given up.
    :param deadline: seconds that one request may last in all, waiting for its slot not counted; a download instead has
        to bring a mebibyte in each such span.
    :param proxy: URL of a proxy; where there is none, the environment's ``HTTPS_PROXY`` and ``NO_PROXY`` hold.
    :param ca_bundle: path of a file of certificates to trust.
    :param allow_private: whether the platform may lead to addresses of private networks, for downloads say.
    :param max_json_bytes: no answer may be larger.
    :param max_items: items that a list may hold which does not come in pages of a size that was asked for.
    :param retry: how patient a call is; its ``max_wait`` is also how long a request waits for its slot.
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
    max_items: int = ITEMS
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The addresses on whose hosts the credential may be seen."""
        return (self.base_url, *self.bases.values())

    @property
    def addresses(self) -> AddressPolicy:
        """What the platform may lead to."""
        return AddressPolicy.of(self.trusted, allow_private=self.allow_private)

    def url(self, call: Call[Any]) -> tuple[str, str]:
        """Method and absolute address of a call, with the connection's overrides.

        :raises ConnectionConfigError: an override does not fit, or a base URL is missing.
        """
        route = call.route
        method, path = self._template(route)
        base = self.base_url if route.base is None else self.bases.get(route.base)
        if base is None:
            raise ConnectionConfigError(
                f"{route.name} needs the connection's base URL for {route.base!r} (field '{route.base}_host', or a "
                f"name in 'base_urls'), which is not set"
            )
        scope = self.scope if route.scoped and self.scope else ""
        filled = fill(path, {name: quote(value, safe="") for name, value in call.arguments.items()})
        return method, base.rstrip("/") + scope + filled

    def paging(self, paging: Paging) -> Paging:
        """How a list's pages are asked for here."""
        if self.first_page is None or not isinstance(paging, NumberedPages):
            return paging
        return replace(paging, first_page=self.first_page)

    def is_repeatable(self, route: Route) -> bool:
        """Whether a route may be sent twice here. An override that turns it into a POST takes that away."""
        method, _ = self._template(route)
        return route.repeatable and (method == route.method or method in REPEATABLE_METHODS)

    def _template(self, route: Route) -> tuple[str, str]:
        override = self.paths.get(route.name)
        if override is None:
            return route.method, route.path
        found = _OVERRIDE.fullmatch(override.strip())
        if found is None or placeholders(found["path"]) != route.placeholders or "{" in fill(found["path"], {}, "x"):
            raise ConnectionConfigError(
                f"paths: {route.name}={override!r} does not fit; write a path such as {route.path!r} with the same "
                f"names in braces, perhaps after a method (GET, POST, PUT, PATCH, DELETE)"
            )
        return (found["method"] or route.method).upper(), found["path"]
