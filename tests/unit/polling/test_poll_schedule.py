"""When to look next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.polling.poll_schedule import (
    MAX_IDLE,
    Sighting,
    after_failure,
    due_for_a_close_look,
    next_look,
    pace_of,
)

INTERVALS = some.floats(min_value=1, max_value=86400)
DAYS = some.floats(min_value=-60 * 86400, max_value=60 * 86400)
OPEN = (SessionState.SCHEDULED, SessionState.LIVE)
START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
NOW = START.timestamp()
MINUTE, HOUR = 60.0, 3600.0


def session(state: SessionState = SessionState.SCHEDULED, *, lasts: float | None = HOUR) -> Session:
    """A session that is planned to start at ``START``; in a state that it may be in any time."""
    end = None if lasts is None else START + timedelta(seconds=lasts)
    return Session(
        platform="vidinfra",
        session_id="s1",
        title="Launch",
        state=state,
        scheduled_start=START,
        scheduled_end=end,
        actual_end=end if state is SessionState.ENDED else None,
    )


def pause(seen: Session | None, after_start: float, poll_interval: float = 30.0) -> float:
    """Seconds until the next look after one that long after the planned start."""
    now = NOW + after_start
    return next_look(seen, now, poll_interval) - now


@given(some.sampled_from([session(state) for state in SessionState]), DAYS, INTERVALS)
def test_no_look_comes_before_the_interval_or_after_the_longest_pause(
    seen: Session, after_start: float, poll_interval: float
) -> None:
    found = pause(seen, after_start, poll_interval)

    assert found == pytest.approx(max(poll_interval, min(found, MAX_IDLE)), abs=1e-3)


@given(some.floats(min_value=0, max_value=60 * 86400), some.floats(min_value=0, max_value=86400), INTERVALS)
def test_the_nearer_the_start_the_sooner_the_look_and_none_jumps_over_it(
    before: float, more: float, poll_interval: float
) -> None:
    found = pause(session(), -before, poll_interval)

    assert found <= pause(session(), -before - more, poll_interval) + 1e-3
    assert found <= max(poll_interval, before / 4) + 1e-3


@given(some.sampled_from(OPEN), some.floats(0, 60 * 86400), some.floats(0, 86400), INTERVALS)
def test_the_longer_a_session_is_late_the_rarer_the_looks(
    state: SessionState, after: float, more: float, poll_interval: float
) -> None:
    seen = session(state)

    assert pause(seen, after, poll_interval) <= pause(seen, after + more, poll_interval) + 1e-3


@pytest.mark.parametrize(
    ("before", "expected"), [(30 * 86400, 900), (2 * HOUR, 900), (HOUR, 900), (40 * MINUTE, 600), (120, 30), (10, 30)]
)
def test_before_the_start(before: float, expected: float) -> None:
    assert pause(session(), -before) == pytest.approx(expected)


def test_a_day_of_waiting_for_the_start_takes_few_looks() -> None:
    now, looks = NOW - 86400, 0
    while now < NOW:
        now, looks = next_look(session(), now, 30.0), looks + 1

    assert looks < 120, "instead of 2,880"
    assert now - NOW <= 30


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("late", "expected"), [(-60, 30), (0, 30), (2 * HOUR, 30), (3 * HOUR, 60), (8 * HOUR, 360), (30 * HOUR, 900)]
)
def test_after_the_planned_end(state: SessionState, late: float, expected: float) -> None:
    assert pause(session(state), HOUR + late) == pytest.approx(expected)


def test_a_session_of_unknown_length_may_take_a_days_work() -> None:
    live = session(SessionState.LIVE, lasts=None)

    assert pause(live, 9 * HOUR) == pytest.approx(30)
    assert pause(live, 14 * HOUR) == pytest.approx(240)


@pytest.mark.parametrize(("since", "expected"), [(0, 30), (2 * HOUR, 30), (5 * HOUR, 180), (48 * HOUR, 900)])
def test_for_what_a_session_leaves_behind(since: float, expected: float) -> None:
    assert pause(session(SessionState.ENDED), HOUR + since) == pytest.approx(expected)


def test_nothing_is_known_of_when_staff_will_schedule_a_request() -> None:
    assert pause(session(SessionState.REQUESTED), -30 * 86400) == pytest.approx(30)
    assert pause(None, -30 * 86400) == pytest.approx(30)


@pytest.mark.parametrize("seen", [None, session(SessionState.REQUESTED), session(SessionState.LIVE)])
def test_where_no_time_is_known_to_be_idle_the_interval_counts_however_short(seen: Session | None) -> None:
    assert pause(seen, 0, 0.01) == pytest.approx(0.01, abs=1e-4)


@given(INTERVALS, some.integers(min_value=1, max_value=10**6))
def test_a_failed_look_is_never_followed_sooner_than_a_good_one(poll_interval: float, failures: int) -> None:
    pause = after_failure(poll_interval, failures)

    assert poll_interval <= pause <= max(poll_interval, 120)
    assert after_failure(poll_interval, failures + 1) >= pause


def test_pauses_grow_with_a_run_of_failures() -> None:
    assert [after_failure(5, failures) for failures in range(1, 8)] == [5, 10, 20, 40, 80, 120, 120]


@given(some.integers(min_value=1, max_value=100), some.floats(min_value=5, max_value=600))
def test_every_session_gets_its_close_look_and_they_are_spread(sessions: int, poll_interval: float) -> None:
    every = max(60.0, 10 * poll_interval)
    known = session()
    seen = {str(number): Sighting(known, 0.0, 0.0) for number in range(sessions)}
    now = 0.0
    while now < 3 * every:
        now += poll_interval
        closely = due_for_a_close_look(seen, now, poll_interval)
        assert len(closely) <= sessions * poll_interval / every + 1
        seen = {key: Sighting(known, now, now if key in closely else last.closely) for key, last in seen.items()}

    assert min(last.closely for last in seen.values()) > now - 2 * every - 2 * poll_interval


def test_nobody_is_due_before_their_time() -> None:
    seen = {"a": Sighting(session(), 1290.0, 1000.0), "b": Sighting(session(), 1290.0, 1299.0)}
    assert due_for_a_close_look(seen, 1300.0, 30.0) == {"a"}
    assert due_for_a_close_look({}, 1300.0, 30.0) == set()


@pytest.mark.parametrize(
    ("poll_interval", "ago", "due"), [(1, 60, True), (1, 59.5, False), (30, 300, True), (30, 299, False)]
)
def test_a_close_look_comes_at_every_tenth_look_but_not_before_a_minute(
    poll_interval: float, ago: float, due: bool
) -> None:
    seen = {"a": Sighting(session(), 1000.0 - poll_interval, 1000.0 - ago)}
    assert bool(due_for_a_close_look(seen, 1000.0, poll_interval)) is due


@pytest.mark.parametrize(("ago", "due"), [(59, False), (60, True), (61, True)])
def test_seldom_means_every_other_look(ago: float, due: bool) -> None:
    seen = {"a": Sighting(session(), 1000.0 - ago, 1000.0 - ago)}
    assert bool(due_for_a_close_look(seen, 1000.0, 30.0)) is due


@pytest.mark.parametrize(("took", "expected"), [(379, 439), (380, 660), (930, 660), (931, 991), (1300, 1360)])
def test_a_pace_holds_until_it_is_wrong_by_half(took: float, expected: float) -> None:
    assert pace_of(took, 60, 660) == expected


def test_who_is_looked_at_seldom_is_looked_at_closely_each_time() -> None:
    seldom = {str(number): Sighting(session(), 400.0, 400.0) for number in range(50)}
    often = {"often": Sighting(session(), 1270.0, 1270.0)}
    unknown = {"unknown": Sighting()}

    assert due_for_a_close_look(seldom | often | unknown, 1300.0, 30.0) == seldom.keys() | {"unknown"}
