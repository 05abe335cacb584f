"""A stand-in for VidInfra Live (webinars): rooms, presets, sessions, attendance, recordings, three ways to sign in.

Sources: the vendor's public reference. What it leaves open (most paths outside rooms and sessions, tokens, conflicts,
limits) is filled in the most plausible way, and where a client should survive more than one way, a setting chooses.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

__all__ = ["VidInfra"]
