"""The latest files: each session once, also after revisions, deletions, crashes and runs at the same time."""

from __future__ import annotations

import asyncio
import csv
import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError, SessionsError
from airflow_provider_sessions.export.datasets import DATASETS, parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import LEASE, LEASE_MARGIN
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import Transcript, TranscriptSegment
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

DAY = timedelta(days=1)
Rows = dict[str, list[dict[str, Any]]]


def run(name: str) -> RunId:
    return RunId("nightly", name, "export")


class Folder:
    """A folder that runs write into, one after the other, and what a plain reader finds in it."""

    def __init__(self, root: Path, form: str = "jsonl") -> None:
        self.root = root
        self.form = form
        self.clock = VirtualClock(NOON + 2 * DAY)

    def export(
        self,
        adapter: StandIn,
        name: str,
        datasets: str = "sessions,attendance",
        store: LocalStore | None = None,
        **options: Any,
    ) -> None:
        """Run an export in a thread and an event loop of its own, so that one can be run while another is."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(
                lambda: asyncio.run(self._export(adapter, name, datasets, store or LocalStore(self.root), options))
            ).result()

    async def _export(
        self, adapter: StandIn, name: str, datasets: str, store: LocalStore, options: dict[str, Any]
    ) -> None:
        plan = await plan_export(adapter, QUERY, parse_datasets(datasets))
        form = FORMATS[options.pop("form", self.form)]
        target = FileTarget(store, form, run(name), clock=self.clock, **options)
        plan = await add_due_sessions(adapter, plan, target.begin(plan))
        target.write(plan, await fetch_all(adapter, plan))

    def rebuild(self) -> None:
        """Build all days again, as the command line does."""

        async def build() -> None:
            plan = await plan_export(first(), QUERY, parse_datasets("sessions"))
            of = run(f"by hand {secrets.token_hex(4)}")
            FileTarget(LocalStore(self.root), FORMATS[self.form], of, clock=self.clock).build_latest(plan)

        asyncio.run(build())

    def wait(self) -> None:
        """Let a day pass, after which sessions are checked again."""
        self.clock.jump(DAY.total_seconds())

    def files(self, pattern: str = "latest/*/*/*") -> dict[str, bytes]:
        paths = [path for path in self.root.glob(pattern) if path.is_file() and not path.name.startswith(".")]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in sorted(paths)}

    def rows(self, pattern: str = "latest/*/*/*") -> Rows:
        """All rows by dataset."""
        found: Rows = {}
        for key in self.files(pattern):
            dataset = DATASETS[key.removeprefix("latest/").partition("/")[0]]
            reader = FORMATS[key.rpartition(".")[2]].read(self.root / key, dataset)
            rows = [json.loads(json.dumps(as_dict(row), default=str)) for batch in reader.rows() for row in batch]
            day = key.partition("dt=")[2][:10]
            found.setdefault(dataset.name, []).extend(row | {"dt": day} for row in rows)
        return found

    def count(self, dataset: str) -> dict[str, int]:
        """The number of rows by session."""
        ids = [row["session_id"] for row in self.rows().get(dataset, [])]
        return {one: ids.count(one) for one in sorted(set(ids))}

    def counted_by_ledger(self) -> dict[str, list[dict[str, Any]]]:
        """The rows that count, by the newest states of the ledger and the files that these name."""
        newest: dict[str, dict[str, Any]] = {}
        for key, data in self.files("_ledger/*/*/sessions/*/*/*.json").items():
            newest[key.rpartition("/")[0]] = json.loads(data)
        found: Rows = {}
        versions = self.rows("[!_l]*/*/*")
        for state in newest.values():
            for name, entry in state["entries"].items():
                if entry.get("file") and entry["status"] != "pending":
                    assert entry["status"] != "writing"
                    day = entry["file"].partition("dt=")[2][:10]
                    key = (state["session"]["session_id"], entry["version"], day)
                    found.setdefault(name, []).extend(
                        row for row in versions[name] if (row["session_id"], row["version"], row["dt"]) == key
                    )
        return found

    def notes(self) -> list[str]:
        """Notes of days that have to be built again."""
        return [key for key in self.files("_ledger/*/*/latest/changed/*") if not key.endswith("/complete.json")]


def as_dict(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def in_order(rows: Rows) -> dict[str, list[str]]:
    return {name: sorted(json.dumps(row) for row in found) for name, found in rows.items() if found}


def people(*names: str) -> list[Any]:
    return [interval(f"account:{name}") for name in names]


def first() -> StandIn:
    """Five sessions of a day, before anything changes."""
    ids = ("revised", "emptied", "moved", "deleted", "same")
    return StandIn.of(*map(session, ids), attendance={one: people("anna", "ben") for one in ids})


def later() -> StandIn:
    """The same platform after all kinds of changes."""
    adapter = first()
    adapter.held["moved"] = session("moved", start=NOON + DAY)
    adapter.held["new"] = session("new")
    adapter.results["attendance"] |= {"revised": people("anna"), "emptied": [], "new": people("cleo")}
    adapter.deleted.add("deleted")
    del adapter.held["deleted"]
    return adapter


def check_later(folder: Folder) -> None:
    """What a plain reader counts after the changes."""
    assert folder.count("sessions") == dict.fromkeys(("deleted", "emptied", "moved", "new", "revised", "same"), 1)
    assert folder.count("attendance") == {"deleted": 2, "moved": 2, "new": 1, "revised": 1, "same": 2}
    rows = {row["session_id"]: row for row in folder.rows()["sessions"]}
    assert {key for key, row in rows.items() if row["deleted"]} == {"deleted"}
    assert rows["deleted"]["title"] == "Session deleted"
    assert {key: row["dt"] for key, row in rows.items() if row["dt"] != "2026-03-02"} == {"moved": "2026-03-03"}


@pytest.mark.parametrize("form", FORMATS)
def test_each_session_counts_once_after_all_kinds_of_changes(tmp_path: Path, form: str) -> None:
    folder = Folder(tmp_path, form)
    folder.export(first(), "one")
    assert list(folder.files()) == [
        f"latest/attendance/dt=2026-03-02/live.example.com.{form}",
        f"latest/sessions/dt=2026-03-02/live.example.com.{form}",
    ]
    folder.wait()
    folder.export(later(), "two")
    check_later(folder)
    assert folder.notes() == []
    before = folder.files()
    folder.export(later(), "three")
    assert folder.files() == before


def test_a_session_that_comes_back_counts_by_its_last_version(tmp_path: Path) -> None:
    """Rows that were superseded without new ones, and then are there again, on the same day and on another."""
    folder = Folder(tmp_path)
    for number, adapter in enumerate([first(), later(), first(), later(), first()]):
        folder.export(adapter, str(number))
        folder.wait()
        assert folder.count("sessions").items() >= dict.fromkeys(("emptied", "moved", "revised", "same"), 1).items()
    expected = {"emptied": 2, "moved": 2, "revised": 2, "same": 2}
    assert folder.count("attendance").items() >= expected.items()
    assert {row["dt"] for row in folder.rows()["sessions"]} == {"2026-03-02"}


def test_only_days_and_datasets_that_changed_are_written_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    adapter = StandIn.of(
        *(session(f"s{number}", start=NOON + number * DAY) for number in range(3)),
        attendance={f"s{number}": people("anna") for number in range(3)},
    )
    folder.export(adapter, "one")
    before = {path: (tmp_path / path).stat().st_mtime_ns for path in folder.files()}
    adapter.results["attendance"]["s1"] = people("ben")
    folder.export(adapter, "two")
    after = {path: (tmp_path / path).stat().st_mtime_ns for path in folder.files()}
    assert [path for path in after if after[path] != before[path]] == [
        "latest/attendance/dt=2026-03-03/live.example.com.jsonl"
    ]


def test_each_account_and_each_format_has_files_of_its_own(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for login in ("acme", "wolf"):
        folder.export(StandIn.of(session(), login=login, attendance={"s1": people("anna")}), login)
    folder.export(StandIn.of(session(), login="acme", attendance={"s1": people("anna")}), "as csv", form="csv")
    found = [key for key in folder.files() if key.startswith("latest/sessions")]
    assert [key.rpartition(".")[2] for key in found] == ["csv", "jsonl", "jsonl"]
    both = folder.rows("latest/sessions/*/*.jsonl")["sessions"]
    assert sorted(row["account"] for row in both) == ["live.example.com/acme", "live.example.com/wolf"]


def test_a_folder_of_an_earlier_version_gets_them_for_all_days(tmp_path: Path, caplog) -> None:
    """Earlier versions noted nothing of rows that are superseded; only the ledger tells."""
    caplog.set_level("INFO")
    folder = Folder(tmp_path)
    folder.export(first(), "one", latest=False)
    folder.wait()
    folder.export(later(), "two", latest=False)
    for path in tmp_path.glob("_ledger/*/*/latest"):
        path.rename(tmp_path / "away")
    for key, data in folder.files("_ledger/*/*/sessions/*/*/*.json").items():
        state = json.loads(data)
        for entry in state["entries"].values():
            del entry["days"], entry["latest"]
        (tmp_path / key).write_text(json.dumps(state))
    assert folder.files() == {}

    folder.export(later(), "three")
    assert "Building the latest files of 2 days" in caplog.text
    check_later(folder)
    adapter = later()
    adapter.held["new"] = session("new", title="Renamed")
    folder.export(adapter, "four")
    check_later(folder)


@pytest.mark.parametrize("form", FORMATS)
def test_all_have_the_columns_of_today_after_an_upgrade(tmp_path: Path, form: str) -> None:
    folder = Folder(tmp_path, form)
    folder.export(first(), "one")
    for key in folder.files("sessions/*/*"):
        drop_last_column(tmp_path / key)
    [state] = tmp_path.glob("latest/_state/*")
    state.write_text(json.dumps(json.loads(state.read_text()) | {"schema_version": 0}))
    folder.export(first(), "two")
    for key in folder.files("latest/sessions/*/*"):
        assert FORMATS[form].read(tmp_path / key, DATASETS["sessions"]).has_all_columns
    assert [row["deleted"] for row in folder.rows()["sessions"]] == [False] * 5


def drop_last_column(path: Path) -> None:
    """Make a file as an earlier version wrote it, which lacked the last column."""
    if path.suffix == ".parquet":
        table = parquet.ParquetFile(path).read()
        parquet.write_table(table.select(table.column_names[:-1]), path)
        return
    if path.suffix == ".csv":
        lines = path.read_bytes().split(b"\r\n")
        path.write_bytes(b"\r\n".join(line.rpartition(b",")[0] for line in lines))
        return
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(dict(list(row.items())[:-1])) + "\n" for row in rows))


def test_what_a_run_without_them_has_changed_the_next_run_builds(tmp_path: Path, caplog) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "one")
    folder.wait()
    folder.export(later(), "two", latest=False)
    assert "The latest files of 2 days are out of date" in caplog.text
    assert folder.count("attendance")["emptied"] == 2
    folder.export(later(), "three")
    check_later(folder)
    assert folder.notes() == []


def test_a_run_that_is_cleared_moves_and_deletes_what_it_replaces(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    late = session("late", start=datetime(2026, 3, 3, 2, tzinfo=UTC))
    folder.export(StandIn.of(late, session("gone")), "one")
    folder.export(StandIn.of(late), "one", day_zone=ZoneInfo("America/New_York"))
    assert {row["session_id"]: row["dt"] for row in folder.rows()["sessions"]}["late"] == "2026-03-02"
    assert folder.count("sessions") == {"gone": 1, "late": 1}
    folder.export(StandIn.of(late), "one", "attendance")
    assert folder.files() == {}
    folder.export(StandIn.of(late), "one", form="csv")
    assert [key.rpartition(".")[2] for key in folder.files()] == ["csv"]


def test_files_that_somebody_deletes_are_gone_when_all_days_are_built_again(tmp_path: Path) -> None:
    """To erase a person, people delete files by their prefix."""
    folder = Folder(tmp_path)
    folder.export(first(), "one")
    for path in tmp_path.glob("attendance/dt=2026-03-02/*"):
        path.unlink()

    folder.rebuild()
    assert list(folder.rows()) == ["sessions"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "one")
    [broken] = tmp_path.glob("attendance/dt=2026-03-02/*")
    broken.write_text('{"account": ')
    with pytest.raises(ExportError, match=f"{broken.name}.*cannot be read"):
        folder.export(later(), "two")


@pytest.mark.parametrize("is_last_run", [False, True])
def test_all_days_are_built_again_after_somebody_deletes_them(tmp_path: Path, is_last_run: bool) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "one", latest=False)
    folder.export(first(), "two")
    before = folder.files()
    shutil.rmtree(tmp_path / "latest")
    folder.export(first(), "two" if is_last_run else "three")
    assert folder.files() == before


def test_an_account_without_rows_looks_for_days_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "of another")
    listed: list[str] = []

    def note(operation: str, key: str) -> None:
        if operation == "list" and not key.startswith("_"):
            listed.append(key)

    folder.export(StandIn.of(login="acme"), "one", store=Watched(tmp_path, note))
    assert listed
    listed.clear()
    folder.export(StandIn.of(login="acme"), "two", store=Watched(tmp_path, note))
    assert listed == []


def test_the_first_build_downloads_no_files_of_other_accounts(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for login in ("acme", "wolf"):
        adapter = StandIn.of(session(login), login=login, attendance={login: people("anna")})
        folder.export(adapter, f"of {login}", latest=False)
    downloaded: list[str] = []

    def note(operation: str, key: str) -> None:
        if operation == "download":
            downloaded.append(key)

    folder.export(StandIn.of(session("acme"), login="acme"), "late", store=Watched(tmp_path, note))
    assert downloaded
    assert not [key for key in downloaded if "of_wolf" in key]
    assert folder.count("sessions") == {"acme": 1}


def test_the_first_run_into_a_folder_reads_no_session_of_the_ledger(tmp_path: Path) -> None:
    read: list[str] = []

    def note(operation: str, key: str) -> None:
        if operation == "read" and "/sessions/" in key:
            read.append(key)

    folder = Folder(tmp_path)
    folder.export(first(), "one", store=Watched(tmp_path, note))
    assert read == []
    assert folder.count("sessions") == dict.fromkeys(("deleted", "emptied", "moved", "revised", "same"), 1)


def test_files_that_are_gone_are_warned_of_when_their_day_is_built_again(tmp_path: Path, caplog) -> None:
    """Such as those that a rule of the bucket deletes by their age."""
    folder = Folder(tmp_path)
    folder.export(first(), "one")
    folder.wait()
    folder.export(later(), "two")
    assert "gone" not in caplog.text
    [old] = tmp_path.glob("attendance/dt=2026-03-02/*one*")
    old.unlink()
    adapter = later()
    adapter.results["attendance"]["new"] = people("dora")
    folder.export(adapter, "three")
    assert f"Files of earlier runs are gone (1 file, such as {old})" in caplog.text
    assert folder.count("attendance") == {"moved": 2, "new": 1, "revised": 1}


def test_a_file_that_its_own_run_deletes_is_not_warned_of(tmp_path: Path, caplog) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "one")
    folder.export(StandIn.of(session("same")), "two", "sessions")
    folder.export(first(), "one", "sessions")
    folder.export(StandIn.of(session("other"), attendance={"other": people("anna")}), "three")
    assert folder.count("attendance") == {"other": 1}
    folder.export(StandIn.of(login="acme"), "three")
    folder.export(StandIn.of(session("last"), attendance={"last": people("anna")}), "four")
    assert folder.count("attendance") == {"last": 1}
    assert "gone" not in caplog.text


def test_a_cleared_run_builds_none_in_a_format_that_never_had_any(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "one", latest=False)
    folder.export(first(), "two", latest=False)
    folder.export(first(), "two", form="csv")
    assert {key.rpartition(".")[2] for key in folder.files()} <= {"csv"}
    assert folder.notes() == []


@pytest.mark.parametrize("is_empty", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_damaged_behind_its_first_row_is_named(tmp_path: Path, form: str, is_empty: bool) -> None:
    folder = Folder(tmp_path, form)
    folder.export(first(), "one")
    [broken] = tmp_path.glob("attendance/dt=2026-03-02/*")
    data = broken.read_bytes()
    if form == "parquet":
        half = len(data) // 2
        data = data[:4] + bytes(half - 4) + data[half:]
    else:
        data = data[:-20]
    broken.write_bytes(b"" if is_empty else data)
    with pytest.raises(ExportError, match=f"{broken.name}.*cannot be read"):
        folder.export(later(), "two")


def test_a_build_that_takes_long_keeps_its_lease(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    adapter = first()
    for number in range(4):
        adapter.results["attendance"]["same"] = people(*"abcd"[: number + 1])
        folder.export(adapter, str(number))
    adapter.results["attendance"]["same"] = people("last")

    def wait(operation: str, key: str) -> None:
        if operation == "download" and key.startswith("attendance/"):
            folder.clock.jump(LEASE.total_seconds() / 3)

    folder.export(adapter, "slow", store=Watched(tmp_path, wait))
    assert folder.count("attendance")["same"] == 1


def test_reading_the_ledger_may_take_long(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("airflow_provider_sessions.export.object_ledger._READ_AT_ONCE", 1)
    folder = Folder(tmp_path)
    folder.export(first(), "one", latest=False)
    listed: list[str] = []
    reads: list[str] = []

    def wait(operation: str, key: str) -> None:
        if operation == "list" and key.endswith("/sessions") and key.startswith("_ledger/"):
            listed.append(key)
        if listed and operation == "read" and "/sessions/" in key and key.endswith("/000001.json"):
            reads.append(key)
            folder.clock.jump(LEASE.total_seconds() / 3)

    folder.export(first(), "two", store=Watched(tmp_path, wait))
    assert len(reads) == 5
    assert folder.count("sessions") == dict.fromkeys(("deleted", "emptied", "moved", "revised", "same"), 1)


def test_long_texts_are_read_from_csv(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "csv")
    folder.export(StandIn.of(session(description="=" + "x" * 200_000)), "one")
    folder.export(StandIn.of(session(description="=" + "x" * 200_001), session("s2")), "two")
    assert len(folder.rows()["sessions"][0]["description"]) == 200_002


def test_long_texts_are_read_from_csv_in_several_threads(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "csv")
    folder.export(StandIn.of(session(description="x" * 200_000), session("s2")), "one")
    [key] = folder.files()
    limit = csv.field_size_limit()
    first_one, second = (FORMATS["csv"].read(tmp_path / key, DATASETS["sessions"]).row_keys() for _ in range(2))
    next(first_one)
    next(second)
    assert len(list(first_one)) == 1
    third = FORMATS["csv"].read(tmp_path / key, DATASETS["sessions"]).row_keys()
    assert [len(list(one)) for one in (second, third)] == [1, 2]
    assert csv.field_size_limit() == limit


# -- what files alone cannot show --------------------------------------------------------------------------------------


def transcript(text: str) -> list[Transcript]:
    return [Transcript(session_id="revised", segments=[TranscriptSegment(start=0, end=1, text=text)])]


@pytest.mark.parametrize("how", ["left out", "left out after it was killed", "no longer there", "another account"])
def test_rows_that_a_cleared_run_no_longer_has_count_as_after_all_are_built_again(tmp_path: Path, how: str) -> None:
    """It owns the second version, and does not write it again: the first one, of another run, counts no more."""
    folder = Folder(tmp_path)
    both = "sessions,transcript_segments"
    adapter = first()
    adapter.results["transcripts"] = {"revised": transcript("Good morning"), "same": transcript("Hello")}
    folder.export(adapter, "one", both)
    folder.wait()
    adapter.results["transcripts"]["revised"] = transcript("Good evening")
    folder.export(adapter, "two", both)
    assert [row["text"] for row in folder.rows()["transcript_segments"]] == ["Hello", "Good evening"]

    if how == "left out":
        folder.export(adapter, "two", "sessions")
    elif how == "left out after it was killed":
        adapter.results["transcripts"]["revised"] = transcript("Good night")
        with pytest.raises(Killed):
            folder.export(adapter, "two", both, store=Watched(tmp_path, kill_before("transcript_segments/")))
        folder.export(adapter, "two", "sessions")
    elif how == "no longer there":
        adapter.results["transcripts"]["revised"] = []
        folder.export(adapter, "two", both)
    else:
        folder.export(StandIn.of(login="acme"), "two", both)
    after = folder.files("latest/*/*/live.example.com.jsonl")
    assert [row["text"] for row in folder.rows()["transcript_segments"]] == ["Hello"]
    assert folder.notes() == []
    folder.rebuild()
    assert folder.files("latest/*/*/live.example.com.jsonl") == after

    adapter.results["transcripts"]["revised"] = transcript("Good night")
    folder.wait()
    folder.export(adapter, "three", both)
    assert sorted(row["text"] for row in folder.rows()["transcript_segments"]) == ["Good night", "Hello"]


@pytest.mark.parametrize("is_rebuilt", [False, True])
@pytest.mark.parametrize("lost", ["the ledger", "all of the ledger's folder", "the last night's part"])
def test_without_the_ledger_of_before_what_was_written_last_counts(tmp_path: Path, lost: str, is_rebuilt: bool) -> None:
    """Versions are given twice then, or lower ones than there are."""
    folder = Folder(tmp_path)
    adapter = first()
    folder.export(adapter, "a of before")
    ledger, away = tmp_path / "_ledger", tmp_path / "away"
    if lost == "the last night's part":
        shutil.copytree(ledger, away)
    folder.wait()
    adapter.results["attendance"]["revised"] = people("cleo")
    folder.export(adapter, "b of before")
    if lost == "the last night's part":
        shutil.rmtree(ledger)
        away.rename(ledger)
    elif lost == "the ledger":
        for path in ledger.glob("*/*/*"):
            if path.name != "latest":
                shutil.rmtree(path)
    else:
        shutil.rmtree(ledger)
    adapter.results["attendance"] |= {"revised": people("dora"), "same": people("emil")}
    folder.wait()
    folder.export(adapter, "c of now")
    if is_rebuilt:
        folder.rebuild()
    for name in ("one", "two"):
        assert {key: count for key, count in folder.count("sessions").items() if count > 1} == {}
        found = {row["session_id"]: row["participant_key"] for row in folder.rows()["attendance"]}
        assert (found["revised"], found["same"]) == ("account:dora", "account:emil")
        assert folder.count("attendance")["revised"] == 1
        adapter.results["attendance"]["emptied"] = people(name)
        folder.export(adapter, name)


@pytest.mark.parametrize("is_rebuilt", [False, True])
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_a_deleted_session_keeps_its_title_on_another_day(tmp_path: Path, zone: str, is_rebuilt: bool) -> None:
    """The day changes with the zone."""
    folder = Folder(tmp_path)
    hour = 2 if zone.startswith("America") else 22
    late = session("late", start=datetime(2026, 3, 2, hour, tzinfo=UTC))
    folder.export(StandIn.of(late), "one")
    folder.wait()
    adapter = StandIn.of()
    adapter.deleted.add("late")
    folder.export(adapter, "two", day_zone=ZoneInfo(zone))
    if is_rebuilt:
        shutil.rmtree(next(tmp_path.glob("_ledger/*/*/latest")))
        folder.rebuild()
    [row] = folder.rows()["sessions"]
    day = "2026-03-01" if zone.startswith("America") else "2026-03-03"
    assert (row["dt"], row["title"], row["deleted"]) == (day, "Session late", True)
    folder.rebuild()
    assert folder.rows()["sessions"] == [row]


# -- crashes, and runs at the same time --------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: nothing of it catches this."""


class Interrupted(LocalStore):
    """A folder as a process sees it to which something happens right before, or after, one of its operations.

    :param at: the number of the operation.
    :param happens: what does; after an error that it raises, every later operation fails as well.
    """

    def __init__(self, root: Path, at: int, happens: Callable[[], None]) -> None:
        super().__init__(root)
        self._at, self._happens = at, happens
        self.operations, self._is_dead = 0, False

    def _touch(self) -> None:
        self.operations += 1
        if self._is_dead:
            raise Killed
        if self.operations == self._at:
            try:
                self._happens()
            except Killed:
                self._is_dead = True
                raise

    @contextmanager
    def write(self, key: str) -> Iterator[Any]:
        with super().write(key) as file:
            yield file
            self._touch()

    def create(self, key: str, data: bytes) -> bool:
        self._touch()
        return super().create(key, data)

    def read(self, key: str) -> bytes | None:
        self._touch()
        return super().read(key)

    def download(self, key: str, path: Path) -> bool:
        self._touch()
        done = super().download(key, path)
        self._touch()
        return done

    def list(self, folder: str) -> Iterator[str]:
        self._touch()
        return super().list(folder)

    def delete(self, key: str) -> None:
        self._touch()
        super().delete(key)


class Watched(LocalStore):
    """A folder that calls a function before some operations, with their names, and after each write.

    :param happens: what it calls: with ``publish`` and the key right before a file appears, with ``written`` after it.
    """

    def __init__(self, root: Path, happens: Callable[[str, str], None]) -> None:
        super().__init__(root)
        self._happens = happens

    @contextmanager
    def write(self, key: str) -> Iterator[Any]:
        with super().write(key) as file:
            yield file
            self._happens("publish", key)
        self._happens("written", key)

    def read(self, key: str) -> bytes | None:
        self._happens("read", key)
        return super().read(key)

    def download(self, key: str, path: Path) -> bool:
        self._happens("download", key)
        return super().download(key, path)

    def list(self, folder: str) -> Iterator[str]:
        self._happens("list", folder)
        return super().list(folder)

    def delete(self, key: str) -> None:
        self._happens("delete", key)
        super().delete(key)


def kill_after(prefix: str) -> Callable[[str, str], None]:
    """Kill the process when the first file of a folder is there."""

    def happens(operation: str, key: str) -> None:
        if operation == "written" and key.startswith(prefix):
            raise Killed

    return happens


def kill_before(prefix: str) -> Callable[[str, str], None]:
    """Kill the process when the first file of a folder is about to appear."""

    def happens(operation: str, key: str) -> None:
        if operation == "publish" and key.startswith(prefix):
            raise Killed

    return happens


def kill() -> None:
    raise Killed


def count_operations(tmp_path: Path, prepare: Callable[[Folder], None], adapter: Callable[[], StandIn]) -> int:
    folder = Folder(tmp_path / "counted")
    prepare(folder)
    store = Interrupted(folder.root, 0, kill)
    folder.export(adapter(), "two", store=store)
    return store.operations


EVERY = [5, pytest.param(1, marks=pytest.mark.nightly)]
"""Every how many operations something happens: all of them take a minute."""


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("how", ["the next run", "a retry", "the first run"])
def test_a_run_that_is_killed_at_any_operation_leaves_nothing_wrong(tmp_path: Path, how: str, every: int) -> None:
    def prepare(folder: Folder) -> None:
        if how != "the first run":
            folder.export(first(), "one")
            folder.wait()

    total = count_operations(tmp_path, prepare, later)
    assert total > 100
    for at in range(1 + len(how) % every, total + 1, every):
        folder = Folder(tmp_path / str(at))
        prepare(folder)
        with pytest.raises(Killed):
            folder.export(later(), "two", store=Interrupted(folder.root, at, kill))
        folder.clock.jump((LEASE + 2 * LEASE_MARGIN).total_seconds())
        folder.export(later(), "two" if how == "a retry" else "three")
        if how == "the first run":  # it never saw the rows that were deleted and moved
            assert in_order(folder.rows()) == in_order(folder.counted_by_ledger()), at
            assert folder.count("sessions") == dict.fromkeys(("emptied", "moved", "new", "revised", "same"), 1), at
        else:
            check_later(folder)
        assert folder.notes() == [], at


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("other", ["another run", "another run that is killed"])
def test_runs_at_the_same_time_agree_in_the_end(tmp_path: Path, other: str, every: int) -> None:
    """While a run is at any of its operations, another one of the same days begins and ends, or is killed."""

    def prepare(folder: Folder) -> None:
        folder.export(first(), "one")
        folder.wait()

    def beside() -> StandIn:
        adapter = later()
        adapter.results["attendance"] |= {"same": people("dora"), "revised": people("anna", "ben", "cleo")}
        adapter.held["later"] = session("later")
        return adapter

    total = count_operations(tmp_path, prepare, later)
    for at in range(1 + len(other) % every, total + 1, every):
        folder = Folder(tmp_path / str(at))
        prepare(folder)

        def happens(folder: Folder = folder, at: int = at) -> None:
            if other == "another run":
                folder.export(beside(), "beside")
            else:
                with suppress(Killed):  # or it ends before
                    folder.export(beside(), "beside", store=Interrupted(folder.root, 20 + at % 100, kill))

        try:
            folder.export(later(), "two", store=Interrupted(folder.root, at, happens))
        except SessionsError:  # the other one has taken what this one was about to write
            folder.export(later(), "two")
        if other != "another run":
            folder.clock.jump((LEASE + 2 * LEASE_MARGIN).total_seconds())
            folder.export(beside(), "three")
        expected = folder.counted_by_ledger()
        found = folder.rows()
        for rows in (expected, found):  # the rows of a deleted session stay, and its row is merged
            for name in rows:
                rows[name] = [row for row in rows[name] if row["session_id"] != "deleted"]
        assert in_order(found) == in_order(expected), at
        assert folder.count("sessions")["deleted"] == 1
        assert folder.notes() == [], at


def test_a_retry_builds_although_another_run_deletes_the_notes_of_its_first_try(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.export(first(), "one")
    with pytest.raises(Killed):
        folder.export(later(), "two", store=Watched(tmp_path, kill_after("sessions/")))
    folder.clock.jump((LEASE + 2 * LEASE_MARGIN).total_seconds())
    adapter = later()
    adapter.held["newest"] = session("newest")
    deleted: list[str] = []

    def delete(operation: str, key: str) -> None:
        """The other run has found the notes before the retry began, and deletes them before it builds."""
        if operation == "list" and key.endswith("latest/changed"):
            for note in deleted:
                (tmp_path / note).unlink(missing_ok=True)

    def retry(operation: str, key: str) -> None:
        if operation == "delete" and "/changed/" in key and "__two__" in key and not deleted:
            deleted.append(key)
            folder.export(adapter, "two", store=Watched(tmp_path, delete))

    folder.export(later(), "three", store=Watched(tmp_path, retry))
    assert deleted
    assert folder.count("sessions")["newest"] == 1
    assert folder.notes() == []


@pytest.mark.parametrize("is_first_build", [False, True])
def test_a_build_that_is_killed_after_it_replaced_files_of_a_later_one(tmp_path: Path, is_first_build: bool) -> None:
    """It has no changes of its own on that day, and the later one has deleted all other notes."""
    folder = Folder(tmp_path)
    folder.export(first(), "one", latest=not is_first_build)
    before, adapter = first(), first()
    if not is_first_build:
        before.results["attendance"]["revised"] = adapter.results["attendance"]["revised"] = people("anna")
        with pytest.raises(Killed):
            folder.export(before, "two", store=Watched(tmp_path, kill_after("attendance/")))
        folder.clock.jump((LEASE + 2 * LEASE_MARGIN).total_seconds())
    adapter.results["attendance"]["same"] = people("dora")
    done: list[str] = []

    def happens(operation: str, key: str) -> None:
        if key.startswith("latest/attendance/dt=2026-03-02") and operation == "publish" and not done:
            done.append(key)
            folder.export(adapter, "beside")
        elif done and key.startswith("latest/") and operation == "written":
            raise Killed

    with pytest.raises(Killed):
        folder.export(before, "three", store=Watched(tmp_path, happens))
    folder.clock.jump((LEASE + 2 * LEASE_MARGIN).total_seconds())
    folder.export(adapter, "four")
    assert folder.count("attendance")["same"] == 1
    assert folder.notes() == []


@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.parametrize("change", ["format", "account"])
def test_a_cleared_run_with_another_format_or_account_is_killed_and_retried(
    tmp_path: Path, change: str, kills: int
) -> None:
    folder = Folder(tmp_path)
    folder.export(StandIn.of(session("late")), "one")
    adapter = StandIn.of(session("late"), login="acme" if change == "account" else None)
    form = "csv" if change == "format" else "jsonl"
    for _ in range(kills):
        with pytest.raises(Killed):
            folder.export(adapter, "one", form=form, store=Watched(tmp_path, kill_after("sessions/")))
        folder.clock.jump((LEASE + 2 * LEASE_MARGIN).total_seconds())
    folder.export(adapter, "one", form=form)
    assert len(folder.files()) == 1
    assert folder.count("sessions") == {"late": 1}
    assert folder.notes() == []
