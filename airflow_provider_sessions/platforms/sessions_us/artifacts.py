"""The transcript of Sessions: utterances with an instant each, in one or several languages, without ends."""

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


def read_transcripts(
    entries: Sequence[TranscriptEntry], session: Session, speakers: Mapping[str, Participant]
) -> list[Transcript]:
    """The original and one transcript for each language of translation.

    The original holds every utterance in the language it was said in. Ends are not given: one is taken from the next
    later start, that of the last ones from the session's end if that is later, and each is marked as inferred.

    :param entries: what the platform gave.
    :param session: whose transcript it is; its actual start is second zero, else the first utterance.
    :param speakers: participants by their id on the platform.
    """
    stamps = [_stamp(entry) for entry in entries]
    known = [stamp for stamp in stamps if isinstance(stamp, datetime)]
    zero = session.actual_start or (min(known) if known else None)
    starts = [_offset(stamp, zero) for stamp in stamps]
    order = sorted(range(len(entries)), key=starts.__getitem__)
    last = _offset(session.actual_end, zero)
    ends = later_starts(starts)
    original: list[Mapping[str, Any]] = []
    translations: dict[str, list[Mapping[str, Any]]] = {}
    who = {entry.get("participant_id"): _speaker(entry.get("participant_id"), speakers) for entry in entries}
    for position in order:
        entry, start, following = entries[position], starts[position], ends[position]
        spoken = _source_language(entry)
        key, name = who[entry.get("participant_id")]
        for words in entry.get("content") or ():
            language = words.get("language")
            target = original if language == spoken else translations.setdefault(language or "", [])
            target.append(
                {
                    "start": start,
                    "end": max(start, last) if following is None else following,
                    "end_inferred": True,
                    "speaker_key": key,
                    "speaker_name": name,
                    "language": language,
                    "text": words.get("text") or "",
                }
            )
    found = [_transcript(session, original, zero, is_translation=False)] if original else []
    return found + [_transcript(session, part, zero, is_translation=True) for _, part in sorted(translations.items())]


def _stamp(entry: TranscriptEntry) -> datetime | float | None:
    """When it was said; an instant without a zone is taken as UTC (inferred)."""
    stamp = entry.get("source_timestamp")
    if not isinstance(stamp, datetime):
        return stamp
    return instant_or_none(stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC))


def _offset(stamp: datetime | float | None, zero: datetime | None) -> float:
    """Seconds from second zero; a number instead of an instant is taken as such (inferred)."""
    if isinstance(stamp, datetime):
        stamp = (stamp - zero).total_seconds() if zero is not None else None
    return stamp if stamp is not None and 0 < stamp < MAX_SESSION_SECONDS else 0.0


def _source_language(entry: TranscriptEntry) -> str | None:
    """The language it was said in; the first one given, where the platform does not say or names another."""
    given = [words.get("language") for words in entry.get("content") or ()]
    named = entry.get("source_language")
    if named in given:
        return named
    return given[0] if given else None


def _speaker(participant_id: str | None, speakers: Mapping[str, Participant]) -> tuple[str | None, str | None]:
    """A speaker's key and name."""
    speaker = speakers.get(participant_id or "")
    if speaker is not None:
        return speaker.participant_key, speaker.name or speaker.email
    return f"participant:{participant_id}" if participant_id else None, None


def _transcript(
    session: Session, segments: Sequence[Mapping[str, Any]], zero: datetime | None, *, is_translation: bool
) -> Transcript:
    """A transcript of segments that are read all at once, in two thirds of the time of one after the other."""
    languages = Counter([segment["language"] for segment in segments])
    return Transcript(
        session_id=session.session_id,
        language=languages.most_common(1)[0][0],
        is_translation=is_translation,
        started_at=zero,
        segments=_SEGMENTS.validate_python(segments),
    )
