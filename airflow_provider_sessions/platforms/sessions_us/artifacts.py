"""Maps the transcripts of Sessions to the model.

The platform gives utterances, each with a time and in one or several languages, without ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter

from airflow_provider_sessions.model import Participant, Session, Transcript, TranscriptSegment
from airflow_provider_sessions.model.artifacts import MAX_SESSION_SECONDS, later_starts
from airflow_provider_sessions.platforms.instants import instant_or_none
from airflow_provider_sessions.platforms.sessions_us.models import TranscriptEntry

_SEGMENTS: Final = TypeAdapter(tuple[TranscriptSegment, ...])


def map_transcripts(
    entries: Sequence[TranscriptEntry], session: Session, speakers: Mapping[str, Participant]
) -> list[Transcript]:
    """Return the original, and one transcript for each language of translation.

    The original has every utterance in its own language. An utterance ends at the next later start, the last ones at
    the session's end if that is later; each end is marked as inferred.

    :param entries: the platform's utterances.
    :param session: the session; its actual start is second zero, else the first utterance is.
    :param speakers: participants by their id on the platform.
    """
    stamps = [_get_timestamp(entry) for entry in entries]
    known = [stamp for stamp in stamps if isinstance(stamp, datetime)]
    zero = session.actual_start or (min(known) if known else None)
    starts = [_to_offset(stamp, zero) for stamp in stamps]
    order = sorted(range(len(entries)), key=starts.__getitem__)
    last = _to_offset(session.actual_end, zero)
    ends = later_starts(starts)
    original: list[Mapping[str, Any]] = []
    translations: dict[str, list[Mapping[str, Any]]] = {}
    people = {entry.get("participant_id"): _get_speaker(entry.get("participant_id"), speakers) for entry in entries}
    for position in order:
        entry, start, following = entries[position], starts[position], ends[position]
        source_language = _get_source_language(entry)
        key, name = people[entry.get("participant_id")]
        for content in entry.get("content") or ():
            language = content.get("language")
            target = original if language == source_language else translations.setdefault(language or "", [])
            target.append(
                {
                    "start": start,
                    "end": max(start, last) if following is None else following,
                    "end_inferred": True,
                    "speaker_key": key,
                    "speaker_name": name,
                    "language": language,
                    "text": content.get("text") or "",
                }
            )
    found = [_make_transcript(session, original, zero, is_translation=False)] if original else []
    return found + [
        _make_transcript(session, part, zero, is_translation=True) for _, part in sorted(translations.items())
    ]


def _get_timestamp(entry: TranscriptEntry) -> datetime | float | None:
    """Return the time or offset of an utterance. A time without a zone is taken as UTC (inferred)."""
    stamp = entry.get("source_timestamp")
    if not isinstance(stamp, datetime):
        return stamp
    return instant_or_none(stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC))


def _to_offset(stamp: datetime | float | None, zero: datetime | None) -> float:
    """Return seconds from second zero. A number is taken as seconds (inferred)."""
    if isinstance(stamp, datetime):
        stamp = (stamp - zero).total_seconds() if zero is not None else None
    return stamp if stamp is not None and 0 < stamp < MAX_SESSION_SECONDS else 0.0


def _get_source_language(entry: TranscriptEntry) -> str | None:
    """Return the language of an utterance: the platform's, or if that is none of those given, the first."""
    given = [content.get("language") for content in entry.get("content") or ()]
    named = entry.get("source_language")
    if named in given:
        return named
    return given[0] if given else None


def _get_speaker(participant_id: str | None, speakers: Mapping[str, Participant]) -> tuple[str | None, str | None]:
    """Return a speaker's key and name."""
    speaker = speakers.get(participant_id or "")
    if speaker is not None:
        return speaker.participant_key, speaker.name or speaker.email
    return f"participant:{participant_id}" if participant_id else None, None


def _make_transcript(
    session: Session, segments: Sequence[Mapping[str, Any]], zero: datetime | None, *, is_translation: bool
) -> Transcript:
    """Return a transcript. Its segments are validated together, in two thirds of the time of one by one."""
    languages = Counter([segment["language"] for segment in segments])
    return Transcript(
        session_id=session.session_id,
        language=languages.most_common(1)[0][0],
        is_translation=is_translation,
        started_at=zero,
        segments=_SEGMENTS.validate_python(segments),
    )
