"""Which sessions an export is about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_sessions.errors import (
    NotFoundError,
    PermissionDeniedError,
    ResponseError,
    SessionsError,
)
from airflow_provider_sessions.export.datasets import Dataset, account_name, select_datasets
from airflow_provider_sessions.export.ledger import DueSession, expected_end
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode
from airflow_provider_sessions.export.rows import PersonalData
from airflow_provider_sessions.export.session_artifacts import get_end
from airflow_provider_sessions.messages import ProgressLog
from airflow_provider_sessions.model import (
    Session,
    SessionQuery,
    SessionState,
    WindowBy,
)
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.list_items import ListedSession
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What is to be exported. ``sessions`` are in the order in which they are written.

    :param unfinished: sessions that should be over by plan, or were when they were looked at before, and are not; and
        those that wait for another reason.
    :param reasons: by session id: why it waits, if not because it goes on.
    :param only: by session id: the datasets of a session that is not looked at for its own window.
    :param deleted: ids of sessions that the platform does not know any more.
    :param redaction: what becomes of what is personal.
    :param conn_id: the connection that the sessions are seen through.
    """

    platform: str
    account: str
    query: SessionQuery
    datasets: tuple[Dataset, ...]
    sessions: tuple[Session, ...]
    unfinished: tuple[Session, ...] = ()
    only_datasets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)
    conn_id: str = ""

    @property
    def is_filtered(self) -> bool:
        """Whether the query leaves out sessions, whatever its window."""
        return self.query.model_copy(update={"window": None}) != SessionQuery(by=self.query.by)

    @property
    def view(self) -> str:
        """Which sessions this export can see at all: what its connection shows, and its query does not leave out.

        What an export has seen, and the platform no longer knows through the same connection, was deleted. What it has
        not seen may be another organization's, or beside its filters.
        """
        if not self.is_filtered:
            return self.conn_id
        filters = {name: value for name, value in self.recorded_query.items() if name not in ("window", "by")}
        return f"{self.conn_id}#{hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:10]}"

    @property
    def views(self) -> frozenset[str]:
        """All views that show what this one shows."""
        return frozenset({self.conn_id, self.view})

    @property
    def recorded_query(self) -> dict[str, Any]:
        """The query as a record tells it: a filter by what may be personal is left out where that is not kept."""
        kept = self.redaction.mode([PersonalData.TITLE]) is RedactionMode.KEEP
        return self.query.model_dump(mode="json", exclude_none=True, exclude=set() if kept else {"title", "case"})

    def datasets_for(self, session_id: str) -> tuple[Dataset, ...]:
        """The datasets that are wanted of a session."""
        only = self.only_datasets.get(session_id)
        return self.datasets if only is None else tuple(one for one in self.datasets if one.name in only)


async def plan_export(
    adapter: Adapter,
    query: SessionQuery,
    wanted: Sequence[Dataset] | None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
) -> ExportPlan:
    """Find the sessions that are meant.

    The list is read to its end before anything else is asked, because page tokens expire while a slow consumer works.
    Sessions that should have ended in the window, as far as anybody knows, are meant too: where a platform has no word
    for the end, it may become known only when the window of no other run holds it.

    :param query: must be about the time at which sessions ended.
    :param wanted: datasets that were named; None for all that the platform can give.
    :param redaction: what becomes of what is personal.
    :raises UnsupportedError: a dataset that was named cannot be had. Nothing was sent.
    """
    datasets = select_datasets(adapter, wanted)
    found: dict[str, Session] = {}
    reasons: dict[str, str] = {}
    meant = query.model_copy(update={"by": WindowBy.ENDED_OR_DUE})
    progress = ProgressLog("sessions listed")
    async for outcome in adapter.sessions_and_errors(meant):
        session, reason = _read_listed(outcome, meant)
        found[session.session_id] = session
        reasons |= {} if reason is None else {session.session_id: reason}
        progress.at(len(found))
    now = adapter.client.clock.now()
    waiting = {key: one for key, one in found.items() if key in reasons or one.ended_at is None}
    _log_waiting(reasons)
    return ExportPlan(
        adapter.platform,
        account_name(adapter),
        query,
        datasets,
        sort_sessions(one for key, one in found.items() if key not in waiting),
        unfinished=tuple(one for one in waiting.values() if expected_end(one, now) <= now),
        reasons=reasons,
        redaction=redaction,
        conn_id=adapter.account.conn_id,
    )


async def add_due_sessions(adapter: Adapter, work: ExportPlan, late: Mapping[str, DueSession]) -> ExportPlan:
    """Add the sessions that the ledger names, as they are now; they are asked for together.

    Those that the query would leave out, whatever its window, are left to other exports, and so are those that the
    platform does not know and that this export never saw. Of one that is deleted all datasets are looked at, whichever
    was due: each is to say so.
    """
    listed = {session.session_id for session in (*work.sessions, *work.unfinished)}
    wanted = {dataset.name for dataset in work.datasets}
    meant = {key: one for key, one in late.items() if key not in listed and one.datasets & wanted}
    anywhere = work.query.model_copy(update={"window": None})
    sessions, unfinished = list(work.sessions), list(work.unfinished)
    only, deleted = dict[str, frozenset[str]](), set[str]()
    reasons: dict[str, str] = {}
    for key, session in (await _as_they_are(adapter, meant, work.conn_id)).items():
        one = meant[key]
        if not (one.owned or work.view in one.seen_by or (isinstance(session, Session) and anywhere.matches(session))):
            continue
        if isinstance(session, ResponseError):
            only[key], reasons[key] = one.datasets & wanted, str(session)
            unfinished.append(one.session)
            continue
        if session is None and one.session.ended_at is None:
            # It was never known to be over, so nothing of it was exported: for us it was called off.
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
        work,
        sessions=sort_sessions(sessions),
        unfinished=tuple(unfinished),
        only_datasets=only,
        deleted=frozenset(deleted),
        reasons={**work.reasons, **reasons},
    )


def _read_listed(outcome: ListedSession, query: SessionQuery) -> tuple[Session, str | None]:
    """A session of a list, and why it has to wait, if it cannot be told whether its time has come."""
    if not isinstance(outcome, Session):
        return outcome.session, str(outcome)
    return outcome, _find_doubt(query, outcome)


def _find_doubt(query: SessionQuery, session: Session) -> str | None:
    if session.state is SessionState.ENDED and session.ended_at is None:
        return "the session is over, but since when cannot be told"
    doubts = query.doubts(session)
    return f"whether the session is meant cannot be told: {', '.join(doubts)} cannot be read" if doubts else None


def _log_waiting(reasons: Mapping[str, str]) -> None:
    for key, reason in reasons.items():
        log.warning("session %s is not exported yet, but pending: %s", key, reason)


async def _as_they_are(
    adapter: Adapter, late: Mapping[str, DueSession], conn_id: str
) -> dict[str, Session | ResponseError | None]:
    """Sessions by id; the error of one that cannot be read.

    None where the platform does not know one any more, or never showed it to this connection.
    """
    seen = await adapter.poll_sessions(dict.fromkeys(late)) if late else {}
    found: dict[str, Session | ResponseError | None] = {}
    for key, one in late.items():
        session = seen[key]
        refused = isinstance(session, PermissionDeniedError) and not one.owned and conn_id not in one.seen_by
        if (
            isinstance(session, SessionsError)
            and not isinstance(session, NotFoundError | ResponseError)
            and not refused
        ):
            session.add_note(f"while exporting session {key}")
            raise session
        found[key] = session if isinstance(session, Session | ResponseError) else None
    return found


def sort_sessions(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Sessions in the order in which they are written: that of their ends."""
    return tuple(sorted(sessions, key=lambda session: (get_end(session), session.session_id)))
