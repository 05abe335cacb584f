"""The book of an account in Redis: exact for all workers, whatever their clocks say.

A page is read together with the server's own time, worked on here, and put back by a script that does so only if
nobody else has meanwhile; else it is done again. So the arithmetic exists once, in Python, and Redis keeps page and
time. The client is a blocking one in a thread: it serves every event loop of the process, and its pool knows forks.
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

from airflow_provider_sessions.rate_limit.fallback import StoreError
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.state import Book

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

_TIMEOUT = 1.0
_ATTEMPTS = 200
_NAP = 0.002
_KEEP_SECONDS = 7 * 86400
_PUT_BACK = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis (or Valkey) is, and how it is entered.

    :param options: what else its client is to know: ``ssl`` and what goes with it.
    """

    host: str
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    def client(self) -> Redis:
        """A client. Nothing is sent yet.

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
            retry=Retry(NoBackoff(), 1),  # a connection that idled may be gone; a server that is down is tried later
            **dict(self.options),
        )


class RedisShelf:
    """A book in Redis.

    :param address: the server.
    :param account: what tells accounts apart; never a credential itself.
    :param limit: requests a window.
    :raises ImportError: the package ``redis`` is not installed.
    """

    def __init__(self, address: RedisAddress, account: str, limit: RateLimit) -> None:
        self._redis = address.client()
        self._put_back = self._redis.register_script(_PUT_BACK)
        self._key = f"airflow-provider-sessions:rate:{account}"
        self._limit = limit
        self._seen = -math.inf
        self._failed_at = -math.inf
        self._one = threading.Lock()

    async def look(self, work: Callable[[Book], T]) -> T:
        """Open the book at the server's present and look something up."""
        return await asyncio.to_thread(self._open, work, keep=False)

    async def write(self, work: Callable[[Book], T]) -> T:
        """Open the book at the server's present and change something; nobody else has changed it meanwhile."""
        return await asyncio.to_thread(self._open, work, keep=True)

    def _open(self, work: Callable[[Book], T], *, keep: bool) -> T:
        """One at a time: those of one process need not contend with each other.

        :raises StoreError: Redis cannot be used.
        """
        from redis.exceptions import RedisError

        began = time.monotonic()
        with self._one:
            if self._failed_at > began:
                raise StoreError("Redis: no use in trying, it failed a moment ago")
            try:
                return self._work(work, keep=keep)
            except (RedisError, OSError) as failure:
                self._failed_at = time.monotonic()
                raise StoreError(f"Redis: {type(failure).__name__}: {failure}") from failure

    def _work(self, work: Callable[[Book], T], *, keep: bool) -> T:
        for _ in range(_ATTEMPTS):
            page, book = self._read()
            result = work(book)
            if not keep:
                return result
            if self._put_back(keys=[self._key], args=[page, book.to_page(), _KEEP_SECONDS]):
                self._seen = book.present
                return result
            time.sleep(random.uniform(0, _NAP))  # noqa: S311 - spreads those who try
        raise StoreError(f"Redis: others changed the account's page {_ATTEMPTS} times in a row")

    def _read(self) -> tuple[bytes, Book]:
        """The page as it is, and the book on it at the server's present."""
        both = self._redis.pipeline(transaction=True)
        both.time()
        both.get(self._key)
        (seconds, microseconds), found = both.execute()
        present = seconds + microseconds / 1e6
        known = Book.from_page(found, self._limit) if found else None
        book = known or Book(self._limit)
        book.turn_to(present)
        # A page that was here a moment ago and is gone: the server has lost what it knew.
        lost = not found and present - self._seen < self._limit.seconds + book.margin
        if lost or (found and known is None):
            book.use_up()
        return found or b"", book
