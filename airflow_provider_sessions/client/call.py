"""Calls: values that describe one request and the type of its answer, and the tables they come from.

::

    api = Endpoints()

    @api("GET", "/rooms/{room_id}", documented=True)
    def get_room(room_id: str) -> Call[Room]:
        return call(Room)

Nothing is sent by calling ``get_room("r1")``; it returns a :class:`Call` that a client can send.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_args, get_type_hints
from unicodedata import category
from urllib.parse import unquote

from airflow_provider_sessions.client.paging import Paging
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value, suggest_choices
from airflow_provider_sessions.model.values import as_text

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
C = TypeVar("C", bound="Call[Any]")

REPEATABLE_METHODS = frozenset(("GET", "PUT", "DELETE"))
RAW_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One row of an endpoint table.

    :param name: the endpoint function's name.
    :param method: HTTP method.
    :param path: template relative to the base URL, such as ``/sessions/{session_id}``.
    :param documented: whether the vendor's documentation shows method and path; False: they are inferred.
    :param repeatable: whether sending it twice does no more than sending it once.
    :param scoped: whether the connection's scope (VidInfra: library) is put before the path.
    :param base: the name of another base URL of the connection; None for its host.
    :param category: the endpoints that share a rate limit of their own with this one; None for the account's alone.
    :param summary: first line of the endpoint's docstring.
    """

    name: str
    method: str
    path: str
    documented: bool
    repeatable: bool
    scoped: bool = False
    base: str | None = None
    category: str | None = None
    summary: str = ""

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the path's arguments."""
        return placeholders(self.path)


def placeholders(path: str) -> frozenset[str]:
    """The names between braces in a path template."""
    return frozenset(_PLACEHOLDER.findall(path))


def fill(path: str, arguments: Mapping[str, str], missing: str = "") -> str:
    """A path template with its arguments put in.

    :param missing: what stands for an argument that is not there.
    """
    return _PLACEHOLDER.sub(lambda found: arguments.get(found[1], missing), path)


UNROUTED = Route(name="?", method="GET", path="/", documented=False, repeatable=False)


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file in the body of a request.

    :param name: its name.
    :param content: its bytes; not shown.
    :param media_type: such as ``text/vtt``.
    """

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request that has not been sent, and how to read its answer as ``T_co``.

    :param response_type: the type of the response, as pydantic reads it.
    :param unwrap: keys to go down through before reading, each only where it is there.
    :param query: query parameters; None values are left out.
    :param body: JSON body, or None; not shown, because a log-in's holds a password.
    :param form: fields of a form, sent instead of a JSON body; not shown.
    :param files: files of a form by field; unless None, the form is sent as ``multipart/form-data``.
    :param headers: headers of this request alone; not shown.
    :param route: the endpoint it came from.
    :param arguments: path arguments by name.
    """

    response_type: Any
    unwrap: tuple[str, ...] = ()
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, UploadFile] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    route: Route = UNROUTED
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paged(Call[list[T]], Generic[T]):
    """A list that comes in pages; ``answer`` is the type of one page's list.

    :param paging: how the next page is asked for.
    :param key: the field that tells items apart, so that one that moves between pages comes once.
    :param each: what is made of each item; None: it is left as it is.
    :param identity: what an item keeps while the list is read: two that differ in it are not one that has moved.
    """

    paging: Paging = field(kw_only=True)
    key: str = "id"
    each: Callable[[Any], Any] | None = None
    identity: Callable[[Any], object] | None = None

    def map_items(self, each: Callable[[T], U], key: str, identity: Callable[[U], object] | None = None) -> Paged[U]:
        """The same list, of whose items only that is kept which is made of them.

        :param each: makes it of an item. Nothing but the item may matter: a polling client asks once, as long as the
            page stays the same.
        :param key: the field that tells apart what is made.
        :param identity: what it keeps while the list is read.
        """
        return cast(Paged[U], replace(self, each=each, key=key, identity=identity))


def call(
    response_type: type[T],
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    form: Mapping[str, str] | None = None,
    files: Mapping[str, UploadFile] | None = None,
    headers: Mapping[str, str] | None = None,
    unwrap: tuple[str, ...] = (),
) -> Call[T]:
    """Describe a request inside an endpoint function; the decorator adds method, path and arguments.

    :param response_type: the type of the response; ``str`` for a text file, ``bytes`` for any other file,
        ``type(None)`` for an action whose response has no content: all but an error is accepted.
    :param form: fields of a form, instead of ``body``.
    :param files: files of a form by field; an empty mapping sends the form as one with files, too.
    :raises TypeError: both a body and a form.
    """
    if body is not None and (form or files is not None):
        raise TypeError("a request has a JSON body or a form, not both")
    return Call(
        response_type=response_type,
        unwrap=unwrap,
        query=dict(query or {}),
        body=body,
        form=dict(form or {}),
        files=files,
        headers=dict(headers or {}),
    )


def paged(
    item: type[T],
    paging: Paging,
    *,
    unwrap: tuple[str, ...] = (),
    query: Mapping[str, Any] | None = None,
    key: str = "id",
) -> Paged[T]:
    """Describe a list of ``item`` that comes in pages."""
    return Paged(response_type=list[item], unwrap=unwrap, query=dict(query or {}), paging=paging, key=key)  # type: ignore[valid-type]


def raw_call(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    base: str | None = None,
) -> Call[Any]:
    """Describe a request that no endpoint function describes.

    The response is read as what it is: JSON, a text, or None where there is none.

    :param method: GET, POST, PUT, PATCH or DELETE.
    :param path: relative to the base URL, such as ``/rooms/my``; no address, and nothing that leads out of it.
    :param query: query parameters; None values are left out.
    :param body: JSON body.
    :param base: the name of another base URL of the connection; its host if not given.
    :raises InputError: the method is none of these, or the path is no such path.
    """
    method = method.upper()
    if method not in RAW_METHODS:
        raise InputError(f"method: must be one of {', '.join(RAW_METHODS)}; got {quote_value(method)}")
    if not _is_relative(path):
        raise InputError(
            "path: must be relative to the base URL, such as '/rooms/my', without a host, '//', '..', '?', '#' or "
            "braces (percent-encoded neither); put query parameters into query"
        )
    name = f"{method} {path}"
    is_repeatable = method in REPEATABLE_METHODS
    route = Route(name, method, path, documented=True, repeatable=is_repeatable, base=base)
    return Call(response_type=Any, query=dict(query or {}), body=body, route=route)


def _is_relative(path: str) -> bool:
    """Whether a path stays below the base URL, also where a server decodes it more than once."""
    decoded = path
    while (once_more := unquote(decoded)) != decoded:
        decoded = once_more
    segments = decoded.replace("\\", "/").split("/")
    leads_elsewhere = not path.startswith("/") or "" in segments[1:-1] or len(segments) < 2
    is_strange = any(character in "?#{}" or category(character)[0] in "CZ" for character in decoded)
    return not leads_elsewhere and not is_strange and not {".", ".."} & set(segments) and decoded != "//"


class Endpoints:
    """The endpoint functions of one platform, and their table.

    :param platform: the connection type, for error texts.
    """

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.table: dict[str, Route] = {}
        self._functions: dict[str, Callable[..., Call[Any]]] = {}

    def __call__(
        self,
        method: str,
        path: str,
        *,
        documented: bool,
        repeatable: bool | None = None,
        scoped: bool = False,
        base: str | None = None,
        category: str | None = None,
    ) -> Callable[[Callable[P, C]], Callable[P, C]]:
        """Enter a function into the table; see :class:`Route` for the parameters.

        ``repeatable`` defaults to True for GET, PUT and DELETE.
        """

        def enter(function: Callable[P, C]) -> Callable[P, C]:
            route = Route(
                name=function.__name__,
                method=method,
                path=path,
                documented=documented,
                repeatable=method in REPEATABLE_METHODS if repeatable is None else repeatable,
                scoped=scoped,
                base=base,
                category=category,
                summary=(inspect.getdoc(function) or "").partition("\n")[0],
            )
            signature = inspect.signature(function)
            if missing := route.placeholders - set(signature.parameters):
                raise TypeError(f"{route.name}: the path names {sorted(missing)}, which are no parameters")
            if route.name in self.table:
                raise TypeError(f"{self.platform} has two endpoints {route.name!r}")

            names = tuple(signature.parameters)
            defaults = {name: one.default for name, one in signature.parameters.items()}
            in_path = route.placeholders

            @functools.wraps(function)
            def endpoint(*args: P.args, **kwargs: P.kwargs) -> C:
                made = function(*args, **kwargs)
                given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
                arguments = {name: _segment(route, name, given[name]) for name in in_path}
                return replace(made, route=route, arguments=arguments)

            self.table[route.name] = route
            self._functions[route.name] = endpoint
            return endpoint

        return enter

    def make_call(self, name: str, arguments: Mapping[str, Any]) -> Call[Any]:
        """Make a call from an endpoint's name and its arguments, as an operator is given them.

        :raises InputError: there is no such endpoint, or the arguments do not fit it.
        """
        function = self._functions.get(name)
        if function is None:
            known = sorted(self._functions)
            near = suggest_choices([name], known)
            raise InputError(f"{self.platform} has no endpoint {name!r}; it has {', '.join(known)}{near}")
        signature = inspect.signature(function)
        try:
            signature.bind(**arguments)
        except TypeError as misfit:
            raise InputError(f"endpoint {name}{signature}: {misfit}") from None
        hints = get_type_hints(function)
        try:
            return function(**{key: _as_declared(value, hints[key]) for key, value in arguments.items()})
        except InputError:
            raise
        except (TypeError, ValueError) as misfit:  # a value of another kind than the endpoint makes its request of
            raise InputError(f"endpoint {name}{signature}: an argument has another type: {misfit}") from None

    @property
    def categories(self) -> frozenset[str]:
        """The categories of endpoints that may have a rate limit of their own."""
        return frozenset(route.category for route in self if route.category is not None)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.table.values())


def _as_declared(value: object, hint: object) -> object:
    """A number as a text where a parameter takes texts and no numbers: native rendering has made one of the other."""
    kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
    text = as_text(value) if str in kinds and kinds.isdisjoint({int, float}) else None
    return value if text is None else text


def is_id(value: object) -> bool:
    """Whether a text can be an id, and so a part of a path: there it is percent-encoded, slashes and all.

    ``None`` as a text is what a template leaves that found nothing. Control characters, and what would lead to another
    path where a server decodes too early, are in nobody's id.
    """
    if not isinstance(value, str) or not value.strip() or value == "None":
        return False
    leads_elsewhere = any(part in (".", "..") for part in value.replace("\\", "/").split("/"))
    return not leads_elsewhere and all(category(character) not in ("Cc", "Cs") for character in value)


def _segment(route: Route, name: str, value: object) -> str:
    """A path argument, refused where it could lead to another path."""
    text = None if isinstance(value, float) else as_text(value)
    if not is_id(text):
        raise InputError(f"{route.name}: {name}={quote_value(value)} cannot be part of {route.path}")
    return cast(str, text)
