"""Requests that fail for one session, for the account, or for all, and deleted sessions: what waits notice of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.polling.subscriptions import SessionList
from airflow_provider_sessions.polling.wait import poll_once
from airflow_provider_sessions.polling.wait_conditions import (
    FailureLimits,
    PollHistory,
    StateCondition,
    WaitStatus,
    evaluate_condition,
)
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from tests.unit.polling.conftest import PollerHarness

LIVE, ENDED, CANCELED = SessionState.LIVE, SessionState.ENDED, SessionState.CANCELED
ERROR = {"body": {"success": False, "error": "broken"}}


def connect_to(harness: PollerHarness, name: str) -> Any:
    """Let the harness wait on another platform, and return its sandbox, which has no rate limit."""
    platform = getattr(harness.sandbox, name)
    if name == "sessions_us":
        platform.remove_rate_limit()

    async def connect(current: Adapter | None) -> Adapter:
        return current or adapter_class(name).open(
            Account(f"{name}_default", **{**platform.connection(), "extra": {"rate_limit": "1000/s"}}),
            clock=harness.clock,
            traffic_class=TrafficClass.POLL,
            attempts=1,
            max_wait=300.0,
            transport=httpx.ASGITransport(harness.sandbox.app),
        )

    harness.connect = connect  # type: ignore[method-assign]
    return platform


@pytest.mark.parametrize("status", [500, 403, 400])
@pytest.mark.parametrize(("name", "newer"), [("vidinfra", 700), ("sessions_us", 100), ("prevail", 1)])
async def test_session_that_responds_with_an_error_fails_alone(
    harness: PollerHarness, name: str, newer: int, status: int
) -> None:
    """The newer sessions fill the first pages of the list, so that the older ones are requested one by one."""
    platform = connect_to(harness, name)
    [broken, healthy] = [platform.create(title)[0] for title in ("Broken", "Healthy")]
    await harness.advance(60)
    platform.create("Newer", count=newer)
    waits = {key: harness.start_wait(key, poll_interval=60) for key in (broken, healthy)}
    await harness.advance(100)
    harness.sandbox.faults.add("status", status=status, times=None, platform=name, path=f"*/{broken}*", **ERROR)
    if name == "prevail":  # recordings are requested of a session that may have ended
        platform.start(broken)
        platform.start(healthy)
    await harness.advance(3 * 3600)

    assert waits[broken].result().status is WaitStatus.FAILED
    assert f"responded with {status}" in waits[broken].result().message
    assert not waits[healthy].done()
    if name != "prevail":
        platform.start(healthy)
    platform.end(healthy)
    await harness.advance(3600)
    assert waits[healthy].result().status is WaitStatus.SUCCESS


async def test_id_that_is_none_fails_alone(harness: PollerHarness) -> None:
    platform = connect_to(harness, "prevail")
    [session_id] = platform.create()
    invalid = [harness.start_wait("two words"), harness.start_wait("")]
    healthy = harness.start_wait(session_id, LIVE)
    platform.start(session_id)
    await harness.advance(300)

    assert [wait.result().status for wait in invalid] == [WaitStatus.FAILED] * 2
    assert healthy.result().status is WaitStatus.SUCCESS


async def test_outage_costs_a_few_requests_per_poll(harness: PollerHarness) -> None:
    platform = connect_to(harness, "sessions_us")
    sessions = platform.create(count=30)
    await harness.advance(60)
    platform.create(count=2000)
    waits = [harness.start_wait(session_id, failures=3) for session_id in sessions]
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=503, times=None, route="get_session", **ERROR)
    harness.sandbox.log.clear()
    await harness.advance(31)
    assert harness.requests() == ["get_session"] * 5

    await harness.advance(300)
    assert {wait.result().status for wait in waits} == {WaitStatus.FAILED}


async def test_waits_end_although_some_requests_of_each_poll_are_refused(harness: PollerHarness) -> None:
    """Another program uses the account, too. Some of the sessions are beyond the pages that a poll can read."""
    platform = connect_to(harness, "sessions_us")
    sessions = platform.create(count=15)
    await harness.advance(60)
    platform.create(count=1000)
    for number in range(60):
        harness.sandbox.faults.add(
            "status", status=429, times=1, skip=10 * number + 9, platform="sessions_us", headers={"Retry-After": "5"}
        )
    waits = [harness.start_wait(session_id, LIVE, poll_interval=60) for session_id in sessions]
    await harness.advance(60)
    for session_id in sessions:
        platform.start(session_id)
    await harness.advance(1200)

    assert [wait.done() and wait.result().status for wait in waits] == [WaitStatus.SUCCESS] * 15


async def test_poll_that_is_refused_halfway_delivers_what_it_has_read(harness: PollerHarness) -> None:
    platform = connect_to(harness, "sessions_us")
    sessions = platform.create(count=4)
    await harness.advance(60)
    platform.create(count=1000)
    waits = [harness.start_wait(session_id, LIVE) for session_id in sessions]
    await harness.advance(100)
    for session_id in sessions:
        platform.start(session_id)
    headers = {"Retry-After": "600"}
    harness.sandbox.faults.add("status", status=429, skip=2, route="get_session", headers=headers)
    harness.sandbox.log.clear()
    await harness.advance(60)
    assert sum(wait.done() for wait in waits) == 2
    assert len(harness.requests()) == 3, "no more requests while the platform refuses them"

    await harness.advance(600)
    assert {wait.result().status for wait in waits} == {WaitStatus.SUCCESS}


async def test_session_whose_requests_are_always_refused_delays_no_other(harness: PollerHarness) -> None:
    platform = connect_to(harness, "sessions_us")
    sessions = platform.create(count=4)
    await harness.advance(60)
    platform.create(count=1000)
    harness.sandbox.faults.add("status", status=429, times=None, path=f"*/{sessions[0]}", headers={"Retry-After": "5"})
    waits = [harness.start_wait(session_id, LIVE) for session_id in sessions]
    await harness.advance(100)
    for session_id in sessions:
        platform.start(session_id)
    await harness.advance(600)

    assert [wait.done() for wait in waits] == [False, True, True, True]


@pytest.mark.parametrize("broken_count", [1, 8])
async def test_broken_artifact_lets_no_other_miss_its_final_poll(harness: PollerHarness, broken_count: int) -> None:
    """All have the same deadline, and the healthy artifact becomes ready after the last poll before it."""
    vidinfra = harness.sandbox.vidinfra
    script = {"artifacts_after": 3550, "recording": "completed"}
    *broken, healthy = [vidinfra.create(f"Webinar {number}", script=script)[0] for number in range(broken_count + 1)]
    for session_id in (*broken, healthy):
        vidinfra.start(session_id)
        vidinfra.end(session_id)
    for session_id in broken:
        path = f"*/sessions/{session_id}/recordings*"
        harness.sandbox.faults.add("status", status=500, times=None, path=path, **ERROR)
    *failing, wait = [
        harness.start_wait(session_id, Artifact.RECORDING, poll_interval=600, timeout=3600, failures=100)
        for session_id in (*broken, healthy)
    ]
    await harness.advance(4000)

    assert wait.result().status is WaitStatus.SUCCESS
    assert {one.result().status for one in failing} == {WaitStatus.TIMEOUT}


async def test_artifacts_have_their_turn_although_the_sessions_are_refused(harness: PollerHarness) -> None:
    """Every fourth request of the account is refused, and the sessions take ten."""
    platform = connect_to(harness, "sessions_us")
    script = {"artifacts_after": 300}
    [ended] = platform.create(ended_at=harness.clock.now(), duration=1800, script=script)
    sessions = platform.create(count=10)
    await harness.advance(60)
    platform.create(count=1000)
    transcript = harness.start_wait(ended, Artifact.TRANSCRIPT, poll_interval=60)
    await harness.advance(10)
    for number in range(500):
        harness.sandbox.faults.add(
            "status", status=429, times=1, skip=4 * number + 3, platform="sessions_us", headers={"Retry-After": "5"}
        )
    for session_id in sessions:
        harness.start_wait(session_id, LIVE, poll_interval=60)
    await harness.advance(1800)

    assert transcript.done()
    assert transcript.result().status is WaitStatus.SUCCESS


async def test_artifacts_are_not_requested_after_a_refused_request(harness: PollerHarness) -> None:
    vidinfra = harness.sandbox.vidinfra
    ended, *sessions = vidinfra.create(count=4)
    vidinfra.start(ended)
    vidinfra.end(ended)
    harness.start_wait(ended, Artifact.RECORDING)
    harness.start_wait(sessions[0], LIVE)
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=429, times=None, route="get_session", headers={"Retry-After": "5"})
    harness.sandbox.log.clear()
    await harness.advance(31)

    assert harness.requests() == ["get_session"]


@pytest.mark.parametrize("name", ["vidinfra", "sessions_us"])
async def test_wait_for_canceled_succeeds_where_canceling_deletes(harness: PollerHarness, name: str) -> None:
    platform = connect_to(harness, name)
    [session_id] = platform.create("Launch", scheduled_start=harness.clock.now() + timedelta(days=1))
    canceled, live = harness.start_wait(session_id, CANCELED), harness.start_wait(session_id, LIVE)
    await harness.advance(10)
    await (await harness.connect(None)).cancel(session_id)
    await harness.advance(2 * 3600)

    result = canceled.result()
    assert result.status is WaitStatus.SUCCESS
    assert "has been deleted" in result.message
    assert result.session is not None
    assert (result.session.state, result.session.title) == (CANCELED, "Launch")
    assert live.result().status is WaitStatus.UNREACHABLE


async def test_wait_for_canceled_continues_after_a_restart(harness: PollerHarness) -> None:
    """The session was deleted meanwhile; an unknown id, which was never found, is no canceled session."""
    [session_id] = harness.sandbox.vidinfra.create()
    harness.sandbox.vidinfra.delete(session_id)
    found, unknown = harness.start_wait(session_id, CANCELED, seen=True), harness.start_wait(session_id, CANCELED)
    await harness.advance(300)

    result = found.result()
    assert result.status is WaitStatus.SUCCESS
    assert result.to_event()["session"]["state"] == "canceled"
    assert unknown.result().status is WaitStatus.FAILED


async def test_poll_without_a_poller_shows_that_a_session_was_deleted(harness: PollerHarness) -> None:
    """As sensors poll that are not deferred."""
    [session_id] = harness.sandbox.vidinfra.create()
    adapter, condition = await harness.connect(None), StateCondition(CANCELED)
    history = PollHistory().add(await poll_once(adapter, condition, session_id))
    await adapter.cancel(session_id)
    for _ in range(3):
        polled = await poll_once(adapter, condition, session_id)
        history = history.add(polled)

    assert evaluate_condition(condition, polled, history, FailureLimits()).status is WaitStatus.SUCCESS


@pytest.mark.parametrize("name", ["sessions_us", "prevail"])
async def test_list_shows_a_session_whose_own_request_fails(harness: PollerHarness, name: str) -> None:
    """It is requested by itself for what the list leaves out: whether it is live, or has recordings."""
    platform = connect_to(harness, name)
    plan: dict[str, Any] = {"scheduled_start": harness.clock.now()}
    if name == "sessions_us":
        platform.settings.list_actual_start = False
    else:
        plan["estimated_duration"] = 0.5
    [broken, healthy] = [platform.create(title, **plan)[0] for title in ("Broken", "Healthy")]
    platform.start(broken)
    await harness.advance(2700)
    harness.sandbox.faults.add("status", status=500, times=None, path=f"*/{broken}*", **ERROR)
    day = timedelta(days=1)
    async with harness.poller().subscribe_to_list(SessionList(back=day, ahead=day), 30.0) as subscription:
        polled = asyncio.ensure_future(subscription.get())
        await harness.advance(10)

    sessions = polled.result().sessions
    assert sessions is not None
    assert {session.session_id for session in sessions} == {broken, healthy}
    assert harness.sandbox.log.entries(path=f"*/{broken}*")
