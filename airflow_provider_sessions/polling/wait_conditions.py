"""The conditions that can be waited for, and the one function that evaluates them.

Triggers and both sensor modes call :func:`evaluate_condition` with the result of a poll (:class:`PollResult`) and a
summary of the polls before it (:class:`PollHistory`), and receive a :class:`WaitResult`. Nothing here reads a clock or
sends a request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from airflow_provider_sessions.errors import (
    AuthenticationError,
    ConflictError,
    InputError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    UnknownStateError,
    UnsupportedError,
)
from airflow_provider_sessions.messages import format_count, unknown_choice_error
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session, SessionState
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.safe_text import sanitize_text

DEFAULT_MAX_FAILURES = 10
"""Consecutive failed polls that end a wait by default."""
_MAX_REFUSALS = 3


class WaitStatus(StrEnum):
    """The status of a wait. Every value but ``waiting`` ends it and is the ``status`` of a trigger's event."""

    WAITING = "waiting"
    SUCCESS = "success"
    UNREACHABLE = "unreachable"
    """The condition can no longer be met."""
    FAILED = "failed"
    """It cannot be determined whether the condition is met."""
    TIMEOUT = "timeout"
    """The deadline has passed. :func:`evaluate_condition` never returns it, since it knows no time."""


@dataclass(frozen=True, slots=True)
class StateCondition:
    """A session reaches a state."""

    state: SessionState

    def __str__(self) -> str:
        return f"state {self.state.value!r}"

    @classmethod
    def parse(cls, word: object) -> StateCondition:
        """Parse the name of a state.

        :raises InputError: there is no such state.
        """
        return _make_state_condition(_parse_word(SessionState, word, "state"))


@dataclass(frozen=True, slots=True)
class ArtifactCondition:
    """An artifact of a session is ready."""

    artifact: Artifact

    def __str__(self) -> str:
        return f"artifact {self.artifact.value!r}"

    @classmethod
    def parse(cls, word: object) -> ArtifactCondition:
        """Parse the name of an artifact.

        :raises InputError: there is no such artifact.
        """
        return _make_artifact_condition(_parse_word(Artifact, word, "artifact"))


# Thousands of waits share equal objects: the fewer objects, the shorter the garbage collections.
_make_state_condition = cache(StateCondition)
_make_artifact_condition = cache(ArtifactCondition)
WaitCondition = StateCondition | ArtifactCondition

_Word = TypeVar("_Word", bound=StrEnum)


def _parse_word(kind: type[_Word], word: object, field: str) -> _Word:
    if isinstance(word, str) and word.strip().lower() in tuple(kind):
        return kind(word.strip().lower())
    raise unknown_choice_error(field, [word], kind)


@dataclass(frozen=True, slots=True)
class PollInterval:
    """The actual interval between polls where it is longer than requested.

    :param seconds: seconds between two polls.
    :param rate_limit: the account's rate limit, if that is the reason; None if the platform responds slowly.
    """

    seconds: float
    rate_limit: RateLimit | None = None

    def __str__(self) -> str:
        reason = "the platform responds slowly" if self.rate_limit is None else f"the account allows {self.rate_limit}"
        return f"every {self.seconds:.0f} s: {reason}"


@dataclass(frozen=True, slots=True)
class PollResult:
    """The result of polling one session.

    :param session: the session; with an error, as it was last known.
    :param artifact: the status of the awaited artifact; None until the session has ended, and for a state.
    :param error: why the poll failed.
    :param missing: whether the error means that this session does not exist.
    :param deleted: the missing session as canceled, on platforms that delete a session to cancel it.
    :param poll_interval: the actual interval between polls, if it is longer than requested.
    """

    session: Session | None = None
    artifact: ArtifactStatus | None = None
    error: Exception | None = None
    missing: bool = False
    deleted: Session | None = None
    poll_interval: PollInterval | None = None


def make_deleted_session(
    platform: str, session_id: str, *, title: str | None = None, scheduled_start: datetime | None = None
) -> Session:
    """Return a session that was deleted, as canceled."""
    return Session(
        platform=platform,
        session_id=session_id,
        title=title,
        state=SessionState.CANCELED,
        state_inferred=True,
        scheduled_start=scheduled_start,
    )


@dataclass(frozen=True, slots=True)
class FailureLimits:
    """How many consecutive failed polls end a wait; None for no limit.

    :param failures: failed polls of any kind.
    :param refused: polls that failed because of the credential, a permission, the request or the connection's fields.
    :param missing: polls that did not find the session: right after its creation it may not be visible everywhere.
    """

    failures: int | None = DEFAULT_MAX_FAILURES
    refused: int | None = _MAX_REFUSALS
    missing: int | None = _MAX_REFUSALS


@cache
def make_failure_limits(failures: int) -> FailureLimits:
    """Return the limits for triggers, one object for all with the same number.

    :param failures: see :class:`FailureLimits`.
    """
    return FailureLimits(failures=failures)


class _FailureKind(StrEnum):
    """The kind of a failed poll; see :func:`evaluate_condition`."""

    PERMANENT = "permanent"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    MISSING = "missing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PollHistory:
    """A summary of the polls so far. The field names are stored in Airflow's task state store.

    :param seen: whether a poll ever found the session.
    :param failures: failed polls since the last successful one.
    :param refused: those of them that were refused.
    :param missing: those of them that did not find the session.
    """

    seen: bool = False
    failures: int = 0
    refused: int = 0
    missing: int = 0

    def add(self, result: PollResult) -> PollHistory:
        """Return the history with one more poll."""
        seen = self.seen or result.session is not None
        if result.error is None:
            return _WITHOUT_FAILURES[seen]
        kind = _classify_failure(result)
        if kind is _FailureKind.RATE_LIMITED:
            return replace(self, seen=seen)
        return PollHistory(
            seen=seen,
            failures=self.failures + 1,
            refused=self.refused + (kind is _FailureKind.REFUSED),
            missing=self.missing + (kind is _FailureKind.MISSING),
        )


_WITHOUT_FAILURES = {seen: PollHistory(seen=seen) for seen in (False, True)}
"""Shared, since thousands of waits have the same history."""


@dataclass(frozen=True, slots=True)
class WaitResult:
    """The status of a wait after a poll, or at its end.

    :param message: the reason, as one sentence for the log.
    :param error: the error, if a single one ends the wait.
    :param session: the session that met the condition by being deleted; at the end of a wait, :func:`.wait.wait_for`
        sets the last known one.
    """

    status: WaitStatus
    message: str
    error: Exception | None = None
    session: Session | None = None

    def to_event(self) -> dict[str, Any]:
        """Return the payload of a trigger's event: small, JSON, without secrets."""
        return {
            "status": self.status.value,
            "session": None if self.session is None else self.session.summary(),
            "message": sanitize_text(self.message, limit=None),
        }


def evaluate_condition(
    condition: WaitCondition, result: PollResult, history: PollHistory, limits: FailureLimits
) -> WaitResult:
    """Evaluate whether a wait is over.

    ============  ============================  =================================  =========================
    condition     success                       unreachable                        waiting
    ============  ============================  =================================  =========================
    requested     requested, scheduled, live,   canceled, expired                  -
                  ended
    scheduled     scheduled, live, ended        canceled, expired                  requested
    live          live                          ended, canceled, expired           requested, scheduled
    ended         ended                         canceled, expired                  requested, scheduled, live
    canceled      canceled                      ended, expired                     requested, scheduled, live
    expired       expired                       ended, canceled                    requested, scheduled, live
    an artifact   it is ready                   canceled, expired; or the          requested, scheduled, live;
                                                platform says that there will      ended, and not ready yet
                                                be none
    ============  ============================  =================================  =========================

    ``requested`` and ``scheduled`` are milestones that a live session has passed; ``live`` is a period that is over
    once the session has ended.

    ======================================  ===================================================================
    a failed poll                           its effect on the wait
    ======================================  ===================================================================
    the platform has no such artifact, or   fails the wait at once, quoting the word
    returned an unknown state word
    429, or the connection's own rate       does not count as a failure: a later poll will succeed
    limit
    401, 403, 400, 409, 422, an invalid     fails the wait after ``limits.refused`` in a row; after a 401 the
    connection                              connection is read again before the next poll
    404 for this session                    ends the wait after ``limits.missing`` in a row: ``failed`` if the
                                            session was never found, else ``unreachable``, since it was deleted;
                                            but ``success`` for ``canceled``, if the platform deletes a session to
                                            cancel it
    anything else: no response, 5xx, an     fails the wait after ``limits.failures`` in a row
    invalid response, a bug in this
    package
    ======================================  ===================================================================

    :param condition: the condition.
    :param result: the result of the last poll.
    :param history: the polls so far, the last one included.
    :param limits: how many consecutive failed polls end the wait.
    """
    if result.error is not None:
        if condition == _CANCELED and result.deleted is not None and _was_deleted(result, history, limits):
            message = f"{_describe_state(result.deleted)}: it existed before and has been deleted"
            return WaitResult(WaitStatus.SUCCESS, message, session=result.deleted)
        return _evaluate_failure(result.error, result, history, limits)
    session = result.session
    if session is None:
        return WaitResult(WaitStatus.WAITING, "The session has not been polled yet")
    if isinstance(condition, StateCondition):
        return _evaluate_state(condition.state, session)
    return _evaluate_artifact(condition.artifact, session, result.artifact)


_CANCELED = StateCondition(SessionState.CANCELED)
_MILESTONES = (SessionState.REQUESTED, SessionState.SCHEDULED, SessionState.LIVE, SessionState.ENDED)
_STATES_THAT_MEET = {
    SessionState.REQUESTED: frozenset(_MILESTONES),
    SessionState.SCHEDULED: frozenset(_MILESTONES[1:]),
}
"""The states that meet a condition, where a later state meets it too."""


def _evaluate_state(wanted: SessionState, session: Session) -> WaitResult:
    current = _describe_state(session)
    if session.state in _STATES_THAT_MEET.get(wanted, {wanted}):
        return WaitResult(WaitStatus.SUCCESS, current)
    if session.state.is_final:
        return WaitResult(WaitStatus.UNREACHABLE, f"{current}: it can no longer be {wanted.value}")
    return WaitResult(WaitStatus.WAITING, current)


def _evaluate_artifact(artifact: Artifact, session: Session, status: ArtifactStatus | None) -> WaitResult:
    current = _describe_state(session)
    if not session.state.is_final:
        return WaitResult(WaitStatus.WAITING, current)
    if session.state is not SessionState.ENDED:
        return WaitResult(WaitStatus.UNREACHABLE, f"{current}: it was never held and has no {artifact.value}")
    if status is None:
        return WaitResult(WaitStatus.WAITING, current)
    subject = f"The {artifact.value} of session {session.session_id}"
    detail = f" ({status.detail})" if status.detail else ""
    if status.ready:
        return WaitResult(WaitStatus.SUCCESS, f"{subject} is ready{detail}")
    if status.absent is not None:
        return WaitResult(WaitStatus.UNREACHABLE, f"{subject} will not be available: {status.absent}")
    return WaitResult(WaitStatus.WAITING, f"{subject} is not ready yet{detail}")


def _describe_state(session: Session) -> str:
    inferred = " (inferred)" if session.state_inferred else ""
    return f"Session {session.session_id} is {session.state.value}{inferred}"


def _classify_failure(result: PollResult) -> _FailureKind:
    if result.missing:
        return _FailureKind.MISSING
    match result.error:
        case UnsupportedError() | UnknownStateError():
            return _FailureKind.PERMANENT
        case RateLimitedError():
            return _FailureKind.RATE_LIMITED
        case AuthenticationError() | PermissionDeniedError() | RejectedError() | ConflictError() | InputError():
            return _FailureKind.REFUSED
    return _FailureKind.OTHER


def _was_deleted(result: PollResult, history: PollHistory, limits: FailureLimits) -> bool:
    """Whether the session was found before, and enough polls in a row have not found it."""
    return result.missing and history.seen and _has_reached(limits.missing, history.missing)


def _evaluate_failure(error: Exception, result: PollResult, history: PollHistory, limits: FailureLimits) -> WaitResult:
    kind, text = _classify_failure(result), f"{type(error).__name__}: {error}"
    if kind is _FailureKind.PERMANENT:
        return WaitResult(WaitStatus.FAILED, text, error)
    if kind is _FailureKind.RATE_LIMITED:
        return WaitResult(WaitStatus.WAITING, text)
    if _was_deleted(result, history, limits):
        return WaitResult(WaitStatus.UNREACHABLE, f"The session existed before and has been deleted: {text}")
    counts = (
        (limits.failures, history.failures),
        (limits.refused, history.refused),
        (limits.missing, history.missing),
    )
    if not any(_has_reached(limit, count) for limit, count in counts):
        return WaitResult(WaitStatus.WAITING, text)
    if history.failures == 1:
        return WaitResult(WaitStatus.FAILED, text, error)
    return WaitResult(
        WaitStatus.FAILED, f"{format_count(history.failures, 'poll')} in a row failed, the last with {text}"
    )


def _has_reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit
