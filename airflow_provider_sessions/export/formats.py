"""File formats for rows: streamed, and the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, Protocol

import msgspec

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.rows import SCHEMA_VERSION, Kind, Row, value_getter
from airflow_provider_sessions.messages import unknown_choice_error

if TYPE_CHECKING:
    from airflow_provider_sessions.export.datasets import Dataset


class RowWriter(Protocol):
    """Writes rows of one dataset into one open file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""

    def finish(self) -> None:
        """Write what is still held back. The file itself stays open."""


_ENCODER: Final = msgspec.json.Encoder()


class JsonLinesWriter:
    """Writes rows as JSON Lines."""

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        self._file.write(_ENCODER.encode_lines(rows))

    def finish(self) -> None:
        """Nothing is held back."""


_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  full-width signs count as well
_SPACES: Final = frozenset(" \u00a0\u3000")
_SUSPICIOUS: Final = _FORMULA | _SPACES
_AT_ONCE: Final = 1000
"""Rows whose cells are in memory at once."""


class CsvWriter:
    """Writes rows as CSV."""

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        self._file = file
        self._values = value_getter(dataset.row)
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


def escape_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    first = text[:1]
    if first in _SPACES:
        first = text.lstrip()[:1]
    return f"'{text}" if first in _FORMULA else text


def _texts(column: Sequence[str | None]) -> Sequence[str | None]:
    changed = {text: escape_formula(text) for text in set(column) if text and text[0] in _SUSPICIOUS}
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
ROWS_IN_GROUP: Final = 16_384


class ParquetWriter:
    """Writes rows as Parquet. Holds back at most one row group.

    :raises ExportError: pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        check_pyarrow()
        from pyarrow import parquet

        self._name = dataset.name
        self._schema = arrow_schema(dataset)
        self._values = value_getter(dataset.row)
        self._held: list[tuple[Any, ...]] = []
        self._writer = parquet.ParquetWriter(file, self._schema, version="2.6", compression="snappy")

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows.

        :raises ExportError: a number fits into no column; the text names the column.
        """
        self._held += map(self._values, rows)
        while len(self._held) >= ROWS_IN_GROUP:
            self._put(self._held[:ROWS_IN_GROUP])
            del self._held[:ROWS_IN_GROUP]

    def finish(self) -> None:
        """Write the last group and the footer.

        :raises ExportError: see :meth:`write`.
        """
        if self._held:
            self._put(self._held)
        self._held = []
        self._writer.close()

    def _put(self, rows: list[tuple[Any, ...]]) -> None:
        import pyarrow

        arrays = []
        for values, field in zip(zip(*rows, strict=True), self._schema, strict=True):
            try:
                arrays.append(pyarrow.array(values, type=field.type))
            except (OverflowError, pyarrow.ArrowInvalid) as unfit:
                raise ExportError(f"{self._name}.{field.name} holds what no {field.type} can: {unfit}") from None
        self._writer.write_batch(pyarrow.record_batch(arrays, schema=self._schema), row_group_size=ROWS_IN_GROUP)


def check_pyarrow() -> None:
    """Make sure that Parquet can be written.

    :raises ExportError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ExportError(
            "format 'parquet' needs pyarrow: install airflow-provider-sessions[parquet] where tasks run"
        ) from None


def arrow_schema(dataset: Dataset) -> Any:
    """A dataset's columns as a ``pyarrow.Schema``."""
    import pyarrow

    types = {
        Kind.TEXT: pyarrow.string(),
        Kind.INTEGER: pyarrow.int64(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.BOOLEAN: pyarrow.bool_(),
        Kind.INSTANT: pyarrow.timestamp("us", tz="UTC"),
    }
    return pyarrow.schema(
        [pyarrow.field(column.name, types[column.kind], nullable=column.nullable) for column in dataset.columns],
        metadata={"dataset": dataset.name, "schema_version": str(SCHEMA_VERSION)},
    )


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    :param open: makes the writer for a file opened for binary writing.
    :param check: raises an error if the format cannot be used here.
    """

    name: str
    extension: str
    open: Callable[[BinaryIO, Dataset], RowWriter]
    check: Callable[[], object] = lambda: None


FORMATS: Final[Mapping[str, Format]] = {
    one.name: one
    for one in (
        Format("jsonl", "jsonl", JsonLinesWriter),
        Format("csv", "csv", CsvWriter),
        Format("parquet", "parquet", ParquetWriter, check_pyarrow),
    )
}
"""All formats by name."""
FormatName = Literal["jsonl", "csv", "parquet"]
"""The names of :data:`FORMATS`, for the types of arguments."""


def find_format(name: str) -> Format:
    """Return the format of a name, whether or not it can be used here.

    :raises InputError: there is none.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise unknown_choice_error("format", [name], FORMATS, says="is unknown; there are")
    return FORMATS[name]


def get_format(name: str) -> Format:
    """Return the format of a name.

    :raises InputError: there is none.
    :raises ExportError: it needs a package that is not installed.
    """
    found = find_format(name)
    found.check()
    return found
