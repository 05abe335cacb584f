"""One poll for many waiters, against VidInfra's sandbox; nobody sleeps."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
from collections import Counter
from typing import Any

import pytest

from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling.wait_conditions import Verdict
from tests.unit.polling.conftest import Room

LIVE, ENDED = SessionState.LIVE, SessionState.ENDED
FAULT_503 = {"status": 503, "body": {"success": False, "error": "we are moving house"}}


async def live_through(room: Room, session_id: str) -> None:
    """A session's life, from scheduled to its recording; two minutes each."""
    await room.passes(120)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(120)
    room.sandbox.vidinfra.end(session_id)
    await room.passes(120)


async def requests_of_waiters(room: Room, number: int) -> Counter[str]:
    [session_id] = room.sandbox.vidinfra.create("Launch", script={"artifacts_after": 60, "recording": "completed"})
    room.sandbox.log.clear()
    waiters = [
        room.wait(session_id, goal)
        for goal in (LIVE, ENDED, Artifact.RECORDING, Artifact.ATTENDANCE)
        for _ in range(number)
    ]
    await live_through(room, session_id)
    assert {waiter.result().verdict for waiter in waiters} == {Verdict.SUCCESS}
    return Counter(room.requests())


async def test_fifty_waiters_cost_as_many_requests_as_one(room: Room) -> None:
    for_one = await requests_of_waiters(room, 1)
    for_fifty = await requests_of_waiters(room, 50)

    assert for_fifty == for_one
    assert for_one["get_session"] == 10, "one at once and one each half minute, until the session is over"
    assert for_one["list_session_recordings"] == 2, "none before the end, one a look, none when it is there"


async def test_fifty_sessions_cost_one_list_a_look(room: Room) -> None:
    sessions = room.sandbox.vidinfra.create(count=50)
    room.sandbox.log.clear()
    for session_id in sessions:
        room.wait(session_id, LIVE)
    await room.passes(1)
    assert room.requests() == ["list_sessions"]

    room.sandbox.log.clear()
    await room.passes(120)
    assert room.requests() == ["list_live_sessions"] * 4


async def test_two_sessions_that_change_between_looks(room: Room) -> None:
    first, second = room.sandbox.vidinfra.create(count=2)
    is_live, is_over = room.wait(first, LIVE), room.wait(second, ENDED)
    await room.passes(45)
    room.sandbox.vidinfra.start(first)
    room.sandbox.vidinfra.start(second)
    await room.passes(14)
    assert not is_live.done()
    await room.passes(2)
    assert is_live.result().verdict is Verdict.SUCCESS
    room.sandbox.vidinfra.end(second)
    await room.passes(30)
    assert is_over.result().verdict is Verdict.SUCCESS


async def test_a_session_that_went_by_between_two_looks_is_noticed_by_a_close_look(room: Room) -> None:
    """It was never in the list of live sessions when that was read."""
    first, _ = sessions = room.sandbox.vidinfra.create(count=2)
    waiters = [room.wait(session_id, LIVE) for session_id in sessions]
    await room.passes(31)
    room.sandbox.vidinfra.start(first)
    room.sandbox.vidinfra.end(first)
    await room.passes(330)

    assert waiters[0].result().verdict is Verdict.UNREACHABLE
    assert not waiters[1].done()


async def test_waiters_join_and_leave(room: Room) -> None:
    first, second = room.sandbox.vidinfra.create(count=2)
    slow = room.wait(first, every=60)
    await room.passes(10)
    room.sandbox.log.clear()

    quick = room.wait(second, every=5)
    await room.passes(1)
    assert room.requests() == ["get_session"], "the new session is looked at, and the other one is not due"
    await room.passes(20)
    assert room.requests() == ["get_session"] * 5

    quick.cancel()
    await room.passes(1)
    room.sandbox.log.clear()
    await room.passes(60)
    assert len(room.requests()) == 1, "the one who is left is in no hurry"
    assert not slow.done()


async def test_a_joiner_waits_for_the_next_look_of_the_poll(room: Room) -> None:
    sessions = room.sandbox.vidinfra.create(count=20)
    for session_id in sessions:
        room.wait(session_id, LIVE)
        await room.passes(2)
    lists = len(room.sandbox.log.entries(route="list_live_sessions"))
    gets = len(room.sandbox.log.entries(route="get_session"))

    assert lists <= 2
    assert gets <= 21, "one for each new session, and one more while there was only one"


async def test_the_adapter_is_closed_with_the_last_waiter_and_opened_for_the_next(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    waiters = [room.wait(session_id) for _ in range(2)]
    await room.passes(1)
    waiters[0].cancel()
    await room.passes(1)
    assert (len(room.opened), room.closed) == (1, [])

    waiters[1].cancel()
    await room.passes(1)
    assert room.closed == room.opened

    room.wait(session_id)
    await room.passes(1)
    assert len(room.opened) == 2


async def test_a_newcomer_may_begin_a_poll_while_the_old_one_ends(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    leaving = room.wait(session_id)
    await room.passes(1)
    leaving.cancel()
    await asyncio.sleep(0)
    staying = room.wait(session_id, LIVE)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(31)

    assert staying.result().verdict is Verdict.SUCCESS


async def test_the_poll_has_no_context_of_any_waiter(room: Room) -> None:
    """Else all it does would be logged in the first waiter's task, and later in a stranger's."""
    whose = contextvars.ContextVar("whose", default="nobody's")
    seen: list[str] = []
    room.on_connect = lambda: seen.append(whose.get())
    [session_id] = room.sandbox.vidinfra.create()
    whose.set("the first waiter's")
    room.wait(session_id)
    await room.passes(1)

    assert seen == ["nobody's"]


async def test_a_passing_error_ends_nothing(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, LIVE)
    await room.passes(1)
    room.sandbox.faults.add("status", times=3, **FAULT_503)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(300)

    assert waiter.result().verdict is Verdict.SUCCESS
    assert [
        record.message
        for record in caplog.records
        if "moving house" in record.message and "(3 in a row)" in record.message
    ]
    assert "Looked again with success, after 3 failed looks" in caplog.messages


async def test_a_run_of_errors_ends_each_wait_at_its_own_bound(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    hasty, patient = room.wait(session_id, failures=2), room.wait(session_id, failures=4)
    room.sandbox.faults.add("status", times=None, **FAULT_503)
    await room.passes(40)
    assert hasty.result().verdict is Verdict.FAILED
    assert "2 looks in a row failed, the last with ServerError" in hasty.result().message
    assert "we are moving house" in hasty.result().message
    assert not patient.done()
    await room.passes(300)
    assert patient.result().verdict is Verdict.FAILED


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
async def test_a_broken_platform_is_never_asked_more_often_than_a_healthy_one(
    room: Room, fault: dict[str, Any]
) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    room.sandbox.faults.add(**({"kind": "status", "times": None} | fault))
    room.wait(session_id, every=5, failures=None, refused=None)
    await room.passes(120)

    times = [entry.at for entry in room.sandbox.log.entries()]
    assert len(times) > 3
    pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert min(pauses) >= 5


async def test_the_platform_says_when_to_come_back(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, LIVE, every=5)
    await room.passes(1)
    room.sandbox.vidinfra.start(session_id)
    room.sandbox.faults.add("status", status=429, headers={"Retry-After": "60"})
    await room.passes(5)
    room.sandbox.log.clear()

    await room.passes(58)
    newcomer = room.wait(session_id, LIVE, every=1)
    await room.settle()
    assert room.requests() == [], "nobody asks meanwhile, newcomers included"
    await room.passes(3)
    assert len(room.requests()) == 1
    assert waiter.result().verdict is newcomer.result().verdict is Verdict.SUCCESS


async def test_a_refused_credential_is_read_again(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, LIVE)
    await room.passes(1)
    room.sandbox.faults.add("status", status=401)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(62)

    assert waiter.result().verdict is Verdict.SUCCESS
    assert len(room.opened) == 2
    assert room.closed[0] is room.opened[0]


async def test_a_credential_that_stays_refused_ends_the_wait(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    room.sandbox.faults.add("status", status=401, times=None)
    waiter = room.wait(session_id)
    await room.passes(200)

    assert waiter.result().verdict is Verdict.FAILED
    assert "3 looks in a row failed, the last with AuthenticationError" in waiter.result().message
    assert len(room.requests()) == 3


async def test_an_edited_connection_is_noticed(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    room.wait(session_id)
    await room.passes(290)
    assert len(room.opened) == 1
    await room.passes(300)
    assert len(room.opened) == 1, "it was read again, and had not changed"
    room.api_key = room.sandbox.vidinfra.new_api_key()
    await room.passes(300)
    assert len(room.opened) == 2
    assert room.closed == room.opened[:1]


async def test_a_connection_that_breaks_and_is_mended(room: Room) -> None:
    def broken() -> None:
        raise ConnectionConfigError("connection 'vidinfra_default' (vidinfra): password is empty")

    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, LIVE)
    await room.passes(1)
    room.on_connect = broken
    await room.passes(330)
    room.on_connect = lambda: None
    room.sandbox.vidinfra.start(session_id)
    await room.passes(120)

    assert waiter.result().verdict is Verdict.SUCCESS


async def test_a_defect_in_a_look_is_visible_and_slows_the_poll_down(
    room: Room, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    async def look(self: Adapter, known: Any) -> Any:
        looks.append(room.clock.now().timestamp())
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("airflow_provider_sessions.platforms.vidinfra.adapter.VidInfraAdapter.look", look)
    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, every=5, failures=5)
    await room.passes(200)

    assert "the last with ZeroDivisionError: a defect" in waiter.result().message
    assert caplog.records[0].exc_info is not None, "with its stack"
    assert [round(after - before) for before, after in itertools.pairwise(looks)] == [5, 10, 20, 40]


async def test_a_session_right_after_its_creation_may_not_be_there_yet(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    room.sandbox.faults.add("status", status=404, times=2)
    waiter = room.wait(session_id, LIVE)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(120)

    assert waiter.result().verdict is Verdict.SUCCESS


async def test_a_deleted_session_ends_its_own_waiters_alone(room: Room) -> None:
    gone, there = room.sandbox.vidinfra.create(count=2)
    waiters = room.wait(gone, LIVE), room.wait(there, LIVE)
    await room.passes(1)
    room.sandbox.vidinfra.delete(gone)
    await room.passes(600)

    assert waiters[0].result().verdict is Verdict.UNREACHABLE
    assert "was there before, and is gone" in waiters[0].result().message
    assert not waiters[1].done()


async def test_a_session_seen_before_a_restart_counts_as_seen(room: Room) -> None:
    waiter = room.wait("00000000-0000-4000-8000-000000000000", LIVE, seen=True)
    typo = room.wait("00000000-0000-4000-8000-000000000001", LIVE)
    await room.passes(120)

    assert waiter.result().verdict is Verdict.UNREACHABLE
    assert typo.result().verdict is Verdict.FAILED
    assert "3 looks in a row failed, the last with NotFoundError" in typo.result().message


async def test_an_unknown_state_word_ends_the_wait_and_is_quoted(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    room.sandbox.faults.add("edit", changes={"data.status": "paused"})
    waiter = room.wait(session_id)
    await room.passes(1)

    assert waiter.result().verdict is Verdict.FAILED
    assert "'paused'" in waiter.result().message


async def test_an_artifact_that_cannot_be_asked_for_holds_nobody_else_up(room: Room) -> None:
    [over, running] = room.sandbox.vidinfra.create(count=2)
    room.sandbox.vidinfra.start(over)
    room.sandbox.vidinfra.end(over)
    room.sandbox.faults.add("status", route="list_session_recordings", times=None, **FAULT_503)
    recorded, live = room.wait(over, Artifact.RECORDING, failures=3), room.wait(running, LIVE)
    await room.passes(45)
    room.sandbox.vidinfra.start(running)
    await room.passes(31)
    assert live.result().verdict is Verdict.SUCCESS
    await room.passes(120)
    assert recorded.result().verdict is Verdict.FAILED
    assert "we are moving house" in recorded.result().message


async def test_the_deadline_is_kept_also_while_a_look_takes_its_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(self: Adapter, known: Any) -> Any:
        await room.clock.sleep(3600)

    monkeypatch.setattr("airflow_provider_sessions.platforms.vidinfra.adapter.VidInfraAdapter.look", look)
    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, timeout=90)
    await room.passes(89)
    assert not waiter.done()
    await room.passes(1)
    assert waiter.result().verdict is Verdict.TIMEOUT


async def test_each_keeps_a_deadline_of_its_own_whoever_came_first(room: Room) -> None:
    made = room.sandbox.vidinfra.create(count=2)
    late, early = room.wait(made[0], LIVE, timeout=100), room.wait(made[1], LIVE, timeout=50)
    await room.passes(10)
    next_one = room.wait(made[1], LIVE, timeout=20)
    over = room.wait(made[0], LIVE, timeout=-5)
    ended = []
    for _ in range(10):
        await room.passes(10)
        ended.append([waiter.done() for waiter in (over, next_one, early, late)])
    assert [sum(done) for done in ended] == [1, 2, 2, 3, 3, 3, 3, 3, 4, 4]
    assert {waiter.result().verdict for waiter in (over, next_one, early, late)} == {Verdict.TIMEOUT}


async def test_what_was_known_is_told_at_the_deadline(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    waiter = room.wait(session_id, LIVE, timeout=90)
    await room.passes(45)
    room.sandbox.faults.add("status", times=None, **FAULT_503)
    await room.passes(45)

    outcome = waiter.result()
    assert outcome.verdict is Verdict.TIMEOUT
    assert outcome.session is not None
    assert outcome.message.startswith(
        f"waited for state 'live' of session {session_id} until 2026-03-02T15:01:30+00:00"
    )
    assert "was scheduled; the last look failed with ServerError" in outcome.message


async def test_each_waiter_writes_what_changed_and_nothing_twice(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    [session_id] = room.sandbox.vidinfra.create()
    room.wait(session_id, ENDED)
    await live_through(room, session_id)

    assert [message.partition(" is ")[2] for message in caplog.messages] == [
        "scheduled; waiting for state 'ended'",
        "live; waiting for state 'ended'",
        "ended",
    ]


async def test_a_poll_that_breaks_down_for_good_is_told_and_replaced(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    [session_id] = room.sandbox.vidinfra.create()
    with monkeypatch.context() as broken:
        for name in ("next_look", "after_failure"):
            broken.setattr(f"airflow_provider_sessions.polling.poll_schedule.{name}", lambda *given: 1 / 0)
        waiter = room.wait(session_id)
        await room.passes(1)
        with pytest.raises(ZeroDivisionError):
            waiter.result()
    room.sandbox.vidinfra.start(session_id)
    healthy = room.wait(session_id, LIVE)
    await room.passes(31)
    assert healthy.result().verdict is Verdict.SUCCESS
