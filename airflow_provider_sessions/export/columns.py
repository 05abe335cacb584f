"""How a row type says what its columns are.

A column is a field of a struct or a dataclass, its type ``Annotated`` with a description, with :data:`KEY` where it
belongs to the primary key, :data:`INDEX` where tables have an index on it, and with what is :class:`Personal` about it.
Everything that needs a schema (Parquet, SQL, redaction, the documentation) reads it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    """An instant in UTC, to the microsecond."""


PersonalName = Literal["email", "name", "user_id", "device", "title", "text", "link"]
"""The words of :class:`Personal`, for the types of arguments."""


class Personal(StrEnum):
    """What a column may tell about people: the words by which users say what is to become of it.

    A column that is marked with several of them may hold any.
    """

    EMAIL = "email"
    NAME = "name"
    """Names of people, and of files that are named after them."""
    USER_ID = "user_id"
    """Ids by which the platform knows a person: those of accounts, guests and rows."""
    DEVICE = "device"
    TITLE = "title"
    """What a session or its case is called, which may be after a person."""
    TEXT = "text"
    """What was written or said freely, also by the platform: it may quote names."""
    LINK = "link"
    """Addresses of pages, which may be made of names."""


class _Mark:
    """The type of :data:`KEY`, :data:`INDEX` and :data:`PERSON`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


KEY: Final = _Mark("KEY")
"""Marks a column of the primary key."""

INDEX: Final = _Mark("INDEX")
"""Marks a column by which people look for rows: tables have an index on it."""

PERSON: Final = _Mark("PERSON")
"""Marks a column that tells who somebody is, as ``account:...``, ``email:...`` or ``name:...``, or by a bare id."""

_OF_PERSON: Final = (Personal.EMAIL, Personal.NAME, Personal.USER_ID)
"""What a column may hold that tells who somebody is."""

_KINDS: Final = {str: Kind.TEXT, int: Kind.INTEGER, float: Kind.NUMBER, bool: Kind.BOOLEAN, datetime: Kind.INSTANT}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset.

    :param key: whether it belongs to the primary key.
    :param indexed: whether tables have an index on it.
    :param person: whether it is marked with :data:`PERSON`.
    :param personal: what it may tell about people.
    """

    name: str
    kind: Kind
    nullable: bool
    key: bool
    description: str
    indexed: bool = False
    person: bool = False
    personal: tuple[Personal, ...] = ()


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
    return tuple(_column(name, hint) for name, hint in get_type_hints(row, include_extras=True).items())


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
    person = PERSON in notes
    personal = _OF_PERSON if person else tuple(note for note in notes if isinstance(note, Personal))
    if personal and kinds[0] is not Kind.TEXT:
        raise TypeError(f"column {name} is personal and must be a text")
    return Column(name, kinds[0], nullable, key, notes[0], INDEX in notes, person, personal)
