"""Lists that are looked at again and again, on the poll that also looks at single sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from airflow_provider_sessions.errors import AuthenticationError, RateLimitedError, ServerError
from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.polling.poller import subscribed_list
from airflow_provider_sessions.polling.session_list import Listed, Listing
from airflow_provider_sessions.polling.subscriptions import ListSubscription
from tests.unit.polling.conftest import Room

DAY = timedelta(days=1)
SOON = Listing(back=DAY, ahead=DAY)


class Reader:
    """Somebody who listens to a list and keeps all that is told."""

    def __init__(self, subscription: ListSubscription) -> None:
        self.told: list[Listed] = []
        self._task = asyncio.ensure_future(self._read(subscription))

    async def _read(self, subscription: ListSubscription) -> None:
        while True:
            self.told.append(await subscription.next())

    @property
    def titles(self) -> list[set[str] | None]:
        """Titles in each list that was told; None for a look that failed."""
        return [None if told.sessions is None else {each.title for each in told.sessions} for told in self.told]

    def close(self) -> None:
        self._task.cancel()


class Readers:
    """Lets any number of readers in."""

    def __init__(self, room: Room, stack: AsyncExitStack) -> None:
        self._room = room
        self._stack = stack

    async def __call__(self, listing: Listing = SOON, every: float = 30.0) -> Reader:
        reader = Reader(await self._stack.enter_async_context(subscribed_list(self._room.poller(), listing, every)))
        self._stack.callback(reader.close)
        return reader


@pytest.fixture
async def read(room: Room) -> AsyncIterator[Readers]:
    async with AsyncExitStack() as stack:
        yield Readers(room, stack)


def plan(room: Room, title: str, hours: float = 2.0) -> None:
    room.sandbox.vidinfra.create(title, scheduled_start=room.clock.now() + timedelta(hours=hours))


def times_listed(room: Room) -> int:
    return room.requests().count("list_sessions")


async def test_each_look_is_told_also_one_that_saw_nothing_new(room: Room, read: Readers) -> None:
    plan(room, "Launch")
    reader = await read()
    await room.passes(65)
    plan(room, "Review")
    await room.passes(30)

    assert reader.titles == [{"Launch"}] * 3 + [{"Launch", "Review"}]
    assert [told.at for told in reader.told] == sorted(told.at for told in reader.told)


async def test_any_number_of_readers_of_equal_lists_costs_one_list_a_look(room: Room, read: Readers) -> None:
    readers = [await read(Listing(back=DAY, ahead=DAY)) for _ in range(20)]
    other = await read(Listing(back=DAY, ahead=DAY, title="launch"))
    plan(room, "Launch")
    plan(room, "Review")
    await room.passes(1)

    assert times_listed(room) == 2, "one for each distinct list"
    assert [reader.titles for reader in readers] == [[{"Launch", "Review"}]] * 20
    assert other.titles == [{"Launch"}]


async def test_a_latecomer_is_told_what_the_others_know(room: Room, read: Readers) -> None:
    plan(room, "Launch")
    await read()
    await room.passes(1)
    late = await read()
    await room.settle()

    assert late.titles == [{"Launch"}]
    assert times_listed(room) == 1


async def test_the_window_moves_with_time(room: Room, read: Readers) -> None:
    plan(room, "Later", hours=2.5)
    reader = await read(Listing(back=timedelta(hours=1), ahead=timedelta(hours=1)), every=3600)
    await room.passes(4.5 * 3600)

    assert reader.titles == [set(), set(), {"Later"}, {"Later"}, set()]


async def test_a_list_and_a_wait_share_looks_and_connection(room: Room, read: Readers) -> None:
    [session_id] = room.sandbox.vidinfra.create("Launch")
    reader = await read()
    waiter = room.wait(session_id, SessionState.LIVE)
    await room.passes(31)
    room.sandbox.vidinfra.start(session_id)
    await room.passes(30)

    assert waiter.result().session is not None
    assert len(reader.told) == 3
    assert len(room.opened) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (429, RateLimitedError), (503, ServerError)], ids=str
)
async def test_a_look_that_failed_is_told_and_costs_one_request(
    room: Room, read: Readers, status: int, kind: type[Exception]
) -> None:
    readers = [await read(), await read(Listing(back=DAY, ahead=2 * DAY)), await read(Listing(back=DAY, ahead=3 * DAY))]
    room.sandbox.faults.add("status", status=status)
    await room.passes(1)
    assert len(room.requests()) == 1, "the others would meet the same"
    assert [[type(told.error) for told in reader.told] for reader in readers] == [[kind]] * 3

    await room.passes(120)
    assert all(reader.titles[-1] == set() for reader in readers)


async def test_a_list_that_cannot_be_had_holds_no_other_up(room: Room, read: Readers) -> None:
    """VidInfra knows no cases."""
    wrong = await read(Listing(back=DAY, ahead=DAY, case="23-cv-1"))
    right = await read()
    await room.passes(31)

    assert wrong.titles[0] is None
    assert "knows no cases" in str(wrong.told[0].error)
    assert right.titles == [set(), set()]


async def test_the_poll_ends_with_its_last_reader(room: Room) -> None:
    async with subscribed_list(room.poller(), SOON, 30.0):
        await room.passes(1)
    await room.passes(300)

    assert times_listed(room) == 1
    assert room.closed == room.opened
