"""What a create makes of the traces that an adapter finds."""

from __future__ import annotations

from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter


async def ours(adapter: Adapter, draft: SessionDraft) -> list[Session]:
    """The sessions, of those that an adapter finds, that a create would return."""
    gone = (SessionState.CANCELED, SessionState.EXPIRED)
    traces = [trace for trace in await adapter.find(draft) if trace.is_ours(draft)]
    return [trace.session for trace in traces if trace.session.state not in gone]
