"""What becomes of many sessions, told as events: each of them at most once for a session.

Pure functions: a :class:`~airflow_provider_sessions.polling.emitted_events.Memory` and what was seen go in, and what
happened comes out together with the memory from then on. Whoever tells the events first and keeps the new memory
afterwards loses none and, unless he is interrupted in between, repeats none.

==================  ====================================================================================================
event               it is told of a session
==================  ====================================================================================================
scheduled           that appears: one that is scheduled, or is seen first when it is live or over already
live                that is seen live; not of one that went by between two looks
ended               that has ended
canceled            that was canceled; or that is gone from the list and cannot be found by its id either, which is what
                    canceling does on platforms that delete. Not of one that has ended
transcript_ready    that has ended, and whose transcript is there
recording_ready     that has ended, and whose recordings are there
==================  ====================================================================================================

A session that expired, because nobody started it, is none of these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Artifact, Session, SessionState, Window
from airflow_provider_sessions.model.closed_words import unknown_words
from airflow_provider_sessions.polling.emitted_events import Known, Memory, SessionEvent
from airflow_provider_sessions.polling.wait_conditions import Observation

ARTIFACT_OF: Mapping[SessionEvent, Artifact] = {
    SessionEvent.TRANSCRIPT_READY: Artifact.TRANSCRIPT,
    SessionEvent.RECORDING_READY: Artifact.RECORDING,
}
"""Events that are asked for, one session at a time, rather than seen in a list."""

_TELLS: Mapping[SessionState, tuple[SessionEvent, ...]] = {
    SessionState.REQUESTED: (),
    SessionState.SCHEDULED: (SessionEvent.SCHEDULED,),
    SessionState.LIVE: (SessionEvent.SCHEDULED, SessionEvent.LIVE),
    SessionState.ENDED: (SessionEvent.SCHEDULED, SessionEvent.ENDED),
    SessionState.CANCELED: (SessionEvent.CANCELED,),
    SessionState.EXPIRED: (),
}
_PASSED_AT_THE_END = frozenset({SessionEvent.LIVE, SessionEvent.CANCELED})
"""What is no news any more when a session has ended."""
_NOT_BEGUN = (SessionState.REQUESTED, SessionState.SCHEDULED)
"""No session that was live goes back to these: on a platform that has no word for it, they mean that it has ended."""
_FORGET_AFTER = 86_400.0
"""Seconds beyond the window for which sessions are remembered: a list may be read while its window moves."""
ASKS_AT_ONCE = 10
"""Questions about single sessions that may wait for their answers at the same time."""
_SLOWEST_ASK = 6 * 3600.0
_SLOWER_WITH_AGE = 6.0
_ABSENT_AGAIN = 600.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a session.

    :param at: when, in seconds since 1970: as the platform says, else when it was noticed.
    """

    event: SessionEvent
    session: Session
    at: float

    def payload(self) -> dict[str, Any]:
        """As an asset event carries it: small, JSON, and free of secrets.

        ``key`` is the same whenever the same thing is told again.
        """
        return {
            "event": self.event.value,
            "key": f"{self.session.platform}:{self.session.session_id}:{self.event.value}",
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds"),
            "session": self.session.summary(),
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """A question about one session: whether an artifact of it is there, or whether it is there itself.

    :param event: what may have happened; ``canceled`` asks for the session itself.
    """

    session_id: str
    event: SessionEvent

    @property
    def artifact(self) -> Artifact | None:
        """The artifact that is asked for."""
        return ARTIFACT_OF.get(self.event)


def read_events(words: object) -> tuple[SessionEvent, ...]:
    """Read the events that a user wants, each once and in the order of :class:`SessionEvent`.

    :param words: one word, or a collection of them.
    :raises InputError: one of them is unknown, or there are none.
    """
    given = [words] if isinstance(words, str) else words
    known = ", ".join(SessionEvent)
    if not isinstance(given, Collection) or not given:
        raise InputError(f"events: {words!r} names no event; expected some of {known}")
    if unknown := [word for word in given if word not in tuple(SessionEvent)]:
        raise unknown_words("events", unknown[:1], SessionEvent, says="is unknown; expected some of")
    return tuple(event for event in SessionEvent if event in given)


def after_list(
    memory: Memory, listed: Iterable[Session], window: Window, now: float
) -> tuple[list[Happening], Memory, set[str]]:
    """What a list of sessions tells.

    :param memory: what was known before.
    :param listed: all sessions that are planned to start in the window.
    :param window: as the list was asked for.
    :param now: when it was.
    :returns: what happened; the new memory; and the open sessions that should be in the list, and are not: they are to
        be asked for, see :func:`after_answer`.
    """
    sessions = dict(memory.sessions)
    happenings: list[Happening] = []
    present: set[str] = set()
    for session in listed:
        told, known = _follow(sessions.get(session.session_id), session, memory, now)
        happenings += told
        sessions[session.session_id] = known
        present.add(session.session_id)
    start, end = window.start.timestamp(), window.end.timestamp()
    kept = {key: known for key, known in sessions.items() if key in present or known.instant >= start - _FORGET_AFTER}
    absent = {
        key for key, known in kept.items() if key not in present and known.is_open and start <= known.instant < end
    }
    return happenings, replace(memory, is_fresh=False, sessions=kept), absent


def after_answer(
    memory: Memory, ask: Ask, answer: Observation, platform: str, now: float
) -> tuple[list[Happening], Memory]:
    """What the answer to a question about one session tells.

    :param memory: what was known before.
    :param ask: the question.
    :param answer: what the look at the session, or at its artifact, saw.
    :param platform: the connection type.
    :param now: the present.
    """
    known = memory.sessions.get(ask.session_id)
    if known is None:
        return [], memory
    if ask.artifact is not None:
        return _after_artifact(memory, known, ask, answer, now)
    session = _vanished(ask.session_id, known, platform) if answer.missing else answer.session
    if session is None:
        return [], memory
    if session.session_id != ask.session_id:  # a request that was scheduled: the session is in the list by its own id
        return [], replace(memory, sessions={k: v for k, v in memory.sessions.items() if k != ask.session_id})
    happenings, known = _follow(known, session, memory, now)
    return happenings, _with(memory, ask.session_id, known)


def asks(
    memory: Memory,
    absent: Collection[str],
    wanted: Collection[SessionEvent],
    asked: Mapping[Ask, float],
    *,
    now: float,
    poll_interval: float,
    give_up_after: float,
) -> list[Ask]:
    """What to ask next: never more than ten questions, so that a look has a bounded cost whatever there is to ask.

    An artifact is asked for at intervals that grow with the time since the session's end, up to six hours, and no more
    after ``give_up_after``. What was never asked comes first, of it the latest sessions; then what is overdue longest.

    :param memory: what is known.
    :param absent: sessions that should be in the list, and are not.
    :param wanted: events that somebody wants to hear of.
    :param asked: when each question was asked last, in seconds since 1970.
    :param now: the present.
    :param poll_interval: seconds between looks.
    :param give_up_after: seconds after a session's end.
    """
    due: list[tuple[float, float, Ask]] = []
    for ask, latest in _open_questions(memory, absent, wanted, now - give_up_after):
        again = _ABSENT_AGAIN if ask.artifact is None else min((now - latest) / _SLOWER_WITH_AGE, _SLOWEST_ASK)
        turn = asked[ask] + max(again, poll_interval) if ask in asked else 0.0
        if turn <= now:
            due.append((turn, -latest, ask))
    return [ask for _, _, ask in sorted(due, key=lambda one: one[:2])[:ASKS_AT_ONCE]]


def _open_questions(
    memory: Memory, absent: Collection[str], wanted: Collection[SessionEvent], ended_since: float
) -> Iterable[tuple[Ask, float]]:
    for session_id in absent:
        if session_id in memory.sessions:
            yield Ask(session_id, SessionEvent.CANCELED), memory.sessions[session_id].instant
    artifacts = [event for event in wanted if event in ARTIFACT_OF]
    for session_id, known in memory.sessions.items() if artifacts else ():
        if SessionEvent.ENDED in known.settled and known.instant >= ended_since:
            for event in artifacts:
                if event not in known.settled:
                    yield Ask(session_id, event), known.instant


def _follow(known: Known | None, session: Session, memory: Memory, now: float) -> tuple[list[Happening], Known]:
    """What the state of one session tells, and what to remember of it."""
    settled = known.settled if known else frozenset()
    if SessionEvent.LIVE in settled and session.state in _NOT_BEGUN:
        session = session.model_copy(update={"state": SessionState.ENDED, "state_inferred": True})
    news = [event for event in _TELLS[session.state] if event not in settled]
    told = [event for event in news if known is not None or _is_recent(event, session, memory)]
    settled |= set(news)
    if session.state is SessionState.ENDED:
        settled |= _PASSED_AT_THE_END
        if SessionEvent.ENDED in news and SessionEvent.ENDED not in told:
            settled |= set(ARTIFACT_OF)  # over before anybody watched: nor is what it left behind any news
    happenings = [Happening(event, session, min(_instant(event, session) or now, now)) for event in told]
    return happenings, _known(known, session, settled, now)


def _known(before: Known | None, session: Session, settled: frozenset[SessionEvent], now: float) -> Known:
    start, end = _seconds(session.scheduled_start), _seconds(session.ended_at)
    if not session.state.is_final:
        planned = start or (before.instant if before is not None and before.is_open else now)
        return Known(settled, is_open=True, instant=planned, title=session.title or "")
    if before is not None and not before.is_open:
        return replace(before, settled=settled)
    return Known(settled, is_open=False, instant=min(end or now, now))


def _is_recent(event: SessionEvent, session: Session, memory: Memory) -> bool:
    """Whether an event of a session that was never seen before is news."""
    instant = _instant(event, session)
    return not memory.is_fresh if instant is None else instant >= memory.since


def _instant(event: SessionEvent, session: Session) -> float | None:
    """When something happened, as far as the platform says."""
    return _seconds(
        {
            SessionEvent.SCHEDULED: session.created_at,
            SessionEvent.LIVE: session.actual_start or session.scheduled_start,
            SessionEvent.ENDED: session.ended_at,
            SessionEvent.CANCELED: session.updated_at,
        }[event]
    )


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _after_artifact(
    memory: Memory, known: Known, ask: Ask, answer: Observation, now: float
) -> tuple[list[Happening], Memory]:
    status = answer.artifact
    if ask.event in known.settled:
        return [], memory
    if not answer.missing and (status is None or not (status.ready or status.absent is not None)):
        return [], memory
    after = _with(memory, ask.session_id, replace(known, settled=known.settled | {ask.event}))
    if status is None or not status.ready or answer.session is None:
        return [], after
    return [Happening(ask.event, answer.session, now)], after


def _vanished(session_id: str, known: Known, platform: str) -> Session:
    return Session(
        platform=platform,
        session_id=session_id,
        title=known.title,
        state=SessionState.CANCELED,
        state_inferred=True,
        scheduled_start=datetime.fromtimestamp(known.instant, UTC),
    )


def _with(memory: Memory, session_id: str, known: Known) -> Memory:
    return replace(memory, sessions={**memory.sessions, session_id: known})
