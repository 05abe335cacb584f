"""Prevail's answers: the documented examples with other values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.prevail import rails
from airflow_provider_sessions.sandbox.prevail.deposition_script import Segment
from airflow_provider_sessions.sandbox.prevail.state import ZOOM, Deposition, Invite

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail

_CODES = {"english": "en-US", "english, us": "en-US", "english, british": "en-GB", "german": "de-DE", "french": "fr-FR"}
"""Codes of the languages that the vendor names; the list it takes them from has more."""


def request(prevail: Prevail, held: Deposition, origin: str) -> dict[str, Any]:
    """An item of ``requests``. Documented by example; ``url`` and id are null while it is ``initial``."""
    details = held.details
    session_type = details.session_type or "remote_deposition"
    return {
        "id": int(held.id),
        "session_state": prevail.word(held),
        "session_url": prevail.session_url(held, origin),
        "remote_session_id": held.slug,
        "session_request": {
            "session_type": session_type,
            "deponent": held.deponent.model_dump(exclude_none=True) if held.deponent else None,
            "invites": [_invite(prevail, invite) for invite in held.invites],
        },
        "remote_session": {
            "title": held.title,
            "case": held.case,
            **_times(held),
            "estimated_duration": held.estimated_duration,
        },
        "session_details": {
            "language": _CODES.get((details.languages or "english").lower(), "en-US"),
            "preferred_manager": details.preferred_manager,
            "video_provider": details.video_provider,
            "session_type": session_type,
        },
        "notice": None,
        "cancelation_requested": None,
        "provider_specific_details": _meeting(prevail, held, origin),
    }


def session(prevail: Prevail, held: Deposition, now: datetime) -> dict[str, Any]:
    """An item of ``sessions``. Documented by an example that is cut after ``transcript_status``."""
    return {
        "remote_session_id": held.slug,
        "title": held.title,
        **({"case": held.case} if prevail.settings.case_in_sessions else {}),
        **_times(held),
        "state": prevail.word(held),
        "estimated_duration": held.estimated_duration,
        "transcript_status": _transcript_status(prevail, held, now),
    }


def _invite(prevail: Prevail, invite: Invite) -> dict[str, str]:
    return {"email": invite.email} | ({"access_level": "host"} if invite.host and prevail.settings.show_hosts else {})


def _times(held: Deposition) -> dict[str, str]:
    start = held.lifecycle.scheduled_start or held.lifecycle.created_at
    return rails.written(start, held.time_zone)


def _meeting(prevail: Prevail, held: Deposition, origin: str) -> dict[str, Any] | None:
    """``provider_specific_details``: of Zoom meetings alone, and not before there is one."""
    if held.details.video_provider != ZOOM or held.slug is None:
        return None
    return {
        "meeting_id": held.meeting_id,
        "password": held.password,
        "provider_join_url": f"https://zoom.example/j/{held.meeting_id}?pwd={held.pwd}.1",
        "prevail_join_url": f"{prevail.session_url(held, origin)}/{ZOOM}",
    }


def _transcript_status(prevail: Prevail, held: Deposition, now: datetime) -> str | None:
    before, making, there = prevail.settings.transcript_status
    if held.lifecycle.state is not State.ENDED:
        return before
    return there if held.lifecycle.is_ready("transcript", now) else making


def transcript(prevail: Prevail, held: Deposition, now: datetime) -> dict[str, Any]:
    """A transcript. Its shape is inferred from what others of the kind answer."""
    revision = len(held.lifecycle.revisions("transcript", now))
    return {
        "id": int(held.id),
        "type": "certified" if revision else "rough",
        "status": prevail.settings.transcript_status[2],
        "language": "en-US",
        "started_at": iso(held.lifecycle.started_at),
        "segments": [_segment(prevail, segment) for segment in prevail.segments(held, now)],
    }


def _segment(prevail: Prevail, segment: Segment) -> dict[str, Any]:
    clock = prevail.settings.transcript_times == "clock"
    times: dict[str, Any] = {"start": _clock(segment.start) if clock else segment.start}
    if prevail.settings.transcript_ends:
        times["end"] = _clock(segment.end) if clock else segment.end
    return times | {"speaker": segment.speaker, "text": segment.text}


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:06.3f}"


def iso(instant: datetime | None) -> str | None:
    """A timestamp as Ruby on Rails writes it: UTC, milliseconds, ``Z``."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
