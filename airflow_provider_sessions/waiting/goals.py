"""What can be waited for, and the one decision whether it has come.

Waiting for a state:

=========== ============================ ===============================
goal        has come with                can no longer come with
=========== ============================ ===============================
requested   requested                    every other state
scheduled   scheduled, live, ended       canceled, expired
live        live                         ended, canceled, expired
ended       ended                        canceled, expired
canceled    canceled                     ended, expired
expired     expired                      ended, canceled
=========== ============================ ===============================

Waiting for an artifact: it is not asked for before the session is over. It has come when the platform's adapter says
that it is ready; it can no longer come when the session was canceled or expired, or the adapter says why it is absent.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session, SessionState, Value

_S = SessionState
_COME = MappingProxyType(
    {state: frozenset({state}) for state in _S} | {_S.SCHEDULED: frozenset({_S.SCHEDULED, _S.LIVE, _S.ENDED})}
)
_OUT_OF_REACH = MappingProxyType(
    {
        _S.REQUESTED: frozenset(_S) - {_S.REQUESTED},
        _S.SCHEDULED: frozenset({_S.CANCELED, _S.EXPIRED}),
        _S.LIVE: frozenset({_S.ENDED, _S.CANCELED, _S.EXPIRED}),
        _S.ENDED: frozenset({_S.CANCELED, _S.EXPIRED}),
        _S.CANCELED: frozenset({_S.ENDED, _S.EXPIRED}),
        _S.EXPIRED: frozenset({_S.ENDED, _S.CANCELED}),
    }
)


class Verdict(StrEnum):
    """What becomes of a wait after a look."""

    WAIT = "wait"
    DONE = "done"
    UNREACHABLE = "unreachable"


class Decision(Value):
    """A verdict and its reason, in a sentence for a log."""

    verdict: Verdict
    reason: str


class Sighting(Value):
    """What one look saw of a session, and of the artifact that is waited for."""

    session: Session
    artifact: ArtifactStatus | None = None


class Goal(Value):
    """A state, or an artifact, of one session."""

    state: SessionState | None = None
    artifact: Artifact | None = None

    @property
    def words(self) -> str:
        """The goal in a few words."""
        return f"state {self.state.value!r}" if self.state else f"{self.artifact.value if self.artifact else ''}"

    def needs_artifact(self, session: Session) -> bool:
        """Whether the artifact's status has to be asked for to decide: not before the session has ended."""
        return self.artifact is not None and session.state is SessionState.ENDED


def state_goal(word: object) -> Goal:
    """The goal of a state.

    :raises InputError: there is no such state.
    """
    return Goal(state=_read(SessionState, word, "state"))


def artifact_goal(word: object) -> Goal:
    """The goal of an artifact.

    :raises InputError: there is no such artifact.
    """
    return Goal(artifact=_read(Artifact, word, "artifact"))


_Word = TypeVar("_Word", bound=StrEnum)


def _read(kind: type[_Word], word: object, field: str) -> _Word:
    if isinstance(word, str) and word.strip().lower() in tuple(kind):
        return kind(word.strip().lower())
    raise InputError(f"{field}: {word!r} is unknown; expected one of {', '.join(kind)}")


def decide(goal: Goal, sighting: Sighting) -> Decision:
    """The one decision for triggers, sensors that poke, and tests.

    :param goal: what is waited for.
    :param sighting: what the last look saw.
    """
    session = sighting.session
    if goal.state is not None:
        return _decide_state(goal.state, session)
    if session.state in (SessionState.CANCELED, SessionState.EXPIRED):
        return _decision(Verdict.UNREACHABLE, f"the session is {session.state}, so there will be no {goal.words}")
    status = sighting.artifact
    if session.state is not SessionState.ENDED or status is None:
        return _decision(Verdict.WAIT, f"the session is {session.state}; its {goal.words} comes after its end")
    if status.ready:
        return _decision(Verdict.DONE, f"{goal.words} is ready" + (f" ({status.detail})" if status.detail else ""))
    if status.absent is not None:
        return _decision(Verdict.UNREACHABLE, f"there will be no {goal.words}: {status.absent}")
    return _decision(Verdict.WAIT, f"{goal.words} is not ready yet" + (f" ({status.detail})" if status.detail else ""))


def _decide_state(wanted: SessionState, session: Session) -> Decision:
    inferred = " (inferred)" if session.state_inferred else ""
    if session.state in _COME[wanted]:
        return _decision(Verdict.DONE, f"the session is {session.state}{inferred}")
    if session.state in _OUT_OF_REACH[wanted]:
        return _decision(Verdict.UNREACHABLE, f"the session is {session.state}{inferred}; it cannot become {wanted}")
    return _decision(Verdict.WAIT, f"the session is {session.state}")


def _decision(verdict: Verdict, reason: str) -> Decision:
    return Decision(verdict=verdict, reason=reason)
