"""One poll for all who wait on one connection.

All triggers of a triggerer run in one event loop, so all of them that wait on one connection share one
:class:`Poller`: it looks at each session once, however many wait for it, and it is gone when the last has left. It
never ends a wait: it tells every subscriber what each look saw, errors included, and they decide.

- It sleeps on every path: at least a poll interval lies between two looks, longer after failures, and as long as the
  platform asks where it does.
- Nothing that a look meets ends it, programming errors included: they are told to the subscribers as well.
- Its task has an empty context, so that nothing it does is written into the log of whoever came first. It logs
  nothing itself.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from airflow_provider_sessions.client.rate_headers import UNKNOWN_LIMIT_WAIT
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    RateLimitedError,
    SessionsError,
)
from airflow_provider_sessions.model import Artifact, Session, SessionState
from airflow_provider_sessions.platforms.base import Adapter
from airflow_provider_sessions.waiting import schedule
from airflow_provider_sessions.waiting.goals import Observation
from airflow_provider_sessions.waiting.naps import within

Connect = Callable[[Adapter | None], Awaitable[Adapter]]
"""Reads the connection and opens an adapter. It is given the adapter that is in use, and may return it again where the
connection has not changed; None after a 401, and at first."""
Settle = Callable[[], Awaitable[None]]
"""Awaited after each look and before anybody is told of it: secrets that came to exist can be masked."""

_ARTIFACTS_AT_ONCE = 8
_NO_TIME = 0.001
"""Seconds not worth sleeping."""
_NOTHING_TO_DO = 60.0


async def _nothing_to_settle() -> None:
    pass


class Subscription:
    """What one waiter holds: the news of one session, or of one artifact of it.

    :param session_id: the session.
    :param artifact: None for the session itself.
    :param poll_interval: seconds between looks that are often enough for this waiter.
    """

    __slots__ = ("_news", "_waiting", "artifact", "poll_interval", "session_id")

    def __init__(self, session_id: str, artifact: Artifact | None, poll_interval: float) -> None:
        self.session_id = session_id
        self.artifact = artifact
        self.poll_interval = poll_interval
        self._news: list[Observation | BaseException] = []
        self._waiting: asyncio.Future[None] | None = None

    async def next(self) -> Observation:
        """The next piece of news: a look that saw something else than the one before, or that failed.

        :raises Exception: the poll has broken down for good.
        """
        while not self._news:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        news = self._news.pop(0)
        if isinstance(news, BaseException):
            raise news
        return news

    def tell(self, news: Observation | BaseException) -> None:
        """Hand over a piece of news; called by the poller."""
        self._news.append(news)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class _Watch:
    """One thing that is looked at for any number of subscribers: a session, or an artifact of one."""

    __slots__ = ("artifact", "due", "failures", "session_id", "subscribers", "told")

    def __init__(self, session_id: str, artifact: Artifact | None, due: float) -> None:
        self.session_id = session_id
        self.artifact = artifact
        self.due = due
        self.failures = 0
        self.told: Observation | None = None
        self.subscribers: set[Subscription] = set()

    @property
    def poll_interval(self) -> float:
        return min(subscription.poll_interval for subscription in self.subscribers)

    def tell(self, observation: Observation) -> None:
        """Tell all subscribers, unless it is nothing new."""
        if observation.error is None and observation == self.told:
            return
        self.told = observation
        for subscription in self.subscribers:
            subscription.tell(observation)

    def join(self, subscription: Subscription) -> None:
        """Let one more listen. It is told what the others know; their errors are none of its business."""
        self.subscribers.add(subscription)
        if self.told is not None and self.told.error is None:
            subscription.tell(self.told)

    def looked(self, observation: Observation, now: float) -> None:
        """Note what a look saw, and when the next one is due."""
        if observation.error is None:
            self.failures = 0
            self.due = schedule.next_look(observation.session, now, self.poll_interval)
        else:
            self.failures += 1
            self.due = now + schedule.after_failure(self.poll_interval, self.failures)


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
        self._watches: dict[tuple[str, Artifact | None], _Watch] = {}
        self._known: dict[str, Session | None] = {}
        self._looked_closely: dict[str, float] = {}
        self._adapter: Adapter | None = None
        self._connected_at = 0.0
        self._last_look: float | None = None
        self._not_before = 0.0
        self._failures = 0
        self._refused = False
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._watches)

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

    def subscribe(self, session_id: str, artifact: Artifact | None, poll_interval: float) -> Subscription:
        """Listen to what looks see of a session, and of an artifact of it once the session is over.

        :param session_id: the session.
        :param artifact: None to listen to the session alone.
        :param poll_interval: seconds between looks.
        """
        subscription = Subscription(session_id, artifact, poll_interval)
        due = self._now() if self._last_look is None else max(self._now(), self._last_look + poll_interval)
        watch = self._watches.setdefault((session_id, artifact), _Watch(session_id, artifact, due))
        watch.due = min(watch.due, due)
        watch.join(subscription)
        self._known.setdefault(session_id, None)
        self._woken.set()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Listen no more. What nobody listens to is forgotten."""
        session_id = subscription.session_id
        watch = self._watches[session_id, subscription.artifact]
        watch.subscribers.remove(subscription)
        if not watch.subscribers:
            del self._watches[session_id, subscription.artifact]
        if not any((session_id, artifact) in self._watches for artifact in (None, *Artifact)):
            del self._known[session_id]
            self._looked_closely.pop(session_id, None)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (defect := task.exception()) is not None:
            for watch in self._watches.values():
                for subscription in watch.subscribers:
                    subscription.tell(defect)

    async def _run(self) -> None:
        try:
            while True:
                await self._sleep_until_due()
                await self._look()
        finally:
            await self._disconnect()

    async def _sleep_until_due(self) -> None:
        while True:
            self._woken.clear()
            # Nothing is watched while it is about to be closed.
            due = min((watch.due for watch in self._watches.values()), default=self._now() + _NOTHING_TO_DO)
            wait = max(due, self._not_before) - self._now()
            if wait < _NO_TIME:
                return
            await within(self._clock, wait, self._woken.wait())

    async def _look(self) -> None:
        due = self._due()
        interval = min(watch.poll_interval for watch in due)
        try:
            observations = await self._observe(due, interval)
            await self._settle()
        except Exception as failure:  # noqa: BLE001 - subscribers are told, and log it with its stack
            observations = {watch: self._failed(watch, failure) for watch in due}
            self._failures += 1
            self._pause(schedule.after_failure(interval, self._failures))
        else:
            self._failures = 0
        self._last_look = self._now()
        for watch, observation in observations.items():
            self._heed(observation.error)
            if watch.subscribers:  # they may have left meanwhile
                watch.looked(observation, self._last_look)
                watch.tell(observation)

    def _due(self) -> list[_Watch]:
        """What is due, and what soon will be: looks at different things fall into step."""
        soon = self._now() + min(watch.poll_interval for watch in self._watches.values()) / 2
        return [watch for watch in self._watches.values() if watch.due <= soon]

    def _heed(self, error: Exception | None) -> None:
        """Do as the platform says with an error: come back later, or with another credential."""
        if isinstance(error, RateLimitedError) and error.retry_after is None:
            self._pause(UNKNOWN_LIMIT_WAIT)
        elif isinstance(error, ApiError) and error.retry_after is not None:
            self._pause(error.retry_after)
        self._refused = self._refused or isinstance(error, AuthenticationError)

    def _pause(self, seconds: float) -> None:
        """Look at nothing for a while, whoever joins."""
        self._not_before = max(self._not_before, self._now() + seconds)

    async def _observe(self, due: Collection[_Watch], interval: float) -> dict[_Watch, Observation]:
        adapter = await self._connected()
        errors = await self._see(adapter, {watch.session_id for watch in due}, interval)
        observations = {
            watch: self._failed(watch, error, missing=isinstance(error, NotFoundError))
            if (error := errors.get(watch.session_id))
            else Observation(session=self._known.get(watch.session_id))
            for watch in due
        }
        left_behind = [
            (watch, watch.artifact, seen.session)
            for watch, seen in observations.items()
            if watch.artifact is not None and seen.session is not None and seen.session.state is SessionState.ENDED
        ]
        gate = asyncio.Semaphore(_ARTIFACTS_AT_ONCE)
        found = await asyncio.gather(
            *(_ask_for(artifact, session, adapter, gate) for _, artifact, session in left_behind)
        )
        return observations | {watch: seen for (watch, _, _), seen in zip(left_behind, found, strict=True)}

    def _failed(self, watch: _Watch, failure: Exception, *, missing: bool = False) -> Observation:
        return Observation(session=self._known.get(watch.session_id), error=failure, missing=missing)

    async def _see(self, adapter: Adapter, session_ids: Collection[str], interval: float) -> dict[str, SessionsError]:
        """Look at sessions, unless they are known to be over. Note what is seen, and return what went wrong."""
        known = {session_id: self._known.get(session_id) for session_id in session_ids}
        known = {key: session for key, session in known.items() if session is None or not session.state.is_final}
        if not known:
            return {}
        now = self._now()
        looked_closely = {key: self._looked_closely.get(key, now) for key in known}
        closely = schedule.due_for_a_close_look(looked_closely, now, interval)
        asked = {key: None if key in closely else session for key, session in known.items()}
        seen = await adapter.look(asked)
        for key in seen.keys() & self._known.keys():  # others may have left meanwhile
            self._note(key, seen[key], closely=asked[key] is None)
        return {key: error for key, error in seen.items() if isinstance(error, SessionsError)}

    def _note(self, session_id: str, seen: Session | SessionsError, *, closely: bool) -> None:
        if closely:
            self._looked_closely[session_id] = self._now()
        # After an error the session is asked for by itself: being left out of a list would say nothing.
        self._known[session_id] = seen if isinstance(seen, Session) else None

    async def _connected(self) -> Adapter:
        if self._refused:
            await self._disconnect()
        now = self._now()
        if self._adapter is None or now - self._connected_at >= schedule.RECONNECT_AFTER:
            fresh = await self._connect(self._adapter)
            if fresh is not self._adapter:
                await self._disconnect()
            self._adapter, self._connected_at, self._refused = fresh, now, False
        return self._adapter

    async def _disconnect(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.aclose()


async def _ask_for(artifact: Artifact, session: Session, adapter: Adapter, gate: asyncio.Semaphore) -> Observation:
    async with gate:
        try:
            return Observation(session=session, artifact=await adapter.artifact_status(session, artifact))
        except Exception as failure:  # noqa: BLE001 - subscribers are told, and log it with its stack
            return Observation(session=session, error=failure)


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
    poller: Poller, session_id: str, artifact: Artifact | None, poll_interval: float
) -> AsyncIterator[Subscription]:
    """Subscribe for a while. When the last subscriber leaves, the poller is closed."""
    subscription = poller.subscribe(session_id, artifact, poll_interval)
    try:
        yield subscription
    finally:
        poller.unsubscribe(subscription)
        if not poller.is_needed:
            await _retire(poller)


async def _retire(poller: Poller) -> None:
    pollers = _pollers.get(asyncio.get_running_loop(), {})
    for key in [key for key, each in pollers.items() if each is poller]:
        del pollers[key]
    await poller.close()
