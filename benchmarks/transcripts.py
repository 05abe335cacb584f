"""Writing and reading a transcript of 100,000 segments: some seventy hours of speech.

- Each caption format is written as ``FetchTranscriptOperator`` writes it: to a file, with its checksum.
- Each file format of exports is written as they write it, with its checksum: the rows of ``transcript_segments``.
- Reading WebVTT is held against webvtt-py, on the file that was just written.

    uv pip install --group bench
    python benchmarks/transcripts.py
    python benchmarks/transcripts.py --quick         # 20,000 segments; targets in proportion

prints each target with the best of several rounds, and exits with 1 if one was missed. Seconds are CPU time, which does
not grow because something else runs on the machine.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import webvtt

from airflow_provider_sessions.captions import FORMATS
from airflow_provider_sessions.captions.reader import read_captions
from airflow_provider_sessions.export import formats
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.media import write_transcripts
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.store import HashingWriter, LocalStore
from airflow_provider_sessions.model import Session, SessionState, Transcript, TranscriptSegment
from benchmarks._measuring import Bounds

SEGMENTS = 100_000
WRITTEN_IN, READ_IN = 0.6, 0.5
"""Seconds for all segments; share of webvtt-py's time."""
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SPEAKERS = ("Ada Okoye", "Ben Ruiz (counsel)", "Chloé Dupont & Partners", "Dan Wu", None)
WORDS = (
    "please state your full name for the record counsel: objection, form; you may answer <if you can> the exhibit we "
    "marked as number four & showed to the witness on Tuesday é à ü does not say so and I was not there that day"
).split()


def transcript_of(segments: int) -> Transcript:
    """A transcript in which people take turns; the same every time."""
    chance = random.Random(4711)
    said = (
        TranscriptSegment(
            start=2.5 * number,
            end=2.5 * number + 2.25,
            speaker_key=f"participant:{number // 3 % len(SPEAKERS)}",
            speaker_name=SPEAKERS[number // 3 % len(SPEAKERS)],
            language="en",
            text=f"{' '.join(chance.choices(WORDS, k=chance.randint(3, 15))).capitalize()}.",
        )
        for number in range(segments)
    )
    return Transcript(session_id="benchmark", language="en", started_at=START, segments=tuple(said))


def best_of(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Seconds of CPU time that each work took in its best round. Rounds alternate: a busy machine is so for all."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for position, work in enumerate(works):
            gc.collect()
            began = time.process_time()
            work()
            best[position] = min(best[position], time.process_time() - began)
    return best


def captions(folder: Path, session: Session, transcript: Transcript) -> Mapping[str, Callable[[], object]]:
    """What writes each caption format."""
    store = LocalStore(folder)

    def write(name: str) -> Callable[[], object]:
        return lambda: write_transcripts(store, session, [transcript], [name])

    return {name: write(name) for name in FORMATS}


def rows(folder: Path, session: Session, transcript: Transcript) -> Mapping[str, Callable[[], object]]:
    """What writes each file format of rows."""
    dataset = DATASETS["transcript_segments"]
    made = dataset.make(SessionArtifacts(session, "example.com", transcripts=[transcript]))

    def write(form: formats.Format) -> Callable[[], object]:
        def work() -> None:
            with (folder / f"segments.{form.extension}").open("wb") as file:
                writer = form.open(cast(BinaryIO, HashingWriter(file)), dataset)
                writer.write(made)
                writer.finish()

        return work

    return {f"rows as {name}": write(form) for name, form in formats.FORMATS.items()}


def read_back(file: Path, transcript: Transcript) -> None:
    """Make sure that what is timed is right: what was written is what is read."""
    read = read_captions(file.read_bytes())
    texts = [[(one.start, one.end, one.speaker_name, one.text) for one in each.segments] for each in (read, transcript)]
    if texts[0] != texts[1]:
        raise RuntimeError("the reader does not give back what was written")


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 segments instead of 100,000")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts (default: %(default)s)")
    given = parser.parse_args()
    segments = SEGMENTS // 5 if given.quick else SEGMENTS
    transcript = transcript_of(segments)
    session = Session(platform="sessions_us", session_id="benchmark", title="Benchmark", state=SessionState.ENDED)
    with tempfile.TemporaryDirectory(prefix="benchmark-transcripts-") as name:
        folder = Path(name)
        writers = {**captions(folder, session, transcript), **rows(folder, session, transcript)}
        written = dict(zip(writers, best_of(given.rounds, *writers.values()), strict=True))
        file = folder / "benchmark" / "transcript.vtt"
        read_back(file, transcript)
        data = file.read_bytes()
        ours, theirs = best_of(
            given.rounds,
            lambda: read_captions(data),
            lambda: webvtt.from_buffer(io.StringIO(data.decode())),
        )
    print(f"{segments:,} segments, {len(data) / segments:.0f} bytes each in WebVTT")
    print(f"Reading WebVTT: ours {ours:.2f} s, webvtt-py {theirs:.2f} s")
    bounds = Bounds()
    for name, seconds in written.items():
        bounds.at_most(f"{name}: seconds to write", WRITTEN_IN * segments / SEGMENTS, seconds, ".3f")
    bounds.at_most("reading WebVTT: share of webvtt-py's time", READ_IN, ours / theirs)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
