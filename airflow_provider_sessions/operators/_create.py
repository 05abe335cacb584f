"""Create one session, whatever happens on the way: the one place that decides whether a create request is sent.

An attempt searches for a session that an earlier attempt created, and creates one only if there is none. If it is not
clear whether a request was carried out, the attempt searches again instead of sending it again. After creating a
session it searches once more, because another attempt may have created one at the same time on a host that does not
share the lock (see :mod:`airflow_provider_sessions.operators._create_lock`). Then the oldest session counts for both,
and the attempt that created the other one cancels it. An attempt cancels only sessions that it created itself, or that
an earlier attempt created without knowing. To recreate a session, it cancels only those whose marker proves that they
belong to this create. Sessions created elsewhere are never touched.

A request without a response may be carried out up to a minute after its sender gave up. Until then nothing is sent
again, unless the platform itself refuses a second session; nor does another attempt's session count as the only one
(see :mod:`airflow_provider_sessions.operators._send_record`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    AnswerError,
    BrokenConnectionError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.model.closed_words import unknown_words
from airflow_provider_sessions.operators import _send_record
from airflow_provider_sessions.operators._send_record import SendRecord, format_clock_time
from airflow_provider_sessions.operators._transitions import cancel_session, warn_if_start_is_past
from airflow_provider_sessions.platforms.adapter import Adapter, Question
from airflow_provider_sessions.platforms.marks import Mark, Trace
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

UNCLEAR_ERRORS = (BrokenConnectionError, ServerError, AnswerError)
"""Outcomes after which a request may have been carried out."""
_GONE = (SessionState.CANCELED, SessionState.EXPIRED)
_CANCELABLE = (SessionState.REQUESTED, SessionState.SCHEDULED)
_LATE_REQUEST_SECONDS = _send_record.LATE_REQUEST_SECONDS
"""Seconds for which a request may still be carried out after its sender gave up, or was killed."""
_RECHECK_SECONDS = 3.0
"""Seconds after which a look for it is repeated at once: most such requests are carried out by then."""
_MAX_WAIT = 60.0
"""Seconds that a look after the create waits for its slot."""
_CONFLICT_DELAYS = (0.0, 1.0, 3.0)
"""Seconds before each look for who has a name that the platform says is taken: lists may be late."""


OnExistingName = Literal["return", "fail", "recreate"]
"""The words of :class:`OnExisting`, for the types of arguments."""


class TooEarlyError(Exception):
    """What was sent before may still be carried out: the task has to come back later. It never leaves the operators.

    :param until: when, in seconds since 1970.
    """

    def __init__(self, message: str, until: float) -> None:
        super().__init__(message)
        self.until = until


class OnExisting(StrEnum):
    """What is done where a session is there before it was made."""

    RETURN = "return"
    """Return the one that an earlier attempt made; what others made is no obstacle."""
    FAIL = "fail"
    """The same, but what others made with this title and these times is an error."""
    RECREATE = "recreate"
    """Cancel the one that an earlier attempt made, and make another."""

    @classmethod
    def read(cls, value: object) -> OnExisting:
        """Read an argument.

        :raises InputError: another word.
        """
        if value not in tuple(cls):
            raise unknown_words("on_existing", [value], cls)
        return cls(str(value))


@dataclass(frozen=True, slots=True)
class _FoundSessions:
    """What a look has found.

    :param traces: sessions that attempts at this create made and that are alive, the one that counts first.
    :param proven: ids of those of which that is certain.
    :param others: sessions that others made, alive and with the same title and times.
    :param turn: how many sessions of this create the platform has ever had, as far as it tells.
    :param mine: ids of those that this very attempt made, or an earlier one that got no answer, by attempt.
    """

    traces: tuple[Trace, ...]
    proven: frozenset[str]
    others: tuple[Session, ...]
    turn: int
    mine: Mapping[str, str]

    @property
    def ours(self) -> tuple[Session, ...]:
        """The sessions that attempts at this create made."""
        return tuple(trace.session for trace in self.traces)


async def create_once(
    adapter: Adapter,
    draft: SessionDraft,
    on_existing: OnExisting = OnExisting.RETURN,
    *,
    record: SendRecord,
    known: str | None = None,
) -> Session:
    """Make a session, unless an earlier attempt has.

    :param adapter: the platform.
    :param draft: what is to be made, with the key of this create.
    :param on_existing: what to do where it is there.
    :param record: what was sent before.
    :param known: id of the session that an earlier attempt is known to have made.
    :raises InputError: the platform cannot make it; nothing was sent.
    :raises TooEarlyError: what was sent before may still be carried out; nothing was sent.
    :raises ConflictError: it is there and that is to be an error, or it cannot be canceled any more.
    """
    adapter.require(Question.CREATE)
    adapter.validate(draft)
    remembered = await _get_known_session(adapter, known)
    if remembered is not None and on_existing is not OnExisting.RECREATE:
        log.info("The session is there already: %s, %s", remembered.session_id, remembered.state)
        return remembered

    found = await _find_settled(adapter, draft, record, remembered)
    if found.ours:
        await _settle_and_cancel_late(adapter, record, found)
    if on_existing is OnExisting.RECREATE:
        return await _recreate(adapter, draft, record, found, remembered)
    if on_existing is OnExisting.FAIL:
        _fail_if_others_exist(draft, found)
    if found.ours:
        return _choose_oldest(found)
    return await _create(adapter, draft.model_copy(update={"turn": found.turn + 1}), record)


# --- looking ----------------------------------------------------------------------------------------------------------


async def _get_known_session(adapter: Adapter, session_id: str | None) -> Session | None:
    """The session that is remembered, if it is still there and was not called off."""
    if session_id is None:
        return None
    try:
        session = await adapter.get(session_id)
    except NotFoundError:
        log.info("Session %s, which an earlier attempt made, is gone", session_id)
        return None
    if session.state in _GONE:
        log.info("Session %s, which an earlier attempt made, is %s", session_id, session.state)
        return None
    return session


async def _find_settled(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, remembered: Session | None
) -> _FoundSessions:
    """Look for what attempts at a draft made, once nothing more can come of what was sent before.

    :raises TooEarlyError: something can.
    """
    found = await _find_sessions(adapter, draft, record)
    if not _is_send_pending(adapter, draft, record, found, remembered):
        return found
    await adapter.client.clock.sleep(_RECHECK_SECONDS)
    found = await _find_sessions(adapter, draft, record)
    if _is_send_pending(adapter, draft, record, found, remembered):
        raise _make_too_early_error(adapter, draft, record)
    return found


def _is_send_pending(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, found: _FoundSessions, remembered: Session | None
) -> bool:
    """Whether what was sent before, and is not among what was found, may still be carried out and do harm."""
    if adapter.makes_one(draft) or record.is_quiet(_LATE_REQUEST_SECONDS):
        return False
    is_there = bool(found.ours) or remembered is not None
    return not is_there or bool(record.open_sends - found.mine.keys() and _has_attempts(found))


def _has_attempts(found: _FoundSessions) -> bool:
    """Whether sessions tell which attempt made them: else the one that is there is taken for all of them."""
    return any(trace.mark and trace.mark.attempt for trace in found.traces)


def _make_too_early_error(adapter: Adapter, draft: SessionDraft, record: SendRecord) -> TooEarlyError:
    until = record.quiet_until(_LATE_REQUEST_SECONDS)
    return TooEarlyError(
        f"{adapter.platform} may still carry out an earlier try's request for {draft.title!r}, which was not answered: "
        f"none is sent before {format_clock_time(until)}, and then only if the session is not there",
        until,
    )


async def _find_sessions(
    adapter: Adapter,
    draft: SessionDraft,
    record: SendRecord,
    *,
    without: Set[str] = frozenset(),
    everywhere: bool = False,
) -> _FoundSessions:
    """Look for what attempts at a draft made.

    :param without: ids of sessions that were called off just now; lists may still show them.
    """
    attempts = record.open_sends | {draft.attempt}
    traces = [
        trace for trace in await adapter.find(draft, everywhere=everywhere) if trace.session.session_id not in without
    ]
    made = [trace for trace in traces if trace.is_ours(draft)]
    alive = [trace for trace in traces if trace.session.state not in _GONE]
    ours = [trace for trace in alive if trace.is_ours(draft)]
    _warn_of_other_arguments(draft, alive)
    return _FoundSessions(
        traces=_sort_by_age(ours),
        proven=frozenset(trace.session.session_id for trace in ours if trace.is_proven(draft)),
        others=tuple(trace.session for trace in _sort_by_age(alive) if trace.alike and trace not in ours),
        turn=max((trace.mark.turn for trace in made if trace.mark), default=0),
        mine={t.mark.attempt: t.session.session_id for t in ours if t.mark and t.mark.attempt in attempts},
    )


async def _find_sessions_with_wait(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, without: Set[str]
) -> _FoundSessions:
    """Look; where the account has no slot just now, wait for it here: what was made is not to be left in between."""
    try:
        return await _find_sessions(adapter, draft, record, without=without)
    except RateLimitedError as full:
        if full.retry_after is None or full.retry_after > _MAX_WAIT:
            raise
        await adapter.client.clock.sleep(full.retry_after)
        return await _find_sessions(adapter, draft, record, without=without)


def _sort_by_age(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Each session once, the oldest first: in an order in which every attempt sees them.

    Of those made in the same instant, as far as the platform tells, the one that was asked for first counts as older.
    Last the ids decide; where they are numbers, the lower are shorter.
    """

    def age(trace: Trace) -> tuple[datetime, str, int, str]:
        session, attempt = trace.session, (trace.mark and trace.mark.attempt) or ""
        created_at = session.created_at or datetime.max.replace(tzinfo=UTC)
        return created_at, attempt, len(session.session_id), session.session_id

    return tuple(sorted({trace.session.session_id: trace for trace in traces}.values(), key=age))


def _make_attempt_id(clock: Clock) -> str:
    """What tells an attempt from others; they sort by when they began (within 49 days, which is more than enough)."""
    milliseconds = int(clock.now().timestamp() * 1000)
    return f"{milliseconds % 2**32:08x}{secrets.token_hex(2)}"


def _warn_of_other_arguments(draft: SessionDraft, alive: Iterable[Trace]) -> None:
    for trace in alive:
        if trace.mark and trace.mark.key != draft.key and trace.mark.is_of_same_task(draft):
            log.warning(
                "This task has made session %s (%r) with other arguments before; it stays, cancel it if it is not "
                "wanted. Arguments that differ between tries, such as now(), make a session each time",
                trace.session.session_id,
                trace.session.title,
            )


def _fail_if_others_exist(draft: SessionDraft, found: _FoundSessions) -> None:
    """Fail where others made such a session; what may be ours or not counts as theirs, too.

    :raises ConflictError: they did.
    """
    if found.proven:
        return
    for session in (*found.others, *found.ours):
        raise ConflictError(
            f"{session.platform} has a session of this title and these times already: {session.session_id}, "
            f"{draft.title!r}, {session.state}; on_existing='return' would not mind",
            status=409,
            route=Question.CREATE.value,
        )


def _choose_oldest(found: _FoundSessions) -> Session:
    session, *rest = found.ours
    if rest:
        others = ", ".join(other.session_id for other in rest)
        log.warning(
            "There are %d such sessions; %s is the oldest, besides %s", len(found.ours), session.session_id, others
        )
    log.info("The session is there already: %s, %s", session.session_id, session.state)
    return session


# --- making -----------------------------------------------------------------------------------------------------------


async def _recreate(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, found: _FoundSessions, remembered: Session | None
) -> Session:
    """Cancel what attempts at this draft made, then make it.

    :raises ConflictError: one has begun, or it is not certain that this create made it; nothing was canceled.
    """
    ours = {session.session_id: session for session in (*found.ours, *([remembered] if remembered else []))}.values()
    certain = found.proven | ({remembered.session_id} if remembered else set())
    for session in ours:
        if session.session_id not in certain:
            reason = "nothing proves that this task made it"
        elif session.state not in _CANCELABLE:
            reason = f"it is {session.state}"
        else:
            continue
        raise ConflictError(
            f"on_existing='recreate' cannot cancel session {session.session_id} of {session.platform}: {reason}",
            status=409,
            route=Question.CANCEL.value,
        )
    for session in ours:
        log.info("Canceling session %s to make it anew", session.session_id)
        await cancel_session(adapter, session.session_id, notify=True)
    gone = frozenset(session.session_id for session in ours)
    return await _create(adapter, draft.model_copy(update={"turn": found.turn + 1}), record, without=gone)


async def _create(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, *, without: Set[str] = frozenset()
) -> Session:
    """Send the create, and see to it that one session comes of it.

    :param without: ids of sessions that were called off just now.
    """
    clock = adapter.client.clock
    # What is older has been looked for.
    draft = draft.model_copy(update={"since": clock.now(), "attempt": _make_attempt_id(clock)})
    warn_if_start_is_past(draft.start, clock)
    await asyncio.to_thread(record.record_send, draft.attempt)
    try:
        made = await adapter.create(draft)
    except UNCLEAR_ERRORS as unclear:
        note = record.settle if _is_final_response(unclear) else record.record_give_up
        await asyncio.to_thread(note, draft.attempt)
        log.warning("It is not clear whether the session was made (%s); looking for it", unclear)
        return await _find_after_unclear(adapter, draft, record, without, unclear)
    except SessionsError as refused:
        await asyncio.to_thread(record.settle, draft.attempt)
        if not isinstance(refused, ConflictError | RejectedError) or not adapter.makes_one(draft):
            raise
        return await _find_after_conflict(adapter, draft, record, without, refused)
    await asyncio.to_thread(record.settle, draft.attempt)
    log.info("Made session %s", made.session_id)
    return made if adapter.makes_one(draft) else await _resolve_race(adapter, draft, record, without, made)


async def _find_after_unclear(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, without: Set[str], unclear: SessionsError
) -> Session:
    """What came of a create whose outcome is not clear.

    :raises SessionsError: ``unclear``, where there is nothing to be seen of it.
    :raises TooEarlyError: another attempt's session is there, and this one's may still come.
    """
    try:
        found = await _find_sessions(adapter, draft, record, without=without)
    except RateLimitedError:
        raise  # says when the task may look again, before it makes anything
    except SessionsError as blind:
        log.warning("Looking failed as well (%s); a retry of this task looks again before it makes anything", blind)
        raise unclear from blind
    if not found.ours:
        if draft.attempt in record.open_sends and not adapter.makes_one(draft):
            _log_retry_advice(adapter, draft, record)
        raise unclear
    if _is_send_pending(adapter, draft, record, found, None):
        raise _make_too_early_error(adapter, draft, record)
    log.info("The session was made: %s", found.ours[0].session_id)
    await _settle_and_cancel_late(adapter, record, found)
    return found.ours[0]


def _is_final_response(unclear: SessionsError) -> bool:
    """Whether the platform itself has answered: what it has not done by then it does not do later.

    A gateway that gave up (502, 504) has not.
    """
    return isinstance(unclear, ServerError) and unclear.status in (500, 501, 503)


def _log_retry_advice(adapter: Adapter, draft: SessionDraft, record: SendRecord) -> None:
    """Say what a retry does, and what to do where what was sent cannot be taken back."""
    log.warning(
        "%s may still carry out the request for %r: a retry looks for the session, and sends nothing before %s. "
        "Without a retry, look for it on the platform before you clear the task",
        adapter.platform,
        draft.title,
        format_clock_time(record.quiet_until(_LATE_REQUEST_SECONDS)),
    )


async def _find_after_conflict(
    adapter: Adapter,
    draft: SessionDraft,
    record: SendRecord,
    without: Set[str],
    refused: ConflictError | RejectedError,
) -> Session:
    """The session for whose sake a create was refused: another attempt made it. Where there is none, try another name.

    :raises ApiError: ``refused``, where it was for another reason.
    """
    for pause in _CONFLICT_DELAYS:
        await adapter.client.clock.sleep(pause)
        found = await _find_sessions(adapter, draft, record, without=without, everywhere=True)
        if found.ours:
            log.info("Another attempt has made the session: %s", found.ours[0].session_id)
            return found.ours[0]
        if not isinstance(refused, ConflictError):
            raise refused
    renamed = adapter.renamed(draft)
    if renamed is None:
        raise refused
    log.warning("The session's name is still taken by one that was called off (%s); taking another", refused)
    return await _create(adapter, renamed, record, without=without)


async def _resolve_race(
    adapter: Adapter, draft: SessionDraft, record: SendRecord, without: Set[str], made: Session
) -> Session:
    """Agree with attempts that ran at the same time: the oldest session counts, and ours is taken back if it is not."""
    try:
        found = await _find_sessions_with_wait(adapter, draft, record, without)
    except SessionsError as blind:
        log.warning("Could not look whether another attempt made the session at the same time: %s", blind)
        return made
    traces = found.traces
    if made.session_id not in {session.session_id for session in found.ours}:  # lists may be late
        mark = Mark(draft.key, draft.attempt) if draft.key else None
        traces = _sort_by_age([*traces, Trace(made, mark, alike=True, legible=False)])
    winner = traces[0].session
    if winner.session_id == made.session_id:
        return made
    log.warning("Another attempt made session %s at the same time; it counts", winner.session_id)
    await _cancel_duplicates(adapter, {made.session_id})
    return winner


async def _settle_and_cancel_late(adapter: Adapter, record: SendRecord, found: _FoundSessions) -> None:
    """Remove what attempts that got no answer made besides the session that counts; nobody knows of it."""
    for attempt in found.mine:
        await asyncio.to_thread(record.settle, attempt)
    await _cancel_duplicates(adapter, set(found.mine.values()) - {found.ours[0].session_id})


async def _cancel_duplicates(adapter: Adapter, session_ids: Set[str]) -> None:
    """Remove what was made by this very attempt, or by one that got no answer, after another attempt's."""
    for session_id in session_ids:
        try:
            await cancel_session(adapter, session_id, notify=False)
            log.info("Took session %s back, which was made too late", session_id)
        except SessionsError as failure:
            log.warning("Session %s is one too many and could not be taken back: %s", session_id, failure)
