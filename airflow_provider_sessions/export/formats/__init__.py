"""File formats for rows: streamed, and the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, Protocol

from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.formats.delimited import CsvWriter
from airflow_provider_sessions.export.formats.json_lines import JsonLinesWriter
from airflow_provider_sessions.export.formats.parquet import ParquetWriter, need_pyarrow
from airflow_provider_sessions.export.rows import Row
from airflow_provider_sessions.model.closed_words import unknown_words


class RowWriter(Protocol):
    """Writes rows of one dataset into one open file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""

    def finish(self) -> None:
        """Write what is still held back. The file itself stays open."""


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
        Format("parquet", "parquet", ParquetWriter, need_pyarrow),
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
        raise unknown_words("format", [name], FORMATS, says="is unknown; there are")
    return FORMATS[name]


def read_format(name: str) -> Format:
    """Return the format of a name.

    :raises InputError: there is none.
    :raises ExportError: it needs a package that is not installed.
    """
    found = find_format(name)
    found.check()
    return found
