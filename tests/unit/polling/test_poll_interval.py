"""The actual poll interval when the rate limit or the platform makes it longer than requested."""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from airflow_provider_sessions.metrics import POLL_LAG
from airflow_provider_sessions.model import Artifact
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling.poll_schedule import estimate_interval
from airflow_provider_sessions.polling.wait_conditions import WaitStatus
from tests.unit.polling.conftest import PollerHarness

PATH = re.compile(r"/sessions/([^/]+)/recordings")


def create_ended(harness: PollerHarness, count: int) -> list[str]:
    """Create sessions that have ended and whose recordings are ready after 90 minutes."""
    now = harness.clock.now()
    made: list[str] = harness.sandbox.vidinfra.create(
        count=count, ended_at=now, duration=600, script={"artifacts_after": 5400, "recording": "completed"}
    )
    return made


async def test_the_lag_of_polls_is_measured(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create("Launch")
    harness.start_wait(session_id, poll_interval=30)
    await harness.advance(100)
    assert harness.metrics.of(POLL_LAG) == pytest.approx([0.0] * 4, abs=0.01), "each poll came when it was due"

    harness.sandbox.faults.add("status", status=429, headers={"Retry-After": "90"})
    await harness.advance(130)
    assert max(harness.metrics.of(POLL_LAG)) >= 50, "the platform refused requests when the next poll was due"


async def test_all_waits_get_their_turn_under_a_rate_limit(
    harness: PollerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    harness.extra = {"rate_limit": "10/minute"}
    waits = [
        harness.start_wait(session_id, Artifact.RECORDING, poll_interval=60) for session_id in create_ended(harness, 60)
    ]
    await harness.advance(1500)

    requests = [(entry.at, found[1]) for entry in harness.sandbox.log.entries() if (found := PATH.search(entry.path))]
    times = Counter(session_id for _, session_id in requests)
    assert len(times) == 60
    assert max(times.values()) - min(times.values()) <= 1, "all sessions get their turn"
    all_requests = [entry.at for entry in harness.sandbox.log.entries()]
    for first in all_requests:
        assert sum(first <= at < first + timedelta(seconds=60) for at in all_requests) <= 10
    messages = [message for message in caplog.messages if message.startswith("Polling every")]
    assert "the account allows 10" in messages[0]
    assert messages[0].endswith("(requested: every 60 s)")
    assert len(messages) <= 2 * len(waits), "logged when the interval changes, not for each poll"

    await harness.advance(6600)
    assert {wait.result().status for wait in waits} == {WaitStatus.SUCCESS}


async def test_ten_waits_for_one_recording_cost_one_request_per_poll_after_the_end(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create(script={"artifacts_after": 600, "recording": "completed"})
    for _ in range(10):
        harness.start_wait(session_id, Artifact.RECORDING, poll_interval=60)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(301)
    assert "list_session_recordings" not in harness.requests()

    harness.sandbox.vidinfra.end(session_id)
    harness.sandbox.log.clear()
    await harness.advance(300)
    assert harness.requests() == ["get_session", *["list_session_recordings"] * 5]


@pytest.mark.parametrize(
    ("duration", "previous", "expected"),
    [(1, None, None), (60, None, None), (600, None, 660), (700, 660, 660), (2000, 660, 2060), (10, 660, None)],
)
def test_small_changes_keep_the_estimate(duration: float, previous: float | None, expected: float | None) -> None:
    assert estimate_interval(duration, 60, previous) == expected


async def interval_messages(harness: PollerHarness, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what a wait logs about its poll interval within ten minutes."""
    caplog.set_level(logging.INFO, "airflow_provider_sessions.polling")
    [session_id] = harness.sandbox.vidinfra.create()
    harness.start_wait(session_id, poll_interval=5)
    await harness.advance(600)
    return [message for message in caplog.messages if message.startswith("Polling every")]


class Slow(httpx.AsyncBaseTransport):
    """A slow network, on which the host may be unreachable."""

    def __init__(self, harness: PollerHarness, inner: httpx.AsyncBaseTransport | None, seconds: float) -> None:
        self.harness, self.inner, self.seconds = harness, inner, seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.harness.clock.sleep(self.seconds)
        if self.inner is None:
            raise httpx.ConnectError("no route to host", request=request)
        return await self.inner.handle_async_request(request)


async def test_log_says_that_the_platform_responds_slowly(
    harness: PollerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.transport = Slow(harness, harness.transport, 20)
    message = "Polling every 25 s: the platform responds slowly (requested: every 5 s)"

    assert message in await interval_messages(harness, caplog)


async def test_slow_connection_lookup_does_not_count_as_slow_platform(
    harness: PollerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    connect = harness.connect

    async def connect_slowly(current: Adapter | None) -> Adapter:
        await harness.clock.sleep(60)
        return await connect(current)

    harness.connect = connect_slowly  # type: ignore[method-assign]

    assert await interval_messages(harness, caplog) == []


async def test_unreachable_host_does_not_count_as_slow_platform(
    harness: PollerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.transport = Slow(harness, None, 30)

    assert await interval_messages(harness, caplog) == []
