"""Detect the events of sessions from the results of polls: each event at most once per session.

Pure functions: they take the :class:`~airflow_provider_sessions.polling.emitted_events.EmittedEvents` so far and the
result of a poll, and return the new events together with the updated ``EmittedEvents``. A caller that emits the events
first and stores the update afterwards loses none, and repeats none unless it is interrupted in between.

==================  ====================================================================================================
event               it is emitted for a session
==================  ====================================================================================================
scheduled           that appears: scheduled, or already live or over in the first poll that finds it
live                that is live in a poll; not for one that started and ended between two polls
ended               that has ended
canceled            that was canceled; or that is missing from the list and is not found by its id either, since some
                    platforms delete a session to cancel it. Not for one that has ended
transcript_ready    that has ended and whose transcript is ready
recording_ready     that has ended and whose recordings are ready
==================  ====================================================================================================

There is no event for a session that expired because nobody started it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import Artifact, Session, SessionState, Window
from airflow_provider_sessions.polling.emitted_events import EmittedEvents, KnownSession, SessionEvent
from airflow_provider_sessions.polling.wait_conditions import PollResult, make_deleted_session

ARTIFACT_BY_EVENT: Mapping[SessionEvent, Artifact] = {
    SessionEvent.TRANSCRIPT_READY: Artifact.TRANSCRIPT,
    SessionEvent.RECORDING_READY: Artifact.RECORDING,
}
"""Events that need a check of each session, since no list shows them."""

_EVENTS_BY_STATE: Mapping[SessionState, tuple[SessionEvent, ...]] = {
    SessionState.REQUESTED: (),
    SessionState.SCHEDULED: (SessionEvent.SCHEDULED,),
    SessionState.LIVE: (SessionEvent.SCHEDULED, SessionEvent.LIVE),
    SessionState.ENDED: (SessionEvent.SCHEDULED, SessionEvent.ENDED),
    SessionState.CANCELED: (SessionEvent.CANCELED,),
    SessionState.EXPIRED: (),
}
_SETTLED_BY_END = frozenset({SessionEvent.LIVE, SessionEvent.CANCELED})
"""Events that are not emitted any more once a session has ended."""
_NOT_STARTED = (SessionState.REQUESTED, SessionState.SCHEDULED)
"""A session that was live never returns to these: a platform without a word for the end shows it this way."""
_FORGET_AFTER = 86_400.0
"""Seconds that a session is kept after it left the window: a list may be read while its window moves."""
MAX_CHECKS = 10
"""Checks of single sessions that may run at the same time."""
_MAX_CHECK_INTERVAL = 6 * 3600.0
_AGE_PER_CHECK_INTERVAL = 6.0
_ABSENT_CHECK_INTERVAL = 600.0


@dataclass(frozen=True, slots=True)
class DetectedEvent:
    """An event of a session.

    :param at: when it occurred, in seconds since 1970: as the platform says, else when it was detected.
    """

    event: SessionEvent
    session: Session
    at: float

    def payload(self) -> dict[str, Any]:
        """Return the payload of the asset event: small, JSON, without secrets.

        ``key`` is the same whenever the same event is emitted again.
        """
        return {
            "event": self.event.value,
            "key": f"{self.session.platform}:{self.session.session_id}:{self.event.value}",
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds"),
            "session": self.session.summary(),
        }


@dataclass(frozen=True, slots=True)
class SessionCheck:
    """A poll of one session for an event that its list does not show.

    :param event: the possible event; for ``canceled`` the session itself is polled, else an artifact of it.
    """

    session_id: str
    event: SessionEvent

    @property
    def artifact(self) -> Artifact | None:
        """The artifact to poll; None for the session itself."""
        return ARTIFACT_BY_EVENT.get(self.event)


def parse_events(words: object) -> tuple[SessionEvent, ...]:
    """Parse the names of events; each is returned once, in the order of :class:`SessionEvent`.

    :param words: one name, or a collection of names.
    :raises InputError: a name is unknown, or there is none.
    """
    given = [words] if isinstance(words, str) else words
    known = ", ".join(SessionEvent)
    if not isinstance(given, Collection) or not given:
        raise InputError(f"events: {words!r} names no event; expected some of {known}")
    if unknown := [word for word in given if word not in tuple(SessionEvent)]:
        raise unknown_choice_error("events", unknown[:1], SessionEvent, says="is unknown; expected some of")
    return tuple(event for event in SessionEvent if event in given)


def detect_in_list(
    emitted: EmittedEvents, sessions: Iterable[Session], window: Window, now: float
) -> tuple[list[DetectedEvent], EmittedEvents, set[str]]:
    """Detect the events that a list of sessions shows.

    :param emitted: the events so far.
    :param sessions: all sessions that are planned to start in the window.
    :param window: the window of the list.
    :param now: when the list was requested.
    :returns: the new events; the updated ``emitted``; and the ids of open sessions that are missing from the list and
        need a check, see :func:`select_checks`.
    """
    known_sessions = dict(emitted.sessions)
    detected: list[DetectedEvent] = []
    present: set[str] = set()
    for session in sessions:
        new, known = _detect_in_state(known_sessions.get(session.session_id), session, emitted, now)
        detected += new
        known_sessions[session.session_id] = known
        present.add(session.session_id)
    start, end = window.start.timestamp(), window.end.timestamp()
    kept = {
        key: known for key, known in known_sessions.items() if key in present or known.instant >= start - _FORGET_AFTER
    }
    absent = {
        key for key, known in kept.items() if key not in present and known.is_open and start <= known.instant < end
    }
    return detected, replace(emitted, is_fresh=False, sessions=kept), absent


def detect_in_check(
    emitted: EmittedEvents, check: SessionCheck, result: PollResult, platform: str, now: float
) -> tuple[list[DetectedEvent], EmittedEvents]:
    """Detect the events that the check of one session shows.

    :param emitted: the events so far.
    :param check: the check.
    :param result: the result of polling the session or its artifact.
    :param platform: the connection type.
    :param now: the current time.
    """
    known = emitted.sessions.get(check.session_id)
    if known is None:
        return [], emitted
    if check.artifact is not None:
        return _detect_artifact(emitted, known, check, result, now)
    session = result.session
    if result.missing:
        start = datetime.fromtimestamp(known.instant, UTC)
        session = make_deleted_session(platform, check.session_id, title=known.title, scheduled_start=start)
    if session is None:
        return [], emitted
    if session.session_id != check.session_id:  # a request that was scheduled: the list has the session by its own id
        return [], replace(emitted, sessions={k: v for k, v in emitted.sessions.items() if k != check.session_id})
    detected, known = _detect_in_state(known, session, emitted, now)
    return detected, _with_session(emitted, check.session_id, known)


def select_checks(
    emitted: EmittedEvents,
    absent: Collection[str],
    wanted: Collection[SessionEvent],
    last_checks: Mapping[SessionCheck, float],
    *,
    now: float,
    poll_interval: float,
    give_up_after: float,
) -> list[SessionCheck]:
    """Select the next checks: at most ``MAX_CHECKS``, so that the cost of a poll is bounded.

    An artifact is checked at intervals that grow with the time since the session's end, up to six hours, and no longer
    than ``give_up_after``. Checks that were never made come first, those of the latest sessions before others; then
    those that are overdue the longest.

    :param emitted: the events so far.
    :param absent: ids of sessions that are missing from the list.
    :param wanted: events that are to be emitted.
    :param last_checks: when each check was last made, in seconds since 1970.
    :param now: the current time.
    :param poll_interval: seconds between polls.
    :param give_up_after: seconds after a session's end.
    """
    due: list[tuple[float, float, SessionCheck]] = []
    for check, instant in _possible_checks(emitted, absent, wanted, now - give_up_after):
        interval = (
            _ABSENT_CHECK_INTERVAL
            if check.artifact is None
            else min((now - instant) / _AGE_PER_CHECK_INTERVAL, _MAX_CHECK_INTERVAL)
        )
        due_at = last_checks[check] + max(interval, poll_interval) if check in last_checks else 0.0
        if due_at <= now:
            due.append((due_at, -instant, check))
    return [check for _, _, check in sorted(due, key=lambda entry: entry[:2])[:MAX_CHECKS]]


def _possible_checks(
    emitted: EmittedEvents, absent: Collection[str], wanted: Collection[SessionEvent], ended_since: float
) -> Iterable[tuple[SessionCheck, float]]:
    for session_id in absent:
        if session_id in emitted.sessions:
            yield SessionCheck(session_id, SessionEvent.CANCELED), emitted.sessions[session_id].instant
    artifact_events = [event for event in wanted if event in ARTIFACT_BY_EVENT]
    for session_id, known in emitted.sessions.items() if artifact_events else ():
        if SessionEvent.ENDED in known.settled and known.instant >= ended_since:
            for event in artifact_events:
                if event not in known.settled:
                    yield SessionCheck(session_id, event), known.instant


def _detect_in_state(
    known: KnownSession | None, session: Session, emitted: EmittedEvents, now: float
) -> tuple[list[DetectedEvent], KnownSession]:
    """Detect the events that the state of one session shows."""
    settled = known.settled if known else frozenset()
    if SessionEvent.LIVE in settled and session.state in _NOT_STARTED:
        session = session.model_copy(update={"state": SessionState.ENDED, "state_inferred": True})
    unsettled = [event for event in _EVENTS_BY_STATE[session.state] if event not in settled]
    new = [event for event in unsettled if known is not None or _is_recent(event, session, emitted)]
    settled |= set(unsettled)
    if session.state is SessionState.ENDED:
        settled |= _SETTLED_BY_END
        if SessionEvent.ENDED in unsettled and SessionEvent.ENDED not in new:
            settled |= set(ARTIFACT_BY_EVENT)  # ended before the watcher started: its artifacts are no events either
    detected = [DetectedEvent(event, session, min(_event_time(event, session) or now, now)) for event in new]
    return detected, _update_known(known, session, settled, now)


def _update_known(
    previous: KnownSession | None, session: Session, settled: frozenset[SessionEvent], now: float
) -> KnownSession:
    start, end = _timestamp(session.scheduled_start), _timestamp(session.ended_at)
    if not session.state.is_final:
        planned = start or (previous.instant if previous is not None and previous.is_open else now)
        return KnownSession(settled, is_open=True, instant=planned, title=session.title or "")
    if previous is not None and not previous.is_open:
        return replace(previous, settled=settled)
    return KnownSession(settled, is_open=False, instant=min(end or now, now))


def _is_recent(event: SessionEvent, session: Session, emitted: EmittedEvents) -> bool:
    """Return whether an event of a session that was never polled before is to be emitted."""
    instant = _event_time(event, session)
    return not emitted.is_fresh if instant is None else instant >= emitted.since


def _event_time(event: SessionEvent, session: Session) -> float | None:
    """Return when an event occurred according to the platform."""
    return _timestamp(
        {
            SessionEvent.SCHEDULED: session.created_at,
            SessionEvent.LIVE: session.actual_start or session.scheduled_start,
            SessionEvent.ENDED: session.ended_at,
            SessionEvent.CANCELED: session.updated_at,
        }[event]
    )


def _timestamp(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _detect_artifact(
    emitted: EmittedEvents, known: KnownSession, check: SessionCheck, result: PollResult, now: float
) -> tuple[list[DetectedEvent], EmittedEvents]:
    status = result.artifact
    if check.event in known.settled:
        return [], emitted
    if not result.missing and (status is None or not (status.ready or status.absent is not None)):
        return [], emitted
    updated = _with_session(emitted, check.session_id, replace(known, settled=known.settled | {check.event}))
    if status is None or not status.ready or result.session is None:
        return [], updated
    return [DetectedEvent(check.event, result.session, now)], updated


def _with_session(emitted: EmittedEvents, session_id: str, known: KnownSession) -> EmittedEvents:
    return replace(emitted, sessions={**emitted.sessions, session_id: known})
