"""Occurrences of a recurring session: each is a session with an id of its own, ``{series}:{occurrence}``."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.client.call import Call, call
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.model import Session, SessionDraft
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.platforms.description_marker import format_description
from airflow_provider_sessions.sensors.sessions import SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.triggers.sessions import SessionStateTrigger
from tests.connected import Connect, close_portal, connect, context
from tests.unit.platforms.huddle import KEY, SOON, Huddle, HuddleAdapter, Meeting, api, huddle
from tests.unit.platforms.installed import Install, install

__all__ = ["close_portal", "connect", "context", "huddle", "install"]

DAY = timedelta(days=1)


@api("GET", "/series/{series_id}/occurrences/{start}", documented=True)
def get_occurrence(series_id: str, start: str) -> Call[Meeting]:
    """Get one meeting of a series."""
    return call(Meeting)


@api("POST", "/series/{series_id}", documented=True)
def add_occurrence(series_id: str, topic: str, start: datetime, agenda: str | None) -> Call[Meeting]:
    """Add a meeting to a series."""
    return call(Meeting, body={"topic": topic, "start": start.isoformat(), "agenda": agenda})


class Recurring(HuddleAdapter):
    """Takes the ids of occurrences apart; nothing above it does."""

    async def get(self, session_id: str) -> Session:
        series_id, _, start = session_id.partition(":")
        return self._session(await self.client.send(get_occurrence(series_id, start)))

    async def create(self, draft: SessionDraft) -> Session:
        assert draft.start is not None
        return self._session(
            await self.client.send(add_occurrence("42", draft.title, draft.start, format_description(draft)))
        )


@pytest.fixture
def series(huddle: Huddle, install: Install, connect: Connect) -> Huddle:
    install("apache-huddle", {"huddle": f"{__name__}:Recurring"})
    connect("huddle_default", conn_type="huddle", host=huddle.url, password=KEY)
    return huddle


def occurrence(number: int) -> str:
    return f"42:{(SOON + number * DAY).isoformat()}"


def test_each_occurrence_is_waited_for(series: Huddle, context: dict[str, Any]) -> None:
    series.add(occurrence(0), SOON, "started")
    series.add(occurrence(1), SOON + DAY)
    wait = SessionStateSensor(task_id="wait", conn_id="huddle_default", session_id=occurrence(0), state="live")
    assert wait.execute(context)["session_id"] == occurrence(0)
    assert hook_for("huddle_default").get_session(occurrence(1)).scheduled_start == SOON + DAY


async def test_each_occurrence_is_polled(series: Huddle) -> None:
    series.add(occurrence(0), SOON, "started")
    trigger = SessionStateTrigger(
        conn_id="huddle_default", session_id=occurrence(0), state="live", poll_interval=1.0, deadline=4e9
    )
    assert trigger.serialize()[1]["session_id"] == occurrence(0)
    [event] = [event async for event in trigger.run()]
    assert event.payload["session"]["session_id"] == occurrence(0)


def test_each_occurrence_is_exported_with_files_of_its_own(
    series: Huddle, context: dict[str, Any], tmp_path: Path
) -> None:
    for number in range(3):
        series.add(occurrence(number), SOON + number * DAY, "finished", topic="Stand-up")
        series.files[occurrence(number)] = [("same", "video/mp4", b"moving %d" % number)]
    SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="huddle_default",
        path=str(tmp_path / "out"),
        start=SOON,
        end=SOON + 3 * DAY,
        datasets=["sessions", "recordings"],
    ).execute(context)
    rows = {
        dataset: [
            json.loads(line)
            for file in (tmp_path / "out").glob(f"{dataset}/*/*.jsonl")
            for line in file.read_text().splitlines()
        ]
        for dataset in ("sessions", "recordings")
    }
    for found in rows.values():
        assert sorted(row["session_id"] for row in found) == [occurrence(number) for number in range(3)]

    folders = set()
    for number in range(3):
        [downloaded] = DownloadRecordingsOperator(
            task_id="download",
            conn_id="huddle_default",
            session_id=occurrence(number),
            path=str(tmp_path / "media"),
        ).execute(context)
        path = Path(downloaded["path"])
        assert path.parent.parent == tmp_path / "media"
        assert ":" not in path.parent.name
        folders.add(path.parent)
    assert len(folders) == 3


def test_an_occurrence_is_created_once(series: Huddle, context: dict[str, Any]) -> None:
    create = CreateSessionOperator(task_id="make", conn_id="huddle_default", title="Stand-up", start=SOON)
    made = create.execute(context)
    assert made["session_id"] == occurrence(0)
    context["ti"].try_number = 2
    assert create.execute(context) == made
    assert series.requests["POST series/{id}"] == 1
