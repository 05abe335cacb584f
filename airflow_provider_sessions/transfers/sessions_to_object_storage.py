"""The sessions of a window of time, as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_sessions.arguments import check_words, parse_text
from airflow_provider_sessions.export.datasets import DatasetName
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FormatName, find_format, get_format
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER
from airflow_provider_sessions.export.redaction import RedactionModeName
from airflow_provider_sessions.export.rows import PersonalDataName
from airflow_provider_sessions.export.run import DEFAULT_CONCURRENCY, Target
from airflow_provider_sessions.transfers._export_operator import SHARED_TEMPLATE_FIELDS, BaseExportOperator
from airflow_provider_sessions.transfers._open_store import Folder, open_store


class SessionsToObjectStorageOperator(BaseExportOperator):
    """Write datasets of the sessions that ended in a window of time to a folder or an object store.

    The window is ``start`` to ``end`` (the end does not belong to it), or else the run's data interval. Files lie at
    ``{path}/{dataset}/dt=YYYY-MM-DD/{run}.{format}``, where ``dt`` is the UTC day a session ended; each appears whole
    or not at all. ``{path}/_runs/{run}.json`` tells what a run wrote.

    Nothing is lost and nothing is there twice: a ledger at ``{path}/_ledger`` knows what was exported. What is not
    ready yet (a transcript, a recording) stays pending, and the next run whose time has come brings it, whatever its
    window. Runs may overlap, break off, be cleared, and go on at the same time where the store creates a file only if
    there is none; elsewhere one at a time writes. A rerun replaces its own files, with the
    same bytes while the platform's data is unchanged. What changed at the source is exported again as a higher
    ``version`` by the run that sees it; a session that was deleted becomes a row that says so.

    Returns a small dict: ``platform``, ``window``, ``sessions`` (with rows in this run's files), ``unchanged`` (those
    that other runs had exported), ``pending`` and ``absent`` (sessions by dataset), ``deleted``, ``record`` (the
    address of the run's record), and in ``datasets`` for each dataset ``rows``, ``bytes``, ``files`` and the first ten
    ``paths``.

    The event of an asset among ``outlets`` carries the same, with ``rows`` by dataset; an asset alias gets an event for
    each folder that rows were written into.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param path: where to write: ``s3://bucket/folder``, ``file:///folder``, any address that Airflow's
        ``ObjectStoragePath`` knows, or such a path itself. (templated)
    :param datasets: some of ``sessions``, ``participants``, ``attendance``, ``attendance_summary``,
        ``transcript_segments``, ``takeaways``, ``recordings``, as a list, or as text with commas. By default all that
        the platform can give. Only where they are named: ``polls``, ``chat_messages``, ``bookings``, ``events``,
        ``registrations``. (templated)
    :param format: ``jsonl``, ``csv`` or ``parquet`` (which needs the extra ``parquet``). (templated)
    :param start: begin of the window: an aware datetime, ISO 8601 with an offset, or seconds since 1970. (templated)
    :param end: end of the window; goes with ``start``. (templated)
    :param room_id: only sessions of this room. (templated)
    :param case: only sessions of this case, on platforms with cases. (templated)
    :param title: only sessions whose title holds this text. (templated)
    :param object_storage_conn_id: connection for ``path``; goes before one that the address names. (templated)
    :param give_up_after: how long after a session's end artifacts that are not ready are waited for: a timedelta,
        ISO 8601, or seconds. (templated)
    :param concurrency: how many sessions are asked about at once, at most 32.
    :param deferrable: whether the task is deferred, without holding a worker, if its first request would have to wait
        long for the account's rate limit. Once it has started, its requests wait within the task.
    :param redact: what becomes of what is personal: a mapping of ``email``, ``name``, ``user_id``, ``device``,
        ``title``, ``text``, ``link`` to ``keep``, ``drop`` or ``hash``; see
        :mod:`~airflow_provider_sessions.export.redaction`. What is not named is kept. (templated)
    :param redact_conn_id: the connection whose password is the key of the hashes. (templated)
    :raises InputError: an argument cannot be meant, or there is no window; nothing was sent.
    :raises ExportError: files would be seen at ``path`` before they are whole, or another run is writing where one at a
        time may.
    :raises UnsupportedError: the platform cannot give a dataset that was named; nothing was sent.
    """

    template_fields: Sequence[str] = (*SHARED_TEMPLATE_FIELDS, "path", "format", "object_storage_conn_id")

    def __init__(
        self,
        *,
        conn_id: str,
        path: Folder,
        format: FormatName | str = "jsonl",  # noqa: A002 - the word users look for
        object_storage_conn_id: str | None = None,
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
        check_words(format, find_format)
        self.path = path
        self.format = format
        self.object_storage_conn_id = object_storage_conn_id

    @contextmanager
    def target(self, run: RunId, give_up_after: timedelta) -> Iterator[Target]:
        """Files at ``path``."""
        form = get_format(self.format)
        store = open_store(self.path, parse_text(self.object_storage_conn_id, "object_storage_conn_id"))
        yield FileTarget(store, form, run, give_up_after=give_up_after)
