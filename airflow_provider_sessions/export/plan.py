"""The plan of an export: which sessions, which of their datasets, and which of them must wait."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from airflow_provider_sessions.errors import (
    NotFoundError,
    PermissionDeniedError,
    ResponseError,
    SessionsError,
    UnknownStateError,
)
from airflow_provider_sessions.export.datasets import Dataset, account_name, select_datasets
from airflow_provider_sessions.export.discovery import SessionDiscovery
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER, DueSession, get_give_up_start
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode
from airflow_provider_sessions.export.rows import PersonalData
from airflow_provider_sessions.export.session_artifacts import get_end
from airflow_provider_sessions.messages import ProgressLog
from airflow_provider_sessions.model import (
    Session,
    SessionQuery,
    SessionState,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What a run exports.

    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    :param sessions: sessions that ended, in the order in which they are written.
    :param unfinished: sessions that should have ended but have not, and those that wait for another reason.
    :param only_datasets: by session id, the datasets of a session that was added because it is due.
    :param deleted: ids of sessions that the platform no longer has.
    :param not_found: by id, the platform's error for a session that the query names and the platform does not have.
    :param reasons: by session id, why it waits, if not for its end.
    :param redaction: what happens to personal data.
    :param conn_id: the connection that shows the sessions.
    :param discovery: what has listed the sessions; None if the whole list was read without a catalogue.
    """

    platform: str
    account: str
    query: SessionQuery
    datasets: tuple[Dataset, ...]
    sessions: tuple[Session, ...]
    unfinished: tuple[Session, ...] = ()
    only_datasets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()
    not_found: Mapping[str, NotFoundError] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)
    conn_id: str = ""
    discovery: SessionDiscovery | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether the query has filters besides its window."""
        return self.query.model_copy(update={"window": None}) != SessionQuery(by=self.query.by)

    @property
    def view(self) -> str:
        """Identifies the sessions that this export can see: those that its connection shows and its filters match.

        A session that an export has seen, and that its connection no longer shows, was deleted. One that it has not
        seen may belong to another organization, or not match the filters. Filters that are not recorded count, too, and
        are hashed with the key of the redaction, if there is one, because a title can be guessed.
        """
        if not self.is_filtered:
            return self.conn_id
        query = self.query.model_dump(mode="json", exclude_none=True)
        filters = json.dumps({name: query[name] for name in query if name not in ("window", "by")}, sort_keys=True)
        is_recorded = query == self.recorded_query
        digest = hashlib.sha256(filters.encode()).hexdigest() if is_recorded else self.redaction.hash_text(filters)
        return f"{self.conn_id}#{digest[:10]}"

    @property
    def views(self) -> frozenset[str]:
        """All views that show the sessions of this plan."""
        return frozenset({self.conn_id, self.view})

    @property
    def recorded_query(self) -> dict[str, Any]:
        """The query as recorded: without filters on titles, which may be personal, unless titles are kept."""
        is_kept = self.redaction.mode([PersonalData.TITLE]) is RedactionMode.KEEP
        return self.query.model_dump(mode="json", exclude_none=True, exclude=set() if is_kept else {"title", "case"})

    def datasets_for(self, session_id: str) -> tuple[Dataset, ...]:
        """Return the datasets to export of a session."""
        only = self.only_datasets.get(session_id)
        return self.datasets if only is None else tuple(one for one in self.datasets if one.name in only)


async def plan_export(
    adapter: Adapter,
    query: SessionQuery,
    wanted: Sequence[Dataset] | None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
    discovery: SessionDiscovery | None = None,
) -> ExportPlan:
    """List the sessions that ended in a window, or get those that the query names.

    The list is read to its end before any other request, because page tokens expire while a slow consumer works.
    Sessions that should have ended in the window are included as unfinished, and live ones that started before its end:
    a platform may report an end so late that no later run's window contains it. So are named sessions that have not
    ended.

    :param query: its window is about the time at which sessions ended.
    :param wanted: the datasets to export; None for all that the platform supports.
    :param redaction: what happens to personal data.
    :param discovery: lists the sessions by a catalogue; None to read the whole list.
    :raises UnsupportedError: the platform does not support one of the datasets. Nothing was sent.
    :raises SessionsError: a named session cannot be requested.
    """
    empty = make_empty_plan(adapter, query, wanted, redaction)
    if query.session_ids:
        return await _plan_named_sessions(adapter, empty)
    found: dict[str, Session] = {}
    reasons: dict[str, str] = {}
    listed = query.model_copy(update={"by": WindowBy.ENDED_OR_DUE})
    progress = ProgressLog("sessions listed")
    items = adapter.sessions_and_errors(listed) if discovery is None else discovery.list_sessions(adapter, listed)
    async for item in items:
        session = item if isinstance(item, Session) else item.session
        reason = _find_doubt(listed, item) if isinstance(item, Session) else str(item)
        found[session.session_id] = session
        reasons |= {} if reason is None else {session.session_id: reason}
        progress.update(len(found))
    now = adapter.client.clock.now()
    waiting = {key: one for key, one in found.items() if key in reasons or one.ended_at is None}
    _log_waiting(reasons)
    return replace(
        empty,
        sessions=sort_sessions(one for key, one in found.items() if key not in waiting),
        unfinished=tuple(one for one in waiting.values() if _is_awaited(one, query.window, now)),
        reasons=reasons,
        discovery=discovery,
    )


def _is_awaited(session: Session, window: Window | None, now: datetime) -> bool:
    """Return whether a session without a known end is recorded as unfinished.

    A live one may end at any time. If it should have ended long ago, only the run of that window records it.
    """
    due = get_give_up_start(session, now)
    if session.state is not SessionState.LIVE:
        return due <= now
    return now - due < GIVE_UP_AFTER or window is None or due in window


def make_empty_plan(
    adapter: Adapter, query: SessionQuery, wanted: Sequence[Dataset] | None, redaction: Redaction
) -> ExportPlan:
    """Return the plan of an export without its sessions. Nothing is sent.

    :param wanted: the datasets to export; None for all that the platform supports.
    :raises UnsupportedError: the platform does not support one of the datasets.
    """
    return ExportPlan(
        adapter.platform,
        account_name(adapter),
        query,
        select_datasets(adapter, wanted),
        sessions=(),
        redaction=redaction,
        conn_id=adapter.account.conn_id,
    )


async def _plan_named_sessions(adapter: Adapter, empty: ExportPlan) -> ExportPlan:
    query = empty.query
    polled = await adapter.poll_sessions(dict.fromkeys(query.session_ids))
    sessions: dict[str, Session] = {}
    reasons: dict[str, str] = {}
    for key, one in polled.items():
        session = one.session if isinstance(one, UnknownStateError) else one
        if isinstance(session, Session):
            # A request that was scheduled has become a session with another id.
            sessions[session.session_id] = session
            reason = str(one) if isinstance(one, UnknownStateError) else _find_doubt(query, session)
            reasons |= {} if reason is None else {session.session_id: reason}
        elif not isinstance(one, Session | NotFoundError):
            one.add_note(f"while exporting session {key}")
            raise one
    waiting = {key: one for key, one in sessions.items() if key in reasons or one.ended_at is None}
    _log_waiting(reasons)
    return replace(
        empty,
        query=query.model_copy(update={"session_ids": tuple(dict.fromkeys((*query.session_ids, *sessions)))}),
        sessions=sort_sessions(one for key, one in sessions.items() if key not in waiting),
        unfinished=tuple(waiting.values()),
        not_found={key: one for key, one in polled.items() if isinstance(one, NotFoundError)},
        reasons=reasons,
    )


async def add_due_sessions(adapter: Adapter, plan: ExportPlan, due: Mapping[str, DueSession]) -> ExportPlan:
    """Add the sessions that the ledger names, as they are now.

    Not added are sessions that the query's filters do not match, and sessions that the platform does not have and this
    export never saw: they belong to other exports. Of a deleted session all datasets are added, whichever was due,
    because each entry records the deletion. One that was seen before and is refused now (403) is unfinished.

    :param due: what :meth:`~airflow_provider_sessions.export.run.ExportTarget.begin` returned.
    :raises SessionsError: a session cannot be requested, or several are due and all of them are refused; a note names
        one.
    """
    listed = {session.session_id for session in (*plan.sessions, *plan.unfinished)}
    wanted = {dataset.name for dataset in plan.datasets}
    added = {key: one for key, one in due.items() if key not in listed and one.datasets & wanted}
    anywhere = plan.query.model_copy(update={"window": None})
    sessions, unfinished = list(plan.sessions), list(plan.unfinished)
    only, deleted = dict[str, frozenset[str]](), set[str]()
    reasons: dict[str, str] = {}
    known = {} if plan.discovery is None else await plan.discovery.find_sessions(adapter, added.keys())
    unknown = {key: one for key, one in added.items() if key not in known}
    polled = {**known, **await _poll_due_sessions(adapter, unknown, plan.conn_id)}
    _check_refusals(polled)
    for key, session in polled.items():
        one = added[key]
        if not (one.owned or plan.view in one.seen_by or (isinstance(session, Session) and anywhere.matches(session))):
            continue
        if isinstance(session, SessionsError):
            only[key], reasons[key] = one.datasets & wanted, str(session)
            unfinished.append(one.session)
            continue
        if session is None and one.session.ended_at is None:
            # It was never seen to have ended, so nothing of it was exported: record it as canceled.
            unfinished.append(one.session.model_copy(update={"state": SessionState.CANCELED}))
            continue
        if session is None:
            deleted.add(key)
            sessions.append(one.session)
            continue
        only[key] = one.datasets & wanted
        if reason := _find_doubt(anywhere, session):
            reasons[key] = reason
        (unfinished if session.ended_at is None or reason else sessions).append(session)
    _log_waiting(reasons)
    return replace(
        plan,
        sessions=sort_sessions(sessions),
        unfinished=tuple(unfinished),
        only_datasets=only,
        deleted=frozenset(deleted),
        reasons={**plan.reasons, **reasons},
    )


def _find_doubt(query: SessionQuery, session: Session) -> str | None:
    """Return why it is unknown whether a session belongs to an export; None if it is known."""
    if session.state is SessionState.ENDED and session.ended_at is None:
        return "the session has ended, but its end is unknown"
    doubts = query.doubts(session)
    return f"{', '.join(doubts)} cannot be read, so it is unknown whether the session matches" if doubts else None


def _log_waiting(reasons: Mapping[str, str]) -> None:
    for key, reason in reasons.items():
        log.warning("Session %s is pending: %s", key, reason)


async def _poll_due_sessions(
    adapter: Adapter, due: Mapping[str, DueSession], conn_id: str
) -> dict[str, Session | SessionsError | None]:
    """Return by id the session, the error of one that cannot be read or was shown before, or None.

    None means that the platform no longer has the session, or never showed it to this connection.
    """
    shown = {key for key, one in due.items() if one.owned or conn_id in one.seen_by}
    # Those first: a poll may stop at sessions of another organization.
    polled = await adapter.poll_sessions(dict.fromkeys(sorted(due, key=lambda key: key not in shown))) if due else {}
    found: dict[str, Session | SessionsError | None] = {}
    for key in due:
        session = polled[key]
        if isinstance(session, NotFoundError) or (isinstance(session, PermissionDeniedError) and key not in shown):
            found[key] = None
        elif isinstance(session, Session | ResponseError | PermissionDeniedError):
            found[key] = session
        else:
            session.add_note(f"while exporting session {key}")
            raise session
    return found


def _check_refusals(polled: Mapping[str, Session | SessionsError | None]) -> None:
    """Check that not all of several sessions are refused: then the key has lost its permission.

    :raises PermissionDeniedError: they are.
    """
    found = {key: session for key, session in polled.items() if session is not None}
    refused = {key: session for key, session in found.items() if isinstance(session, PermissionDeniedError)}
    if len(refused) > 1 and len(refused) == len(found):
        key, error = next(iter(refused.items()))
        error.add_note(f"while exporting session {key}; all {len(refused)} sessions that are due are refused")
        raise error


def sort_sessions(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Return sessions in the order in which they are written: by their ends."""
    return tuple(sorted(sessions, key=lambda session: (get_end(session), session.session_id)))
