"""What plain readers find in the files of an export: DuckDB, pandas, Polars and PySpark, in all formats."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from pyarrow import parquet

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.export.cells import escape_formula, unescape_formula
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.formats import FORMATS, with_bom
from airflow_provider_sessions.export.rows import SessionRow
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.connected import close_portal

__all__ = ["close_portal"]

duckdb = pytest.importorskip("duckdb", reason="the readers are only in the newest Airflow's environment")
pandas = pytest.importorskip("pandas", reason="the readers are only in the newest Airflow's environment")
polars = pytest.importorskip("polars", reason="the readers are only in the newest Airflow's environment")
pyspark_sql = pytest.importorskip("pyspark.sql", reason="the readers are only in the newest Airflow's environment")

PAGE = Path(__file__).resolve().parents[2] / "docs/guides/reading-files.md"
SAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
READS = [one for one in SAMPLES if "sessions = " in one]
READS_VERSIONS = [one for one in SAMPLES if "versions = " in one]
UNESCAPE = next(one for one in SAMPLES if "def unescape" in one)
NEEDS_JAVA = pytest.mark.skipif(shutil.which("java") is None, reason="PySpark needs Java")
Rows = list[dict[str, Any]]
DAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One session for all tests: it takes seconds to start. The samples get the same."""
    warnings.simplefilter("ignore", FutureWarning)
    builder = pyspark_sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    made = builder.config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    made.sparkContext.setLogLevel("OFF")
    yield made
    made.stop()


def to_rows(table: Any) -> Rows:
    """Rows of any reader's table; null is None."""
    if isinstance(table, duckdb.DuckDBPyRelation):
        return [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
    if isinstance(table, pandas.DataFrame):
        return table.astype(object).where(table.notna(), None).to_dict("records")
    if isinstance(table, polars.DataFrame):
        return table.to_dicts()
    return [row.asDict() for row in table.collect()]


def find_kind(sample: str) -> tuple[str, str]:
    """Return reader and format of a sample."""
    reader = next(one for one in ("duckdb", "pandas", "polars", "spark") if f"import {one}" in sample or one == "spark")
    return reader, next(one for one in ("parquet", "jsonl", "csv") if one in sample)


def run_sample(sample: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(sample, "sample", "exec"), names)
    return names


def kinds_of(samples: list[str]) -> list[Any]:
    """The samples as parameters; those of PySpark need Java."""
    found = [(sample, "-".join(find_kind(sample))) for sample in samples]
    return [pytest.param(one, id=kind, marks=[NEEDS_JAVA] if "spark" in kind else []) for one, kind in found]


def test_the_page_has_a_sample_for_each_reader_and_format() -> None:
    kinds = {find_kind(sample) for sample in READS}
    assert kinds == {(reader, form) for reader in ("duckdb", "pandas", "polars", "spark") for form in FORMATS}


# -- a real export -----------------------------------------------------------------------------------------------------


class Nights(NamedTuple):
    """What four nights have exported into the folder ``exports`` of each format, and the ids of three sessions."""

    root: Path
    revised: str
    deleted: str
    same: str


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Export a day's sessions night after night by the operator. One is revised twice, one is deleted."""
    root = tmp_path_factory.mktemp("nights")
    sandbox = Sandbox(clock=SandboxClock.stopped(DAY + timedelta(days=1)), platforms=["vidinfra"])
    with SandboxServer(sandbox), pytest.MonkeyPatch.context() as patch:
        platform = sandbox.vidinfra
        patch.setenv("AIRFLOW_CONN_VIDINFRA_DEFAULT", json.dumps(platform.connection()))
        revisions = {"attendance": [30 * 3600, 80 * 3600]}
        sessions = [
            platform.create(
                f"Session {number}",
                started_at=DAY + timedelta(hours=8 + number),
                ended_at=DAY + timedelta(hours=9 + number),
                attendees=3,
                script={"revisions": revisions if number == 0 else {}},
            )[0]
            for number in range(3)
        ]
        for night in range(1, 9):
            now = DAY + night * timedelta(days=1) + timedelta(hours=1)
            sandbox.clock.move_to(now)
            patch.setattr(SystemClock, "now", lambda _, now=now: now)
            if night == 2:
                platform.delete(sessions[1])
            for form in FORMATS:
                SessionsToObjectStorageOperator(
                    task_id="export",
                    conn_id="vidinfra_default",
                    path=str(root / form / "exports"),
                    format=form,
                    start=now - timedelta(days=1, hours=1),
                    end=now - timedelta(hours=1),
                ).execute({"ti": SimpleNamespace(dag_id="d", run_id=f"night {night}", task_id="t", map_index=-1)})
        yield Nights(root, *sessions)


DEFAULTS: dict[str, Callable[[Any, str], Any]] = {
    "duckdb": lambda spark, glob: duckdb.sql(f"SELECT * FROM '{glob}'"),
    "pandas": lambda spark, glob: pandas.concat(
        {"csv": pandas.read_csv, "parquet": pandas.read_parquet}.get(
            glob.rpartition(".")[2], lambda file: pandas.read_json(file, lines=True)
        )(file)
        for file in sorted(Path().glob(glob))
    ),
    "polars": lambda spark, glob: {
        "csv": polars.read_csv, "parquet": polars.read_parquet, "jsonl": polars.read_ndjson
    }[glob.rpartition(".")[2]](glob),
    "spark": lambda spark, glob: spark.read.csv(glob, header=True)
    if glob.endswith("csv")
    else (spark.read.json(glob) if glob.endswith("jsonl") else spark.read.parquet(glob)),
}  # fmt: skip
"""Each reader with its defaults, for the glob that the documentation names."""


@NEEDS_JAVA
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("reader", DEFAULTS)
def test_a_revised_and_a_deleted_session_count_once_for_every_plain_reader(
    nights: Nights, spark: Any, reader: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nights.root / form)

    def read(dataset: str) -> Rows:
        files = f"exports/latest/{dataset}/*/*.{form}"
        return to_rows(DEFAULTS[reader](spark, f"{Path.cwd()}/{files}" if reader == "spark" else files))

    sessions = read("sessions")
    assert sorted((row["title"], str(row["deleted"]).lower()) for row in sessions) == [
        ("Session 0", "false"),
        ("Session 1", "true"),
        ("Session 2", "false"),
    ]
    assert {str(row["session_id"]) for row in sessions} == {nights.revised, nights.deleted, nights.same}
    attendance = read("attendance")
    keys = [(row["session_id"], row["participant_key"], int(row["seq"])) for row in attendance]
    assert len(keys) == len(set(keys)) > 3
    assert {str(row["session_id"]): int(row["version"]) for row in attendance} == {
        nights.revised: 3,
        nights.deleted: 1,
        nights.same: 1,
    }
    versions = list(Path("exports/attendance").glob(f"*/*.{form}"))
    assert len(versions) == 3, "without latest/, the revised session is there three times"


# -- texts and types that readers spoil --------------------------------------------------------------------------------

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROW = SessionRow(
    "vidinfra", "live.example.com", "007", 1, title="2026-03-02", description=None, state="ended", state_inferred=False,
    scheduled_start=NOON, scheduled_end=None, time_zone="UTC", actual_start=NOON, actual_end=NOON, ended_at=NOON,
    duration_seconds=3600.0, host_id="0012", host_name='Zoë "Z", Smith\nJr.', room_id="00012345678901234567890",
    case_name="", recording_enabled=None, url=None, join_url=None, created_at=None, updated_at=None, deleted=False,
)  # fmt: skip
ROWS = [
    ROW,
    replace(ROW, session_id="0", title="=1+1", host_name="NA", description="one\ntwo", recording_enabled=True),
    replace(ROW, session_id="010", title="'+49 30", host_name="NULL", description="", deleted=True),
]


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: Any) -> Path:
    """A folder with ``exports``, by format."""
    root: Path = tmp_path_factory.mktemp("tricky")
    for name, form in {**FORMATS, "bom": with_bom(FORMATS["csv"])}.items():
        for day in (2, 3):
            folder = root / name / f"exports/latest/sessions/dt=2026-03-0{day}"
            folder.mkdir(parents=True)
            with (folder / f"live.example.com.{form.extension}").open("wb") as file:
                writer = form.open(file, DATASETS["sessions"])
                writer.write([replace(row, session_id=f"{row.session_id}{day}") for row in ROWS])
                writer.finish()
    return root


@pytest.mark.parametrize("sample", kinds_of(READS))
def test_documented_calls_read_what_was_exported(sample: str, tricky: Path, request: Any, monkeypatch: Any) -> None:
    reader, form = find_kind(sample)
    if reader == "spark":
        request.getfixturevalue("spark")
    expected = {f"{row.session_id}{day}": row for row in ROWS for day in (2, 3)}
    unescape = run_sample(UNESCAPE)["unescape"]
    for folder in (form, "bom") if form == "csv" else (form,):
        monkeypatch.chdir(tricky / folder)
        here = sample.replace('"exports/', f'"{Path.cwd()}/exports/')  # the JVM stays where it was started
        rows = to_rows(run_sample(here)["sessions"])
        assert sorted(row["session_id"] for row in rows) == sorted(expected)
        for row in rows:
            exported = expected[row["session_id"]]
            for name in ("title", "host_name", "host_id", "room_id", "description", "case_name"):
                value, wanted = row[name], getattr(exported, name)
                if form == "csv":
                    value, wanted = unescape(value or ""), wanted or ""
                assert value == wanted, name
            assert str(row["deleted"]).lower() == str(exported.deleted).lower()
            ended = row["ended_at"]
            ended = datetime.fromisoformat(ended) if isinstance(ended, str) else ended
            assert (ended if ended.tzinfo else ended.replace(tzinfo=UTC)) == NOON
            if "dt" in row:
                assert str(row["dt"])[:10] == f"2026-03-0{row['session_id'][-1]}"


def test_the_apostrophe_is_taken_off_in_sql_too() -> None:
    [pattern] = re.findall(r"`(regexp_replace\(title.*?)`\.", PAGE.read_text())
    texts = ["=1", "'=1", "''=1", "it's", "'quoted'", "\u00a0+1", "' -1", "plain", "\n=", "''"]
    for text in texts:
        cell = escape_formula(text)
        # All of the result: DuckDB 2 starts nothing else on the connection while some of it is left.
        assert duckdb.execute(f"SELECT {pattern} FROM (SELECT ? AS title)", [cell]).fetchall() == [(text,)]
        assert unescape_formula(cell) == run_sample(UNESCAPE)["unescape"](cell) == text


# -- a column that came later ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_schemas(tmp_path_factory: Any) -> Path:
    """A folder with ``exports`` of an earlier version, which lacked the last column, and of this one."""
    root: Path = tmp_path_factory.mktemp("schemas")
    for day, columns in ((2, -1), (3, None)):
        path = root / f"exports/sessions/dt=2026-03-0{day}/run.parquet"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            writer = FORMATS["parquet"].open(file, DATASETS["sessions"])
            writer.write([replace(row, session_id=f"{row.session_id}{day}", deleted=True) for row in ROWS])
            writer.finish()
        table = parquet.ParquetFile(path).read()
        parquet.write_table(table.select(table.column_names[:columns]), path)
    return root


@pytest.mark.parametrize("sample", kinds_of(READS_VERSIONS))
def test_versions_of_two_schemas_are_read_together(sample: str, two_schemas: Path, request: Any) -> None:
    if find_kind(sample)[0] == "spark":
        request.getfixturevalue("spark")
    rows = to_rows(run_sample(re.sub(r"(['\"])exports/", rf"\g<1>{two_schemas}/exports/", sample))["versions"])
    assert {row["session_id"]: row["deleted"] for row in rows} == {
        f"{row.session_id}{day}": True if day == 3 else None for row in ROWS for day in (2, 3)
    }
    assert len(READS_VERSIONS) == 4
