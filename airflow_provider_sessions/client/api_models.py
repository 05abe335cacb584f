"""Models of responses, and reading decoded JSON as them.

An :class:`ApiModel` stops at the first item of a list that does not fit. pydantic describes everything that does not
fit before it raises: a list of a million wrong items, a few kilobytes in a response, would take gigabytes for an error
of which one line is shown.

A :class:`LenientModel` may lose fields: where a field cannot be read, it is left out, as if the platform had not sent
it, and :attr:`LenientModel.unread` says why. So one bad value never costs the record, nor the list that it stands in.
First the whole response is read at the speed of pydantic; only where that fails, each record is read by itself. A type
whose every value matters (a token, a transcript) is no :class:`LenientModel`, and is refused as a whole.
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

_COLLECTIONS = ("list", "tuple", "set", "frozenset")
_DENSE = 256
"""Bytes that an item has in JSON, below which the value made of it may take more than 25 times as much."""


def validate(answer: Any, content: Any) -> Any:
    """Return decoded JSON as a type.

    :param answer: the type, as pydantic reads it.
    :raises ValidationError: it does not fit. Of lists, the first item that does not is described alone.
    """
    return _validator(answer).validate_python(content)


class Misfit(NamedTuple):
    """An item that does not fit.

    :param path: where it stands: numbers of items and names of fields.
    :param content: the content without all other items of the lists on the way there.
    """

    path: tuple[int | str, ...]
    content: Any


def find_misfit(answer: Any, content: Any, size: int) -> Misfit | None:
    """Find the first item that does not fit, where items are so small that it is worth to look first.

    What is made of the items before it is not kept: it would be many times as large as they are. Lists are looked
    through in the answer itself, and in models that it is, or that it is a list of.

    :param answer: the type.
    :param size: bytes of the JSON.
    :returns: None where all fit, and where nobody looked.
    """
    if get_origin(answer) is Annotated:
        answer = get_args(answer)[0]
    if get_origin(answer) is not list:
        return _misfit_in_model(answer, content, size)
    if not isinstance(content, list):
        return None
    [kind] = get_args(answer)
    validator = _validator(kind) if is_dense(content, size) else None
    for number, item in enumerate(content):
        if (inner := _misfit_in_model(kind, item, size)) is not None:
            return Misfit((number, *inner.path), [inner.content])
        if validator is not None and not _fits(validator, item):
            return Misfit((number,), [item])
    return None


def _misfit_in_model(kind: Any, content: Any, size: int) -> Misfit | None:
    """Find the first item that does not fit in the lists of models that a model has."""
    if not isinstance(content, dict):
        return None
    for name, inner in _lists_of_models(kind):
        items = content.get(name)
        if isinstance(items, list) and is_dense(items, size):
            validator = _validator(inner)
            for number, item in enumerate(items):
                if not _fits(validator, item):
                    return Misfit((name, number), content | {name: [item]})
    return None


@functools.cache
def _lists_of_models(kind: Any) -> tuple[tuple[str, type[BaseModel]], ...]:
    """The fields of a model that are lists of models, by each name that they have in JSON, and what they hold."""
    if not isinstance(kind, type) or not issubclass(kind, BaseModel):
        return ()
    return tuple(
        (name, inner)
        for field, info in kind.model_fields.items()
        for option in (info.annotation, *get_args(info.annotation))
        if get_origin(option) is list
        for inner in get_args(option)
        if isinstance(inner, type) and issubclass(inner, BaseModel)
        for name in _names(field, info)
    )


def _names(field: str, info: FieldInfo) -> Iterable[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else (alias or field,)
    return (choice for choice in choices if isinstance(choice, str))


def _fits(validator: SchemaValidator, item: Any) -> bool:
    try:
        validator.validate_python(item)
    except ValidationError:
        return False
    return True


def is_dense(content: Any, size: int) -> bool:
    """Whether content is a list of items so small that what is made of them may be many times as large.

    :param size: bytes of the JSON; 0 where nobody counted them.
    """
    return isinstance(content, list) and 0 < size < _DENSE * len(content)


@functools.cache
def _validator(answer: Any) -> SchemaValidator:
    return SchemaValidator(failing_fast(TypeAdapter(answer).core_schema))


def failing_fast(schema: CoreSchema) -> CoreSchema:
    """Return a schema of pydantic whose collections give up at their first wrong item."""
    return cast(CoreSchema, _failing_fast(schema))


def _failing_fast(node: Any) -> Any:
    if isinstance(node, list):
        return [_failing_fast(item) for item in node]
    if isinstance(node, tuple):
        return tuple(_failing_fast(item) for item in node)
    if not isinstance(node, dict):
        return node
    made = {name: value if name == "metadata" else _failing_fast(value) for name, value in node.items()}
    return made | {"fail_fast": True} if node.get("type") in _COLLECTIONS else made


class ApiModel(BaseModel):
    """A model of which lists give up at their first wrong item, also where it is a part of another type.

    pydantic keeps a validator for each class, so it is the class that has to say so.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return failing_fast(handler(source))


R = TypeVar("R", bound="LenientModel")

_TRIES: Final = 10
"""How often fields are left out of one record: what is found wrong may hide more."""
_ERRORS: Final = 100
"""Unreadable fields of a record, or records of a list, from which on it is something else altogether."""
_NAME: Final = 80
"""Characters of a field's name that are kept."""


class LenientModel(ApiModel):
    """A part of an answer whose fields may all be missing, so that one that cannot be read costs that field alone."""

    @cached_property
    def unread(self) -> Mapping[str, str]:
        """The fields that could not be read, as the platform names them, and why; ``""`` stands for all of them."""
        return MappingProxyType({})


def is_record(answer: Any) -> bool:
    """Whether an answer is a record, or a list of them."""
    kind = get_args(answer)[0] if get_origin(answer) is list else answer
    return isinstance(kind, type) and issubclass(kind, LenientModel)


def read_records(answer: Any, content: Any, size: int) -> Any:
    """Read what could not be read as it is; see the module.

    :param answer: a record, or a list of them.
    :param size: bytes of the JSON.
    :raises MalformedResponseError: it is something else altogether.
    """
    if get_origin(answer) is not list:
        return validate_leniently(answer, content)
    if not isinstance(content, list):
        raise MalformedResponseError("it is no list")
    [kind] = get_args(answer)
    if is_dense(content, size):
        for _ in _read_list(kind, content):  # refused, if it is, before any of them is kept
            pass
    return list(_read_list(kind, content))


def _read_list(kind: type[R], items: Sequence[Any]) -> Iterator[R]:
    unread, first = 0, ""
    for number, item in enumerate(items):
        try:
            yield validate_leniently(kind, item)
        except MalformedResponseError as misfit:
            unread, first = unread + 1, first or f"{number}: {misfit}"
            if unread > _ERRORS:
                raise MalformedResponseError(f"{number}: {misfit} (and {_ERRORS} items before it)") from None
            # It stays in its place: how many items a page has tells whether another one follows.
            yield _marked(kind.model_validate({}), {"": str(misfit)})
    if unread == len(items):
        raise MalformedResponseError(first)


def validate_leniently(kind: type[R], content: Any) -> R:
    """Read one record, without the fields that cannot be read.

    :raises MalformedResponseError: it is something else altogether.
    """
    unread: dict[str, str] = {}
    for number in range(_TRIES):
        try:
            return _marked(kind.model_validate(content), unread)
        except ValidationError as misfit:
            if not isinstance(content, dict):
                raise MalformedResponseError(_first(misfit)) from None
            deep = number < _TRIES // 2 and misfit.error_count() <= _ERRORS
            wrong = {_there(content, error["loc"], deep=deep): error["msg"] for error in _errors(misfit)}
            if () in wrong:
                raise MalformedResponseError(_first(misfit)) from None
            for path in sorted(wrong, reverse=True):  # the last items of a list first: the others keep their places
                content = _without(content, path)
                unread[".".join(str(part) for part in path)[:_NAME]] = sanitize_text(wrong[path])
    raise MalformedResponseError(f"{next(iter(unread))}: {next(iter(unread.values()))}")


def _marked(record: R, unread: Mapping[str, str]) -> R:
    if unread:
        record.__dict__["unread"] = MappingProxyType(dict(unread))
    return record


def _errors(misfit: ValidationError) -> Any:
    return misfit.errors(include_input=False, include_url=False, include_context=False)


def _first(misfit: ValidationError) -> str:
    first = _errors(misfit)[0]
    where = ".".join(str(part) for part in first["loc"])
    return sanitize_text(f"{where}: {first['msg']}" if where else first["msg"])


def _there(content: Any, loc: Sequence[int | str], *, deep: bool) -> tuple[int | str, ...]:
    """The part of an error's place that is in the content; the rest names types, or what is missing.

    :param deep: whether more than the name of the record's own field is meant.
    """
    path: list[int | str] = []
    for part in loc if deep else loc[:1]:
        is_there = part in content if isinstance(content, dict) else _is_item(content, part)
        if not is_there:
            break
        content = content[part]
        path.append(part)
    return tuple(path)


def _is_item(content: Any, part: int | str) -> bool:
    return isinstance(content, list) and isinstance(part, int) and part < len(content)


def _without(content: Any, path: Sequence[Any]) -> Any:
    """The content without what lies at a path."""
    first, *rest = path
    kept = content.copy()
    if rest:
        kept[first] = _without(content[first], rest)
    else:
        del kept[first]
    return kept
