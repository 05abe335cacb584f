"""The rate budget: who wants to send a request asks for the next free slot and learns how long to wait.

Nobody polls a limiter. Which slot is the next, a :class:`~airflow_provider_sessions.rate_limit.state.Book` says; where
it lies, a :class:`Shelf` says: in this process, in a file on this host, in Redis.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limit import Lane, RateLimit
from airflow_provider_sessions.rate_limit.state import MARGIN_SECONDS, Book

__all__ = [
    "NO_LIMIT",
    "BookBudget",
    "Lane",
    "OpenBudget",
    "ProcessBudget",
    "RateBudget",
    "RateLimit",
    "Shelf",
    "Unlimited",
    "process_budget",
]

T = TypeVar("T")

NO_LIMIT = RateLimit(1, 1.0)
"""What a book is opened for that knows of no limit: an open budget asks it for no slots."""


class RateBudget(Protocol):
    """What the transport asks before and tells after each request."""

    @property
    def limit(self) -> RateLimit | None:
        """What the account may send; None where only the platform knows."""

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Reserve the next free slot.

        :param lane: what the request is for.
        :param max_wait: seconds the caller would wait; where the next slot is later, nothing is reserved.
        :returns: seconds until the slot (0: now), or None with nothing reserved.
        """

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""

    async def leave(self) -> float:
        """Ask to send a request whose slot has come, right before it is sent: much may have happened meanwhile.

        :returns: seconds for which it is held; 0 where it may be sent now, which is then noted.
        """

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""


class Shelf(Protocol):
    """Where the book of an account lies. What one does in it, everybody else sees from then on."""

    async def look(self, work: Callable[[Book], T]) -> T:
        """Open the book at the present and look something up."""

    async def write(self, work: Callable[[Book], T]) -> T:
        """Open the book at the present and change something; nobody else has it meanwhile."""


class BookBudget:
    """A budget for all who share a book.

    :param shelf: where it lies.
    :param limit: requests a window, for which the shelf opens it.
    """

    def __init__(self, shelf: Shelf, limit: RateLimit) -> None:
        self._shelf = shelf
        self.limit = limit

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Reserve the next free slot."""
        return await self._shelf.write(lambda book: book.reserve(lane, max_wait))

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""
        return await self._shelf.look(lambda book: book.next_slot(lane))

    async def leave(self) -> float:
        """Ask to send a request whose slot has come."""
        return await self._shelf.write(Book.leave)

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        await self._shelf.write(lambda book: book.observe(news))


class ProcessBudget(BookBudget):
    """A budget for all clients of one process.

    :param limit: requests a window.
    :param clock: the time.
    :param margin: seconds added to each window to begin with.
    :param opens_in: seconds until the first slot.
    """

    def __init__(
        self, limit: RateLimit, clock: Clock, *, margin: float = MARGIN_SECONDS, opens_in: float = 0.0
    ) -> None:
        opens_at = clock.now().timestamp() + opens_in
        super().__init__(_ProcessShelf(Book(limit, margin, closed_until=opens_at), clock), limit)


class OpenBudget:
    """No limit of our own; what the platform says still holds everybody back who shares the book.

    :param shelf: where the book lies. Nothing is in it but until when the platform takes no requests.
    :param good_for: seconds for which what was found there is taken to be so still. Other processes' news may come as
        late as that, which costs a request or two; a file or a server asked for each of hundreds a second costs more.
    """

    limit = None

    def __init__(self, shelf: Shelf, *, good_for: float = 0.0) -> None:
        self._shelf = shelf
        self._good_for = good_for
        self._looked_at = -math.inf
        self._closed_until = 0.0

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Ask for a slot: now, or when the platform takes requests again."""
        wait = await self.leave()
        return wait if wait <= max_wait else None

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the platform takes requests again."""
        return await self.leave()

    async def leave(self) -> float:
        """Ask to send a request: seconds until the platform takes requests again."""
        now = time.monotonic()
        if now - self._looked_at >= self._good_for:
            self._looked_at, self._closed_until = now, now + await self._shelf.look(Book.closed_for)
        return max(0.0, self._closed_until - now)

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        if news.closed_for:
            await self._shelf.write(lambda book: book.close_for(news.closed_for))
            self._looked_at = -math.inf


class Unlimited(OpenBudget):
    """An open budget for all clients of one process.

    :param clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(_ProcessShelf(Book(NO_LIMIT), clock))


class _ProcessShelf:
    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._lock = threading.Lock()

    async def look(self, work: Callable[[Book], T]) -> T:
        return await self.write(work)

    async def write(self, work: Callable[[Book], T]) -> T:
        with self._lock:
            self._book.turn_to(self._clock.now().timestamp())
            return work(self._book)


_budgets: dict[tuple[str, RateLimit | None, Clock], RateBudget] = {}
_budgets_lock = threading.Lock()


def process_budget(account: str, limit: RateLimit | None, clock: Clock) -> RateBudget:
    """The one budget of an account in this process.

    :param account: what tells accounts apart; never a credential itself.
    :param limit: None where the platform has no known limit.
    :param clock: the time; budgets of different clocks have nothing to do with each other.
    """
    with _budgets_lock:
        key = (account, limit, clock)
        if key not in _budgets:
            _budgets[key] = Unlimited(clock) if limit is None else ProcessBudget(limit, clock)
        return _budgets[key]


def _start_anew() -> None:
    global _budgets_lock  # noqa: PLW0603 - another thread of the parent may have held it, and does not exist here
    _budgets_lock = threading.Lock()
    _budgets.clear()


os.register_at_fork(after_in_child=_start_anew)
