"""One poll for all waiters of a connection.

All triggers of a triggerer run in one event loop, so all that wait on one connection share one :class:`Poller`: it
looks once for all of them, however many they are. It begins with its first watch and ends with its last.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import AuthenticationError, SessionsError, WaitError
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session
from airflow_provider_sessions.platforms.base import Adapter
from airflow_provider_sessions.waiting.goals import Goal, Sighting
from airflow_provider_sessions.waiting.schedule import next_pause

log = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[Adapter]]
RECONNECT_AFTER = timedelta(minutes=5)
"""A connection may be edited while tasks wait: it is read again this often, and after a 401."""
LOOK_CLOSELY_AFTER = timedelta(minutes=5)
"""A cheap look may miss that a session was moved, deleted, or went live and ended in between: this often each session
is looked at as if nothing were known of it."""


@dataclass(eq=False, slots=True)
class Watch:
    """One waiter's view: what each look saw, or how it failed, as long as it matters to this waiter."""

    session_id: str
    goal: Goal
    poll_interval: float
    news: asyncio.Queue[Sighting | SessionsError] = field(default_factory=asyncio.Queue)


@dataclass(slots=True)
class _Known:
    """What is known of a session, and since when it has not been looked at closely."""

    session: Session
    closely_at: datetime


class Poller:
    """Looks for all watches of one connection, in one event loop.

    :param connect: reads the connection and opens its adapter; one attempt a request is enough, as looks are repeated.
    :param clock: time.
    """

    def __init__(self, connect: Connect, clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._watches: list[Watch] = []
        self._known: dict[str, _Known] = {}
        self._artifacts: dict[tuple[str, Artifact], ArtifactStatus] = {}
        self._adapter: Adapter | None = None
        self._connected_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._failures = 0
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, watch: Watch) -> None:
        """Begin to look for a watch. Where a look is fresh enough, what it saw is told at once."""
        self._watches.append(watch)
        if self._looked_at is not None and self._is_fresh(watch):
            self._tell_what_is_known(watch)
        self._woken.set()
        if self._task is None:
            # A context of its own: else it would write into the first waiter's task log, and later into a stranger's.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    async def leave(self, watch: Watch) -> None:
        """Stop looking for a watch; with the last one, stop at all."""
        self._watches.remove(watch)
        ids = {other.session_id for other in self._watches}
        self._known = {session_id: known for session_id, known in self._known.items() if session_id in ids}
        self._artifacts = {key: status for key, status in self._artifacts.items() if key[0] in ids}
        if not self._watches:
            await self._close()

    @property
    def watches(self) -> int:
        """How many waiters there are."""
        return len(self._watches)

    async def _close(self) -> None:
        task, adapter = self._task, self._adapter
        self._task = self._adapter = None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if adapter is not None:
            await adapter.aclose()

    async def _run(self) -> None:
        """Look, tell, pause: every path goes through the one pause at the end."""
        while True:
            error = await self._look_and_tell()
            self._looked_at = self._clock.now()
            self._failures = self._failures + 1 if error is not None else 0
            await self._pause(error)

    async def _look_and_tell(self) -> SessionsError | None:
        """One look; its failure, where it failed as a whole."""
        watches = list(self._watches)
        try:
            await self._look(watches)
        except SessionsError as failed:
            if isinstance(failed, AuthenticationError):
                self._connected_at = None
            _tell(watches, failed)
            return failed
        except Exception as crash:
            # A mistake of ours, not the platform's: it is logged whole, and the poll goes on with growing pauses.
            log.exception("a look crashed")
            crashed = WaitError(f"the look crashed: {type(crash).__name__}: {crash}")
            _tell(watches, crashed)
            return crashed
        return None

    async def _pause(self, error: SessionsError | None) -> None:
        """Sleep until the next look; a watch with a shorter interval shortens it."""
        began = self._clock.now()
        while True:
            self._woken.clear()
            interval = min(watch.poll_interval for watch in self._watches) if self._watches else 60.0
            pause = next_pause(interval, failures=self._failures, error=error)
            left = pause - (self._clock.now() - began).total_seconds()
            if left <= 0:
                return
            sleep = asyncio.ensure_future(self._clock.sleep(left))
            wake = asyncio.ensure_future(self._woken.wait())
            try:
                await asyncio.wait({sleep, wake}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                wake.cancel()
            if sleep.done() and not sleep.cancelled():
                return

    async def _look(self, watches: list[Watch]) -> None:
        adapter = await self._connected()
        seen = await self._look_at_sessions(adapter, watches)
        statuses = await self._ask_for_artifacts(adapter, watches)
        for watch in watches:
            failed = seen.get(watch.session_id) or statuses.get((watch.session_id, watch.goal.artifact))
            if failed is not None:
                watch.news.put_nowait(failed)
            else:
                self._tell_what_is_known(watch)

    async def _look_at_sessions(self, adapter: Adapter, watches: Iterable[Watch]) -> dict[str, SessionsError]:
        """Look at all sessions that are not over yet; the errors that single ones met."""
        now = self._clock.now()
        asked: dict[str, Session | None] = {}
        for watch in watches:
            known = self._known.get(watch.session_id)
            if known is None:
                asked[watch.session_id] = None
            elif not known.session.state.is_final:
                fresh = now - known.closely_at < LOOK_CLOSELY_AFTER
                asked[watch.session_id] = known.session if fresh else None
        if not asked:
            return {}
        failures: dict[str, SessionsError] = {}
        for session_id, answer in (await adapter.look(asked)).items():
            if isinstance(answer, Session):
                closely = now if asked[session_id] is None else self._known[session_id].closely_at
                self._known[session_id] = _Known(answer, closely)
            else:
                failures[session_id] = answer
        return failures

    async def _ask_for_artifacts(
        self, adapter: Adapter, watches: Iterable[Watch]
    ) -> dict[tuple[str, Artifact | None], SessionsError]:
        """Ask once for each artifact of a session that has ended, however many wait for it."""
        failures: dict[tuple[str, Artifact | None], SessionsError] = {}
        wanted: dict[tuple[str, Artifact], Session] = {}
        for watch in watches:
            known = self._known.get(watch.session_id)
            if known is not None and watch.goal.artifact is not None and watch.goal.needs_artifact(known.session):
                wanted[watch.session_id, watch.goal.artifact] = known.session
        for (session_id, artifact), session in wanted.items():
            try:
                self._artifacts[session_id, artifact] = await adapter.artifact_status(session, artifact)
            except AuthenticationError:
                raise
            except SessionsError as failed:
                failures[session_id, artifact] = failed
        return failures

    async def _connected(self) -> Adapter:
        """The adapter, opened again where the connection was read long ago or its credential was refused."""
        now = self._clock.now()
        if self._adapter is not None and self._connected_at is not None and now - self._connected_at < RECONNECT_AFTER:
            return self._adapter
        old, fresh = self._adapter, await self._connect()
        if old is not None and self._connected_at is not None and old.account == fresh.account:
            await fresh.aclose()  # nothing was edited: the old one has its tokens and its connections
        else:
            self._adapter = fresh
            if old is not None:
                await old.aclose()
        self._connected_at = now
        return self._adapter or fresh

    def _is_fresh(self, watch: Watch) -> bool:
        age = self._clock.now() - (self._looked_at or self._clock.now())
        return age < timedelta(seconds=watch.poll_interval)

    def _tell_what_is_known(self, watch: Watch) -> None:
        known = self._known.get(watch.session_id)
        if known is None:
            return
        status = None
        if watch.goal.artifact is not None and watch.goal.needs_artifact(known.session):
            status = self._artifacts.get((watch.session_id, watch.goal.artifact))
        watch.news.put_nowait(Sighting(session=known.session, artifact=status))


def _tell(watches: Iterable[Watch], failed: SessionsError) -> None:
    for watch in watches:
        watch.news.put_nowait(failed)


_pollers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def watching(key: str, watch: Watch, connect: Connect, clock: Clock) -> AsyncIterator[Watch]:
    """Have the connection's poller look for a watch as long as the context lasts.

    :param key: what tells connections apart: the connection's id.
    :param watch: what to look for.
    :param connect: opens the connection's adapter; used by whoever begins the poll.
    :param clock: time.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.setdefault(key, Poller(connect, clock))
    poller.join(watch)
    try:
        yield watch
    finally:
        if poller.watches == 1 and pollers.get(key) is poller:
            del pollers[key]  # whoever comes while the last one leaves begins a new poll
        await poller.leave(watch)
