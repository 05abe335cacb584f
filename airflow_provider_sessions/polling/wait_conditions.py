"""What can be waited for, and the one decision whether it has come.

Trigger, poke mode, reschedule mode and tests all ask :func:`decide`: what one look saw goes in (an
:class:`Observation`), together with how the looks before it went (a :class:`History`), and a :class:`Decision` comes
out. Nothing here knows the time or sends anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

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
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session, SessionState
from airflow_provider_sessions.model.closed_words import unknown_words
from airflow_provider_sessions.model.wording import counted
from airflow_provider_sessions.rate_limit.limit import RateLimit

FAILURES = 10
"""Failed looks in a row that end a wait, where the user says nothing else."""
_FEW = 3


class Verdict(StrEnum):
    """How a wait stands. All but ``wait`` end it."""

    WAIT = "wait"
    SUCCESS = "success"
    UNREACHABLE = "unreachable"
    """What was waited for can no longer come."""
    FAILED = "failed"
    """It cannot be found out whether it has come."""
    TIMEOUT = "timeout"
    """The deadline has passed; never the outcome of :func:`decide`, which knows no time."""


@dataclass(frozen=True, slots=True)
class StateGoal:
    """A session shall reach a state."""

    state: SessionState

    def __str__(self) -> str:
        return f"state {self.state.value!r}"

    @classmethod
    def read(cls, word: object) -> StateGoal:
        """Read what a user gave.

        :raises InputError: there is no such state.
        """
        return cls(_read(SessionState, word, "state"))


@dataclass(frozen=True, slots=True)
class ArtifactGoal:
    """Something that a session leaves behind shall be ready."""

    artifact: Artifact

    def __str__(self) -> str:
        return f"artifact {self.artifact.value!r}"

    @classmethod
    def read(cls, word: object) -> ArtifactGoal:
        """Read what a user gave.

        :raises InputError: there is no such artifact.
        """
        return cls(_read(Artifact, word, "artifact"))


Goal = StateGoal | ArtifactGoal

_Word = TypeVar("_Word", bound=StrEnum)


def _read(kind: type[_Word], word: object, field: str) -> _Word:
    if isinstance(word, str) and word.strip().lower() in tuple(kind):
        return kind(word.strip().lower())
    raise unknown_words(field, [word], kind)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often looks come where it is not as often as was asked for.

    :param seconds: between two looks.
    :param limit: the account's rate limit, which is why; None where it has none, and the platform is slow to answer.
    """

    seconds: float
    limit: RateLimit | None = None

    def __str__(self) -> str:
        why = "the platform is slow to answer" if self.limit is None else f"the account allows {self.limit}"
        return f"every {self.seconds:.0f} s or so: {why}"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look saw.

    :param session: the session; with an error, what was last known of it.
    :param artifact: the artifact that is waited for; None until the session is over, and for a state.
    :param error: why the look saw nothing.
    :param missing: whether the error says that this one session is not there.
    :param pace: how often looks come, if that is not as often as was asked for.
    """

    session: Session | None = None
    artifact: ArtifactStatus | None = None
    error: Exception | None = None
    missing: bool = False
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many looks in a row may fail before a wait ends; None: any number.

    :param failures: looks that failed in whatever way.
    :param refused: looks for which the credential, a right, the request, or the connection as it is set up, was not
        good enough.
    :param missing: looks that did not find the session: right after its creation it may not be everywhere yet.
    """

    failures: int | None = FAILURES
    refused: int | None = _FEW
    missing: int | None = _FEW


class _Failure(StrEnum):
    """What kind of failure a look met; see :func:`decide`."""

    HOPELESS = "hopeless"
    BUSY = "busy"
    REFUSED = "refused"
    MISSING = "missing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class History:
    """How the looks so far went.

    :param seen: whether the session was ever seen.
    :param failures: failed looks since the last good one.
    :param refused: those of them that were refused.
    :param missing: those of them that did not find the session.
    """

    seen: bool = False
    failures: int = 0
    refused: int = 0
    missing: int = 0

    def after(self, observation: Observation) -> History:
        """The history with one more look."""
        seen = self.seen or observation.session is not None
        if observation.error is None:
            return History(seen=seen)
        failure = _kind(observation)
        if failure is _Failure.BUSY:
            return replace(self, seen=seen)
        return History(
            seen=seen,
            failures=self.failures + 1,
            refused=self.refused + (failure is _Failure.REFUSED),
            missing=self.missing + (failure is _Failure.MISSING),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """How a wait stands after a look.

    :param message: why, in a sentence for the log.
    :param error: where a single error ends the wait.
    """

    verdict: Verdict
    message: str
    error: Exception | None = None


def decide(goal: Goal, observation: Observation, history: History, tolerance: Tolerance) -> Decision:
    """Decide whether a wait is over.

    ============  ============================  =================================  =========================
    waiting for   success                       unreachable                        goes on
    ============  ============================  =================================  =========================
    requested     requested, scheduled, live,   canceled, expired                  -
                  ended
    scheduled     scheduled, live, ended        canceled, expired                  requested
    live          live                          ended, canceled, expired           requested, scheduled
    ended         ended                         canceled, expired                  requested, scheduled, live
    canceled      canceled                      ended, expired                     requested, scheduled, live
    expired       expired                       ended, canceled                    requested, scheduled, live
    an artifact   it is ready                   canceled, expired; or the          requested, scheduled, live;
                                                platform says that it will not     ended, and not ready yet
                                                come
    ============  ============================  =================================  =========================

    ``requested`` and ``scheduled`` are milestones, which a live session has passed; ``live`` is a stretch of time,
    which is over when the session has ended.

    ====================================  =====================================================================
    a look that failed                    what it means for the wait
    ====================================  =====================================================================
    the platform has no such artifact,    ends it at once (failed), quoting the word
    or used an unknown state word
    429, or our own rate limit            counts for nothing: the platform said "later", and later it will be
    401, 403, 400, 409, 422, a            ends it after ``tolerance.refused`` in a row (failed); after a 401 the
    connection that is set up wrong       connection is read again before the next look
    404 of this session                   ends it after ``tolerance.missing`` in a row: failed if the session was
                                          never seen, else unreachable, since it was deleted (on some platforms,
                                          that is what canceling does)
    everything else: no answer, 5xx,      ends it after ``tolerance.failures`` in a row (failed)
    an answer that cannot be used, a
    defect of our own
    ====================================  =====================================================================

    :param goal: what is waited for.
    :param observation: what the last look saw.
    :param history: how the looks went, the last one included.
    :param tolerance: how many failed looks in a row are borne.
    """
    if observation.error is not None:
        return _after_failure(observation.error, _kind(observation), history, tolerance)
    session = observation.session
    if session is None:
        return Decision(Verdict.WAIT, "nothing is known of the session yet")
    if isinstance(goal, StateGoal):
        return _about_state(goal.state, session)
    return _about_artifact(goal.artifact, session, observation.artifact)


_MILESTONES = (SessionState.REQUESTED, SessionState.SCHEDULED, SessionState.LIVE, SessionState.ENDED)
_REACHED = {
    SessionState.REQUESTED: frozenset(_MILESTONES),
    SessionState.SCHEDULED: frozenset(_MILESTONES[1:]),
}
"""States that count as reached by a session that is further on."""


def _about_state(wanted: SessionState, session: Session) -> Decision:
    now = _state_of(session)
    if session.state in _REACHED.get(wanted, {wanted}):
        return Decision(Verdict.SUCCESS, now)
    if session.state.is_final:
        return Decision(Verdict.UNREACHABLE, f"{now}: it can no longer be {wanted.value}")
    return Decision(Verdict.WAIT, now)


def _about_artifact(artifact: Artifact, session: Session, status: ArtifactStatus | None) -> Decision:
    now = _state_of(session)
    if not session.state.is_final:
        return Decision(Verdict.WAIT, now)
    if session.state is not SessionState.ENDED:
        return Decision(Verdict.UNREACHABLE, f"{now}: it was never held, and leaves no {artifact.value}")
    if status is None:
        return Decision(Verdict.WAIT, now)
    what = f"{artifact.value} of session {session.session_id}"
    more = f" ({status.detail})" if status.detail else ""
    if status.ready:
        return Decision(Verdict.SUCCESS, f"{what}: ready{more}")
    if status.absent is not None:
        return Decision(Verdict.UNREACHABLE, f"{what}: will not come: {status.absent}")
    return Decision(Verdict.WAIT, f"{what}: not ready yet{more}")


def _state_of(session: Session) -> str:
    inferred = " (inferred)" if session.state_inferred else ""
    return f"session {session.session_id} is {session.state.value}{inferred}"


def _kind(observation: Observation) -> _Failure:
    if observation.missing:
        return _Failure.MISSING
    match observation.error:
        case UnsupportedError() | UnknownStateError():
            return _Failure.HOPELESS
        case RateLimitedError():
            return _Failure.BUSY
        case AuthenticationError() | PermissionDeniedError() | RejectedError() | ConflictError() | InputError():
            return _Failure.REFUSED
    return _Failure.OTHER


def _after_failure(error: Exception, failure: _Failure, history: History, tolerance: Tolerance) -> Decision:
    told = f"{type(error).__name__}: {error}"
    if failure is _Failure.HOPELESS:
        return Decision(Verdict.FAILED, told, error)
    if failure is _Failure.BUSY:
        return Decision(Verdict.WAIT, told)
    if failure is _Failure.MISSING and history.seen and _is_used_up(tolerance.missing, history.missing):
        return Decision(Verdict.UNREACHABLE, f"the session was there before, and is gone: {told}")
    bounds = (
        (tolerance.failures, history.failures),
        (tolerance.refused, history.refused),
        (tolerance.missing, history.missing),
    )
    if not any(_is_used_up(limit, count) for limit, count in bounds):
        return Decision(Verdict.WAIT, told)
    if history.failures == 1:
        return Decision(Verdict.FAILED, told, error)
    return Decision(Verdict.FAILED, f"{counted(history.failures, 'look')} in a row failed, the last with {told}")


def _is_used_up(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit
