"""What an export left in a folder: one line a file, counted from the files themselves."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportedFile:
    """One file.

    :param amount: its rows, or its size where it is no table.
    """

    dataset: str
    amount: str
    file: Path
    empty: bool


def list_exported_files(folder: Path) -> list[ExportedFile]:
    """All files in a folder but the export's own records; the first part of a file's path names its dataset."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [_describe_file(folder, file) for file in files if not file.relative_to(folder).parts[0].startswith("_")]


def _describe_file(folder: Path, file: Path) -> ExportedFile:
    dataset = file.relative_to(folder).parts[0]
    if file.suffix in TABLES:
        rows = TABLES[file.suffix](file)
        return ExportedFile(dataset, f"{rows:,} row{'' if rows == 1 else 's'}", file, empty=rows == 0)
    size = file.stat().st_size
    return ExportedFile(dataset, f"{size:,} bytes", file, empty=size == 0)


def _csv_rows(file: Path) -> int:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return sum(1 for _ in csv.DictReader(lines))


def _jsonl_rows(file: Path) -> int:
    with file.open(encoding="utf-8") as lines:
        return sum(1 for _ in lines)


def _parquet_rows(file: Path) -> int:
    from pyarrow import parquet

    rows: int = parquet.read_metadata(file).num_rows
    return rows


TABLES: Mapping[str, Callable[[Path], int]] = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
