"""A stand-in for VidInfra Live (webinars): rooms, presets, sessions, attendance, recordings, three ways to log in.

It follows the vendor's public reference. What that leaves open (most paths outside rooms and sessions, tokens,
conflicts, limits) is a plausible guess, and where a client should handle more than one variant, a setting selects it.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.vidinfra import (
    attendee_routes,
    auth_routes,
    live_object_routes,
    page_routes,
    recording_routes,
    room_routes,
    session_routes,
    video_routes,
)
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

__all__ = ["VidInfra"]

# Importing the modules of handlers adds their routes to the platform.
HANDLERS = (
    auth_routes,
    room_routes,
    session_routes,
    attendee_routes,
    recording_routes,
    live_object_routes,
    page_routes,
    video_routes,
)
