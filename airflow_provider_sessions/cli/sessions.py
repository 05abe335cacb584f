"""``airflow sessions list`` and ``airflow sessions show``."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_sessions.cli.output import Row, command, print_rows
from airflow_provider_sessions.errors import InputError, UnsupportedError
from airflow_provider_sessions.hooks.base import SessionsHook, hook_for
from airflow_provider_sessions.model import Artifact, Session, SessionQuery, Window, WindowBy

if TYPE_CHECKING:
    from argparse import Namespace


@command
def list_sessions(arguments: Namespace) -> None:
    """Print the sessions of a platform, page by page until ``--limit`` is reached."""
    if arguments.limit < 1:
        raise InputError(f"--limit: {arguments.limit} must be at least 1")
    window = None
    if arguments.start or arguments.end:
        if not (arguments.start and arguments.end):
            raise InputError("--start and --end must be given together")
        window = Window.read(arguments.start, arguments.end)
    query = SessionQuery(
        window=window,
        by=WindowBy(arguments.by),
        title=arguments.title,
        room_id=arguments.room_id,
        case=arguments.case,
    )
    found = hook_for(arguments.conn_id).list_sessions(query)
    print_rows([_describe(session) for session in islice(found, arguments.limit)], arguments.output)


@command
def show_session(arguments: Namespace) -> None:
    """Print a session's fields, and the status of each artifact."""
    hook = hook_for(arguments.conn_id)
    session = hook.get_session(arguments.session_id)
    row = session.model_dump(mode="json", exclude={"unreadable"}) | {
        "duration_seconds": session.duration_seconds,
        "unreadable": sorted(session.unreadable),
        **{artifact.value: _get_status(hook, session, artifact) for artifact in Artifact},
    }
    if arguments.output in ("table", "plain"):
        print_rows([{"field": name, "value": value} for name, value in row.items()], arguments.output)
    else:
        print_rows([row], arguments.output)


def _describe(session: Session) -> Row:
    return {
        "session_id": session.session_id,
        "state": session.state.value,
        "scheduled_start": session.scheduled_start and session.scheduled_start.isoformat(),
        "ended_at": session.ended_at and session.ended_at.isoformat(),
        "duration_seconds": session.duration_seconds,
        "title": session.title,
        "url": session.url,
    }


def _get_status(hook: SessionsHook, session: Session, artifact: Artifact) -> str:
    try:
        status = hook.artifact_status(session, artifact)
    except UnsupportedError:
        return "not supported"
    if status.ready:
        return f"ready ({status.count})"
    return f"absent: {status.absent}" if status.absent else f"pending{f': {status.detail}' if status.detail else ''}"
