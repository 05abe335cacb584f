"""A stand-in for Prevail (depositions): organizations, requests and Self-Service, sessions, recordings, transcripts.

Sources: the vendor's help pages. What they leave open (errors, lists of requests, transcripts, what follows the end of
a session) is filled in the most plausible way, and where a client should survive more than one way, a setting chooses.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.prevail.platform import Prevail

__all__ = ["Prevail"]
