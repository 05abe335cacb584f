"""JSON Lines: one object a row, UTF-8, a line feed after each, instants as ISO 8601 with ``Z``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from pydantic_core import to_json

from airflow_provider_sessions.export.rows import Row

if TYPE_CHECKING:
    from airflow_provider_sessions.export.datasets import Dataset


class JsonLinesWriter:
    """Writes rows as JSON Lines."""

    def __init__(self, file: BinaryIO, dataset: Dataset) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        self._file.write(b"".join([to_json(row, inf_nan_mode="null") + b"\n" for row in rows]))

    def finish(self) -> None:
        """Nothing is held back."""
