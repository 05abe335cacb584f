"""The sessions of a window of time, as files."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sessions.export.datasets import read_datasets
from airflow_provider_sessions.export.formats import read_format
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER
from airflow_provider_sessions.export.ledger_objects import ObjectLedger
from airflow_provider_sessions.export.record import RunRecord
from airflow_provider_sessions.export.run import (
    DEFAULT_CONCURRENCY,
    Plan,
    begin,
    check_concurrency,
    extend,
    materials,
    plan,
    totals,
    write,
)
from airflow_provider_sessions.export.store import Store
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.model import SessionQuery, Window, WindowBy, parse_seconds
from airflow_provider_sessions.model.wording import counted, to_the_second
from airflow_provider_sessions.operators._reading import count, given, structure
from airflow_provider_sessions.transfers._object_storage import store_for
from airflow_provider_sessions.transfers._window import window_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

_PATHS_IN_XCOM = 10


class SessionsToObjectStorageOperator(BaseOperator):
    """Write datasets of the sessions that ended in a window of time to a folder or an object store.

    The window is ``start`` to ``end`` (the end does not belong to it), or else the run's data interval. Files lie at
    ``{path}/{dataset}/dt=YYYY-MM-DD/{run}.{format}``, where ``dt`` is the UTC day a session ended; each appears whole
    or not at all. ``{path}/_runs/{run}.json`` tells what a run wrote.

    Nothing is lost and nothing is there twice: a ledger at ``{path}/_ledger`` knows what was exported. What is not
    ready yet (a transcript, a recording) stays pending, and the next run whose time has come brings it, whatever its
    window. Runs may overlap, go on at the same time, break off and be cleared. A rerun replaces its own files, with the
    same bytes while the platform's data is unchanged. What changed at the source is exported again as a higher
    ``version`` by the run that sees it; a session that was deleted becomes a row that says so.

    Returns a small dict: ``platform``, ``window``, ``sessions`` (with rows in this run's files), ``unchanged`` (those
    that other runs had exported), ``pending`` and ``absent`` (sessions by dataset), ``deleted``, ``record`` (the
    address of the run's record), and in ``datasets`` for each dataset ``rows``, ``bytes``, ``files`` and the first ten
    ``paths``.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param path: where to write: ``s3://bucket/folder``, ``file:///folder``, any address that Airflow's
        ``ObjectStoragePath`` knows. (templated)
    :param datasets: some of ``sessions``, ``participants``, ``attendance``, ``attendance_summary``,
        ``transcript_segments``, ``takeaways``, ``recordings``, as a list, or as text with commas. By default all that
        the platform can give. (templated)
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
    :raises InputError: an argument cannot be meant, or there is no window; nothing was sent.
    :raises UnsupportedError: the platform cannot give a dataset that was named; nothing was sent.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "path",
        "datasets",
        "format",
        "start",
        "end",
        "room_id",
        "case",
        "title",
        "object_storage_conn_id",
        "give_up_after",
    )

    def __init__(
        self,
        *,
        conn_id: str,
        path: str,
        datasets: Sequence[str] | str | None = None,
        format: str = "jsonl",  # noqa: A002 - the word users look for
        start: datetime | str | float | None = None,
        end: datetime | str | float | None = None,
        room_id: str | None = None,
        case: str | None = None,
        title: str | None = None,
        object_storage_conn_id: str | None = None,
        give_up_after: timedelta | str | float = GIVE_UP_AFTER,
        concurrency: int = DEFAULT_CONCURRENCY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.path = path
        self.datasets = datasets
        self.format = format
        self.start = start
        self.end = end
        self.room_id = room_id
        self.case = case
        self.title = title
        self.object_storage_conn_id = object_storage_conn_id
        self.give_up_after = give_up_after
        self.concurrency = concurrency

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the window."""
        window = window_of(self.start, self.end, context)
        wanted = read_datasets(given(structure(self.datasets, "datasets")))
        form = read_format(self.format)
        concurrency = check_concurrency(count(self.concurrency, "concurrency") or DEFAULT_CONCURRENCY)
        give_up_after = timedelta(seconds=parse_seconds(self.give_up_after, "give_up_after"))
        query = SessionQuery(
            window=window,
            by=WindowBy.ENDED,
            room_id=given(self.room_id),
            case=given(self.case),
            title=given(self.title),
        )
        store = store_for(self.path, given(self.object_storage_conn_id))
        hook = hook_for(self.conn_id)
        _warn_of_open_end(window)
        work = hook.ask(lambda adapter: plan(adapter, query, wanted))
        log.info(
            "%s of %s ended from %s to %s; exporting %s",
            counted(len(work.sessions), "session"),
            work.platform,
            to_the_second(window.start),
            to_the_second(window.end),
            ", ".join(dataset.name for dataset in work.datasets),
        )
        run = _run_of(context)
        ledger = ObjectLedger(store, work.account, form.name, run, give_up_after=give_up_after)
        late = begin(store, run, work, form, ledger)
        whole = hook.ask(lambda adapter: extend(adapter, work, late, concurrency)) if late else work
        with closing(hook.stream(lambda adapter: materials(adapter, whole, concurrency))) as known:
            record = write(store, run, whole, form, known, ledger)
        return _told(store, run, whole, window, record)


def _run_of(context: Context) -> RunId:
    task_instance = context["ti"]
    return RunId(
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        map_index=-1 if task_instance.map_index is None else task_instance.map_index,
    )


def _warn_of_open_end(window: Window) -> None:
    if window.end > datetime.now(UTC):
        log.warning("The window ends in the future: sessions that end after now are not in this export")


def _by_dataset(status: str, noted: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    counts = Counter(name for reasons in noted.values() for name in reasons)
    for name, sessions in sorted(counts.items()):
        log.info("%s: %s %s", name, counted(sessions, "session"), status)
    return dict(sorted(counts.items()))


def _told(store: Store, run: RunId, work: Plan, window: Window, record: RunRecord) -> dict[str, Any]:
    datasets: dict[str, dict[str, Any]] = {}
    for name, sums in totals(record).items():
        keys = [file.key for file in record.files if file.dataset == name]
        datasets[name] = {**sums, "paths": [store.location(key) for key in keys[:_PATHS_IN_XCOM]]}
        rows, files, size = (counted(sums[key], key.removesuffix("s")) for key in ("rows", "files", "bytes"))
        log.info("%s: %s in %s, %s", name, rows, files, size)
    if not work.sessions:
        log.warning("No session ended in this window: nothing was written but the run's record")
    return {
        "platform": work.platform,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "sessions": record.sessions,
        "unchanged": record.unchanged,
        "pending": _by_dataset("pending", record.pending),
        "absent": _by_dataset("absent", record.absent),
        "deleted": len(record.deleted_sessions),
        "datasets": datasets,
        "record": store.location(run.record_key),
    }
