"""The ledger as a table.

It follows the rules of :mod:`~airflow_provider_sessions.export.ledger`, the last two aside: a claim, the rows and the
entry that says they are exported become visible together. So nobody ever finds a claim that is not settled, there is no
lease, and what died left nothing.
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

_CLAIMS: Final = {"becomes", "claim", "file"}
"""What an entry says only where it is claimed before its rows are there, or where these lie in files."""


class TableLedger:
    """The entries of one account.

    :param table: where they are.
    :param platform: the platform's connection type.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    """

    def __init__(self, table: sa.Table, platform: str, account: str) -> None:
        self._table = table
        self.key = {"platform": platform, "account": storable_key(account)}

    def late(self, connection: Connection, run: str, now: datetime) -> dict[str, DueSession]:
        """Which sessions to look at besides those of the window: those that are due, and those that the run owns.

        :param run: the run, as it is in entries.
        """
        columns = self._table.c
        wanted = sa.select(self._table).where(
            columns.platform == self.key["platform"],
            columns.account == self.key["account"],
            sa.or_(columns.run == run, columns.next_check <= now),
        )
        found: dict[str, DueSession] = {}
        for row in connection.execute(wanted).mappings():
            entry, session = _entry(row), Session.model_validate_json(row["session"])
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

    def all(self, connection: Connection) -> dict[str, LedgerSession]:
        """All that is known of the account's sessions, by id."""
        found: dict[str, LedgerSession] = {}
        wanted = sa.select(self._table).where(*(self._table.c[name] == value for name, value in self.key.items()))
        for row in connection.execute(wanted).mappings():
            session = Session.model_validate_json(row["session"])
            entries = {row["dataset"]: _entry(row)}
            known = found.get(session.session_id)
            found[session.session_id] = LedgerSession(session, {**known.entries, **entries} if known else entries)
        return found

    def held(self, connection: Connection, session_id: str) -> dict[str, LedgerEntry]:
        """What is known of a session, by dataset.

        Nobody else changes it until the transaction is over; or else this one fails, and has to look again.
        """
        wanted = sa.select(self._table).where(*self._of(session_id)).order_by(self._table.c.dataset)
        if has_row_locks(connection.dialect):
            wanted = wanted.with_for_update()
        return {row["dataset"]: _entry(row) for row in connection.execute(wanted).mappings()}

    def note(
        self,
        connection: Connection,
        session: Session,
        before: Mapping[str, LedgerEntry],
        after: Mapping[str, LedgerEntry],
    ) -> None:
        """Note what became of a session's entries.

        Of two that note the first entries of a session at once, one fails here, and has to look again.
        """
        kept = storable_text(strip_session(session).model_dump_json(exclude_none=True))
        new = []
        for name, entry in sorted(after.items()):
            values = {**_values(entry), "session": kept}
            if name not in before:
                key = {**self.key, "session_id": storable_key(session.session_id), "dataset": name}
                new.append({**key, **values})
            elif entry != before[name]:
                there = (*self._of(session.session_id), self._table.c.dataset == name)
                connection.execute(sa.update(self._table).where(*there).values(values))
        if new:
            connection.execute(sa.insert(self._table), new)

    def _of(self, session_id: str) -> list[sa.ColumnElement[bool]]:
        return rows_of_session(self._table, {**self.key, "session_id": session_id})


def rows_of_session(table: sa.Table, key: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    """What finds a session's rows in a table.

    :param key: ``platform``, ``account`` and ``session_id``.
    """
    return [table.c[name] == storable_key(value) for name, value in key.items()]


def _entry(row: RowMapping) -> LedgerEntry:
    # A column that was added later holds nothing for entries of before.
    told = {k: v for k, v in row.items() if k in LedgerEntry.model_fields and v is not None}
    return LedgerEntry.model_validate({**told, "seen_by": json.loads(row["seen_by"] or "[]")})


def _values(entry: LedgerEntry) -> dict[str, Any]:
    reason = None if entry.reason is None else storable_text(entry.reason)
    seen_by = json.dumps(sorted(entry.seen_by))
    return {**entry.model_dump(exclude=_CLAIMS), "status": entry.status.value, "reason": reason, "seen_by": seen_by}
