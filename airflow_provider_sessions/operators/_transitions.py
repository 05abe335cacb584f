"""Update and cancel sessions, and bring them into a state, so that a repeated task does no harm."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConflictError,
    NotFoundError,
    RejectedError,
    ResponseError,
    ServerError,
)
from airflow_provider_sessions.messages import format_instant
from airflow_provider_sessions.model import Session, SessionChanges, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_UNCERTAIN = (ConflictError, RejectedError, BrokenConnectionError, ServerError, ResponseError)
"""Errors after which the session may be as requested: somebody else changed it first, or the response was lost."""
_START_TOLERANCE = timedelta(minutes=1)
"""A session that is to start now may be created a moment later."""


async def transition_to(
    adapter: Adapter, session_id: str, state: SessionState, feature: Feature, act: Callable[[], Awaitable[Session]]
) -> Session:
    """Bring a session into a state, unless it is in this state already.

    :param adapter: the platform.
    :param session_id: the session.
    :param state: the state.
    :param feature: what ``act`` requires of the platform.
    :param act: sends the request.
    :raises UnsupportedError: the platform does not support this; nothing was sent.
    :raises ConflictError: the session is in a state from which this one cannot be reached.
    """
    adapter.require(feature)
    session = await adapter.get(session_id)
    if session.state is state:
        log.info("Session %s is already %s", session_id, state)
        return session
    try:
        return await act()
    except _UNCERTAIN as error:
        session = await adapter.get(session_id)
        if session.state is not state:
            raise
        log.info("Session %s is already %s (the request failed: %s)", session_id, state, error)
        return session


def warn_if_start_is_past(start: datetime | None, clock: Clock) -> None:
    """Log a warning if a session is planned to start in the past, which platforms accept."""
    if start is not None and start < clock.now() - _START_TOLERANCE:
        log.warning("The planned start, %s, is in the past", format_instant(start))


async def update_session(adapter: Adapter, session_id: str, changes: SessionChanges) -> Session:
    """Update a session, unless an earlier try has done so.

    :raises ConflictError: the session is in a state in which it cannot be updated, and is not as requested.
    """
    adapter.require(Feature.UPDATE)
    warn_if_start_is_past(changes.start, adapter.client.clock)
    try:
        return await adapter.update(session_id, changes)
    except _UNCERTAIN as error:
        session = await adapter.get(session_id)
        if not changes.are_applied_to(session):
            raise
        log.info("Session %s is already as requested (the request failed: %s)", session_id, error)
        return session


async def cancel_session(adapter: Adapter, session_id: str, *, notify: bool) -> Session:
    """Cancel a session, unless it is canceled already.

    On platforms where canceling deletes, a missing session counts as canceled: a repeated task finds it missing.

    :param notify: whether to notify participants, if the platform offers the choice.
    """
    try:
        return await transition_to(
            adapter,
            session_id,
            SessionState.CANCELED,
            Feature.CANCEL,
            lambda: adapter.cancel(session_id, notify=notify),
        )
    except NotFoundError:
        if adapter.keeps_canceled:
            raise
        log.warning("Session %s does not exist: it was canceled before, or never created", session_id)
        return Session(
            platform=adapter.platform,
            session_id=session_id,
            title="",
            state=SessionState.CANCELED,
            state_inferred=True,
        )
