"""Values as databases take them: texts that can be stored, numbers that fit."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.columns import Column, Kind, values_of
from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.rows import Row

LONGEST_KEY: Final = 180
"""Characters of a text by which rows are found. Of a longer one the end is replaced by a checksum of the whole."""
_HASH_LENGTH: Final = 16
_LARGEST: Final = 2**63
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def storable_rows(dataset: Dataset, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Rows as a database takes them, by column.

    Characters that no database stores (NUL, halves of a pair of surrogates) are replaced by the replacement character.

    :raises ExportError: a number fits into no column; the text names session and column.
    """
    values = values_of(dataset.row)
    makers = [(column, _maker(column)) for column in dataset.columns]
    for row in rows:
        made = {}
        for (column, make), value in zip(makers, values(row), strict=True):
            try:
                made[column.name] = value if value is None else make(value)
            except OverflowError:
                where = f"{dataset.name}.{column.name}"
                raise ExportError(f"session {row.session_id!r}: {where} is {value!r}, which no column holds") from None
        yield made


def storable_text(text: str) -> str:
    """A text as databases take it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join(_REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text.replace("\0", _REPLACEMENT)


def storable_key(text: str) -> str:
    """A text by which rows are found: not too long for an index, and still like no other."""
    text = storable_text(text)
    if len(text) <= LONGEST_KEY:
        return text
    return f"{text[: LONGEST_KEY - _HASH_LENGTH - 1]}-{hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]}"


def _maker(column: Column) -> Callable[[Any], Any]:
    if column.kind is Kind.TEXT:
        return storable_key if column.key or column.indexed else storable_text
    return {Kind.INTEGER: _integer, Kind.NUMBER: _number}.get(column.kind, _as_it_is)


def _integer(value: int) -> int:
    if not -_LARGEST <= value < _LARGEST:
        raise OverflowError
    return value


def _number(value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise OverflowError
    return number


def _as_it_is(value: Any) -> Any:
    return value
