"""Links of a task in Airflow's UI: the session's page and its join page.

Links are read from XCom. :func:`push_links` writes them as soon as the session is known: before a task defers, so that
the buttons are visible while it waits, and before it fails. Without a URL there is no button.
"""

from __future__ import annotations

from ast import literal_eval
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_sessions.model import Session
from airflow_provider_sessions.safe_text import sanitize_link, sanitize_text

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

SESSION_URL = "session_url"
JOIN_URL = "join_url"
_TITLE = "sessions_provider_title"
"""The name in a task's context under which a template finds the title."""
_MAX_TITLE = 250
"""Airflow's limit of the name of a mapped task instance."""


class SessionLink(BaseOperatorLink):
    """The session's page on its platform."""

    name = "Session"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the page, or an empty text if it is unknown."""
        return _read_link(ti_key, SESSION_URL)


class JoinLink(BaseOperatorLink):
    """The page on which people join the session."""

    name = "Join"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the page, or an empty text if it is unknown."""
        return _read_link(ti_key, JOIN_URL)


def push_links(context: Context, session: Session) -> None:
    """Push the URLs of the links to XCom, and name a mapped task instance after the session.

    Call it as soon as the session is known, before deferring or returning.

    :param context: the task's context.
    :param session: the session.
    """
    task_instance: Any = context["ti"]
    # None is pushed, too: Airflow logs an error if a link reads an XCom that does not exist.
    task_instance.xcom_push(key=SESSION_URL, value=session.url)
    task_instance.xcom_push(key=JOIN_URL, value=session.join_url)
    name_mapped_task(context, session.title)


def name_mapped_task(context: Context, title: str | None) -> None:
    """Let Airflow show the session's title instead of the map index, unless the author set ``map_index_template``.

    The title is a value in the context, and never a template, because templates can read connections and variables.

    :param context: the task's context.
    :param title: the title; None if it is unknown.
    """
    values: dict[str, Any] = context  # type: ignore[assignment]  # a TypedDict, which knows no names of ours
    if not title or values["ti"].map_index in (None, -1) or values.get("map_index_template") is not None:
        return
    from jinja2.nativetypes import NativeEnvironment  # here, as most tasks are not mapped

    environment = values["task"].get_template_env()
    shown = sanitize_text(title)[:_MAX_TITLE]
    # Airflow 3.1 to 3.3 make a number of the title "2026" where a DAG renders native objects, and refuse it as a name.
    is_native = isinstance(environment, NativeEnvironment)
    values[_TITLE] = f"Session {shown}" if is_native and _is_literal(shown) else shown
    values["map_index_template"] = f"{environment.variable_start_string} {_TITLE} {environment.variable_end_string}"


def _is_literal(text: str) -> bool:
    """Return whether a text is a Python literal, such as a number."""
    try:
        literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _read_link(ti_key: TaskInstanceKey, key: str) -> str:
    return sanitize_link(XCom.get_value(ti_key=ti_key, key=key)) or ""
