"""Ids with slashes and whatever else, over HTTP: paths of requests, addresses of pages, ledgers, files."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_sessions.hooks.prevail import PrevailHook
from airflow_provider_sessions.hooks.sessions_us import SessionsUsHook
from airflow_provider_sessions.hooks.vidinfra import VidInfraHook
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import CallApiOperator, CancelSessionOperator, UpdateSessionOperator
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.sessions_us import lookup as sessions_us
from airflow_provider_sessions.sandbox.vidinfra import lookup as vidinfra
from airflow_provider_sessions.sensors.sessions import SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.connected import Connect

pytestmark = pytest.mark.spared("3.2")

HOOKS: dict[str, Any] = {"prevail": PrevailHook, "vidinfra": VidInfraHook, "sessions_us": SessionsUsHook}
GET = {"prevail": "list_recordings", "vidinfra": "get_session", "sessions_us": "get_session"}
IDS = ["a/b", "/a//b/", "100%?#1", "Łódź/zoë & co", "..back\\slash a%2Fb", "{session_id}+;=", "x" * 120 + "/y"]


@pytest.fixture(params=["prevail", "vidinfra", "sessions_us"])
def platform(
    request: pytest.FixtureRequest, sandbox_server: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A platform behind the connection ``platform``, whose ids may be any text."""
    for module in (sessions_us, vidinfra):
        monkeypatch.setattr(module, "UUID", str)
    platform = getattr(sandbox_server.sandbox, request.param)
    extra = {"session_url": "https://live.example.com/sessions/{session_id}", "rate_limit": "1000/second"}
    platform.set_rate_limit(1000, 1)
    connect("platform", **platform.connection() | {"extra": extra})
    return platform


def called(platform: Any, made: str, name: str) -> str:
    """The session, with another id from now on: no platform of ours makes such ones."""
    held = platform.find(made)
    if platform.name == "prevail":
        platform._slugs[name] = platform._slugs.pop(held.slug)
        held.slug = name
    else:
        platform.all_sessions[name] = platform.all_sessions.pop(held.id)
        if held.id in platform._open:
            platform._open[name] = platform._open.pop(held.id)
        held.id = name
    return name


@pytest.fixture
def over(platform: Any) -> Callable[[str], str]:
    """A session that has ended and left everything, with an id."""

    def over(name: str) -> str:
        now = platform.shared.clock.now()
        (made,) = platform.create(
            "Town hall", started_at=now - timedelta(hours=30), ended_at=now - timedelta(hours=29), attendees=3
        )
        return called(platform, made, name)

    return over


@pytest.mark.parametrize("name", IDS)
def test_a_session_is_got_and_exported_once(
    platform: Any, over: Callable[[str], str], context: dict[str, Any], tmp_path: Path, name: str
) -> None:
    session_id = over(name)
    session = HOOKS[platform.name]("platform").get_session(session_id)
    assert session.session_id == session_id
    assert CallApiOperator(
        task_id="call", conn_id="platform", endpoint=GET[platform.name], arguments=_arguments(platform, session_id)
    ).execute(context)
    SessionStateSensor(
        task_id="wait", conn_id="platform", session_id=session_id, state="ended", deferrable=False
    ).execute(context)

    def export(run: str) -> dict[str, Any]:
        context["ti"].run_id = run
        window = {"start": session.ended_at - timedelta(hours=1), "end": session.ended_at + timedelta(hours=1)}
        result: dict[str, Any] = SessionsToObjectStorageOperator(
            task_id="export", conn_id="platform", path=str(tmp_path / "out"), **window
        ).execute(context)
        return result

    assert export("first")["datasets"]["sessions"]["rows"] == 1
    assert export("second")["datasets"]["sessions"]["rows"] == 0
    (file,) = (tmp_path / "out" / "sessions").rglob("*.jsonl")
    (row,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert row["session_id"] == session_id
    assert all(tmp_path in path.resolve().parents for path in tmp_path.rglob("*"))


def _arguments(platform: Any, session_id: str) -> dict[str, str]:
    return {"remote_session_id" if platform.name == "prevail" else "session_id": session_id}


@pytest.mark.parametrize("name", IDS)
def test_artifacts_of_a_session_are_in_one_folder(
    platform: Any, over: Callable[[str], str], context: dict[str, Any], tmp_path: Path, name: str
) -> None:
    session_id = over(name)
    fields = {"conn_id": "platform", "session_id": session_id, "path": str(tmp_path / "out")}
    if platform.name != "vidinfra":
        FetchTranscriptOperator(task_id="fetch", formats=["vtt"], **fields).execute(context)
    if platform.name != "sessions_us":
        DownloadRecordingsOperator(task_id="download", **fields).execute(context)
    (folder,) = (tmp_path / "out").iterdir()
    assert any(path.is_file() for path in folder.iterdir())
    assert not any(path.is_dir() for path in folder.iterdir())


@pytest.mark.parametrize("name", IDS)
def test_a_planned_session_is_updated_and_canceled(platform: Any, context: dict[str, Any], name: str) -> None:
    start = platform.shared.clock.now() + timedelta(days=2)
    (made,) = platform.create("Town hall", scheduled_start=start)
    session_id = called(platform, made, name)
    fields = {"conn_id": "platform", "session_id": session_id}
    UpdateSessionOperator(task_id="update", start=start + timedelta(days=1), **fields).execute(context)
    assert platform.find(session_id).lifecycle.scheduled_start == start + timedelta(days=1)
    assert context["ti"].xcoms["session_url"].endswith(f"/{quote(session_id, safe='')}")
    CancelSessionOperator(task_id="cancel", **fields).execute(context)
    held = platform.find(session_id)
    assert held is None or held.lifecycle.canceled_at is not None


def test_prevails_own_address_of_a_page_is_encoded(sandbox: Sandbox, sandbox_server: Any, connect: Connect) -> None:
    platform = sandbox.prevail
    connect("plain", **platform.connection())
    (made,) = platform.create("Town hall")
    session = PrevailHook("plain").get_session(called(platform, made, "a/b?c#d"))
    assert str(session.url).endswith("/sessions/a%2Fb%3Fc%23d")
