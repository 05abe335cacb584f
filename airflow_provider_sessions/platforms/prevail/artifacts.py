"""Maps the artifacts of Prevail's sessions to the model: participants, recordings and transcripts."""

from __future__ import annotations

import hashlib
import mimetypes
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from operator import itemgetter

from airflow_provider_sessions.model import (
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    Transcript,
    TranscriptSegment,
    email_key,
)
from airflow_provider_sessions.platforms.instants import instant_or_none
from airflow_provider_sessions.platforms.prevail.models import RecordingItem, RequestRecord, TranscriptItem


def map_participants(record: RequestRecord) -> list[Participant]:
    """Return the people who are invited and the deponent, each once. The platform does not say who was present."""
    deponent = record.session_request.deponent
    people: dict[str, Participant] = {}
    for invite in record.session_request.invites:
        if (key := email_key(invite.email)) and key not in people:
            people[key] = Participant(
                participant_key=key,
                name=invite.name,
                email=invite.email,
                role=invite.access_level,
                presence=Presence.INVITED,
            )
    if deponent and (key := email_key(deponent.email) or (f"name:{deponent.name}" if deponent.name else None)):
        invited = people.get(key)
        people[key] = Participant(
            participant_key=key,
            name=deponent.name or (invited.name if invited else None),
            email=deponent.email,
            role=deponent.role or "deponent",
            presence=Presence.INVITED,
        )
    return list(people.values())


def map_recordings(items: Sequence[RecordingItem], session_id: str) -> list[Recording]:
    """Return the recordings, in their order.

    Prevail gives them no ids, so an id is made of the fields that do not change; equal ones are numbered.
    """
    counts: Counter[str] = Counter()
    recordings = []
    for item in items:
        created = item.created_at.isoformat() if isinstance(item.created_at, datetime) else ""
        recording_id = hashlib.sha256(f"{item.filename}\n{item.user}\n{created}".encode()).hexdigest()[:16]
        counts[recording_id] += 1
        number = f"-{counts[recording_id]}" if counts[recording_id] > 1 else ""
        recordings.append(_map_recording(item, session_id, recording_id + number))
    return recordings


def _map_recording(item: RecordingItem, session_id: str, recording_id: str) -> Recording:
    guessed = mimetypes.guess_type(item.filename or "")[0] or ""
    is_audio = item.type == "audio" and guessed.startswith("video/")
    return Recording(
        recording_id=recording_id,
        session_id=session_id,
        name=item.filename,
        status=RecordingStatus.READY,
        media_type=guessed.replace("video/", "audio/", 1) if is_audio else guessed or None,
        size_bytes=item.size,
        download_url=item.presigned_url or None,
        created_at=instant_or_none(item.created_at),
    )


def map_transcript(item: TranscriptItem, session: Session) -> Transcript:
    """Return a transcript, sorted by time. A segment without a start starts with the one before it."""
    starts = list(accumulate((line.start for line in item.segments), _default_to_previous, initial=0.0))[1:]
    segments: list[TranscriptSegment] = []
    for start, line in sorted(zip(starts, item.segments, strict=True), key=itemgetter(0)):
        speaker = (line.speaker or "").strip() or None
        segments.append(
            TranscriptSegment(
                start=start,
                end=start if line.end is None else line.end,
                speaker_key=f"name:{speaker}" if speaker else None,
                speaker_name=speaker,
                language=item.language,
                text=line.text,
            )
        )
    started = instant_or_none(item.started_at) or session.actual_start
    return Transcript(
        session_id=session.session_id, language=item.language, started_at=started, segments=tuple(segments)
    )


def _default_to_previous(previous: float, start: float | None) -> float:
    return previous if start is None else start
