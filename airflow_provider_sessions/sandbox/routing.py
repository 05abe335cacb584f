"""Routes as data: a table says method, path, name, who may call, and which function answers."""

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
    :param documented: whether method and path are seen in a public source (the rest is inferred).
    :param access: who may call it; the platform knows what the word means.
    :param status: the status of a success.
    :param scoped: whether a twin exists below a prefix (VidInfra: ``/libraries/{library_id}``).
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
        """What a path must look like."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)))

    @property
    def doc(self) -> str:
        """The first line of what the function says about itself."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True)
class Match:
    """A route that fits a request, and the values of its path's parameters."""

    route: Route
    args: dict[str, str]


class Routes:
    """A table of routes, filled by decorating functions."""

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
        """Enter the decorated function.

        :param name: the route's name; the function's if not given.
        """

        def enter(handler: H) -> H:
            self._routes.append(
                Route(method, path, name or handler.__name__, handler, documented, access, status, scoped)
            )
            return handler

        return enter

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def at(self, path: str) -> list[Match]:
        """All routes whose path fits, whatever their method; a literal segment goes before a parameter."""
        found = [
            Match(route, hit.groupdict())
            for route in self._routes
            if (hit := route.pattern.fullmatch(path)) is not None
        ]
        fewest = min((len(match.args) for match in found), default=0)
        return [match for match in found if len(match.args) == fewest]
