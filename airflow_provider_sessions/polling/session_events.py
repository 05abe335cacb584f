"""The source of session events: emits the events of all sessions of a list, for as long as a caller iterates.

It polls the list, single sessions and artifacts through the connection's poller, so that every poll is shared with
others that wait for the same. :mod:`.event_detection` detects the events in the results. Emitted events are stored a
few seconds later; see :class:`SessionEventSource`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from airflow_provider_sessions.clock import Clock, wait_with_timeout
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.model import Session, SessionState, WindowBy
from airflow_provider_sessions.polling.emitted_events import EmittedEvents, SessionEvent
from airflow_provider_sessions.polling.event_detection import (
    ARTIFACT_BY_EVENT,
    MAX_CHECKS,
    DetectedEvent,
    SessionCheck,
    detect_in_check,
    detect_in_list,
    select_checks,
)
from airflow_provider_sessions.polling.poller import Poller
from airflow_provider_sessions.polling.subscriptions import (
    DeadlineReachedError,
    ListSubscription,
    SessionList,
    SessionListResult,
)
from airflow_provider_sessions.polling.wait_conditions import PollResult
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

SAVE_DELAY = 3.0
"""Seconds from emitting an event to storing it: until Airflow has written the event to its database, it may be lost."""
_CHECK_TIMEOUT = 5.0
"""Poll intervals after which a check is dropped; it is made again when its turn comes."""
_LOG_AGAIN_AFTER = 600.0
_LONGEST_SESSION = timedelta(days=2)


class EmittedEventsStore(Protocol):
    """Stores emitted events outside the process."""

    async def load(self) -> EmittedEvents | None:
        """Return what was saved last; None if there is nothing."""

    async def save(self, emitted: EmittedEvents) -> None:
        """Save emitted events."""


class NullStore:
    """Stores nothing, for Airflow before 3.3, which has no place for it."""

    async def load(self) -> EmittedEvents | None:
        """Return None."""
        return None

    async def save(self, emitted: EmittedEvents) -> None:
        """Save nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """Which events are emitted, and how their sessions are polled.

    :param events: the events.
    :param ahead: seconds; only sessions planned to start within this time of each poll are polled.
    :param look_back: seconds; events up to this long before the first poll are emitted, older ones are not.
    :param give_up_after: seconds after a session's end for which its artifacts are polled.
    :param poll_interval: seconds between polls.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param title: only sessions whose title contains this text.
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
    def session_list(self) -> SessionList:
        """The list to poll."""
        has_artifact_events = not ARTIFACT_BY_EVENT.keys().isdisjoint(self.events)
        back = max(self.look_back, self.give_up_after if has_artifact_events else 0.0)
        return SessionList(
            back=timedelta(seconds=back) + _LONGEST_SESSION,
            ahead=timedelta(seconds=self.ahead),
            by=WindowBy.BEGINNING,
            room_id=self.room_id,
            case=self.case,
            title=self.title,
        )


@dataclass(frozen=True, slots=True)
class _CheckResult:
    check: SessionCheck
    result: PollResult


_Item = SessionListResult | _CheckResult | BaseException
"""What the tasks of a source put into its queue; an exception ends the iteration."""
_Queue = asyncio.Queue[_Item]


class SessionEventSource:
    """Emits the events of sessions, each at least once, and only once unless it is interrupted.

    An event is emitted first and stored ``SAVE_DELAY`` seconds later. If the process is killed in between, the event is
    emitted again after a restart; the other way round it would be lost.

    :param settings: which events.
    :param platform: the connection type.
    :param store: where emitted events are stored.
    :param clock: the clock.
    """

    def __init__(self, settings: EventSettings, platform: str, store: EmittedEventsStore, clock: Clock) -> None:
        self._settings = settings
        self._platform = platform
        self._store = store
        self._clock = clock
        self._emitted: EmittedEvents | None = None
        self._saved: EmittedEvents | None = None
        self._unsaved: tuple[float, EmittedEvents] | None = None
        self._ended_sessions: dict[str, Session] = {}
        self._last_checks: dict[SessionCheck, float] = {}
        self._running_checks: set[SessionCheck] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._list_errors = ErrorLog(clock)
        self._check_errors = ErrorLog(clock)
        self._store_errors = ErrorLog(clock)

    async def stream_events(self, get_poller: Callable[[], Poller]) -> AsyncGenerator[DetectedEvent]:
        """Yield events until it is closed. After an exception it may be called again and continues.

        :param get_poller: returns the connection's poller.
        :raises Exception: the poller has stopped because of an unexpected error, or the stored events cannot be loaded.
        """
        emitted = await self._load()
        queue: _Queue = asyncio.Queue()
        settings = self._settings
        poller = get_poller()  # not earlier: it may be closed during an await without a subscription
        async with poller.subscribe_to_list(settings.session_list, settings.poll_interval) as subscription:
            try:
                self._start_task(_forward_results(subscription, queue))
                while True:
                    item = await self._next_item(queue)
                    if isinstance(item, BaseException):
                        raise item
                    if item is not None:
                        detected, emitted = self._process_item(item, emitted, poller, queue)
                        for event in detected:
                            if event.event in settings.events:
                                yield event
                        self._emitted = emitted
                    await self._save_if_due(emitted)
            finally:
                await self._cancel_tasks()

    async def _load(self) -> EmittedEvents:
        if self._emitted is None:
            self._saved = await self._store.load()
            self._emitted = self._saved or EmittedEvents(since=self._now() - self._settings.look_back)
            log.info(
                "Watching for session events; %s loaded", format_count(len(self._emitted.sessions), "known session")
            )
        return self._emitted

    async def _next_item(self, queue: _Queue) -> _Item | None:
        """Return the next item; None when it is time to save emitted events."""
        if self._unsaved is None:
            return await queue.get()
        seconds = self._unsaved[0] - self._now()
        return await wait_with_timeout(self._clock, seconds, queue.get()) if seconds > 0 else None

    def _process_item(
        self, item: SessionListResult | _CheckResult, emitted: EmittedEvents, poller: Poller, queue: _Queue
    ) -> tuple[list[DetectedEvent], EmittedEvents]:
        now = self._now()
        if isinstance(item, _CheckResult):
            if item.result.error is not None and not item.result.missing:
                self._check_errors.update(item.result.error)
            return detect_in_check(emitted, item.check, item.result, self._platform, now)
        self._list_errors.update(item.error)
        if item.sessions is None:
            return [], emitted
        self._ended_sessions = {
            session.session_id: session for session in item.sessions if session.state is SessionState.ENDED
        }
        window = self._settings.session_list.window(item.polled_at)
        detected, emitted, absent = detect_in_list(emitted, item.sessions, window, now)
        self._start_checks(emitted, absent, poller, queue)
        return detected, emitted

    def _start_checks(self, emitted: EmittedEvents, absent: set[str], poller: Poller, queue: _Queue) -> None:
        settings, now = self._settings, self._now()
        self._last_checks = {
            check: at for check, at in self._last_checks.items() if check.session_id in emitted.sessions
        }
        due = select_checks(
            emitted,
            absent,
            settings.events,
            self._last_checks,
            now=now,
            poll_interval=settings.poll_interval,
            give_up_after=settings.give_up_after,
        )
        for check in due[: MAX_CHECKS - len(self._running_checks)]:
            if check not in self._running_checks:
                self._last_checks[check] = now
                self._running_checks.add(check)
                self._start_task(self._run_check(check, poller, queue))

    async def _run_check(self, check: SessionCheck, poller: Poller, queue: _Queue) -> None:
        interval = self._settings.poll_interval
        try:
            async with poller.subscribe_to_session(
                check.session_id,
                check.artifact,
                interval,
                deadline=self._now() + _CHECK_TIMEOUT * interval,
                ended_session=self._ended_sessions.get(check.session_id),
            ) as subscription:
                queue.put_nowait(_CheckResult(check, await subscription.get()))
        except DeadlineReachedError:
            pass  # the check is dropped
        except Exception as failure:  # noqa: BLE001 - the consumer of the queue raises it
            queue.put_nowait(failure)
        finally:
            self._running_checks.discard(check)

    async def _save_if_due(self, emitted: EmittedEvents) -> None:
        """Save what was emitted ``SAVE_DELAY`` seconds ago, and note what to save next."""
        now = self._now()
        if self._unsaved is not None and self._unsaved[0] <= now:
            try:
                await self._store.save(self._unsaved[1])
            except Exception as failure:  # noqa: BLE001 - logged and retried
                self._store_errors.update(failure)
                self._unsaved = (now + self._settings.poll_interval, self._unsaved[1])
                return
            self._store_errors.update(None)
            self._saved, self._unsaved = self._unsaved[1], None
        if self._unsaved is None and emitted != self._saved and not emitted.is_fresh:
            self._unsaved = (self._now() + SAVE_DELAY, emitted)

    def _start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def _forward_results(subscription: ListSubscription, queue: _Queue) -> None:
    """Put the results of a subscription into the queue, and finally the exception that ended it."""
    try:
        while True:
            queue.put_nowait(await subscription.get())
    except Exception as failure:  # noqa: BLE001 - the consumer of the queue raises it
        queue.put_nowait(failure)


class ErrorLog:
    """Logs an error when it first occurs, and again every ten minutes while it persists.

    :param clock: the clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._text: str | None = None
        self._log_again_at = 0.0

    def update(self, error: Exception | None) -> None:
        """Log an error, or the recovery from one.

        :param error: None after a success.
        """
        now = self._clock.now().timestamp()
        if error is None:
            if self._text is not None:
                log.info("Watching works again after %s", self._text)
            self._text = None
            return
        text = f"{type(error).__name__}: {error}"
        if text == self._text and now < self._log_again_at:
            return
        self._text, self._log_again_at = text, now + _LOG_AGAIN_AFTER
        if isinstance(error, SessionsError):
            log.warning("Watching continues after %s: %s", type(error).__name__, error)
        else:
            log.error("Watching continues after an unexpected error", exc_info=error)
