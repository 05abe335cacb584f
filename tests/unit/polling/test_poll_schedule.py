"""When to poll next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.polling.poll_schedule import (
    MAX_IDLE,
    SessionSnapshot,
    backoff_seconds,
    estimate_interval,
    next_poll,
    select_full_polls,
)

INTERVALS = some.floats(min_value=1, max_value=86400)
DAYS = some.floats(min_value=-60 * 86400, max_value=60 * 86400)
OPEN = (SessionState.SCHEDULED, SessionState.LIVE)
START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
NOW = START.timestamp()
MINUTE, HOUR = 60.0, 3600.0


def session(state: SessionState = SessionState.SCHEDULED, *, lasts: float | None = HOUR) -> Session:
    """Return a session that is planned to start at ``START``."""
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


def pause(polled: Session | None, after_start: float, poll_interval: float = 30.0) -> float:
    """Return the seconds until the next poll, after one at this time relative to the planned start."""
    now = NOW + after_start
    return next_poll(polled, now, poll_interval) - now


@given(some.sampled_from([session(state) for state in SessionState]), DAYS, INTERVALS)
def test_pause_is_between_poll_interval_and_max_idle(polled: Session, after_start: float, poll_interval: float) -> None:
    seconds = pause(polled, after_start, poll_interval)

    assert seconds == pytest.approx(max(poll_interval, min(seconds, MAX_IDLE)), abs=1e-3)


@given(some.floats(min_value=0, max_value=60 * 86400), some.floats(min_value=0, max_value=86400), INTERVALS)
def test_pause_shrinks_towards_the_start_and_never_skips_it(before: float, more: float, poll_interval: float) -> None:
    seconds = pause(session(), -before, poll_interval)

    assert seconds <= pause(session(), -before - more, poll_interval) + 1e-3
    assert seconds <= max(poll_interval, before / 4) + 1e-3


@given(some.sampled_from(OPEN), some.floats(0, 60 * 86400), some.floats(0, 86400), INTERVALS)
def test_pause_grows_while_a_session_is_late(
    state: SessionState, after: float, more: float, poll_interval: float
) -> None:
    polled = session(state)

    assert pause(polled, after, poll_interval) <= pause(polled, after + more, poll_interval) + 1e-3


@pytest.mark.parametrize(
    ("before", "expected"), [(30 * 86400, 900), (2 * HOUR, 900), (HOUR, 900), (40 * MINUTE, 600), (120, 30), (10, 30)]
)
def test_pause_before_the_start(before: float, expected: float) -> None:
    assert pause(session(), -before) == pytest.approx(expected)


def test_a_day_before_the_start_takes_few_polls() -> None:
    now, polls = NOW - 86400, 0
    while now < NOW:
        now, polls = next_poll(session(), now, 30.0), polls + 1

    assert polls < 120, "instead of 2,880"
    assert now - NOW <= 30


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("late", "expected"), [(-60, 30), (0, 30), (2 * HOUR, 30), (3 * HOUR, 60), (8 * HOUR, 360), (30 * HOUR, 900)]
)
def test_pause_after_the_planned_end(state: SessionState, late: float, expected: float) -> None:
    assert pause(session(state), HOUR + late) == pytest.approx(expected)


def test_session_without_planned_end_may_last_eight_hours() -> None:
    live = session(SessionState.LIVE, lasts=None)

    assert pause(live, 9 * HOUR) == pytest.approx(30)
    assert pause(live, 14 * HOUR) == pytest.approx(240)


@pytest.mark.parametrize(("since", "expected"), [(0, 30), (2 * HOUR, 30), (5 * HOUR, 180), (48 * HOUR, 900)])
def test_pause_for_artifacts(since: float, expected: float) -> None:
    assert pause(session(SessionState.ENDED), HOUR + since) == pytest.approx(expected)


def test_requested_session_is_polled_at_the_interval() -> None:
    assert pause(session(SessionState.REQUESTED), -30 * 86400) == pytest.approx(30)
    assert pause(None, -30 * 86400) == pytest.approx(30)


@pytest.mark.parametrize("polled", [None, session(SessionState.REQUESTED), session(SessionState.LIVE)])
def test_short_interval_applies_when_no_idle_time_is_known(polled: Session | None) -> None:
    assert pause(polled, 0, 0.01) == pytest.approx(0.01, abs=1e-4)


@given(INTERVALS, some.integers(min_value=1, max_value=10**6))
def test_backoff_is_never_shorter_than_the_interval(poll_interval: float, failures: int) -> None:
    pause = backoff_seconds(poll_interval, failures)

    assert poll_interval <= pause <= max(poll_interval, 120)
    assert backoff_seconds(poll_interval, failures + 1) >= pause


def test_backoff_doubles_with_each_failure() -> None:
    assert [backoff_seconds(5, failures) for failures in range(1, 8)] == [5, 10, 20, 40, 80, 120, 120]


@given(some.integers(min_value=1, max_value=100), some.floats(min_value=5, max_value=600))
def test_full_polls_are_spread_and_reach_every_session(sessions: int, poll_interval: float) -> None:
    interval = max(60.0, 10 * poll_interval)
    known = session()
    snapshots = {str(number): SessionSnapshot(known, 0.0, 0.0) for number in range(sessions)}
    now = 0.0
    while now < 3 * interval:
        now += poll_interval
        selected = select_full_polls(snapshots, now, poll_interval)
        assert len(selected) <= sessions * poll_interval / interval + 1
        snapshots = {
            key: SessionSnapshot(known, now, now if key in selected else last.fully_polled_at)
            for key, last in snapshots.items()
        }

    assert min(last.fully_polled_at for last in snapshots.values()) > now - 2 * interval - 2 * poll_interval


def test_full_poll_is_not_selected_early() -> None:
    snapshots = {"a": SessionSnapshot(session(), 1290.0, 1000.0), "b": SessionSnapshot(session(), 1290.0, 1299.0)}
    assert select_full_polls(snapshots, 1300.0, 30.0) == {"a"}
    assert select_full_polls({}, 1300.0, 30.0) == set()


@pytest.mark.parametrize(
    ("poll_interval", "ago", "due"), [(1, 60, True), (1, 59.5, False), (30, 300, True), (30, 299, False)]
)
def test_full_poll_is_every_tenth_poll_but_at_most_once_a_minute(poll_interval: float, ago: float, due: bool) -> None:
    snapshots = {"a": SessionSnapshot(session(), 1000.0 - poll_interval, 1000.0 - ago)}
    assert bool(select_full_polls(snapshots, 1000.0, poll_interval)) is due


@pytest.mark.parametrize(("ago", "due"), [(59, False), (60, True), (61, True)])
def test_session_not_polled_for_two_intervals_gets_a_full_poll(ago: float, due: bool) -> None:
    snapshots = {"a": SessionSnapshot(session(), 1000.0 - ago, 1000.0 - ago)}
    assert bool(select_full_polls(snapshots, 1000.0, 30.0)) is due


@pytest.mark.parametrize(("took", "expected"), [(379, 439), (380, 660), (930, 660), (931, 991), (1300, 1360)])
def test_estimate_is_kept_until_it_is_wrong_by_half(took: float, expected: float) -> None:
    assert estimate_interval(took, 60, 660) == expected


def test_rarely_polled_sessions_always_get_a_full_poll() -> None:
    seldom = {str(number): SessionSnapshot(session(), 400.0, 400.0) for number in range(50)}
    often = {"often": SessionSnapshot(session(), 1270.0, 1270.0)}
    unknown = {"unknown": SessionSnapshot()}

    assert select_full_polls(seldom | often | unknown, 1300.0, 30.0) == seldom.keys() | {"unknown"}


def test_session_that_was_never_polled_is_due() -> None:
    snapshots = {
        "never polled": SessionSnapshot(session()),
        "never polled fully": SessionSnapshot(session(), polled_at=1000.0),
        "polled": SessionSnapshot(session(), polled_at=1000.0, fully_polled_at=1000.0),
    }
    assert select_full_polls(snapshots, now=1000.0, poll_interval=60) == {"never polled", "never polled fully"}
