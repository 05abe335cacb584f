"""When to look next. Pure functions of times in seconds since 1970: the poller asks, and nobody else."""

from __future__ import annotations

import math
from collections.abc import Mapping

from airflow_provider_sessions.model import Session

RECONNECT_AFTER = 300.0
"""Seconds after which the connection is read again: somebody may have edited it in the middle of a wait."""
_BACKOFF_AT_MOST = 120.0
_CLOSE_LOOK_AT_LEAST = 60.0
_CLOSE_LOOK_EVERY = 10
"""Looks, of which one is a close one."""


def next_look(session: Session | None, now: float, poll_interval: float) -> float:
    """When a session, or what it leaves behind, is to be looked at again after a look that went well.

    :param session: what the look saw.
    :param now: when the look was over.
    :param poll_interval: seconds; the smallest of those who wait for it.
    """
    return now + poll_interval


def after_failure(poll_interval: float, failures: int) -> float:
    """Seconds to leave the platform alone after a failed look: never shorter than between good looks.

    :param poll_interval: seconds between good looks.
    :param failures: failed looks in a row, this one included.
    """
    # The exponent is bounded because a run of failures is not; 2 ** 16 is beyond any interval.
    doubled = poll_interval * 2.0 ** min(failures - 1, 16)
    return min(doubled, max(poll_interval, _BACKOFF_AT_MOST))


def due_for_a_close_look(looked_closely: Mapping[str, float], now: float, poll_interval: float) -> set[str]:
    """Sessions that a list has told about long enough: they may have been moved, or have gone by between two looks.

    The oldest come first, and no more of them at once than it takes to have all in turn: a thousand sessions that were
    first seen together are not asked for together ever after.

    :param looked_closely: session id to when it was last asked for by itself.
    :param now: the present.
    :param poll_interval: seconds between looks.
    """
    every = max(_CLOSE_LOOK_AT_LEAST, _CLOSE_LOOK_EVERY * poll_interval)
    at_once = math.ceil(len(looked_closely) * poll_interval / every)
    oldest = sorted(looked_closely, key=looked_closely.__getitem__)[:at_once]
    return {session_id for session_id in oldest if looked_closely[session_id] + every <= now}
