"""Write an export to tables, session by session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta, tzinfo
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.export.checks import Rows, check_datasets, check_unfinished, select_rows_to_write
from airflow_provider_sessions.export.layout import RunId, get_day
from airflow_provider_sessions.export.ledger import (
    GIVE_UP_AFTER,
    CheckResult,
    DueSession,
    EntryStatus,
    EntryUpdate,
    LedgerSession,
    RunTry,
    decide_update,
    finish_write,
    forget_entry,
    get_give_up_start,
)
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.rows import Row
from airflow_provider_sessions.export.run import ExportCounter, ExportResult
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts, get_end
from airflow_provider_sessions.export.sql.column_types import storable_key
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.insert import insert_rows
from airflow_provider_sessions.export.sql.table_catalogue import TableCatalogue
from airflow_provider_sessions.export.sql.table_ledger import TableLedger
from airflow_provider_sessions.export.sql.tables import Tables, match_session
from airflow_provider_sessions.model import Session


class SqlTarget:
    """Tables in a database; see :class:`~airflow_provider_sessions.export.run.ExportTarget`.

    The tables hold the newest version of each session. All rows of a session that was deleted on the platform stay, and
    its row in ``sessions`` is marked as deleted.

    :param run: the run that exports.
    :param day_zone: the zone of the days that are reported as written.
    :param give_up_after: how long after a session's end to wait for its artifacts.
    """

    def __init__(
        self,
        database: Database,
        tables: Tables,
        run: RunId,
        *,
        day_zone: tzinfo = UTC,
        give_up_after: timedelta = GIVE_UP_AFTER,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._tables = tables
        self._run_try = RunTry(storable_key(run.stem), token="")
        self._day_zone = day_zone
        self._give_up = give_up_after
        self._clock = clock

    def read_ledger(self, plan: ExportPlan) -> dict[str, LedgerSession]:
        """Return the sessions in the ledger of the plan's account, by id; none if there is no ledger.

        :raises ExportError: the ledger cannot be read.
        """

        def read(connection: Connection) -> dict[str, LedgerSession]:
            return self._ledger(plan).read_sessions(connection) if self._tables.has_ledger(connection) else {}

        return self._database.transaction("reading the ledger", read)

    def read_catalogue(self, plan: ExportPlan, name: str) -> bytes | None:
        """Return what earlier runs noted of the account's sessions; None if there is nothing.

        :raises ExportError: it cannot be read.
        """

        def read(connection: Connection) -> bytes | None:
            has_table = self._tables.has_catalogue(connection)
            return self._catalogue(plan, name).read(connection) if has_table else None

        return self._database.transaction("reading the catalogue", read)

    def update_catalogue(self, plan: ExportPlan, name: str, change: Callable[[bytes | None], bytes]) -> None:
        """Replace what is noted of the account's sessions.

        :raises ExportError: it cannot be written.
        """
        self._database.transaction("preparing the catalogue", self._tables.prepare_catalogue)
        self._database.transaction(
            "writing the catalogue", lambda connection: self._catalogue(plan, name).update(connection, change)
        )

    def forget(self, plan: ExportPlan, sessions: Mapping[str, LedgerSession]) -> None:
        """Make sessions of the plan's account pending and due.

        :raises ExportError: the ledger cannot be written.
        """
        ledger, now = self._ledger(plan), self._clock.now()

        def forget(connection: Connection, session: Session) -> None:
            before, known = ledger.lock_entries(connection, session.session_id)
            after = {name: forget_entry(entry, now) for name, entry in before.items()}
            ledger.write_entries(connection, session, before, after, known)

        for key, one in sessions.items():
            self._database.transaction(f"session {key!r}", partial(forget, session=one.session))

    def begin(self, plan: ExportPlan) -> dict[str, DueSession]:
        """Create or extend the tables, and return the sessions that are due or owned, by id.

        :raises ExportError: the tables cannot be created or read.
        """
        self._run_try = replace(self._run_try, views=plan.views)
        names = [dataset.name for dataset in plan.datasets]
        self._database.transaction("preparing the tables", lambda connection: self._tables.prepare(connection, names))
        ledger, now = self._ledger(plan), self._clock.now()
        return self._database.transaction(
            "reading the ledger", lambda connection: ledger.list_due(connection, self._run_try.run, now)
        )

    def write(self, plan: ExportPlan, fetched: Iterable[SessionArtifacts]) -> ExportResult:
        """Replace the rows of each session, with its ledger entries, in a transaction per session.

        :raises ExportError: the database refused a session, or sessions are missing. The sessions before are committed.
        """
        counter, ledger = ExportCounter("sessions loaded", plan), self._ledger(plan)
        counts: Counter[str] = Counter()
        for session in plan.unfinished:
            key = session.session_id
            seen = check_unfinished(session, plan.datasets_for(key), plan.reasons.get(key))
            updates, _ = self._store(ledger, session, seen, rows={})
            counter.add_reasons(session, updates)
        for artifacts in fetched:
            datasets = plan.datasets_for(artifacts.session.session_id)
            rows, seen = check_datasets(artifacts, datasets, plan.redaction)
            updates, former_days = self._store(ledger, artifacts.session, seen, rows)
            stored = {name: len(made) for name, made in select_rows_to_write(rows, updates).items()}
            counts.update(stored)
            day = get_day(get_end(artifacts.session), self._day_zone)
            counter.add(artifacts, updates, self._run_try.run, sum(stored.values()), day)
            for former_day in former_days:
                counter.add_day(former_day)
        tables = {dataset.name: self._tables.get(dataset.name) for dataset in plan.datasets}
        summary = {name: {"rows": counts[name], "table": table.fullname} for name, table in tables.items()}
        assets = {name: self._database.make_uri(table) for name, table in tables.items()}
        locations = {"ledger": self._tables.ledger.fullname}
        return ExportResult(counter.outcome(), summary, locations, assets, counter.days())

    def _store(
        self, ledger: TableLedger, session: Session, seen: Mapping[str, CheckResult], rows: Rows
    ) -> tuple[dict[str, EntryUpdate], set[date]]:
        """Decide about a session, update its ledger entries, and replace the rows that this run writes.

        :returns: the updates by dataset, and the days of the replaced rows.
        """
        replace_rows = partial(self._replace, ledger=ledger, session=session, seen=seen, rows=rows)
        return self._database.transaction(f"session {session.session_id!r}", replace_rows)

    def _replace(
        self, connection: Connection, ledger: TableLedger, session: Session, seen: Mapping[str, CheckResult], rows: Rows
    ) -> tuple[dict[str, EntryUpdate], set[date]]:
        (before, known), now = ledger.lock_entries(connection, session.session_id), self._clock.now()
        updates = {
            name: _finish_claim(
                decide_update(old, one, self._run_try, now, get_give_up_start(session, now, old), self._give_up)
            )
            for name, one in seen.items()
            for old in (before.get(name),)
        }
        # First, because of two runs that insert the first entries of a session one fails here.
        ledger.write_entries(connection, session, before, {name: one.entry for name, one in updates.items()}, known)
        key = ledger.make_key(session.session_id)
        for name, made in select_rows_to_write(rows, updates).items():
            if updates[name].entry.status is EntryStatus.DELETED:
                self._mark_deleted(connection, name, key, made)
            elif name in rows:  # else nothing was fetched, and the rows stay
                connection.execute(self._tables.delete_session(name), key)
                insert_rows(connection, self._tables.get(name), made)
        replaced = [
            known[name].ended_at
            for name, one in updates.items()
            if one.write and name in before and before[name].version
        ]
        return updates, {get_day(end, self._day_zone) for end in replaced if end is not None}

    def _mark_deleted(self, connection: Connection, name: str, key: Mapping[str, str], made: Sequence[Row]) -> None:
        """Mark a session's row as deleted, and keep its other columns."""
        table = self._tables.get(name)
        for row in made:
            condition = match_session(table)
            # Not every driver returns the number of updated rows.
            if connection.scalar(sa.select(sa.func.count()).select_from(table).where(*condition), key):
                changed = sa.update(table).where(*condition).values(deleted=True, version=row.version)
                connection.execute(changed, key)
            else:
                insert_rows(connection, table, [row])

    def _catalogue(self, plan: ExportPlan, name: str) -> TableCatalogue:
        return TableCatalogue(self._tables.catalogue, plan.platform, plan.account, name)

    def _ledger(self, plan: ExportPlan) -> TableLedger:
        return TableLedger(self._tables.ledger, plan.platform, plan.account)


def _finish_claim(update: EntryUpdate) -> EntryUpdate:
    """Finish the claim of an update at once, because rows and entries are committed together."""
    return replace(update, entry=finish_write(update.entry))
