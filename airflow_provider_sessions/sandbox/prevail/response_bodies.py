"""Prevail's response bodies: the documented examples with other values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.prevail import rails
from airflow_provider_sessions.sandbox.prevail.deposition_script import Segment
from airflow_provider_sessions.sandbox.prevail.platform import Prevail
from airflow_provider_sessions.sandbox.prevail.state import ZOOM, Deposition, Invite
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339

_CODES = {"english": "en-US", "english, us": "en-US", "english, british": "en-GB", "german": "de-DE", "french": "fr-FR"}
"""Codes of the languages that the help pages name; the vendor's complete list is not public."""


def session_request(prevail: Prevail, session: Deposition, origin: str) -> dict[str, Any]:
    """An item of ``requests``. Documented by example; ``url`` and id are null while it is ``initial``."""
    details = session.details
    session_type = details.session_type or "remote_deposition"
    return {
        "id": int(session.id),
        "session_state": prevail.state_name(session),
        "session_url": prevail.session_url(session, origin),
        "remote_session_id": session.slug,
        "session_request": {
            "session_type": session_type,
            "deponent": session.deponent.model_dump(exclude_none=True) if session.deponent else None,
            "invites": [_invite(prevail, invite) for invite in session.invites],
        },
        "remote_session": {
            "title": session.title,
            "case": session.case,
            **_times(session),
            "estimated_duration": session.estimated_duration,
        },
        "session_details": {
            "language": _CODES.get((details.languages or "english").lower(), "en-US"),
            "preferred_manager": details.preferred_manager,
            "video_provider": details.video_provider,
            "session_type": session_type,
        },
        "notice": None,
        "cancelation_requested": None,
        "provider_specific_details": _meeting(prevail, session, origin),
    }


def session(prevail: Prevail, session: Deposition, now: datetime) -> dict[str, Any]:
    """An item of ``sessions``. Documented by an example that is cut after ``transcript_status``."""
    return {
        "remote_session_id": session.slug,
        "title": session.title,
        **({"case": session.case} if prevail.settings.case_in_sessions else {}),
        **_times(session),
        "state": prevail.state_name(session),
        "estimated_duration": session.estimated_duration,
        "transcript_status": _transcript_status(prevail, session, now),
    }


def _invite(prevail: Prevail, invite: Invite) -> dict[str, str]:
    return {"email": invite.email} | ({"access_level": "host"} if invite.host and prevail.settings.show_hosts else {})


def _times(session: Deposition) -> dict[str, str]:
    start = session.lifecycle.scheduled_start or session.lifecycle.created_at
    return rails.format_start(start, session.time_zone)


def _meeting(prevail: Prevail, session: Deposition, origin: str) -> dict[str, Any] | None:
    """``provider_specific_details``: of Zoom meetings only, once the session is scheduled."""
    if session.details.video_provider != ZOOM or session.slug is None:
        return None
    return {
        "meeting_id": session.meeting_id,
        "password": session.password,
        "provider_join_url": f"https://zoom.example/j/{session.meeting_id}?pwd={session.pwd}.1",
        "prevail_join_url": f"{prevail.session_url(session, origin)}/{ZOOM}",
    }


def _transcript_status(prevail: Prevail, session: Deposition, now: datetime) -> str | None:
    before_end, in_progress, ready = prevail.settings.transcript_status
    if session.lifecycle.state is not State.ENDED:
        return before_end
    return ready if session.lifecycle.is_ready("transcript", now) else in_progress


def transcript(prevail: Prevail, session: Deposition, now: datetime) -> dict[str, Any]:
    """A transcript. Its form is inferred from similar APIs."""
    revision = len(session.lifecycle.revisions("transcript", now))
    return {
        "id": int(session.id),
        "type": "certified" if revision else "rough",
        "status": prevail.settings.transcript_status[2],
        "language": "en-US",
        "started_at": rfc3339(session.lifecycle.started_at),
        "segments": [_segment(prevail, segment) for segment in prevail.segments(session, now)],
    }


def _segment(prevail: Prevail, segment: Segment) -> dict[str, Any]:
    clock = prevail.settings.transcript_times == "clock"
    times: dict[str, Any] = {"start": _format_offset(segment.start) if clock else segment.start}
    if prevail.settings.transcript_ends:
        times["end"] = _format_offset(segment.end) if clock else segment.end
    return times | {"speaker": segment.speaker, "text": segment.text}


def _format_offset(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:06.3f}"
