"""``airflow sessions ledger``: what an export has pending, lacks, or is to export again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from airflow_provider_sessions.cli.output import Row, command, print_rows
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER, EntryStatus, LedgerSession
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.export.repair import forget, read_ledger, rebuild_latest, repair, verify
from airflow_provider_sessions.export.run import ExportTarget
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.transfers._export_operator import BaseExportOperator, resolve_redaction
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator

if TYPE_CHECKING:
    from argparse import Namespace

KEEP_ALL = "none"
"""The ``--redact`` of an export that keeps everything."""


@command
def list_pending(arguments: Namespace) -> None:
    """Print what is not exported yet, the longest pending first: one row for each dataset of a session.

    :raises InputError: the ledger is empty, as at a wrong path or with another format.
    """
    with _open_target(arguments) as target:
        ledger = _read_ledger(arguments, target)
    rows = [
        {
            "session_id": session_id,
            "dataset": dataset,
            "since": entry.first_seen.isoformat(),
            "attempts": entry.attempts,
            "next_check": entry.next_check and entry.next_check.isoformat(),
            "reason": entry.reason,
        }
        for session_id, held in ledger.items()
        for dataset, entry in held.entries.items()
        if entry.status is EntryStatus.PENDING
    ]
    print_rows(sorted(rows, key=lambda row: (row["since"], row["session_id"], row["dataset"])), arguments.output)
    if not rows:
        _note(f"Nothing is pending: the ledger holds {format_count(len(ledger), 'session')}")


@command
def verify_ledger(arguments: Namespace) -> None:
    """Print what is missing or differs from the platform. The process ends with status 1 if there is anything.

    :raises InputError: the ledger is empty, as at a wrong path or with another format.
    """
    with _open_target(arguments) as target:
        hook = hook_for(arguments.conn_id)
        findings = verify(
            hook,
            target,
            datasets=parse_datasets(arguments.datasets),
            redaction=_read_redaction(arguments),
        )
        compared = 0 if findings else len(_read_ledger(arguments, target))
    rows: list[Row] = [
        {"session_id": one.session_id, "dataset": one.dataset, "status": one.status.value, "reason": one.reason}
        for one in findings
    ]
    print_rows(rows, arguments.output)
    if rows:
        raise SystemExit(1)
    _note(f"{format_count(compared, 'session')} of the ledger compared: no difference")


@command
def repair_ledger(arguments: Namespace) -> None:
    """Write what :func:`verify_ledger` finds, and print what was written: one row for each dataset."""
    hook, redaction = hook_for(arguments.conn_id), _read_redaction(arguments)
    _operator(arguments).check_request(hook, None, redaction)
    with _open_target(arguments) as target:
        written = repair(hook, target, datasets=parse_datasets(arguments.datasets), redaction=redaction)
    print_rows(
        [{"dataset": name, "rows": counts["rows"]} for name, counts in written.datasets.items()], arguments.output
    )


@command
def forget_sessions(arguments: Namespace) -> None:
    """Print what the ledger holds of sessions. With ``--yes``, let the next run export them again."""
    with _open_target(arguments) as target:
        hook, dry_run = hook_for(arguments.conn_id), not arguments.yes
        forgotten = forget(hook, target, arguments.session_ids, dry_run=dry_run)
    rows: list[Row] = [
        {"session_id": session_id, "dataset": dataset, "status": entry.status.value, "version": entry.version}
        for session_id, held in forgotten.items()
        for dataset, entry in sorted(held.entries.items())
    ]
    print_rows(rows, arguments.output)
    if dry_run:
        _note("Nothing was changed; repeat this with --yes to export them again")


@command
def rebuild_latest_files(arguments: Namespace) -> None:
    """Build the latest files of all days again, and print the number of days."""
    if not arguments.path:
        raise InputError("give --path: the folder of the export")
    with _open_target(arguments) as target:
        days = rebuild_latest(hook_for(arguments.conn_id), cast(FileTarget, target))
    print_rows([{"days": days}], arguments.output)


def _note(text: str) -> None:
    """Print a sentence beside the rows, which may be read by another program."""
    print(text, file=sys.stderr)  # noqa: T201 - a command's output


def _read_ledger(arguments: Namespace, target: ExportTarget) -> dict[str, LedgerSession]:
    """Return what the ledger holds.

    :raises InputError: nothing.
    """
    ledger = read_ledger(hook_for(arguments.conn_id), target)
    if not ledger:
        where = "--path and --format" if arguments.path else "--sql-conn-id, --schema and --table-prefix"
        raise InputError(f"there is no ledger of this account here, or it is empty: check {where}")
    return ledger


@contextmanager
def _open_target(arguments: Namespace) -> Iterator[ExportTarget]:
    """Open what an export writes into, as a run of its own."""
    run = RunId("sessions_ledger", f"cli__{datetime.now(UTC).isoformat()}", "ledger")
    with _operator(arguments).target(run, GIVE_UP_AFTER) as target:
        yield target


def _operator(arguments: Namespace) -> BaseExportOperator:
    if bool(arguments.path) == bool(vars(arguments).get("sql_conn_id")):
        raise InputError("give either --path, for files, or --sql-conn-id, for tables")
    # Only commands that write files have these.
    options = {name: vars(arguments)[name] for name in ("day_zone", "csv_bom", "keep_original") if name in arguments}
    if arguments.path:
        return SessionsToObjectStorageOperator(
            task_id="ledger",
            conn_id=arguments.conn_id,
            path=arguments.path,
            format=arguments.format,
            object_storage_conn_id=arguments.object_storage_conn_id,
            **options,
        )
    if options.get("keep_original"):
        raise InputError("--keep-original needs --path: tables hold no files")
    return SessionsToSqlOperator(
        task_id="ledger",
        conn_id=arguments.conn_id,
        sql_conn_id=arguments.sql_conn_id,
        schema=arguments.schema,
        table_prefix=arguments.table_prefix,
    )


def _read_redaction(arguments: Namespace) -> Redaction:
    """Read the export's redaction. With another one than the export's, every row would differ."""
    modes = None if arguments.redact == KEEP_ALL else arguments.redact
    return resolve_redaction(modes, arguments.redact_conn_id)
