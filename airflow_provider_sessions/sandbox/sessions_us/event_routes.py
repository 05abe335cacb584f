"""Routes for events, and for registration as a user or as a guest."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs, routes
from airflow_provider_sessions.sandbox.sessions_us.session_routes import check_times
from airflow_provider_sessions.sandbox.sessions_us.state import Event, SessionsUsDraft


def _existing_events(platform: SessionsUs) -> list[Event]:
    """Return the events whose session exists."""
    return [event for event in platform.events.values() if platform.find(event.session_id)]


@routes("GET", "/events", documented=True, access="user")
def list_events(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 events for the current user, paginated."""
    mine = [event for event in _existing_events(platform) if event.owner == lookup.caller(request)]
    return [response_bodies.event(platform, event, request) for event in lookup.page(platform, request, mine)]


@routes("POST", "/events", documented=True, access="user", status=201)
def create_event(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create an event, which is a draft until it is published."""
    return response_bodies.event(
        platform, _add(platform, request, lookup.body(platform, request, request_bodies.CreateEvent)), request
    )


def _add(platform: SessionsUs, request: ApiRequest, body: request_bodies.CreateEvent) -> Event:
    """Store a new event and its session.

    :raises ApiError: 400, it ends before it starts; 409, the slug is taken.
    """
    check_times(body.start_at, body.planned_end)
    user = lookup.caller(request)
    slug = f"{platform.owner_slug(user)}/{body.slug}"
    if any(event.slug == slug for event in _existing_events(platform)):
        raise lookup.conflict("An event with this slug already exists")
    draft = SessionsUsDraft(
        title=body.name, description=body.description, planned_end=body.planned_end, time_zone=body.time_zone
    )
    session = platform.add_planned_session(draft, user, body.start_at, platform.settings.walk_ins)
    event = Event(platform.ids.new("event"), user, session.id, slug, request.now, form=list(body.form))
    session.event_id = event.id
    platform.events[event.id] = event
    return event


@routes("POST", "/events/{id}/publish", documented=True, access="user", status=201)
def publish_event(platform: SessionsUs, request: ApiRequest) -> Any:
    """Publish an event by event id or session id; a published one stays unchanged."""
    event = lookup.event(platform, request)
    event.published_at = event.published_at or request.now
    return response_bodies.event(platform, event, request)


@routes("POST", "/events/{id}/toggle-public", documented=True, access="user", status=201)
def toggle_event_public(platform: SessionsUs, request: ApiRequest) -> Any:
    """Toggle an event as public or not by event id or session id."""
    event = lookup.event(platform, request)
    event.public = not event.public
    return response_bodies.event(platform, event, request)


@routes("POST", "/events/{id}/clone", documented=True, access="user", status=201)
def clone_event(platform: SessionsUs, request: ApiRequest) -> Any:
    """Clone an event by event id or session id; the copy is a draft."""
    event, body = lookup.event(platform, request), lookup.body(platform, request, request_bodies.CloneEvent)
    session = platform.all_sessions[event.session_id]
    taken = {other.slug.partition("/")[2] for other in _existing_events(platform)}
    wanted = {
        "name": body.name or f"Copy of {session.title}",
        "slug": body.slug or platform.find_free_slug(event.slug.partition("/")[2], taken),
        "startAt": body.start_at or session.lifecycle.scheduled_start,
        "plannedEnd": body.planned_end or session.planned_end,
        "timeZone": body.time_zone or session.time_zone,
        "description": session.description,
        "form": event.form,
    }
    return response_bodies.event(
        platform, _add(platform, request, request_bodies.CreateEvent.model_validate(wanted)), request
    )


@routes("POST", "/events/{id}/register", documented=True, access="user", status=201)
def register_participant(platform: SessionsUs, request: ApiRequest) -> Any:
    """Register to event by event id or session id."""
    return _register(platform, request)


@routes("POST", "/guests/events/{id}/register", documented=True, access="guest", status=201)
def register_guest(platform: SessionsUs, request: ApiRequest) -> Any:
    """Register to event as guest by event id or session id."""
    return _register(platform, request)


def _register(platform: SessionsUs, request: ApiRequest) -> dict[str, Any]:
    """Add somebody to an event's session, unless they are already registered."""
    event, body = lookup.event(platform, request, own=False), lookup.body(platform, request, request_bodies.Register)
    if event.published_at is None:
        raise ApiError(platform.settings.unpublished_status, "The event is not published")
    email = body.email.lower()
    if email not in event.registered:
        person = platform.invite(
            platform.all_sessions[event.session_id],
            request.now,
            email=body.email,
            first_name=body.first_name,
            last_name=body.last_name,
        )
        event.registered[email] = {
            "id": person.id,
            "email": body.email,
            "firstName": body.first_name,
            "form": [answer.model_dump() for answer in body.form],
        }
    return event.registered[email]
