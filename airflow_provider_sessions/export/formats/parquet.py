"""Parquet, with Arrow types derived from the row types. Needs ``pyarrow``, imported when first used.

The bytes depend on the rows alone (and on the version of pyarrow): row groups have a fixed number of rows, and nothing
in the file tells when it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.columns import Kind, values_of
from airflow_provider_sessions.export.rows import SCHEMA_VERSION, Row

if TYPE_CHECKING:
    from airflow_provider_sessions.export.datasets import Dataset

ROWS_IN_GROUP: Final = 16_384


class ParquetWriter:
    """Writes rows as Parquet. Holds back at most one row group.

    :raises ExportError: pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        need_pyarrow()
        from pyarrow import parquet

        self._name = dataset.name
        self._schema = arrow_schema(dataset)
        self._values = values_of(dataset.row)
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


def need_pyarrow() -> None:
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
