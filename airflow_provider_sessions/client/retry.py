"""The one decision whether a request is sent again."""

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
    """How patient one call is.

    :param attempts: requests at most, the first one included.
    :param max_wait: seconds; a longer wait is the caller's business, who gets the error with its ``retry_after``.
    :param backoff: seconds before the second attempt; doubled each time, and spread at random.
    :param unknown_limit_wait: seconds after a 429 that does not say when to come back; doubled each time.
    """

    attempts: int = 4
    max_wait: float = 60.0
    backoff: float = 0.5
    unknown_limit_wait: float = DEFAULT_RETRY_AFTER

    def wait_before_retry(
        self, error: SessionsError, *, repeatable: bool, attempt: int, random: Callable[[], float]
    ) -> float | None:
        """Seconds until the next attempt, or None for none.

        ========================================  ==================================================================
        what became of the attempt                sent again
        ========================================  ==================================================================
        429                                       always: it was not carried out. After ``retry_after``
        no connection                             always: nothing was sent
        our own limit leaves no room              never: it has waited as long as it may
        5xx, 408, 423, 425, broken connection,    only a repeatable call: it may have been carried out
        truncated answer
        everything else (401, 403, 404, 409 ...)  never
        ========================================  ==================================================================

        :param error: what became of the attempt.
        :param repeatable: whether sending the call twice does no more than once.
        :param attempt: 1 for the first.
        :param random: a number from 0 to 1.
        """
        if attempt >= self.attempts:
            return None
        doubled = 2.0 ** (attempt - 1)
        wait = self.backoff * doubled * (0.5 + random() / 2)
        if isinstance(error, RateLimitTimeoutError):
            return None
        if isinstance(error, RateLimitedError):
            asked = self.unknown_limit_wait * doubled if error.retry_after is None else error.retry_after
        elif isinstance(error, ConnectError) or (repeatable and isinstance(error, ServerError | NoResponseError)):
            asked = (error.retry_after or 0.0) if isinstance(error, ServerError) else 0.0
        else:
            return None
        # A platform that says "come back in 0 seconds" is not asked in a tight loop.
        wait = max(wait, asked)
        return wait if wait <= self.max_wait else None
