"""Create a session exactly once, on behalf of ``CreateSessionOperator``.

- A *create* is what a task has to do with certain arguments. Its key is part of the marker of the session that results.
- A *try* is one call of :func:`create_once`: a try of the task, or its continuation after a deferral.
- A *send* is one create request. Its id is the draft's ``attempt``, which the marker holds as well. A try
  sends none or one, or several if the platform refuses a name and another is used.

A try searches for a session that an earlier try created, and sends a request only if there is none. If it is not clear
whether the request was carried out, the try searches again instead of sending it again. After creating a session it
searches once more, because another try may have created one at the same time on a host that does not share the lock
(see :mod:`airflow_provider_sessions.operators._create_lock`). Then both return the oldest session, and the try that
created the other one cancels it. Where a platform shows the time of creation in whole seconds, a session may appear
that seems to be as old; so a try that has just created or found one waits until the second is over.

As a duplicate, a try cancels only a session that it created itself, or one that results from an earlier send without a
response. To recreate a session, it cancels those whose marker proves that they belong to this create, and the one
whose id was recorded as created by this task. Sessions created elsewhere are never canceled.

A request without a response may be carried out up to a minute after its sender gave up. Until then nothing is sent
again, unless the platform itself refuses a second session. Nor is the session of another send returned until then, if
markers name the send: the duplicate that may still be created would never be canceled (see
:mod:`airflow_provider_sessions.operators._send_record`).
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    ResponseError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.messages import parse_choice
from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.operators import _send_record
from airflow_provider_sessions.operators._send_record import SendRecord, format_clock_time
from airflow_provider_sessions.operators._transitions import cancel_session, warn_if_start_is_past
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.platforms.description_marker import Candidate, DescriptionMarker
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

UNCLEAR_ERRORS = (BrokenConnectionError, ServerError, ResponseError)
"""Errors after which a request may have been carried out."""
_GONE = (SessionState.CANCELED, SessionState.EXPIRED)
_CANCELABLE = (SessionState.REQUESTED, SessionState.SCHEDULED)
_LATE_REQUEST_SECONDS = _send_record.LATE_REQUEST_SECONDS
"""Seconds for which a request may still be carried out after its sender gave up or was killed."""
_RECHECK_SECONDS = 3.0
"""Seconds after which the search for its session is repeated: most such requests are carried out by then."""
_TICK_SECONDS = 1.0
"""Seconds within which sessions seem to be created at the same time, where the platform shows no fractions of them."""
_NEW_SECONDS = 60.0
"""Seconds for which a session is new: the clocks of hosts differ."""
_MAX_WAIT = 60.0
"""Seconds that the search after a create may wait for the rate limit."""
_CONFLICT_DELAYS = (0.0, 1.0, 3.0)
"""Seconds before each search for the session whose name the platform says is taken: lists may be late."""
_SEND_TIME = re.compile(r"[0-9a-f]{8}")
"""The beginning of a send's id: see :func:`_make_send_id`."""

OnExistingName = Literal["return", "fail", "recreate"]
"""The values of :class:`OnExisting`, as the type of arguments."""


class TooEarlyError(Exception):
    """A request without a response may still be carried out, so the task must resume later. The operators handle it.

    :param until: when to resume, in seconds since 1970.
    """

    def __init__(self, message: str, until: float) -> None:
        super().__init__(message)
        self.until = until


class OnExisting(StrEnum):
    """What to do if the session exists already."""

    RETURN = "return"
    """Return the session that an earlier try created; ignore sessions created elsewhere."""
    FAIL = "fail"
    """The same, but fail if a session with this title and these times was created elsewhere."""
    RECREATE = "recreate"
    """Cancel the session that an earlier try created, and create another."""

    @classmethod
    def parse(cls, value: object) -> OnExisting:
        """Parse an argument.

        :raises InputError: the value is unknown.
        """
        return parse_choice(cls, value, "on_existing")


@dataclass(frozen=True, slots=True)
class _FoundSessions:
    """The result of a search. Canceled and expired sessions are left out.

    :param candidates: the sessions of this create, the one that counts first.
    :param proven: ids of those whose marker proves that they belong to this create.
    :param others: sessions created elsewhere with the same title and times.
    :param last_turn: the number of the last session among all that this create has ever had, canceled ones included, as
        far as the platform shows; 0 if there was none.
    :param by_send: ids of the sessions of the draft's send, and of earlier ones without a response, by the send's id.
    """

    candidates: tuple[Candidate, ...]
    proven: frozenset[str]
    others: tuple[Session, ...]
    last_turn: int
    by_send: Mapping[str, str]

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions of this create."""
        return tuple(candidate.session for candidate in self.candidates)


async def create_once(
    adapter: Adapter,
    draft: SessionDraft,
    on_existing: OnExisting = OnExisting.RETURN,
    *,
    record: SendRecord,
    known: str | None = None,
) -> Session:
    """Create a session, unless an earlier try has done so.

    :param adapter: the platform.
    :param draft: the session to create, with the key of this create.
    :param on_existing: what to do if it exists.
    :param record: what earlier tries sent.
    :param known: the id of the session that an earlier try, or this one before a deferral, is known to have created.
    :raises InputError: the platform cannot create it; nothing was sent.
    :raises TooEarlyError: a request without a response may still be carried out: one of an earlier try, and nothing was
        sent; or one of this try, and only the session of another send was found.
    :raises ConflictError: the session exists and ``on_existing`` is ``fail``, or it cannot be canceled any more.
    """
    adapter.require(Feature.CREATE)
    adapter.validate(draft)
    if record.canceled is not None:  # by this try, before it was deferred: what exists by now is the new session
        on_existing = OnExisting.RETURN
        known = None if known in record.canceled else known
    known_session = await _get_known_session(adapter, known)
    if known_session is not None and on_existing is not OnExisting.RECREATE:
        log.info("Session %s exists already and is %s", known_session.session_id, known_session.state)
        return known_session

    found = await _find_before_send(adapter, draft, record, known_session)
    if found.sessions:
        await _record_found_and_cancel_duplicates(adapter, record, found)
    if on_existing is OnExisting.RECREATE:
        return await _recreate(adapter, draft, record, found, known_session)
    if on_existing is OnExisting.FAIL:
        _fail_if_others_exist(draft, found)
    if found.sessions:
        return _choose_oldest(found)
    return await _create(adapter, draft.model_copy(update={"turn": found.last_turn + 1}), record)


# --- searching --------------------------------------------------------------------------------------------------------


async def _get_known_session(adapter: Adapter, session_id: str | None) -> Session | None:
    """Return the session that an earlier try created, or None if it was canceled or is gone."""
    if session_id is None:
        return None
    try:
        session = await adapter.get(session_id)
    except NotFoundError:
        log.info("Session %s, which an earlier try created, is gone", session_id)
        return None
    if session.state in _GONE:
        log.info("Session %s, which an earlier try created, is %s", session_id, session.state)
        return None
    return session


async def _find_before_send(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, known_session: Session | None
) -> _FoundSessions:
    """Search for the sessions of a create, once no earlier request can be carried out any more.

    :raises TooEarlyError: one still can.
    """
    found = await _find_sessions(adapter, draft, record)
    if _is_send_pending(adapter, draft, record, found, known_session):
        await adapter.client.clock.sleep(_RECHECK_SECONDS)
        found = await _find_sessions(adapter, draft, record)
    if _may_find_older(adapter, draft, found):
        await adapter.client.clock.sleep(_TICK_SECONDS)
        found = await _find_sessions(adapter, draft, record)
    if _is_send_pending(adapter, draft, record, found, known_session):
        raise _make_too_early_error(adapter, draft, record)
    return found


def _is_send_pending(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, found: _FoundSessions, known_session: Session | None
) -> bool:
    """Whether an earlier request, whose session was not found, may still be carried out and create a duplicate."""
    if adapter.has_unique_names(draft) or not record.has_pending_send(_LATE_REQUEST_SECONDS):
        return False
    exists = bool(found.sessions) or known_session is not None
    return not exists or bool(record.open_sends - found.by_send.keys() and _has_send_ids(found))


def _has_send_ids(found: _FoundSessions) -> bool:
    """Whether markers name the send that created a session; otherwise the session counts for all sends."""
    return any(candidate.marker and candidate.marker.attempt for candidate in found.candidates)


def _make_too_early_error(adapter: Adapter, draft: SessionDraft, record: SendRecord) -> TooEarlyError:
    until = record.pending_until(_LATE_REQUEST_SECONDS)
    return TooEarlyError(
        f"{adapter.platform} may still carry out an earlier try's request for {draft.title!r}, if that sent one; "
        f"no other is sent before {format_clock_time(until)}, and then only if the session does not exist",
        until,
    )


async def _find_sessions(
    adapter: Adapter,
    draft: SessionDraft,
    record: SendRecord,
    *,
    everywhere: bool = False,
) -> _FoundSessions:
    """Search for the sessions of a create."""
    sends = record.open_sends | {draft.attempt}
    canceled = record.canceled or frozenset()  # lists may still show them
    candidates = await adapter.find_existing(draft, everywhere=everywhere)
    of_create = [candidate for candidate in candidates if candidate.was_created_for(draft)]
    alive = [
        candidate
        for candidate in candidates
        if candidate.session.state not in _GONE and candidate.session.session_id not in canceled
    ]
    found = [candidate for candidate in alive if candidate.was_created_for(draft)]
    _warn_of_other_arguments(draft, alive)
    return _FoundSessions(
        candidates=_sort_by_age(found),
        proven=frozenset(candidate.session.session_id for candidate in found if candidate.has_marker_of(draft)),
        others=tuple(
            candidate.session for candidate in _sort_by_age(alive) if candidate.is_similar and candidate not in found
        ),
        last_turn=max((candidate.marker.turn for candidate in of_create if candidate.marker), default=0),
        by_send={t.marker.attempt: t.session.session_id for t in found if t.marker and t.marker.attempt in sends},
    )


async def _find_sessions_with_wait(adapter: Adapter, draft: SessionDraft, record: SendRecord) -> _FoundSessions:
    """Search, waiting for the rate limit if needed: a session that was just created must not be left behind."""
    try:
        return await _find_sessions(adapter, draft, record)
    except RateLimitedError as error:
        if error.retry_after is None or error.retry_after > _MAX_WAIT:
            raise
        await adapter.client.clock.sleep(error.retry_after)
        return await _find_sessions(adapter, draft, record)


def _sort_by_age(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Sort sessions by age, the oldest first, each once, so that every try sees them in the same order.

    Of sessions created at the same time, as far as the platform shows, the one requested first counts as older.
    Otherwise the ids decide, shorter ones first: if they are numbers, these are the lower ones.
    """

    def age(candidate: Candidate) -> tuple[datetime, str, int, str]:
        session, attempt = candidate.session, (candidate.marker and candidate.marker.attempt) or ""
        created_at = session.created_at or datetime.max.replace(tzinfo=UTC)
        return created_at, attempt, len(session.session_id), session.session_id

    return tuple(sorted({candidate.session.session_id: candidate for candidate in candidates}.values(), key=age))


def _make_send_id(clock: Clock) -> str:
    """Return the id of a send. Ids sort by time, unless their 8 hex digits overflow in between, as every 49 days."""
    return f"{_milliseconds(clock.now()) % 2**32:08x}{secrets.token_hex(2)}"


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _may_find_older(adapter: Adapter, draft: SessionDraft, found: _FoundSessions) -> bool:
    """Whether a session that counts as older than the oldest one may appear: one that another try has just created."""
    if not found.candidates or adapter.has_unique_names(draft):
        return False
    oldest = found.candidates[0]
    return _has_whole_second(oldest.session) and _is_new(oldest, adapter.client.clock.now())


def _has_whole_second(session: Session) -> bool:
    """Whether a session created later may seem to be as old as this one."""
    return session.created_at is not None and not session.created_at.microsecond


def _is_new(candidate: Candidate, now: datetime) -> bool:
    """Whether a session was created just now: by its send's id, which holds milliseconds; else as the platform says."""
    attempt, created_at = candidate.marker and candidate.marker.attempt, candidate.session.created_at
    if attempt and _SEND_TIME.match(attempt):
        age = _milliseconds(now) - int(attempt[:8], 16)
    elif created_at:
        age = _milliseconds(now) - _milliseconds(created_at)
    else:
        return False
    return (age + _NEW_SECONDS * 1000) % 2**32 < 2 * _NEW_SECONDS * 1000


def _warn_of_other_arguments(draft: SessionDraft, alive: Iterable[Candidate]) -> None:
    for candidate in alive:
        if candidate.marker and candidate.marker.key != draft.key and candidate.marker.is_of_same_task(draft):
            log.warning(
                "This task has already created session %s (%r) with other arguments; cancel it if it is not wanted. "
                "Arguments that differ between tries, such as now(), create a session each time",
                candidate.session.session_id,
                candidate.session.title,
            )


def _fail_if_others_exist(draft: SessionDraft, found: _FoundSessions) -> None:
    """Fail if such a session was created elsewhere. A session whose marker proves nothing counts as one.

    :raises ConflictError: there is one.
    """
    if found.proven:
        return
    session = next(iter((*found.others, *found.sessions)), None)
    if session is not None:
        raise ConflictError(
            f"{session.platform} already has a session with this title and these times: {session.session_id}, "
            f"{draft.title!r}, {session.state}; on_existing='return' ignores it",
            status=409,
            route=Feature.CREATE.value,
        )


def _choose_oldest(found: _FoundSessions) -> Session:
    session, *rest = found.sessions
    if rest:
        others = ", ".join(other.session_id for other in rest)
        log.warning(
            "There are %d such sessions; using the oldest, %s, not %s", len(found.sessions), session.session_id, others
        )
    log.info("Session %s exists already and is %s", session.session_id, session.state)
    return session


# --- creating ---------------------------------------------------------------------------------------------------------


async def _recreate(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, found: _FoundSessions, known_session: Session | None
) -> Session:
    """Cancel the sessions of this create, then create a new one.

    :raises ConflictError: one has started, or may belong to another create; nothing was canceled.
    """
    known = [known_session] if known_session else []
    sessions = {session.session_id: session for session in (*found.sessions, *known)}
    certain = found.proven | {session.session_id for session in known}
    for session in sessions.values():
        if session.session_id not in certain:
            reason = "nothing proves that this task created it"
        elif session.state not in _CANCELABLE:
            reason = f"it is {session.state}"
        else:
            continue
        raise ConflictError(
            f"on_existing='recreate' cannot cancel session {session.session_id} of {session.platform}: {reason}",
            status=409,
            route=Feature.CANCEL.value,
        )
    for session in sessions.values():
        log.info("Canceling session %s to recreate it", session.session_id)
        await cancel_session(adapter, session.session_id, notify=True)
    await asyncio.to_thread(record.record_canceled, sessions)
    return await _create(adapter, draft.model_copy(update={"turn": found.last_turn + 1}), record)


async def _create(adapter: Adapter, draft: SessionDraft, record: SendRecord) -> Session:
    """Send the create request and return the one session that results."""
    clock = adapter.client.clock
    # The next searches need only sessions created from now on: the search before found no older one.
    draft = draft.model_copy(update={"since": clock.now(), "attempt": _make_send_id(clock)})
    warn_if_start_is_past(draft.start, clock)
    await asyncio.to_thread(record.record_send, draft.attempt)
    try:
        created = await adapter.create(draft)
    except UNCLEAR_ERRORS as create_error:
        record_result = record.record_outcome if _is_final_response(create_error) else record.record_give_up
        await asyncio.to_thread(record_result, draft.attempt)
        log.warning("The session may have been created or not (%s); searching for it", create_error)
        return await _find_after_unclear(adapter, draft, record, create_error)
    except SessionsError as refusal:
        await asyncio.to_thread(record.record_outcome, draft.attempt)
        if not isinstance(refusal, ConflictError | RejectedError) or not adapter.has_unique_names(draft):
            raise
        return await _find_after_conflict(adapter, draft, record, refusal)
    await asyncio.to_thread(record.record_outcome, draft.attempt)
    log.info("Created session %s", created.session_id)
    return created if adapter.has_unique_names(draft) else await _resolve_race(adapter, draft, record, created)


async def _find_after_unclear(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, create_error: SessionsError
) -> Session:
    """Return the session of a create whose outcome is unclear.

    :raises SessionsError: ``create_error``, if there is no session.
    :raises TooEarlyError: only another send's session was found, and this one's may still be created.
    """
    try:
        found = await _find_sessions(adapter, draft, record)
        if _may_find_older(adapter, draft, found):
            await adapter.client.clock.sleep(_TICK_SECONDS)
            found = await _find_sessions(adapter, draft, record)
    except RateLimitedError:
        raise  # it says when the task may search again
    except SessionsError as search_error:
        log.warning(
            "The search failed, too (%s); a retry of this task searches again before it creates a session", search_error
        )
        raise create_error from search_error
    if not found.sessions:
        if draft.attempt in record.open_sends and not adapter.has_unique_names(draft):
            _log_retry_advice(adapter, draft, record)
        raise create_error
    if _is_send_pending(adapter, draft, record, found, None):
        raise _make_too_early_error(adapter, draft, record)
    log.info("The session was created: %s", found.sessions[0].session_id)
    await _record_found_and_cancel_duplicates(adapter, record, found)
    return found.sessions[0]


def _is_final_response(create_error: SessionsError) -> bool:
    """Whether the platform itself responded, so that it does not carry out the request later.

    A gateway that gave up (502, 503, 504) may leave the request with the platform.
    """
    return isinstance(create_error, ServerError) and create_error.status in (500, 501)


def _log_retry_advice(adapter: Adapter, draft: SessionDraft, record: SendRecord) -> None:
    """Log what a retry does, and what to do without one."""
    log.warning(
        "%s may still carry out the request for %r: a retry searches for the session, and sends nothing before %s. "
        "Without a retry, search for it on the platform before you clear the task",
        adapter.platform,
        draft.title,
        format_clock_time(record.pending_until(_LATE_REQUEST_SECONDS)),
    )


async def _find_after_conflict(
    adapter: Adapter,
    draft: SessionDraft,
    record: SendRecord,
    refusal: ConflictError | RejectedError,
) -> Session:
    """Return the session that has the name of a create that was refused. If there is none, use another name.

    :raises ApiError: ``refusal``, if the create was refused for another reason.
    """
    for delay in _CONFLICT_DELAYS:
        await adapter.client.clock.sleep(delay)
        found = await _find_sessions(adapter, draft, record, everywhere=True)
        if found.sessions:
            log.info("Another try has created the session: %s", found.sessions[0].session_id)
            return found.sessions[0]
        if not isinstance(refusal, ConflictError):
            raise refusal
    other_draft = adapter.with_other_name(draft)
    if other_draft is None:
        raise refusal
    log.warning("A canceled session still has this session's name (%s); using another name", refusal)
    return await _create(adapter, other_draft, record)


async def _resolve_race(adapter: Adapter, draft: SessionDraft, record: SendRecord, created: Session) -> Session:
    """Return the oldest session of all tries that ran at the same time, and cancel this try's if it is another."""
    if _has_whole_second(created):
        await adapter.client.clock.sleep(_TICK_SECONDS)  # then no other can appear that seems to be as old
    try:
        found = await _find_sessions_with_wait(adapter, draft, record)
    except SessionsError as search_error:
        log.warning("Could not check whether another try created the session at the same time: %s", search_error)
        return created
    candidates = found.candidates
    if created.session_id not in {session.session_id for session in found.sessions}:  # lists may be late
        marker = DescriptionMarker(draft.key, draft.attempt) if draft.key else None
        candidates = _sort_by_age([*candidates, Candidate(created, marker, is_similar=True, can_have_marker=False)])
    oldest = candidates[0].session
    if oldest.session_id == created.session_id:
        return created
    try:
        current = await adapter.get(created.session_id)
    except NotFoundError:
        return oldest
    except SessionsError as error:
        log.warning("Could not check whether session %s is a duplicate: %s", created.session_id, error)
        return oldest
    if current.session_id == oldest.session_id:  # a request that has become a session meanwhile
        return oldest
    log.warning("Another try created session %s at the same time; using it", oldest.session_id)
    await _cancel_duplicates(adapter, {created.session_id})
    return oldest


async def _record_found_and_cancel_duplicates(adapter: Adapter, record: SendRecord, found: _FoundSessions) -> None:
    """Record the outcome of sends whose sessions were found; cancel these sessions, except the one that counts."""
    for send_id in found.by_send:
        await asyncio.to_thread(record.record_outcome, send_id)
    await _cancel_duplicates(adapter, set(found.by_send.values()) - {found.sessions[0].session_id})


async def _cancel_duplicates(adapter: Adapter, session_ids: Set[str]) -> None:
    """Cancel sessions that result from this try's send or from sends without a response, and do not count."""
    for session_id in session_ids:
        try:
            await cancel_session(adapter, session_id, notify=False)
            log.info("Canceled session %s, a duplicate", session_id)
        except SessionsError as error:
            log.warning("Session %s is a duplicate and could not be canceled: %s", session_id, error)
