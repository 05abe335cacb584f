"""The final poll at the deadline of a wait: between polls, after failures, under a rate limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.polling.wait_conditions import WaitResult, WaitStatus
from tests.unit.polling.conftest import PollerHarness

LIVE, ENDED = SessionState.LIVE, SessionState.ENDED
DAY = 86400.0


def create_planned(harness: PollerHarness, after: float, **more: Any) -> str:
    """Create a session that is planned to start after this many seconds."""
    [made] = harness.sandbox.vidinfra.create(
        "Launch", scheduled_start=harness.clock.now() + timedelta(seconds=after), **more
    )
    harness.sandbox.log.clear()
    return str(made)


def assert_ended(wait: asyncio.Task[WaitResult], status: WaitStatus) -> WaitResult:
    assert wait.done()
    assert wait.result().status is status, wait.result().message
    return wait.result()


@pytest.mark.parametrize("start", [3600, 30 * DAY])
@pytest.mark.parametrize(("poll_interval", "after"), [(5, 20), (600, 20), (600, 599), (60, 61), (1, 2)])
async def test_final_poll_finds_session_that_started_between_polls(
    harness: PollerHarness, start: float, poll_interval: float, after: float
) -> None:
    session_id = create_planned(harness, start)
    wait = harness.start_wait(session_id, LIVE, poll_interval=poll_interval, timeout=after)
    await harness.advance(after - 0.5)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(0.4)
    assert not wait.done()
    await harness.advance(0.1)

    assert_ended(wait, WaitStatus.SUCCESS)
    assert harness.requests() == ["get_session"] * 2


async def test_wait_times_out_after_the_final_poll(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)
    wait = harness.start_wait(session_id, LIVE, timeout=20)
    await harness.advance(20)

    result = assert_ended(wait, WaitStatus.TIMEOUT)
    assert result.message == (
        f"Waited for state 'live' of session {session_id} until 2026-03-02T15:00:20+00:00: the session was scheduled"
    )
    assert len(harness.requests()) == 2


async def test_final_poll_finds_artifact_that_became_ready_between_polls(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create(
        "Launch",
        ended_at=harness.clock.now() - timedelta(days=2),
        script={"artifacts_after": 2 * DAY + 95, "recording": "completed"},
    )
    wait = harness.start_wait(session_id, Artifact.RECORDING, poll_interval=30, timeout=100)
    await harness.advance(99)
    assert not wait.done()
    await harness.advance(1)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_backoff_does_not_delay_the_final_poll(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)
    wait = harness.start_wait(session_id, LIVE, poll_interval=30, timeout=200)
    harness.sandbox.faults.add("status", status=503, times=3)  # at 0, 30 and 90; the next would come at 210
    await harness.advance(199)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(1)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_failure_to_read_the_connection_does_not_delay_the_final_poll(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)

    def fail() -> None:
        raise OSError("no route to the metadata database")

    harness.on_connect = fail
    wait = harness.start_wait(session_id, LIVE, poll_interval=30, timeout=200)
    await harness.advance(195)
    harness.on_connect = lambda: None
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(5)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_timeout_quotes_the_error_of_the_final_poll(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)
    wait = harness.start_wait(session_id, LIVE, timeout=20)
    await harness.advance(19)
    harness.sandbox.faults.add("status", status=503, body={"success": False, "error": "maintenance"})
    await harness.advance(1)

    result = assert_ended(wait, WaitStatus.TIMEOUT)
    assert "the session was scheduled; the last poll failed with ServerError" in result.message
    assert "maintenance" in result.message


@pytest.mark.parametrize("retry_after", [60, 100, 134])
async def test_wait_continues_while_the_rate_limit_delays_the_final_poll(
    harness: PollerHarness, retry_after: int
) -> None:
    session_id = create_planned(harness, 3600)
    harness.sandbox.faults.add("status", status=429, headers={"Retry-After": str(retry_after)})
    wait = harness.start_wait(session_id, LIVE, poll_interval=30, timeout=90)
    await harness.advance(89.5)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(max(90, retry_after) - 89.5 - 0.1)
    assert not wait.done()
    await harness.advance(0.2)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_rate_limited_final_poll_is_retried(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)
    wait = harness.start_wait(session_id, LIVE, poll_interval=30, timeout=90)
    await harness.advance(89.5)
    harness.sandbox.vidinfra.start(session_id)
    harness.sandbox.faults.add("status", status=429, headers={"Retry-After": "20"})
    await harness.advance(20)
    assert not wait.done()
    await harness.advance(0.6)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_timeout_says_that_the_rate_limit_prevented_the_final_poll(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)
    wait = harness.start_wait(session_id, LIVE, poll_interval=30, timeout=90)
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=429, headers={"Retry-After": "200"})
    harness.start_wait(create_planned(harness, 3600), LIVE, poll_interval=30)
    await harness.advance(88)
    assert not wait.done()
    await harness.advance(1)

    result = assert_ended(wait, WaitStatus.TIMEOUT)
    assert result.message.endswith(
        "the session was scheduled; at the deadline, the platform accepts no request before 2026-03-02T15:03:50+00:00"
    )


def delay_polls(harness: PollerHarness, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    poll = VidInfraAdapter.poll_sessions

    async def poll_slowly(self: VidInfraAdapter, known: Any) -> Any:
        results = await poll(self, known)
        await harness.clock.sleep(seconds)
        return results

    monkeypatch.setattr(VidInfraAdapter, "poll_sessions", poll_slowly)


async def test_poll_that_began_before_the_deadline_is_not_the_final_one(
    harness: PollerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = create_planned(harness, 3600)
    delay_polls(harness, monkeypatch, 30)
    wait = harness.start_wait(session_id, LIVE, poll_interval=60, timeout=20)
    await harness.advance(15)
    harness.sandbox.vidinfra.start(session_id)  # the running poll has already found it scheduled
    await harness.advance(44)
    assert not wait.done()
    await harness.advance(2.1)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_final_poll_without_response_times_out(harness: PollerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = create_planned(harness, 3600)
    wait = harness.start_wait(session_id, LIVE, poll_interval=60, timeout=20)
    await harness.advance(1)
    delay_polls(harness, monkeypatch, 3600)
    await harness.advance(63)
    assert not wait.done()
    await harness.advance(1)

    result = assert_ended(wait, WaitStatus.TIMEOUT)
    assert result.message.endswith("at the deadline, the final poll received no response within 45 s")


async def test_final_poll_is_a_full_poll(harness: PollerHarness) -> None:
    """The list of live sessions does not show a session that started and ended between two polls."""
    sessions = [create_planned(harness, 30) for _ in range(12)]
    waits = [harness.start_wait(session_id, ENDED, poll_interval=20, timeout=70) for session_id in sessions]
    await harness.advance(65)
    harness.sandbox.vidinfra.start(sessions[7])
    harness.clock.jump(1)
    harness.sandbox.vidinfra.end(sessions[7])
    await harness.advance(5)

    statuses = {wait.result().status for number, wait in enumerate(waits) if number != 7}
    assert statuses == {WaitStatus.TIMEOUT}
    assert_ended(waits[7], WaitStatus.SUCCESS)


async def test_deadline_costs_one_request_for_its_own_session(harness: PollerHarness) -> None:
    others = [create_planned(harness, 30 * DAY) for _ in range(30)]
    for session_id in others:
        harness.start_wait(session_id, LIVE, poll_interval=60, timeout=DAY)
    mine = create_planned(harness, 30 * DAY)
    wait = harness.start_wait(mine, LIVE, poll_interval=60, timeout=300)
    await harness.advance(299)
    harness.sandbox.log.clear()
    await harness.advance(2)

    assert_ended(wait, WaitStatus.TIMEOUT)
    assert [entry.path.rpartition("/")[2] for entry in harness.sandbox.log.entries()] == [mine]


async def test_many_deadlines_cause_no_burst_of_requests(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 30 * DAY)
    waits = [harness.start_wait(session_id, LIVE, poll_interval=60, timeout=100 + number / 20) for number in range(200)]
    await harness.advance(99)
    harness.sandbox.log.clear()
    await harness.advance(13)

    assert {wait.result().status for wait in waits} == {WaitStatus.TIMEOUT}
    assert len(harness.requests()) <= 12, "at most one per second"


async def test_wait_that_starts_after_its_deadline_polls_once(harness: PollerHarness) -> None:
    session_id = create_planned(harness, 3600)
    harness.sandbox.vidinfra.start(session_id)
    wait = harness.start_wait(session_id, LIVE, timeout=-3600)
    late = harness.start_wait(session_id, ENDED, timeout=-3600)
    await harness.advance(1.1)

    assert_ended(wait, WaitStatus.SUCCESS)
    assert_ended(late, WaitStatus.TIMEOUT)
    assert 1 <= len(harness.requests()) <= 2


async def test_wait_is_canceled_while_the_final_poll_of_another_connects(harness: PollerHarness) -> None:
    connect = harness.connect

    async def connect_slowly(current: Adapter | None) -> Adapter:
        await harness.clock.sleep(1)
        return await connect(current)

    harness.connect = connect_slowly  # type: ignore[method-assign]
    first, second = harness.sandbox.vidinfra.create(count=2)
    wait, canceled = (harness.start_wait(key, LIVE, poll_interval=290, timeout=310) for key in (first, second))
    await harness.advance(305)
    harness.sandbox.vidinfra.start(first)
    await harness.advance(5.5)  # the connection is read again every 300 s
    canceled.cancel()
    await harness.advance(5)

    assert_ended(wait, WaitStatus.SUCCESS)


async def test_wait_is_canceled_while_those_of_another_session_expire(
    harness: PollerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = harness.sandbox.vidinfra.create(count=3)
    expiring = [harness.start_wait(first, LIVE, timeout=100) for _ in range(400)]
    canceled, other = harness.start_wait(second, LIVE), harness.start_wait(third, LIVE, timeout=3600)
    await harness.advance(60)
    delay_polls(harness, monkeypatch, 7200)
    expiring[0].add_done_callback(lambda _: canceled.cancel())
    await harness.advance(600)

    for wait in expiring:
        assert_ended(wait, WaitStatus.TIMEOUT)
    assert not other.done()
    await harness.advance(3600)
    assert_ended(other, WaitStatus.TIMEOUT)
