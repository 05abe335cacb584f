"""Reads the rows of files that an export wrote, also of earlier versions of this package, which had fewer columns."""

from __future__ import annotations

import csv
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from io import TextIOWrapper
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from airflow_provider_sessions.export.cells import unescape_formula
from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.rows import Column, Kind, Row

_ROWS: Final = 1000
"""Rows that are in memory together."""


class RowKey(NamedTuple):
    """Whose row it is, and of which version."""

    account: str
    session_id: str
    version: int


class RowReader(Protocol):
    """Reads one file of one dataset. It may be read several times."""

    @property
    def has_all_columns(self) -> bool:
        """Whether it has the columns of today, and no others."""

    def row_keys(self) -> Iterator[RowKey]:
        """Iterate over the keys of the rows, without their other values."""

    def rows(self) -> Iterator[Sequence[Row]]:
        """Iterate over the rows, some at a time. A column that the file lacks is null, or empty if it cannot be."""


class _Key(msgspec.Struct, gc=False):
    account: str
    session_id: str
    version: int


class JsonLinesReader:
    """Reads JSON Lines."""

    def __init__(self, path: Path, dataset: Dataset) -> None:
        self._path = path
        self._dataset = dataset
        with path.open("rb") as file:
            self.has_all_columns = list(msgspec.json.decode(file.readline() or b"{}")) == _names(dataset)

    def row_keys(self) -> Iterator[RowKey]:
        """Iterate over the keys of the rows."""
        decode = msgspec.json.Decoder(_Key).decode
        with self._path.open("rb") as file:
            for line in file:
                one = decode(line)
                yield RowKey(one.account, one.session_id, one.version)

    def rows(self) -> Iterator[Sequence[Row]]:
        """Iterate over the rows."""
        decode = msgspec.json.Decoder(self._dataset.row).decode if self.has_all_columns else self._decode_former
        with self._path.open("rb") as file:
            yield from _batches(map(decode, file))

    def _decode_former(self, line: bytes) -> Row:
        return msgspec.convert(_complete(msgspec.json.decode(line), self._dataset), self._dataset.row)


class _LongCells:
    """Allows cells of any length, as long as a reader needs that: a transcript's document may be long.

    The limit is one of the whole process, so the last of several readers in threads restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._limit = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._limit = csv.field_size_limit(sys.maxsize)
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                csv.field_size_limit(self._limit)


_LONG_CELLS: Final = _LongCells()


class CsvReader:
    """Reads CSV, with or without a byte-order mark. An empty cell is null where its column can be null.

    :param header: how a file begins that need not be written again.
    """

    def __init__(self, path: Path, dataset: Dataset, header: bytes) -> None:
        self._path = path
        self._dataset = dataset
        with path.open("rb") as file:
            self.has_all_columns = file.read(len(header)) == header

    def row_keys(self) -> Iterator[RowKey]:
        """Iterate over the keys of the rows."""
        with self._open() as (names, lines):
            account, session_id, version = (names.index(name) for name in RowKey._fields)
            for cells in lines:
                yield RowKey(unescape_formula(cells[account]), unescape_formula(cells[session_id]), int(cells[version]))

    def rows(self) -> Iterator[Sequence[Row]]:
        """Iterate over the rows."""
        columns = {column.name: column for column in self._dataset.columns}
        with self._open() as (names, lines):
            parsers = [(name, partial(_parse_cell, columns[name])) for name in names if name in columns]
            places = [names.index(name) for name, _ in parsers]

            def parse(cells: Sequence[str]) -> Row:
                pairs = zip(parsers, places, strict=True)
                values = {name: read(cells[place]) for (name, read), place in pairs}
                return self._dataset.row(**_complete(values, self._dataset))

            yield from _batches(map(parse, lines))

    @contextmanager
    def _open(self) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
        """Open the file; yield the names of its columns, and its lines."""
        with _LONG_CELLS, self._path.open("rb") as file:
            lines = csv.reader(TextIOWrapper(file, encoding="utf-8-sig", newline=""))
            yield next(lines, []), lines


class ParquetReader:
    """Reads Parquet."""

    def __init__(self, path: Path, dataset: Dataset, schema: Callable[[Dataset], Any]) -> None:
        from pyarrow import parquet

        self._path = path
        self._dataset = dataset
        self.has_all_columns = parquet.read_schema(path).equals(schema(dataset), check_metadata=True)

    def row_keys(self) -> Iterator[RowKey]:
        """Iterate over the keys of the rows."""
        for columns in self._batches(RowKey._fields):
            yield from map(RowKey, *columns.values())

    def rows(self) -> Iterator[Sequence[Row]]:
        """Iterate over the rows."""
        for columns in self._batches(_names(self._dataset)):
            whole = _complete(columns, self._dataset, repeat)
            count = len(next(iter(columns.values())))
            yield [self._dataset.row(*values) for values in islice(zip(*whole.values(), strict=False), count)]

    def _batches(self, names: Sequence[str]) -> Iterator[dict[str, list[Any]]]:
        """Iterate over the values of those of the columns that the file has, some rows at a time."""
        from pyarrow import parquet

        with parquet.ParquetFile(self._path) as file:
            there = [name for name in names if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=_ROWS, columns=there):
                yield {name: batch.column(name).to_pylist() for name in there}


def _names(dataset: Dataset) -> list[str]:
    return [column.name for column in dataset.columns]


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _ROWS)):
        yield batch


_EMPTY: Final[Mapping[Kind, Any]] = {Kind.TEXT: "", Kind.INTEGER: 0, Kind.NUMBER: 0.0, Kind.BOOLEAN: False}


def _complete(
    values: Mapping[str, Any], dataset: Dataset, make: Callable[[Any], Any] = lambda value: value
) -> dict[str, Any]:
    """Return the values of all columns, in their order.

    :param make: makes the value of a column that is missing from that of a row.
    """
    return {
        column.name: values[column.name]
        if column.name in values
        else make(None if column.nullable else _EMPTY[column.kind])
        for column in dataset.columns
    }


def _parse_cell(column: Column, cell: str) -> Any:
    if not cell and column.nullable:
        return None
    return _CELLS[column.kind](cell)


_CELLS: Final[Mapping[Kind, Callable[[str], Any]]] = {
    Kind.TEXT: unescape_formula,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.BOOLEAN: lambda cell: cell == "true",
    Kind.INSTANT: datetime.fromisoformat,
}
