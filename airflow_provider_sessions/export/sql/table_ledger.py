"""The ledger as a table.

It follows the rules of :mod:`~airflow_provider_sessions.export.ledger` except for the last two: a claim, the rows and
the exported entry are committed together. So there are no unfinished claims and no leases, and a killed run leaves
nothing to recover.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from airflow_provider_sessions.export.ledger import DueSession, LedgerEntry, LedgerSession, is_due, strip_session
from airflow_provider_sessions.export.sql.column_types import storable_key, storable_text
from airflow_provider_sessions.export.sql.dialects import has_row_locks
from airflow_provider_sessions.model import Session

_FILE_FIELDS: Final = {"becomes", "claim", "file"}
"""Fields of an entry that are only used for files."""


class TableLedger:
    """The ledger entries of one account.

    :param platform: the platform's connection type.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    """

    def __init__(self, table: sa.Table, platform: str, account: str) -> None:
        self._table = table
        self.key = {"platform": platform, "account": storable_key(account)}

    def list_due(self, connection: Connection, run: str, now: datetime) -> dict[str, DueSession]:
        """Return the sessions that are due or that the run owns, by id.

        :param run: the run, as stored in entries.
        """
        columns = self._table.c
        wanted = sa.select(self._table).where(
            columns.platform == self.key["platform"],
            columns.account == self.key["account"],
            sa.or_(columns.run == run, columns.next_check <= now),
        )
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
        wanted = sa.select(self._table).where(*(self._table.c[name] == value for name, value in self.key.items()))
        for row in connection.execute(wanted).mappings():
            session = Session.model_validate_json(row["session"])
            entries = {row["dataset"]: _read_entry(row)}
            known = found.get(session.session_id)
            found[session.session_id] = LedgerSession(session, {**known.entries, **entries} if known else entries)
        return found

    def lock_entries(self, connection: Connection, session_id: str) -> dict[str, LedgerEntry]:
        """Return the entries of a session, by dataset.

        They are locked until the end of the transaction. Without row locks, a concurrent change makes the transaction
        fail, and it is retried.
        """
        wanted = sa.select(self._table).where(*self._match(session_id)).order_by(self._table.c.dataset)
        if has_row_locks(connection.dialect):
            wanted = wanted.with_for_update()
        return {row["dataset"]: _read_entry(row) for row in connection.execute(wanted).mappings()}

    def write_entries(
        self,
        connection: Connection,
        session: Session,
        before: Mapping[str, LedgerEntry],
        after: Mapping[str, LedgerEntry],
    ) -> None:
        """Insert or update the entries of a session.

        Of two transactions that insert the first entries of a session, one fails here, and is retried.
        """
        kept = storable_text(strip_session(session).model_dump_json(exclude_none=True))
        added = []
        for name, entry in sorted(after.items()):
            values = {**_make_values(entry), "session": kept}
            if name not in before:
                key = {**self.key, "session_id": storable_key(session.session_id), "dataset": name}
                added.append({**key, **values})
            elif entry != before[name]:
                condition = (*self._match(session.session_id), self._table.c.dataset == name)
                connection.execute(sa.update(self._table).where(*condition).values(values))
        if added:
            connection.execute(sa.insert(self._table), added)

    def _match(self, session_id: str) -> list[sa.ColumnElement[bool]]:
        return match_session(self._table, {**self.key, "session_id": session_id})


def match_session(table: sa.Table, key: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that select a session's rows in a table.

    :param key: ``platform``, ``account`` and ``session_id``.
    """
    return [table.c[name] == storable_key(value) for name, value in key.items()]


def _read_entry(row: RowMapping) -> LedgerEntry:
    # Columns that were added later are null in older entries.
    stored = {k: v for k, v in row.items() if k in LedgerEntry.model_fields and v is not None}
    return LedgerEntry.model_validate({**stored, "seen_by": json.loads(row["seen_by"] or "[]")})


def _make_values(entry: LedgerEntry) -> dict[str, Any]:
    reason = None if entry.reason is None else storable_text(entry.reason)
    seen_by = json.dumps(sorted(entry.seen_by))
    return {
        **entry.model_dump(exclude=_FILE_FIELDS),
        "status": entry.status.value,
        "reason": reason,
        "seen_by": seen_by,
    }
