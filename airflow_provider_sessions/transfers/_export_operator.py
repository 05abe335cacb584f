"""The base class of operators that export, regardless of what they write into."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow_provider_sessions.arguments import (
    check_untemplated_values,
    none_if_empty,
    parse_count,
    parse_ids,
    parse_json,
    parse_text,
)
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.datasets import Dataset, DatasetName, parse_datasets
from airflow_provider_sessions.export.discovery import SWEEP_PAGES, DiscoveryName, check_discovery, check_sweep_pages
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.redaction import (
    Redaction,
    RedactionMode,
    RedactionModeName,
    parse_redaction_modes,
)
from airflow_provider_sessions.export.rows import PersonalDataName
from airflow_provider_sessions.export.run import (
    DEFAULT_CONCURRENCY,
    ExportOutcome,
    ExportResult,
    ExportTarget,
    check_concurrency,
    list_sessions,
    run_export,
)
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.hooks.connections import get_password
from airflow_provider_sessions.hooks.metrics import make_metrics
from airflow_provider_sessions.messages import format_count, format_instant, quote_value
from airflow_provider_sessions.metrics import ABSENT, EXPORTED, NEAR_GIVE_UP, OLDEST_PENDING, PENDING
from airflow_provider_sessions.model import SessionQuery, Window, WindowBy, parse_instant, parse_seconds
from airflow_provider_sessions.model.values import find_zone
from airflow_provider_sessions.operators._create_key import get_loop_index
from airflow_provider_sessions.operators._deferring_operator import DeferringOperator
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.transfers._absences import (
    OnAbsent,
    OnAbsentName,
    PendingSessions,
    find_pending,
    report_absent,
    warn_near_give_up,
)
from airflow_provider_sessions.transfers._gc_tuning import tune_gc
from airflow_provider_sessions.transfers._lineage import emit_outlet_events, preload_lineage_collector, report_lineage
from airflow_provider_sessions.transfers._partitions import (
    PARTITION_LENGTH,
    check_partition_outlets,
    find_partition_window,
    get_partition_key,
    report_partitions,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


log = get_logger(__name__)

SHARED_TEMPLATE_FIELDS = (
    "conn_id",
    "datasets",
    "session_id",
    "start",
    "end",
    "room_id",
    "case",
    "title",
    "partition_length",
    "give_up_after",
    "on_absent",
    "redact",
    "redact_conn_id",
    "discovery",
    "day_zone",
)


_WINDOW_HINT = (
    "give start and end (templates such as '{{ dag_run.run_after | ds }}T00:00:00Z' will do), or schedule the DAG with "
    "airflow.timetables.interval.CronDataIntervalTimetable, whose runs have an interval, or from Airflow 3.2 with "
    "airflow.sdk.CronPartitionTimetable, whose runs have a partition"
)


class BaseExportOperator(DeferringOperator):
    """Export datasets of the sessions that ended in a window of time; a subclass provides the target.

    The parameters are documented with each subclass.
    """

    usual_requests = 1
    # An export that has sent a request is not deferred, but waits for the rate limit on the worker: a deferred task
    # starts again from the beginning, so a long export might never end.
    repeated_after = ()
    template_fields: Sequence[str] = SHARED_TEMPLATE_FIELDS

    def __init__(
        self,
        *,
        conn_id: str,
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
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        check_untemplated_values(datasets, parse_datasets)
        check_untemplated_values(on_absent, OnAbsent.parse)
        check_untemplated_values(redact, parse_redaction_modes)
        check_untemplated_values(
            list(redact) if isinstance(redact, Mapping) else None,
            lambda words: parse_redaction_modes(dict.fromkeys(words, RedactionMode.KEEP)),
        )
        check_untemplated_values(discovery, check_discovery)
        check_untemplated_values(day_zone, parse_day_zone)
        self.datasets = datasets
        self.session_id = session_id
        self.start = start
        self.end = end
        self.partition_length = partition_length
        self.room_id = room_id
        self.case = case
        self.title = title
        self.give_up_after = give_up_after
        self.on_absent = on_absent
        self.concurrency = concurrency
        self.redact = redact
        self.redact_conn_id = redact_conn_id
        self.discovery = discovery
        self.sweep_pages = sweep_pages
        self.partition_outlets = check_partition_outlets(partition_outlets)
        self.day_zone = day_zone

    @abstractmethod
    def target(self, run: RunId, give_up_after: timedelta) -> AbstractContextManager[ExportTarget]:
        """Return a context manager that opens and closes the files or tables to write into.

        It is entered before the first request to the platform.

        :param run: the run that exports.
        :param give_up_after: how long after a session's end to wait for its artifacts.
        :raises InputError: an argument is invalid.
        """

    def check_request(self, hook: SessionsHook, datasets: Sequence[Dataset] | None, redaction: Redaction) -> None:
        """Check what depends on several arguments, or on the platform. Nothing has been sent.

        :param datasets: the datasets that are named; None for all that the platform supports.
        :raises InputError: arguments do not go together.
        :raises UnsupportedError: the platform does not support it.
        """

    def _attempt(self, context: Context, reserved: int, began: float, times: int) -> Any:
        with tune_gc():  # around the adapter's whole life, so that all that the export leaves is collected
            return super()._attempt(context, reserved, began, times)

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Export the sessions."""
        datasets = parse_datasets(none_if_empty(parse_json(self.datasets, "datasets")))
        concurrency = check_concurrency(parse_count(self.concurrency, "concurrency") or DEFAULT_CONCURRENCY)
        query = self._make_query(context)
        sweep_pages = check_sweep_pages(parse_count(self.sweep_pages, "sweep_pages") or SWEEP_PAGES)
        is_incremental = check_discovery(parse_text(self.discovery, "discovery") or "incremental")
        give_up_after = timedelta(seconds=parse_seconds(self.give_up_after, "give_up_after"))
        on_absent = OnAbsent.parse(self.on_absent)
        redaction = resolve_redaction(self.redact, self.redact_conn_id)
        self.check_request(hook, datasets, redaction)
        with self.target(_get_run_id(context), give_up_after) as target:
            _warn_if_window_is_open(query.window)
            with preload_lineage_collector():
                plan = list_sessions(
                    hook, target, query, datasets, redaction, sweep_pages=sweep_pages if is_incremental else None
                )
            _log_plan(plan)
            full_plan, result = run_export(hook, plan, target, concurrency)
        now = SYSTEM_CLOCK.now()
        pending = find_pending(result.outcome, give_up_after, now)
        _log_result(full_plan, result)
        warn_near_give_up(result.outcome, pending, now)
        _report_metrics(hook, context, result.outcome, pending)
        summary = _make_xcom_summary(full_plan, result, pending)
        report_lineage(hook, full_plan, result)
        if self.partition_outlets:
            self.outlets = report_partitions(self.outlets, context, result.days)
        emit_outlet_events(self.outlets, context, result, summary)
        if on_absent is OnAbsent.FAIL and self.do_xcom_push:
            # Airflow itself pushes the result only of a task that succeeds.
            context["ti"].xcom_push("return_value", summary)
        report_absent(result.outcome, on_absent)
        return summary

    def _make_query(self, context: Context) -> SessionQuery:
        """Return the query: the sessions that are named, or a window with filters.

        :raises InputError: an argument is invalid, or ``session_id`` is combined with a window or a filter.
        """
        if self.session_id is None:
            return SessionQuery(
                window=resolve_window(self.start, self.end, context, self.partition_length),
                by=WindowBy.ENDED,
                room_id=parse_text(self.room_id, "room_id"),
                case=parse_text(self.case, "case"),
                title=parse_text(self.title, "title"),
            )
        check_selection(self.session_id, self.start, self.end, self.room_id, self.case, self.title)
        return SessionQuery(session_ids=parse_ids(self.session_id), by=WindowBy.ENDED)


def check_selection(session_id: Any, start: Any, end: Any, room_id: Any, case: Any, title: Any) -> None:
    """Check that an export's sessions are either named, or selected by a window and filters.

    :raises InputError: they are named, and selected as well.
    """
    others = {"start": start, "end": end, "room_id": room_id, "case": case, "title": title}
    given = [name for name, value in others.items() if none_if_empty(value) is not None]
    if session_id is not None and given:
        raise InputError(f"session_id names the sessions, so {', '.join(given)} cannot be given with it")


def _get_run_id(context: Context) -> RunId:
    task_instance = context["ti"]
    return RunId(
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        map_index=-1 if task_instance.map_index is None else task_instance.map_index,
        loop_index=-1 if (index := get_loop_index(context)) is None else index,
    )


def parse_day_zone(value: Any) -> ZoneInfo:
    """Parse the argument ``day_zone``: an IANA name, or nothing for UTC.

    :raises InputError: the zone does not exist.
    """
    return find_zone(none_if_empty(value) or "UTC", "day_zone")


def resolve_redaction(redact: Any, conn_id: Any) -> Redaction:
    """Return the redaction that the arguments ``redact`` and ``redact_conn_id`` of an export describe.

    The key of hashes is the password of the connection ``redact_conn_id``, which is read if anything is redacted.

    :raises InputError: one of the arguments is invalid.
    """
    modes, conn_id = parse_redaction_modes(parse_json(redact, "redact")), parse_text(conn_id, "redact_conn_id")
    redaction = Redaction(modes, get_password(conn_id) if conn_id is not None and modes else None)
    if modes:
        log.info("Redacting: %s", ", ".join(f"{word} {mode}" for word, mode in modes.items()))
    return redaction


def _warn_if_window_is_open(window: Window | None) -> None:
    if window is not None and window.end > datetime.now(UTC):
        log.warning("The window ends in the future; sessions that have not ended yet are not in this export")


def _log_plan(plan: ExportPlan) -> None:
    window = plan.query.window
    log.info(
        "%s of %s %s; exporting %s",
        format_count(len(plan.sessions), "session"),
        plan.platform,
        "of those named in session_id ended"
        if window is None
        else f"ended from {format_instant(window.start)} to {format_instant(window.end)}",
        ", ".join(dataset.name for dataset in plan.datasets),
    )


def _report_metrics(hook: SessionsHook, context: Context, outcome: ExportOutcome, pending: PendingSessions) -> None:
    metrics = make_metrics(hook.account)
    tags = {"dag_id": context["ti"].dag_id, "task_id": context["ti"].task_id}
    metrics.increment(EXPORTED, outcome.sessions, tags)
    metrics.increment(ABSENT, len(outcome.newly_absent), tags)
    metrics.set_gauge(PENDING, len(outcome.pending), tags)
    metrics.set_gauge(OLDEST_PENDING, pending.oldest_age.total_seconds() if pending.oldest_age else 0.0, tags)
    metrics.set_gauge(NEAR_GIVE_UP, len(pending.near_give_up), tags)


def _make_xcom_summary(plan: ExportPlan, result: ExportResult, pending: PendingSessions) -> dict[str, Any]:
    outcome, window = result.outcome, plan.query.window
    return {
        "platform": plan.platform,
        "window": window and {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "sessions": outcome.sessions,
        "unchanged": outcome.unchanged,
        "pending": _count_by_dataset(outcome.pending),
        "absent": _count_by_dataset(outcome.absent),
        "near_give_up": pending.name_near_give_up(),
        "deleted": len(outcome.deleted_sessions),
        "datasets": {name: dict(sums) for name, sums in result.datasets.items()},
        **result.locations,
    }


def _log_result(plan: ExportPlan, result: ExportResult) -> None:
    outcome = result.outcome
    # If every session is unchanged, zero rows would look like a loss.
    for name, sums in result.datasets.items() if outcome.sessions else ():
        counts = [format_count(value, noun.removesuffix("s")) for noun, value in sums.items() if type(value) is int]
        log.info("%s: %s", name, ", ".join(counts) if sums["rows"] else "no new rows")
    if outcome.unchanged:
        log.info("%s unchanged since an earlier run exported them", format_count(outcome.unchanged, "session"))
    if outcome.deleted_sessions:
        log.info("%s deleted on the platform", format_count(len(outcome.deleted_sessions), "session"))
    for name, location in result.locations.items():
        log.info("%s: %s", name, location)
    if not plan.sessions and plan.query.session_ids:
        log.warning(
            "No session that session_id names has ended, so nothing was written; the next export without filters "
            "includes those that have ended by then"
        )
    elif not plan.sessions:
        log.warning("No session ended in this window, and no earlier one was due; nothing was written")
    for status, reasons in (("pending", outcome.pending), ("absent", outcome.absent)):
        for name, sessions in _count_by_dataset(reasons).items():
            log.info("%s: %s %s", name, format_count(sessions, "session"), status)


def _count_by_dataset(reasons: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Return the number of sessions for each dataset, by name.

    :param reasons: ``{session id: {dataset: reason}}``.
    """
    counts = Counter(name for by_dataset in reasons.values() for name in by_dataset)
    return dict(sorted(counts.items()))


def resolve_window(
    start: Any, end: Any, context: Mapping[str, Any], partition_length: Any = PARTITION_LENGTH
) -> Window:
    """Return the window from ``start`` to ``end``; if both are empty, the run's partition, else its data interval.

    :param start: an aware datetime, ISO 8601, or seconds since 1970.
    :param partition_length: length of the partition's window: a timedelta, ISO 8601, or seconds.
    :raises InputError: only one of the two is given, the window is empty, or there is neither partition nor interval.
    """
    length = timedelta(seconds=parse_seconds(partition_length, "partition_length"))
    start, end = none_if_empty(start), none_if_empty(end)
    if (start is None) != (end is None):
        raise InputError(f"start and end belong together, but {'start' if start is None else 'end'} is missing")
    if start is not None and end is not None:
        starts_at, ends_at = parse_instant(start, "start"), parse_instant(end, "end")
        if ends_at <= starts_at:
            raise InputError(f"end: {ends_at.isoformat()} is not after the start, {starts_at.isoformat()}")
        return Window(start=starts_at, end=ends_at)
    return find_partition_window(context, length) or _get_data_interval(context)


def _get_data_interval(context: Mapping[str, Any]) -> Window:
    """Return the data interval of the run.

    :raises InputError: it has none, or one without length.
    """
    starts_at, ends_at = context.get("data_interval_start"), context.get("data_interval_end")
    if not isinstance(starts_at, datetime) or not isinstance(ends_at, datetime):
        key = get_partition_key(context)
        partition = "" if key is None else f" and its partition {quote_value(key)} has no date"
        raise InputError(f"this run has no data interval{partition}, so there is no window to export: {_WINDOW_HINT}")
    if ends_at <= starts_at:
        raise InputError(
            f"this run's data interval has no length (it starts and ends at {starts_at.isoformat()}; schedules such as "
            f"'@daily' make such runs), so there is no window to export: {_WINDOW_HINT}"
        )
    return Window(start=starts_at, end=ends_at)
