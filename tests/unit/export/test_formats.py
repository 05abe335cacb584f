from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pyarrow import parquet

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.formats import FORMATS, ROWS_IN_GROUP, get_format
from airflow_provider_sessions.export.rows import AttendanceRow, TakeawaysRow

ATTENDANCE = DATASETS["attendance"]
ROW = AttendanceRow(
    "vidinfra",
    "api.example.com",
    "s1",
    1,
    participant_key="account:1",
    seq=0,
    attribution="exact",
    name='Zoë "Z", Smith\nJr.',
    email=None,
    is_guest=False,
    joined_at=datetime(2026, 3, 2, 15, 0, 0, 120, tzinfo=UTC),
    left_at=None,
    left_at_inferred=True,
    joins=2,
    reported_seconds=-1.5,
    device="",
    source_id="7",
)


def written(name: str, *batches: list[Any], dataset=ATTENDANCE) -> bytes:
    file = io.BytesIO()
    writer = FORMATS[name].open(file, dataset)
    for batch in batches:
        writer.write(batch)
    writer.finish()
    return file.getvalue()


def test_json_lines_keep_every_type() -> None:
    [line] = written("jsonl", [ROW]).decode().splitlines()
    assert list(json.loads(line)) == [column.name for column in ATTENDANCE.columns]
    assert json.loads(line)["joined_at"] == "2026-03-02T15:00:00.000120Z"
    assert json.loads(line)["name"] == ROW.name
    assert json.loads(line)["is_guest"] is False
    assert json.loads(line)["left_at"] is None
    assert "Zoë" in line


def test_csv_is_rfc_4180_with_a_header() -> None:
    data = written("csv", [ROW], [ROW])
    assert data.count(b"\r\n") == 3
    header, first, second = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert header == [column.name for column in ATTENDANCE.columns]
    assert first == second
    cells = dict(zip(header, first, strict=True))
    assert cells["name"] == ROW.name
    assert (cells["is_guest"], cells["left_at_inferred"], cells["left_at"]) == ("false", "true", "")
    assert cells["joined_at"] == "2026-03-02T15:00:00.000120Z"
    assert cells["reported_seconds"] == "-1.5"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+49 30 1234", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", '=HYPERLINK("http://x","y")'],
)
def test_no_text_can_start_a_formula(text: str) -> None:
    data = written("csv", [replace(ROW, name=text)])
    [_, cells] = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert cells[7] == f"'{text}"


@pytest.mark.parametrize("text", ["a=b", "it's", "1-2", " plain", "a@example.com", ""])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    [_, cells] = list(csv.reader(io.StringIO(written("csv", [replace(ROW, name=text)]).decode(), newline="")))
    assert cells[7] == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_any_text_comes_back_from_csv_and_never_as_a_formula(texts: list[str]) -> None:
    rows = [replace(ROW, name=text) for text in texts]
    cells = [line[7] for line in csv.reader(io.StringIO(written("csv", rows).decode(), newline=""))][1:]
    assert [cell.removeprefix("'") for cell in cells] == [text.removeprefix("'") for text in texts]
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_parquet_has_the_types_of_the_rows() -> None:
    table = parquet.read_table(io.BytesIO(written("parquet", [ROW])))
    assert table.schema.names == [column.name for column in ATTENDANCE.columns]
    assert table.schema.field("joined_at").type == pyarrow.timestamp("us", tz="UTC")
    assert table.schema.field("is_guest").nullable
    assert not table.schema.field("session_id").nullable
    assert table.schema.metadata[b"schema_version"] == b"1"
    assert table.to_pylist()[0]["joined_at"] == ROW.joined_at
    assert table.to_pylist()[0]["reported_seconds"] == -1.5


@pytest.mark.parametrize("name", FORMATS)
def test_the_bytes_depend_on_the_rows_alone(name: str) -> None:
    rows = [replace(ROW, seq=number) for number in range(ROWS_IN_GROUP + 10)]
    one = written(name, rows)
    other = written(name, *(rows[at : at + 700] for at in range(0, len(rows), 700)))
    assert one == other


def test_parquet_holds_back_one_row_group_at_most() -> None:
    data = written("parquet", [replace(ROW, seq=number) for number in range(2 * ROWS_IN_GROUP + 1)])
    assert parquet.ParquetFile(io.BytesIO(data)).metadata.num_row_groups == 3


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_are_no_error(name: str) -> None:
    assert isinstance(written(name, []), bytes)


@pytest.mark.parametrize("name", FORMATS)
def test_long_texts_with_line_breaks_survive(name: str) -> None:
    row = TakeawaysRow("p", "a", "s", 1, text="a\r\nb\u2028c" * 1000, markdown="", document=None)
    data = written(name, [row], dataset=DATASETS["takeaways"])
    if name == "jsonl":
        assert json.loads(data.decode().rstrip("\n"))["text"] == row.text
        assert data.count(b"\n") == 1
    elif name == "csv":
        assert list(csv.reader(io.StringIO(data.decode(), newline="")))[1][4] == row.text
    else:
        assert parquet.read_table(io.BytesIO(data)).to_pylist()[0]["text"] == row.text


def test_a_number_that_parquet_cannot_hold_is_named() -> None:
    with pytest.raises(ExportError, match=r"attendance\.joins .*int64"):
        written("parquet", [replace(ROW, joins=2**70)])


@pytest.mark.parametrize("given", ["xlsx", None, ["csv"]])
def test_an_unknown_format_is_refused_with_the_known_ones(given: Any) -> None:
    with pytest.raises(InputError, match="jsonl, csv, parquet"):
        get_format(given)


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r"airflow-provider-sessions\[parquet\]"):
        get_format("parquet")
