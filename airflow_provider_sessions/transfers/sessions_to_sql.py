"""The sessions of a window of time, as rows in a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_sessions.arguments import parse_text, parse_untemplated_bool
from airflow_provider_sessions.export.datasets import DatasetName
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER
from airflow_provider_sessions.export.redaction import RedactionModeName
from airflow_provider_sessions.export.rows import PersonalDataName
from airflow_provider_sessions.export.run import DEFAULT_CONCURRENCY, Target
from airflow_provider_sessions.transfers._export_operator import SHARED_TEMPLATE_FIELDS, BaseExportOperator
from airflow_provider_sessions.transfers._sql_engine import resolve_engine


class SessionsToSqlOperator(BaseExportOperator):
    """Write datasets of the sessions that ended in a window of time into tables of a database.

    The window is ``start`` to ``end`` (the end does not belong to it), or else the run's data interval. There is one
    table for each dataset, named like it; they are made when they are first needed, and get new columns when a later
    version of this package brings some. Each has a primary key that begins with ``platform``, ``account`` and
    ``session_id``, so several connections may share the tables. Times are ``TIMESTAMP WITH TIME ZONE``; on MariaDB and
    MySQL ``DATETIME(6)`` in UTC; on SQLite text such as ``2026-03-02 08:00:00.000000+00:00``, which sorts by time.

    Nothing is lost and nothing is there twice: the rows of a session are replaced in one transaction, together with
    what the table ``sessions_export_ledger`` says of it. What is not ready yet (a transcript, a recording) stays
    pending, and the next run whose time has come brings it, whatever its window. Runs may overlap, go on at the same
    time, break off and be cleared. What changed at the source replaces the rows as a higher ``version``. Of a session
    that was deleted at the source, all rows stay, and the one in ``sessions`` gets ``deleted``.

    Supported are PostgreSQL, MariaDB 10.2 and MySQL 8.0.17 (or newer), SQLite, and DuckDB: exports are tested on all of
    them but MySQL, which was never run. Other databases are refused before any request.

    Returns a small dict: ``platform``, ``window``, ``sessions`` (with rows that this run wrote), ``unchanged`` (those
    that other runs had written), ``pending`` and ``absent`` (sessions by dataset), ``deleted``, ``ledger`` (its table),
    and in ``datasets`` for each dataset ``rows`` and ``table``.

    The event of an asset among ``outlets`` carries the same, with ``rows`` by dataset; an asset alias gets an event for
    each table that rows were written into.

    :param conn_id: the connection to read from, of any of this provider's types. (templated)
    :param sql_conn_id: the connection of the database. (templated)
    :param schema: the schema that the tables are in, which must exist; by default the connection's own. (templated)
    :param table_prefix: what the names of all tables begin with: up to 20 letters, digits and underscores. (templated)
    :param datasets: some of ``sessions``, ``participants``, ``attendance``, ``attendance_summary``,
        ``transcript_segments``, ``takeaways``, ``recordings``, as a list, or as text with commas. By default all that
        the platform can give. Only where they are named: ``polls``, ``chat_messages``, ``bookings``, ``events``,
        ``registrations``. (templated)
    :param start: begin of the window: an aware datetime, ISO 8601 with an offset, or seconds since 1970. (templated)
    :param end: end of the window; goes with ``start``. (templated)
    :param room_id: only sessions of this room. (templated)
    :param case: only sessions of this case, on platforms with cases. (templated)
    :param title: only sessions whose title holds this text. (templated)
    :param redact: what becomes of what is personal: a mapping of ``email``, ``name``, ``user_id``, ``device``,
        ``title``, ``text``, ``link`` to ``keep``, ``drop`` or ``hash``; see
        :mod:`~airflow_provider_sessions.export.redaction`. What is not named is kept. (templated)
    :param redact_conn_id: the connection whose password is the key of the hashes. (templated)
    :param give_up_after: how long after a session's end artifacts that are not ready are waited for: a timedelta,
        ISO 8601, or seconds. (templated)
    :param concurrency: how many sessions are asked about at once, at most 32.
    :param allow_untested_database: whether to load into any database with a ``DbApiHook`` and an SQLAlchemy dialect. It
        needs transactions, primary keys that are enforced, Unicode in its texts and microseconds in its times.
    :param deferrable: whether the task is deferred, without holding a worker, if its first request would have to wait
        long for the account's rate limit. Once it has started, its requests wait within the task.
    :raises InputError: an argument cannot be meant, the connection is none of a database that is supported, or there
        is no window; nothing was sent.
    :raises UnsupportedError: the platform cannot give a dataset that was named; nothing was sent.
    :raises ExportError: the database refused; sessions before that are there, and a retry goes on from here.
    """

    template_fields: Sequence[str] = (*SHARED_TEMPLATE_FIELDS, "sql_conn_id", "schema", "table_prefix")

    def __init__(
        self,
        *,
        conn_id: str,
        sql_conn_id: str,
        schema: str | None = None,
        table_prefix: str = "",
        allow_untested_database: bool = False,
        datasets: Sequence[DatasetName | str] | DatasetName | str | None = None,
        start: datetime | str | float | None = None,
        end: datetime | str | float | None = None,
        room_id: str | None = None,
        case: str | None = None,
        title: str | None = None,
        give_up_after: timedelta | str | float = GIVE_UP_AFTER,
        concurrency: int = DEFAULT_CONCURRENCY,
        redact: Mapping[PersonalDataName | str, RedactionModeName | str] | str | None = None,
        redact_conn_id: str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            conn_id=conn_id,
            datasets=datasets,
            start=start,
            end=end,
            room_id=room_id,
            case=case,
            title=title,
            give_up_after=give_up_after,
            concurrency=concurrency,
            redact=redact,
            redact_conn_id=redact_conn_id,
            deferrable=deferrable,
            **kwargs,
        )
        self.sql_conn_id = sql_conn_id
        self.schema = schema
        self.table_prefix = table_prefix
        self.allow_untested_database = parse_untemplated_bool(allow_untested_database, "allow_untested_database")

    @contextmanager
    def target(self, run: RunId, give_up_after: timedelta) -> Iterator[Target]:
        """Tables behind ``sql_conn_id``."""
        engine = resolve_engine(self.sql_conn_id, allow_untested=self.allow_untested_database)
        # Only now: importing this module must not take SQLAlchemy, which comes with the extra.
        from airflow_provider_sessions.export.sql.database import Database
        from airflow_provider_sessions.export.sql.tables import Tables
        from airflow_provider_sessions.export.sql.target import SqlTarget

        tables = Tables(parse_text(self.schema, "schema"), parse_text(self.table_prefix, "table_prefix") or "")
        with closing(Database(engine, allow_untested=self.allow_untested_database)) as database:
            database.check()  # before the platform is asked for anything
            yield SqlTarget(database, tables, run, give_up_after=give_up_after)
