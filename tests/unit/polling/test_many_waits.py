"""Many waits at once leave the event loop to others, and Airflow's objects to themselves."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.polling.wait_conditions import WaitStatus
from tests.unit.polling.conftest import PollerHarness

MANY = 400


async def count_turns(turns: list[int]) -> None:
    """Count the iterations of the event loop."""
    while True:
        turns[0] += 1
        await asyncio.sleep(0)


async def count_ended_in_one_turn(harness: PollerHarness, session_id: str, change: object) -> int:
    """Return how many waits ended in the same iteration of the event loop at most, when they all end in one poll."""
    turns, ended_in = [0], Counter[int]()
    waits = [harness.start_wait(session_id, SessionState.LIVE, timeout=900) for _ in range(MANY)]
    await harness.advance(60)
    for wait in waits:
        wait.add_done_callback(lambda _: ended_in.update([turns[0]]))
    counter = asyncio.ensure_future(count_turns(turns))
    if change:
        harness.sandbox.vidinfra.start(session_id)
    await harness.advance(900)
    counter.cancel()
    assert ended_in.total() == MANY
    expected = WaitStatus.SUCCESS if change else WaitStatus.TIMEOUT
    assert {wait.result().status for wait in waits} == {expected}
    return max(ended_in.values())


async def test_a_result_is_handed_out_in_turns_of_others(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    assert await count_ended_in_one_turn(harness, session_id, change=True) <= 50


async def test_waits_with_one_deadline_expire_in_turns_of_others(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    assert await count_ended_in_one_turn(harness, session_id, change=False) <= 50


async def test_some_leave_while_a_result_is_handed_out(harness: PollerHarness) -> None:
    [session_id] = harness.sandbox.vidinfra.create()
    waits = [harness.start_wait(session_id, SessionState.LIVE) for _ in range(MANY)]
    await harness.advance(60)
    waits[0].add_done_callback(lambda _: [wait.cancel() for wait in waits[200:]])
    harness.sandbox.vidinfra.start(session_id)
    await harness.advance(60)

    assert all(wait.cancelled() for wait in waits[200:])
    assert {wait.result().status for wait in waits[:200]} == {WaitStatus.SUCCESS}
    assert harness.closed == harness.opened


async def test_existing_objects_are_excluded_from_garbage_collections_while_something_waits(
    harness: PollerHarness,
) -> None:
    first, second = harness.sandbox.vidinfra.create(count=2)
    waits = [harness.start_wait(session_id, SessionState.LIVE) for session_id in (first, second)]
    await harness.advance(1)
    assert gc.get_freeze_count() > 0

    harness.sandbox.vidinfra.start(first)
    await harness.advance(60)
    assert waits[0].done()
    assert gc.get_freeze_count() > 0, "the other still waits"

    harness.sandbox.vidinfra.start(second)
    await harness.advance(60)
    assert waits[1].done()
    assert gc.get_freeze_count() == 0
