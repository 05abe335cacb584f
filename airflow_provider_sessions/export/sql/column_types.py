"""The types of columns in each database, and values that databases can store."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from airflow_provider_sessions.export.rows import Column, Kind

MYSQL_CHARSET: Final = "utf8mb4"
LONGEST_KEY: Final = 180
"""Characters of a text in a key or index. The end of a longer one is replaced by a checksum of the whole text."""


def column_type(column: Column) -> TypeEngine[Any]:
    """Return the type of a column. Databases limit the length of texts in keys and indexes."""
    is_key = column.kind is Kind.TEXT and (column.key or column.indexed)
    return _KEY if is_key else _TYPES[column.kind]


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. In SQLite, which has no type for it, it is a text with its offset, which sorts by time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sqlite.DATETIME(storage_format=_SQLITE_FORMAT))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a parameter to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a result to UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_SQLITE_FORMAT: Final = "%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d.%(microsecond)06d+00:00"


class ExactText(TypeDecorator[str]):
    """A text of any characters, compared character by character.

    By default MySQL uses the database's character set, which may lack characters, and a collation in which ``aB`` and
    ``Ab ``, with a trailing space, are equal.

    :param length: maximum length; None for the maximum of the database.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        if isinstance(dialect, MySQLDialect):
            options = {"charset": MYSQL_CHARSET, "collation": mysql_collation(dialect)}
            return mysql.LONGTEXT(**options) if self.length is None else mysql.VARCHAR(self.length, **options)
        return sa.Text() if self.length is None else sa.String(self.length)


def mysql_collation(dialect: MySQLDialect) -> str:
    """Return the collation that compares every character, including trailing spaces."""
    return "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"


_TYPES: Final[dict[Kind, TypeEngine[Any]]] = {
    Kind.TEXT: ExactText(),
    Kind.INTEGER: sa.BigInteger(),
    Kind.NUMBER: sa.Double(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.INSTANT: Instant(),
}
_KEY: Final = ExactText(LONGEST_KEY)
_HASH_LENGTH: Final = 16
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def storable_text(text: str) -> str:
    """Return a text that databases can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join(_REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text.replace("\0", _REPLACEMENT)


def storable_key(text: str) -> str:
    """Return a text for a key or index: short enough, and still unique."""
    text = storable_text(text)
    if len(text) <= LONGEST_KEY:
        return text
    return f"{text[: LONGEST_KEY - _HASH_LENGTH - 1]}-{hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]}"
