"""A stand-in for Sessions (sessions.us): meetings, rooms, events, bookings, takeaways and transcripts.

The vendor documents method, path and meaning of its 45 operations, but neither request nor response bodies. Those
follow what public clients sent and what webhooks contained; the rest is a plausible guess, and where a client should
handle more than one variant, a setting selects it.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.sessions_us import (
    booking_page_routes,
    booking_routes,
    control_routes,
    event_routes,
    page_routes,
    room_routes,
    session_routes,
)
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs

__all__ = ["SessionsUs"]

# Importing the modules of handlers adds their routes to the platform.
HANDLERS = (
    session_routes,
    room_routes,
    event_routes,
    booking_page_routes,
    booking_routes,
    page_routes,
    control_routes,
)
