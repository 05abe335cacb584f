"""How long the account's list of bookings is used for the bookings of a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.unit.platforms.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench("sessions_us")
    yield bench
    await bench.close()


async def test_a_booking_that_is_made_meanwhile_is_found_while_the_session_has_not_ended(bench: Bench) -> None:
    adapter, start = bench.adapter(), bench.clock.now() + timedelta(days=1)
    [session_id] = bench.platform.create("Office hours", scheduled_start=start)
    assert await adapter.bookings(await adapter.get(session_id)) == []
    [booked_id] = bench.platform.create("Consultation", scheduled_start=start, booked=True)

    bench.clock.jump(61)
    [booking] = await adapter.bookings(await adapter.get(booked_id))
    assert booking.session_id == booked_id


async def test_one_list_serves_the_sessions_that_have_ended(bench: Bench) -> None:
    now = bench.clock.now()
    ended = (now - timedelta(hours=5), now - timedelta(hours=2))
    ids = bench.platform.create(count=3, booked=True, ended_between=ended)
    adapter = bench.adapter()
    for session_id in ids:
        [booking] = await adapter.bookings(await adapter.get(session_id))
        assert booking.session_id == session_id
        bench.clock.jump(600)
    assert bench.sandbox.log.count(route="list_bookings") == 1
