"""Sessions as a platform: its initial objects, its API keys, its response formats, participants and artifacts."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.identifiers import seeded_random, stable_id
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.platform_state import DEFAULT_SECONDS, Platform, SharedState, manual_action
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, FieldError
from airflow_provider_sessions.sandbox.routing import Routes
from airflow_provider_sessions.sandbox.server_rate_limit import RateLimit, RateLimitCounter, RateLimitResult
from airflow_provider_sessions.sandbox.sessions_us import meeting_script
from airflow_provider_sessions.sandbox.sessions_us.state import (
    LANGUAGES,
    OFFICE_HOURS,
    Booking,
    BookingPage,
    Event,
    Key,
    KeyRole,
    Meeting,
    Participant,
    Room,
    SessionsUsDraft,
    Settings,
    split_name,
)

routes = Routes()
"""Sessions' routes; the modules of handlers add them. ``access`` is ``user`` (a key of role USER), ``guest`` (a key of
role GUEST, and USER if a setting allows it), or ``page`` (a web page, which is public)."""
controls = Routes()

PAGES = "/sessions_us/app"
"""Path of the web pages."""
LIMIT = RateLimit(limit=10, window=60)
"""Documented: 10 requests a minute."""
THROTTLED = "ThrottlerException: Too Many Requests"
_WITHOUT_ERROR_FIELD = (401, 429)
_QUARTER = 15 * 60


class SessionsUs(Platform[Meeting, SessionsUsDraft]):
    """The stand-in for Sessions. Unlike the others it has a rate limit from the start: 10 requests a minute per key.

    From the start it has a user with a room and a booking page, a colleague, and a key of each role.
    """

    name = "sessions_us"
    mount = "/sessions_us/api"
    other_paths = (PAGES,)
    routes = routes
    controls = controls
    titles = (
        "Weekly product sync",
        "Quarterly planning",
        "Intro call: Brightwater",
        "Hiring panel, backend",
        "Design review",
        "Retrospective",
        "Budget check-in",
        "Customer feedback round",
        "1:1 Ines & Tariq",
        "Abstimmung Übersetzung",
    )
    artifact_kinds = ("transcript", "takeaways")
    states: ClassVar[frozenset[State]] = frozenset({State.SCHEDULED, State.LIVE, State.ENDED})
    draft_type = SessionsUsDraft
    settings: Settings

    def __init__(self, shared: SharedState) -> None:
        super().__init__(shared)
        self.settings = Settings()
        self.rate_limit_counter = RateLimitCounter(LIMIT)
        self.keys: dict[str, Key] = {}
        self.rooms: dict[str, Room] = {}
        self.events: dict[str, Event] = {}
        self.booking_pages: dict[str, BookingPage] = {}
        self.bookings: dict[str, Booking] = {}
        self._by_email = {person.email: person for person in self.population.people}
        self._create_initial_objects()

    def _create_initial_objects(self) -> None:
        self.user = self.population.people[20]
        self.colleague = self.population.people[21]
        self.api_key = self._create_key("USER", self.user)
        self.guest_api_key = self._create_key("GUEST", self.user)
        self.colleague_api_key = self._create_key("USER", self.colleague)
        self.room_id = self.add_room(self.user, "Team room", "team-room", self.opened_at).id
        self.booking_page_id = self.add_booking_page(self.user, "Intro call", "intro-call", self.opened_at).id

    def _create_key(self, role: KeyRole, user: Person) -> str:
        key = Key(self.ids.token("key", 40), role, user)
        self.keys[key.token] = key
        return key.token

    def add_room(self, owner: Person, name: str, slug: str, now: datetime) -> Room:
        """Store a new room."""
        room = Room(self.ids.new("room"), owner, slug, name, "", now, now)
        self.rooms[room.id] = room
        return room

    def add_booking_page(self, owner: Person, name: str, slug: str, now: datetime) -> BookingPage:
        """Store a new booking page: half an hour, in office hours."""
        page = BookingPage(
            id=self.ids.new("booking page"),
            owner=owner,
            slug=slug,
            name=name,
            description="",
            duration=30,
            time_zone="Europe/Bucharest",
            schedule=dict(OFFICE_HOURS),
            buffer=0,
            minimum_notice=0,
            routing="AVAILABILITY",
            form=[],
            created_at=now,
            updated_at=now,
        )
        self.booking_pages[page.id] = page
        return page

    # --- credentials --------------------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, str]:
        """Return the keys, and the ids of the objects that exist from the start."""
        names = ("api_key", "guest_api_key", "colleague_api_key", "room_id", "booking_page_id")
        return {name: getattr(self, name) for name in names}

    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection that uses a key of role USER."""
        return {"conn_type": self.name, "host": self.base_url, "password": self.api_key}

    @manual_action
    def create_key(self, role: KeyRole = "USER") -> str:
        """Create another key of the user."""
        return self._create_key(role, self.user)

    @manual_action
    def new_api_key(self) -> str:
        """Replace the key of role USER and return the new one; the old one is revoked."""
        self.keys[self.api_key].revoked = True
        self.api_key = self._create_key("USER", self.user)
        return self.api_key

    @manual_action
    def revoke_key(self, key: str) -> None:
        """Revoke a key.

        :param key: the key, or ``api_key``, ``guest_api_key``, ``colleague_api_key``.
        :raises LookupError: there is no such key.
        """
        named_keys = {
            "api_key": self.api_key,
            "guest_api_key": self.guest_api_key,
            "colleague_api_key": self.colleague_api_key,
        }
        found = self.keys.get(named_keys.get(key, key))
        if found is None:
            raise LookupError("sessions_us has no such key")
        found.revoked = True

    # --- requests -----------------------------------------------------------------------------------------------------

    def check_rate_limit(self, request: ApiRequest) -> RateLimitResult | None:
        """Count a request against the rate limit; web pages have none."""
        is_page = request.route is not None and request.route.access == "page"
        return None if is_page else super().check_rate_limit(request)

    def authenticate(self, request: ApiRequest) -> None:
        """Set ``request.caller`` to the key, and check that its role may use the route.

        :raises ApiError: 401, 403.
        """
        access = request.matched_route.access
        if access == "page":
            return
        key = self.keys.get(request.headers.get("x-api-key", ""))
        if key is None or key.revoked:
            raise ApiError(401, "Unauthorized")
        allowed = {"user": key.role == "USER", "guest": key.role == "GUEST" or self.settings.user_key_on_guest_paths}
        if not allowed[access]:
            raise ApiError(403, "Forbidden resource")
        request.caller = key

    def build_response(self, result: Any, request: ApiRequest) -> Response:
        """Return the result without an envelope."""
        return JSONResponse(result, request.matched_route.status)

    def build_error_response(self, error: ApiError, request: ApiRequest) -> Response:
        """Format an error as a NestJS server does: ``{"statusCode", "message", "error"}``.

        That Sessions runs NestJS is inferred. An invalid body is a 400 with all errors in ``message``; there is no 405.
        """
        if request.route is None and error.status != 429:
            error = ApiError(404, f"Cannot {request.method} {self.mount.removeprefix('/sessions_us')}{request.path}")
        status = 400 if error.status == 422 else error.status
        messages = [_field_message(field) for field in error.fields] or [error.reason]
        message = messages if error.fields and self.settings.messages == "list" else messages[0]
        content: dict[str, Any] = {"statusCode": status, "message": THROTTLED if status == 429 else message}
        if status not in _WITHOUT_ERROR_FIELD:
            content["error"] = HTTPStatus(status).phrase
        return JSONResponse(content, status, error.headers)

    def build_delete_response(self, deleted: Any) -> Any:
        """Return the response to a deletion."""
        return deleted if self.settings.delete_answer == "object" else Response()

    # --- sessions -----------------------------------------------------------------------------------------------------

    def add_planned_session(self, draft: SessionsUsDraft, owner: Person, start: datetime, walk_ins: int) -> Meeting:
        """Store a session that is created through the API."""
        fields = {"attendees": walk_ins, "invite": False, "by_colleague": owner == self.colleague}
        lifecycle = Lifecycle(self.shared.clock.now(), start, self.new_session_script)
        return self.add_session(draft.model_copy(update=fields), lifecycle)

    def build_session(self, draft: SessionsUsDraft, lifecycle: Lifecycle, attendees: int) -> Meeting:
        """Build a meeting from a draft."""
        if draft.room_id is not None and draft.room_id not in self.rooms:
            raise ValueError(f"There is no room {draft.room_id}")
        quick = lifecycle.scheduled_start is None
        start = lifecycle.scheduled_start = lifecycle.scheduled_start or lifecycle.created_at
        session_id = self.ids.new("session")
        seeded_languages = seeded_random(f"{session_id}:languages").choice(LANGUAGES)
        session = Meeting(
            id=session_id,
            title=draft.title or "",
            lifecycle=lifecycle,
            attendees=attendees,
            owner=self.colleague if draft.by_colleague else self.user,
            description=draft.description,
            time_zone=draft.time_zone,
            planned_end=draft.planned_end or _estimate_planned_end(start, lifecycle),
            quick=quick,
            room_id=draft.room_id,
            invite=draft.invite,
            languages=draft.languages or self.settings.languages or seeded_languages,
        )
        self._add_participant(session, session.owner, lifecycle.created_at).is_owner = True
        for email in draft.participants:
            self.invite(session, lifecycle.created_at, email=email)
        if draft.booked:
            self._add_booking(session)
        if draft.is_event:
            self._add_event(session)
        return session

    def _add_booking(self, session: Meeting) -> None:
        """Store the booking that a session was made for."""
        session.booking_id = stable_id(session.id, "booking")
        person, guest = seeded_random(session.booking_id).sample(self.population.people, 2)
        self.bookings[session.booking_id] = Booking(
            id=session.booking_id,
            page_id=self.booking_page_id,
            session_id=session.id,
            name=session.title,
            participant_name=person.name,
            participant_email=person.email or "",
            guests=[guest.email or ""],
            form=[{"question": "Name", "answer": person.name}, {"question": "What about?", "answer": "Prices"}],
            start_at=session.lifecycle.scheduled_start or session.lifecycle.created_at,
            planned_end=session.planned_end,
            time_zone=session.time_zone,
            created_at=session.lifecycle.created_at,
        )

    def _add_event(self, session: Meeting) -> None:
        """Store the event that a session is held for."""
        session.event_id = stable_id(session.id, "event")
        slug = f"{self.owner_slug(session.owner)}/{session.event_id[:8]}"
        created_at = session.lifecycle.created_at
        self.events[session.event_id] = Event(
            session.event_id, session.owner, session.id, slug, created_at, published_at=created_at, public=True
        )

    def list_owner(self, session: Meeting) -> str:
        """Return the id of its owner."""
        return session.owner.id

    def session_host(self, session: Meeting) -> Person:
        """Return the owner."""
        return session.owner

    def owner_slug(self, owner: Person) -> str:
        """Return the part of a URL that names a user: a UUID and five characters, as in webhooks."""
        return f"{owner.id}-{stable_id(owner.id, 'slug')[:5]}"

    def find_free_slug(self, name: str, taken: Collection[str]) -> str:
        """Make a slug from a name, with a number if it is taken."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "untitled"
        numbered = (f"{slug}-{number}" for number in range(2, len(taken) + 3))
        return slug if slug not in taken else next(candidate for candidate in numbered if candidate not in taken)

    def find_user(self, email: str) -> Person | None:
        """Return the user with an e-mail address."""
        return self._by_email.get(email.lower())

    def participants(self, session: Meeting, now: datetime) -> list[Participant]:
        """Return the owner, the invited people, and those who have joined by ``now``."""
        stopped_at = session.lifecycle.stopped_at
        if stopped_at is None or session.participants_until != stopped_at:
            for plan in self.planned_presences(session) if session.invite else ():
                if plan.person.email:
                    self._add_participant(session, plan.person, session.lifecycle.created_at)
            for presence in self.presences(session, now):
                self._add_participant(session, presence.person, presence.joined_at)
            session.participants_until = stopped_at
        return session.current_participants()

    def _add_participant(self, session: Meeting, person: Person, at: datetime) -> Participant:
        """Add a participant, unless the person is or was one already."""
        first, last = split_name(person) if person.email else (person.name, None)
        for existing in session.people:
            if existing.person_id == person.id:
                return existing
        added = Participant(
            id=stable_id(session.id, person.id, "participant"),
            person_id=person.id,
            is_user=person.id in self.population.by_id,
            email=person.email,
            first_name=first,
            last_name=last,
            added_at=at,
        )
        session.people.append(added)
        return added

    def invite(self, session: Meeting, now: datetime, *, email: str, **fields: Any) -> Participant:
        """Add a user as a participant, or a guest if no user has this address.

        :param fields: ``role``, and for a guest ``first_name`` and ``last_name``.
        """
        user = self.find_user(email)
        person = user or Person(stable_id(session.id, email.lower(), "guest"), email, email, None)
        known = any(participant.person_id == person.id for participant in session.people)
        added = self._add_participant(session, person, now)
        added.removed_at = None
        if user is None and not known:
            added.first_name, added.last_name = fields.get("first_name"), fields.get("last_name")
        added.role = fields.get("role") or added.role
        return added

    def booking_exists(self, booking: Booking) -> bool:
        """Return whether neither a booking nor its session is deleted; a canceled one exists without its session."""
        return not booking.deleted and (booking.canceled_at is not None or self.find(booking.session_id) is not None)

    # --- artifacts ----------------------------------------------------------------------------------------------------

    def transcript(self, session: Meeting, now: datetime) -> list[dict[str, Any]]:
        """Return the transcript of a session that has ended, in its revision at ``now``."""
        self.participants(session, now)
        revision = len(session.lifecycle.revisions("transcript", now))
        return meeting_script.build_transcript(session, self._key(session), revision)

    def takeaways(self, session: Meeting, now: datetime) -> dict[str, Any] | None:
        """Return the takeaways of a session that has ended, in their revision at ``now``."""
        self.participants(session, now)
        revision = len(session.lifecycle.revisions("takeaways", now))
        return meeting_script.build_takeaways(session, self._key(session), revision)

    def _key(self, session: Meeting) -> str:
        return f"{self.shared.seed}:{session.id}"

    def artifact_content(self, session: Meeting, now: datetime) -> dict[str, Any]:
        """Return participants, transcript and takeaways, as the API returns them once they are ready."""
        has_ended = session.lifecycle.ended_at is not None
        return {
            "participants": [participant.as_json() for participant in self.participants(session, now)],
            "transcript": self.transcript(session, now) if has_ended else [],
            "takeaways": self.takeaways(session, now) if has_ended else None,
            "bookings": [
                {"id": one.id, "participant_email": one.participant_email, "start_at": one.start_at.isoformat()}
                for one in self.bookings.values()
                if one.id == session.booking_id
            ],
            "events": [{"id": one.id, "slug": one.slug} for one in self.events.values() if one.id == session.event_id],
        }

    @manual_action
    def attach_transcript(self, session_id: str, entries: list[dict[str, Any]]) -> None:
        """Replace a session's transcript; if the session has ended, the transcript is ready at once.

        :param entries: each ``{content: [{text, language}], participantId, sourceTimestamp, sourceLanguage}``.
        """
        session = self._require_session(session_id)
        session.transcript = entries
        self._make_ready(session, "transcript")

    @manual_action
    def attach_takeaways(self, session_id: str, text: str, document: dict[str, Any] | None = None) -> None:
        """Replace a session's takeaways; if the session has ended, they are ready at once.

        :param document: ProseMirror; by default the text as paragraphs.
        """
        session = self._require_session(session_id)
        raw = document or meeting_script.build_document(text)
        session.takeaways = {"takeawaysText": text, "takeawaysRaw": raw}
        self._make_ready(session, "takeaways")

    def _make_ready(self, session: Meeting, kind: str) -> None:
        """Make an artifact of a session that has ended ready now, unless it already is."""
        lifecycle, now = session.lifecycle, self.shared.clock.now()
        if lifecycle.ended_at and not lifecycle.is_ready(kind, now):
            delays = {name: lifecycle.script.artifact_delay(name) for name in self.artifact_kinds}
            delays[kind] = (now - lifecycle.ended_at).total_seconds()
            lifecycle.script = lifecycle.script.model_copy(update={"artifacts_after": delays})


def _field_message(error: FieldError) -> str:
    """Describe an invalid field in the words of class-validator."""
    code = error.code.removeprefix("validation_")
    if code == "required":
        return f"{error.field} should not be empty"
    if code == "unknown":
        return f"property {error.field} should not exist"
    if code.startswith(("datetime", "date_")):
        return f"{error.field} must be a valid ISO 8601 date string"
    if code in ("rule", "value_error"):
        return f"{error.field} {error.message.removeprefix('Value error, ')}"
    return f"{error.field}: {error.message}"


def _estimate_planned_end(start: datetime, lifecycle: Lifecycle) -> datetime:
    """Estimate when a session was planned to end: its real length, rounded up to quarters of an hour."""
    if lifecycle.live_seconds is None:
        return start + timedelta(seconds=DEFAULT_SECONDS)
    quarters = -(-lifecycle.live_seconds // _QUARTER)
    return start + timedelta(seconds=max(1, quarters) * _QUARTER)
