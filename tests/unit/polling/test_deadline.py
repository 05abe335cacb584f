"""A wait's deadline is kept by one more poll, which decides: in a lull, after failures, under a rate limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.polling.wait import Outcome
from airflow_provider_sessions.polling.wait_conditions import Verdict
from tests.unit.polling.conftest import Room

LIVE, ENDED = SessionState.LIVE, SessionState.ENDED
DAY = 86400.0


def planned(room: Room, after: float, **more: Any) -> str:
    """A session that is planned to start after so many seconds."""
    [made] = room.sandbox.vidinfra.create("Launch", scheduled_start=room.clock.now() + timedelta(seconds=after), **more)
    room.sandbox.log.clear()
    return str(made)


def ended_at(waiter: asyncio.Task[Outcome], verdict: Verdict) -> Outcome:
    assert waiter.done()
    assert waiter.result().verdict is verdict, waiter.result().message
    return waiter.result()


@pytest.mark.parametrize("start", [3600, 30 * DAY])
@pytest.mark.parametrize(("every", "after"), [(5, 20), (600, 20), (600, 599), (60, 61), (1, 2)])
async def test_a_session_that_begins_in_a_lull_is_seen_at_the_deadline(
    room: Room, start: float, every: float, after: float
) -> None:
    session_id = planned(room, start)
    waiter = room.wait(session_id, LIVE, every=every, timeout=after)
    await room.passes(after - 0.5)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(0.4)
    assert not waiter.done()
    await room.passes(0.1)

    ended_at(waiter, Verdict.SUCCESS)
    assert room.requests() == ["get_session"] * 2


async def test_what_did_not_come_times_out_after_the_last_look(room: Room) -> None:
    session_id = planned(room, 3600)
    waiter = room.wait(session_id, LIVE, timeout=20)
    await room.passes(20)

    outcome = ended_at(waiter, Verdict.TIMEOUT)
    assert outcome.message == (
        f"waited for state 'live' of session {session_id} until 2026-03-02T15:00:20+00:00: the session was scheduled"
    )
    assert len(room.requests()) == 2


async def test_an_artifact_that_comes_in_a_lull_is_seen_at_the_deadline(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create(
        "Launch",
        ended_at=room.clock.now() - timedelta(days=2),
        script={"artifacts_after": 2 * DAY + 95, "recording": "completed"},
    )
    waiter = room.wait(session_id, Artifact.RECORDING, every=30, timeout=100)
    await room.passes(99)
    assert not waiter.done()
    await room.passes(1)

    ended_at(waiter, Verdict.SUCCESS)


async def test_a_back_off_of_ours_puts_off_no_last_look(room: Room) -> None:
    session_id = planned(room, 3600)
    waiter = room.wait(session_id, LIVE, every=30, timeout=200)
    room.sandbox.faults.add("status", status=503, times=3)  # at 0, 30 and 90; the next would come at 210
    await room.passes(199)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(1)

    ended_at(waiter, Verdict.SUCCESS)


async def test_a_connection_that_could_not_be_read_puts_off_no_last_look(room: Room) -> None:
    session_id = planned(room, 3600)

    def fail() -> None:
        raise OSError("no route to the metadata database")

    room.on_connect = fail
    waiter = room.wait(session_id, LIVE, every=30, timeout=200)
    await room.passes(195)
    room.on_connect = lambda: None
    room.sandbox.vidinfra.start(session_id)
    await room.passes(5)

    ended_at(waiter, Verdict.SUCCESS)


async def test_a_last_look_that_fails_is_quoted(room: Room) -> None:
    session_id = planned(room, 3600)
    waiter = room.wait(session_id, LIVE, timeout=20)
    await room.passes(19)
    room.sandbox.faults.add("status", status=503, body={"success": False, "error": "we are moving house"})
    await room.passes(1)

    outcome = ended_at(waiter, Verdict.TIMEOUT)
    assert "the session was scheduled; the last look failed with ServerError" in outcome.message
    assert "we are moving house" in outcome.message


@pytest.mark.parametrize("asked_away", [60, 100, 134])
async def test_a_last_look_that_the_rate_limit_puts_off_is_waited_for(room: Room, asked_away: int) -> None:
    session_id = planned(room, 3600)
    room.sandbox.faults.add("status", status=429, headers={"Retry-After": str(asked_away)})
    waiter = room.wait(session_id, LIVE, every=30, timeout=90)
    await room.passes(89.5)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(max(90, asked_away) - 89.5 - 0.1)
    assert not waiter.done()
    await room.passes(0.2)

    ended_at(waiter, Verdict.SUCCESS)


async def test_a_last_look_that_is_refused_is_made_again(room: Room) -> None:
    session_id = planned(room, 3600)
    waiter = room.wait(session_id, LIVE, every=30, timeout=90)
    await room.passes(89.5)
    room.sandbox.vidinfra.start(session_id)
    room.sandbox.faults.add("status", status=429, headers={"Retry-After": "20"})
    await room.passes(20)
    assert not waiter.done()
    await room.passes(0.6)

    ended_at(waiter, Verdict.SUCCESS)


async def test_where_the_rate_limit_lets_no_last_look_happen_in_time_the_wait_says_so(room: Room) -> None:
    session_id = planned(room, 3600)
    waiter = room.wait(session_id, LIVE, every=30, timeout=90)
    await room.passes(1)
    room.sandbox.faults.add("status", status=429, headers={"Retry-After": "200"})
    room.wait(planned(room, 3600), LIVE, every=30)
    await room.passes(88)
    assert not waiter.done()
    await room.passes(1)

    outcome = ended_at(waiter, Verdict.TIMEOUT)
    assert outcome.message.endswith(
        "the session was scheduled; at the deadline the platform takes no request before 2026-03-02T15:03:50+00:00"
    )


def let_looks_last(room: Room, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    look = VidInfraAdapter.look

    async def slow(self: VidInfraAdapter, known: Any) -> Any:
        seen = await look(self, known)
        await room.clock.sleep(seconds)
        return seen

    monkeypatch.setattr(VidInfraAdapter, "look", slow)


async def test_a_look_that_began_before_the_deadline_is_not_the_last(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = planned(room, 3600)
    let_looks_last(room, monkeypatch, 30)
    waiter = room.wait(session_id, LIVE, every=60, timeout=20)
    await room.passes(15)
    room.sandbox.vidinfra.start(session_id)  # the look that is on its way has seen it scheduled
    await room.passes(44)
    assert not waiter.done()
    await room.passes(2.1)

    ended_at(waiter, Verdict.SUCCESS)


async def test_a_last_look_that_is_not_answered_ends_the_wait_all_the_same(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = planned(room, 3600)
    waiter = room.wait(session_id, LIVE, every=60, timeout=20)
    await room.passes(1)
    let_looks_last(room, monkeypatch, 3600)
    await room.passes(63)
    assert not waiter.done()
    await room.passes(1)

    outcome = ended_at(waiter, Verdict.TIMEOUT)
    assert outcome.message.endswith("at the deadline no poll was answered within 45 s after it")


async def test_the_last_look_is_a_close_one(room: Room) -> None:
    """The list of live sessions says nothing of one that went by between two looks."""
    sessions = [planned(room, 30) for _ in range(12)]
    waiters = [room.wait(session_id, ENDED, every=20, timeout=70) for session_id in sessions]
    await room.passes(65)
    room.sandbox.vidinfra.start(sessions[7])
    room.clock.jump(1)
    room.sandbox.vidinfra.end(sessions[7])
    await room.passes(5)

    verdicts = {waiter.result().verdict for number, waiter in enumerate(waiters) if number != 7}
    assert verdicts == {Verdict.TIMEOUT}
    ended_at(waiters[7], Verdict.SUCCESS)


async def test_a_deadline_costs_one_look_at_its_own_session(room: Room) -> None:
    others = [planned(room, 30 * DAY) for _ in range(30)]
    for session_id in others:
        room.wait(session_id, LIVE, every=60, timeout=DAY)
    mine = planned(room, 30 * DAY)
    waiter = room.wait(mine, LIVE, every=60, timeout=300)
    await room.passes(299)
    room.sandbox.log.clear()
    await room.passes(2)

    ended_at(waiter, Verdict.TIMEOUT)
    assert [entry.path.rpartition("/")[2] for entry in room.sandbox.log.entries()] == [mine]


async def test_many_deadlines_make_no_storm(room: Room) -> None:
    session_id = planned(room, 30 * DAY)
    waiters = [room.wait(session_id, LIVE, every=60, timeout=100 + number / 20) for number in range(200)]
    await room.passes(99)
    room.sandbox.log.clear()
    await room.passes(13)

    assert {waiter.result().verdict for waiter in waiters} == {Verdict.TIMEOUT}
    assert len(room.requests()) <= 12, "one a second, as long as deadlines come"


async def test_a_wait_that_begins_after_its_deadline_looks_once(room: Room) -> None:
    session_id = planned(room, 3600)
    room.sandbox.vidinfra.start(session_id)
    waiter = room.wait(session_id, LIVE, timeout=-3600)
    late = room.wait(session_id, ENDED, timeout=-3600)
    await room.passes(1.1)

    ended_at(waiter, Verdict.SUCCESS)
    ended_at(late, Verdict.TIMEOUT)
    assert 1 <= len(room.requests()) <= 2
