"""Bringing a session into a state in a way that may be repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    AnswerError,
    BrokenConnectionError,
    ConflictError,
    NotFoundError,
    RejectedError,
    ServerError,
)
from airflow_provider_sessions.model import Session, SessionChanges, SessionState
from airflow_provider_sessions.model.wording import to_the_second
from airflow_provider_sessions.platforms.adapter import Adapter, Question
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_UNCERTAIN = (ConflictError, RejectedError, BrokenConnectionError, ServerError, AnswerError)
"""Outcomes after which the session may be in the state all the same: someone was quicker, or the answer was lost."""


_START_TOLERANCE = timedelta(minutes=1)
"""A session that is to start now may be made a moment later."""


async def transition_to(
    adapter: Adapter, session_id: str, state: SessionState, question: Question, act: Callable[[], Awaitable[Session]]
) -> Session:
    """Bring a session into a state, unless it is there already.

    :param adapter: the platform.
    :param session_id: the session.
    :param state: the state that is wanted.
    :param question: what ``act`` asks of the platform.
    :param act: does it.
    :raises UnsupportedError: the platform cannot; nothing was sent.
    :raises ConflictError: the session is in a state from which it cannot come there.
    """
    adapter.require(question)
    session = await adapter.get(session_id)
    if session.state is state:
        log.info("Session %s is already %s", session_id, state)
        return session
    try:
        return await act()
    except _UNCERTAIN as refused:
        session = await adapter.get(session_id)
        if session.state is not state:
            raise
        log.info("Session %s is already %s (asking for it was answered with: %s)", session_id, state, refused)
        return session


def warn_if_start_is_past(start: datetime | None, clock: Clock) -> None:
    """Warn where a session is planned to start in the past: platforms take that without a word."""
    if start is not None and start < clock.now() - _START_TOLERANCE:
        log.warning("The planned start, %s, is in the past", to_the_second(start))


async def update_session(adapter: Adapter, session_id: str, changes: SessionChanges) -> Session:
    """Change a session, unless it turns out that an earlier attempt has.

    :raises ConflictError: the session is in a state in which it cannot be changed, and is not as wanted.
    """
    adapter.require(Question.UPDATE)
    warn_if_start_is_past(changes.start, adapter.client.clock)
    try:
        return await adapter.update(session_id, changes)
    except _UNCERTAIN as refused:
        session = await adapter.get(session_id)
        if not changes.are_made_in(session):
            raise
        log.info("Session %s is already as wanted (asking for it was answered with: %s)", session_id, refused)
        return session


async def cancel_session(adapter: Adapter, session_id: str, *, notify: bool) -> Session:
    """Cancel a session, unless it is canceled already.

    Where canceling deletes, a session that is gone is taken as canceled: a repeated task finds it so.

    :param notify: whether participants are told, where the platform leaves a choice.
    """
    try:
        return await transition_to(
            adapter,
            session_id,
            SessionState.CANCELED,
            Question.CANCEL,
            lambda: adapter.cancel(session_id, notify=notify),
        )
    except NotFoundError:
        if adapter.keeps_canceled:
            raise
        log.warning("Session %s is not there: it was canceled before, or never made", session_id)
        return Session(
            platform=adapter.platform,
            session_id=session_id,
            title="",
            state=SessionState.CANCELED,
            state_inferred=True,
        )
