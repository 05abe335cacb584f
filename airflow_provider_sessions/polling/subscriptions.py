"""What a poller looks at, and who is told of it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.model import Artifact
from airflow_provider_sessions.polling import poll_schedule
from airflow_provider_sessions.polling.session_list import Listed, Listing
from airflow_provider_sessions.polling.wait_conditions import Observation


@dataclass(frozen=True, slots=True)
class Spot:
    """A session, or an artifact of one: what somebody waits for.

    :param session_id: the session.
    :param artifact: None for the session itself.
    """

    session_id: str
    artifact: Artifact | None = None


class OverdueError(Exception):
    """A subscriber's time is up: the poll at its deadline has been told, or there was none, for the reason it names."""


Subject = TypeVar("Subject", Spot, Listing)
News = TypeVar("News", Observation, Listed)


class Subscription(Generic[Subject, News]):
    """What one subscriber holds: the news of one subject.

    :param subject: what is looked at.
    :param poll_interval: seconds between looks that are often enough for this subscriber.
    :param max_idle: seconds between looks at most, however far away a change seems.
    :param until: when its time is up, in seconds since 1970: the first poll that begins then is the last one.
    """

    __slots__ = ("_news", "_waiting", "max_idle", "poll_interval", "subject", "until")

    def __init__(
        self,
        subject: Subject,
        poll_interval: float,
        max_idle: float = poll_schedule.MAX_IDLE,
        until: float = math.inf,
    ) -> None:
        self.subject: Subject = subject
        self.poll_interval = poll_interval
        self.max_idle = max_idle
        self.until = until
        self._news: list[News | BaseException] = []
        self._waiting: asyncio.Future[None] | None = None

    async def next(self) -> News:
        """The next piece of news.

        Of a session or an artifact: a look that saw something else than the one before, or that failed. Of a list:
        every look.

        :raises OverdueError: its time is up, and there is no news from before.
        :raises Exception: the poll has broken down for good.
        """
        while not self._news:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        news = self._news.pop(0)
        if isinstance(news, BaseException):
            raise news
        return news

    def tell(self, news: News | BaseException) -> None:
        """Hand over a piece of news; called by the poller."""
        self._news.append(news)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def end(self, reason: str = "") -> None:
        """Tell that its time is up; called by the poller.

        :param reason: why there was no poll at the deadline, if there was none.
        """
        self.until = math.inf
        self.tell(OverdueError(reason))


class SpotSubscription(Subscription[Spot, Observation]):
    """The news of a session, or of an artifact of it."""

    __slots__ = ()


class ListSubscription(Subscription[Listing, Listed]):
    """The news of a list."""

    __slots__ = ()


class Watch(Generic[Subject, News]):
    """One subject that is looked at for any number of subscribers.

    :param subject: what is looked at.
    :param due: when to look first, in seconds since 1970.
    """

    __slots__ = ("asked", "due", "failures", "subject", "subscribers", "told")

    def __init__(self, subject: Subject, due: float) -> None:
        self.subject: Subject = subject
        self.due = due
        self.asked = 0.0
        """When it was last asked for by a request of its own."""
        self.failures = 0
        self.told: News | None = None
        self.subscribers: set[Subscription[Subject, News]] = set()

    @property
    def poll_interval(self) -> float:
        """Seconds between looks: what the most eager subscriber wants."""
        return min(subscription.poll_interval for subscription in self.subscribers)

    @property
    def max_idle(self) -> float:
        """Seconds between looks at most: what the least patient subscriber wants."""
        return min(subscription.max_idle for subscription in self.subscribers)

    @property
    def next_deadline(self) -> float:
        """The earliest deadline of a subscriber, in seconds since 1970: it is owed a poll then."""
        return min(subscription.until for subscription in self.subscribers)

    def join(self, subscription: Subscription[Subject, News]) -> None:
        """Let one more listen. It is told what the others know; their errors are none of its business."""
        self.subscribers.add(subscription)
        if self.told is not None and self.told.error is None:
            subscription.tell(self.told)

    def looked(self, news: News, now: float, began: float) -> None:
        """Note what a look saw and when the next one is due, and tell all subscribers, unless it is nothing new.

        A subscriber whose deadline had passed when the look began is told that its time is up, too. A look that the
        rate limit did not let happen does not count as its last one.

        :param now: the present.
        :param began: when the look began.
        """
        if news.error is None:
            self.failures = 0
            session = news.session if isinstance(news, Observation) else None
            self.due = poll_schedule.next_look(session, now, self.poll_interval, self.max_idle)
        else:
            self.failures += 1
            self.due = now + poll_schedule.after_failure(self.poll_interval, self.failures)
        is_new = news.error is not None or news != self.told
        self.told = news
        for subscription in self.subscribers:
            if is_new:
                subscription.tell(news)
            if subscription.until <= began and not isinstance(news.error, RateLimitedError):
                subscription.end()


AnyWatch: TypeAlias = Watch[Any, Any]
SpotWatch: TypeAlias = Watch[Spot, Observation]
ListWatch: TypeAlias = Watch[Listing, Listed]
