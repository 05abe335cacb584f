r"""CSV as RFC 4180 has it: commas, ``\r\n``, quotes where they are needed, a header, UTF-8.

Spreadsheets run a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and names and titles come from
strangers: such a text gets an apostrophe before it. Numbers stay numbers, so a negative one is no such text.
None and an empty text are both an empty cell; booleans are ``true`` and ``false``; instants ISO 8601 with ``Z``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from airflow_provider_sessions.export.columns import Kind, values_of
from airflow_provider_sessions.export.rows import Row

if TYPE_CHECKING:
    from airflow_provider_sessions.export.datasets import Dataset

_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  full-width signs count as well
_SPACES: Final = frozenset(" \u00a0\u3000")
_SUSPICIOUS: Final = _FORMULA | _SPACES
_AT_ONCE: Final = 1000
"""Rows whose cells are in memory at once."""


class CsvWriter:
    """Writes rows as CSV."""

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        self._file = file
        self._values = values_of(dataset.row)
        self._columns = [_COLUMNS.get(column.kind) for column in dataset.columns]
        self._put([[column.name for column in dataset.columns]])

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows. Cells are made column by column: that takes half the time of making them row by row."""
        for first in range(0, len(rows), _AT_ONCE):
            columns = zip(*map(self._values, rows[first : first + _AT_ONCE]), strict=True)
            cells = [make(column) if make else column for make, column in zip(self._columns, columns, strict=True)]
            self._put(zip(*cells, strict=True))

    def finish(self) -> None:
        """Nothing is held back."""

    def _put(self, lines: Iterable[Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        self._file.write(text.getvalue().encode())


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    first = text[:1]
    if first in _SPACES:
        first = text.lstrip()[:1]
    return f"'{text}" if first in _FORMULA else text


def _texts(column: Sequence[str | None]) -> Sequence[str | None]:
    changed = {text: harmless(text) for text in set(column) if text and text[0] in _SUSPICIOUS}
    return [changed.get(text, text) if text else text for text in column] if changed else column


def _booleans(column: Sequence[bool | None]) -> list[str | None]:
    words = {True: "true", False: "false", None: None}
    return [words[value] for value in column]


def _instants(column: Sequence[datetime | None]) -> list[str | None]:
    return [None if instant is None else f"{instant.isoformat()[:-6]}Z" for instant in column]  # all end in +00:00


_COLUMNS: Final[dict[Kind, Callable[[Any], Sequence[str | None]]]] = {
    Kind.TEXT: _texts,
    Kind.BOOLEAN: _booleans,
    Kind.INSTANT: _instants,
}
