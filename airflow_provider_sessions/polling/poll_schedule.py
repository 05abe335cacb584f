"""When to poll next: pure functions of times in seconds since 1970, called by the poller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_sessions.model import Session, SessionState

DEFAULT_POLL_INTERVAL = 60.0
"""Seconds between polls, unless a caller requests others."""
MAX_IDLE = 900.0
"""Seconds after which every session is polled again, however far away its next change seems."""
RECONNECT_AFTER = 300.0
"""Seconds after which the Airflow connection is read again: it may have been edited during a wait."""
FINAL_POLL_TIMEOUT = 45.0
"""Seconds after a deadline within which the final poll has to be complete, waiting for the rate limit included."""
FINAL_POLL_INTERVAL = 1.0
"""Minimum seconds between two final polls: many deadlines must not cause a burst of requests."""
_MAX_BACKOFF = 120.0
_DEFAULT_DURATION = 8 * 3600.0
"""Seconds that a session without a planned end is expected to last: a day's work."""
_LATE_GRACE = 2 * 3600.0
_LATE_DIVISOR = 60
_MIN_FULL_POLL_INTERVAL = 60.0
_POLLS_PER_FULL_POLL = 10
_INTERVAL_CHANGE = 1.5
_RARE_POLL_INTERVALS = 2
"""A session that has not been polled for this many intervals gets a full poll."""


def next_poll(session: Session | None, now: float, poll_interval: float, max_idle: float = MAX_IDLE) -> float:
    """Return when to poll a session, or an artifact of it, again after a successful poll.

    ======================================  =========================================================================
    the session                             the next poll
    ======================================  =========================================================================
    has not reached its planned start       after a quarter of the time until then, so that polls come every
                                            ``poll_interval`` shortly before the start
    is scheduled or live although its       every ``poll_interval`` for two hours; then after one sixtieth of the
    planned end has passed                  time beyond these two hours: after one minute at three hours
    has ended, and an artifact is awaited   the same, counted from its end
    is requested, live, or has no planned   after ``poll_interval``
    start
    ======================================  =========================================================================

    The pause is never shorter than ``poll_interval`` nor longer than ``max_idle``, unless the former is longer. An
    early start, a move or a cancellation long before the planned start is therefore noticed after ``max_idle`` at the
    latest, and in the last hour before the start after a quarter of the remaining time.

    :param session: the session as the poll returned it.
    :param now: when the poll finished, in seconds since 1970.
    :param poll_interval: seconds; the smallest interval of all subscribers.
    :param max_idle: seconds.
    """
    pause = 0.0 if session is None else _idle_seconds(session, now)
    return now + max(poll_interval, min(pause, max_idle))


def _idle_seconds(session: Session, now: float) -> float:
    """Return for how many seconds no change is likely."""
    if session.state is SessionState.SCHEDULED and session.scheduled_start is not None:
        start = session.scheduled_start.timestamp()
        if now < start:
            return (start - now) / 4
    expected = _expected_end(session)
    return 0.0 if expected is None else max(0.0, now - expected - _LATE_GRACE) / _LATE_DIVISOR


def _expected_end(session: Session) -> float | None:
    """Return when a session ended or is expected to end; None if that is unknown."""
    if session.state is SessionState.REQUESTED:
        return None
    end = session.ended_at or session.scheduled_end
    if end is not None:
        return end.timestamp()
    start = session.actual_start or session.scheduled_start
    return None if start is None else start.timestamp() + _DEFAULT_DURATION


def backoff_seconds(poll_interval: float, failures: int) -> float:
    """Return the seconds to wait after a failed poll: never less than after a successful one.

    :param poll_interval: seconds between successful polls.
    :param failures: consecutive failed polls, this one included.
    """
    # The exponent is bounded because the number of failures is not; 2 ** 16 exceeds any interval.
    doubled = poll_interval * 2.0 ** min(failures - 1, 16)
    return min(doubled, max(poll_interval, _MAX_BACKOFF))


def estimate_interval(poll_duration: float, poll_interval: float, previous: float | None) -> float | None:
    """Return the actual seconds between polls if one poll takes longer than the interval, else None.

    The previous estimate is kept until it is wrong by half, since every change is logged for every waiting task.

    :param poll_duration: seconds that the last poll took, or that the current one has taken so far.
    :param poll_interval: the requested seconds between polls.
    :param previous: the estimate so far.
    """
    if poll_duration <= poll_interval:
        return None
    actual = poll_duration + poll_interval
    is_close = previous is not None and previous / _INTERVAL_CHANGE <= actual <= previous * _INTERVAL_CHANGE
    return previous if is_close else actual


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """A session as the last poll returned it.

    :param session: None if it was never polled, or if the last poll failed.
    :param polled_at: when it was last polled.
    :param fully_polled_at: when it last had a full poll.
    """

    session: Session | None = None
    polled_at: float = -math.inf
    fully_polled_at: float = -math.inf


def select_full_polls(snapshots: Mapping[str, SessionSnapshot], now: float, poll_interval: float) -> set[str]:
    """Select the sessions for which being absent from the list of live sessions says too little.

    Such a session may have been moved, or may have started and ended between two polls. Selected are sessions of which
    nothing is known and sessions that are polled rarely; of the others, those whose last full poll is long ago. Of the
    latter the oldest come first, and only as many as are needed for all to take turns: a thousand sessions that were
    first polled together must not all get their full polls together ever after.

    :param snapshots: the last snapshot by session id.
    :param now: the current time.
    :param poll_interval: seconds between polls.
    """
    rare = now - _RARE_POLL_INTERVALS * poll_interval
    due = {key for key, snapshot in snapshots.items() if snapshot.session is None or snapshot.polled_at <= rare}
    interval = max(_MIN_FULL_POLL_INTERVAL, _POLLS_PER_FULL_POLL * poll_interval)
    others = {key: snapshot.fully_polled_at for key, snapshot in snapshots.items() if key not in due}
    batch_size = math.ceil(len(others) * poll_interval / interval)
    oldest = sorted(others, key=others.__getitem__)[:batch_size]
    return due | {key for key in oldest if others[key] + interval <= now}
