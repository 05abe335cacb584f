"""Export the sessions of a window of time to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow_provider_sessions.arguments import (
    check_untemplated_values,
    parse_bool,
    parse_text,
    parse_untemplated_bool,
)
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.datasets import Dataset, DatasetName
from airflow_provider_sessions.export.discovery import SWEEP_PAGES, DiscoveryName
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FormatName, find_format, get_format, with_bom
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER
from airflow_provider_sessions.export.original_transcripts import SEGMENTS
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode, RedactionModeName
from airflow_provider_sessions.export.rows import PersonalData, PersonalDataName
from airflow_provider_sessions.export.run import DEFAULT_CONCURRENCY, ExportTarget
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.transfers._absences import OnAbsentName
from airflow_provider_sessions.transfers._export_operator import (
    SHARED_TEMPLATE_FIELDS,
    BaseExportOperator,
    parse_day_zone,
)
from airflow_provider_sessions.transfers._open_store import Folder, open_store
from airflow_provider_sessions.transfers._partitions import PARTITION_LENGTH


class SessionsToObjectStorageOperator(BaseExportOperator):
    """Export datasets of the sessions that ended in a window of time to a folder or an object store.

    The window is ``start`` to ``end``, or the run's partition, or the run's data interval. Files are written to
    ``{path}/{dataset}/dt=YYYY-MM-DD/{run}.{format}``, where ``dt`` is the day on which a session ended, in
    ``day_zone``. Each file appears whole or not at all. ``{path}/_runs/{run}.json`` records what a run wrote.

    A ledger at ``{path}/_ledger`` makes the export complete and free of duplicates. What is not available yet (a
    transcript, a recording) is pending, and exported by the next run after it is due, whatever that run's window. Runs
    may overlap, be interrupted and be cleared; they may write at the same time if the store can create files
    exclusively, else one at a time writes. A rerun replaces its own files, with the same bytes while the platform's
    data is unchanged. A change on the platform is exported as a higher ``version`` by the run that notices it; a
    deletion becomes a row that says so.

    Returns a small dict: ``platform``, ``window``, ``sessions`` (with rows in this run's files), ``unchanged``
    (exported by other runs before), ``pending`` and ``absent`` (number of sessions by dataset), ``near_give_up`` (by id
    of the first 20 pending sessions on which the export gives up soon, when it does), ``deleted``,
    ``record`` (path of the run's record), and in ``datasets`` for each dataset ``rows``, ``bytes``, ``files`` and the
    first ten ``paths``; with ``keep_original`` also ``originals``, their number, in ``transcript_segments``.

    The event of an asset in ``outlets`` has the same content, with ``rows`` by dataset; an asset alias gets an event
    for each folder to which rows were written.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param path: where to write: ``s3://bucket/folder``, ``file:///folder``, any address that Airflow's
        ``ObjectStoragePath`` supports, or such a path. (templated)
    :param datasets: some of ``sessions``, ``participants``, ``attendance``, ``attendance_summary``,
        ``transcript_segments``, ``takeaways``, ``recordings``, as a list, or as a text with commas. By default all of
        these that the platform supports. ``polls``, ``chat_messages``, ``bookings``, ``events`` and ``registrations``
        are only exported if they are named. (templated)
    :param format: ``jsonl``, ``csv`` or ``parquet`` (which needs the extra ``parquet``). (templated)
    :param day_zone: the zone whose days ``dt`` names: an IANA name such as ``America/New_York``. If another one is
        given later, what was exported stays on its day until it changes, or until its run is cleared. (templated)
    :param latest: whether to keep ``{path}/latest/{dataset}/dt=YYYY-MM-DD/{account}.{format}``, too: for each day one
        file with the rows that count, so that a plain reader of these files counts right.
    :param csv_bom: whether CSV files begin with a byte-order mark, which Excel needs for what is not ASCII.
    :param session_id: the sessions to export, instead of a window: one id, or a list. A session that has not ended yet
        is pending, and the next export to the same place without filters includes it. (templated)
    :param start: start of the window: an aware datetime, ISO 8601 with an offset, or seconds since 1970. (templated)
    :param end: end of the window, exclusive; required with ``start``. (templated)
    :param partition_length: length of a partition's window: a timedelta, ISO 8601, or seconds. Whole days are days of
        the calendar in the schedule's time zone. (templated)
    :param room_id: only sessions of this room. (templated)
    :param case: only sessions of this case, on platforms with cases. (templated)
    :param title: only sessions whose title contains this text. (templated)
    :param object_storage_conn_id: connection for ``path``; takes precedence over one in the address. (templated)
    :param give_up_after: how long after a session's end to wait for artifacts that are not available yet: a timedelta,
        ISO 8601, or seconds. (templated)
    :param on_absent: what to do if an artifact is absent, because the platform says so or ``give_up_after`` has passed:
        ``warn`` logs a warning; ``fail`` fails the task, without a retry, once everything else is written.
        It is about what this run recorded as absent: other runs do not fail because of the same. (templated)
    :param concurrency: how many sessions are fetched in parallel, at most 32.
    :param discovery: ``incremental`` reads the newest sessions, those that may have changed, and each day other
        ``sweep_pages`` of the list, by a catalogue of what earlier runs have seen; ``full`` reads the whole list in
        each run. Both export the same sessions. Exports with a filter, and of Prevail, read the whole list. (templated)
    :param sweep_pages: how many pages of the list to read again each day, beyond those of the newest sessions.
    :param partition_outlets: whether the events of assets in ``outlets`` have the days that were written as partitions,
        one event for each day, with keys such as ``2026-03-02T00:00:00``. Without a written day there is no event. It
        needs Airflow 3.3; asset aliases have no partitions.
    :param deferrable: whether to defer the task if its first request would have to wait long for the rate limit.
        Later requests wait on the worker.
    :param redact: what happens to personal data: a mapping of ``email``, ``name``, ``user_id``, ``device``, ``title``,
        ``text``, ``link`` to ``keep``, ``drop`` or ``hash``; see :mod:`~airflow_provider_sessions.export.redaction`.
        What is not named is kept. (templated)
    :param keep_original: whether to write each session's transcript as the platform gave it, too, byte for byte, to
        ``{path}/transcript_originals/dt=YYYY-MM-DD/{run}/{session_id}/v{version}.{extension}``. Their checksums are in
        the run's record. It cannot be redacted, so nothing may be. (templated)
    :param redact_conn_id: the connection whose password is the key of the hashes. (templated)
    :raises InputError: an argument is invalid, or there is no window; nothing was sent.
    :raises ExportError: incomplete files would be visible at ``path``, or another run is writing although the store
        allows one at a time.
    :raises UnsupportedError: the platform does not support a dataset, or has no transcripts for ``keep_original``;
        nothing was sent.
    """

    template_fields: Sequence[str] = (
        *SHARED_TEMPLATE_FIELDS,
        "path",
        "format",
        "keep_original",
        "object_storage_conn_id",
    )

    def __init__(
        self,
        *,
        conn_id: str,
        path: Folder,
        format: FormatName | str = "jsonl",  # noqa: A002 - the word users look for
        day_zone: str = "UTC",
        keep_original: bool | str = False,
        latest: bool = True,
        csv_bom: bool = False,
        object_storage_conn_id: str | None = None,
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
        check_untemplated_values(format, find_format)
        check_untemplated_values(keep_original, partial(parse_bool, field="keep_original"))
        self.path = path
        self.format = format
        self.keep_original = keep_original
        self.latest = parse_untemplated_bool(latest, "latest")
        self.csv_bom = parse_untemplated_bool(csv_bom, "csv_bom")
        self.object_storage_conn_id = object_storage_conn_id

    @contextmanager
    def target(self, run: RunId, give_up_after: timedelta) -> Iterator[ExportTarget]:
        """Open the store at ``path``."""
        form = get_format(self.format)
        if self.csv_bom:
            form = with_bom(form)
        store = open_store(self.path, parse_text(self.object_storage_conn_id, "object_storage_conn_id"))
        yield FileTarget(
            store,
            form,
            run,
            day_zone=parse_day_zone(self.day_zone),
            keep_original=parse_bool(self.keep_original, "keep_original"),
            latest=self.latest,
            give_up_after=give_up_after,
        )

    def check_request(self, hook: SessionsHook, datasets: Sequence[Dataset] | None, redaction: Redaction) -> None:
        """Check that ``keep_original`` is possible, if it is set.

        :raises InputError: something is redacted, or the dataset of transcripts is not exported.
        :raises UnsupportedError: the platform has no transcripts, or not in a form of its own.
        """
        if not parse_bool(self.keep_original, "keep_original"):
            return
        check_original_arguments(datasets, redaction.modes)

        async def check(adapter: Adapter) -> None:
            adapter.require_original_transcripts()

        hook.run(check)


def check_original_arguments(
    datasets: Sequence[Dataset] | None, redaction_modes: Mapping[PersonalData, RedactionMode]
) -> None:
    """Check the arguments that limit ``keep_original``.

    :param datasets: the datasets that are named; None for all that the platform supports.
    :raises InputError: something is redacted, or the dataset of transcripts is not exported.
    """
    if any(mode is not RedactionMode.KEEP for mode in redaction_modes.values()):
        raise InputError(
            "keep_original: a transcript as the platform gave it holds names and what was said, and cannot be "
            "redacted; leave out either keep_original or redact"
        )
    if datasets is not None and all(dataset.name != SEGMENTS for dataset in datasets):
        raise InputError(f"keep_original: datasets must name {SEGMENTS}, too")
