"""Stores catalogues in a table beside the ledger of an export, in parts that every database accepts as a value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_sessions.export.sql.column_types import storable_key
from airflow_provider_sessions.export.sql.dialects import has_row_locks

_PART: Final = 500_000
"""Characters of a row. Servers limit the size of a statement, MariaDB to 16 MiB by default."""


class TableCatalogue:
    """One catalogue.

    :param name: see :func:`~airflow_provider_sessions.export.catalogue.make_catalogue_name`.
    """

    def __init__(self, table: sa.Table, platform: str, account: str, name: str) -> None:
        self._table = table
        self._key = {"platform": platform, "account": storable_key(account), "name": name}

    def read(self, connection: Connection, *, lock: bool = False) -> bytes | None:
        """Return the content; None if there is none. What cannot be decoded is returned as it is.

        :param lock: whether to lock it until the end of the transaction.
        """
        wanted = sa.select(self._table.c.content).where(*self._match()).order_by(self._table.c.part)
        if lock and has_row_locks(connection.dialect):
            wanted = wanted.with_for_update()
        text = "".join(connection.scalars(wanted))
        try:
            return base64.b64decode(text, validate=True) if text else None
        except (binascii.Error, ValueError):
            return text.encode()

    def update(self, connection: Connection, change: Callable[[bytes | None], bytes]) -> None:
        """Replace the content.

        Of two transactions that do this at once, one waits or fails, and is retried.

        :param change: returns the new content for the present one.
        """
        text = base64.b64encode(change(self.read(connection, lock=True))).decode()
        connection.execute(sa.delete(self._table).where(*self._match()))
        parts = [text[start : start + _PART] for start in range(0, len(text), _PART)]
        rows = [{**self._key, "part": number, "content": part} for number, part in enumerate(parts)]
        connection.execute(sa.insert(self._table), rows)

    def _match(self) -> list[sa.ColumnElement[bool]]:
        return [self._table.c[name] == value for name, value in self._key.items()]
