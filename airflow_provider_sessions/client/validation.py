"""Decoded JSON as typed values, given up at the first item of a list that does not fit.

pydantic describes everything that does not fit before it raises: a list of a million wrong items, which are a few
kilobytes on the wire, would take gigabytes for an error of which one line is shown.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple, cast, get_args, get_origin

from pydantic import AliasChoices, BaseModel, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, SchemaValidator

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


class FailingFast(BaseModel):
    """A model of which lists give up at their first wrong item, also where it is a part of another type.

    pydantic keeps a validator for each class, so it is the class that has to say so.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return failing_fast(handler(source))
