"""Choose the limiter of an account: where its state is kept, and what it falls back on."""

from __future__ import annotations

import functools
import os
import random
import threading

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.rate_limit.fallback import FallbackLimiter
from airflow_provider_sessions.rate_limit.file_store import FileLimiter, FileStore, shared_folder
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.limiter import (
    UNUSED_LIMIT,
    ProcessLimiter,
    ProcessRetryAfterLimiter,
    RateLimiter,
    RetryAfterLimiter,
    WindowLimiter,
)
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress, RedisStore

_CACHE_SECONDS = 0.05
_HOSTS = 4
"""Hosts that may fall back at the same time without exceeding the limit together."""


def get_account_limiter(account: str, limit: RateLimit | None, clock: Clock, store: RedisAddress | None) -> RateLimiter:
    """Return the limiter of an account.

    :param account: a name that distinguishes accounts and contains no credential.
    :param limit: the limit; None if the platform has no known one. Then the processes share nothing but the time until
        which the platform refuses requests.
    :param clock: the time. With another clock than the machine's, nothing is shared with other processes.
    :param store: the Redis that all workers share; None for a file that the processes of this host share.
    :raises ImportError: the package ``redis`` is needed and not installed.
    """
    if clock is not SYSTEM_CLOCK:
        return get_process_limiter(account, limit, clock)
    if limit is None:
        return _get_retry_after_limiter(f"{account}.open", store)
    limit = limit.split_window()
    return _get_file_limiter(f"{account}.rate", limit) if store is None else _get_redis_limiter(account, limit, store)


@functools.cache
def _get_redis_limiter(account: str, limit: RateLimit, store: RedisAddress) -> RateLimiter:
    """Return a limiter with its state in Redis. Without Redis, each host sends evenly, at a quarter of the rate."""
    slow = RateLimit(1, _HOSTS * limit.seconds / limit.requests)
    return FallbackLimiter(
        WindowLimiter(RedisStore(store, account, limit), limit),
        _get_file_limiter(f"{account}.alone.rate", slow),
        SYSTEM_CLOCK,
        consequence=f"this host sends at most one request every {slow.seconds:.3g} s",
    )


@functools.cache
def _get_file_limiter(name: str, limit: RateLimit) -> RateLimiter:
    """Return a limiter with its state in a file. Without the file, each process sends one request per window.

    That is safe for as many processes as the limit has requests.
    """
    delay = random.uniform(0, 0.8 * limit.seconds)  # noqa: S311 - keeps processes from all starting together
    return FallbackLimiter(
        FileLimiter(shared_folder() / name, limit),
        ProcessLimiter(RateLimit(1, limit.seconds), SYSTEM_CLOCK, initial_delay=delay),
        SYSTEM_CLOCK,
        consequence=f"this process sends at most one request every {limit.seconds:.3g} s",
    )


@functools.cache
def _get_retry_after_limiter(name: str, store: RedisAddress | None) -> RateLimiter:
    """Return a limiter without a limit. Without its store, each process knows only responses to its own requests."""
    if store is None:
        shared: FileStore | RedisStore = FileStore(shared_folder() / f"{name}.rate", UNUSED_LIMIT)
    else:
        shared = RedisStore(store, name, UNUSED_LIMIT)
    return FallbackLimiter(
        RetryAfterLimiter(shared, cache_seconds=_CACHE_SECONDS),
        ProcessRetryAfterLimiter(SYSTEM_CLOCK),
        SYSTEM_CLOCK,
        consequence="this process does not learn of refusals that others receive, and has no limit of its own",
    )


_process_limiters: dict[tuple[str, RateLimit | None, Clock], RateLimiter] = {}
_process_limiters_lock = threading.Lock()


def get_process_limiter(account: str, limit: RateLimit | None, clock: Clock) -> RateLimiter:
    """Return the limiter of an account that only this process uses.

    :param account: a name that distinguishes accounts and contains no credential.
    :param limit: the limit; None if the platform has no known one.
    :param clock: the time; each clock has limiters of its own.
    """
    with _process_limiters_lock:
        key = (account, limit, clock)
        if key not in _process_limiters:
            _process_limiters[key] = ProcessRetryAfterLimiter(clock) if limit is None else ProcessLimiter(limit, clock)
        return _process_limiters[key]


def _reset() -> None:
    global _process_limiters_lock  # noqa: PLW0603 - a thread of the parent may hold it, and does not exist here
    _process_limiters_lock = threading.Lock()
    _process_limiters.clear()
    _get_redis_limiter.cache_clear()
    _get_file_limiter.cache_clear()
    _get_retry_after_limiter.cache_clear()


os.register_at_fork(after_in_child=_reset)
