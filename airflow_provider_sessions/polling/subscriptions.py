"""What the poller polls, and the subscriptions through which callers receive the results."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, Self, TypeAlias, TypeVar

from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.model import Artifact, Session, SessionQuery, Window, WindowBy
from airflow_provider_sessions.polling import poll_schedule
from airflow_provider_sessions.polling.loop_turns import LoopTurns
from airflow_provider_sessions.polling.wait_conditions import PollResult


@dataclass(frozen=True, slots=True)
class PollTarget:
    """A session or an artifact of it.

    :param session_id: the session.
    :param artifact: None for the session itself.
    """

    session_id: str
    artifact: Artifact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList:
    """A list of sessions in a window that moves with time. Equal lists are polled once for all subscribers.

    :param back: how long before each poll the window begins.
    :param ahead: how long after each poll it ends.
    :param by: which time of a session has to be in the window.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param title: only sessions whose title contains this text, regardless of case.
    """

    back: timedelta
    ahead: timedelta
    by: WindowBy = WindowBy.SCHEDULED_START
    room_id: str | None = None
    case: str | None = None
    title: str | None = None

    def window(self, at: datetime) -> Window:
        """Return the window of a poll that begins at ``at``."""
        return Window(start=at - self.back, end=at + self.ahead)

    def query(self, at: datetime) -> SessionQuery:
        """Return the query of a poll that begins at ``at``."""
        return SessionQuery(window=self.window(at), by=self.by, room_id=self.room_id, case=self.case, title=self.title)


@dataclass(frozen=True, slots=True, eq=False)
class SessionListResult:
    """The result of polling a list.

    :param sessions: all sessions of the list; None if the poll failed.
    :param error: why it failed.
    :param polled_at: when the poll began: its query was ``session_list.query(polled_at)``.
    """

    sessions: tuple[Session, ...] | None
    error: Exception | None
    polled_at: datetime


class DeadlineReachedError(Exception):
    """A subscription has expired: its final poll has been delivered, or there was none for the reason in the text."""


Target = TypeVar("Target", PollTarget, SessionList)
Result = TypeVar("Result", PollResult, SessionListResult)


class Subscription(Generic[Target, Result]):
    """One subscriber's queue of results for one target: ``async with subscription``.

    :param target: what is polled.
    :param poll_interval: seconds between polls that this subscriber asks for.
    :param max_idle: maximum seconds between polls, however far away the next change seems.
    :param deadline: when the subscription expires, in seconds since 1970: the first poll after it is the final one.
    :param leave: awaited at the end of the block.
    """

    __slots__ = ("_leave", "_results", "_waiter", "deadline", "max_idle", "poll_interval", "target")

    def __init__(
        self,
        target: Target,
        poll_interval: float,
        max_idle: float = poll_schedule.MAX_IDLE,
        deadline: float = math.inf,
        *,
        leave: Callable[[Any], Awaitable[None]],
    ) -> None:
        self.target: Target = target
        self.poll_interval = poll_interval
        self.max_idle = max_idle
        self.deadline = deadline
        self._leave = leave
        self._results: list[Result | BaseException] | None = None  # thousands of waiters would hold an empty list
        self._waiter: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._leave(self)

    async def get(self) -> Result:
        """Wait for the next result and return it.

        For a session or an artifact: the result of a poll that failed or differs from the one before. For a list:
        every result.

        :raises DeadlineReachedError: the subscription has expired and all results before that have been returned.
        :raises Exception: the poller has stopped because of an unexpected error.
        """
        while not self._results:
            self._results = None
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._waiter = None
        result = self._results.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    def put(self, result: Result | BaseException) -> None:
        """Add a result; called by the poller."""
        if self._results is None:
            self._results = []
        self._results.append(result)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def expire(self, reason: str = "") -> None:
        """Let the subscription expire; called by the schedule that it belongs to.

        :param reason: why there was no final poll, if there was none.
        """
        self.deadline = math.inf
        self.put(DeadlineReachedError(reason))


class _Requirements(NamedTuple):
    """What all subscribers of a target together require: nothing, if all have left."""

    poll_interval: float
    max_idle: float
    next_deadline: float


class TargetSchedule(Generic[Target, Result]):
    """When one target is polled, on behalf of any number of subscribers.

    :param target: what is polled.
    :param due: when to poll next, in seconds since 1970.
    """

    __slots__ = ("_requirements", "due", "failures", "last_result", "requested_at", "subscribers", "target")

    def __init__(self, target: Target, due: float) -> None:
        self.target: Target = target
        self.due = due
        self.requested_at = 0.0
        """When a request was last sent for this target alone."""
        self.failures = 0
        self.last_result: Result | None = None
        # A dict, since its order is that of joining: those that wait longest receive results first.
        self.subscribers: dict[Subscription[Target, Result], None] = {}
        self._requirements: _Requirements | None = None

    @property
    def poll_interval(self) -> float:
        """The smallest interval of all subscribers, in seconds."""
        return self._get_requirements().poll_interval

    @property
    def max_idle(self) -> float:
        """The smallest ``max_idle`` of all subscribers, in seconds."""
        return self._get_requirements().max_idle

    @property
    def next_deadline(self) -> float:
        """The earliest deadline of a subscriber, in seconds since 1970: it requires a poll then."""
        return self._get_requirements().next_deadline

    def _get_requirements(self) -> _Requirements:
        if self._requirements is None:
            self._requirements = _Requirements(
                min((subscription.poll_interval for subscription in self.subscribers), default=math.inf),
                min((subscription.max_idle for subscription in self.subscribers), default=math.inf),
                min((subscription.deadline for subscription in self.subscribers), default=math.inf),
            )
        return self._requirements

    def add_subscriber(self, subscription: Subscription[Target, Result]) -> None:
        """Add a subscriber and give it the last result, unless that is an error: another's errors do not count."""
        self.subscribers[subscription] = None
        self._requirements = None
        if self.last_result is not None and self.last_result.error is None:
            subscription.put(self.last_result)

    def remove_subscriber(self, subscription: Subscription[Target, Result]) -> None:
        """Remove a subscriber."""
        del self.subscribers[subscription]
        self._requirements = None

    def expire(self, subscription: Subscription[Target, Result], reason: str = "") -> None:
        """Let a subscription expire.

        :param reason: why there was no final poll, if there was none.
        """
        subscription.expire(reason)
        self._requirements = None

    async def handle_result(self, result: Result, now: float, began: float, turns: LoopTurns) -> None:
        """Schedule the next poll and pass a result to all subscribers, if it is new.

        Subscriptions whose deadline had passed when the poll began expire, unless the rate limit prevented the poll.
        Those that join meanwhile receive the result as the last one.

        :param now: the current time.
        :param began: when the poll began.
        :param turns: lets the subscribers run meanwhile.
        """
        if result.error is None:
            self.failures = 0
            session = result.session if isinstance(result, PollResult) else None
            self.due = poll_schedule.next_poll(session, now, self.poll_interval, self.max_idle)
        else:
            self.failures += 1
            self.due = now + poll_schedule.backoff_seconds(self.poll_interval, self.failures)
        is_new = result.error is not None or result != self.last_result
        self.last_result = result
        has_expired = self.next_deadline <= began and not isinstance(result.error, RateLimitedError)
        if not is_new and not has_expired:
            return
        for subscription in tuple(self.subscribers):
            if subscription not in self.subscribers:  # it left during a turn of others
                continue
            if is_new:
                subscription.put(result)
            if has_expired and subscription.deadline <= began:
                self.expire(subscription)
            await turns.count_woken()


SessionSubscription: TypeAlias = Subscription[PollTarget, PollResult]
ListSubscription: TypeAlias = Subscription[SessionList, SessionListResult]
SessionSchedule: TypeAlias = TargetSchedule[PollTarget, PollResult]
ListSchedule: TypeAlias = TargetSchedule[SessionList, SessionListResult]
AnySchedule: TypeAlias = TargetSchedule[Any, Any]
