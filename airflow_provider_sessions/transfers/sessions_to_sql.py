"""Export the sessions of a window of time to the tables of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_sessions.arguments import parse_text, parse_untemplated_bool
from airflow_provider_sessions.export.datasets import DatasetName
from airflow_provider_sessions.export.discovery import SWEEP_PAGES, DiscoveryName
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER
from airflow_provider_sessions.export.redaction import RedactionModeName
from airflow_provider_sessions.export.rows import PersonalDataName
from airflow_provider_sessions.export.run import DEFAULT_CONCURRENCY, ExportTarget
from airflow_provider_sessions.transfers._absences import OnAbsentName
from airflow_provider_sessions.transfers._export_operator import (
    SHARED_TEMPLATE_FIELDS,
    BaseExportOperator,
    parse_day_zone,
)
from airflow_provider_sessions.transfers._partitions import PARTITION_LENGTH
from airflow_provider_sessions.transfers._sql_engine import resolve_engine


class SessionsToSqlOperator(BaseExportOperator):
    """Export datasets of the sessions that ended in a window of time to the tables of a database.

    The window is ``start`` to ``end``, or the run's partition, or the run's data interval. There is one table for each
    dataset, with the same name. Tables are created when they are first needed, and columns of later versions are added.
    The primary keys begin with ``platform``, ``account`` and ``session_id``, so connections may share the tables.
    Times are ``TIMESTAMP WITH TIME ZONE``; on MariaDB and MySQL ``DATETIME(6)`` in UTC; on SQLite a text that sorts by
    time, such as ``2026-03-02 08:00:00.000000+00:00``.

    A ledger in the table ``sessions_export_ledger`` makes the export complete and free of duplicates: the rows of a
    session are replaced in one transaction together with its entries. What is not available yet (a transcript, a
    recording) is pending, and exported by the next run after it is due, whatever that run's window. Runs may overlap,
    write at the same time, be interrupted and be cleared. After a change on the platform the rows are replaced, with a
    higher ``version``. The rows of a session that was deleted on the platform stay, with ``deleted`` set in
    ``sessions``.

    Supported are PostgreSQL, MariaDB 10.2 and MySQL 8.0.17 (or newer), SQLite, and DuckDB. Exports are tested on all of
    them except MySQL. Other databases are rejected before any request.

    Returns a small dict: ``platform``, ``window``, ``sessions`` (with rows of this run), ``unchanged`` (exported by
    other runs before), ``pending`` and ``absent`` (number of sessions by dataset), ``near_give_up`` (by id of the first
    20 pending sessions on which the export gives up soon, when it does), ``deleted``, ``ledger`` (its table), and in
    ``datasets`` for each dataset ``rows`` and ``table``.

    The event of an asset in ``outlets`` has the same content, with ``rows`` by dataset; an asset alias gets an event
    for each table to which rows were written.

    :param conn_id: the connection to read from, of any of this provider's types. (templated)
    :param sql_conn_id: the connection of the database. (templated)
    :param schema: an existing schema for the tables; by default the connection's own. (templated)
    :param table_prefix: prefix of all table names: up to 20 letters, digits and underscores. (templated)
    :param datasets: some of ``sessions``, ``participants``, ``attendance``, ``attendance_summary``,
        ``transcript_segments``, ``takeaways``, ``recordings``, as a list, or as a text with commas. By default all of
        these that the platform supports. ``polls``, ``chat_messages``, ``bookings``, ``events`` and ``registrations``
        are only exported if they are named. (templated)
    :param session_id: the sessions to export, instead of a window: one id, or a list. A session that has not ended yet
        is pending, and the next export to the same place without filters includes it. (templated)
    :param start: start of the window: an aware datetime, ISO 8601 with an offset, or seconds since 1970. (templated)
    :param end: end of the window, exclusive; required with ``start``. (templated)
    :param partition_length: length of a partition's window: a timedelta, ISO 8601, or seconds. Whole days are days of
        the calendar in the schedule's time zone. (templated)
    :param room_id: only sessions of this room. (templated)
    :param case: only sessions of this case, on platforms with cases. (templated)
    :param title: only sessions whose title contains this text. (templated)
    :param redact: what happens to personal data: a mapping of ``email``, ``name``, ``user_id``, ``device``, ``title``,
        ``text``, ``link`` to ``keep``, ``drop`` or ``hash``; see :mod:`~airflow_provider_sessions.export.redaction`.
        What is not named is kept. (templated)
    :param redact_conn_id: the connection whose password is the key of the hashes. (templated)
    :param give_up_after: how long after a session's end to wait for artifacts that are not available yet: a timedelta,
        ISO 8601, or seconds. (templated)
    :param on_absent: what to do if an artifact is absent, because the platform says so or ``give_up_after`` has passed:
        ``warn`` logs a warning; ``fail`` fails the task, without a retry, once everything else is written.
        It is about what this run recorded as absent: other runs do not fail because of the same. (templated)
    :param concurrency: how many sessions are fetched in parallel, at most 32.
    :param allow_untested_database: whether to allow any database with a ``DbApiHook`` and an SQLAlchemy dialect. It
        needs transactions, enforced primary keys, texts in Unicode and times with microseconds.
    :param discovery: ``incremental`` reads the newest sessions, those that may have changed, and each day other
        ``sweep_pages`` of the list, by a catalogue of what earlier runs have seen; ``full`` reads the whole list in
        each run. Both export the same sessions. Exports with a filter, and of Prevail, read the whole list. (templated)
    :param sweep_pages: how many pages of the list to read again each day, beyond those of the newest sessions.
    :param partition_outlets: whether the events of assets in ``outlets`` have the days that were written as partitions,
        one event for each day, with keys such as ``2026-03-02T00:00:00``. Without a written day there is no event. It
        needs Airflow 3.3; asset aliases have no partitions.
    :param day_zone: the zone of these days: an IANA name such as ``America/New_York``. (templated)
    :param deferrable: whether to defer the task if its first request would have to wait long for the rate limit.
        Later requests wait on the worker.
    :raises InputError: an argument is invalid, the database is not supported, or there is no window; nothing was sent.
    :raises UnsupportedError: the platform does not support a dataset; nothing was sent.
    :raises ExportError: the database rejected a transaction; earlier sessions are committed, and a retry continues.
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
        session_id: Sequence[str] | str | None = None,
        start: datetime | str | float | None = None,
        end: datetime | str | float | None = None,
        partition_length: timedelta | str | float = PARTITION_LENGTH,
        room_id: str | None = None,
        case: str | None = None,
        title: str | None = None,
        give_up_after: timedelta | str | float = GIVE_UP_AFTER,
        on_absent: OnAbsentName | str = "warn",
        concurrency: int = DEFAULT_CONCURRENCY,
        redact: Mapping[PersonalDataName | str, RedactionModeName | str] | str | None = None,
        redact_conn_id: str | None = None,
        discovery: DiscoveryName | str = "incremental",
        sweep_pages: int = SWEEP_PAGES,
        partition_outlets: bool = False,
        day_zone: str = "UTC",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            conn_id=conn_id,
            datasets=datasets,
            session_id=session_id,
            start=start,
            end=end,
            partition_length=partition_length,
            room_id=room_id,
            case=case,
            title=title,
            give_up_after=give_up_after,
            on_absent=on_absent,
            concurrency=concurrency,
            redact=redact,
            redact_conn_id=redact_conn_id,
            discovery=discovery,
            sweep_pages=sweep_pages,
            partition_outlets=partition_outlets,
            day_zone=day_zone,
            deferrable=deferrable,
            **kwargs,
        )
        self.sql_conn_id = sql_conn_id
        self.schema = schema
        self.table_prefix = table_prefix
        self.allow_untested_database = parse_untemplated_bool(allow_untested_database, "allow_untested_database")

    @contextmanager
    def target(self, run: RunId, give_up_after: timedelta) -> Iterator[ExportTarget]:
        """Open the database of ``sql_conn_id``."""
        engine = resolve_engine(self.sql_conn_id, allow_untested=self.allow_untested_database)
        # Imported here, because SQLAlchemy comes with an extra of this package.
        from airflow_provider_sessions.export.sql.database import Database
        from airflow_provider_sessions.export.sql.tables import Tables
        from airflow_provider_sessions.export.sql.target import SqlTarget

        tables = Tables(parse_text(self.schema, "schema"), parse_text(self.table_prefix, "table_prefix") or "")
        with closing(Database(engine, allow_untested=self.allow_untested_database)) as database:
            database.check()  # before the first request to the platform
            day_zone = parse_day_zone(self.day_zone)
            yield SqlTarget(database, tables, run, day_zone=day_zone, give_up_after=give_up_after)
