"""One poller for many waits, against VidInfra's sandbox, with a virtual clock."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
from collections import Counter
from typing import Any

import pytest

from airflow_provider_sessions.errors import ConnectionConfigError, ConnectionNotFoundError
from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling.poller import Poller
from airflow_provider_sessions.polling.wait_conditions import WaitStatus
from tests.unit.polling.conftest import PollerHarness

LIVE, ENDED = SessionState.LIVE, SessionState.ENDED
FAULT_503 = {"status": 503, "body": {"success": False, "error": "maintenance"}}


async def run_session(harness: PollerHarness, session_id: str) -> None:
    """Take a session from scheduled to its recording, two minutes in each state."""
    await harness.advance(120)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(120)
    harness.sandbox.vidinfra.end(session_id)
    await harness.advance(120)


async def count_requests(harness: PollerHarness, number: int) -> Counter[str]:
    [session_id] = harness.sandbox.vidinfra.create("Launch", script={"artifacts_after": 60, "recording": "completed"})
    harness.sandbox.log.clear()
    waits = [
        harness.start_wait(session_id, condition)
        for condition in (LIVE, ENDED, Artifact.RECORDING, Artifact.ATTENDANCE)
        for _ in range(number)
    ]
    await run_session(harness, session_id)
    assert {wait.result().status for wait in waits} == {WaitStatus.SUCCESS}
    return Counter(harness.requests())


async def test_fifty_waits_cost_as_many_requests_as_one(harness: PollerHarness) -> None:
    for_one = await count_requests(harness, 1)
    for_fifty = await count_requests(harness, 50)

    assert for_fifty == for_one
    assert for_one["get_session"] == 10, "one at the start and one every 30 s until the session has ended"
    assert for_one["list_session_recordings"] == 2, "none before the end, one per poll, none once it is ready"


async def test_fifty_sessions_cost_one_list_per_poll(harness: PollerHarness) -> None:
    sessions = harness.sandbox.vidinfra.create(count=50)
    harness.sandbox.log.clear()
    for session_id in sessions:
        harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    assert harness.requests() == ["list_sessions"]

    harness.sandbox.log.clear()
    await harness.advance(120)
    assert harness.requests() == ["list_live_sessions"] * 4


async def test_two_sessions_that_change_between_polls(harness: PollerHarness) -> None:
    first, second = harness.sandbox.vidinfra.create(count=2)
    live_wait, ended_wait = harness.start_wait(first, LIVE), harness.start_wait(second, ENDED)
    await harness.advance(45)
    harness.sandbox.vidinfra.start(first)
    harness.sandbox.vidinfra.start(second)
    await harness.advance(14)
    assert not live_wait.done()
    await harness.advance(2)
    assert live_wait.result().status is WaitStatus.SUCCESS
    harness.sandbox.vidinfra.end(second)
    await harness.advance(30)
    assert ended_wait.result().status is WaitStatus.SUCCESS


async def test_full_poll_finds_session_that_started_and_ended_between_polls(harness: PollerHarness) -> None:
    """It was never in the list of live sessions."""
    first, _ = sessions = harness.sandbox.vidinfra.create(count=2)
    waits = [harness.start_wait(session_id, LIVE) for session_id in sessions]
    await harness.advance(31)
    harness.sandbox.vidinfra.start(first)
    harness.sandbox.vidinfra.end(first)
    await harness.advance(330)

    assert waits[0].result().status is WaitStatus.UNREACHABLE
    assert not waits[1].done()


async def test_subscribers_join_and_leave(harness: PollerHarness) -> None:
    first, second = harness.sandbox.vidinfra.create(count=2)
    long_interval = harness.start_wait(first, poll_interval=60)
    await harness.advance(10)
    harness.sandbox.log.clear()

    short_interval = harness.start_wait(second, poll_interval=5)
    await harness.advance(1)
    assert harness.requests() == ["get_session"], "only the new session is due"
    await harness.advance(20)
    assert harness.requests() == ["get_session"] * 5

    short_interval.cancel()
    await harness.advance(1)
    harness.sandbox.log.clear()
    await harness.advance(60)
    assert len(harness.requests()) == 1, "the remaining wait has a longer interval"
    assert not long_interval.done()


async def test_new_subscriber_waits_for_the_next_poll(harness: PollerHarness) -> None:
    sessions = harness.sandbox.vidinfra.create(count=20)
    for session_id in sessions:
        harness.start_wait(session_id, LIVE)
        await harness.advance(2)
    lists = len(harness.sandbox.log.entries(route="list_live_sessions"))
    gets = len(harness.sandbox.log.entries(route="get_session"))

    assert lists <= 2
    assert gets <= 21, "one for each new session, and one more while there was only one"


async def test_adapter_is_closed_after_the_last_wait_and_opened_for_the_next(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    waits = [harness.start_wait(session_id) for _ in range(2)]
    await harness.advance(1)
    waits[0].cancel()
    await harness.advance(1)
    assert (len(harness.opened), harness.closed) == (1, [])

    waits[1].cancel()
    await harness.advance(1)
    assert harness.closed == harness.opened

    harness.start_wait(session_id)
    await harness.advance(1)
    assert len(harness.opened) == 2


async def test_wait_on_a_closed_poller_fails_instead_of_hanging(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    closed = harness.poller()
    subscription = closed.subscribe_to_session(session_id, None, 30)
    leaving = asyncio.ensure_future(subscription.__aexit__())
    await asyncio.sleep(0)
    for _ in ("while it is closing", "after that"):
        with pytest.raises(RuntimeError, match="the poller has stopped"):
            closed.subscribe_to_session(session_id, None, 30)
        await leaving


async def test_new_wait_starts_while_the_old_poller_is_closing(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    first = harness.start_wait(session_id)
    await harness.advance(1)
    first.cancel()
    await asyncio.sleep(0)
    second = harness.start_wait(session_id, LIVE)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(31)

    assert second.result().status is WaitStatus.SUCCESS


async def test_poller_runs_in_an_empty_context(harness: PollerHarness) -> None:
    """Otherwise its messages would appear in the log of the first waiting task."""
    owner = contextvars.ContextVar("owner", default="none")
    seen: list[str] = []
    harness.on_connect = lambda: seen.append(owner.get())
    [session_id] = harness.sandbox.vidinfra.create()
    owner.set("first wait")
    harness.start_wait(session_id)
    await harness.advance(1)

    assert seen == ["none"]


async def test_transient_errors_do_not_end_a_wait(harness: PollerHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    harness.sandbox.faults.add("status", times=3, **FAULT_503)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(300)

    assert wait.result().status is WaitStatus.SUCCESS
    assert [
        record.message
        for record in caplog.records
        if "maintenance" in record.message and "(3 in a row)" in record.message
    ]
    assert "Polling works again after 3 failed polls" in caplog.messages


async def test_each_wait_ends_at_its_own_failure_limit(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    low_limit, high_limit = harness.start_wait(session_id, failures=2), harness.start_wait(session_id, failures=4)
    harness.sandbox.faults.add("status", times=None, **FAULT_503)
    await harness.advance(40)
    assert low_limit.result().status is WaitStatus.FAILED
    assert "2 polls in a row failed, the last with ServerError" in low_limit.result().message
    assert "maintenance" in low_limit.result().message
    assert not high_limit.done()
    await harness.advance(300)
    assert high_limit.result().status is WaitStatus.FAILED


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401},
        {"status": 429, "headers": {"Retry-After": "7"}},
        {"status": 429},
        {"status": 503},
        {"status": 500},
        {"kind": "html", "status": 200},
    ],
    ids=str,
)
async def test_failing_platform_is_not_polled_more_often_than_a_healthy_one(
    harness: PollerHarness, fault: dict[str, Any]
) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    harness.sandbox.faults.add(**({"kind": "status", "times": None} | fault))
    harness.start_wait(session_id, poll_interval=5, failures=None, refused=None)
    await harness.advance(120)

    times = [entry.at for entry in harness.sandbox.log.entries()]
    assert len(times) > 3
    pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert min(pauses) >= 5


async def test_retry_after_delays_all_polls(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE, poll_interval=5)
    await harness.advance(1)
    harness.sandbox.vidinfra.start(session_id)
    harness.sandbox.faults.add("status", status=429, headers={"Retry-After": "60"})
    await harness.advance(5)
    harness.sandbox.log.clear()

    await harness.advance(58)
    new_wait = harness.start_wait(session_id, LIVE, poll_interval=1)
    await harness.run_ready_tasks()
    assert harness.requests() == [], "no wait may poll meanwhile, new ones included"
    await harness.advance(3)
    assert len(harness.requests()) == 1
    assert wait.result().status is new_wait.result().status is WaitStatus.SUCCESS


@pytest.mark.parametrize("status", [404, 408, 500])
async def test_retry_after_of_another_error_delays_no_other_poll(harness: PollerHarness, status: int) -> None:
    """It may be about one session."""
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=status, headers={"Retry-After": "600"})
    await harness.advance(31)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(60)

    assert wait.result().status is WaitStatus.SUCCESS


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["99999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_absurd_retry_after_delays_polls_for_a_day_at_most(
    harness: PollerHarness, status: int, retry_after: str
) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE, timeout=14 * 86400)
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=status, headers={"Retry-After": retry_after})
    await harness.advance(31)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(25 * 3600)

    assert wait.result().status is WaitStatus.SUCCESS


async def test_long_retry_after_ends_within_an_hour_with_a_new_credential(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=429, headers={"Retry-After": "80000"})
    await harness.advance(31)
    harness.sandbox.vidinfra.start(session_id)
    harness.api_key = harness.sandbox.vidinfra.new_api_key()
    await harness.advance(3600)

    assert wait.result().status is WaitStatus.SUCCESS


async def test_connection_is_read_again_after_a_401(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    harness.sandbox.faults.add("status", status=401)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(62)

    assert wait.result().status is WaitStatus.SUCCESS
    assert len(harness.opened) == 2
    assert harness.closed[0] is harness.opened[0]


async def test_repeated_401_ends_the_wait(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    harness.sandbox.faults.add("status", status=401, times=None)
    wait = harness.start_wait(session_id)
    await harness.advance(200)

    assert wait.result().status is WaitStatus.FAILED
    assert "3 polls in a row failed, the last with AuthenticationError" in wait.result().message
    assert len(harness.requests()) == 3


async def test_edited_connection_is_used(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    harness.start_wait(session_id)
    await harness.advance(290)
    assert len(harness.opened) == 1
    await harness.advance(300)
    assert len(harness.opened) == 1, "the connection was read again and had not changed"
    harness.api_key = harness.sandbox.vidinfra.new_api_key()
    await harness.advance(300)
    assert len(harness.opened) == 2
    assert harness.closed == harness.opened[:1]


async def test_wait_survives_a_broken_connection_that_is_fixed(harness: PollerHarness) -> None:
    def broken() -> None:
        raise ConnectionConfigError("connection 'vidinfra_default' (vidinfra): password is empty")

    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    harness.on_connect = broken
    await harness.advance(330)
    harness.on_connect = lambda: None
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(120)

    assert wait.result().status is WaitStatus.SUCCESS


async def test_platform_is_polled_while_the_connection_cannot_be_read_again(harness: PollerHarness) -> None:
    outage = Outage(harness)
    [session_id] = harness.sandbox.vidinfra.create()
    wait, live_wait = harness.start_wait(session_id), harness.start_wait(session_id, LIVE)
    await harness.advance(290)
    outage.begin()
    await harness.advance(480)
    assert outage.reads > 10, "each poll tries again"
    assert not wait.done()
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(31)
    assert live_wait.result().status is WaitStatus.SUCCESS

    harness.api_key = harness.sandbox.vidinfra.new_api_key()
    outage.end()
    await harness.advance(31)
    assert len(harness.opened) == 2, "the connection is read as soon as that is possible"
    assert not wait.done()


async def test_wait_survives_a_401_while_the_connection_cannot_be_read(harness: PollerHarness) -> None:
    outage = Outage(harness)
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE)
    await harness.advance(1)
    outage.begin()
    harness.sandbox.faults.add("status", status=401)
    await harness.advance(240)
    assert outage.reads >= 3
    assert len(harness.closed) == 1, "the refused credential is not used again"
    assert not wait.done()

    outage.end()
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(120)
    assert wait.result().status is WaitStatus.SUCCESS


class Outage:
    """A time in which no secrets backend can be read."""

    def __init__(self, harness: PollerHarness) -> None:
        self.harness = harness
        self.reads = 0

    def begin(self) -> None:
        self.harness.on_connect = self._fail

    def end(self) -> None:
        self.harness.on_connect = lambda: None

    def _fail(self) -> None:
        self.reads += 1
        raise ConnectionNotFoundError("there is no connection 'vidinfra_default', or no secrets backend could be read")


async def test_bug_in_a_poll_is_logged_and_causes_backoff(
    harness: PollerHarness, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_times: list[float] = []

    async def poll(self: Adapter, known: Any) -> Any:
        poll_times.append(harness.clock.now().timestamp())
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("airflow_provider_sessions.platforms.vidinfra.adapter.VidInfraAdapter.poll_sessions", poll)
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, poll_interval=5, failures=5)
    await harness.advance(200)

    assert "the last with ZeroDivisionError: a bug" in wait.result().message
    assert caplog.records[0].exc_info is not None, "with its traceback"
    assert [round(after - before) for before, after in itertools.pairwise(poll_times)] == [5, 10, 20, 40]


async def test_bug_before_the_first_request_of_a_poll_is_a_failed_poll(
    harness: PollerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE, poll_interval=5)
    await harness.advance(1)
    with monkeypatch.context() as patched:
        patched.setattr(Poller, "_select_due", lambda _: 1 / 0)
        await harness.advance(60)
    assert not wait.done()
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(120)

    assert wait.result().status is WaitStatus.SUCCESS


async def test_wait_without_an_interval_does_not_end_the_others(harness: PollerHarness) -> None:
    first, second = harness.sandbox.vidinfra.create(count=2)
    wait = harness.start_wait(first, LIVE)
    await harness.advance(40)
    harness.sandbox.vidinfra.start(second)
    without_interval = harness.start_wait(second, LIVE, poll_interval=0)
    await harness.advance(1)
    assert without_interval.result().status is WaitStatus.SUCCESS
    harness.sandbox.vidinfra.start(first)
    await harness.advance(31)

    assert wait.result().status is WaitStatus.SUCCESS


async def test_new_session_may_be_missing_at_first(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    harness.sandbox.faults.add("status", status=404, times=2)
    wait = harness.start_wait(session_id, LIVE)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(120)

    assert wait.result().status is WaitStatus.SUCCESS


async def test_deleted_session_ends_only_its_own_waits(harness: PollerHarness) -> None:
    deleted, existing = harness.sandbox.vidinfra.create(count=2)
    waits = harness.start_wait(deleted, LIVE), harness.start_wait(existing, LIVE)
    await harness.advance(1)
    harness.sandbox.vidinfra.delete(deleted)
    await harness.advance(600)

    assert waits[0].result().status is WaitStatus.UNREACHABLE
    assert "existed before and has been deleted" in waits[0].result().message
    assert not waits[1].done()


async def test_session_found_before_a_restart_counts_as_seen(harness: PollerHarness) -> None:
    wait = harness.start_wait("00000000-0000-4000-8000-000000000000", LIVE, seen=True)
    unknown = harness.start_wait("00000000-0000-4000-8000-000000000001", LIVE)
    await harness.advance(120)

    assert wait.result().status is WaitStatus.UNREACHABLE
    assert unknown.result().status is WaitStatus.FAILED
    assert "3 polls in a row failed, the last with NotFoundError" in unknown.result().message


async def test_unknown_state_ends_the_wait_and_is_quoted(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    harness.sandbox.faults.add("edit", changes={"data.status": "paused"})
    wait = harness.start_wait(session_id)
    await harness.advance(1)

    assert wait.result().status is WaitStatus.FAILED
    assert "'paused'" in wait.result().message


async def test_failing_artifact_request_does_not_delay_other_waits(harness: PollerHarness) -> None:
    [ended_session, running] = harness.sandbox.vidinfra.create(count=2)
    harness.sandbox.vidinfra.start(ended_session)
    harness.sandbox.vidinfra.end(ended_session)
    harness.sandbox.faults.add("status", route="list_session_recordings", times=None, **FAULT_503)
    recording_wait, live = (
        harness.start_wait(ended_session, Artifact.RECORDING, failures=3),
        harness.start_wait(running, LIVE),
    )
    await harness.advance(45)
    harness.sandbox.vidinfra.start(running)
    await harness.advance(31)
    assert live.result().status is WaitStatus.SUCCESS
    await harness.advance(120)
    assert recording_wait.result().status is WaitStatus.FAILED
    assert "maintenance" in recording_wait.result().message


async def test_deadline_is_kept_during_a_slow_poll(harness: PollerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def poll(self: Adapter, known: Any) -> Any:
        await harness.clock.sleep(3600)

    monkeypatch.setattr("airflow_provider_sessions.platforms.vidinfra.adapter.VidInfraAdapter.poll_sessions", poll)
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, timeout=90)
    await harness.advance(89)
    assert not wait.done()
    await harness.advance(1)
    assert wait.result().status is WaitStatus.TIMEOUT


async def test_each_wait_keeps_its_own_deadline(harness: PollerHarness) -> None:
    sessions = harness.sandbox.vidinfra.create(count=2)
    late, early = harness.start_wait(sessions[0], LIVE, timeout=100), harness.start_wait(sessions[1], LIVE, timeout=50)
    await harness.advance(10)
    added = harness.start_wait(sessions[1], LIVE, timeout=20)
    overdue = harness.start_wait(sessions[0], LIVE, timeout=-5)
    done = []
    for _ in range(10):
        await harness.advance(10)
        done.append([wait.done() for wait in (overdue, added, early, late)])
    assert [sum(states) for states in done] == [1, 2, 2, 3, 3, 3, 3, 3, 4, 4]
    assert {wait.result().status for wait in (overdue, added, early, late)} == {WaitStatus.TIMEOUT}


async def test_timeout_message_has_the_last_known_state(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    wait = harness.start_wait(session_id, LIVE, timeout=90)
    await harness.advance(45)
    harness.sandbox.faults.add("status", times=None, **FAULT_503)
    await harness.advance(45)

    result = wait.result()
    assert result.status is WaitStatus.TIMEOUT
    assert result.session is not None
    assert result.message.startswith(f"Waited for state 'live' of session {session_id} until 2026-03-02T15:01:30+00:00")
    assert "was scheduled; the last poll failed with ServerError" in result.message


async def test_each_wait_logs_changes_once(harness: PollerHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    [session_id] = harness.sandbox.vidinfra.create()
    harness.start_wait(session_id, ENDED)
    await run_session(harness, session_id)

    assert [message.partition(" is ")[2] for message in caplog.messages] == [
        "scheduled; waiting for state 'ended'",
        "live; waiting for state 'ended'",
        "ended",
    ]


async def test_crashed_poller_ends_its_waits_and_is_replaced(
    harness: PollerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    with monkeypatch.context() as broken:
        for name in ("next_poll", "backoff_seconds"):
            broken.setattr(f"airflow_provider_sessions.polling.poll_schedule.{name}", lambda *given: 1 / 0)
        wait = harness.start_wait(session_id)
        await harness.advance(1)
        with pytest.raises(ZeroDivisionError):
            wait.result()
    harness.sandbox.vidinfra.start(session_id)
    new_wait = harness.start_wait(session_id, LIVE)
    await harness.advance(31)
    assert new_wait.result().status is WaitStatus.SUCCESS
