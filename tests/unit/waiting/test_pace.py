"""Waiting on an account that allows fewer requests than the waiters would like to send."""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import timedelta

import pytest

from airflow_provider_sessions.model import Artifact
from airflow_provider_sessions.waiting.goals import Verdict
from airflow_provider_sessions.waiting.schedule import pace_of
from tests.unit.waiting.conftest import Room

PATH = re.compile(r"/sessions/([^/]+)/recordings")


def over(room: Room, count: int) -> list[str]:
    """Sessions that are over, and whose recordings are a long time coming."""
    now = room.clock.now()
    made: list[str] = room.sandbox.vidinfra.create(
        count=count, ended_at=now, duration=600, script={"artifacts_after": 5400, "recording": "completed"}
    )
    return made


async def test_a_hundred_waits_on_ten_requests_a_minute_each_get_their_turn(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_sessions.waiting")
    room.extra = {"rate_limit": "10/minute"}
    waiters = [room.wait(session_id, Artifact.RECORDING, every=60) for session_id in over(room, 60)]
    await room.passes(1500)

    asked = [(entry.at, found[1]) for entry in room.sandbox.log.entries() if (found := PATH.search(entry.path))]
    times = Counter(session_id for _, session_id in asked)
    assert len(times) == 60
    assert max(times.values()) - min(times.values()) <= 1, "nobody starves"
    all_requests = [entry.at for entry in room.sandbox.log.entries()]
    for first in all_requests:
        assert sum(first <= at < first + timedelta(seconds=60) for at in all_requests) <= 10
    told = [message for message in caplog.messages if message.startswith("Looks come")]
    assert "the account allows 10" in told[0]
    assert told[0].endswith("not every 60 s")
    assert len(told) <= 2 * len(waiters), "said when it begins or changes much, and not at each look"

    await room.passes(6600)
    assert {waiter.result().verdict for waiter in waiters} == {Verdict.SUCCESS}


async def test_ten_waiters_for_one_recording_cost_one_request_a_look_and_none_before_the_end(room: Room) -> None:
    [session_id] = room.sandbox.vidinfra.create(script={"artifacts_after": 600, "recording": "completed"})
    for _ in range(10):
        room.wait(session_id, Artifact.RECORDING, every=60)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(301)
    assert "list_session_recordings" not in room.requests()

    room.sandbox.vidinfra.end(session_id)
    room.sandbox.log.clear()
    await room.passes(300)
    assert room.requests() == ["get_session", *["list_session_recordings"] * 5]


@pytest.mark.parametrize(
    ("took", "known", "expected"),
    [(1, None, None), (60, None, None), (600, None, 660), (700, 660, 660), (2000, 660, 2060), (10, 660, None)],
)
def test_the_pace_is_what_a_look_takes_and_changes_only_notably(
    took: float, known: float | None, expected: float | None
) -> None:
    assert pace_of(took, 60, known) == expected
