"""When to look next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from airflow_provider_sessions.waiting.schedule import after_failure, due_for_a_close_look, next_look

INTERVALS = some.floats(min_value=1, max_value=86400)


@given(INTERVALS, some.integers(min_value=1, max_value=10**6))
def test_a_failed_look_is_never_followed_sooner_than_a_good_one(poll_interval: float, failures: int) -> None:
    pause = after_failure(poll_interval, failures)

    assert poll_interval <= pause <= max(poll_interval, 120)
    assert after_failure(poll_interval, failures + 1) >= pause


def test_pauses_grow_with_a_run_of_failures() -> None:
    assert [after_failure(5, failures) for failures in range(1, 8)] == [5, 10, 20, 40, 80, 120, 120]


def test_a_good_look_is_followed_by_the_next_after_the_interval() -> None:
    assert next_look(None, 1000.0, 30.0) == 1030.0


@given(some.integers(min_value=1, max_value=300), some.floats(min_value=1, max_value=600))
def test_every_session_gets_its_close_look_and_they_are_spread(sessions: int, poll_interval: float) -> None:
    every = max(60.0, 10 * poll_interval)
    looked = {str(number): 0.0 for number in range(sessions)}
    now = 0.0
    while now < 3 * every:
        now += poll_interval
        closely = due_for_a_close_look(looked, now, poll_interval)
        assert len(closely) <= sessions * poll_interval / every + 1
        looked |= dict.fromkeys(closely, now)

    assert min(looked.values()) > now - 2 * every - 2 * poll_interval


def test_nobody_is_due_before_their_time() -> None:
    assert due_for_a_close_look({"a": 1000.0, "b": 1299.0}, 1300.0, 30.0) == {"a"}
    assert due_for_a_close_look({}, 1300.0, 30.0) == set()
