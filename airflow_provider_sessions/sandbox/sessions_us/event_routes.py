"""Events, and registering to them as a user or as a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.nest import conflict
from airflow_provider_sessions.sandbox.sessions_us.session_routes import check_times
from airflow_provider_sessions.sandbox.sessions_us.state import Event, SessionsUsDraft
from airflow_provider_sessions.sandbox.sessions_us.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


def _kept(platform: SessionsUs) -> list[Event]:
    """The events whose session is still there."""
    return [event for event in platform.events.values() if platform.find(event.session_id)]


@routes("GET", "/events", documented=True, access="user")
def list_events(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 events for the current user, paginated."""
    mine = [event for event in _kept(platform) if event.owner == lookup.caller(asked)]
    return [response_bodies.event(platform, event, asked) for event in lookup.page(platform, asked, mine)]


@routes("POST", "/events", documented=True, access="user", status=201)
def create_event(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create an event: a draft, until it is published."""
    return response_bodies.event(
        platform, _add(platform, asked, lookup.body(platform, asked, request_bodies.CreateEvent)), asked
    )


def _add(platform: SessionsUs, asked: PlatformRequest, body: request_bodies.CreateEvent) -> Event:
    """Keep a new event and its session.

    :raises ApiError: 400, the times do not fit; 409, the slug is taken.
    """
    check_times(body.start_at, body.planned_end)
    user = lookup.caller(asked)
    slug = f"{platform.owner_slug(user)}/{body.slug}"
    if any(event.slug == slug for event in _kept(platform)):
        raise conflict("An event with this slug already exists")
    draft = SessionsUsDraft(
        title=body.name, description=body.description, planned_end=body.planned_end, time_zone=body.time_zone
    )
    session = platform.plan(draft, user, body.start_at, platform.settings.walk_ins)
    event = Event(platform.ids.new("event"), user, session.id, slug, asked.now, form=list(body.form))
    session.event_id = event.id
    platform.events[event.id] = event
    return event


@routes("POST", "/events/{id}/publish", documented=True, access="user", status=201)
def publish_event(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Publish an event by event id or session id; doing so again changes nothing."""
    event = lookup.event(platform, asked)
    event.published_at = event.published_at or asked.now
    return response_bodies.event(platform, event, asked)


@routes("POST", "/events/{id}/toggle-public", documented=True, access="user", status=201)
def toggle_event_public(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Toggle an event as public or not by event id or session id."""
    event = lookup.event(platform, asked)
    event.public = not event.public
    return response_bodies.event(platform, event, asked)


@routes("POST", "/events/{id}/clone", documented=True, access="user", status=201)
def clone_event(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Clone an event by event id or session id; the copy is a draft."""
    event, body = lookup.event(platform, asked), lookup.body(platform, asked, request_bodies.CloneEvent)
    session = platform.all_sessions[event.session_id]
    taken = {other.slug.partition("/")[2] for other in _kept(platform)}
    wanted = {
        "name": body.name or f"Copy of {session.title}",
        "slug": body.slug or platform.free_slug(event.slug.partition("/")[2], taken),
        "startAt": body.start_at or session.lifecycle.scheduled_start,
        "plannedEnd": body.planned_end or session.planned_end,
        "timeZone": body.time_zone or session.time_zone,
        "description": session.description,
        "form": event.form,
    }
    return response_bodies.event(
        platform, _add(platform, asked, request_bodies.CreateEvent.model_validate(wanted)), asked
    )


@routes("POST", "/events/{id}/register", documented=True, access="user", status=201)
def register_participant(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Register to event by event id or session id."""
    return _register(platform, asked)


@routes("POST", "/guests/events/{id}/register", documented=True, access="guest", status=201)
def register_guest(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Register to event as guest by event id or session id."""
    return _register(platform, asked)


def _register(platform: SessionsUs, asked: PlatformRequest) -> dict[str, Any]:
    """Make somebody a participant of an event's session; who is registered already stays so."""
    event, body = lookup.event(platform, asked, own=False), lookup.body(platform, asked, request_bodies.Register)
    if event.published_at is None:
        raise ApiError(platform.settings.unpublished_status, "The event is not published")
    email = body.email.lower()
    if email not in event.registered:
        person = platform.invite(
            platform.all_sessions[event.session_id],
            asked.now,
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
