"""The sessions that a create would use, of those that an adapter finds."""

from __future__ import annotations

from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter


async def ours(adapter: Adapter, draft: SessionDraft) -> list[Session]:
    """The sessions, of those that an adapter finds, that a create would return."""
    gone = (SessionState.CANCELED, SessionState.EXPIRED)
    candidates = [candidate for candidate in await adapter.find_existing(draft) if candidate.was_created_for(draft)]
    return [candidate.session for candidate in candidates if candidate.session.state not in gone]
