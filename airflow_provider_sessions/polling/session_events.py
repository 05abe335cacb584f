"""Reports what happens to the sessions of a list, for as long as somebody listens.

It looks at the list through the connection's poller, asks for single sessions and artifacts through it as well, so that
every look is shared with whoever else waits for the same, and leaves it to :mod:`.event_detection` to make sense of
what is seen. What was reported is written down a few seconds later; see :class:`Reporter`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.model import Session, SessionState, WindowBy
from airflow_provider_sessions.model.wording import counted
from airflow_provider_sessions.polling.emitted_events import Memory, SessionEvent
from airflow_provider_sessions.polling.event_detection import (
    ARTIFACT_OF,
    ASKS_AT_ONCE,
    Ask,
    Happening,
    after_answer,
    after_list,
    asks,
)
from airflow_provider_sessions.polling.poller import Poller, subscribed, subscribed_list
from airflow_provider_sessions.polling.session_list import Listed, Listing
from airflow_provider_sessions.polling.subscriptions import OverdueError
from airflow_provider_sessions.polling.timing import within
from airflow_provider_sessions.polling.wait_conditions import Observation
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

HANDING_OVER = 3.0
"""Seconds from an event to its being remembered: until Airflow has written it into its database, it may be lost."""
_PATIENCE_LOOKS = 5.0
"""Poll intervals after which a question is dropped; it is asked again in its turn."""
_COMPLAIN_EVERY = 600.0
_LONGEST_SESSION = timedelta(days=2)


class Store(Protocol):
    """Where a memory outlives the process."""

    async def load(self) -> Memory | None:
        """What was saved last; None if nothing was."""

    async def save(self, memory: Memory) -> None:
        """Keep a memory."""


class NoStore:
    """Remembers nothing: before Airflow 3.3 there is no place for it."""

    async def load(self) -> Memory | None:
        """Nothing."""
        return None

    async def save(self, memory: Memory) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What somebody wants to hear of.

    :param events: which events.
    :param ahead: seconds; only sessions planned to start until then, counted from each look.
    :param look_back: seconds; what happened so long before the very first look is told, older things are not.
    :param give_up_after: seconds after a session's end for which artifacts are asked for.
    :param poll_interval: seconds between looks.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param title: only sessions whose title holds this text.
    """

    events: tuple[SessionEvent, ...]
    ahead: float
    look_back: float
    give_up_after: float
    poll_interval: float
    room_id: str | None = None
    case: str | None = None
    title: str | None = None

    @property
    def listing(self) -> Listing:
        """The list that has to be looked at."""
        wants_artifacts = not ARTIFACT_OF.keys().isdisjoint(self.events)
        back = max(self.look_back, self.give_up_after if wants_artifacts else 0.0)
        return Listing(
            back=timedelta(seconds=back) + _LONGEST_SESSION,
            ahead=timedelta(seconds=self.ahead),
            by=WindowBy.BEGINNING,
            room_id=self.room_id,
            case=self.case,
            title=self.title,
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    ask: Ask
    observation: Observation


_News = Listed | _Answer | BaseException


class Reporter:
    """Reports the events of sessions, each at least once, and once only unless it is interrupted.

    An event is handed over first and remembered ``HANDING_OVER`` seconds later. Whoever is killed in between reports it
    again when he is back; the other way round it would be lost.

    :param interest: what is to be reported.
    :param platform: the connection type.
    :param store: where what was reported is remembered.
    :param clock: time.
    """

    def __init__(self, interest: Interest, platform: str, store: Store, clock: Clock) -> None:
        self._interest = interest
        self._platform = platform
        self._store = store
        self._clock = clock
        self._memory: Memory | None = None
        self._saved: Memory | None = None
        self._handed_over: tuple[float, Memory] | None = None
        self._over: dict[str, Session] = {}
        self._asked: dict[Ask, float] = {}
        self._waiting_for: set[Ask] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._list_complaints = Complaints(clock)
        self._question_complaints = Complaints(clock)
        self._store_complaints = Complaints(clock)

    async def report(self, poller: Poller) -> AsyncGenerator[Happening]:
        """Report, until it is closed. It may be called again after it has failed, and goes on where it was.

        :param poller: the connection's poller.
        :raises Exception: the poll has broken down for good, or the memory cannot be read.
        """
        memory = await self._recall()
        news: asyncio.Queue[_News] = asyncio.Queue()
        async with subscribed_list(poller, self._interest.listing, self._interest.poll_interval) as subscription:
            try:
                self._start(_forward(subscription.next, news))
                while True:
                    item = await self._next(news)
                    if isinstance(item, BaseException):
                        raise item
                    if item is not None:
                        happenings, memory = self._make_sense(item, memory, poller, news)
                        for happening in happenings:
                            if happening.event in self._interest.events:
                                yield happening
                        self._memory = memory
                    await self._remember(memory)
            finally:
                await self._stop()

    async def _recall(self) -> Memory:
        if self._memory is None:
            self._saved = await self._store.load()
            self._memory = self._saved or Memory(since=self._now() - self._interest.look_back)
            log.info("Watching; %s remembered", counted(len(self._memory.sessions), "session"))
        return self._memory

    async def _next(self, news: asyncio.Queue[_News]) -> _News | None:
        """The next piece of news; None when it is time to write down what was reported."""
        if self._handed_over is None:
            return await news.get()
        patience = self._handed_over[0] - self._now()
        return await within(self._clock, patience, news.get()) if patience > 0 else None

    def _make_sense(
        self, item: Listed | _Answer, memory: Memory, poller: Poller, news: asyncio.Queue[_News]
    ) -> tuple[list[Happening], Memory]:
        now = self._now()
        if isinstance(item, _Answer):
            if item.observation.error is not None and not item.observation.missing:
                self._question_complaints.about(item.observation.error)
            return after_answer(memory, item.ask, item.observation, self._platform, now)
        self._list_complaints.about(item.error)
        if item.sessions is None:
            return [], memory
        self._over = {each.session_id: each for each in item.sessions if each.state is SessionState.ENDED}
        window = self._interest.listing.window(item.at)
        happenings, memory, absent = after_list(memory, item.sessions, window, now)
        self._ask(memory, absent, poller, news)
        return happenings, memory

    def _ask(self, memory: Memory, absent: set[str], poller: Poller, news: asyncio.Queue[_News]) -> None:
        """Ask about single sessions what the list does not tell."""
        interest, now = self._interest, self._now()
        self._asked = {ask: at for ask, at in self._asked.items() if ask.session_id in memory.sessions}
        due = asks(
            memory,
            absent,
            interest.events,
            self._asked,
            now=now,
            poll_interval=interest.poll_interval,
            give_up_after=interest.give_up_after,
        )
        for ask in due[: ASKS_AT_ONCE - len(self._waiting_for)]:
            if ask not in self._waiting_for:
                self._asked[ask] = now
                self._waiting_for.add(ask)
                self._start(self._ask_one(ask, poller, news))

    async def _ask_one(self, ask: Ask, poller: Poller, news: asyncio.Queue[_News]) -> None:
        interval = self._interest.poll_interval
        try:
            over = self._over.get(ask.session_id)  # and need not be looked at again
            until = self._now() + _PATIENCE_LOOKS * interval
            async with subscribed(poller, ask.session_id, ask.artifact, interval, until=until, over=over) as answers:
                news.put_nowait(_Answer(ask, await answers.next()))
        except OverdueError:
            pass  # the question is dropped
        except Exception as defect:  # noqa: BLE001 - whoever listens is told
            news.put_nowait(defect)
        finally:
            self._waiting_for.discard(ask)

    async def _remember(self, memory: Memory) -> None:
        """Write down what was handed over a while ago, and note what is to be written down next."""
        now = self._now()
        if self._handed_over is not None and self._handed_over[0] <= now:
            try:
                await self._store.save(self._handed_over[1])
            except Exception as failure:  # noqa: BLE001 - told, and tried again
                self._store_complaints.about(failure)
                self._handed_over = (now + self._interest.poll_interval, self._handed_over[1])
                return
            self._store_complaints.about(None)
            self._saved, self._handed_over = self._handed_over[1], None
        if self._handed_over is None and memory != self._saved and not memory.is_fresh:
            self._handed_over = (self._now() + HANDING_OVER, memory)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def _forward(following: Callable[[], Awaitable[_News]], news: asyncio.Queue[_News]) -> None:
    """Put news into the queue, and at last what ended them."""
    try:
        while True:
            news.put_nowait(await following())
    except Exception as defect:  # noqa: BLE001 - whoever listens is told
        news.put_nowait(defect)


class Complaints:
    """Logs errors when they come up, and then again every ten minutes for as long as they stay.

    :param clock: time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._text: str | None = None
        self._again = 0.0

    def about(self, error: Exception | None) -> None:
        """Log an error, or that it is over.

        :param error: None where all went well.
        """
        now = self._clock.now().timestamp()
        if error is None:
            if self._text is not None:
                log.info("It works again; before, there was %s", self._text)
            self._text = None
            return
        text = f"{type(error).__name__}: {error}"
        if text == self._text and now < self._again:
            return
        self._text, self._again = text, now + _COMPLAIN_EVERY
        if isinstance(error, SessionsError):
            log.warning("Watching goes on, but there was %s: %s", type(error).__name__, error)
        else:
            log.error("Watching goes on, but something broke down", exc_info=error)
