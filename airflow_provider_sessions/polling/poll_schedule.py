"""When to look next. Pure functions of times in seconds since 1970: the poller asks, and nobody else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_sessions.model import Session, SessionState

MAX_IDLE = 900.0
"""Seconds after which everything is looked at again, however far away a change seems."""
RECONNECT_AFTER = 300.0
"""Seconds after which the connection is read again: somebody may have edited it in the middle of a wait."""
LAST_POLL_TIMEOUT = 45.0
"""Seconds after a deadline that the poll made then may take, or be put off by the rate limit."""
LAST_POLL_INTERVAL = 1.0
"""Seconds between two polls that are made for the sake of deadlines: many deadlines must not make a storm."""
_BACKOFF_AT_MOST = 120.0
_UNKNOWN_LENGTH = 8 * 3600.0
"""Seconds: a session whose planned end nobody knows may take a day's work."""
_LATE_AFTER = 2 * 3600.0
_LATE_PART = 60
_CLOSE_LOOK_AT_LEAST = 60.0
_CLOSE_LOOK_EVERY = 10
"""Looks, of which one is a close one."""
_NOTABLE = 1.5
_RARE = 2
"""Intervals: who is looked at more seldom than that is looked at closely each time."""


def next_look(session: Session | None, now: float, poll_interval: float, max_idle: float = MAX_IDLE) -> float:
    """When a session, or what it leaves behind, is to be looked at again after a look that went well.

    ====================================  ===========================================================================
    the session                           the next look comes
    ====================================  ===========================================================================
    is to start                           after a quarter of the time until then: so the last ones before the start,
                                          and those around it, come every ``poll_interval``
    is late: scheduled or live although   every ``poll_interval`` for two hours; then after a sixtieth of the time
    its planned end has passed            beyond these, so that it is a minute after three hours
    has ended, and something that it      the same, from its end on
    leaves behind is waited for
    is requested, live, or has no         after ``poll_interval``
    planned start
    ====================================  ===========================================================================

    It never comes before ``poll_interval`` nor after ``max_idle``, unless the former is longer. So who starts early,
    moves or cancels a session long before its time is noticed after ``max_idle`` at the latest, and in the last hour
    before the start after a quarter of what is left of it.

    :param session: what the look saw.
    :param now: when the look was over, in seconds since 1970.
    :param poll_interval: seconds; the smallest of those who wait for it.
    :param max_idle: seconds.
    """
    pause = 0.0 if session is None else _pause(session, now)
    return now + max(poll_interval, min(pause, max_idle))


def _pause(session: Session, now: float) -> float:
    """Seconds that nothing is likely to happen."""
    if session.state is SessionState.SCHEDULED and session.scheduled_start is not None:
        start = session.scheduled_start.timestamp()
        if now < start:
            return (start - now) / 4
    expected = _expected_end(session)
    return 0.0 if expected is None else max(0.0, now - expected - _LATE_AFTER) / _LATE_PART


def _expected_end(session: Session) -> float | None:
    """When a session that has begun, or should have, is to be over, or was; None where nobody can tell."""
    if session.state is SessionState.REQUESTED:
        return None
    end = session.ended_at or session.scheduled_end
    if end is not None:
        return end.timestamp()
    start = session.actual_start or session.scheduled_start
    return None if start is None else start.timestamp() + _UNKNOWN_LENGTH


def after_failure(poll_interval: float, failures: int) -> float:
    """Seconds to leave the platform alone after a failed look: never shorter than between good looks.

    :param poll_interval: seconds between good looks.
    :param failures: failed looks in a row, this one included.
    """
    # The exponent is bounded because a run of failures is not; 2 ** 16 is beyond any interval.
    doubled = poll_interval * 2.0 ** min(failures - 1, 16)
    return min(doubled, max(poll_interval, _BACKOFF_AT_MOST))


def pace_of(took: float, poll_interval: float, known: float | None) -> float | None:
    """Seconds between looks, where one takes longer than lies between them; None where it does not.

    What is known stays as it is until it is wrong by half: those who wait are told of each change.

    :param took: seconds that the last look took, or the present one has taken so far.
    :param poll_interval: seconds between looks as asked for.
    :param known: what was found before.
    """
    if took <= poll_interval:
        return None
    every = took + poll_interval
    return known if known is not None and known / _NOTABLE <= every <= known * _NOTABLE else every


@dataclass(frozen=True, slots=True)
class Sighting:
    """A session as it was last seen.

    :param session: None where nothing is known of it: it was never seen, or the last look at it failed.
    :param looked: when it was looked at.
    :param closely: when it was last looked at closely.
    """

    session: Session | None = None
    looked: float = -math.inf
    closely: float = -math.inf


def due_for_a_close_look(sightings: Mapping[str, Sighting], now: float, poll_interval: float) -> set[str]:
    """Sessions of which a list's silence is not enough: they may have been moved, or have gone by between two looks.

    Those are all of which nothing is known, and those that are looked at seldom. Of the others, those that a list has
    told about long enough; the oldest come first, and no more of them at once than it takes to have all in turn: a
    thousand sessions that were first seen together are not asked for together ever after.

    :param sightings: by session id, what the last looks saw.
    :param now: the present.
    :param poll_interval: seconds between looks.
    """
    seldom = now - _RARE * poll_interval
    due = {key for key, sighting in sightings.items() if sighting.session is None or sighting.looked <= seldom}
    every = max(_CLOSE_LOOK_AT_LEAST, _CLOSE_LOOK_EVERY * poll_interval)
    others = {key: sighting.closely for key, sighting in sightings.items() if key not in due}
    at_once = math.ceil(len(others) * poll_interval / every)
    oldest = sorted(others, key=others.__getitem__)[:at_once]
    return due | {key for key in oldest if others[key] + every <= now}
