"""File formats for rows: JSON Lines, CSV and Parquet. Rows are streamed, and the same rows give the same bytes."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol

import msgspec

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.cells import SUSPICIOUS, escape_formula
from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.row_readers import CsvReader, JsonLinesReader, ParquetReader, RowReader
from airflow_provider_sessions.export.rows import SCHEMA_VERSION, Kind, Row, value_getter
from airflow_provider_sessions.messages import unknown_choice_error


class RowWriter(Protocol):
    """Writes the rows of one dataset to an open file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""

    def finish(self) -> None:
        """Write what is still buffered. The file stays open."""


_ENCODER: Final = msgspec.json.Encoder()


class JsonLinesWriter:
    """JSON Lines: one object per row, UTF-8, a line feed after each; times in ISO 8601 with ``Z``."""

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        self._file.write(_ENCODER.encode_lines(rows))

    def finish(self) -> None:
        """Do nothing: nothing is buffered."""


_BATCH: Final = 1000
"""Rows whose cells are in memory together."""


class CsvWriter:
    r"""CSV as in RFC 4180: commas, ``\r\n``, quotes where needed, a header, UTF-8.

    Spreadsheets execute a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and names and titles come
    from strangers; so an apostrophe is put before such a text, see :mod:`~airflow_provider_sessions.export.cells`.
    Numbers are not changed. Null and an empty text are both an empty cell; booleans are ``true`` and ``false``; times
    are ISO 8601 with ``Z``.

    :param bom: whether to begin with a byte-order mark, without which Excel takes the file for the local encoding.
    """

    def __init__(self, file: BinaryIO, dataset: Dataset, *, bom: bool = False) -> None:
        self._file = file
        if bom:
            file.write(BOM_UTF8)
        self._values = value_getter(dataset.row)
        self._columns = [_CELL_MAKERS.get(column.kind) for column in dataset.columns]
        self._put([[column.name for column in dataset.columns]])

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows. Their cells are made column by column, which takes half the time of row by row."""
        for first in range(0, len(rows), _BATCH):
            columns = zip(*map(self._values, rows[first : first + _BATCH]), strict=True)
            cells = [make(column) if make else column for make, column in zip(self._columns, columns, strict=True)]
            self._put(zip(*cells, strict=True))

    def finish(self) -> None:
        """Do nothing: nothing is buffered."""

    def _put(self, lines: Iterable[Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        self._file.write(text.getvalue().encode())


def _escape_texts(column: Sequence[str | None]) -> Sequence[str | None]:
    changed = {text: escape_formula(text) for text in set(column) if text and SUSPICIOUS.match(text)}
    return [changed.get(text, text) if text else text for text in column] if changed else column


def _format_booleans(column: Sequence[bool | None]) -> list[str | None]:
    words = {True: "true", False: "false", None: None}
    return [words[value] for value in column]


def _format_instants(column: Sequence[datetime | None]) -> list[str | None]:
    return [None if instant is None else f"{instant.isoformat()[:-6]}Z" for instant in column]  # all end in +00:00


_CELL_MAKERS: Final[dict[Kind, Callable[[Any], Sequence[str | None]]]] = {
    Kind.TEXT: _escape_texts,
    Kind.BOOLEAN: _format_booleans,
    Kind.INSTANT: _format_instants,
}
ROWS_IN_GROUP: Final = 16_384


class ParquetWriter:
    """Parquet, with Arrow types derived from the row types. Buffers at most one row group.

    The bytes depend only on the rows and the version of pyarrow: row groups have a fixed number of rows, and the file
    contains no time of writing.

    :raises ExportError: pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        check_pyarrow()
        from pyarrow import parquet

        self._name = dataset.name
        self._schema = arrow_schema(dataset)
        self._values = value_getter(dataset.row)
        self._buffer: list[tuple[Any, ...]] = []
        self._writer = parquet.ParquetWriter(file, self._schema, version="2.6", compression="snappy")

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows.

        :raises ExportError: a number does not fit its column; the text names the column.
        """
        self._buffer += map(self._values, rows)
        while len(self._buffer) >= ROWS_IN_GROUP:
            self._put(self._buffer[:ROWS_IN_GROUP])
            del self._buffer[:ROWS_IN_GROUP]

    def finish(self) -> None:
        """Write the last group and the footer.

        :raises ExportError: see :meth:`write`.
        """
        if self._buffer:
            self._put(self._buffer)
        self._buffer = []
        self._writer.close()

    def _put(self, rows: list[tuple[Any, ...]]) -> None:
        import pyarrow

        arrays = []
        for values, field in zip(zip(*rows, strict=True), self._schema, strict=True):
            try:
                arrays.append(pyarrow.array(values, type=field.type))
            except (OverflowError, pyarrow.ArrowInvalid) as unfit:
                raise ExportError(
                    f"{self._name}.{field.name} has a value that does not fit {field.type}: {unfit}"
                ) from None
        self._writer.write_batch(pyarrow.record_batch(arrays, schema=self._schema), row_group_size=ROWS_IN_GROUP)


def check_pyarrow() -> None:
    """Check that Parquet can be written.

    :raises ExportError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ExportError(
            "format 'parquet' needs pyarrow: install airflow-provider-sessions[parquet] where tasks run"
        ) from None


def arrow_schema(dataset: Dataset) -> Any:
    """Return a dataset's columns as a ``pyarrow.Schema``."""
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


def _read_csv(open_file: Callable[[BinaryIO, Dataset], CsvWriter], path: Path, dataset: Dataset) -> CsvReader:
    header = io.BytesIO()
    open_file(header, dataset)
    return CsvReader(path, dataset, header.getvalue())


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    :param open: makes the writer for a binary file.
    :param read: makes the reader of a file that such a writer wrote.
    :param check: raises an error if a package is missing.
    """

    name: str
    extension: str
    open: Callable[[BinaryIO, Dataset], RowWriter]
    read: Callable[[Path, Dataset], RowReader]
    check: Callable[[], object] = lambda: None


FORMATS: Final[Mapping[str, Format]] = {
    one.name: one
    for one in (
        Format("jsonl", "jsonl", JsonLinesWriter, JsonLinesReader),
        Format("csv", "csv", CsvWriter, partial(_read_csv, CsvWriter)),
        Format("parquet", "parquet", ParquetWriter, partial(ParquetReader, schema=arrow_schema), check_pyarrow),
    )
}
"""All formats by name."""
FormatName = Literal["jsonl", "csv", "parquet"]
"""The names of :data:`FORMATS`, for type hints of arguments."""


def with_bom(form: Format) -> Format:
    """Return the format with a byte-order mark at the beginning of each file.

    :raises InputError: it is not CSV.
    """
    if form.name != "csv":
        raise InputError(f"csv_bom: only CSV has a byte-order mark, not format={form.name!r}; leave csv_bom out")
    open_file = partial(CsvWriter, bom=True)
    return replace(form, open=open_file, read=partial(_read_csv, open_file))


def find_format(name: str) -> Format:
    """Return the format of a name, even if a package for it is missing.

    :raises InputError: the name is unknown.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise unknown_choice_error("format", [name], FORMATS)
    return FORMATS[name]


def get_format(name: str) -> Format:
    """Return the format of a name.

    :raises InputError: the name is unknown.
    :raises ExportError: a package for it is not installed.
    """
    found = find_format(name)
    found.check()
    return found
