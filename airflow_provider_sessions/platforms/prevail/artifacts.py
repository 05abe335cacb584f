"""People, recordings and transcripts of Prevail's answers, in the words of the model."""

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


def people_of(record: RequestRecord) -> list[Participant]:
    """The people invited and the deponent, each once. Nobody knows who came."""
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


def recordings_of(items: Sequence[RecordingItem], session_id: str) -> list[Recording]:
    """The recordings, one for each item and in their order.

    Prevail gives none an id, so one is made of what does not change; those that are alike in it are numbered.
    """
    alike: Counter[str] = Counter()
    recordings = []
    for item in items:
        made = item.created_at.isoformat() if isinstance(item.created_at, datetime) else ""
        identity = hashlib.sha256(f"{item.filename}\n{item.user}\n{made}".encode()).hexdigest()[:16]
        alike[identity] += 1
        number = f"-{alike[identity]}" if alike[identity] > 1 else ""
        recordings.append(_recording(item, session_id, identity + number))
    return recordings


def _recording(item: RecordingItem, session_id: str, identity: str) -> Recording:
    guessed = mimetypes.guess_type(item.filename or "")[0] or ""
    audio = item.type == "audio" and guessed.startswith("video/")
    return Recording(
        recording_id=identity,
        session_id=session_id,
        name=item.filename,
        status=RecordingStatus.READY,
        media_type=guessed.replace("video/", "audio/", 1) if audio else guessed or None,
        size_bytes=item.size,
        download_url=item.presigned_url or None,
        created_at=instant_or_none(item.created_at),
    )


def transcript_of(item: TranscriptItem, session: Session) -> Transcript:
    """A transcript, in the order of time. A segment without a start began with the one before it."""
    starts = list(accumulate((line.start for line in item.segments), _or_before, initial=0.0))[1:]
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


def _or_before(before: float, start: float | None) -> float:
    return before if start is None else start
