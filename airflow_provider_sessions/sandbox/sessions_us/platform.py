"""Sessions as a platform: its state, who may do what, its errors, and what its sessions leave behind."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.identifiers import seeded_random, stable_id
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.platform_state import USUAL_SECONDS, Platform, SharedState, manual_action
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.server_rate_limit import RateLimit, RateLimitCounter, RateLimitResult
from airflow_provider_sessions.sandbox.sessions_us import (
    artifacts,
    booking_page_routes,
    booking_routes,
    control_routes,
    event_routes,
    page_routes,
    participant_routes,
    response_bodies,
    room_routes,
    session_routes,
    slots,
    table,
)
from airflow_provider_sessions.sandbox.sessions_us.meeting_script import LANGUAGES
from airflow_provider_sessions.sandbox.sessions_us.nest import refused_body
from airflow_provider_sessions.sandbox.sessions_us.state import (
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
)

# The modules of handlers enter their routes when they are imported.
HANDLERS = (
    session_routes,
    participant_routes,
    room_routes,
    event_routes,
    booking_page_routes,
    booking_routes,
    page_routes,
    control_routes,
)

LIMIT = RateLimit(limit=10, window=60)
"""Documented: 10 requests a minute."""
_QUARTER = 15 * 60


class SessionsUs(Platform[Meeting, SessionsUsDraft]):
    """The stand-in for Sessions. Unlike the others it judges the rate from the start: 10 requests a minute a key.

    There from the start: a user with a room and a booking page, a colleague, and a key of each role.
    """

    name = "sessions_us"
    mount = "/sessions_us/api"
    other_paths = (table.PAGES,)
    routes = table.routes
    controls = table.controls
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
        self._furnish()

    def _furnish(self) -> None:
        """What is there before anybody did anything."""
        self.user = self.population.people[20]
        self.colleague = self.population.people[21]
        self.api_key = self._new_key("USER", self.user)
        self.guest_api_key = self._new_key("GUEST", self.user)
        self.colleague_api_key = self._new_key("USER", self.colleague)
        self.room_id = self.new_room(self.user, "Team room", "team-room", self.opened_at).id
        self.booking_page_id = self.new_booking_page(self.user, "Intro call", "intro-call", self.opened_at).id

    def _new_key(self, role: KeyRole, user: Person) -> str:
        key = Key(self.ids.token("key", 40), role, user)
        self.keys[key.token] = key
        return key.token

    def new_room(self, owner: Person, name: str, slug: str, now: datetime) -> Room:
        """Keep a new room."""
        room = Room(self.ids.new("room"), owner, slug, name, "", now, now)
        self.rooms[room.id] = room
        return room

    def new_booking_page(self, owner: Person, name: str, slug: str, now: datetime) -> BookingPage:
        """Keep a new booking page: half an hour, in office hours."""
        page = BookingPage(
            id=self.ids.new("booking page"),
            owner=owner,
            slug=slug,
            name=name,
            description="",
            duration=30,
            time_zone="Europe/Bucharest",
            schedule=dict(slots.OFFICE_HOURS),
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
        """The keys, and the ids of what is there from the start."""
        names = ("api_key", "guest_api_key", "colleague_api_key", "room_id", "booking_page_id")
        return {name: getattr(self, name) for name in names}

    def connection(self) -> dict[str, Any]:
        """An Airflow connection by a key of role USER."""
        return {"conn_type": self.name, "host": self.base_url, "password": self.api_key}

    @manual_action
    def make_key(self, role: KeyRole = "USER") -> str:
        """Make one more key for the user."""
        return self._new_key(role, self.user)

    @manual_action
    def new_api_key(self) -> str:
        """Replace the key of role USER; the old one is revoked."""
        self.keys[self.api_key].revoked = True
        self.api_key = self._new_key("USER", self.user)
        return self.api_key

    @manual_action
    def revoke_key(self, key: str) -> None:
        """Revoke a key.

        :param key: the key, or ``api_key``, ``guest_api_key``, ``colleague_api_key``.
        :raises LookupError: there is none.
        """
        known = {
            "api_key": self.api_key,
            "guest_api_key": self.guest_api_key,
            "colleague_api_key": self.colleague_api_key,
        }
        found = self.keys.get(known.get(key, key))
        if found is None:
            raise LookupError("sessions_us has no such key")
        found.revoked = True

    # --- requests -----------------------------------------------------------------------------------------------------

    def check_rate_limit(self, asked: PlatformRequest) -> RateLimitResult | None:
        """What the rate limit says; web pages have none."""
        is_page = asked.route is not None and asked.route.access == "page"
        return None if is_page else super().check_rate_limit(asked)

    def authenticate(self, asked: PlatformRequest) -> None:
        """Find out whose key it is, and whether its role serves for the route.

        :raises ApiError: 401, 403.
        """
        access = asked.operation.access
        if access == "page":
            return
        key = self.keys.get(asked.headers.get("x-api-key", ""))
        if key is None or key.revoked:
            raise ApiError(401, "Unauthorized")
        serves = {"user": key.role == "USER", "guest": key.role == "GUEST" or self.settings.user_key_on_guest_paths}
        if not serves[access]:
            raise ApiError(403, "Forbidden resource")
        asked.caller = key

    def build_response(self, result: Any, asked: PlatformRequest) -> Response:
        """Answers have no envelope."""
        return JSONResponse(result, asked.operation.status)

    def refuse(self, refusal: ApiError, asked: PlatformRequest) -> Response:
        """Put a refusal into Nest's shape; it knows no 405."""
        if asked.route is None and refusal.status != 429:
            refusal = ApiError(404, f"Cannot {asked.method} {self.mount.removeprefix('/sessions_us')}{asked.path}")
        status, content = refused_body(refusal, self.settings.messages)
        return JSONResponse(content, status, refusal.headers)

    def deleted(self, what: Any) -> Any:
        """The answer to a deletion of ``what``."""
        return what if self.settings.delete_answer == "object" else Response()

    # --- sessions -----------------------------------------------------------------------------------------------------

    def plan(self, draft: SessionsUsDraft, owner: Person, start: datetime, walk_ins: int) -> Meeting:
        """Keep a session that is made through the API."""
        wanted = draft.model_copy(
            update={"attendees": walk_ins, "invite": False, "by_colleague": owner == self.colleague}
        )
        return self.add(wanted, Lifecycle(self.shared.clock.now(), start, self.new_session_script))

    def hold(self, draft: SessionsUsDraft, lifecycle: Lifecycle, attendees: int) -> Meeting:
        """Make a meeting from a draft."""
        if draft.room_id is not None and draft.room_id not in self.rooms:
            raise ValueError(f"There is no room {draft.room_id}")
        quick = lifecycle.scheduled_start is None
        start = lifecycle.scheduled_start = lifecycle.scheduled_start or lifecycle.created_at
        session_id = self.ids.new("session")
        by_seed = seeded_random(f"{session_id}:languages").choice(LANGUAGES)
        session = Meeting(
            id=session_id,
            title=draft.title or "",
            lifecycle=lifecycle,
            attendees=attendees,
            owner=self.colleague if draft.by_colleague else self.user,
            description=draft.description,
            time_zone=draft.time_zone,
            planned_end=draft.planned_end or _planned_end(start, lifecycle),
            quick=quick,
            room_id=draft.room_id,
            invite=draft.invite,
            languages=draft.languages or self.settings.languages or by_seed,
        )
        self._seat(session, session.owner, lifecycle.created_at).is_owner = True
        for email in draft.participants:
            self.invite(session, lifecycle.created_at, email=email)
        return session

    def session_host(self, session: Meeting) -> Person:
        """The owner."""
        return session.owner

    def owner_slug(self, owner: Person) -> str:
        """What stands for a user in addresses: a UUID and five characters, as webhooks showed."""
        return f"{owner.id}-{stable_id(owner.id, 'slug')[:5]}"

    def free_slug(self, name: str, taken: Collection[str]) -> str:
        """A slug made of a name, with a number behind it where others have it."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "untitled"
        numbered = (f"{slug}-{number}" for number in range(2, len(taken) + 3))
        return slug if slug not in taken else next(each for each in numbered if each not in taken)

    def user_by_email(self, email: str) -> Person | None:
        """The user with an address."""
        return self._by_email.get(email.lower())

    def participants(self, session: Meeting, now: datetime) -> list[Participant]:
        """Who takes part: the owner, the invited, and who has come by ``now``."""
        over = session.lifecycle.stopped_at
        if over is None or session.seated_until != over:
            for plan in self.planned_presences(session) if session.invite else ():
                if plan.person.email:
                    self._seat(session, plan.person, session.lifecycle.created_at)
            for presence in self.presences(session, now):
                self._seat(session, presence.person, presence.joined_at)
            session.seated_until = over
        return session.present_people()

    def _seat(self, session: Meeting, person: Person, at: datetime) -> Participant:
        """Let somebody be a participant; who is or was one already is not added again."""
        first, last = response_bodies.names(person) if person.email else (person.name, None)
        for held in session.people:
            if held.person_id == person.id:
                return held
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
        """Let somebody be a participant, a user or, with an address that is no user's, a guest.

        :param fields: of a guest ``first_name`` and ``last_name``; ``role``.
        """
        user = self.user_by_email(email)
        person = user or Person(stable_id(session.id, email.lower(), "guest"), email, email, None)
        known = any(held.person_id == person.id for held in session.people)
        added = self._seat(session, person, now)
        added.removed_at = None
        if user is None and not known:
            added.first_name, added.last_name = fields.get("first_name"), fields.get("last_name")
        added.role = fields.get("role") or added.role
        return added

    # --- bookings -----------------------------------------------------------------------------------------------------

    def is_kept(self, booking: Booking) -> bool:
        """Whether a booking is there: not deleted, and its session neither, unless it was canceled with it."""
        return not booking.deleted and (booking.canceled_at is not None or self.find(booking.session_id) is not None)

    def taken_times(self, page: BookingPage, but: Booking | None = None) -> list[slots.Slot]:
        """The times of a page's bookings.

        :param but: one that does not count.
        """
        standing = (held for held in self.bookings.values() if self.is_kept(held) and not held.canceled_at)
        return [(held.start_at, held.planned_end) for held in standing if held.page_id == page.id and held is not but]

    # --- what is left behind ------------------------------------------------------------------------------------------

    def transcript(self, session: Meeting, now: datetime) -> list[dict[str, Any]]:
        """The transcript of a session that has ended, in the revision of ``now``."""
        self.participants(session, now)
        return artifacts.transcript(session, self._key(session), len(session.lifecycle.revisions("transcript", now)))

    def takeaways(self, session: Meeting, now: datetime) -> dict[str, Any] | None:
        """The takeaways of a session that has ended, in the revision of ``now``."""
        self.participants(session, now)
        return artifacts.takeaways(session, self._key(session), len(session.lifecycle.revisions("takeaways", now)))

    def _key(self, session: Meeting) -> str:
        return f"{self.shared.seed}:{session.id}"

    def content(self, session: Meeting, now: datetime) -> dict[str, Any]:
        """Participants, transcript and takeaways, as the API will give them when they are ready."""
        return {
            "participants": [response_bodies.participant(person) for person in self.participants(session, now)],
            "transcript": self.transcript(session, now) if session.lifecycle.ended_at else [],
            "takeaways": self.takeaways(session, now) if session.lifecycle.ended_at else None,
        }

    @manual_action
    def attach_transcript(self, session_id: str, entries: list[dict[str, Any]]) -> None:
        """Replace a session's transcript; of one that has ended it is there at once.

        :param entries: ``{content: [{text, language}], participantId, sourceTimestamp, sourceLanguage}`` each.
        """
        self._known(session_id).transcript = entries
        self._hand_over(self._known(session_id), "transcript")

    @manual_action
    def attach_takeaways(self, session_id: str, text: str, document: dict[str, Any] | None = None) -> None:
        """Replace a session's takeaways; of one that has ended they are there at once.

        :param document: ProseMirror; paragraphs of the text if not given.
        """
        session = self._known(session_id)
        session.takeaways = {"takeawaysText": text, "takeawaysRaw": document or artifacts.plain_document(text)}
        self._hand_over(session, "takeaways")

    def _hand_over(self, session: Meeting, kind: str) -> None:
        """Let an artifact of a session that has ended be ready now, if it was not."""
        lifecycle, now = session.lifecycle, self.shared.clock.now()
        if lifecycle.ended_at and not lifecycle.is_ready(kind, now):
            delays = {name: lifecycle.script.artifact_delay(name) for name in self.artifact_kinds}
            delays[kind] = (now - lifecycle.ended_at).total_seconds()
            lifecycle.script = lifecycle.script.model_copy(update={"artifacts_after": delays})


def _planned_end(start: datetime, lifecycle: Lifecycle) -> datetime:
    """When a session probably was planned to end: its real length, rounded up to quarters of an hour."""
    if lifecycle.started_at is None or lifecycle.ended_at is None:
        return start + timedelta(seconds=USUAL_SECONDS)
    quarters = -(-(lifecycle.ended_at - lifecycle.started_at).total_seconds() // _QUARTER)
    return start + timedelta(seconds=max(1, quarters) * _QUARTER)
