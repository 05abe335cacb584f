"""One poll for all who wait on one connection.

All triggers of a triggerer run in one event loop, so all of them that wait on one connection share one
:class:`Poller`: it looks at each session once, however many wait for it, and it is gone when the last has left. It
never ends a wait: it tells every subscriber what each look saw, errors included, and they decide.

- It sleeps on every path: at least a poll interval lies between two looks, longer after failures, and as long as the
  platform asks where it does. Where the platform refuses one question of a look, the others are not asked.
- A subscriber's deadline is kept by one more poll, which begins at the deadline whatever the intervals say, and looks
  closely. So the polls of a lull are never rarer than the deadline allows. It has ``LAST_POLL_TIMEOUT`` seconds: where
  it takes longer, or the rate limit puts it off for longer, the wait ends with what was known before.
- Nothing that a look meets ends it, programming errors included: they are told to the subscribers as well.
- Its task has an empty context, so that nothing it does is written into the log of whoever came first. It logs
  nothing itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from weakref import WeakKeyDictionary

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.model import Artifact, Session, SessionState
from airflow_provider_sessions.model.wording import to_the_second
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling import poll_schedule
from airflow_provider_sessions.polling.poll_schedule import Sighting
from airflow_provider_sessions.polling.session_list import Listed, Listing
from airflow_provider_sessions.polling.subscriptions import (
    AnyWatch,
    ListSubscription,
    ListWatch,
    News,
    Spot,
    SpotSubscription,
    SpotWatch,
    Subject,
    Subscription,
    Watch,
)
from airflow_provider_sessions.polling.timing import within
from airflow_provider_sessions.polling.wait_conditions import Observation, Pace
from airflow_provider_sessions.rate_limit.headers import DEFAULT_RETRY_AFTER

Connect = Callable[[Adapter | None], Awaitable[Adapter]]
"""Reads the connection and opens an adapter. It is given the adapter that is in use, and may return it again where the
connection has not changed; None after a 401, and at first."""
Settle = Callable[[], Awaitable[None]]
"""Awaited after each look and before anybody is told of it: secrets that came to exist can be masked."""

_AT_ONCE = 8
"""Questions that are asked side by side, once the first of a look was answered."""
_ABOUT_ALL = (AuthenticationError, RateLimitedError, ServerError, NoAnswerError)
"""Errors that the next question is likely to meet as well."""
_NO_TIME = 0.001
"""Seconds not worth sleeping."""
_NOTHING_TO_DO = 60.0


async def _nothing_to_settle() -> None:
    pass


class Poller:
    """Looks at sessions for its subscribers. Use :func:`subscribed`, which makes, shares and closes pollers.

    :param connect: see :data:`Connect`.
    :param settle: see :data:`Settle`.
    :param clock: time.
    """

    def __init__(self, connect: Connect, *, settle: Settle = _nothing_to_settle, clock: Clock = SYSTEM_CLOCK) -> None:
        self._connect = connect
        self._settle = settle
        self._clock = clock
        self._spots: dict[Spot, SpotWatch] = {}
        self._lists: dict[Listing, ListWatch] = {}
        self._seen: dict[str, Sighting] = {}
        self._adapter: Adapter | None = None
        self._connected_at = 0.0
        self._last_look: float | None = None
        self._took = 0.0
        self._asking_since, self._answered_before = 0.0, 0
        self._pace: Pace | None = None
        self._not_before = 0.0
        self._closed_until = 0.0
        self._began: float | None = None
        self._failures = 0
        self._refused = False
        self._woken = asyncio.Event()
        self._alarm_at = math.inf
        self._alarm_set = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._spots or self._lists)

    @property
    def is_running(self) -> bool:
        """Whether its task is there and has not ended."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to look, in a task of its own."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), name="sessions poller", context=contextvars.Context())
        self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """End the task, and with it the adapter."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def subscribe(
        self,
        session_id: str,
        artifact: Artifact | None,
        poll_interval: float,
        *,
        max_idle: float = poll_schedule.MAX_IDLE,
        until: float = math.inf,
        over: Session | None = None,
    ) -> SpotSubscription:
        """Listen to what looks see of a session, and of an artifact of it once the session is over.

        :param session_id: the session.
        :param artifact: None to listen to the session alone.
        :param poll_interval: seconds between looks.
        :param max_idle: seconds between looks at most, however far away a change seems.
        :param until: when the subscriber's time is up, in seconds since 1970: one more poll begins then, and the
            subscriber is told when that is over, or after ``LAST_POLL_TIMEOUT`` seconds. If it has passed, now counts.
        :param over: the session, if it is known to be over: it is not looked at then.
        """
        until = max(until, self._now())
        subscription = SpotSubscription(Spot(session_id, artifact), poll_interval, max_idle, until)
        if self._session(session_id) is None:
            self._seen[session_id] = Sighting(over)
        self._join(self._spots, subscription)
        return subscription

    def subscribe_list(self, listing: Listing, poll_interval: float) -> ListSubscription:
        """Listen to each look at a list of sessions.

        :param listing: which sessions.
        :param poll_interval: seconds between looks.
        """
        subscription = ListSubscription(listing, poll_interval)
        self._join(self._lists, subscription)
        return subscription

    def _join(self, watches: dict[Subject, Watch[Subject, News]], subscription: Subscription[Subject, News]) -> None:
        due, interval = self._now(), subscription.poll_interval
        if self._last_look is not None:
            due = max(due, self._last_look + interval)
        watch = watches.setdefault(subscription.subject, Watch(subscription.subject, due))
        watch.due = min(watch.due, due)
        watch.join(subscription)
        self._woken.set()
        if subscription.until < self._alarm_at:
            self._alarm_set.set()

    def unsubscribe(self, subscription: SpotSubscription | ListSubscription) -> None:
        """Listen no more. What nobody listens to is forgotten."""
        if isinstance(subscription, ListSubscription):
            _leave(self._lists, subscription)
            return
        subject = subscription.subject
        _leave(self._spots, subscription)
        if not any(Spot(subject.session_id, artifact) in self._spots for artifact in (None, *Artifact)):
            del self._seen[subject.session_id]

    def _watches(self) -> Iterator[AnyWatch]:
        return chain(self._spots.values(), self._lists.values())

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (defect := task.exception()) is not None:
            for watch in self._watches():
                for subscription in watch.subscribers:
                    subscription.tell(defect)

    async def _run(self) -> None:
        alarm = asyncio.create_task(self._tell_the_time())
        alarm.add_done_callback(self._ended)
        try:
            while True:
                await self._sleep_until_due()
                await self._look()
        finally:
            alarm.cancel()
            await self._disconnect()

    async def _tell_the_time(self) -> None:
        """Tell each subscriber when its time is up: one alarm for all, since one for each is most of what it costs."""
        while True:
            self._alarm_set.clear()
            now, self._alarm_at = self._now(), math.inf
            for subscription in chain.from_iterable(watch.subscribers for watch in self._watches()):
                if (reason := self._why_no_last_poll(subscription.until, now)) is not None:
                    subscription.end(reason)
                until = subscription.until
                self._alarm_at = min(self._alarm_at, until if now < until else until + poll_schedule.LAST_POLL_TIMEOUT)
            if self._alarm_at < math.inf:
                await within(self._clock, self._alarm_at - now, self._alarm_set.wait())
            else:
                await self._alarm_set.wait()

    def _why_no_last_poll(self, until: float, now: float) -> str | None:
        """Why a subscriber is not to wait for the poll that its deadline is owed; None where it is."""
        if now < until - _NO_TIME:
            return None
        if self._closed_until > until + poll_schedule.LAST_POLL_TIMEOUT:
            again = to_the_second(datetime.fromtimestamp(self._closed_until, UTC))
            return f"the platform takes no request before {again}"
        if self._began is not None and self._began < until - poll_schedule.LAST_POLL_TIMEOUT:
            return f"a poll has not been answered for {now - self._began:.0f} s"
        if now >= until + poll_schedule.LAST_POLL_TIMEOUT - _NO_TIME:
            return f"no poll was answered within {poll_schedule.LAST_POLL_TIMEOUT:.0f} s after it"
        return None

    async def _sleep_until_due(self) -> None:
        while True:
            self._woken.clear()
            # Nothing is watched while it is about to be closed.
            due = min((watch.due for watch in self._watches()), default=self._now() + _NOTHING_TO_DO)
            next_deadline = min((watch.next_deadline for watch in self._watches()), default=math.inf)
            if self._last_look is not None:
                next_deadline = max(next_deadline, self._last_look + poll_schedule.LAST_POLL_INTERVAL)
            wait = min(max(due, self._not_before), max(next_deadline, self._closed_until)) - self._now()
            if wait < _NO_TIME:
                return
            await within(self._clock, wait, self._woken.wait())

    async def _look(self) -> None:
        """Look at what is due, and tell each as soon as it is known: one account may be slow to let us ask for all."""
        due = self._due()
        untold = dict.fromkeys(due)
        interval = min(watch.poll_interval for watch in due)
        began = self._began = self._now()
        self._start_to_ask()
        try:
            async for watch, news in self._observe(due, interval):
                await self._settle()
                self._keep_pace(max(self._took, self._waited_for_answers()), interval)
                self._tell(watch, news, began)
                del untold[watch]
            self._failures = 0
        except Exception as failure:  # noqa: BLE001 - subscribers are told, and log it with its stack
            self._failures += 1
            self._pause(poll_schedule.after_failure(interval, self._failures))
            for watch in untold:
                self._tell(watch, self._failed(watch, failure), began)
        self._last_look, self._began = self._now(), None
        self._took = self._waited_for_answers()

    def _start_to_ask(self) -> None:
        """Note when a look begins to send requests: until then nobody is slow."""
        answered = 0 if self._adapter is None else self._adapter.client.answered
        self._asking_since, self._answered_before = self._now(), answered

    def _waited_for_answers(self) -> float:
        """Seconds since this look began to send requests; 0 where only the platform can be slow and was not asked."""
        if self._adapter is None:
            return 0.0
        was_asked = self._adapter.client.answered > self._answered_before
        return self._now() - self._asking_since if was_asked or self._adapter.client.limiter.limit else 0.0

    def _keep_pace(self, took: float, interval: float) -> None:
        """Note how often looks come, if the budget or the platform makes them rarer than was asked for."""
        every = poll_schedule.pace_of(took, interval, None if self._pace is None else self._pace.seconds)
        limit = self._adapter.client.limiter.limit if self._adapter is not None else None
        self._pace = None if every is None else Pace(every, limit)

    def _tell(self, watch: AnyWatch, news: Observation | Listed, began: float) -> None:
        self._heed(news.error)
        if isinstance(news, Observation):
            news = replace(news, pace=self._pace)
        if watch.subscribers:  # they may have left meanwhile
            watch.looked(news, self._now(), began)

    def _due(self) -> list[AnyWatch]:
        """What is due, and what will be before the next look could be: looks at different things fall into step.

        Where nothing is, but a deadline has come, only that for which it has come: the others would be looked at again
        with every deadline.
        """
        watches, now = list(self._watches()), self._now()
        is_early = now + _NO_TIME < max(min(watch.due for watch in watches), self._not_before)
        soon = -math.inf if is_early else now + min(watch.poll_interval for watch in watches)
        return [watch for watch in watches if watch.due < soon or watch.next_deadline <= now + _NO_TIME]

    def _heed(self, error: Exception | None) -> None:
        """Do as the platform says with an error: come back later, or with another credential."""
        if isinstance(error, RateLimitedError) and error.retry_after is None:
            self._pause_for_platform(DEFAULT_RETRY_AFTER)
        elif isinstance(error, ApiError) and error.retry_after is not None:
            self._pause_for_platform(error.retry_after)
        self._refused = self._refused or isinstance(error, AuthenticationError)

    def _pause_for_platform(self, seconds: float) -> None:
        """Look at nothing for as long as the platform wants, not even at a deadline."""
        self._pause(seconds)
        self._closed_until = max(self._closed_until, self._now() + seconds)
        self._alarm_set.set()

    def _pause(self, seconds: float) -> None:
        """Look at nothing for a while, whoever joins."""
        self._not_before = max(self._not_before, self._now() + seconds)

    async def _observe(
        self, due: Collection[AnyWatch], interval: float
    ) -> AsyncIterator[tuple[AnyWatch, Observation | Listed]]:
        """What a look sees of what is due: sessions in one go, then what each has left behind, and lists."""
        adapter = await self._connected()
        self._start_to_ask()
        spots = [watch for watch in due if isinstance(watch.subject, Spot)]
        present = self._now() + _NO_TIME
        decisive = {watch.subject.session_id for watch in spots if watch.next_deadline <= present}
        errors = await self._see(adapter, {watch.subject.session_id for watch in spots}, interval, decisive)
        questions: list[AnyWatch] = [watch for watch in due if isinstance(watch.subject, Listing)]
        for watch in spots:
            session_id = watch.subject.session_id
            session = self._session(session_id)
            if error := errors.get(session_id):
                yield watch, self._failed(watch, error, missing=isinstance(error, NotFoundError))
            elif watch.subject.artifact and session and session.state is SessionState.ENDED:
                questions.append(watch)
            else:
                yield watch, Observation(session=session)
        # Who was not asked for longest comes first: so nobody starves, however little may be asked in one look.
        questions.sort(key=lambda watch: watch.asked)
        async for answer in self._ask(adapter, questions):
            yield answer

    async def _ask(
        self, adapter: Adapter, questions: Sequence[AnyWatch]
    ) -> AsyncIterator[tuple[AnyWatch, Observation | Listed]]:
        """Ask one question, then several at once; none any more where an answer is the same for all."""
        refusal: Exception | None = None
        first = 0
        while first < len(questions) and refusal is None:
            batch = questions[first : first + (_AT_ONCE if first else 1)]
            for watch, news in zip(
                batch, await asyncio.gather(*(self._answer(adapter, w) for w in batch)), strict=True
            ):
                refusal = refusal or (news.error if isinstance(news.error, _ABOUT_ALL) else None)
                yield watch, news
            first += len(batch)
        for watch in questions[first:]:
            if refusal is not None:
                yield watch, self._failed(watch, refusal)

    async def _answer(self, adapter: Adapter, watch: AnyWatch) -> Observation | Listed:
        watch.asked = self._now()
        try:
            if isinstance(watch.subject, Listing):
                at = self._clock.now()
                sessions = [session async for session in adapter.listed(watch.subject.query(at))]
                return Listed(tuple(sessions), None, at)
            session = self._session(watch.subject.session_id)
            if session is None:  # its last subscriber has left meanwhile
                return Observation()
            return Observation(session, await adapter.artifact_status(session, watch.subject.artifact))
        except Exception as failure:  # noqa: BLE001 - subscribers are told, and log it with its stack
            return self._failed(watch, failure)

    def _failed(self, watch: AnyWatch, failure: Exception, *, missing: bool = False) -> Observation | Listed:
        if isinstance(watch.subject, Listing):
            return Listed(None, failure, self._clock.now())
        return Observation(session=self._session(watch.subject.session_id), error=failure, missing=missing)

    async def _see(
        self, adapter: Adapter, session_ids: Collection[str], interval: float, decisive: Collection[str]
    ) -> dict[str, SessionsError]:
        """Look at sessions, unless they are known to be over. Note what is seen, and return what went wrong.

        :param decisive: those about which this look decides: a list's silence is not enough of them.
        """
        seen = {key: self._seen.get(key, Sighting()) for key in session_ids}
        seen = {key: last for key, last in seen.items() if last.session is None or not last.session.state.is_final}
        if not seen:
            return {}
        closely = poll_schedule.due_for_a_close_look(seen, self._now(), interval) | seen.keys() & set(decisive)
        answers = await adapter.look({key: None if key in closely else last.session for key, last in seen.items()})
        now = self._now()
        for key, answer in answers.items():
            if key in self._seen:  # its last subscriber may have left meanwhile
                # After an error the session is looked at closely: being left out of a list would say nothing.
                session = answer if isinstance(answer, Session) else None
                self._seen[key] = Sighting(session, now, now if key in closely else seen[key].closely)
        return {key: error for key, error in answers.items() if isinstance(error, SessionsError)}

    def _session(self, session_id: str) -> Session | None:
        return self._seen.get(session_id, Sighting()).session

    async def _connected(self) -> Adapter:
        if self._refused:
            await self._disconnect()
        now = self._now()
        if self._adapter is None or now - self._connected_at >= poll_schedule.RECONNECT_AFTER:
            fresh = await self._connect(self._adapter)
            if fresh is not self._adapter:
                await self._disconnect()
            self._adapter, self._connected_at, self._refused = fresh, now, False
        return self._adapter

    async def _disconnect(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.aclose()


def _leave(watches: dict[Subject, Watch[Subject, News]], subscription: Subscription[Subject, News]) -> None:
    watch = watches[subscription.subject]
    watch.subscribers.remove(subscription)
    if not watch.subscribers:
        del watches[subscription.subject]


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()


def poller_for(
    key: str, connect: Connect, *, settle: Settle = _nothing_to_settle, clock: Clock = SYSTEM_CLOCK
) -> Poller:
    """The running loop's poller for a connection; a new one if there is none, or the one there was has broken down.

    :param key: stands for the connection.
    :param connect: see :data:`Connect`; that of whoever comes first is used.
    :param settle: see :data:`Settle`.
    :param clock: time.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(key)
    if poller is None or not poller.is_running:
        poller = pollers[key] = Poller(connect, settle=settle, clock=clock)
        poller.start()
    return poller


@asynccontextmanager
async def subscribed(
    poller: Poller,
    session_id: str,
    artifact: Artifact | None,
    poll_interval: float,
    *,
    max_idle: float = poll_schedule.MAX_IDLE,
    until: float = math.inf,
    over: Session | None = None,
) -> AsyncIterator[SpotSubscription]:
    """Subscribe to a session for a while; see :meth:`Poller.subscribe`.

    When the last subscriber leaves, the poller is closed.
    """
    subscription = poller.subscribe(session_id, artifact, poll_interval, max_idle=max_idle, until=until, over=over)
    try:
        yield subscription
    finally:
        await _part(poller, subscription)


@asynccontextmanager
async def subscribed_list(poller: Poller, listing: Listing, poll_interval: float) -> AsyncIterator[ListSubscription]:
    """Subscribe to a list for a while. When the last subscriber leaves, the poller is closed."""
    subscription = poller.subscribe_list(listing, poll_interval)
    try:
        yield subscription
    finally:
        await _part(poller, subscription)


async def _part(poller: Poller, subscription: SpotSubscription | ListSubscription) -> None:
    poller.unsubscribe(subscription)
    if not poller.is_needed:
        await _retire(poller)


async def _retire(poller: Poller) -> None:
    pollers = _pollers.get(asyncio.get_running_loop(), {})
    for key in [key for key, each in pollers.items() if each is poller]:
        del pollers[key]
    await poller.close()
