"""One poller per connection, shared by everything that waits on it.

All triggers of a triggerer run in one event loop. Those that use the same connection share one :class:`Poller`: it
polls each session once, however many subscribers wait for it, and stops when the last subscriber leaves. It never ends
a wait: subscribers receive the result of every poll, errors included, and decide for themselves.

- There is always a pause between two polls: at least the poll interval, longer after failures, and as long as the
  platform demands. If a request fails in a way that the other requests of the poll would also fail, they are not sent.
- For each subscriber's deadline there is a final poll, which begins at the deadline regardless of the intervals and is
  a full poll, which fetches the session itself. (Other polls may take a session that is absent from the list of live
  sessions as unchanged.) Long intervals therefore never delay the end of a wait. If the final poll takes longer than
  ``FINAL_POLL_TIMEOUT``, or the rate limit delays it for longer, the wait ends with the last known result.
- A poll that fails does not stop the poller: subscribers receive its error. If the poller's own task fails, they
  receive that exception, and the poller stops.
- The poller's task has an empty context and logs nothing. Otherwise its messages would appear in the task log of the
  first subscriber.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from weakref import WeakKeyDictionary

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock, wait_with_timeout
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    InputError,
    NotFoundError,
    RateLimitedError,
    SessionsError,
)
from airflow_provider_sessions.messages import format_instant
from airflow_provider_sessions.metrics import POLL_LAG
from airflow_provider_sessions.model import Artifact, Session, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.poll_strategy import SHARED_ERRORS, RequestStop
from airflow_provider_sessions.polling import poll_schedule
from airflow_provider_sessions.polling.loop_turns import LoopTurns
from airflow_provider_sessions.polling.poll_schedule import SessionSnapshot
from airflow_provider_sessions.polling.subscriptions import (
    AnySchedule,
    ListSchedule,
    ListSubscription,
    PollTarget,
    Result,
    SessionList,
    SessionListResult,
    SessionSchedule,
    SessionSubscription,
    Subscription,
    Target,
    TargetSchedule,
)
from airflow_provider_sessions.polling.wait_conditions import PollInterval, PollResult, make_deleted_session
from airflow_provider_sessions.rate_limit.headers import DEFAULT_RETRY_AFTER

Connect = Callable[[Adapter | None], Awaitable[Adapter]]
"""Reads the connection and opens an adapter. The argument is the adapter in use, which may be returned if the
connection has not changed; None after a 401 and for the first poll."""
BeforePublish = Callable[[], Awaitable[None]]
"""Awaited before subscribers receive a result, so that new secrets can be masked."""

_PARALLEL_REQUESTS = 8
"""Requests sent at the same time, once the first request of a poll has succeeded."""
_MAX_BLOCK = 3600.0
"""Seconds without polls after a response, which may be misread. The next poll receives another one."""
_OVERDUE = 5
"""Artifacts and lists that are requested before the sessions, if an error stopped these last time."""
_TIME_TOLERANCE = 0.001
"""Seconds that a timer may fire too early."""
_IDLE_SLEEP = 60.0
"""Seconds to sleep while there is nothing to poll."""
_running_tasks: set[asyncio.Task[None]] = set()
"""The tasks of all pollers of this process."""
_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()
"""The pollers of each event loop, by the key that :func:`get_poller` receives."""


async def _do_nothing() -> None:
    pass


class Poller:
    """Polls sessions and lists for its subscribers. Get one with :func:`get_poller`.

    :param connect: see :data:`Connect`.
    :param before_publish: see :data:`BeforePublish`.
    :param clock: the clock.
    """

    def __init__(
        self, connect: Connect, *, before_publish: BeforePublish = _do_nothing, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._connect = connect
        self._before_publish = before_publish
        self._clock = clock
        self._session_schedules: dict[PollTarget, SessionSchedule] = {}
        self._list_schedules: dict[SessionList, ListSchedule] = {}
        self._snapshots: dict[str, SessionSnapshot] = {}
        self._adapter: Adapter | None = None
        self._connected_at = 0.0
        self._is_unauthorized = False
        self._poll_began_at: float | None = None
        self._last_poll_at: float | None = None
        self._last_poll_duration = 0.0
        self._requests_began_at, self._responses_before = 0.0, 0
        # None if polls come as often as requested.
        self._actual_interval: PollInterval | None = None
        self._failures = 0
        self._were_sessions_stopped = False
        # Until then no polls, except at deadlines: after failures, and while blocked.
        self._paused_until = 0.0
        # Until then no polls at all: the platform refuses requests (429, Retry-After).
        self._blocked_until = 0.0
        # The earliest times in all schedules, since the poller last computed them.
        self._next_due = self._next_deadline = math.inf
        self._schedule_changed = asyncio.Event()
        self._next_deadline_check = math.inf
        self._deadlines_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether its task has been started, has not ended and is not being canceled."""
        return self._task is not None and not self._task.done() and not self._task.cancelling()

    def start(self) -> None:
        """Start to poll, in a task of its own."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), name="sessions poller", context=contextvars.Context())
        self._task.add_done_callback(self._publish_task_failure)
        _exclude_from_gc(self._task)

    def subscribe_to_session(
        self,
        session_id: str,
        artifact: Artifact | None,
        poll_interval: float,
        *,
        max_idle: float = poll_schedule.MAX_IDLE,
        deadline: float = math.inf,
        ended_session: Session | None = None,
    ) -> SessionSubscription:
        """Subscribe to a session, or to an artifact of it, which is polled once the session has ended.

        Use it in ``async with``. When the last subscriber leaves, the poller is closed.

        :param session_id: the session.
        :param artifact: None to subscribe to the session itself.
        :param poll_interval: seconds between polls.
        :param max_idle: maximum seconds between polls, however far away the next change seems.
        :param deadline: when the final poll begins, in seconds since 1970. The subscription expires after that poll, at
            the latest ``FINAL_POLL_TIMEOUT`` seconds after the deadline. A deadline in the past counts as now.
        :param ended_session: the session, if it is known to have ended: then only its artifact is polled.
        :raises RuntimeError: the poller has stopped.
        """
        target = PollTarget(session_id, artifact)
        if self._last_session(session_id) is None:
            self._snapshots[session_id] = SessionSnapshot(ended_session)
        return self._subscribe(
            self._session_schedules,
            Subscription(target, poll_interval, max_idle, max(deadline, self._now()), leave=self._leave_session),
        )

    def subscribe_to_list(self, session_list: SessionList, poll_interval: float) -> ListSubscription:
        """Subscribe to a list of sessions. When the last subscriber leaves, the poller is closed.

        Use it in ``async with``.

        :param session_list: which sessions.
        :param poll_interval: seconds between polls.
        :raises RuntimeError: the poller has stopped.
        """
        return self._subscribe(self._list_schedules, Subscription(session_list, poll_interval, leave=self._leave_list))

    def _subscribe(
        self, schedules: dict[Target, TargetSchedule[Target, Result]], subscription: Subscription[Target, Result]
    ) -> Subscription[Target, Result]:
        if not self.is_running:
            raise RuntimeError("the poller has stopped; get the connection's current poller")
        due, interval = self._now(), subscription.poll_interval
        if self._last_poll_at is not None:
            due = max(due, self._last_poll_at + interval)
        schedule = schedules.get(subscription.target)
        if schedule is None:
            schedule = schedules[subscription.target] = TargetSchedule(subscription.target, due)
        subscription.target = schedule.target  # one object for all, as there may be thousands
        schedule.due = min(schedule.due, due)
        schedule.add_subscriber(subscription)
        # Thousands may subscribe at once, and each wake-up of the poller costs time for all of them.
        if schedule.due < self._next_due or subscription.deadline < self._next_deadline:
            self._next_due = min(self._next_due, schedule.due)
            self._next_deadline = min(self._next_deadline, subscription.deadline)
            self._schedule_changed.set()
        if subscription.deadline < self._next_deadline_check:
            self._deadlines_changed.set()
        return subscription

    async def _leave_session(self, subscription: SessionSubscription) -> None:
        _remove_subscriber(self._session_schedules, subscription)
        session_id = subscription.target.session_id
        if not any(PollTarget(session_id, artifact) in self._session_schedules for artifact in (None, *Artifact)):
            del self._snapshots[session_id]
        await self._close_if_unused()

    async def _leave_list(self, subscription: ListSubscription) -> None:
        _remove_subscriber(self._list_schedules, subscription)
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        if self._session_schedules or self._list_schedules:
            return
        pollers = _pollers.get(asyncio.get_running_loop(), {})
        for key in [key for key, poller in pollers.items() if poller is self]:
            del pollers[key]
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _get_schedules(self) -> Iterator[AnySchedule]:
        return chain(self._session_schedules.values(), self._list_schedules.values())

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _publish_task_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            for schedule in self._get_schedules():
                for subscription in schedule.subscribers:
                    subscription.put(failure)

    async def _run(self) -> None:
        deadline_task = asyncio.create_task(self._enforce_deadlines())
        deadline_task.add_done_callback(self._publish_task_failure)
        try:
            while True:
                await self._sleep_until_due()
                await self._poll()
        finally:
            deadline_task.cancel()
            await self._disconnect()

    async def _enforce_deadlines(self) -> None:
        """Let subscriptions expire in time. One timer serves all, since a timer each would be most of their cost."""
        turns = LoopTurns()
        while True:
            self._deadlines_changed.clear()
            now, self._next_deadline_check = self._now(), math.inf
            # Those that expire are woken in turns, during which others may subscribe and leave.
            for schedule in tuple(self._get_schedules()):
                if now < schedule.next_deadline - _TIME_TOLERANCE:
                    self._next_deadline_check = min(self._next_deadline_check, schedule.next_deadline)
                else:
                    await self._expire_subscriptions(schedule, now, turns)
            if self._next_deadline_check < math.inf:
                seconds = self._next_deadline_check - self._now()
                await wait_with_timeout(self._clock, seconds, self._deadlines_changed.wait())
            else:
                await self._deadlines_changed.wait()

    async def _expire_subscriptions(self, schedule: AnySchedule, now: float, turns: LoopTurns) -> None:
        for subscription in tuple(schedule.subscribers):
            if subscription not in schedule.subscribers:
                continue
            if (reason := self._explain_missed_final_poll(subscription.deadline, now)) is not None:
                schedule.expire(subscription, reason)
                await turns.count_woken()
            deadline = subscription.deadline
            check_at = deadline if now < deadline else deadline + poll_schedule.FINAL_POLL_TIMEOUT
            self._next_deadline_check = min(self._next_deadline_check, check_at)

    def _explain_missed_final_poll(self, deadline: float, now: float) -> str | None:
        """Explain why a subscriber must not wait for the final poll at its deadline; None if it should."""
        if now < deadline - _TIME_TOLERANCE:
            return None
        if self._blocked_until > deadline + poll_schedule.FINAL_POLL_TIMEOUT:
            next_request = format_instant(datetime.fromtimestamp(self._blocked_until, UTC))
            return f"the platform accepts no request before {next_request}"
        if self._poll_began_at is not None and self._poll_began_at < deadline - poll_schedule.FINAL_POLL_TIMEOUT:
            return f"the poll before the deadline is still running after {now - self._poll_began_at:.0f} s"
        if now >= deadline + poll_schedule.FINAL_POLL_TIMEOUT - _TIME_TOLERANCE:
            return f"the final poll received no response within {poll_schedule.FINAL_POLL_TIMEOUT:.0f} s"
        return None

    async def _sleep_until_due(self) -> None:
        while True:
            self._schedule_changed.clear()
            # There is nothing to poll while the poller is being closed.
            self._next_due = min(
                (schedule.due for schedule in self._get_schedules()), default=self._now() + _IDLE_SLEEP
            )
            next_deadline = self._next_deadline = min(
                (schedule.next_deadline for schedule in self._get_schedules()), default=math.inf
            )
            if self._last_poll_at is not None:
                next_deadline = max(next_deadline, self._last_poll_at + poll_schedule.FINAL_POLL_INTERVAL)
            next_regular_poll = max(self._next_due, self._paused_until)  # ``_block`` pauses, too
            next_final_poll = max(next_deadline, self._blocked_until)
            seconds = min(next_regular_poll, next_final_poll) - self._now()
            if seconds < _TIME_TOLERANCE:
                return
            await wait_with_timeout(self._clock, seconds, self._schedule_changed.wait())

    async def _poll(self) -> None:
        """Poll what is due. Each result is published at once: a rate limit may delay the rest of the poll."""
        unpublished, interval = dict.fromkeys(self._get_schedules()), poll_schedule.DEFAULT_POLL_INTERVAL
        began = due_at = self._poll_began_at = self._now()
        self._start_request_timer()
        turns = LoopTurns()
        try:
            due = self._select_due()
            unpublished, interval = dict.fromkeys(due), min(schedule.poll_interval for schedule in due)
            due_at = min(began, *(schedule.due for schedule in due))
            async for schedule, result in self._poll_targets(due, interval):
                await self._before_publish()
                self._update_interval(max(self._last_poll_duration, self._get_request_seconds()), interval)
                del unpublished[schedule]
                await self._publish(schedule, result, began, turns)
                await turns.end_in_time()
            self._failures = 0
        except Exception as failure:  # noqa: BLE001 - subscribers receive it and log it with its traceback
            self._failures += 1
            self._pause(poll_schedule.backoff_seconds(interval, self._failures))
            for schedule in unpublished:
                await self._publish(schedule, self._failure_result(schedule, failure), began, turns)
        self._last_poll_at, self._poll_began_at = self._now(), None
        self._last_poll_duration = self._get_request_seconds()
        if self._adapter is not None:
            self._adapter.client.metrics.record_seconds(POLL_LAG, self._last_poll_at - due_at)

    def _select_due(self) -> list[AnySchedule]:
        """Select what is due now or before the next poll could be, so that polls of different targets align.

        If nothing is due but a deadline has been reached, select only the targets with that deadline. Otherwise every
        deadline would cause a poll of all targets.
        """
        schedules, now = list(self._get_schedules()), self._now()
        next_regular_poll = max(min(schedule.due for schedule in schedules), self._paused_until)
        only_deadlines = now + _TIME_TOLERANCE < next_regular_poll
        interval = max(_TIME_TOLERANCE, min(schedule.poll_interval for schedule in schedules))
        due_before = -math.inf if only_deadlines else now + interval
        return [
            schedule
            for schedule in schedules
            if schedule.due < due_before or schedule.next_deadline <= now + _TIME_TOLERANCE
        ]

    def _start_request_timer(self) -> None:
        responses = 0 if self._adapter is None else self._adapter.client.response_count
        self._requests_began_at, self._responses_before = self._now(), responses

    def _get_request_seconds(self) -> float:
        """Return for how many seconds this poll has been sending requests.

        0 if there was no response and there is no rate limit: an unreachable host is not a slow one.
        """
        if self._adapter is None:
            return 0.0
        has_response = self._adapter.client.response_count > self._responses_before
        return self._now() - self._requests_began_at if has_response or self._adapter.client.limiter.limit else 0.0

    def _update_interval(self, duration: float, interval: float) -> None:
        """Update the actual interval, if the rate limit or the platform makes it longer than requested."""
        previous = None if self._actual_interval is None else self._actual_interval.seconds
        seconds = poll_schedule.estimate_interval(duration, interval, previous)
        rate_limit = self._adapter.client.limiter.limit if self._adapter is not None else None
        self._actual_interval = None if seconds is None else PollInterval(seconds, rate_limit)

    async def _publish(
        self, schedule: AnySchedule, result: PollResult | SessionListResult, began: float, turns: LoopTurns
    ) -> None:
        self._handle_error(result.error)
        if isinstance(result, PollResult):
            result = replace(result, poll_interval=self._actual_interval)
        if schedule.subscribers:  # all may have left during the poll
            await schedule.handle_result(result, self._now(), began, turns)

    def _handle_error(self, error: Exception | None) -> None:
        """Pause for as long as the platform demands, and read the connection again after a 401.

        Only a 429 and a 503 apply to all requests; any other error may be that of one session.
        """
        if isinstance(error, RateLimitedError) and error.retry_after is None:
            self._block(DEFAULT_RETRY_AFTER)
        elif isinstance(error, ApiError) and error.status in (429, 503) and error.retry_after is not None:
            self._block(min(error.retry_after, _MAX_BLOCK))
        self._is_unauthorized = self._is_unauthorized or isinstance(error, AuthenticationError)

    def _block(self, seconds: float) -> None:
        """Do not poll for as long as the platform demands, not even at a deadline."""
        self._pause(seconds)
        self._blocked_until = max(self._blocked_until, self._now() + seconds)
        self._deadlines_changed.set()

    def _pause(self, seconds: float) -> None:
        """Do not poll for a while except at deadlines, not even for new subscribers."""
        self._paused_until = max(self._paused_until, self._now() + seconds)

    async def _poll_targets(
        self, due: Collection[AnySchedule], interval: float
    ) -> AsyncIterator[tuple[AnySchedule, PollResult | SessionListResult]]:
        """Poll all sessions that are due together, then their artifacts and lists one by one.

        If the sessions were stopped by an error last time, some of the others come first. Otherwise these would have no
        turn, if the account never allows as many requests as the sessions take.
        """
        adapter = await self._connected_adapter()
        due = [schedule for schedule in due if schedule.subscribers]  # the others have left meanwhile
        self._start_request_timer()
        now = self._now() + _TIME_TOLERANCE
        if self._were_sessions_stopped:
            self._were_sessions_stopped, stop = False, RequestStop()
            first = sorted(filter(self._is_ready, due), key=lambda schedule: schedule.requested_at)[:_OVERDUE]
            async for schedule_and_result in self._send_requests(adapter, first, stop, now):
                yield schedule_and_result
            due = [schedule for schedule in due if schedule not in first]
            if stop.shared_error is not None:
                for schedule in due:
                    yield schedule, self._failure_result(schedule, stop.shared_error)
                return
        session_schedules = [schedule for schedule in due if isinstance(schedule.target, PollTarget)]
        at_deadline = {schedule.target.session_id for schedule in session_schedules if schedule.next_deadline <= now}
        self._were_sessions_stopped = True
        errors = await self._poll_sessions(
            adapter, {schedule.target.session_id for schedule in session_schedules}, interval, at_deadline
        )
        remaining: list[AnySchedule] = [schedule for schedule in due if isinstance(schedule.target, SessionList)]
        for schedule in session_schedules:
            session_id = schedule.target.session_id
            session = self._last_session(session_id)
            if error := errors.get(session_id):
                result = self._failure_result(schedule, error)
                if isinstance(result, PollResult) and isinstance(error, NotFoundError):
                    deleted = None if adapter.keeps_canceled else make_deleted_session(adapter.platform, session_id)
                    result = replace(result, missing=True, deleted=deleted)
                yield schedule, result
            elif self._is_ready(schedule):
                remaining.append(schedule)
            else:
                yield schedule, PollResult(session=session)
        # The longest unrequested come first, so that all get their turn, however few requests a poll may send.
        remaining.sort(key=lambda schedule: (schedule.next_deadline > now, schedule.requested_at))
        stop = RequestStop()
        stop.shared_error = next((error for error in errors.values() if isinstance(error, SHARED_ERRORS)), None)
        self._were_sessions_stopped = stop.shared_error is not None
        async for schedule_and_result in self._send_requests(adapter, remaining, stop, now):
            yield schedule_and_result

    def _is_ready(self, schedule: AnySchedule) -> bool:
        """Whether a target takes a request of its own: a list, or an artifact of a session that has ended."""
        if isinstance(schedule.target, SessionList):
            return True
        session = self._last_session(schedule.target.session_id)
        return schedule.target.artifact is not None and session is not None and session.state is SessionState.ENDED

    async def _send_requests(
        self, adapter: Adapter, schedules: Sequence[AnySchedule], stop: RequestStop, now: float
    ) -> AsyncIterator[tuple[AnySchedule, PollResult | SessionListResult]]:
        """Send one request, then several at a time; stop at an error that the others would also meet.

        :param schedules: what to poll, first those whose deadline has been reached: they have no later poll, so only
            an error of the account or the host keeps them from theirs.
        :param stop: decides when to stop.
        :param now: the deadlines until then have been reached.
        """
        first = 0
        while (
            first < len(schedules)
            and stop.shared_error is None
            and (stop.error is None or schedules[first].next_deadline <= now)
        ):
            batch = schedules[first : first + (_PARALLEL_REQUESTS if first else 1)]
            results = await asyncio.gather(*(self._send_request(adapter, schedule) for schedule in batch))
            for schedule, result in zip(batch, results, strict=True):
                stop.add(result.error)
                yield schedule, result
            first += len(batch)
        for schedule in schedules[first:]:
            if stop.error is not None:
                yield schedule, self._failure_result(schedule, stop.error)

    async def _send_request(self, adapter: Adapter, schedule: AnySchedule) -> PollResult | SessionListResult:
        """Poll one list, or the artifact of one session."""
        schedule.requested_at = self._now()
        try:
            if isinstance(schedule.target, SessionList):
                polled_at = self._clock.now()
                sessions = [session async for session in adapter.list_sessions(schedule.target.query(polled_at))]
                return SessionListResult(tuple(sessions), None, polled_at)
            session = self._last_session(schedule.target.session_id)
            if session is None:  # its last subscriber left during the poll
                return PollResult()
            return PollResult(session, await adapter.artifact_status(session, schedule.target.artifact))
        except Exception as failure:  # noqa: BLE001 - subscribers receive it and log it with its traceback
            return self._failure_result(schedule, failure)

    def _failure_result(self, schedule: AnySchedule, failure: Exception) -> PollResult | SessionListResult:
        if isinstance(schedule.target, SessionList):
            return SessionListResult(None, failure, self._clock.now())
        return PollResult(session=self._last_session(schedule.target.session_id), error=failure)

    async def _poll_sessions(
        self, adapter: Adapter, session_ids: Collection[str], interval: float, at_deadline: Collection[str]
    ) -> dict[str, SessionsError]:
        """Poll sessions, except those in a final state, and update their snapshots. Return the errors by session id.

        :param at_deadline: sessions whose final poll this is: they always get a full poll.
        """
        snapshots = {key: self._snapshots.get(key, SessionSnapshot()) for key in session_ids}
        snapshots = {key: last for key, last in snapshots.items() if not (last.session and last.session.state.is_final)}
        if not snapshots:
            return {}
        full = poll_schedule.select_full_polls(snapshots, self._now(), interval) | snapshots.keys() & set(at_deadline)
        # The longest unrequested come first here, too.
        order = sorted(snapshots, key=lambda key: (key not in at_deadline, snapshots[key].polled_at))
        try:
            results = await adapter.poll_sessions(
                {key: None if key in full else snapshots[key].session for key in order}
            )
        except SessionsError:
            if order[0] in self._snapshots:
                self._snapshots[order[0]] = SessionSnapshot(None, self._now(), snapshots[order[0]].fully_polled_at)
            raise
        now = self._now()
        first_with_error: dict[int, str] = {}
        for key, result in results.items():
            # If a poll stops at an error, all that were not requested have the same. They come first in the next poll.
            was_requested = isinstance(result, Session) or first_with_error.setdefault(id(result), key) == key
            if was_requested and key in self._snapshots:  # else its last subscriber left during the poll
                # After an error the next poll is a full one: being absent from a list would say nothing.
                session = result if isinstance(result, Session) else None
                fully_polled_at = now if key in full else snapshots[key].fully_polled_at
                self._snapshots[key] = SessionSnapshot(session, now, fully_polled_at)
        return {key: error for key, error in results.items() if isinstance(error, SessionsError)}

    def _last_session(self, session_id: str) -> Session | None:
        return self._snapshots.get(session_id, SessionSnapshot()).session

    async def _connected_adapter(self) -> Adapter:
        """Return the adapter; read the connection again after a 401 and every ``RECONNECT_AFTER`` seconds.

        If it cannot be read then, the adapter in use is kept, except after a 401, and the next poll tries again.
        """
        if self._is_unauthorized:
            await self._disconnect()
        now = self._now()
        if self._adapter is None or now - self._connected_at >= poll_schedule.RECONNECT_AFTER:
            try:
                adapter = await self._connect(self._adapter)
            except InputError:
                raise  # the connection was edited and is invalid now
            except Exception:
                # A secrets backend may be unavailable for a while. The credential in use still works.
                if self._adapter is None:
                    raise
                return self._adapter
            if adapter is not self._adapter:
                await self._disconnect()
            self._adapter, self._connected_at, self._is_unauthorized = adapter, now, False
        return self._adapter

    async def _disconnect(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.aclose()


def _remove_subscriber(
    schedules: dict[Target, TargetSchedule[Target, Result]], subscription: Subscription[Target, Result]
) -> None:
    schedule = schedules[subscription.target]
    schedule.remove_subscriber(subscription)
    if not schedule.subscribers:
        del schedules[subscription.target]


def _exclude_from_gc(task: asyncio.Task[None]) -> None:
    """Exclude the objects that exist now from garbage collections, until all pollers have ended.

    Airflow alone is half a million objects. A full collection scans them all, during which the event loop stands still
    for 0.1 to 0.3 s, and thousands of new waiters set off several. Without Airflow's objects each takes under 50 ms
    (``benchmarks/waiting.py``). Objects are still freed when nothing refers to them; only cycles wait.
    """
    if not _running_tasks:
        gc.freeze()
    _running_tasks.add(task)
    task.add_done_callback(_end_exclusion)


def _end_exclusion(task: asyncio.Task[None]) -> None:
    _running_tasks.discard(task)
    if not _running_tasks:
        gc.unfreeze()


def find_poller(key: str) -> Poller | None:
    """Return the running loop's poller for a connection, if there is one that is running.

    :param key: the id of the connection.
    """
    poller = _pollers.get(asyncio.get_running_loop(), {}).get(key)
    return poller if poller is not None and poller.is_running else None


def get_poller(
    key: str, connect: Connect, *, before_publish: BeforePublish = _do_nothing, clock: Clock = SYSTEM_CLOCK
) -> Poller:
    """Return the running loop's poller for a connection; start a new one if there is none that is running.

    The other arguments are used only if a poller is started; those of later callers are ignored.

    :param key: the id of the connection.
    :param connect: see :data:`Connect`.
    :param before_publish: see :data:`BeforePublish`.
    :param clock: the clock.
    """
    poller = find_poller(key)
    if poller is None:
        poller = Poller(connect, before_publish=before_publish, clock=clock)
        _pollers.setdefault(asyncio.get_running_loop(), {})[key] = poller
        poller.start()
    return poller
