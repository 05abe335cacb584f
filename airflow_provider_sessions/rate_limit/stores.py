"""Which budget an account has, where it lies, and what holds while that place cannot be reached."""

from __future__ import annotations

import functools
import os
import random

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.rate_limit.fallback import Sheltered
from airflow_provider_sessions.rate_limit.file_store import FileShelf, rate_folder
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.limiter import (
    NO_LIMIT,
    BookBudget,
    OpenBudget,
    ProcessBudget,
    RateBudget,
    Unlimited,
    process_budget,
)
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress, RedisShelf

_GOOD_FOR = 0.05
"""Seconds for which an account without a limit is taken to be open, or closed, as its store said."""
_HOSTS = 4
"""Hosts that may fall back on their own at once without breaking the limit together."""


def account_budget(account: str, limit: RateLimit | None, clock: Clock, store: RedisAddress | None) -> RateBudget:
    """The budget of an account.

    :param account: what tells accounts apart; never a credential itself.
    :param limit: None where the platform has no known limit: then all that is shared is until when the platform has
        asked to be left alone.
    :param clock: the time. Another clock than the machine's has nothing to do with other processes.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    :raises ImportError: the package ``redis`` is needed and not installed.
    """
    if clock is not SYSTEM_CLOCK:
        return process_budget(account, limit, clock)
    if limit is None:
        return _open(f"{account}.open", store)
    parts = limit.in_parts()
    return _in_file(f"{account}.rate", parts) if store is None else _in_redis(account, parts, store)


@functools.cache
def _in_redis(account: str, limit: RateLimit, store: RedisAddress) -> RateBudget:
    """A budget in Redis. Without it, each host sends evenly, at a quarter of the rate."""
    slow = RateLimit(1, _HOSTS * limit.seconds / limit.requests)
    return Sheltered(
        BookBudget(RedisShelf(store, account, limit), limit),
        _in_file(f"{account}.alone.rate", slow),
        SYSTEM_CLOCK,
        meanwhile=f"this host sends at most one request every {slow.seconds:.3g} s",
    )


@functools.cache
def _in_file(name: str, limit: RateLimit) -> RateBudget:
    """A budget in a file. Without it, each process sends one request a window: safe for as many as the limit has."""
    spread = random.uniform(0, 0.8 * limit.seconds)  # noqa: S311 - else all processes began together
    return Sheltered(
        BookBudget(FileShelf(rate_folder() / name, limit), limit),
        ProcessBudget(RateLimit(1, limit.seconds), SYSTEM_CLOCK, opens_in=spread),
        SYSTEM_CLOCK,
        meanwhile=f"this process sends at most one request every {limit.seconds:.3g} s",
    )


@functools.cache
def _open(name: str, store: RedisAddress | None) -> RateBudget:
    """A budget without a limit. Without its store, each process learns by itself when the platform wants its peace."""
    shelf = FileShelf(rate_folder() / f"{name}.rate", NO_LIMIT) if store is None else RedisShelf(store, name, NO_LIMIT)
    return Sheltered(
        OpenBudget(shelf, good_for=_GOOD_FOR),
        Unlimited(SYSTEM_CLOCK),
        SYSTEM_CLOCK,
        meanwhile="this process does not learn what the platform answers others, and has no limit of its own",
    )


def _start_anew() -> None:
    _in_redis.cache_clear()
    _in_file.cache_clear()
    _open.cache_clear()


os.register_at_fork(after_in_child=_start_anew)
