"""Parley's endpoints, and the adapter that maps them to the model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.paging import PageLimit
from airflow_provider_sessions.errors import UnknownStateError
from airflow_provider_sessions.model import (
    Session,
    SessionDraft,
    SessionQuery,
    SessionState,
    Transcript,
    TranscriptSegment,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.auth import ApiKeyAuth
from airflow_provider_sessions.platforms.description_marker import format_description, strip_marker
from airflow_provider_sessions.platforms.list_items import ListedSession, map_items

api = Endpoints("parley")


class Meeting(BaseModel):
    """A meeting, as Parley returns it."""

    id: str
    topic: str
    status: str
    start: datetime | None = None
    end: datetime | None = None
    agenda: str | None = None


class Line(BaseModel):
    """One line of a transcript; times are seconds."""

    start: float
    end: float
    speaker: str
    text: str


@api("GET", "/meetings", documented=True)
def list_meetings() -> Paged[Meeting]:
    """List all meetings."""
    return paged(Meeting, PageLimit(), unwrap=("meetings",))


@api("GET", "/meetings/{meeting_id}", documented=True)
def get_meeting(meeting_id: str) -> Call[Meeting]:
    """Get one meeting."""
    return call(Meeting)


@api("POST", "/meetings", documented=True)
def create_meeting(topic: str, start: str | None, end: str | None, agenda: str | None) -> Call[Meeting]:
    """Create a meeting."""
    return call(Meeting, body={"topic": topic, "start": start, "end": end, "agenda": agenda})


@api("PATCH", "/meetings/{meeting_id}", documented=True)
def update_meeting(meeting_id: str, status: str) -> Call[Meeting]:
    """Change a meeting's status."""
    return call(Meeting, body={"status": status})


@api("GET", "/meetings/{meeting_id}/transcript", documented=True)
def get_transcript(meeting_id: str) -> Call[list[Line]]:
    """Get the lines of a meeting's transcript; none while there is no transcript."""
    return call(list[Line], unwrap=("lines",))


STATES = {"waiting": SessionState.SCHEDULED, "started": SessionState.LIVE, "finished": SessionState.ENDED}


class ParleyAdapter(Adapter):
    """Parley. What is not defined here is either a default, or not supported."""

    platform = "parley"
    endpoints = api

    @classmethod
    def auth(cls, account: Account, *_: Any, **__: Any) -> ApiKeyAuth:
        """Send the key in a header."""
        return ApiKeyAuth("X-Parley-Key", account.required_password("API key"))

    async def get(self, session_id: str) -> Session:
        """Get one session."""
        return self._session(await self.client.send(get_meeting(session_id)))

    def sessions(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """List all sessions: Parley filters nothing, so the caller does."""
        return map_items(self.client.pages(list_meetings()), self._session, self.warnings)

    async def create(self, draft: SessionDraft) -> Session:
        """Create a session. The description ends with the mark by which a retried task finds it again."""
        start = draft.start.isoformat() if draft.start else None
        end = draft.end.isoformat() if draft.end else None
        return self._session(await self.client.send(create_meeting(draft.title, start, end, format_description(draft))))

    async def transcripts(self, session: Session) -> list[Transcript]:
        """Return the transcript, if there is one yet."""
        lines = await self.client.send(get_transcript(session.session_id))
        segments = [
            TranscriptSegment(start=line.start, end=line.end, speaker_name=line.speaker, text=line.text)
            for line in lines
        ]
        return [Transcript(session_id=session.session_id, segments=tuple(segments))] if segments else []

    def _session(self, meeting: Meeting) -> Session:
        session = Session(
            platform=self.platform,
            session_id=meeting.id,
            title=meeting.topic,
            state=STATES.get(meeting.status, SessionState.SCHEDULED),
            description=strip_marker(meeting.agenda),
            mark=meeting.agenda,
            scheduled_start=meeting.start,
            scheduled_end=meeting.end,
        )
        if meeting.status not in STATES:
            raise UnknownStateError(self.platform, meeting.status, tuple(STATES), of=meeting.id).with_session(session)
        return session
