"""Routes as data: a table of method, path, name, required access and handler."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Route:
    """One operation of a platform.

    :param path: template below the platform's base URL; ``{id}`` stands for one segment.
    :param documented: whether a public source shows method and path (the others are inferred).
    :param access: who may call it, in a word that the platform defines.
    :param status: status of a successful response.
    :param scoped: whether it also exists below a prefix (VidInfra: ``/libraries/{library_id}``).
    """

    method: str
    path: str
    name: str
    handler: Handler = field(repr=False)
    documented: bool = False
    access: str = ""
    status: int = 200
    scoped: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression of its paths."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)))

    @property
    def doc(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True)
class Match:
    """A route that matches a request, and the parameters in the request's path."""

    route: Route
    path_params: dict[str, str]


class Routes:
    """A table of routes, filled by decorating handlers."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __call__(
        self,
        method: str,
        path: str,
        name: str | None = None,
        *,
        documented: bool = False,
        access: str = "",
        status: int = 200,
        scoped: bool = False,
    ) -> Callable[[H], H]:
        """Add the decorated function as a handler.

        :param name: the route's name; by default the function's.
        """

        def add(handler: H) -> H:
            route_name = name or handler.__name__
            self._routes.append(Route(method, path, route_name, handler, documented, access, status, scoped))
            return handler

        return add

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def find_all(self, path: str) -> list[Match]:
        """Return all routes that match a path, with any method; a literal segment wins over a parameter."""
        found = [
            Match(route, hit.groupdict())
            for route in self._routes
            if (hit := route.pattern.fullmatch(path)) is not None
        ]
        fewest = min((len(match.path_params) for match in found), default=0)
        return [match for match in found if len(match.path_params) == fewest]

    def find(self, method: str, path: str) -> Match | None:
        """Return the route of a request, or None if there is none."""
        return next((match for match in self.find_all(path) if match.route.method == method), None)
