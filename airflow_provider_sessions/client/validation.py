"""Decoded JSON as typed values, given up at the first item of a list that does not fit.

pydantic describes everything that does not fit before it raises: a list of a million wrong items, which are a few
kilobytes on the wire, would take gigabytes for an error of which one line is shown.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, TypeAdapter, ValidationError
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


def first_misfit(answer: Any, content: Any, size: int) -> int | None:
    """Return the number of the first item that does not fit, where items are so small that it is worth to look first.

    What is made of the items before it is not kept: it would be many times as large as they are.

    :param answer: the type.
    :param size: bytes of the JSON.
    :returns: None where all fit, and where nobody looked.
    """
    if get_origin(answer) is Annotated:
        answer = get_args(answer)[0]
    if get_origin(answer) is not list or not is_dense(content, size):
        return None
    validator = _validator(get_args(answer)[0])
    for number, item in enumerate(content):
        try:
            validator.validate_python(item)
        except ValidationError:
            return number
    return None


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
