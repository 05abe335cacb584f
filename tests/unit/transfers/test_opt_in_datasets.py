"""Datasets that are exported only where they are named: polls, chat, bookings, events and registrations, over HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_sessions.errors import PermissionDeniedError, UnsupportedError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import EntryStatus
from airflow_provider_sessions.export.repair import repair, verify
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect, requests_of
from tests.databases import Place, fields_of, sqlite

__all__ = ["sqlite"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)
OF_PLATFORM = {"vidinfra": "polls,chat_messages", "sessions_us": "bookings,events,registrations"}
Export = Callable[..., dict[str, Any]]


@pytest.fixture(params=["jsonl", "csv", "parquet", "tables"])
def export(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    context: dict[str, Any],
    connect: Connect,
    sandbox_server: SandboxServer,
    sqlite: Place,
) -> Export:
    """Export the day of a session that has everything, and of one that has nothing of the kind."""
    connect("warehouse", **fields_of(sqlite))
    sandbox_server.sandbox.sessions_us.set_rate_limit(1000, 1)
    more: dict[str, dict[str, Any]] = {
        "vidinfra": {"polls": 2, "chat_messages": 120},
        "sessions_us": {"booked": True, "is_event": True},
    }
    for name, fields in more.items():
        platform = sandbox_server.sandbox.platform(name)
        connect(f"{name}_here", **platform.connection() | {"extra": {"rate_limit": "1000/s"}})
        for hour, given in ((8, fields), (10, {})):
            times = {"started_at": DAY + timedelta(hours=hour), "ended_at": DAY + timedelta(hours=hour + 1)}
            platform.create(**times, attendees=4, **given)

    def export(platform: str, run: str = "night 1", **fields: Any) -> dict[str, Any]:
        context["ti"].run_id = run
        given = {"conn_id": f"{platform}_here", "datasets": OF_PLATFORM[platform], **fields}
        if request.param == "tables":
            into: Any = SessionsToSqlOperator(task_id="export", sql_conn_id="warehouse", **given)
        else:
            path = str(tmp_path / "out")
            into = SessionsToObjectStorageOperator(task_id="export", path=path, format=request.param, **given)
        result: dict[str, Any] = into.execute(context)
        return result

    def read(dataset: str) -> list[dict[str, Any]]:
        """Return the rows of a dataset, as texts."""
        if request.param == "tables":
            found = [dict(row._mapping) for row in sqlite.rows(f"SELECT * FROM {{schema}}{dataset}")]
        else:
            [file] = (tmp_path / "out").glob(f"{dataset}/*/*")
            source = f"read_csv('{file}', all_varchar = true)" if file.suffix == ".csv" else f"'{file}'"
            table = duckdb.sql(f"from {source}")
            found = [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
        return [{name: None if value is None else str(value) for name, value in row.items()} for row in found]

    export.read = read  # type: ignore[attr-defined]
    return export


def ids(sandbox: Sandbox, platform: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with_all, without = sandbox.platform(platform).oracle()
    return with_all, without


def test_polls_and_messages_are_those_of_the_platform(export: Any, sandbox: Sandbox) -> None:
    result = export("vidinfra")
    session, other = ids(sandbox, "vidinfra")
    options = [
        (poll, number, one) for poll in session["content"]["polls"] for number, one in enumerate(poll["options"])
    ]
    assert sorted((row["poll_id"], row["seq"], row["question"], row["option_text"], row["votes"], row["status"])
                  for row in export.read("polls")) == sorted(
        (poll["id"], str(number), poll["question"], one["text"], str(one["vote_count"]), poll["status"])
        for poll, number, one in options
    )  # fmt: skip
    messages = export.read("chat_messages")
    assert len(messages) == 120
    sent = {one["id"]: one for one in session["content"]["chat"]}
    for row in messages:
        one = sent[row["message_id"]]
        assert (row["session_id"], row["sender_name"]) == (session["id"], one["username"])
        assert row["sender_key"] == f"account:{one['user_id']}"
        assert row["text"].removeprefix("'") == one["message"]
        assert row["recipient_name"] == one["recipient_username"]
    assert (result["pending"], result["absent"]) == ({}, {})
    assert other["id"] not in {row["session_id"] for row in messages}


def test_bookings_events_and_registrations_belong_to_their_session(export: Any, sandbox: Sandbox) -> None:
    export("sessions_us")
    session, _ = ids(sandbox, "sessions_us")
    [booking], [event] = session["content"]["bookings"], session["content"]["events"]
    [row] = export.read("bookings")
    assert (row["session_id"], row["booking_id"]) == (session["id"], booking["id"])
    assert row["participant_email"] == booking["participant_email"]
    assert json.loads(row["answers"])[1] == ["What about?", "Prices"]
    assert row["booking_page_id"] == sandbox.sessions_us.booking_page_id
    [row] = export.read("events")
    assert (row["session_id"], row["event_id"], row["title"]) == (session["id"], event["id"], session["title"])
    assert row["is_published"].lower() in ("true", "1")
    people = {
        (one["user"] or one["guest"])["email"] for one in session["content"]["participants"] if not one["isOwner"]
    }
    registered = export.read("registrations")
    assert {row["email"] for row in registered} == people
    assert {row["event_id"] for row in registered} == {event["id"]}
    names = requests_of(sandbox)
    assert (names.count("list_bookings"), names.count("list_events")) == (1, 1)
    assert names.count("list_participants") == 1


@pytest.mark.parametrize("platform", OF_PLATFORM)
def test_nothing_of_them_is_requested_unless_they_are_named(export: Any, sandbox: Sandbox, platform: str) -> None:
    result = export(platform, datasets=None)
    assert not result["datasets"].keys() & set(OF_PLATFORM[platform].split(","))
    opt_in = {"list_polls", "list_chat_messages", "list_bookings", "list_events"}
    assert not opt_in & set(requests_of(sandbox))


@pytest.mark.parametrize("status", [404, 405])
def test_an_endpoint_that_does_not_exist_makes_its_dataset_absent_and_never_fails_the_night(
    export: Any, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.WARNING)
    sandbox.faults.add("status", status=status, route="list_polls", times=None)
    result = export("vidinfra", datasets="sessions,polls,chat_messages")
    assert result["absent"] == {"polls": 2}
    rows = {name: sums["rows"] for name, sums in result["datasets"].items()}
    assert rows == {"sessions": 2, "polls": 0, "chat_messages": 120}
    assert "has no polls" in caplog.text
    assert "correct it in the field 'paths'" in caplog.text
    if "record" in result:
        reasons = json.loads(Path(result["record"]).read_text())["absent"].values()
        assert all("list_polls" in one["polls"] for one in reasons)
    else:
        assert result["ledger"]
    sandbox.faults.clear()
    again = export("vidinfra", datasets="sessions,polls,chat_messages")
    assert (again["absent"], again["datasets"]["polls"]["rows"]) == ({}, len(export.read("polls")))
    assert export.read("polls")


def test_a_missing_right_fails_the_export(export: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", status=403, route="list_chat_messages", times=None)
    with pytest.raises(PermissionDeniedError):
        export("vidinfra")


def test_a_poll_that_cannot_be_read_costs_no_other_dataset(export: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("edit", route="list_polls", changes={"data.polls.*.status": "paused"}, times=None)
    result = export("vidinfra", give_up_after="P3650D")
    assert result["pending"] == {"polls": 1}
    assert result["datasets"]["chat_messages"]["rows"] == 120


@pytest.mark.parametrize(("platform", "dataset"), [("vidinfra", "bookings"), ("sessions_us", "chat_messages")])
def test_what_a_platform_lacks_is_refused_before_any_request(
    export: Any, sandbox: Sandbox, platform: str, dataset: str
) -> None:
    with pytest.raises(UnsupportedError, match=dataset):
        export(platform, datasets=dataset)
    assert requests_of(sandbox) == []


@pytest.mark.parametrize("export", ["jsonl"], indirect=True)
def test_a_hook_returns_the_same(export: Any, sandbox: Sandbox) -> None:
    webinar, meeting = ids(sandbox, "vidinfra")[0], ids(sandbox, "sessions_us")[0]
    hook = hook_for("vidinfra_here")
    assert [poll.poll_id for poll in hook.polls(webinar["id"])] == [one["id"] for one in webinar["content"]["polls"]]
    assert len(hook.chat_messages(webinar["id"])) == 120
    hook = hook_for("sessions_us_here")
    [booking], [event] = hook.bookings(meeting["id"]), hook.events(meeting["id"])
    assert booking.booking_id == meeting["content"]["bookings"][0]["id"]
    registered = hook.registrations(meeting["id"])
    assert registered
    assert {one.event_id for one in registered} == {event.event_id}


@pytest.mark.parametrize("export", ["jsonl"], indirect=True)
def test_a_repair_writes_what_came_late_and_what_changed(export: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    """Also what is opt-in, as far as it was exported."""
    sandbox.faults.add("edit", route="list_polls", changes={"data.polls.*.status": "paused"}, times=None)
    export("vidinfra", give_up_after="P3650D")
    sandbox.faults.clear()
    hook = hook_for("vidinfra_here")
    target = FileTarget(LocalStore(tmp_path / "out"), FORMATS["jsonl"], RunId("repair", "1", "repair"))
    session, _ = ids(sandbox, "vidinfra")
    assert [(one.dataset, one.status) for one in verify(hook, target)] == [("polls", EntryStatus.PENDING)]
    written = repair(hook, target)
    assert written.datasets["polls"]["rows"] == len(export.read("polls")) == 6
    assert written.datasets["chat_messages"]["rows"] == 0
    session["content"]["polls"][0]["options"][0]["vote_count"] += 1
    polls = parse_datasets("polls")
    [finding] = verify(hook, target, datasets=polls)
    assert (finding.dataset, finding.status) == ("polls", EntryStatus.EXPORTED)
    assert verify(hook, target) == []
