"""Attendance: plausible, and the same in list, statistics, CSV file and oracle."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxClock


async def rows_of(api: httpx.AsyncClient, session_id: str) -> list[dict[str, Any]]:
    return list((await api.get(f"/sessions/{session_id}/attendance")).json()["data"]["attendance"])


def seconds(row: dict[str, Any], until: str = "left_at") -> float:
    return (datetime.fromisoformat(row[until]) - datetime.fromisoformat(row["joined_at"])).total_seconds()


@pytest.fixture
def ended(sandbox: Sandbox) -> str:
    """A webinar of one hour that has ended, with its attendance ready."""
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now(), duration=3600, attendees=12)[0]
    sandbox.clock.advance(60)
    return session_id


async def test_every_kind_of_visitor_attends(ended: str, api: httpx.AsyncClient) -> None:
    rows = await rows_of(api, ended)
    assert len(rows) == 13, "twelve and the host"
    names = [row["username"] for row in rows]
    twins = [row for row in rows if names.count(row["username"]) > 1]
    assert len({row["user_id"] for row in twins}) == len({row["email"] for row in twins}) == 2
    guests = [row for row in rows if row["is_guest"]]
    assert guests
    assert all(row["email"] is None for row in guests)
    unnoticed = [row for row in rows if row["left_at"] is None]
    assert unnoticed
    assert all(row["watch_duration"] == int(seconds(row, "last_seen_at")) for row in unnoticed)
    rejoined = [row for row in rows if row["join_count"] == 2 and row["watch_duration"] < seconds(row)]
    two_devices = [row for row in rows if row["join_count"] == 2 and row["watch_duration"] > seconds(row)]
    assert rejoined
    assert two_devices, "parallel connections count twice in a platform's sum"


async def test_nobody_is_connected_before_the_start_or_after_the_end(ended: str, api: httpx.AsyncClient) -> None:
    session = (await api.get(f"/sessions/{ended}")).json()["data"]
    for row in await rows_of(api, ended):
        assert session["started_at"] <= row["joined_at"] < row["last_seen_at"] <= session["ended_at"]


async def test_list_statistics_file_and_session_agree(ended: str, sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    rows = await rows_of(api, ended)
    stats = (await api.get(f"/sessions/{ended}/attendance/stats")).json()["data"]
    session = (await api.get(f"/sessions/{ended}")).json()["data"]
    file = await api.get(f"/sessions/{ended}/attendance/export")
    assert stats["total_attendees"] == len(rows)
    assert stats["average_watch_duration"] == sum(row["watch_duration"] for row in rows) // len(rows)
    assert session["max_viewers"] == stats["peak_viewers"] <= len(rows)
    assert file.headers["content-type"].startswith("text/csv")
    exported = list(csv.DictReader(io.StringIO(file.text)))
    assert [row["Name"] for row in exported] == [row["username"] for row in rows]
    assert [int(row["Watch Duration (seconds)"]) for row in exported] == [row["watch_duration"] for row in rows]
    assert [row["Left At"] or None for row in exported] == [row["left_at"] for row in rows]
    assert sandbox.oracle()["vidinfra"][0]["content"]["attendance"] == rows


async def test_attendance_of_a_live_session_only_grows(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(started_at=sandbox.clock.now())[0]
    seen: list[set[str]] = []
    for _ in range(4):
        sandbox.clock.advance(200)
        response = (await api.get(f"/sessions/{session_id}/attendance")).json()["data"]
        seen.append({row["user_id"] for row in response["attendance"]})
        viewers = (await api.get(f"/sessions/{session_id}/viewers")).json()["data"]
        session = (await api.get(f"/sessions/{session_id}")).json()["data"]
        assert response["currently_watching"] == viewers["total"] == session["viewer_count"] > 0
    assert all(earlier <= later for earlier, later in itertools.pairwise(seen))
    assert len(seen[-1]) > len(seen[0])
    assert [viewer["role"] for viewer in viewers["viewers"]].count("host") == 1


async def test_until_attendance_is_ready_people_count_as_watching(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now())[0]
    early = (await api.get(f"/sessions/{session_id}/attendance")).json()["data"]
    assert early["currently_watching"] > 0
    sandbox.vidinfra.settings.late_attendance = "empty"
    assert await rows_of(api, session_id) == []
    sandbox.clock.advance(30)
    final = (await api.get(f"/sessions/{session_id}/attendance")).json()["data"]
    assert final["currently_watching"] == 0
    assert len([row for row in early["attendance"] if row["left_at"] is None]) > len(
        [row for row in final["attendance"] if row["left_at"] is None]
    )


async def test_a_revision_adds_a_person_and_keeps_the_others(
    ended: str, sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    before = await rows_of(api, ended)
    sandbox.vidinfra.revise(ended, "attendance")
    after = await rows_of(api, ended)
    assert [row for row in after if row in before] == before
    assert len(after) == len(before) + 1
    assert sandbox.vidinfra.session(ended)["artifacts"]["attendance"]["revision"] == 1


async def test_a_viewer_who_joins_through_the_api_is_counted(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(started_at=sandbox.clock.now(), attendees=0)[0]
    tokens = (await api.post("/auth/viewer/register", json={"display_name": "Ada"})).json()["data"]
    del api.headers["X-API-Key"]
    viewer = {"Authorization": f"Bearer {tokens['access_token']}"}
    for stay in (40, 20):
        await api.post(f"/sessions/{session_id}/join", headers=viewer)
        sandbox.clock.advance(stay)
        await api.post(f"/sessions/{session_id}/leave", headers=viewer)
        sandbox.clock.advance(10)
    row = (await rows_of_as_host(sandbox, api, session_id))[-1]
    assert (row["username"], row["join_count"], row["watch_duration"], row["is_guest"]) == ("Ada", 2, 60, True)


async def rows_of_as_host(sandbox: Sandbox, api: httpx.AsyncClient, session_id: str) -> list[dict[str, Any]]:
    headers = {"X-API-Key": sandbox.vidinfra.api_key}
    response = await api.get(f"/sessions/{session_id}/attendance", headers=headers)
    return list(response.json()["data"]["attendance"])


def test_equal_seeds_give_equal_content_and_others_do_not() -> None:
    def content(seed: int) -> Any:
        sandbox = Sandbox(seed, clock=SandboxClock.stopped())
        now = sandbox.clock.now()
        sandbox.vidinfra.create(count=3, ended_between=(now - timedelta(days=2), now))
        return sandbox.vidinfra.credentials(), sandbox.oracle()

    assert content(7) == content(7)
    assert content(7) != content(8)


def test_there_can_be_more_attendees_than_accounts(sandbox: Sandbox) -> None:
    sandbox.vidinfra.create(ended_at=sandbox.clock.now(), duration=3600, attendees=500)
    rows = sandbox.oracle()["vidinfra"][0]["content"]["attendance"]
    assert len({row["user_id"] for row in rows}) == 501
