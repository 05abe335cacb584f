"""The transcript of Sessions: utterances with an instant each, in one or several languages, without ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from airflow_provider_sessions.model import Participant, Session, Transcript, TranscriptSegment
from airflow_provider_sessions.platforms.sessions_us.models import TranscriptEntry


def read_transcripts(
    entries: Sequence[TranscriptEntry], session: Session, speakers: Mapping[str, Participant]
) -> list[Transcript]:
    """The original and one transcript for each language of translation.

    The original holds every utterance in the language it was said in. Ends are not given: one is taken from the next
    utterance's start, the last one's from the session's end, and each is marked as inferred.

    :param entries: what the platform gave.
    :param session: whose transcript it is; its actual start is second zero, else the first utterance.
    :param speakers: participants by their id on the platform.
    """
    instants = [_instant(entry) for entry in entries]
    known = [instant for instant in instants if instant is not None]
    zero = session.actual_start or (min(known) if known else None)
    starts = [_offset(entry, instant, zero) for entry, instant in zip(entries, instants, strict=True)]
    order = sorted(range(len(entries)), key=lambda position: starts[position])
    last = (session.actual_end - zero).total_seconds() if session.actual_end and zero else 0.0
    original: list[TranscriptSegment] = []
    translations: dict[str, list[TranscriptSegment]] = {}
    names = {entry.participant_id: _speaker(entry.participant_id, speakers) for entry in entries}
    for rank, position in enumerate(order):
        start = starts[position]
        end = starts[order[rank + 1]] if rank + 1 < len(order) else max(start, last)
        entry = entries[position]
        spoken = _source_language(entry)
        key, name = names[entry.participant_id]
        for words in entry.content:
            target = original if words.language == spoken else translations.setdefault(words.language or "", [])
            target.append(
                TranscriptSegment(
                    start=start,
                    end=end,
                    end_inferred=True,
                    speaker_key=key,
                    speaker_name=name,
                    language=words.language,
                    text=words.text,
                )
            )
    found = [_transcript(session, original, zero, is_translation=False)] if original else []
    return found + [_transcript(session, part, zero, is_translation=True) for _, part in sorted(translations.items())]


def _instant(entry: TranscriptEntry) -> datetime | None:
    stamp = entry.source_timestamp
    if not isinstance(stamp, datetime):
        return None
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _offset(entry: TranscriptEntry, instant: datetime | None, zero: datetime | None) -> float:
    """Seconds from second zero; a number instead of an instant is taken as such (inferred)."""
    if instant is not None and zero is not None:
        return max(0.0, (instant - zero) / timedelta(seconds=1))
    return max(0.0, entry.source_timestamp) if isinstance(entry.source_timestamp, int | float) else 0.0


def _source_language(entry: TranscriptEntry) -> str | None:
    """The language it was said in; the first one given, where the platform does not say or names another."""
    given = entry.content
    if len(given) > 1 and any(words.language == entry.source_language for words in given):
        return entry.source_language
    return given[0].language if given else None


def _speaker(participant_id: str | None, speakers: Mapping[str, Participant]) -> tuple[str | None, str | None]:
    """A speaker's key and name."""
    speaker = speakers.get(participant_id or "")
    if speaker is not None:
        return speaker.participant_key, speaker.name or speaker.email
    return f"participant:{participant_id}" if participant_id else None, None


def _transcript(
    session: Session, segments: list[TranscriptSegment], zero: datetime | None, *, is_translation: bool
) -> Transcript:
    languages = Counter(segment.language for segment in segments)
    return Transcript(
        session_id=session.session_id,
        language=languages.most_common(1)[0][0],
        is_translation=is_translation,
        started_at=zero,
        segments=tuple(segments),
    )
