"""Decide whether a request is sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_sessions.errors import (
    ConnectError,
    NoResponseError,
    RateLimitedError,
    RateLimitTimeoutError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.rate_limit.headers import DEFAULT_RETRY_AFTER


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a call is sent again.

    :param attempts: the maximum number of requests, including the first.
    :param max_wait: the maximum wait in seconds; for a longer one, the error is raised with its ``retry_after``.
    :param backoff: seconds before the second attempt; doubled each time, and randomized.
    :param unknown_limit_wait: seconds after a 429 that does not say how long to wait; doubled each time.
    """

    attempts: int = 4
    max_wait: float = 60.0
    backoff: float = 0.5
    unknown_limit_wait: float = DEFAULT_RETRY_AFTER

    def wait_before_retry(
        self, error: SessionsError, *, repeatable: bool, attempt: int, random: Callable[[], float]
    ) -> float | None:
        """Return the seconds until the next attempt; None if there is to be none.

        ========================================  ==================================================================
        the attempt failed with                   sent again
        ========================================  ==================================================================
        429                                       always, after ``retry_after``: it had no effect
        no connection                             always: nothing was sent
        the rate limiter did not send it          never: it would wait longer than it may
        5xx, 408, 423, 425, broken connection,    only a repeatable call: it may have taken effect
        truncated response
        everything else (401, 403, 404, 409 ...)  never
        ========================================  ==================================================================

        :param error: the error of the attempt.
        :param repeatable: whether sending the call twice has the same effect as sending it once.
        :param attempt: the number of the attempt, from 1.
        :param random: returns a number from 0 to 1.
        """
        if attempt >= self.attempts:
            return None
        doubled = 2.0 ** (attempt - 1)
        wait = self.backoff * doubled * (0.5 + random() / 2)
        if isinstance(error, RateLimitTimeoutError):
            return None
        if isinstance(error, RateLimitedError):
            requested = self.unknown_limit_wait * doubled if error.retry_after is None else error.retry_after
        elif isinstance(error, ConnectError) or (repeatable and isinstance(error, ServerError | NoResponseError)):
            requested = (error.retry_after or 0.0) if isinstance(error, ServerError) else 0.0
        else:
            return None
        # Even a platform that says "retry after 0 seconds" gets no requests in a tight loop.
        wait = max(wait, requested)
        return wait if wait <= self.max_wait else None
