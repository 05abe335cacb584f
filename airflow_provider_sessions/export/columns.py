"""How a row type says what its columns are.

A column is a field of a frozen dataclass, its type ``Annotated`` with a description, and with :data:`KEY` where it
belongs to the primary key. Everything that needs a schema (Parquet, SQL, the documentation) reads it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    """An instant in UTC, to the microsecond."""


class _Key:
    """The type of :data:`KEY`."""

    def __repr__(self) -> str:
        return "KEY"


KEY: Final = _Key()
"""Marks a column of the primary key."""

_KINDS: Final = {str: Kind.TEXT, int: Kind.INTEGER, float: Kind.NUMBER, bool: Kind.BOOLEAN, datetime: Kind.INSTANT}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset.

    :param key: whether it belongs to the primary key.
    """

    name: str
    kind: Kind
    nullable: bool
    key: bool
    description: str


def columns_of(row: type) -> tuple[Column, ...]:
    """The columns of a row type, in the order in which they are written.

    :raises TypeError: the row type is written wrongly.
    """
    return _read(row)


def values_of(row: type) -> Callable[[object], tuple[Any, ...]]:
    """A function that gives a row's values in the order of its columns."""
    return attrgetter(*(column.name for column in columns_of(row)))


@cache
def _read(row: Any) -> tuple[Column, ...]:
    """Read once: this is asked for with every session."""
    hints = get_type_hints(row, include_extras=True)
    return tuple(_column(field.name, hints[field.name]) for field in fields(row))


def _column(name: str, hint: Any) -> Column:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"column {name} has no description")
    plain, *notes = get_args(hint)
    options = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    kinds = [_KINDS[option] for option in options if option is not NoneType]
    if len(kinds) != 1:
        raise TypeError(f"column {name} must be of one type, or of one type or None")
    key, nullable = KEY in notes, NoneType in options
    if key and nullable:
        raise TypeError(f"column {name} belongs to the primary key and cannot be None")
    return Column(name, kinds[0], nullable, key, notes[0])
