from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_sessions.errors import ExportError, InputError, NotFoundError, ServerError, UnsupportedError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.run import fetch_artifacts
from airflow_provider_sessions.export.run_record import RunRecord, read_record
from airflow_provider_sessions.export.store import LocalStore, Store
from airflow_provider_sessions.messages import ProgressLog
from airflow_provider_sessions.model import Participant, Presence, Session
from airflow_provider_sessions.platforms.adapter import Capability, Feature, Support
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

RUN = RunId("nightly", "scheduled__2026-03-02", "export")
OTHER_RUN = RunId("nightly", "scheduled__2026-03-03", "export")


async def export(
    adapter: StandIn,
    store: Store,
    datasets: str | None = None,
    form: str = "jsonl",
    run: RunId = RUN,
    day_zone: str = "UTC",
    **more: Any,
) -> RunRecord:
    """Export, and read the record of it."""
    plan = await plan_export(adapter, QUERY, parse_datasets(datasets))
    target = FileTarget(store, FORMATS[form], run, day_zone=ZoneInfo(day_zone))
    plan = await add_due_sessions(adapter, plan, target.begin(plan))
    target.write(plan, await fetch_all(adapter, plan, **more))
    record = read_record(store, run)
    assert record is not None
    return record


def tree(root: Path) -> dict[str, bytes]:
    """All files but the tokens of builds, which are random."""
    paths = [path for path in root.rglob("*") if path.is_file() and path.name != "build.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def data_files(root: Path) -> dict[str, bytes]:
    return {key: data for key, data in tree(root).items() if not key.startswith(("_", "latest/"))}


def days(count: int) -> list[Session]:
    return [session(f"s{number}", start=NOON + timedelta(days=number)) for number in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


async def test_files_lie_by_dataset_and_the_utc_day_a_session_ended(store: LocalStore, tmp_path: Path) -> None:
    due = session("late", start=datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    adapter = StandIn.of(session("early"), due, attendance={"late": [interval()]})
    record = await export(adapter, store, "sessions,attendance")
    assert sorted(data_files(tmp_path)) == [
        f"attendance/dt=2026-03-03/{RUN.stem}.jsonl",
        f"sessions/dt=2026-03-02/{RUN.stem}.jsonl",
        f"sessions/dt=2026-03-03/{RUN.stem}.jsonl",
    ]
    assert record.sessions == 2
    assert [(file.dataset, file.rows) for file in record.files] == [("attendance", 1), ("sessions", 1), ("sessions", 1)]


async def test_the_day_is_that_of_the_zone_that_is_named(store: LocalStore, tmp_path: Path) -> None:
    adapter = StandIn.of(session("evening", start=datetime(2026, 3, 3, 2, tzinfo=UTC)))
    record = await export(adapter, store, "sessions", day_zone="America/New_York")
    assert list(data_files(tmp_path)) == [f"sessions/dt=2026-03-02/{RUN.stem}.jsonl"]
    assert [file.day.isoformat() for file in record.files] == ["2026-03-02"]


async def test_in_another_zone_a_rerun_moves_its_rows_and_other_runs_move_none(
    store: LocalStore, tmp_path: Path
) -> None:
    adapter = StandIn.of(session("evening", start=datetime(2026, 3, 3, 2, tzinfo=UTC)))
    await export(adapter, store, "sessions")
    before = data_files(tmp_path)
    await export(adapter, store, "sessions", run=OTHER_RUN, day_zone="America/New_York")
    assert data_files(tmp_path) == before
    await export(adapter, store, "sessions", day_zone="America/New_York")
    [(key, data)] = data_files(tmp_path).items()
    assert key == f"sessions/dt=2026-03-02/{RUN.stem}.jsonl"
    assert json.loads(data)["version"] == 2


async def test_rows_come_in_the_order_in_which_sessions_ended(store: LocalStore, tmp_path: Path) -> None:
    adapter = StandIn.of(session("b"), session("a"), session("z", minutes=10))
    await export(adapter, store, "sessions")
    [data] = data_files(tmp_path).values()
    assert [json.loads(line)["session_id"] for line in data.splitlines()] == ["z", "a", "b"]


@pytest.mark.parametrize("form", FORMATS)
async def test_a_rerun_writes_the_same_bytes(form: str, store: LocalStore, tmp_path: Path) -> None:
    people = {f"s{number}": [interval("account:b"), interval("account:a")] for number in range(3)}
    await export(StandIn.of(*days(3), attendance=people), store, form=form)
    first = tree(tmp_path)
    turned = {key: found[::-1] for key, found in people.items()}
    await export(StandIn.of(*days(3)[::-1], attendance=turned), store, form=form)
    assert tree(tmp_path) == first


async def test_a_rerun_removes_its_own_files_that_it_no_longer_writes(store: LocalStore, tmp_path: Path) -> None:
    await export(StandIn.of(*days(3)), store, "sessions")
    others = [session(f"o{number}", start=NOON + timedelta(days=number)) for number in range(3)]
    await export(StandIn.of(*others), store, "sessions", run=OTHER_RUN)
    await export(StandIn.of(*days(1)), store, "sessions", form="csv")
    assert [key for key in data_files(tmp_path) if RUN.stem in key] == [f"sessions/dt=2026-03-02/{RUN.stem}.csv"]
    assert len([key for key in data_files(tmp_path) if OTHER_RUN.stem in key]) == 3


async def test_the_record_names_every_file_with_its_checksum(store: LocalStore, tmp_path: Path) -> None:
    await export(StandIn.of(*days(2)), store, "sessions")
    record = json.loads(store.read(RUN.record_key) or b"")
    assert (record["status"], record["may_exist"], record["schema_version"]) == ("complete", [], 1)
    assert (record["dag_id"], record["run_id"], record["task_id"]) == (RUN.dag_id, RUN.run_id, RUN.task_id)
    for file in record["files"]:
        data = (tmp_path / file["key"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert file["rows"] == data.count(b"\n")


async def test_an_empty_window_leaves_only_the_record(store: LocalStore, tmp_path: Path) -> None:
    record = await export(StandIn.of(), store)
    assert list(tree(tmp_path)) == [RUN.record_key]
    assert (record.sessions, record.files) == (0, ())


class Breaking(LocalStore):
    """Fails on the way to the file of one dataset: after its last byte, before it appears."""

    def __init__(self, root: Path, dataset: str) -> None:
        super().__init__(root)
        self._dataset = dataset

    @contextmanager
    def write(self, key: str) -> Iterator[Any]:
        with super().write(key) as file:
            yield file
            if key.startswith(self._dataset):
                raise OSError("No space left on device")


async def test_a_store_that_fails_leaves_no_part_of_a_file_and_a_retry_cleans_up(tmp_path: Path) -> None:
    adapter = StandIn.of(*days(3), attendance={f"s{number}": [interval()] for number in range(3)})
    with pytest.raises(OSError, match="No space left"):
        await export(adapter, Breaking(tmp_path, "attendance/dt=2026-03-03"), "sessions,attendance")
    left = data_files(tmp_path)
    assert all(key.startswith(("attendance/dt=2026-03-02", "sessions")) for key in left)
    record = RunRecord.model_validate_json((tmp_path / RUN.record_key).read_bytes())
    assert record.status == "running"
    assert set(left) <= set(record.may_exist)

    await export(StandIn.of(session("other", start=NOON + timedelta(days=9))), LocalStore(tmp_path), "sessions")
    files = {key: [json.loads(line) for line in data.splitlines()] for key, data in data_files(tmp_path).items()}
    assert set(files) == {f"sessions/dt=2026-03-{day}/{RUN.stem}.jsonl" for day in ("02", "03", "11")}
    deleted = {row["session_id"]: row["deleted"] for rows in files.values() for row in rows}
    assert deleted == {"s0": True, "s1": True, "other": False}


async def test_an_error_in_the_middle_leaves_whole_files_only(store: LocalStore, tmp_path: Path) -> None:
    adapter = StandIn.of(*days(3), attendance={"s1": ServerError("it failed", status=503)})
    plan = await plan_export(adapter, QUERY, parse_datasets("sessions,attendance"))
    given = fetch_artifacts(adapter, plan)
    known = await anext(given)
    with pytest.raises(ServerError) as failure:
        await anext(given)
    assert failure.value.__notes__ == ["while exporting session s1"]
    target = FileTarget(store, FORMATS["jsonl"], RUN)
    target.begin(plan)
    with pytest.raises(ExportError, match="export incomplete: received 1 of 3 sessions; retry the task"):
        target.write(plan, known)
    assert json.loads(store.read(RUN.record_key) or b"")["status"] == "running"


async def test_a_record_that_cannot_be_read_stops_the_run_before_it_writes(store: LocalStore, tmp_path: Path) -> None:
    assert store.create(RUN.record_key, b"{}")
    with pytest.raises(ExportError, match="no record of a run"):
        await export(StandIn.of(*days(1)), store)
    assert data_files(tmp_path) == {}


async def test_a_forged_record_cannot_have_other_files_removed(store: LocalStore, tmp_path: Path) -> None:
    record = await export(StandIn.of(*days(1)), store, "sessions")
    assert store.create("sessions/precious.jsonl", b"mine")
    forged = record.model_copy(update={"may_exist": ("sessions/precious.jsonl", "../../etc/passwd")})
    with store.write(RUN.record_key) as file:
        file.write(forged.model_dump_json().encode())
    await export(StandIn.of(*days(1)), store, "sessions")
    assert store.read("sessions/precious.jsonl") is not None


async def test_attendance_is_requested_once_for_both_of_its_datasets(store: LocalStore) -> None:
    adapter = StandIn.of(session())
    await export(adapter, store, "attendance,attendance_summary")
    assert adapter.requests == [("attendance", "s1")]


async def test_sessions_alone_cost_no_further_request(store: LocalStore) -> None:
    adapter = StandIn.of(*days(5))
    await export(adapter, store, "sessions")
    assert adapter.requests == []


async def test_sessions_are_requested_at_once_up_to_the_bound(store: LocalStore) -> None:
    adapter = StandIn.of(*days(25))
    await export(adapter, store, "attendance", concurrency=5)
    assert adapter.max_parallel == 5


async def test_no_more_is_requested_than_the_writer_can_take(store: LocalStore) -> None:
    adapter = StandIn.of(*days(25))
    plan = await plan_export(adapter, QUERY, parse_datasets("attendance"))
    given = fetch_artifacts(adapter, plan, 3)
    await anext(given)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(adapter.requests) <= 2 * 3
    await given.aclose()


@pytest.mark.parametrize("bound", [0, 33, -1])
async def test_a_bound_out_of_range_is_refused(bound: int) -> None:
    plan = await plan_export(StandIn.of(), QUERY, None)
    with pytest.raises(InputError, match="from 1 to 32"):
        await anext(fetch_artifacts(StandIn.of(), plan, bound))


async def test_a_session_deleted_meanwhile_is_a_row_that_says_so(store: LocalStore, tmp_path: Path) -> None:
    adapter = StandIn.of(session("s1"), session("s2"), attendance={"s1": [interval()], "s2": [interval()]})
    adapter.deleted = {"s2"}
    record = await export(adapter, store, "sessions,attendance")
    rows = [json.loads(line) for line in data_files(tmp_path)[f"sessions/dt=2026-03-02/{RUN.stem}.jsonl"].splitlines()]
    assert [(row["session_id"], row["deleted"]) for row in rows] == [("s1", False), ("s2", True)]
    assert record.deleted_sessions == ("s2",)
    assert [file.rows for file in record.files if file.dataset == "attendance"] == [1]


async def test_a_response_of_not_found_for_a_session_that_is_there_is_an_error(store: LocalStore) -> None:
    adapter = StandIn.of(session(), attendance={"s1": NotFoundError("no such path", status=404)})
    with pytest.raises(NotFoundError) as failure:
        await export(adapter, store, "attendance")
    assert failure.value.__notes__ == ["while exporting session s1, which exists"]


async def test_a_dataset_that_cannot_be_had_is_refused_before_any_question(store, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        StandIn, "capabilities", {**StandIn.capabilities, Feature.ATTENDANCE: Capability(Support.NO, "Ask people.")}
    )
    adapter = StandIn.of(session())
    with pytest.raises(UnsupportedError, match=r"Ask people\."):
        await export(adapter, store, "sessions,attendance")
    assert adapter.requests == []
    assert tree(tmp_path) == {}
    record = await export(adapter, store)
    assert "attendance" not in record.datasets
    assert "attendance_summary" not in record.datasets


async def test_a_session_listed_twice_is_exported_once(store: LocalStore) -> None:
    class Twice(StandIn):
        async def sessions(self, query):
            async for one in super().sessions(query):
                yield one
                yield one

    assert (await export(Twice.of(*days(2)), store, "sessions")).sessions == 2


async def test_names_from_the_platform_never_choose_a_path(store: LocalStore, tmp_path: Path) -> None:
    evil = session("../../etc/x", title="../../../y")
    people = [Participant(participant_key="account:/z", name="=cmd()", presence=Presence.PRESENT)]
    await export(StandIn.of(evil, participants={"../../etc/x": people}), store, "sessions,participants", "csv")
    assert {key.partition("/")[0] for key in tree(tmp_path)} == {
        *("_ledger", "_runs", "latest", "participants", "sessions")
    }
    assert b"'=cmd()" in data_files(tmp_path)[f"participants/dt=2026-03-02/{RUN.stem}.csv"]


def test_progress_is_logged_every_few_seconds_with_rate_and_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    progress = ProgressLog("sessions exported", 100, seconds=lambda: now[0])
    with caplog.at_level("INFO"):
        for done in range(1, 21):
            now[0] += 1
            progress.update(done, "7 rows")
    assert caplog.messages[0] == "5 of 100 sessions exported, 7 rows, 1.0 a second, about 95 s left"
    assert len(caplog.messages) == 4


@pytest.mark.parametrize(
    ("done", "total", "seconds", "message"),
    [
        (0, 500, 30, "0 of 500 sessions exported"),
        (0, None, 30, "0 sessions exported"),
        (1, 1000, 60, "1 of 1,000 sessions exported, 1.0 a minute, about 17 h left"),
        (10, 30, 120, "10 of 30 sessions exported, 5.0 a minute, about 4 min left"),
        (500, 500, 100, "500 of 500 sessions exported, 5.0 a second, about 0 s left"),
        (6, 5, 5, "6 of 5 sessions exported, 1.2 a second"),
    ],
)
def test_rate_and_estimate_are_logged_when_there_is_something_to_estimate_from(
    caplog: pytest.LogCaptureFixture, done: int, total: int | None, seconds: float, message: str
) -> None:
    now = [0.0]
    progress = ProgressLog("sessions exported", total, seconds=lambda: now[0])
    now[0] = seconds
    with caplog.at_level("INFO"):
        progress.update(done)
    assert caplog.messages == [message]


def test_progress_without_a_total_counts(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    progress = ProgressLog("sessions listed", seconds=lambda: now[0])
    now[0] = 10
    with caplog.at_level("INFO"):
        progress.update(1200)
    assert caplog.messages == ["1,200 sessions listed, 120.0 a second"]
