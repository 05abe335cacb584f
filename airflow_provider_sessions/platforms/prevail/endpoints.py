"""Prevail's endpoints, as functions that return calls.

Paths and methods are documented on the vendor's help pages, except for ``list_transcripts``: that there are transcripts
is documented, the path is inferred. A connection can override it in its field ``paths``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.paging import Page, get_count
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.messages import quote_value
from airflow_provider_sessions.platforms.prevail.models import (
    CancelResponse,
    RecordingItem,
    RequestRecord,
    SessionRecord,
    TranscriptItem,
)

api = Endpoints("prevail")


@dataclass(frozen=True, slots=True)
class Pagy:
    """Pages of the Ruby gem pagy: ``page`` in the query, ``{"pagy": {"page": 1, "pages": 1, ...}}`` in the response.

    A page after the last one is an error. Source: Prevail API, View Sessions (the response is documented, the query's
    parameter is inferred).
    """

    @property
    def size(self) -> int | None:
        """None: the platform decides."""
        return None

    def first(self) -> Mapping[str, Any]:
        """Return the query of the first page."""
        return {}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """Return the query of the next page; None after the last one, or if the response has no ``pagy``."""
        pagy = _get_pagy(page)
        number, pages = get_count(pagy, "page", page.route), get_count(pagy, "pages", page.route)
        if number is None or pages is None or number >= pages:
            return None
        return {"page": int(page.query.get("page", 1)) + 1}

    def total(self, page: Page) -> int | None:
        """Return the number of items in all pages."""
        return get_count(_get_pagy(page), "count", page.route)


def _get_pagy(page: Page) -> Mapping[str, Any]:
    found = page.meta.get("pagy")
    if found is not None and not isinstance(found, Mapping):
        raise MalformedResponseError(f"{page.route}: pagy of the list is {quote_value(found)} instead of an object")
    return found or {}


def _request_body(
    *,
    remote_session: Mapping[str, Any],
    invites: Sequence[str | Mapping[str, Any]] = (),
    deponent: Mapping[str, Any] | None = None,
    session_details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of both create endpoints. Source: Prevail API, Schedule Sessions (documented)."""
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
    """Request that Prevail's staff schedule a session; everybody in ``invites`` is then e-mailed.

    :param remote_session: title, case, start_date, start_time, time_zone, perhaps estimated_duration (hours).
    :param invites: addresses, or objects with ``email`` and perhaps ``access_level``.
    :param deponent: name, email, role.
    :param session_details: languages, interpreter, additional_details, preferred_manager, video_provider, session_type.
    Source: Prevail API, Session Requests (documented).
    """
    body = _request_body(
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
    """Schedule a session (Self-Service); everybody in ``invites`` is e-mailed.

    Parameters are those of :func:`create_session_request`; ``remote_session`` may name a ``remote_session_id``.

    :raises ConflictError: the ``remote_session_id`` is taken (status inferred).
    Source: Prevail API, Schedule Sessions (documented).
    """
    body = _request_body(
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
    :param remote_session: title, invites (they are added), estimated_duration; start_date, start_time and
        time_zone together.
    Source: Prevail API, Edit Sessions (documented).
    """
    return call(list[SessionRecord], body={"remote_session": dict(remote_session)}, unwrap=("sessions",))


@api("PATCH", "/sessions/{remote_session_id}/cancel", documented=True)
def cancel_session(remote_session_id: str, cancel_without_email: bool | None = None) -> Call[CancelResponse]:
    """Cancel a session that has not started (Self-Service); participants are e-mailed by default.

    :param remote_session_id: the session's slug.
    :param cancel_without_email: True sends no e-mail.
    :raises ConflictError: the session is in another state (status inferred).
    Source: Prevail API, Cancel Sessions (documented).
    """
    # The header is documented, although there is no body.
    return call(
        CancelResponse,
        query={"cancel_without_email": cancel_without_email},
        headers={"Content-Type": "application/json"},
    )


@api("GET", "/sessions/{remote_session_id}/recordings", documented=True)
def list_recordings(remote_session_id: str) -> Call[list[RecordingItem]]:
    """List a session's audio recordings; their URLs expire after 24 hours.

    :param remote_session_id: the session's slug.
    Source: Prevail API, Access Session Materials (documented; whether the list is bare or wrapped is not).
    """
    return call(list[RecordingItem], unwrap=("recordings",))


@api("GET", "/sessions/{remote_session_id}/transcripts", documented=False)
def list_transcripts(remote_session_id: str) -> Call[list[TranscriptItem]]:
    """List a session's transcripts.

    :param remote_session_id: the session's slug.
    Source: inferred, path and shape; the vendor documents only that there are transcripts.
    """
    return call(list[TranscriptItem], unwrap=("transcripts",))
