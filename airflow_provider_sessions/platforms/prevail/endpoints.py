"""Prevail's endpoints, as functions that return calls.

Documented: paths and methods of the vendor's help pages. Inferred: ``list_transcripts`` (that transcripts can be had is
documented, the path is not); a connection can override it in its field ``paths``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.platforms.prevail.models import (
    CancelAnswer,
    RecordingItem,
    RequestRecord,
    SessionRecord,
    TranscriptItem,
)
from airflow_provider_sessions.platforms.prevail.paging import Pagy

api = Endpoints("prevail")


def request_body(
    *,
    remote_session: Mapping[str, Any],
    invites: Sequence[str | Mapping[str, Any]] = (),
    deponent: Mapping[str, Any] | None = None,
    session_details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body that both create endpoints take. Source: Prevail API, Schedule Sessions (documented)."""
    body: dict[str, Any] = {"invites": list(invites)} if invites else {}
    if deponent:
        body["deponent"] = dict(deponent)
    body["remote_session"] = dict(remote_session)
    if session_details:
        body["session_details"] = dict(session_details)
    return {"session_request": body}


@api("POST", "/session_requests", documented=True)
def create_session_request(
    remote_session: Mapping[str, Any],
    invites: Sequence[str | Mapping[str, Any]] = (),
    deponent: Mapping[str, Any] | None = None,
    session_details: Mapping[str, Any] | None = None,
) -> Call[list[RequestRecord]]:
    """Ask Prevail's staff to schedule a session; everybody in ``invites`` is e-mailed when they do.

    :param remote_session: title, case, start_date, start_time, time_zone, perhaps estimated_duration (hours).
    :param invites: addresses, or objects with ``email`` and perhaps ``access_level``.
    :param deponent: name, email, role.
    :param session_details: languages, interpreter, additional_details, preferred_manager, video_provider, session_type.
    Source: Prevail API, Session Requests (documented).
    """
    body = request_body(
        remote_session=remote_session, invites=invites, deponent=deponent, session_details=session_details
    )
    return call(list[RequestRecord], body=body, unwrap=("requests",))


@api("GET", "/session_requests", documented=True)
def list_session_requests() -> Paged[RequestRecord]:
    """List the organization's requests. Source: Prevail API, Session Requests (path documented; wrapper inferred)."""
    return paged(RequestRecord, Pagy(), unwrap=("requests",))


@api("POST", "/sessions", documented=True)
def create_session(
    remote_session: Mapping[str, Any],
    invites: Sequence[str | Mapping[str, Any]] = (),
    deponent: Mapping[str, Any] | None = None,
    session_details: Mapping[str, Any] | None = None,
) -> Call[list[RequestRecord]]:
    """Schedule a session at once (Self-Service); everybody in ``invites`` is e-mailed.

    Parameters are those of :func:`create_session_request`; ``remote_session`` may name a ``remote_session_id``.

    :raises ConflictError: the ``remote_session_id`` is taken (status inferred).
    Source: Prevail API, Schedule Sessions (documented).
    """
    body = request_body(
        remote_session=remote_session, invites=invites, deponent=deponent, session_details=session_details
    )
    return call(list[RequestRecord], body=body, unwrap=("requests",))


@api("GET", "/sessions", documented=True)
def list_sessions(start_time: int | None = None, end_time: int | None = None) -> Paged[SessionRecord]:
    """List scheduled sessions.

    :param start_time: only sessions that start after it, epoch seconds.
    :param end_time: only sessions that end before it, epoch seconds.
    Source: Prevail API, View Sessions (documented; the name of the page parameter is inferred).
    """
    return paged(
        SessionRecord,
        Pagy(),
        unwrap=("sessions",),
        query={"start_time": start_time, "end_time": end_time},
        key="place",
    )


@api("PATCH", "/sessions/{remote_session_id}", documented=True)
def edit_session(remote_session_id: str, remote_session: Mapping[str, Any]) -> Call[list[SessionRecord]]:
    """Change a session that is scheduled or ready (Self-Service).

    :param remote_session_id: the session's slug.
    :param remote_session: title, invites (are added), estimated_duration; start_date, start_time and
        time_zone together.
    Source: Prevail API, Edit Sessions (documented).
    """
    return call(list[SessionRecord], body={"remote_session": dict(remote_session)}, unwrap=("sessions",))


@api("PATCH", "/sessions/{remote_session_id}/cancel", documented=True)
def cancel_session(remote_session_id: str, cancel_without_email: bool | None = None) -> Call[CancelAnswer]:
    """Cancel a session that has not begun (Self-Service); participants are e-mailed unless told otherwise.

    :param remote_session_id: the session's slug.
    :param cancel_without_email: True sends no e-mail.
    :raises ConflictError: the session is in another state (status inferred).
    Source: Prevail API, Cancel Sessions (documented).
    """
    # There is no body; the header is documented all the same.
    return call(
        CancelAnswer,
        query={"cancel_without_email": cancel_without_email},
        headers={"Content-Type": "application/json"},
    )


@api("GET", "/sessions/{remote_session_id}/recordings", documented=True)
def list_recordings(remote_session_id: str) -> Call[list[RecordingItem]]:
    """List a session's audio recordings; their addresses expire after 24 hours.

    :param remote_session_id: the session's slug.
    Source: Prevail API, Access Session Materials (documented; whether the list is bare or wrapped is not).
    """
    return call(list[RecordingItem], unwrap=("recordings",))


@api("GET", "/sessions/{remote_session_id}/transcripts", documented=False)
def list_transcripts(remote_session_id: str) -> Call[list[TranscriptItem]]:
    """List a session's transcripts.

    :param remote_session_id: the session's slug.
    Source: inferred, path and shape; the vendor documents only that transcripts can be had.
    """
    return call(list[TranscriptItem], unwrap=("transcripts",))
