"""Base classes for models of responses, and how decoded JSON becomes models.

An :class:`ApiModel` stops at the first list item that does not fit. By itself, pydantic describes everything that does
not fit before it raises: for a list of a million wrong items, a few kilobytes in a response, that would take gigabytes
of memory, for an error of which one line is shown.

A :class:`LenientModel` may lose fields: one that cannot be read is left out, as if the platform had not sent it, and
:attr:`LenientModel.unread` says why. So one bad value costs neither the object nor the list that contains it. A
response is validated as a whole first, at the speed of pydantic; only if that fails, object by object. A type of which
every value matters (a token, a transcript) is an :class:`ApiModel`, and is rejected as a whole.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, TypeVar, cast, get_args, get_origin

from pydantic import AliasChoices, BaseModel, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, SchemaValidator

from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.safe_text import sanitize_text

M = TypeVar("M", bound="LenientModel")

_COLLECTIONS = ("list", "tuple", "set", "frozenset")
_DENSE_BYTES = 256
"""Bytes of JSON per item. The models of smaller items may take more than 25 times as much memory."""
_MAX_ROUNDS: Final = 10
"""How often fields are left out of one object: an invalid field may hide others."""
_MAX_ERRORS: Final = 100
"""Unreadable fields of an object, or objects of a list. If there are more, it is something else altogether."""
_MAX_NAME: Final = 80
"""Characters of a field's name that are kept."""


def _fail_fast(schema: CoreSchema) -> CoreSchema:
    """Return a schema of pydantic whose collections stop at their first invalid item."""
    return cast(CoreSchema, _fail_fast_below(schema))


def _fail_fast_below(node: Any) -> Any:
    if isinstance(node, list):
        return [_fail_fast_below(item) for item in node]
    if isinstance(node, tuple):
        return tuple(_fail_fast_below(item) for item in node)
    if not isinstance(node, dict):
        return node
    changed = {name: value if name == "metadata" else _fail_fast_below(value) for name, value in node.items()}
    return changed | {"fail_fast": True} if node.get("type") in _COLLECTIONS else changed


class ApiModel(BaseModel):
    """A part of a response, of which every value matters."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # pydantic keeps a validator for each class, so the class itself has to set this.
        return _fail_fast(handler(source))


class LenientModel(ApiModel):
    """A part of a response, of which all fields may be missing, so that unreadable ones are left out."""

    @cached_property
    def unread(self) -> Mapping[str, str]:
        """The unreadable fields, by the platform's names, with the reasons. The name ``""`` stands for all fields."""
        return MappingProxyType({})


def parse_content(response_type: Any, content: Any, route: str, size: int = 0) -> Any:
    """Convert decoded JSON to a type; unreadable fields of a :class:`LenientModel` are left out.

    :param response_type: the type, as pydantic reads it.
    :param content: the decoded JSON.
    :param route: the endpoint's name, for the error.
    :param size: bytes of the JSON. If they are known, small items are checked before any model is made of them.
    :raises MalformedResponseError: it has another shape. The text says where, without quoting values.
    """
    misfit = _find_misfit(response_type, content, size)
    error = None if misfit is None else _find_error(response_type, misfit.content)
    if error is None:  # no misfit was found, or it is none: some models change their items before they validate them
        try:
            return _get_validator(response_type).validate_python(content)
        except ValidationError as failed:
            misfit, error = None, failed
    try:
        if _is_lenient(response_type):
            return _parse_leniently(response_type, content, size)
        first = _describe_errors(error)[0]
        path = () if misfit is None else misfit.path
        where = ".".join(str(part) for part in (*path, *first["loc"][len(path) :])) or "the whole response"
        raise MalformedResponseError(f"{where}: {first['msg']}")
    except MalformedResponseError as failed:
        raise MalformedResponseError(f"{route}: the response has an unexpected shape at {failed}") from None


def validate_leniently(model: type[M], content: Any) -> M:
    """Convert decoded JSON to one model, without its unreadable fields.

    :raises MalformedResponseError: it is something else altogether.
    """
    unread: dict[str, str] = {}
    for number in range(_MAX_ROUNDS):
        try:
            return _set_unread(model.model_validate(content), unread)
        except ValidationError as error:
            if not isinstance(content, dict):
                raise MalformedResponseError(_describe_first(error)) from None
            is_deep = number < _MAX_ROUNDS // 2 and error.error_count() <= _MAX_ERRORS
            wrong = {_find_path(content, one["loc"], deep=is_deep): one["msg"] for one in _describe_errors(error)}
            if () in wrong:
                raise MalformedResponseError(_describe_first(error)) from None
            for path in sorted(wrong, reverse=True):  # from the end of a list, so that the other items keep their index
                content = _remove(content, path)
                unread[".".join(str(part) for part in path)[:_MAX_NAME]] = sanitize_text(wrong[path])
    raise MalformedResponseError(f"{next(iter(unread))}: {next(iter(unread.values()))}")


def _is_lenient(response_type: Any) -> bool:
    """Whether a type is a lenient model, or a list of them."""
    model = get_args(response_type)[0] if get_origin(response_type) is list else response_type
    return isinstance(model, type) and issubclass(model, LenientModel)


def _parse_leniently(response_type: Any, content: Any, size: int) -> Any:
    if get_origin(response_type) is not list:
        return validate_leniently(response_type, content)
    if not isinstance(content, list):
        raise MalformedResponseError("the whole response: not a list")
    [model] = get_args(response_type)
    if _is_dense(content, size):
        for _ in _validate_items(model, content):  # raises before any of them is kept
            pass
    return list(_validate_items(model, content))


def _validate_items(model: type[M], items: Sequence[Any]) -> Iterator[M]:
    unread, first = 0, ""
    for number, item in enumerate(items):
        try:
            yield validate_leniently(model, item)
        except MalformedResponseError as error:
            unread, first = unread + 1, first or f"{number}: {error}"
            if unread > _MAX_ERRORS:
                raise MalformedResponseError(f"{number}: {error} (and {_MAX_ERRORS} items before it)") from None
            # The item stays in the list: whether a page is full tells whether another one follows.
            yield _set_unread(model.model_validate({}), {"": str(error)})
    if unread == len(items):
        raise MalformedResponseError(first)


def _set_unread(model: M, unread: Mapping[str, str]) -> M:
    if unread:
        model.__dict__["unread"] = MappingProxyType(dict(unread))
    return model


def _find_error(response_type: Any, content: Any) -> ValidationError | None:
    try:
        _get_validator(response_type).validate_python(content)
    except ValidationError as error:
        return error
    return None


def _describe_errors(error: ValidationError) -> Any:
    return error.errors(include_input=False, include_url=False, include_context=False)


def _describe_first(error: ValidationError) -> str:
    first = _describe_errors(error)[0]
    where = ".".join(str(part) for part in first["loc"])
    return sanitize_text(f"{where}: {first['msg']}" if where else first["msg"])


def _find_path(content: Any, loc: Sequence[int | str], *, deep: bool) -> tuple[int | str, ...]:
    """Return the part of an error's location that exists in the content; the rest names types, or missing fields.

    :param deep: False for the first part alone, which is a field of the model.
    """
    path: list[int | str] = []
    for part in loc if deep else loc[:1]:
        exists = part in content if isinstance(content, dict) else _is_index(content, part)
        if not exists:
            break
        content = content[part]
        path.append(part)
    return tuple(path)


def _is_index(content: Any, part: int | str) -> bool:
    return isinstance(content, list) and isinstance(part, int) and part < len(content)


def _remove(content: Any, path: Sequence[Any]) -> Any:
    """Return a copy of the content without what is at a path."""
    first, *rest = path
    copied = content.copy()
    if rest:
        copied[first] = _remove(content[first], rest)
    else:
        del copied[first]
    return copied


class _Misfit(NamedTuple):
    """An item that does not fit.

    :param path: its location: indexes of items and names of fields.
    :param content: the content without the other items of the lists that contain it.
    """

    path: tuple[int | str, ...]
    content: Any


def _find_misfit(response_type: Any, content: Any, size: int) -> _Misfit | None:
    """Find the first item that does not fit, if the items are so small that their models take far more memory.

    No models are kept meanwhile. Searched are the response, the models that it is or lists, and their lists of models.

    :param size: bytes of the JSON.
    :returns: None if all fit, and if the items are not that small.
    """
    if get_origin(response_type) is Annotated:
        response_type = get_args(response_type)[0]
    if get_origin(response_type) is not list:
        return _find_misfit_in_model(response_type, content, size)
    if not isinstance(content, list):
        return None
    [model] = get_args(response_type)
    is_dense = _is_dense(content, size)
    for number, item in enumerate(content):
        if (inner := _find_misfit_in_model(model, item, size)) is not None:
            return _Misfit((number, *inner.path), [inner.content])
        if is_dense and _find_error(model, item) is not None:
            return _Misfit((number,), [item])
    return None


def _find_misfit_in_model(model: Any, content: Any, size: int) -> _Misfit | None:
    if not isinstance(content, dict):
        return None
    for name, inner in _get_lists_of_models(model):
        items = content.get(name)
        if isinstance(items, list) and _is_dense(items, size):
            for number, item in enumerate(items):
                if _find_error(inner, item) is not None:
                    return _Misfit((name, number), content | {name: [item]})
    return None


@functools.cache
def _get_lists_of_models(model: Any) -> tuple[tuple[str, type[BaseModel]], ...]:
    """Return the fields of a model that are lists of models: each name that they have in JSON, and the listed model."""
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return ()
    return tuple(
        (name, inner)
        for field, info in model.model_fields.items()
        for option in (info.annotation, *get_args(info.annotation))
        if get_origin(option) is list
        for inner in get_args(option)
        if isinstance(inner, type) and issubclass(inner, BaseModel)
        for name in _get_names(field, info)
    )


def _get_names(field: str, info: FieldInfo) -> Iterable[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else (alias or field,)
    return (choice for choice in choices if isinstance(choice, str))


def _is_dense(content: Any, size: int) -> bool:
    """Whether content is a list of so small items that their models may take many times as much memory.

    :param size: bytes of the JSON; 0 if unknown.
    """
    return isinstance(content, list) and 0 < size < _DENSE_BYTES * len(content)


@functools.cache
def _get_validator(response_type: Any) -> SchemaValidator:
    return SchemaValidator(_fail_fast(TypeAdapter(response_type).core_schema))
