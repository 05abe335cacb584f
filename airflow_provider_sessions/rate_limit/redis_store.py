"""Keep the state of an account in Redis: exact for all workers, whatever their clocks show.

A state is read together with the server's own time, changed here, and written back by a script, but only if nobody else
has changed it meanwhile; otherwise all of this is repeated. So the computation exists once, in Python, and Redis keeps
bytes and time. The client is a blocking one in a thread: it serves every event loop of the process and survives forks.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.limiter import StoreError
from airflow_provider_sessions.rate_limit.state import RateLimitState

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

_TIMEOUT = 1.0
_ATTEMPTS = 200
_MAX_PAUSE = 0.002
_KEEP_SECONDS = 7 * 86400
_COMPARE_AND_SET = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The address of a Redis (or Valkey) server, and the login.

    :param options: further arguments of its client: ``ssl`` and those that belong to it.
    """

    host: str
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    def client(self) -> Redis:
        """Create a client. Nothing is sent yet.

        :raises ImportError: the package ``redis`` is not installed.
        """
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return Redis(
            host=self.host,
            port=self.port,
            db=self.db,
            username=self.username,
            password=self.password,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # an idle connection may be closed; a server that is down is tried later
            **dict(self.options),
        )


class RedisStore:
    """Keeps a state in Redis.

    :param address: the server.
    :param account: a name that distinguishes accounts and contains no credential.
    :param limit: the limit for which the state is read.
    :raises ImportError: the package ``redis`` is not installed.
    """

    def __init__(self, address: RedisAddress, account: str, limit: RateLimit) -> None:
        self._redis = address.client()
        self._compare_and_set = self._redis.register_script(_COMPARE_AND_SET)
        self._key = f"airflow-provider-sessions:rate:{account}"
        self._limit = limit
        self._written_at = -math.inf
        self._failed_at = -math.inf
        self._lock = threading.Lock()

    async def read(self, function: Callable[[RateLimitState], T]) -> T:
        """Return what a function reads from the current state, at the server's time."""
        return await asyncio.to_thread(self._run, function, save=False)

    async def update(self, function: Callable[[RateLimitState], T]) -> T:
        """Change the current state by a function, at the server's time, and return its result."""
        return await asyncio.to_thread(self._run, function, save=True)

    def _run(self, function: Callable[[RateLimitState], T], *, save: bool) -> T:
        """Run a function. The calls of one process take turns, so that they do not repeat each other's work.

        :raises StoreError: Redis cannot be used.
        """
        from redis.exceptions import RedisError

        began = time.monotonic()
        with self._lock:
            if self._failed_at > began:
                raise StoreError("Redis: not tried, because it failed a moment ago")
            try:
                return self._apply(function, save=save)
            except (RedisError, OSError) as error:
                self._failed_at = time.monotonic()
                raise StoreError(f"Redis: {type(error).__name__}: {error}") from error

    def _apply(self, function: Callable[[RateLimitState], T], *, save: bool) -> T:
        for _ in range(_ATTEMPTS):
            data, state = self._load()
            result = function(state)
            if not save:
                return result
            if self._compare_and_set(keys=[self._key], args=[data, state.to_bytes(), _KEEP_SECONDS]):
                self._written_at = state.now
                return result
            time.sleep(random.uniform(0, _MAX_PAUSE))  # noqa: S311 - keeps processes from trying in step
        raise StoreError(f"Redis: other workers changed the account's state {_ATTEMPTS} times in a row")

    def _load(self) -> tuple[bytes, RateLimitState]:
        """Return the stored bytes, and their state at the server's time."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.time()
        pipeline.get(self._key)
        (seconds, microseconds), data = pipeline.execute()
        now = seconds + microseconds / 1e6
        known = RateLimitState.from_bytes(data, self._limit) if data else None
        state = known or RateLimitState(self._limit)
        state.advance_to(now)
        # A state that was written less than a window ago and is gone: the server has lost its data.
        is_lost = not data and now - self._written_at < self._limit.seconds + state.margin
        if is_lost or (data and known is None):
            state.exhaust()
        return data or b"", state
