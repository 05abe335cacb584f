"""When to look next: one function, so that a better one can take its place."""

from __future__ import annotations

from airflow_provider_sessions.errors import ApiError, SessionsError

MAX_BACKOFF = 300.0
"""Seconds: no run of failures makes looks rarer than this, unless the platform asks for more."""


def next_pause(poll_interval: float, *, failures: int = 0, error: SessionsError | None = None) -> float:
    """Seconds until the next look.

    :param poll_interval: seconds between two looks.
    :param failures: how many looks in a row have failed.
    :param error: how the last one failed; what it says of when to come back is obeyed.
    """
    pause = poll_interval
    if failures > 1:
        pause = max(poll_interval, min(MAX_BACKOFF, poll_interval * 2.0 ** min(failures - 1, 10)))
    if isinstance(error, ApiError) and error.retry_after is not None:
        pause = max(pause, error.retry_after)
    return pause
