"""The ledger as a table.

It follows the rules of :mod:`~airflow_provider_sessions.export.ledger` except for the last two: a claim, the rows and
the exported entry are committed together. So there are no unfinished claims and no leases, and a killed run leaves
nothing to recover.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from airflow_provider_sessions.export.ledger import (
    DueSession,
    LedgerEntry,
    LedgerSession,
    is_due,
    select_stored_session,
)
from airflow_provider_sessions.export.sql.column_types import storable_key, storable_text
from airflow_provider_sessions.export.sql.dialects import has_row_locks
from airflow_provider_sessions.export.sql.insert import insert_rows
from airflow_provider_sessions.export.sql.tables import SESSION_KEY, LedgerRow, match_session, session_key
from airflow_provider_sessions.model import Session


class TableLedger:
    """The ledger entries of one account.

    :param platform: the platform's connection type.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    """

    def __init__(self, table: sa.Table, platform: str, account: str) -> None:
        self._table = table
        self._platform = platform
        self._account = account
        self._of_account = (table.c.platform == platform, table.c.account == storable_key(account))
        self._of_session = sa.select(table).where(*match_session(table)).order_by(table.c.dataset)
        self._locked = self._of_session.with_for_update()
        self._update = sa.update(table).where(*match_session(table), table.c.dataset == sa.bindparam("key_dataset"))

    def make_key(self, session_id: str) -> dict[str, str]:
        """Return the parameters of :func:`~airflow_provider_sessions.export.sql.tables.match_session`."""
        return session_key(self._platform, self._account, session_id)

    def list_due(self, connection: Connection, run: str, now: datetime) -> dict[str, DueSession]:
        """Return the sessions that are due or that the run owns, by id.

        :param run: the run, as stored in entries.
        """
        columns = self._table.c
        wanted = sa.select(self._table).where(*self._of_account, sa.or_(columns.run == run, columns.next_check <= now))
        found: dict[str, DueSession] = {}
        for row in connection.execute(wanted).mappings():
            entry, session = _read_entry(row), Session.model_validate_json(row["session"])
            owned = entry.run == run
            if owned or is_due(entry, now):
                known = found.get(session.session_id, DueSession(session, frozenset(), owned=False))
                found[session.session_id] = DueSession(
                    session,
                    known.datasets | {row["dataset"]},
                    known.owned or owned,
                    known.seen_by | entry.seen_by,
                )
        return found

    def read_sessions(self, connection: Connection) -> dict[str, LedgerSession]:
        """Return the entries of all sessions of the account, by id."""
        found: dict[str, LedgerSession] = {}
        for row in connection.execute(sa.select(self._table).where(*self._of_account)).mappings():
            session = Session.model_validate_json(row["session"])
            entries = {row["dataset"]: _read_entry(row)}
            known = found.get(session.session_id)
            found[session.session_id] = LedgerSession(session, {**known.entries, **entries} if known else entries)
        return found

    def lock_entries(
        self, connection: Connection, session_id: str
    ) -> tuple[dict[str, LedgerEntry], dict[str, Session]]:
        """Return the entries of a session by dataset, and what is stored of the session with each.

        They are locked until the end of the transaction. Without row locks, a concurrent change makes the transaction
        fail, and it is retried.
        """
        wanted = self._locked if has_row_locks(connection.dialect) else self._of_session
        found = connection.execute(wanted, self.make_key(session_id)).mappings().all()
        sessions = {row["dataset"]: Session.model_validate_json(row["session"]) for row in found}
        return {row["dataset"]: _read_entry(row) for row in found}, sessions

    def write_entries(
        self,
        connection: Connection,
        session: Session,
        before: Mapping[str, LedgerEntry],
        after: Mapping[str, LedgerEntry],
        known: Mapping[str, Session],
    ) -> None:
        """Insert or update the entries of a session.

        Of two transactions that insert the first entries of a session, one fails here, and is retried.

        :param before: the present entries, and ``known`` the sessions with them; see :meth:`lock_entries`.
        """
        stored = storable_text(select_stored_session(session, known.values()).model_dump_json(exclude_none=True))
        rows = {name: self._make_row(session.session_id, name, entry, stored) for name, entry in sorted(after.items())}
        changed = [row for name, row in rows.items() if name in before and after[name] != before[name]]
        if changed:
            key = self.make_key(session.session_id)
            connection.execute(self._update, [_make_parameters(row) | key for row in changed])
        insert_rows(connection, self._table, [row for name, row in rows.items() if name not in before])

    def _make_row(self, session_id: str, dataset: str, entry: LedgerEntry, session: str) -> LedgerRow:
        return LedgerRow(
            platform=self._platform,
            account=self._account,
            session_id=session_id,
            dataset=dataset,
            status=entry.status.value,
            version=entry.version,
            content=entry.content,
            run=entry.run,
            reason=None if entry.reason is None else storable_text(entry.reason),
            attempts=entry.attempts,
            looks=entry.looks,
            first_seen=entry.first_seen,
            next_check=entry.next_check,
            session=session,
            seen_by=json.dumps(sorted(entry.seen_by)),
        )


def _read_entry(row: RowMapping) -> LedgerEntry:
    # Columns that were added later are null in older entries.
    stored = {k: v for k, v in row.items() if k in LedgerEntry.model_fields and v is not None}
    return LedgerEntry.model_validate({**stored, "seen_by": json.loads(row["seen_by"] or "[]")})


def _make_parameters(row: LedgerRow) -> dict[str, Any]:
    """Return the parameters that update an entry, except the session's key."""
    values = msgspec.structs.asdict(row)
    return {f"key_{name}" if name == "dataset" else name: values[name] for name in values if name not in SESSION_KEY}
