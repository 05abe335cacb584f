"""List the files that an export has written, with their numbers of rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportedFile:
    """An exported file.

    :param amount: its number of rows, or its size if it is not a table.
    """

    dataset: str
    amount: str
    path: Path
    is_empty: bool


def list_exported_files(folder: Path) -> list[ExportedFile]:
    """Return all files in a folder except the export's own records.

    The first part of a path is the dataset, which is ``latest/{dataset}`` of latest files.
    """
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [_describe_file(folder, file) for file in files if not _is_record(file.relative_to(folder))]


def _is_record(file: Path) -> bool:
    return any(part.startswith("_") for part in file.parts[:2])


def _describe_file(folder: Path, file: Path) -> ExportedFile:
    parts = file.relative_to(folder).parts
    dataset = "/".join(parts[:2]) if parts[0] == "latest" else parts[0]
    if file.suffix in TABLES:
        rows = TABLES[file.suffix](file)
        return ExportedFile(dataset, f"{rows:,} row{'' if rows == 1 else 's'}", file, is_empty=rows == 0)
    size = file.stat().st_size
    return ExportedFile(dataset, f"{size:,} bytes", file, is_empty=size == 0)


def _count_csv_rows(file: Path) -> int:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return sum(1 for _ in csv.DictReader(lines))


def _count_jsonl_rows(file: Path) -> int:
    with file.open(encoding="utf-8") as lines:
        return sum(1 for _ in lines)


def _count_parquet_rows(file: Path) -> int:
    from pyarrow import parquet

    rows: int = parquet.read_metadata(file).num_rows
    return rows


TABLES: Mapping[str, Callable[[Path], int]] = {
    ".csv": _count_csv_rows,
    ".jsonl": _count_jsonl_rows,
    ".parquet": _count_parquet_rows,
}
