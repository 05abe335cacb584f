"""Waiting on an account that allows fewer requests than the waiters would like to send."""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from airflow_provider_sessions.model import Artifact
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling.poll_schedule import pace_of
from airflow_provider_sessions.polling.wait_conditions import Verdict
from tests.unit.polling.conftest import Room

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
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
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


async def told_of_looks(room: Room, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a wait for a session that is to come says of its looks, within ten minutes."""
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    [session_id] = room.sandbox.vidinfra.create()
    room.wait(session_id, every=5)
    await room.passes(600)
    return [message for message in caplog.messages if message.startswith("Looks come")]


class Slow(httpx.AsyncBaseTransport):
    """A network that takes its time, and may lead nowhere."""

    def __init__(self, room: Room, inner: httpx.AsyncBaseTransport | None, seconds: float) -> None:
        self.room, self.inner, self.seconds = room, inner, seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.room.clock.sleep(self.seconds)
        if self.inner is None:
            raise httpx.ConnectError("no route to host", request=request)
        return await self.inner.handle_async_request(request)


async def test_a_platform_that_takes_long_to_answer_is_told_to_be_slow(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.transport = Slow(room, room.transport, 20)
    told = "Looks come every 25 s or so: the platform is slow to answer, not every 5 s"

    assert told in await told_of_looks(room, caplog)


async def test_a_connection_that_takes_long_to_read_makes_no_platform_slow(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    opened = room.connect

    async def slowly(current: Adapter | None) -> Adapter:
        await room.clock.sleep(60)
        return await opened(current)

    room.connect = slowly  # type: ignore[method-assign]

    assert await told_of_looks(room, caplog) == []


async def test_a_host_that_cannot_be_reached_is_not_slow_to_answer(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.transport = Slow(room, None, 30)

    assert await told_of_looks(room, caplog) == []
