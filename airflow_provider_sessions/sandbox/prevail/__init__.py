"""A stand-in for Prevail (depositions): organizations, requests and Self-Service, sessions, recordings, transcripts.

It follows the vendor's help pages. What these leave open (errors, lists of requests, transcripts, the time after the
end of a session) is a plausible guess, and where a client should handle more than one variant, a setting selects it.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.prevail import artifact_routes, control_routes, session_routes
from airflow_provider_sessions.sandbox.prevail.platform import Prevail

__all__ = ["Prevail"]

# Importing the modules of handlers adds their routes to the platform.
HANDLERS = (session_routes, artifact_routes, control_routes)
