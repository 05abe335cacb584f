"""Subscriptions to lists, on the poller that also polls single sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from airflow_provider_sessions.errors import AuthenticationError, RateLimitedError, ServerError
from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.polling.subscriptions import ListSubscription, SessionList, SessionListResult
from tests.unit.polling.conftest import PollerHarness

DAY = timedelta(days=1)
SOON = SessionList(back=DAY, ahead=DAY)


class Subscriber:
    """A subscriber that keeps all results of a list."""

    def __init__(self, subscription: ListSubscription) -> None:
        self.results: list[SessionListResult] = []
        self._task = asyncio.ensure_future(self._receive(subscription))

    async def _receive(self, subscription: ListSubscription) -> None:
        while True:
            self.results.append(await subscription.get())

    @property
    def titles(self) -> list[set[str] | None]:
        """Titles in each result; None for a failed poll."""
        return [
            None if result.sessions is None else {session.title for session in result.sessions}
            for result in self.results
        ]

    def close(self) -> None:
        self._task.cancel()


Subscribe = Callable[..., Awaitable[Subscriber]]


@pytest.fixture
async def subscribe(harness: PollerHarness) -> AsyncIterator[Subscribe]:
    async with AsyncExitStack() as stack:

        async def subscribe(session_list: SessionList = SOON, poll_interval: float = 30.0) -> Subscriber:
            subscription = harness.poller().subscribe_to_list(session_list, poll_interval)
            subscriber = Subscriber(await stack.enter_async_context(subscription))
            stack.callback(subscriber.close)
            return subscriber

        yield subscribe


def create_planned(harness: PollerHarness, title: str, hours: float = 2.0) -> None:
    harness.sandbox.vidinfra.create(title, scheduled_start=harness.clock.now() + timedelta(hours=hours))


def count_list_requests(harness: PollerHarness) -> int:
    return harness.requests().count("list_sessions")


async def test_each_result_is_delivered_even_if_nothing_changed(harness: PollerHarness, subscribe: Subscribe) -> None:
    create_planned(harness, "Launch")
    subscriber = await subscribe()
    await harness.advance(65)
    create_planned(harness, "Review")
    await harness.advance(30)

    assert subscriber.titles == [{"Launch"}] * 3 + [{"Launch", "Review"}]
    times = [result.polled_at for result in subscriber.results]
    assert times == sorted(times)


async def test_equal_lists_cost_one_request_per_poll(harness: PollerHarness, subscribe: Subscribe) -> None:
    subscribers = [await subscribe(SessionList(back=DAY, ahead=DAY)) for _ in range(20)]
    other = await subscribe(SessionList(back=DAY, ahead=DAY, title="launch"))
    create_planned(harness, "Launch")
    create_planned(harness, "Review")
    await harness.advance(1)

    assert count_list_requests(harness) == 2, "one for each distinct list"
    assert [subscriber.titles for subscriber in subscribers] == [[{"Launch", "Review"}]] * 20
    assert other.titles == [{"Launch"}]


async def test_late_subscriber_gets_the_last_result(harness: PollerHarness, subscribe: Subscribe) -> None:
    create_planned(harness, "Launch")
    await subscribe()
    await harness.advance(1)
    late = await subscribe()
    await harness.run_ready_tasks()

    assert late.titles == [{"Launch"}]
    assert count_list_requests(harness) == 1


async def test_window_moves_with_time(harness: PollerHarness, subscribe: Subscribe) -> None:
    create_planned(harness, "Later", hours=2.5)
    subscriber = await subscribe(SessionList(back=timedelta(hours=1), ahead=timedelta(hours=1)), poll_interval=3600)
    await harness.advance(4.5 * 3600)

    assert subscriber.titles == [set(), set(), {"Later"}, {"Later"}, set()]


async def test_list_and_wait_share_polls_and_connection(harness: PollerHarness, subscribe: Subscribe) -> None:
    [session_id] = harness.sandbox.vidinfra.create("Launch")
    subscriber = await subscribe()
    wait = harness.start_wait(session_id, SessionState.LIVE)
    await harness.advance(31)
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(30)

    assert wait.result().session is not None
    assert len(subscriber.results) == 3
    assert len(harness.opened) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (429, RateLimitedError)], ids=str)
async def test_failed_poll_is_delivered_and_costs_one_request(
    harness: PollerHarness, subscribe: Subscribe, status: int, kind: type[Exception]
) -> None:
    subscribers = [
        await subscribe(),
        await subscribe(SessionList(back=DAY, ahead=2 * DAY)),
        await subscribe(SessionList(back=DAY, ahead=3 * DAY)),
    ]
    harness.sandbox.faults.add("status", status=status)
    await harness.advance(1)
    assert len(harness.requests()) == 1, "the other requests would fail as well"
    assert [[type(result.error) for result in subscriber.results] for subscriber in subscribers] == [[kind]] * 3

    await harness.advance(120)
    assert all(subscriber.titles[-1] == set() for subscriber in subscribers)


async def test_list_that_responds_with_an_error_fails_alone(harness: PollerHarness, subscribe: Subscribe) -> None:
    failing, other = await subscribe(), await subscribe(SessionList(back=DAY, ahead=2 * DAY))
    harness.sandbox.faults.add("status", status=503)
    await harness.advance(1)

    assert [[type(result.error) for result in one.results] for one in (failing, other)] == [
        [ServerError],
        [type(None)],
    ]


async def test_unsupported_list_does_not_delay_others(harness: PollerHarness, subscribe: Subscribe) -> None:
    """VidInfra has no cases."""
    wrong = await subscribe(SessionList(back=DAY, ahead=DAY, case="23-cv-1"))
    right = await subscribe()
    await harness.advance(31)

    assert wrong.titles[0] is None
    assert "has no cases" in str(wrong.results[0].error)
    assert right.titles == [set(), set()]


async def test_poller_stops_with_its_last_subscriber(harness: PollerHarness) -> None:
    async with harness.poller().subscribe_to_list(SOON, 30.0):
        await harness.advance(1)
    await harness.advance(300)

    assert count_list_requests(harness) == 1
    assert harness.closed == harness.opened
