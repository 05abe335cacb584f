"""JSON Lines: one object a row, UTF-8, a line feed after each, instants as ISO 8601 with ``Z``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from airflow_provider_sessions.export.rows import Row

if TYPE_CHECKING:
    from airflow_provider_sessions.export.datasets import Dataset

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
