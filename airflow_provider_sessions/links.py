"""Buttons on a task in Airflow's UI: the session's page, and where one joins it.

Links are read from XCom, which :func:`push_links` writes as soon as the session is known: before a task defers, so that
the buttons are there while it waits, and before it fails. A platform that gives no address has no button.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_sessions.model import Session
from airflow_provider_sessions.safe_text import sanitize_link

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

SESSION_URL = "session_url"
JOIN_URL = "join_url"


class SessionLink(BaseOperatorLink):
    """The session's page on its platform."""

    name = "Session"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The page's address, or an empty text while none is known."""
        return _pushed(ti_key, SESSION_URL)


class JoinLink(BaseOperatorLink):
    """Where one joins the session."""

    name = "Join"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address, or an empty text while none is known."""
        return _pushed(ti_key, JOIN_URL)


def push_links(context: Context, session: Session) -> None:
    """Write what the links read. To be called as soon as the session is known, before deferring or returning.

    :param context: the task's context.
    :param session: the session.
    """
    task_instance: Any = context["ti"]
    # None is written as well: Airflow logs an error for each XCom that is asked for and was never written.
    task_instance.xcom_push(key=SESSION_URL, value=session.url)
    task_instance.xcom_push(key=JOIN_URL, value=session.join_url)


def _pushed(ti_key: TaskInstanceKey, key: str) -> str:
    return sanitize_link(XCom.get_value(ti_key=ti_key, key=key)) or ""
