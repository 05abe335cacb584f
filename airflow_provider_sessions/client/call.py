"""Calls, which are values that describe a request and the type of its response, and the tables of endpoints.

::

    api = Endpoints()

    @api("GET", "/rooms/{room_id}", documented=True)
    def get_room(room_id: str) -> Call[Room]:
        return call(Room)

``get_room("r1")`` sends nothing; it returns a :class:`Call` that a client can send.
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
    :param documented: whether the vendor's documentation shows method and path; otherwise they are inferred.
    :param repeatable: whether sending it twice has the same effect as sending it once.
    :param scoped: whether the connection's scope (VidInfra: library) precedes the path.
    :param base: the name of another base URL of the connection; None for its host.
    :param category: the group of endpoints that have a rate limit of their own, besides the account's; None for none.
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
        return find_placeholders(self.path)


def find_placeholders(path: str) -> frozenset[str]:
    """Return the names between braces in a path template."""
    return frozenset(_PLACEHOLDER.findall(path))


def fill_path(path: str, arguments: Mapping[str, str], missing: str = "") -> str:
    """Return a path template with its arguments filled in.

    :param path: the template.
    :param arguments: the arguments by name.
    :param missing: the value of an argument that is missing.
    """
    return _PLACEHOLDER.sub(lambda found: arguments.get(found[1], missing), path)


UNROUTED = Route(name="?", method="GET", path="/", documented=False, repeatable=False)


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file in the body of a request.

    :param name: its name.
    :param content: its bytes; not shown in the repr.
    :param media_type: such as ``text/vtt``.
    """

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """A request that has not been sent yet, with ``T_co`` as the type of its response.

    Body, form and headers are not shown in the repr, because a log-in's hold a password.

    :param response_type: the type of the response, as pydantic reads it.
    :param unwrap: the keys of the envelopes around the content; each may be missing.
    :param query: query parameters; None values are left out.
    :param body: the JSON body; None for none.
    :param form: the fields of a form, which is sent instead of a JSON body.
    :param files: the files of a form by field; unless None, the form is sent as ``multipart/form-data``.
    :param headers: further headers.
    :param route: the endpoint that the call was made by.
    :param arguments: the arguments of the path by name.
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
    """A list in pages; ``response_type`` is the type of one page's list.

    :param paging: how pages are requested.
    :param key: the field that identifies an item, so that one that moves to another page is returned once.
    :param convert: converts each item; None for no conversion.
    :param identity: returns what an item keeps while the list is read: two items with the same key that differ in it
        are an error. None if that is not known of the items.
    """

    paging: Paging = field(kw_only=True)
    key: str = "id"
    convert: Callable[[Any], Any] | None = None
    identity: Callable[[Any], object] | None = None

    def map_items(self, convert: Callable[[T], U], key: str, identity: Callable[[U], object] | None = None) -> Paged[U]:
        """Return the same list with each item converted.

        :param convert: converts an item. Its result must depend on nothing but the item: when the list is polled, it is
            called once, as long as the page stays the same.
        :param key: the field that identifies a converted item.
        :param identity: returns what a converted item keeps while the list is read.
        """
        return cast(Paged[U], replace(self, convert=convert, key=key, identity=identity))


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
    :param query: query parameters; None values are left out.
    :param body: the JSON body.
    :param form: the fields of a form, instead of ``body``.
    :param files: the files of a form by field; even if empty, the form is sent as ``multipart/form-data``.
    :param headers: further headers.
    :param unwrap: the keys of the envelopes around the content; each may be missing.
    :raises TypeError: there are both a body and a form.
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
    """Describe a request for a list in pages inside an endpoint function.

    :param item: the type of an item.
    :param paging: how pages are requested.
    :param unwrap: the keys of the envelopes around the list; each may be missing.
    :param query: query parameters; None values are left out.
    :param key: the field that identifies an item.
    """
    return Paged(response_type=list[item], unwrap=unwrap, query=dict(query or {}), paging=paging, key=key)  # type: ignore[valid-type]


def raw_call(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    base: str | None = None,
) -> Call[Any]:
    """Describe a request for which there is no endpoint function.

    Its response is the decoded JSON, the text of a text file, or None if the body is empty.

    :param method: GET, POST, PUT, PATCH or DELETE.
    :param path: relative to the base URL, such as ``/rooms/my``.
    :param query: query parameters; None values are left out.
    :param body: JSON body.
    :param base: the name of another base URL of the connection; its host if not given.
    :raises InputError: the method is another one, or the path could lead out of the base URL.
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
    """Whether a path stays below the base URL, even if a server decodes it more than once."""
    decoded = path
    while (decoded_again := unquote(decoded)) != decoded:
        decoded = decoded_again
    segments = decoded.replace("\\", "/").split("/")
    is_absolute_path = path.startswith("/") and "" not in segments[1:-1] and len(segments) > 1 and decoded != "//"
    is_special = any(character in "?#{}" or category(character)[0] in "CZ" for character in decoded)
    return is_absolute_path and not is_special and not {".", ".."} & set(segments)


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
        """Add a function to the table; see :class:`Route` for the parameters.

        ``repeatable`` defaults to True for GET, PUT and DELETE.
        """

        def add(function: Callable[P, C]) -> Callable[P, C]:
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
                raise TypeError(f"{route.name}: the path has {sorted(missing)}, which are no parameters")
            if route.name in self.table:
                raise TypeError(f"{self.platform} has two endpoints {route.name!r}")

            names = tuple(signature.parameters)
            defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
            in_path = route.placeholders

            @functools.wraps(function)
            def endpoint(*args: P.args, **kwargs: P.kwargs) -> C:
                described = function(*args, **kwargs)
                given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
                arguments = {name: _check_segment(route, name, given[name]) for name in in_path}
                return replace(described, route=route, arguments=arguments)

            self.table[route.name] = route
            self._functions[route.name] = endpoint
            return endpoint

        return add

    def make_call(self, name: str, arguments: Mapping[str, Any]) -> Call[Any]:
        """Make the call of an endpoint.

        :param name: the endpoint's name.
        :param arguments: its arguments by name, as a template may have rendered them.
        :raises InputError: there is no such endpoint, or the arguments are invalid.
        """
        function = self._functions.get(name)
        if function is None:
            known = sorted(self._functions)
            near = suggest_choices([name], known)
            raise InputError(f"{self.platform} has no endpoint {name!r}; it has {', '.join(known)}{near}")
        signature = inspect.signature(function)
        try:
            signature.bind(**arguments)
        except TypeError as error:
            raise InputError(f"endpoint {name}{signature}: {error}") from None
        hints = get_type_hints(function)
        try:
            return function(**{key: _convert_number(value, hints[key]) for key, value in arguments.items()})
        except InputError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(f"endpoint {name}{signature}: an argument has the wrong type: {error}") from None

    @property
    def categories(self) -> frozenset[str]:
        """The categories of its endpoints, which may have rate limits of their own."""
        return frozenset(route.category for route in self if route.category is not None)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.table.values())


def _convert_number(value: object, hint: object) -> object:
    """Return a number as text if the parameter takes texts and no numbers: native rendering makes numbers of texts."""
    kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
    text = as_text(value) if str in kinds and kinds.isdisjoint({int, float}) else None
    return value if text is None else text


def is_id(value: object) -> bool:
    """Whether a text can be an id, and so a segment of a path, in which it is percent-encoded, slashes included.

    ``None`` as a text is what a template renders if it finds nothing. No id holds control characters, or what would
    lead to another path if a server decodes it too early.
    """
    if not isinstance(value, str) or not value.strip() or value == "None":
        return False
    has_dots = any(part in (".", "..") for part in value.replace("\\", "/").split("/"))
    return not has_dots and all(category(character) not in ("Cc", "Cs") for character in value)


def _check_segment(route: Route, name: str, value: object) -> str:
    """Return a path argument as text.

    :raises InputError: it could lead to another path.
    """
    text = None if isinstance(value, float) else as_text(value)
    if not is_id(text):
        raise InputError(f"{route.name}: {name}={quote_value(value)} cannot be part of {route.path}")
    return cast(str, text)
