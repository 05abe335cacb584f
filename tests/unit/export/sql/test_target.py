"""Exports into SQLite and PostgreSQL, from a platform that gives what a test put into it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jinja2 import Template

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError, InputError, PermissionDeniedError
from airflow_provider_sessions.export.datasets import DATASETS, parse_datasets
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.run import ExportResult
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.sql import target
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.insert import insert_rows
from airflow_provider_sessions.export.sql.tables import LEDGER, Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.model import (
    Attribution,
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Transcript,
    TranscriptSegment,
    Window,
)
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite"]

Export = Callable[..., Any]
WINDOW = QUERY.window
EARLY = NOON - timedelta(days=1)
LATER = Window(start=NOON + timedelta(days=100), end=NOON + timedelta(days=101))
"""In which nothing ended."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON + timedelta(hours=12))


@pytest.fixture
def export(database: Place, clock: VirtualClock) -> Export:
    """Run an export: ``await export(adapter, "sessions,attendance", run="another night")``."""

    async def export(
        adapter: StandIn,
        datasets: str | None = None,
        *,
        run: str = "night",
        prefix: str = "",
        window: Window = WINDOW,
        give_up_after: timedelta = timedelta(days=14),
    ) -> ExportResult:
        engine = database.engine()
        plan = await plan_export(adapter, QUERY.model_copy(update={"window": window}), parse_datasets(datasets))
        target = SqlTarget(
            Database(engine),
            Tables(database.schema, prefix),
            RunId("nightly", run, "load"),
            give_up_after=give_up_after,
            clock=clock,
        )
        plan = await add_due_sessions(adapter, plan, target.begin(plan))
        known = await fetch_all(adapter, plan)
        try:
            return target.write(plan, known)
        finally:
            engine.dispose()

    return export


def said(text: str = "Good morning", **fields: Any) -> Transcript:
    segments = [TranscriptSegment(start=0, end=1.5, text=text, speaker_name="Anna")]
    return Transcript(session_id="s1", started_at=NOON, segments=segments, **fields)


def recording(name: str = "r1", status: RecordingStatus = RecordingStatus.READY, **fields: Any) -> Recording:
    return Recording(recording_id=name, session_id="s1", status=status, **fields)


async def test_tables_follow_from_the_written_schema(export: Export, database: Place) -> None:
    written = await export(StandIn.of(session()), ",".join(DATASETS))
    assert database.tables() == {*DATASETS, LEDGER}
    for name, dataset in DATASETS.items():
        assert database.columns(name) == [column.name for column in dataset.columns]
        assert database.key(name) == [column.name for column in dataset.columns if column.key]
        wanted = [[column.name] for column in dataset.columns if column.indexed and database.kind != "duckdb"]
        assert sorted(database.indexes(name).values()) == sorted(wanted)
    assert written.datasets["sessions"]["rows"] == 1
    assert written.datasets["sessions"]["table"].endswith("sessions")


async def test_values_come_back_as_they_were(export: Export, database: Place) -> None:
    start = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)
    await export(
        StandIn.of(
            session(start=start, title='Smith v. "Jones"; DROP TABLE sessions; %s %(x)s :y', recording_enabled=False),
            attendance={"s1": [interval(joined=0, left=30)]},
            transcripts={"s1": [said("Grüße 👋\n'quoted'")]},
            recordings={"s1": [recording(size_bytes=2**62, duration_seconds=3600.25)]},
        )
    )
    tables, engine = Tables(database.schema), database.engine()
    with engine.connect() as connection:

        def one(name: str) -> Any:
            return connection.execute(sa.select(tables.get(name))).one()

        assert one("sessions").title == 'Smith v. "Jones"; DROP TABLE sessions; %s %(x)s :y'
        assert one("sessions").actual_start == start
        assert one("sessions").actual_start.tzinfo is not None
        assert (one("sessions").recording_enabled, one("sessions").deleted) == (False, False)
        assert one("attendance").joined_at == NOON
        assert one("attendance_summary").present_seconds == 1800.0
        assert one("transcript_segments").text == "Grüße 👋\n'quoted'"
        assert (one("recordings").size_bytes, one("recordings").duration_seconds) == (2**62, 3600.25)
    engine.dispose()


async def test_times_have_a_zone_or_are_utc_and_on_sqlite_are_text_that_sorts(export: Export, database: Place) -> None:
    await export(StandIn.of(session()), "sessions")
    kinds = "select {} from information_schema.columns where table_name = 'sessions' and column_name = 'ended_at'"
    if database.kind in ("postgresql", "duckdb"):
        assert {kind.lower() for kind in database.column(kinds.format("data_type"))} == {"timestamp with time zone"}
    elif database.kind == "mysql":
        assert set(database.column(kinds.format("column_type"))) == {"datetime(6)"}
        assert database.column("select cast(ended_at as char) from {schema}sessions") == ["2026-03-02 13:00:00.000000"]
    else:
        assert database.column("select ended_at from sessions") == ["2026-03-02 13:00:00.000000+00:00"]
        assert database.column("select strftime('%s', ended_at) from sessions") == [str(int(NOON.timestamp()) + 3600)]


async def test_a_rerun_leaves_everything_as_it_is(export: Export, database: Place) -> None:
    adapter = StandIn.of(
        session("s1"), session("s2"), attendance={key: [interval(), interval("account:b")] for key in ("s1", "s2")}
    )
    await export(adapter, "sessions,attendance")
    before = {name: database.rows(f"select * from {{schema}}{name} order by 1,2,3,4,5") for name in DATASETS_OF_TWO}
    again = await export(adapter, "sessions,attendance")
    assert (again.outcome.sessions, again.outcome.unchanged) == (2, 0)
    assert before == {name: database.rows(f"select * from {{schema}}{name} order by 1,2,3,4,5") for name in before}
    other = await export(adapter, "sessions,attendance", run="another")
    assert (other.outcome.sessions, other.outcome.unchanged) == (0, 2)
    assert before == {name: database.rows(f"select * from {{schema}}{name} order by 1,2,3,4,5") for name in before}


DATASETS_OF_TWO = ("sessions", "attendance", LEDGER)


async def test_what_was_revised_replaces_the_rows_as_a_higher_version(export: Export, database: Place) -> None:
    adapter = StandIn.of(
        session(), transcripts={"s1": [said("Good morning"), said("Guten Morgen", is_translation=True)]}
    )
    await export(adapter, "sessions,transcript_segments")
    adapter.results["transcripts"]["s1"] = [said("Good evening")]
    written = await export(adapter, "sessions,transcript_segments", run="later")
    assert written.outcome.sessions == 1
    assert database.rows("select text, version from {schema}transcript_segments") == [("Good evening", 2)]
    assert database.rows("select version from {schema}sessions") == [(1,)]
    assert database.rows(f"select dataset, version, run like '%later%' from {{schema}}{LEDGER} order by 1") == [
        ("sessions", 1, 0),
        ("transcript_segments", 2, 1),
    ]


async def test_what_is_late_comes_with_a_later_run(export: Export, database: Place, clock: VirtualClock) -> None:
    adapter = StandIn.of(session())
    first = await export(adapter, "sessions,transcript_segments")
    assert dict(first.outcome.pending) == {"s1": {"transcript_segments": "there is no transcript yet"}}
    adapter.results["transcripts"] = {"s1": [said()]}
    too_soon = await export(adapter, "sessions,transcript_segments", run="too soon", window=LATER)
    assert too_soon.outcome.sessions == 0
    clock.jump(3600)
    later = await export(adapter, "sessions,transcript_segments", run="later", window=LATER)
    assert (later.outcome.sessions, dict(later.outcome.pending)) == (1, {})
    assert database.rows("select text, version from {schema}transcript_segments") == [("Good morning", 1)]
    assert len(database.rows("select * from {schema}sessions")) == 1


async def test_what_never_comes_is_given_up_with_the_reason(export: Export, database: Place) -> None:
    written = await export(StandIn.of(session()), "sessions,transcript_segments", give_up_after=timedelta(hours=1))
    assert dict(written.outcome.pending) == {}
    [(status, reason)] = database.rows(
        f"select status, reason from {{schema}}{LEDGER} where dataset = 'transcript_segments'"
    )
    assert status == "absent"
    assert reason == "not available 0.0416667 days after the end: there is no transcript yet"


async def test_a_deleted_session_is_marked_and_what_was_exported_stays(
    export: Export, database: Place, clock: VirtualClock
) -> None:
    adapter = StandIn.of(session(title="The title"), attendance={"s1": [interval()]})
    await export(adapter, "sessions,attendance")
    adapter.deleted = {"s1"}
    for run in ("night", "night", "another"):
        clock.jump(86400)
        written = await export(adapter, "sessions,attendance", run=run, window=LATER)
        assert database.rows("select title, deleted, version from {schema}sessions") == [("The title", True, 2)]
        assert database.column("select participant_key from {schema}attendance") == ["account:anna"]
    assert written.outcome.sessions == 0
    assert set(database.column(f"select status from {{schema}}{LEDGER}")) == {"deleted"}

    adapter.deleted = set()
    await export(adapter, "sessions,attendance", run="it is back")
    assert database.rows("select deleted, version from {schema}sessions") == [(False, 3)]


async def test_a_session_deleted_before_it_was_loaded_is_a_row_that_says_so(export: Export, database: Place) -> None:
    adapter = StandIn.of(session("s1"), session("s2"))
    adapter.deleted = {"s2"}
    written = await export(adapter, "sessions,attendance")
    assert database.rows("select session_id, deleted from {schema}sessions order by 1") == [("s1", False), ("s2", True)]
    assert written.outcome.deleted_sessions == ("s2",)


async def test_accounts_share_the_tables(export: Export, database: Place) -> None:
    for login, title in (("acme", "Ours"), ("other", "Theirs"), ("acme", "Ours, renamed")):
        await export(StandIn.of(session(title=title), login=login), "sessions", run=f"of {title}")
    assert database.rows("select account, title, version from {schema}sessions order by 1") == [
        ("live.example.com/acme", "Ours, renamed", 2),
        ("live.example.com/other", "Theirs", 1),
    ]


def _hours_attended() -> list[str]:
    """The queries of the documentation and the example: who attended for how long, of 2 March."""
    root = Path(__file__).parents[4]
    [page] = re.findall(r"```sql\n(.*?)```", (root / "docs/guides/databases.md").read_text(), flags=re.DOTALL)
    [example] = re.findall(
        r'HOURS_ATTENDED = """(.*?)"""', (root / "dags_examples/recipes/nightly_load.py").read_text(), re.DOTALL
    )
    interval = {f"data_interval_{edge}": datetime(2026, 3, day, tzinfo=UTC) for edge, day in (("start", 2), ("end", 3))}
    rendered = Template(example).render(interval, params={"schema": "the_schema"})
    return [page, re.sub(r'"?the_schema"?\.', "", rendered)]


@pytest.mark.parametrize("query", _hours_attended(), ids=["page", "example"])
async def test_hours_attended_are_each_persons_own(export: Export, database: Place, query: str) -> None:
    unknown = {"attribution": Attribution.NAME_ONLY, "name": "Ada"}
    for login in ("acme", "other"):
        people = [interval("account:7", name=f"Bob of {login}"), interval("row:0", **unknown)]
        adapter = StandIn.of(
            *(session(key) for key in ("s1", "s2")), login=login, attendance={"s1": people, "s2": people}
        )
        await export(adapter, "sessions,attendance_summary", run=login)
    # Of the day's two edges, the first belongs to it. Nobody knows for how long Zoe was there.
    edges = [session(key, start=datetime(2026, 3, day - 1, 23, tzinfo=UTC)) for key, day in (("at 0", 2), ("at 24", 3))]
    people = [interval("account:edge", name="Eve", joined=-750, left=-690), interval("account:zoe", name="Zoe")]
    adapter = StandIn.of(*edges, login="edge", attendance={one.session_id: people for one in edges})
    await export(adapter, "sessions,attendance_summary", run="edge", window=Window(start=EARLY, end=LATER.end))
    database.run("UPDATE {schema}attendance_summary SET present_seconds = NULL WHERE name = 'Zoe'")
    query = query.replace("JOIN ", "JOIN {schema}").replace("FROM ", "FROM {schema}")
    with_zones = {
        "postgresql": "SET TimeZone = 'America/Los_Angeles'",
        "duckdb": "SET TimeZone = 'America/Los_Angeles'",
        "mysql": "SET time_zone = '-08:00'",
    }
    [*known, last] = [
        (row.attendee, row.hours) for row in database.rows(query, before=with_zones.get(database.kind, "SELECT 1"))
    ]
    assert last == ("Zoe", None)
    assert [hours for _, hours in known] == sorted((hours for _, hours in known), reverse=True)
    assert sorted(known) == [("Ada", 1.0)] * 4 + [("Bob of acme", 2.0), ("Bob of other", 2.0), ("Eve", 1.0)]


@pytest.mark.parametrize("refusal", [None, PermissionDeniedError("not yours", status=403)], ids=["unknown", "refused"])
async def test_connections_of_two_organizations_share_the_tables(
    export: Export, database: Place, clock: VirtualClock, refusal: Exception | None
) -> None:
    """The same host shows each key its own sessions: what one does not know, or may not see, is not deleted."""

    class Guarded(StandIn):
        async def poll_sessions(self, known):
            results = await super().poll_sessions(known)
            return results if refusal is None else {k: self.held.get(k, refusal) for k in results}

    ours = Guarded.of(session("ours"), conn_id="ours")
    theirs = Guarded.of(session("theirs"), conn_id="theirs")
    await export(ours, "sessions", run="ours")
    await export(theirs, "sessions", run="theirs")
    clock.jump(86400)
    await export(ours, "sessions", run="ours, later", window=LATER)
    await export(theirs, "sessions", run="theirs, later", window=LATER)
    found = database.rows("select session_id, deleted, version from {schema}sessions order by 1")
    assert found == [("ours", False, 1), ("theirs", False, 1)]


async def test_a_table_prefix_keeps_exports_apart(export: Export, database: Place) -> None:
    await export(StandIn.of(session()), "sessions", prefix="A_b_")
    await export(StandIn.of(session(), session("s2")), "sessions", prefix="other_")
    assert database.tables() == {"A_b_sessions", f"A_b_{LEDGER}", "other_sessions", f"other_{LEDGER}"}
    assert len(database.rows(f"select * from {{schema}}{database.quoted('A_b_sessions')}")) == 1


async def test_columns_that_came_later_are_added_and_old_rows_stay(export: Export, database: Place) -> None:
    adapter = StandIn.of(session(), attendance={"s1": [interval(device="phone")]})
    await export(adapter, "attendance")
    drop = "DROP INDEX {} ON {{schema}}attendance" if database.kind == "mysql" else "DROP INDEX {{schema}}{}"
    database.run(
        *(drop.format(name) for name, columns in database.indexes("attendance").items() if columns == ["email"]),
        "ALTER TABLE {schema}attendance DROP COLUMN email",
        "ALTER TABLE {schema}attendance DROP COLUMN left_at_inferred",
        "ALTER TABLE {schema}attendance ADD COLUMN of_the_user INTEGER",
        "UPDATE {schema}attendance SET of_the_user = 7",
        f"ALTER TABLE {{schema}}{LEDGER} DROP COLUMN looks",
    )
    other = StandIn.of(session("s2"), attendance={"s2": [interval(email="anna@example.com")]})
    await export(other, "attendance", run="after the upgrade")
    rows = "select session_id, device, email, left_at_inferred, of_the_user from {schema}attendance order by 1"
    assert database.rows(rows) == [("s1", "phone", None, None, 7), ("s2", None, "anna@example.com", False, None)]
    await export(adapter, "attendance")
    assert database.rows(rows)[0] == ("s1", "phone", None, False, None)
    assert (["email"] in database.indexes("attendance").values()) is (database.kind != "duckdb")


async def test_a_table_that_is_none_of_an_export_is_left_alone(export: Export, database: Place) -> None:
    database.run("CREATE TABLE {schema}sessions (id INTEGER PRIMARY KEY, token TEXT)")
    with pytest.raises(ExportError, match=r"does not belong to an export: set schema or table_prefix"):
        await export(StandIn.of(session()), "sessions")
    assert database.columns("sessions") == ["id", "token"]
    assert database.tables() == {"sessions"}


async def test_a_schema_that_is_not_there_is_reported(clock: VirtualClock, postgres: Place) -> None:
    plan = await plan_export(StandIn.of(session()), QUERY, parse_datasets("sessions"))
    target = SqlTarget(Database(postgres.engine()), Tables("nowhere"), RunId("a", "b", "c"), clock=clock)
    with pytest.raises(InputError, match="no schema 'nowhere'"):
        target.begin(plan)


@pytest.mark.parametrize("prefix", ['a"; drop table', "x" * 21, "a-b", "ü"])
def test_a_prefix_that_is_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(InputError, match="table_prefix"):
        Tables(None, prefix)


async def test_texts_that_no_database_stores_are_mended(export: Export, database: Place) -> None:
    long = "word " * 400_000
    key = "name:" + "".join(f"{number} " for number in range(2000))
    adapter = StandIn.of(
        session(title="a\0b", description=long),
        participants={"s1": [Participant(participant_key=key, presence=Presence.PRESENT, name="n" * 5000)]},
        attendance={"s1": [interval(key)]},
    )
    await export(adapter, "sessions,participants,attendance")
    assert database.rows("select title, description from {schema}sessions") == [("a\ufffdb", long)]
    joined = (
        "select length(p.participant_key), length(p.name) from {schema}participants p "
        "join {schema}attendance a on a.participant_key = p.participant_key"
    )
    assert database.rows(joined) == [(180, 5000)]


async def test_a_number_that_no_column_holds_lets_its_rows_wait_and_no_others(export, database) -> None:
    adapter = StandIn.of(session("s0", minutes=1), session(), recordings={"s1": [recording(size_bytes=2**63)]})
    written = await export(adapter, "sessions,recordings")
    assert written.outcome.pending["s1"] == {"recordings": "size_bytes holds a number that does not fit into 64 bits"}
    assert sorted(database.column("select session_id from {schema}sessions")) == ["s0", "s1"]
    assert database.column("select session_id from {schema}recordings") == []


async def test_a_crash_in_a_session_leaves_nothing_of_it_and_a_retry_completes(
    export: Export, database: Place, mocker: Any
) -> None:
    adapter = StandIn.of(
        *(session(f"s{number}", minutes=number + 1) for number in range(3)),
        attendance={f"s{number}": [interval()] for number in range(3)},
    )

    def insert_then_break(connection: Any, table: Any, rows: Any) -> None:
        insert_rows(connection, table, rows)
        if table.name == "attendance" and rows[0].session_id == "s1":
            raise KeyboardInterrupt

    mocker.patch.object(target, "insert_rows", insert_then_break)
    with pytest.raises(KeyboardInterrupt):
        await export(adapter, "sessions,attendance")
    for table in ("sessions", "attendance", LEDGER):
        assert set(database.column(f"select session_id from {{schema}}{table}")) == {"s0"}
    mocker.stopall()
    await export(adapter, "sessions,attendance")
    assert database.column("select session_id from {schema}attendance order by 1") == ["s0", "s1", "s2"]


async def test_of_runs_that_load_the_same_sessions_at_once_each_session_is_written_by_one(
    database: Place, clock: VirtualClock
) -> None:
    runs, sessions = 3, 8
    adapter = StandIn.of(
        *(session(f"s{number}", minutes=number + 1) for number in range(sessions)),
        attendance={f"s{number}": [interval(), interval("account:b")] for number in range(sessions)},
    )
    plan = await plan_export(adapter, QUERY, parse_datasets("sessions,attendance"))
    known = await fetch_all(adapter, plan)
    meet = threading.Barrier(runs)

    def load(run: int) -> ExportResult:
        one = Database(database.engine())
        target = SqlTarget(one, Tables(database.schema), RunId("nightly", f"run {run}", "load"), clock=clock)
        meet.wait()
        target.begin(plan)  # which makes the tables, in all of them at once
        written = target.write(plan, known)
        one.close()
        return written

    with ThreadPoolExecutor(runs) as pool:
        done = list(pool.map(load, range(runs)))
    assert sum(one.outcome.sessions for one in done) == sessions
    assert all(one.outcome.sessions + one.outcome.unchanged == sessions for one in done)
    assert len(database.rows("select * from {schema}sessions")) == sessions
    assert len(database.rows("select * from {schema}attendance where version = 1")) == 2 * sessions


async def test_a_database_that_cannot_be_reached_is_reported_without_its_password(clock: VirtualClock) -> None:
    engine = sa.create_engine("postgresql+psycopg2://ada:hunter2@127.0.0.1:1/test")
    plan = await plan_export(StandIn.of(session()), QUERY, parse_datasets("sessions"))
    with pytest.raises(ExportError, match="preparing the tables: the database refused") as caught:
        SqlTarget(Database(engine), Tables(), RunId("a", "b", "c"), clock=clock).begin(plan)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_what_the_database_refuses_is_reported_without_the_rows(export: Export, database: Place) -> None:
    await export(StandIn.of(session()), "participants")
    database.run("ALTER TABLE {schema}participants RENAME COLUMN role TO function_of_the_person")
    check = "" if database.kind == "duckdb" else "CHECK (role < 0)"  # DuckDB adds no checks, and no text to numbers
    database.run(f"ALTER TABLE {{schema}}participants ADD COLUMN role INTEGER {check}")
    people = [Participant(participant_key="account:a", presence=Presence.PRESENT, name="Ada", role="host")]
    with pytest.raises(ExportError) as caught:
        await export(StandIn.of(session("s2"), participants={"s2": people}), "participants", run="later")
    assert str(caught.value).startswith("session 's2': the database refused: ")
    assert "Ada" not in str(caught.value)
    assert set(database.column(f"select session_id from {{schema}}{LEDGER}")) == {"s1"}


async def test_a_value_that_does_not_fit_a_column_of_others_is_not_quoted(clock: VirtualClock, postgres: Place) -> None:
    keys = "platform TEXT, account TEXT, session_id TEXT"
    postgres.run(
        f"CREATE TABLE {{schema}}sessions ({keys}, title INTEGER, PRIMARY KEY (platform, account, session_id))"
    )
    plan = await plan_export(StandIn.of(session(title="Ada's")), QUERY, parse_datasets("sessions"))
    target = SqlTarget(Database(postgres.engine()), Tables(postgres.schema), RunId("a", "b", "c"), clock=clock)
    target.begin(plan)
    with pytest.raises(
        ExportError, match="session 's1': the database refused: a value does not fit its column"
    ) as failure:
        target.write(plan, [SessionArtifacts(one, plan.account) for one in plan.sessions])
    assert "Ada" not in str(failure.value)


async def test_a_letter_that_the_databases_encoding_lacks_is_reported(clock: VirtualClock, postgres: Place) -> None:
    engine = sa.create_engine(postgres.url, connect_args={"client_encoding": "latin1"})
    plan = await plan_export(StandIn.of(session(title="Fun 👋")), QUERY, parse_datasets("sessions"))
    target = SqlTarget(Database(engine), Tables(postgres.schema), RunId("a", "b", "c"), clock=clock)
    target.begin(plan)
    with pytest.raises(ExportError, match="session 's1': the database refused: 'latin-1' codec can't encode"):
        target.write(plan, [SessionArtifacts(one, plan.account) for one in plan.sessions])
    assert postgres.rows(f"select * from {{schema}}{LEDGER}") == []
