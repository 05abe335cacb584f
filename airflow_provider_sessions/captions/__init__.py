"""Transcripts as files: WebVTT, SRT, plain text and JSON, and a tolerant reader for the first two.

Exports write them; platforms whose transcripts are files read them.
"""

from airflow_provider_sessions.captions.writers import FORMATS, TranscriptFormat, read_formats

__all__ = ["FORMATS", "TranscriptFormat", "read_formats"]
