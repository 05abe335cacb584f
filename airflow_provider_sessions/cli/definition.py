"""The commands and their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, Arg, GroupCommand, lazy_load_command

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

DESCRIPTION = "List live sessions, and check connections and exports"
_PACKAGE = "airflow_provider_sessions.cli"

_SESSION_ID = Arg(("session_id",), help="the session's id on its platform")
_SESSION_IDS = Arg(("session_ids",), nargs="+", help="ids of sessions on their platform")
_YES = Arg(("-y", "--yes"), action="store_true", help="do it")
_CONN_ID = Arg(("-c", "--conn-id"), required=True, help="id of a connection to a platform, such as vidinfra_default")
_CONN_IDS = Arg(("-c", "--conn-id"), action="append", help="id of a connection to check; give it once for each")
_START = Arg(("--start",), help="start of a window of time: ISO 8601 with an offset, such as 2026-11-30T00:00:00Z")
_END = Arg(("--end",), help="end of the window, which is not part of it")
_BY = Arg(
    ("--by",),
    choices=("scheduled_start", "ended"),
    default="scheduled_start",
    help="which time has to be in the window",
)
_TITLE = Arg(("--title",), help="only sessions whose title contains this text")
_ROOM_ID = Arg(("--room-id",), help="only sessions of this room")
_CASE = Arg(("--case",), help="only sessions of this case, on platforms with cases")
_LIMIT = Arg(("--limit",), type=int, default=50, help="at most this many sessions (default: 50)")
_PATH = Arg(("--path",), help="folder of an export: s3://bucket/folder, file:///folder")
_STORAGE_CONN_ID = Arg(("--object-storage-conn-id",), help="connection for the folder")
_SQL_CONN_ID = Arg(("--sql-conn-id",), help="connection of a database that exports are loaded into")


_FORMAT = Arg(("--format",), default="jsonl", choices=("jsonl", "csv", "parquet"), help="of the files in the folder")
_SCHEMA = Arg(("--schema",), help="schema of the export's tables")
_TABLE_PREFIX = Arg(("--table-prefix",), default="", help="what the names of the export's tables begin with")
_DATASETS = Arg(
    ("--datasets",), default="sessions", help="what to compare, also if it is absent; with commas (default: sessions)"
)
_REDACT = Arg(
    ("--redact",),
    required=True,
    help='redact of the export, as JSON such as {"email": "hash"}; "none" if it has none',
)
_REDACT_CONN_ID = Arg(("--redact-conn-id",), help="the export's redact_conn_id")
_KEEP_ORIGINAL = Arg(
    ("--keep-original",),
    action="store_true",
    help="write transcripts as the platform gave them, too, as an export with keep_original does",
)
_DAY_ZONE = Arg(("--day-zone",), default="UTC", help="day_zone of the export, which names the days of its files")
_CSV_BOM = Arg(("--csv-bom",), action="store_true", help="begin CSV files with a BOM, as an export with csv_bom does")
_FILES = (_CONN_ID, _PATH, _FORMAT, _STORAGE_CONN_ID)
_TARGET = (*_FILES, _SQL_CONN_ID, _SCHEMA, _TABLE_PREFIX)
_COMPARED = (_DATASETS, _REDACT, _REDACT_CONN_ID)

LEDGER_COMMANDS = (
    ActionCommand(
        name="pending",
        help="List what is not exported yet, and why",
        func=lazy_load_command(f"{_PACKAGE}.ledger.list_pending"),
        args=(*_TARGET, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="verify",
        help="List what is missing from an export, or differs from what the platform says now",
        description="Nothing is written. Exit with status 1 if there is anything.",
        func=lazy_load_command(f"{_PACKAGE}.ledger.verify_ledger"),
        args=(*_TARGET, *_COMPARED, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="forget",
        help="Let the next run export sessions again, as their next version",
        description="Without --yes, list what the ledger holds of them, and change nothing.",
        func=lazy_load_command(f"{_PACKAGE}.ledger.forget_sessions"),
        args=(_SESSION_IDS, *_TARGET, _YES, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="repair",
        help="Export what verify lists, as the next version of each session",
        func=lazy_load_command(f"{_PACKAGE}.ledger.repair_ledger"),
        args=(*_TARGET, *_COMPARED, _DAY_ZONE, _CSV_BOM, _KEEP_ORIGINAL, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="rebuild-latest",
        help="Build the files in latest/ again, from those of all runs",
        description="After files of runs were deleted or restored by hand, for example to erase a person.",
        func=lazy_load_command(f"{_PACKAGE}.ledger.rebuild_latest_files"),
        args=(*_FILES, _CSV_BOM, ARG_OUTPUT, ARG_VERBOSE),
    ),
)
COMMANDS = (
    ActionCommand(
        name="list",
        help="List sessions of a platform",
        func=lazy_load_command(f"{_PACKAGE}.sessions.list_sessions"),
        args=(_CONN_ID, _START, _END, _BY, _TITLE, _ROOM_ID, _CASE, _LIMIT, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="show",
        help="Show a session, and which of its artifacts are ready",
        func=lazy_load_command(f"{_PACKAGE}.sessions.show_session"),
        args=(_SESSION_ID, _CONN_ID, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="doctor",
        help="Check connections, clock, time zones, rate-limit store, triggerer and places of exports",
        description="Exit with status 1 if a check fails. Give connections and places to check them, too.",
        func=lazy_load_command(f"{_PACKAGE}.doctor.run_doctor"),
        args=(_CONN_IDS, _PATH, _STORAGE_CONN_ID, _SQL_CONN_ID, ARG_OUTPUT, ARG_VERBOSE),
    ),
    GroupCommand(
        name="ledger", help="Check, repair and repeat what an export has written", subcommands=LEDGER_COMMANDS
    ),
)
"""The commands of the group ``sessions``."""


def get_sessions_commands() -> list[CLICommand]:
    """Return the group ``sessions``, for Airflow's command line."""
    return [GroupCommand(name="sessions", help=DESCRIPTION, subcommands=COMMANDS)]
