"""Waiting for a condition of one session: :func:`wait_for` through the poller, :func:`poll_once` without it.

:func:`wait_for` logs in the caller's task, so that its messages appear in the log of the Airflow task that waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from airflow_provider_sessions.errors import InputError, NotFoundError, SessionsError, UnsupportedError
from airflow_provider_sessions.messages import format_count, format_instant
from airflow_provider_sessions.model import Artifact, Session, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.polling.poll_schedule import MAX_IDLE
from airflow_provider_sessions.polling.poller import Poller
from airflow_provider_sessions.polling.subscriptions import DeadlineReachedError
from airflow_provider_sessions.polling.wait_conditions import (
    ArtifactCondition,
    FailureLimits,
    PollHistory,
    PollInterval,
    PollResult,
    WaitCondition,
    WaitResult,
    WaitStatus,
    evaluate_condition,
    make_deleted_session,
)
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

FEATURE_BY_ARTIFACT: Mapping[Artifact, Feature] = {
    Artifact.ATTENDANCE: Feature.ATTENDANCE,
    Artifact.TRANSCRIPT: Feature.TRANSCRIPTS,
    Artifact.TAKEAWAYS: Feature.TAKEAWAYS,
    Artifact.RECORDING: Feature.RECORDINGS,
}
"""The feature that a platform needs to support for each artifact."""


async def poll_once(adapter: Adapter, condition: WaitCondition, session_id: str) -> PollResult:
    """Poll a session; if an artifact is awaited and the session has ended, poll the artifact too.

    :param adapter: the platform.
    :param condition: the condition that is waited for.
    :param session_id: the session.
    :raises UnsupportedError: the platform has no such artifact; no request was sent.
    :raises InputError: the session id or the connection is invalid.
    """
    if isinstance(condition, ArtifactCondition):
        adapter.require(FEATURE_BY_ARTIFACT[condition.artifact])
    session: Session | None = None
    try:
        session = await adapter.get(session_id)
        if not isinstance(condition, ArtifactCondition) or session.state is not SessionState.ENDED:
            return PollResult(session=session)
        return PollResult(session=session, artifact=await adapter.artifact_status(session, condition.artifact))
    except (InputError, UnsupportedError):
        raise
    except SessionsError as failure:
        if session is not None or not isinstance(failure, NotFoundError):
            return PollResult(session=session, error=failure)
        deleted = None if adapter.keeps_canceled else make_deleted_session(adapter.platform, session_id)
        return PollResult(error=failure, missing=True, deleted=deleted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A condition to wait for, and for how long.

    :param session_id: the session.
    :param condition: the condition.
    :param poll_interval: seconds between polls.
    :param max_idle: maximum seconds between polls, however far away the next change seems.
    :param deadline: when to give up, in seconds since 1970: an absolute time, so that no restart extends it.
    :param limits: how many consecutive failed polls end the wait.
    :param seen: whether the session was found before.
    """

    session_id: str
    condition: WaitCondition
    poll_interval: float
    deadline: float
    limits: FailureLimits
    max_idle: float = MAX_IDLE
    seen: bool = False


async def wait_for(wait: Wait, poller: Poller) -> WaitResult:
    """Wait until the condition is met, can no longer be met, or cannot be evaluated.

    The status is ``timeout`` after the final poll, which begins at the deadline, if that did not end the wait.

    :param wait: the condition.
    :param poller: the connection's poller.
    """
    artifact = wait.condition.artifact if isinstance(wait.condition, ArtifactCondition) else None
    history = PollHistory(seen=wait.seen)
    last = PollResult()
    wait_log = _WaitLog(wait)
    async with poller.subscribe_to_session(
        wait.session_id, artifact, wait.poll_interval, max_idle=wait.max_idle, deadline=wait.deadline
    ) as subscription:
        while True:
            try:
                polled = await subscription.get()
            except DeadlineReachedError as reached:
                message = _describe_timeout(wait, last, str(reached))
                return WaitResult(WaitStatus.TIMEOUT, message, session=last.session)
            history = history.add(polled)
            result = evaluate_condition(wait.condition, polled, history, wait.limits)
            wait_log.log_poll(polled, history, result)
            last = polled if polled.session is not None else PollResult(session=last.session, error=polled.error)
            if result.status is not WaitStatus.WAITING:
                return replace(result, session=_describe_deleted(result.session, last.session) or last.session)
            del polled, result  # thousands of waits would hold one each until the next poll


def _describe_deleted(deleted: Session | None, last: Session | None) -> Session | None:
    """Return a session that was deleted, with what was last known of it; None if it was not deleted."""
    if deleted is None or last is None:
        return deleted
    return last.model_copy(update={"state": deleted.state, "state_inferred": deleted.state_inferred})


def _describe_timeout(wait: Wait, last: PollResult, why_no_final_poll: str) -> str:
    deadline = format_instant(datetime.fromtimestamp(wait.deadline, UTC))
    state = "was not found" if last.session is None else f"was {last.session.state.value}"
    failure = "" if last.error is None else f"; the last poll failed with {type(last.error).__name__}: {last.error}"
    missed = f"; at the deadline, {why_no_final_poll}" if why_no_final_poll else ""
    return (
        f"Waited for {wait.condition} of session {wait.session_id} until {deadline}: the session {state}"
        f"{failure}{missed}"
    )


class _WaitLog:
    """Logs changes and failures of one wait, and nothing twice."""

    __slots__ = ("_failures", "_last_message", "_poll_interval", "_start", "_wait")

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._last_message: str | None = None
        self._start: datetime | None = None
        self._failures = 0
        self._poll_interval: PollInterval | None = None

    def log_poll(self, polled: PollResult, history: PollHistory, result: WaitResult) -> None:
        """Log what is new in the result of a poll."""
        if polled.error is not None:
            self._log_failure(polled.error, history)
        else:
            if self._failures:
                log.info("Polling works again after %s", format_count(self._failures, "failed poll"))
            if result.message != self._last_message:
                waiting = f"; waiting for {self._wait.condition}" if result.status is WaitStatus.WAITING else ""
                log.info("%s%s", result.message, waiting)
            if polled.session is not None:
                self._log_new_start(polled.session)
            self._last_message = result.message
        self._failures = history.failures
        self._log_interval(polled.poll_interval)

    def _log_failure(self, error: Exception, history: PollHistory) -> None:
        if isinstance(error, SessionsError):
            log.warning(
                "The poll failed with %s: %s (%d in a row)", type(error).__name__, error, max(history.failures, 1)
            )
        else:
            log.error("The poll failed with an unexpected error (%d in a row)", history.failures, exc_info=error)

    def _log_interval(self, actual: PollInterval | None) -> None:
        requested = self._wait.poll_interval
        actual = actual if actual is not None and actual.seconds > requested else None
        if actual is not None and actual != self._poll_interval:
            log.info("Polling %s (requested: every %g s)", actual, requested)
        elif actual != self._poll_interval:
            log.info("Polling every %g s again, as requested", requested)
        self._poll_interval = actual

    def _log_new_start(self, session: Session) -> None:
        start = session.scheduled_start
        if self._start is not None and start is not None and start != self._start:
            times = (format_instant(self._start), format_instant(start))
            log.info("The session's planned start was moved from %s to %s", *times)
        self._start = start or self._start
