"""The one decision whether a request is sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_sessions.errors import NoAnswerError, RateLimitedError, ServerError, SessionsError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient one call is.

    :param attempts: requests at most, the first one included.
    :param max_wait: seconds; a longer wait is the caller's business, who gets the error with its ``retry_after``.
    :param backoff: seconds before the second attempt; doubled each time, and spread at random.
    :param unknown_limit_wait: seconds after a 429 that does not say when to come back.
    """

    attempts: int = 4
    max_wait: float = 60.0
    backoff: float = 0.5
    unknown_limit_wait: float = 10.0

    def wait_before_retry(
        self, error: SessionsError, *, repeatable: bool, attempt: int, random: Callable[[], float]
    ) -> float | None:
        """Seconds until the next attempt, or None for none.

        A refusal for too many requests was not carried out, so any call may be sent again. A failure of the platform,
        or a broken connection, may hide a request that was carried out: only a repeatable call is sent again. Nothing
        else is.

        :param error: what became of the attempt.
        :param repeatable: whether sending the call twice does no more than once.
        :param attempt: 1 for the first.
        :param random: a number from 0 to 1.
        """
        if attempt >= self.attempts:
            return None
        if isinstance(error, RateLimitedError):
            wait = self.unknown_limit_wait * 2 ** (attempt - 1) if error.retry_after is None else error.retry_after
        elif isinstance(error, ServerError | NoAnswerError) and repeatable:
            wait = self.backoff * 2 ** (attempt - 1) * (0.5 + random() / 2)
            if isinstance(error, ServerError) and error.retry_after is not None:
                wait = error.retry_after
        else:
            return None
        return wait if wait <= self.max_wait else None
