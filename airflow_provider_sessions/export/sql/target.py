"""Writing an export into tables, session by session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.export.checks import Rows, check_datasets, check_unfinished, select_rows_to_write
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import (
    GIVE_UP_AFTER,
    CheckResult,
    DueSession,
    EntryStatus,
    EntryUpdate,
    LedgerSession,
    RunTry,
    expected_end,
    finish_write,
    update_entry,
)
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.rows import Row
from airflow_provider_sessions.export.run import ExportCounter, ExportResult
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.sql.column_types import storable_key
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.insert import insert_rows
from airflow_provider_sessions.export.sql.table_ledger import TableLedger, rows_of_session
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.model import Session


class SqlTarget:
    """Tables in a database; see :class:`~airflow_provider_sessions.export.run.Target`.

    The tables hold the newest version of each session. Of a session that the platform lost, all that was exported
    stays, and its row in ``sessions`` says that it is deleted.

    :param run: whose export it is.
    :param give_up_after: how long after a session's end its artifacts are waited for.
    """

    def __init__(
        self,
        database: Database,
        tables: Tables,
        run: RunId,
        *,
        give_up_after: timedelta = GIVE_UP_AFTER,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._tables = tables
        self._me = RunTry(storable_key(run.stem), token="")
        self._give_up = give_up_after
        self._clock = clock

    def held(self, work: ExportPlan) -> dict[str, LedgerSession]:
        """What the ledger of the plan's account holds, by session id.

        :raises ExportError: it cannot be read.
        """
        return self._database.transaction("reading the ledger", self._ledger(work).all)

    def begin(self, work: ExportPlan) -> dict[str, DueSession]:
        """Make the tables, and tell which sessions to look at besides those that were found.

        :raises ExportError: the tables cannot be made or read.
        """
        self._me = replace(self._me, views=work.views)
        names = [dataset.name for dataset in work.datasets]
        self._database.transaction("preparing the tables", lambda one: self._tables.prepare(one, names))
        ledger, now = self._ledger(work), self._clock.now()
        return self._database.transaction("reading the ledger", lambda one: ledger.late(one, self._me.run, now))

    def write(self, work: ExportPlan, known: Iterable[SessionArtifacts]) -> ExportResult:
        """Replace the rows of each session, each with its entries of the ledger in one transaction.

        :raises ExportError: the database refused a session, or sessions are missing. Those before it are there.
        """
        tally = ExportCounter("sessions loaded", work)
        counts: Counter[str] = Counter()
        for session in work.unfinished:
            key = session.session_id
            seen = check_unfinished(session, work.datasets_for(key), work.reasons.get(key))
            tally.note(session.session_id, self._store(work, session, seen, rows={}))
        for material in known:
            datasets = work.datasets_for(material.session.session_id)
            rows, seen = check_datasets(material, datasets, work.redaction)
            decisions = self._store(work, material.session, seen, rows)
            stored = {name: len(made) for name, made in select_rows_to_write(rows, decisions).items()}
            counts.update(stored)
            tally.add(material, decisions, self._me.run, sum(stored.values()))
        tables = {dataset.name: self._tables.of(dataset.name) for dataset in work.datasets}
        told = {name: {"rows": counts[name], "table": table.fullname} for name, table in tables.items()}
        assets = {name: self._database.uri(table) for name, table in tables.items()}
        return ExportResult(tally.outcome(), told, {"ledger": self._tables.ledger.fullname}, assets)

    def _store(
        self, work: ExportPlan, session: Session, seen: Mapping[str, CheckResult], rows: Rows
    ) -> dict[str, EntryUpdate]:
        """Decide about a session, note it, and replace the rows that are this run's."""
        replace_rows = partial(self._replace, ledger=self._ledger(work), session=session, seen=seen, rows=rows)
        return self._database.transaction(f"session {session.session_id!r}", replace_rows)

    def _replace(
        self, connection: Connection, ledger: TableLedger, session: Session, seen: Mapping[str, CheckResult], rows: Rows
    ) -> dict[str, EntryUpdate]:
        before, now = ledger.held(connection, session.session_id), self._clock.now()
        decisions = {
            name: _finish_claim(update_entry(old, one, self._me, now, expected_end(session, now, old), self._give_up))
            for name, one in seen.items()
            for old in (before.get(name),)
        }
        # First of all: where two runs meet at a new session, one of them goes no further.
        ledger.note(connection, session, before, {name: one.entry for name, one in decisions.items()})
        key = {**ledger.key, "session_id": session.session_id}
        for name, made in select_rows_to_write(rows, decisions).items():
            table = self._tables.of(name)
            if decisions[name].entry.status is EntryStatus.DELETED:
                self._mark_deleted(connection, name, key, made)
            elif name in rows:  # else nobody asked what there is now, and what is there stays
                connection.execute(sa.delete(table).where(*rows_of_session(table, key)))
                insert_rows(connection, table, DATASETS[name], made)
        return decisions

    def _mark_deleted(self, connection: Connection, name: str, key: Mapping[str, str], made: Sequence[Row]) -> None:
        """Let a session's row say that it is deleted, and keep what else was known."""
        table = self._tables.of(name)
        for row in made:
            here = rows_of_session(table, key)
            # Not the count of updated rows: not every driver has one.
            if connection.scalar(sa.select(sa.func.count()).select_from(table).where(*here)):
                connection.execute(sa.update(table).where(*here).values(deleted=True, version=row.version))
            else:
                insert_rows(connection, table, DATASETS[name], [row])

    def _ledger(self, work: ExportPlan) -> TableLedger:
        return TableLedger(self._tables.ledger, work.platform, work.account)


def _finish_claim(decision: EntryUpdate) -> EntryUpdate:
    """A decision whose rows appear together with its entry: a claim is settled as soon as it is made."""
    return replace(decision, entry=finish_write(decision.entry))
