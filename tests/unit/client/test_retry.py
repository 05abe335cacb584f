"""The one decision about sending again."""

from __future__ import annotations

import pytest

from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.errors import (
    AuthenticationError,
    BrokenConnectionError,
    ConflictError,
    ConnectError,
    InputError,
    MalformedResponseError,
    NotFoundError,
    PagingError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectRefusedError,
    RejectedError,
    ResponseTooLargeError,
    ServerError,
    SessionsError,
    TemporaryError,
)

POLICY = RetryPolicy(attempts=4, max_wait=60, backoff=1, unknown_limit_wait=10)


def wait(error: SessionsError, *, repeatable: bool = True, attempt: int = 1, chance: float = 1.0) -> float | None:
    return POLICY.wait_before_retry(error, repeatable=repeatable, attempt=attempt, random=lambda: chance)


def limited(retry_after: float | None = None) -> RateLimitedError:
    return RateLimitedError("slow down", status=429, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "if_repeatable", "if_not"),
    [
        (limited(5), 5, 5),
        (limited(), 10, 10),
        (limited(60), 60, 60),
        (limited(60.1), None, None),
        (limited(0), 1, 1),
        (ServerError("", status=500), 1, None),
        (ServerError("", status=503, retry_after=30), 30, None),
        (ServerError("", status=503, retry_after=300), None, None),
        *((TemporaryError("", status=status), 1, None) for status in (408, 423, 425)),
        (BrokenConnectionError(), 1, None),
        (ConnectError(), 1, 1),
        (AuthenticationError("", status=401), None, None),
        (PermissionDeniedError("", status=403), None, None),
        (NotFoundError("", status=404, retry_after=1), None, None),
        (ConflictError("", status=409), None, None),
        (RejectedError("", status=422), None, None),
        (MalformedResponseError(), None, None),
        (ResponseTooLargeError(), None, None),
        (PagingError(), None, None),
        (RedirectRefusedError(), None, None),
        (InputError(), None, None),
    ],
)
def test_retry_decision(error: SessionsError, if_repeatable: float | None, if_not: float | None) -> None:
    assert wait(error, repeatable=True) == if_repeatable
    assert wait(error, repeatable=False) == if_not


def test_delays_double_and_are_randomized() -> None:
    assert [wait(BrokenConnectionError(), attempt=n) for n in (1, 2, 3)] == [1, 2, 4]
    assert [wait(BrokenConnectionError(), attempt=n, chance=0.0) for n in (1, 2, 3)] == [0.5, 1, 2]
    assert [wait(limited(), attempt=n) for n in (1, 2, 3)] == [10, 20, 40]


def test_the_last_attempt_is_not_retried() -> None:
    assert wait(limited(1), attempt=3) == 4  # its own growing pause is the least
    assert wait(limited(1), attempt=4) is None
    assert wait(limited(1), attempt=99) is None
