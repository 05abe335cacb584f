"""Tasks that are deferred until the rate limit allows their requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from airflow_provider_sessions.errors import RateLimitedError, ServerError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators import _create
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CancelSessionOperator,
    CreateSessionOperator,
    EndSessionOperator,
    StartSessionOperator,
    UpdateSessionOperator,
)
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.connected import Connect, RecordingTaskInstance, requests_of
from tests.unit.operators.attempts import RUN_AFTER, START, Place, places


class LimitUsage:
    """The use of the rate limit of a connection's account."""

    def __init__(self, conn_id: str, folder: Path) -> None:
        self._conn_id = conn_id
        self._folder = folder

    def use_up(self) -> None:
        """Use up the window."""
        hook = hook_for(self._conn_id)
        limiter = adapter_class(hook.conn_type).get_limiter(hook.account)

        async def use_up() -> None:
            while await limiter.reserve(TrafficClass.CALL, max_wait=0) is not None:
                await limiter.admit()

        asyncio.run(use_up())

    def reset(self) -> None:
        """Reset the limit, as if time had passed."""
        for page in self._folder.glob("*.rate"):
            page.unlink()


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], LimitUsage]:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
    return lambda conn_id: LimitUsage(conn_id, tmp_path / "rates")


@pytest.fixture(params=["prevail", "vidinfra", "sessions_us"])
def place(request: pytest.FixtureRequest, sandbox_server: SandboxServer, connect: Connect) -> Place:
    return _limited(sandbox_server.sandbox, request.param, connect)


@pytest.fixture
def webinars(sandbox_server: SandboxServer, connect: Connect) -> Place:
    return _limited(sandbox_server.sandbox, "vidinfra", connect)


def _limited(sandbox: Sandbox, name: str, connect: Connect) -> Place:
    place = places(sandbox)[name]
    connect(place.conn_id, **{**place.connection(), "extra": {"rate_limit": "10/minute"}})
    return place


def create(place: Place, **fields: Any) -> CreateSessionOperator:
    given = {"title": "Town hall", "start": START, **place.fields, **fields}
    return CreateSessionOperator(task_id="create", conn_id=place.conn_id, **given)


def context(map_index: int = -1, try_number: int = 1) -> dict[str, Any]:
    ti = RecordingTaskInstance(map_index=map_index, try_number=try_number)
    return {"ti": ti, "dag_run": SimpleNamespace(run_after=RUN_AFTER)}


def deferral(work: Callable[..., Any], *arguments: Any, **kwargs: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        work(*arguments, **kwargs)
    return deferred.value


def wait_of(deferred: TaskDeferred) -> float:
    assert isinstance(deferred.trigger, DateTimeTrigger)
    return float((deferred.trigger.moment - datetime.now(UTC)).total_seconds())


def resume(operator: Any, deferred: TaskDeferred, context: dict[str, Any]) -> Any:
    """Resume as Airflow does after the trigger's event."""
    return operator.resume_execution(deferred.method_name, {**(deferred.kwargs or {}), "event": None}, context)


def test_a_create_is_deferred_and_then_creates_one_session(
    place: Place, sandbox: Sandbox, usage: Callable[[str], LimitUsage], caplog: pytest.LogCaptureFixture
) -> None:
    usage(place.conn_id).use_up()
    operator = create(place)
    with caplog.at_level(logging.INFO):
        deferred = deferral(operator.execute, context())

    assert 50 < wait_of(deferred) <= 61
    assert requests_of(sandbox) == []
    (message,) = [text for text in caplog.messages if text.startswith("Deferred for")]
    assert "the account allows 10 requests per minute; the next request can be sent at" in message

    usage(place.conn_id).reset()
    made = resume(operator, deferred, context())
    assert place.alive() == [made["session_id"]]
    assert operator.execute(context())["session_id"] == made["session_id"]


def test_each_deferred_task_has_its_own_time(webinars: Place, usage: Callable[[str], LimitUsage]) -> None:
    usage(webinars.conn_id).use_up()
    deferrals = [deferral(create(webinars).execute, context(number)) for number in range(8)]

    waits = [round(wait_of(deferred) / 60) for deferred in deferrals]
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert waits[-1] >= 3  # eight tasks of three requests each, at most ten per minute
    assert all(waits.count(minute) <= 3 for minute in waits)


@pytest.mark.parametrize("route", ["list_room_sessions", "create_session"])
def test_a_refusal_during_the_work_defers_as_well(
    webinars: Place, sandbox: Sandbox, usage: Callable[[str], LimitUsage], route: str
) -> None:
    sandbox.faults.add("status", route=route, status=429, headers={"Retry-After": "300"})
    operator = create(webinars)
    deferred = deferral(operator.execute, context())

    assert 290 < wait_of(deferred) <= 301
    assert webinars.alive() == []
    usage(webinars.conn_id).reset()
    made = resume(operator, deferred, context())
    assert webinars.alive() == [made["session_id"]]
    assert sandbox.log.count(route="create_session") == 1 + (route == "create_session")


def test_a_create_that_may_have_been_carried_out_is_searched_for_after_the_deferral(
    webinars: Place, sandbox: Sandbox, usage: Callable[[str], LimitUsage]
) -> None:
    busy = {"status": 503, "headers": {"Retry-After": "120"}, "carried_out": True}
    sandbox.faults.add("status", route="create_session", **busy)
    operator = create(webinars)
    deferred = deferral(operator.execute, context())

    assert wait_of(deferred) > 110
    usage(webinars.conn_id).reset()
    made = resume(operator, deferred, context())
    assert webinars.alive() == [made["session_id"]]
    assert sandbox.log.count(route="create_session") == 1


@pytest.mark.parametrize("is_moved", [False, True], ids=["same host", "another host"])
@pytest.mark.parametrize(
    ("route", "fault"),
    [("add_participants", {"status": 429}), ("create_session", {"status": 503, "carried_out": True})],
    ids=["created", "unclear"],
)
def test_a_try_that_is_deferred_recreates_its_session_once(
    sandbox_server: SandboxServer,
    usage: Callable[[str], LimitUsage],
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    route: str,
    fault: dict[str, Any],
    is_moved: bool,
) -> None:
    monkeypatch.setattr(_create, "_TICK_SECONDS", 0.0)
    sandbox = sandbox_server.sandbox
    sandbox.sessions_us.remove_rate_limit()
    meetings = _limited(sandbox, "sessions_us", connect)
    operator = create(meetings, on_existing="recreate", participants=["ada@example.com"])
    first = operator.execute(context())["session_id"]
    usage(meetings.conn_id).reset()
    sandbox.log.clear()
    sandbox.faults.add("status", route=route, headers={"Retry-After": "120"}, **fault)
    deferred = deferral(operator.execute, context(try_number=2))
    [second] = meetings.alive()
    usage(meetings.conn_id).reset()
    for path in tmp_path.glob("rates/*.json") if is_moved else ():
        path.unlink()

    assert resume(operator, deferred, context(try_number=2))["session_id"] == second != first
    assert meetings.alive() == [second]
    assert (sandbox.log.count(route="delete_session"), sandbox.log.count(route="create_session")) == (1, 1)
    usage(meetings.conn_id).reset()
    assert operator.execute(context(try_number=3))["session_id"] != second, "another try recreates it"
    assert second not in meetings.alive()


def test_without_a_known_limit_tasks_resume_at_different_times(
    webinars: Place, sandbox: Sandbox, usage: Callable[[str], LimitUsage], connect: Connect
) -> None:
    connect(webinars.conn_id, **webinars.platform.connection())
    sandbox.faults.add("status", status=429, headers={"Retry-After": "90"})
    waits = {wait_of(deferral(create(webinars).execute, context(number))) for number in range(5)}

    assert requests_of(sandbox) == ["list_room_sessions"]
    assert 89 < min(waits) <= max(waits) <= 95
    assert max(waits) - min(waits) > 0.1


SESSION = {"session_id": "any"}
OPERATORS = [
    (UpdateSessionOperator, {**SESSION, "start": START}),
    (StartSessionOperator, SESSION),
    (EndSessionOperator, SESSION),
    (CancelSessionOperator, SESSION),
    (CallApiOperator, {"endpoint": "list_rooms"}),
    (FetchTranscriptOperator, {**SESSION, "path": "/tmp/t"}),
    (DownloadRecordingsOperator, {**SESSION, "path": "/tmp/t"}),
    (SessionsToObjectStorageOperator, {"path": "/tmp/t", "start": START, "end": START + timedelta(days=1)}),
]


@pytest.mark.parametrize(("kind", "fields"), OPERATORS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_operator_is_deferred(
    webinars: Place,
    sandbox_server: SandboxServer,
    usage: Callable[[str], LimitUsage],
    connect: Connect,
    kind: Any,
    fields: Any,
) -> None:
    place = webinars
    if kind is FetchTranscriptOperator:  # VidInfra has no transcripts
        place = _limited(sandbox_server.sandbox, "prevail", connect)
    usage(place.conn_id).use_up()
    operator = kind(task_id="task", conn_id=place.conn_id, **fields)

    assert 50 < wait_of(deferral(operator.execute, context())) <= 61
    assert requests_of(sandbox_server.sandbox) == []


def test_an_export_resumes_after_its_deferral(
    webinars: Place, sandbox_server: SandboxServer, usage: Callable[[str], LimitUsage], tmp_path: Path
) -> None:
    usage(webinars.conn_id).use_up()
    [webinar] = sandbox_server.sandbox.vidinfra.create(
        "Town hall", started_at="2026-03-02T14:00:00Z", ended_at="2026-03-02T14:45:00Z"
    )
    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id=webinars.conn_id,
        path=tmp_path.as_uri(),
        start="2026-03-02T00:00:00Z",
        end="2026-03-03T00:00:00Z",
    )
    deferred = deferral(export.execute, context())
    assert not list(tmp_path.glob("sessions/**/*.jsonl"))

    usage(webinars.conn_id).reset()
    message = resume(export, deferred, context())
    assert message["sessions"] == 1
    assert webinar in next(tmp_path.glob("sessions/**/*.jsonl")).read_text()


def test_a_task_that_may_not_be_deferred_fails_and_says_when_to_retry(
    webinars: Place, usage: Callable[[str], LimitUsage], connect: Connect
) -> None:
    connect(webinars.conn_id, **{**webinars.connection(), "extra": {"rate_limit": "1/hour"}})
    usage(webinars.conn_id).use_up()
    with pytest.raises(RateLimitedError, match="the account allows 1 request per hour") as caught:
        create(webinars, deferrable=False).execute(context())
    assert caught.value.retry_after == pytest.approx(3600, abs=30)


def test_a_task_is_deferred_no_longer_than_its_timeout(webinars: Place, usage: Callable[[str], LimitUsage]) -> None:
    usage(webinars.conn_id).use_up()
    with pytest.raises(RateLimitedError):
        create(webinars, execution_timeout=timedelta(seconds=40)).execute(context())

    operator = create(webinars, execution_timeout=timedelta(seconds=90))
    deferred = deferral(operator.execute, context())
    late = {**(deferred.kwargs or {}), "began": deferred.kwargs["began"] - 60, "slots": 0}  # type: ignore[index]
    with pytest.raises(RateLimitedError):
        operator.execute_in_slot(context(), **late)


def test_a_platform_that_always_refuses_ends_the_deferrals(webinars: Place, sandbox: Sandbox, usage: Any) -> None:
    sandbox.faults.add("status", status=429, headers={"Retry-After": "20"}, times=None)
    operator = create(webinars)
    deferred = deferral(operator.execute, context())
    for _ in range(19):
        usage(webinars.conn_id).reset()
        deferred = deferral(resume, operator, deferred, context())
    usage(webinars.conn_id).reset()
    with pytest.raises(RateLimitedError):
        resume(operator, deferred, context())
    assert len(requests_of(sandbox)) == 21


def test_a_call_that_may_have_been_carried_out_is_not_repeated(
    webinars: Place, sandbox: Sandbox, usage: Callable[[str], LimitUsage]
) -> None:
    busy = {"status": 503, "headers": {"Retry-After": "120"}, "carried_out": True}
    sandbox.faults.add("status", route="create_room", **busy)
    operator = CallApiOperator(
        task_id="call", conn_id=webinars.conn_id, endpoint="create_room", arguments={"title": "A room"}
    )
    with pytest.raises(ServerError):
        operator.execute(context())
