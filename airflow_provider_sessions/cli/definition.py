"""The commands and their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, Arg, GroupCommand, lazy_load_command

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

DESCRIPTION = "List live sessions, and check connections and exports"
_PACKAGE = "airflow_provider_sessions.cli"

_SESSION_ID = Arg(("session_id",), help="the session's id on its platform")
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
)
"""The commands of the group ``sessions``."""


def get_sessions_commands() -> list[CLICommand]:
    """Return the group ``sessions``, for Airflow's command line."""
    return [GroupCommand(name="sessions", help=DESCRIPTION, subcommands=COMMANDS)]
