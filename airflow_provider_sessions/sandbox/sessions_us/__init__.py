"""A stand-in for Sessions (sessions.us): meetings, rooms, events, bookings, takeaways and transcripts.

Method, path and meaning of its 45 operations are the vendor's; bodies and answers were never published. They follow
what public clients sent and webhooks showed, and beyond that are filled in the most plausible way; where a client
should survive more than one way, a setting chooses.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs

__all__ = ["SessionsUs"]
