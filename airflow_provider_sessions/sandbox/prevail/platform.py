"""Prevail as a platform: organizations, slugs, its words for states, its envelopes, and what its sessions leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.identifiers import seeded_random
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.media import MediaFile
from airflow_provider_sessions.sandbox.platform_state import Platform, SharedState, manual_action
from airflow_provider_sessions.sandbox.prevail import (
    artifact_routes,
    auth,
    mail,
    page_routes,
    request_bodies,
    request_routes,
    session_routes,
)
from airflow_provider_sessions.sandbox.prevail.control_routes import controls
from airflow_provider_sessions.sandbox.prevail.deposition_script import Cast, Segment, transcript
from airflow_provider_sessions.sandbox.prevail.rails import slug_of
from airflow_provider_sessions.sandbox.prevail.state import (
    Deposition,
    Email,
    Organization,
    PrevailDraft,
    Settings,
)
from airflow_provider_sessions.sandbox.prevail.table import routes
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest

# The modules of handlers enter their routes when they are imported.
HANDLERS = (request_routes, session_routes, artifact_routes, page_routes)

REQUEST = "request:"
"""Goes before a request's number: by this id tests know a session that has no slug yet."""
_FIRST_NUMBER = 11760


@dataclass(frozen=True)
class Track:
    """One audio file of a session; ``user`` is the voice on it, or ``Recording`` for all together."""

    filename: str
    user: str


class Prevail(Platform[Deposition, PrevailDraft]):
    """The stand-in for Prevail.

    There from the start: an organization with Self-Service and ten members, and another organization.
    """

    name = "prevail"
    mount = "/prevail/api/v1"
    other_paths = ("/prevail/sessions",)
    routes = routes
    controls = controls
    titles = (
        "Deposition of the plaintiff",
        "Deposition of the treating physician",
        "Deposition of the plant manager",
        "Deposition of the corporate representative",
        "Expert deposition: metallurgy",
        "Arbitration hearing, day 1",
        "Continued deposition, volume 2",
    )
    artifact_kinds = ("transcript", "recording")
    states: ClassVar[frozenset[State]] = frozenset(
        {State.REQUESTED, State.SCHEDULED, State.LIVE, State.ENDED, State.CANCELED}
    )
    draft_type = PrevailDraft
    settings: Settings

    def __init__(self, shared: SharedState) -> None:
        super().__init__(shared)
        self.settings = Settings()
        self.outbox: list[Email] = []
        self.storage_secret = self.ids.token("storage secret", 64)
        people = self.population.people
        self.organization = self._organization("Halcyon Law", people[10:20])
        self.other_organization = self._organization("Northwind Counsel", people[20:24])
        self.organizations = {own.company_id: own for own in (self.organization, self.other_organization)}
        self._by_email = {person.email: person for person in people}
        self._slugs: dict[str, Deposition] = {}
        self._requested: dict[str, Deposition] = {}
        self._media: dict[tuple[str, str, int], MediaFile] = {}

    def _organization(self, name: str, members: list[Person]) -> Organization:
        company_id = f"{slug_of(name)}-{self.ids.token('company', 6)}"
        return Organization(company_id, name, self.ids.token("api key", 48), list(members))

    # --- credentials --------------------------------------------------------------------------------------------------

    @property
    def api_key(self) -> str:
        """The organization's key, which signs tokens."""
        return self.organization.api_key

    @property
    def company_id(self) -> str:
        """What tokens name in their claim ``slug``."""
        return self.organization.company_id

    @property
    def member_email(self) -> str:
        """The address of a member, who can be a host."""
        return self.organization.members[1].email or ""

    def credentials(self) -> dict[str, str]:
        """What a client needs to connect, and the addresses of a member and of another organization."""
        return {
            "api_key": self.api_key,
            "company_id": self.company_id,
            "member_email": self.member_email,
            "other_api_key": self.other_organization.api_key,
            "other_company_id": self.other_organization.company_id,
        }

    def connection(self) -> dict[str, Any]:
        """An Airflow connection of the organization."""
        return {"conn_type": self.name, "host": self.base_url, "login": self.company_id, "password": self.api_key}

    @manual_action
    def new_api_key(self) -> str:
        """Replace the organization's API key; tokens signed with the old one are worth nothing from now on."""
        self.organization.api_key = self.ids.token("api key", 48)
        return self.api_key

    @manual_action
    def allow_self_service(self, allowed: bool, company_id: str | None = None) -> None:
        """Give Self-Service to an organization, or take it away.

        :param company_id: the organization; the one whose credentials are given out if not given.
        :raises LookupError: there is no such organization.
        """
        self._organization_of(company_id).self_service = allowed

    @manual_action
    def add_member(self, email: str, name: str | None = None) -> None:
        """Register a member of the organization, who can then be a host."""
        person = Person(self.ids.new("member"), name or _name_of(email), email.lower(), self.shared.clock.now())
        self.organization.members.append(person)
        self._by_email[person.email] = person

    def _organization_of(self, company_id: str | None) -> Organization:
        found = self.organizations.get(company_id or self.company_id)
        if found is None:
            raise LookupError(f"prevail has no organization {company_id}")
        return found

    # --- requests -----------------------------------------------------------------------------------------------------

    def authenticate(self, asked: PlatformRequest) -> None:
        """Find out which organization asks, and whether the route is open to it."""
        auth.authenticate(self, asked)

    def rate_limit_key(self, asked: PlatformRequest) -> str:
        """An organization's share of the rate limit, whichever token it shows."""
        return auth.rate_limit_key(self, asked)

    def build_response(self, result: Any, asked: PlatformRequest) -> Response:
        """Answer with the result as it is."""
        return JSONResponse(result, asked.operation.status)

    def refuse(self, refusal: ApiError, asked: PlatformRequest) -> Response:
        """Say what is wrong. The shape is not documented: a list of texts, or one text, as the settings say."""
        reasons = [f"{fault.field}: {fault.message}" for fault in refusal.fields] or [refusal.reason]
        key = self.settings.error_key
        content = {key: reasons if key == "errors" else "; ".join(reasons)}
        return JSONResponse(content, refusal.status, refusal.headers)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def hold(self, draft: PrevailDraft, lifecycle: Lifecycle, attendees: int) -> Deposition:
        """Make a session from a draft; one that is requested gets its slug when staff schedule it."""
        number = self.ids.number("request")
        rng = seeded_random(f"{self.shared.seed}:{self.name}:{number}")
        organization, title = self._organization_of(draft.company_id), draft.title or ""
        wanted, deponent = draft.invites, draft.deponent
        if wanted is None:
            size = 2 + attendees % 4 if draft.attendees is None else attendees
            people = rng.sample(self.population.people[30:], size)
            wanted = [person.email for person in people if person.email]
            deponent = deponent or _deponent(rng.choice(self.population.people[2:10]))
        lifecycle.scheduled_start = _whole_minute(
            lifecycle.scheduled_start or lifecycle.created_at + timedelta(hours=1)
        )
        lifecycle.awaits_staff = draft.requested
        held = Deposition(
            id=str(_FIRST_NUMBER + number),
            title=title,
            lifecycle=lifecycle,
            attendees=len(wanted),
            organization=organization,
            case=draft.case or f"{rng.randint(100, 999)}-cv-{rng.randint(1000, 9999)}",
            time_zone=draft.time_zone,
            estimated_duration=draft.estimated_duration or self.settings.default_duration,
            invites=mail.invites_of(wanted, deponent, organization),
            deponent=deponent,
            details=draft.session_details,
            meeting_id=rng.randint(90_000_000_000, 99_999_999_999),
            password=self.ids.token("meeting password", 10),
            pwd=self.ids.token("meeting pwd", 30),
            wished_slug=slug_of(draft.remote_session_id or title) or f"session-{number}",
            requested=draft.requested,
            word="scheduled" if draft.requested else self.settings.state_after_create,
        )
        if draft.requested:
            self._requested[held.id] = held
        else:
            self._schedule(held, lifecycle.created_at)
        return held

    def apply_due_changes(self) -> None:
        """Let everything happen that was due by now; staff give a slug to what they have scheduled."""
        super().apply_due_changes()
        for held in [held for held in self._requested.values() if not held.lifecycle.awaits_staff]:
            del self._requested[held.id]
            self._schedule(held, held.lifecycle.approved_at or self.shared.clock.now())

    def _schedule(self, held: Deposition, at: datetime) -> None:
        """Give a session its slug, and invite people."""
        held.slug = self._free_slug(held.wished_slug)
        self._slugs[held.slug] = held
        mail.invite(self, held, at)

    def is_taken(self, slug: str) -> bool:
        """Whether a scheduled session, of whichever organization, has this slug."""
        holder = self._slugs.get(slug)
        if holder is None or holder.lifecycle.deleted_at:
            return False
        return not (holder.lifecycle.state is State.CANCELED and self.settings.canceled_frees_slug)

    def _free_slug(self, wanted: str) -> str:
        """A slug that nobody has: people who schedule by hand find one."""
        slug, number = wanted, 2
        while self.is_taken(slug):
            slug, number = f"{wanted}-{number}", number + 1
        return slug

    def find_by_slug(self, slug: str) -> Deposition | None:
        """The session that has a slug, the latest if it was freed and taken again."""
        held = self._slugs.get(slug)
        return held if held and not held.lifecycle.deleted_at else None

    def public_id(self, session: Deposition) -> str:
        """Its slug; while it has none, ``request:`` and its number."""
        return session.slug or f"{REQUEST}{session.id}"

    def find_including_deleted(self, session_id: str) -> Deposition | None:
        """A session by its slug, or by the number of its request with or without ``request:``."""
        return self._slugs.get(session_id) or self.all_sessions.get(session_id.removeprefix(REQUEST))

    def listed(self, organization: Organization) -> list[Deposition]:
        """An organization's sessions and requests, in the order of the lists."""
        found = [held for held in self.all() if held.organization is organization]
        found.sort(key=lambda held: held.lifecycle.created_at)
        return found[::-1] if self.settings.newest_first else found

    def word(self, held: Deposition) -> str:
        """Prevail's word for the state. There is none for a session that has ended."""
        state = held.lifecycle.state
        if state is State.ENDED:
            return held.word if self.settings.after_end == "ready" else "active"
        words = {State.REQUESTED: "initial", State.LIVE: "active", State.CANCELED: "canceled"}
        return words.get(state, held.word)

    def session_url(self, held: Deposition, origin: str) -> str | None:
        """The session's page; None while it has no slug."""
        return f"{origin}{self.other_paths[0]}/{quote(held.slug, safe='')}" if held.slug else None

    # --- by hand ------------------------------------------------------------------------------------------------------

    @manual_action
    def approve(self, session_id: str, remote_session_id: str | None = None) -> str:
        """As Prevail's staff, schedule a request; its slug.

        :param session_id: ``request:`` and the request's number, or the number alone.
        :param remote_session_id: another slug than the one wished for.
        :raises ValueError: it does not wait for staff.
        """
        held = self._awaiting_staff(session_id)
        held.wished_slug = slug_of(remote_session_id or "") or held.wished_slug
        held.lifecycle.awaits_staff, held.lifecycle.approved_at = False, self.shared.clock.now()
        self.apply_due_changes()
        return self.public_id(held)

    @manual_action
    def decline(self, session_id: str) -> None:
        """As Prevail's staff, turn a request down: it is canceled, and nobody is e-mailed.

        :raises ValueError: it does not wait for staff.
        """
        self._awaiting_staff(session_id).lifecycle.canceled_at = self.shared.clock.now()

    def _awaiting_staff(self, session_id: str) -> Deposition:
        held = self._known(session_id)
        if held.lifecycle.state is not State.REQUESTED:
            raise ValueError(f"Session {session_id} does not wait for staff: it is {held.lifecycle.state.value}")
        return held

    @manual_action
    def cancel(self, session_id: str, *, notify: bool = True) -> None:
        """Call a session off.

        :param notify: whether people are e-mailed.
        :raises ValueError: it is over.
        """
        held = self._known(session_id)
        already = held.lifecycle.canceled_at is not None
        super().cancel(session_id)
        if notify and not already:
            mail.tell_canceled(self, held, self.shared.clock.now())

    @manual_action
    def emails(self, **wanted: str) -> list[dict[str, Any]]:
        """The e-mails that were sent, oldest first.

        :param wanted: values of ``to``, ``kind`` (``invitation``, ``cancellation``), ``session_id``.
        :raises ValueError: e-mails have no such field.
        """
        fields = Email.__dataclass_fields__
        unknown = set(wanted) - set(fields)
        if unknown:
            raise ValueError(f"E-mails have no {', '.join(sorted(unknown))}; they have {', '.join(fields)}")
        rows = [email.as_json() for email in self.outbox]
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    @manual_action
    def clear_emails(self) -> None:
        """Forget the e-mails that were sent."""
        self.outbox.clear()

    # --- what a session leaves ----------------------------------------------------------------------------------------

    def session_host(self, session: Deposition) -> Person:
        """The first host invited, else the organization's first member."""
        hosts = {invite.email.lower() for invite in session.invites if invite.host}
        members = session.organization.members
        return next((person for person in members if person.email in hosts), members[0])

    def cast(self, held: Deposition) -> Cast:
        """Who speaks in a session: the people it has."""
        deponent = held.deponent or request_bodies.Deponent()
        told = [deponent.name or self._name(deponent.email) or "The witness"]
        counsel = list(dict.fromkeys(i.email for i in held.invites if not i.host and i.email != deponent.email))
        host = self.session_host(held).name
        names = [self._name(email) for email in counsel] or [host]
        return Cast(held.details.preferred_manager or host, names[0], names[min(1, len(names) - 1)], told[0])

    def _name(self, email: str | None) -> str:
        known = self._by_email.get(email.lower()) if email else None
        return known.name if known else _name_of(email or "")

    def segments(self, held: Deposition, now: datetime) -> tuple[Segment, ...]:
        """What was said, in the revision of ``now``; nothing while the session is not over."""
        lifecycle = held.lifecycle
        if lifecycle.started_at is None or lifecycle.ended_at is None:
            return ()
        seconds, revision = (
            (lifecycle.ended_at - lifecycle.started_at).total_seconds(),
            len(lifecycle.revisions("transcript", now)),
        )
        return transcript(f"{self.shared.seed}:{held.id}", self.cast(held), held.title, seconds, revision)

    def tracks(self, held: Deposition, now: datetime) -> list[Track]:
        """The audio files that are there by ``now``."""
        if not held.lifecycle.is_ready("recording", now):
            return []
        return self._all_tracks(held)

    def _all_tracks(self, held: Deposition) -> list[Track]:
        if held.lifecycle.started_at is None or held.lifecycle.script.recording != "completed":
            return []
        stem = f"{held.slug}-{held.lifecycle.started_at:%Y%m%d}"
        tracks = [Track(f"{stem}.mp4", "Recording")]
        if self.settings.speaker_tracks:
            cast = self.cast(held)
            speakers = dict.fromkeys((cast.officer, cast.examiner, cast.defender, cast.deponent))
            tracks += [Track(f"{stem}-{number}-{slug_of(who)}.mp4", who) for number, who in enumerate(speakers, 1)]
        return tracks

    def media(self, held: Deposition, track: Track, now: datetime) -> MediaFile:
        """The file of a track, in the revision of ``now``."""
        lifecycle = held.lifecycle
        revision = len(lifecycle.revisions("recording", now))
        key = (held.id, track.filename, revision)
        if key not in self._media:
            size = self.settings.recording_bytes if held.recording_bytes is None else held.recording_bytes
            seed = f"{self.shared.seed}:{held.id}:{track.filename}:{revision}"
            self._media[key] = MediaFile(seed, size, "audio/mp4")
        return self._media[key]

    def participants(self, held: Deposition) -> list[dict[str, Any]]:
        """The people invited, each once, and the deponent, in this package's words."""
        hosts = {invite.email.lower() for invite in held.invites if invite.host}
        people = {
            invite.email.lower(): {"email": invite.email, "role": "host" if invite.email.lower() in hosts else None}
            for invite in held.invites
        }
        if deponent := held.deponent:
            told = {"email": deponent.email, "role": deponent.role or "deponent", "name": deponent.name}
            people[(deponent.email or "").lower()] = told
        return list(people.values())

    def content(self, session: Deposition, now: datetime) -> dict[str, Any]:
        """Transcript, recordings and the people invited, as the API will give them when they are ready."""
        over = session.lifecycle.ended_at is not None
        return {
            "participants": self.participants(session),
            "transcript": [vars(segment) for segment in self.segments(session, now)],
            "recording": [self._file(session, track, now) for track in self._all_tracks(session)] if over else [],
            "case": session.case,
        }

    def _file(self, session: Deposition, track: Track, now: datetime) -> dict[str, Any]:
        media = self.media(session, track, now)
        return {
            "name": track.filename,
            "user": track.user,
            "size": media.size,
            "sha256": media.sha256,
            "content_type": media.content_type,
        }


def _deponent(person: Person) -> request_bodies.Deponent:
    return request_bodies.Deponent(name=person.name, email=person.email, role="deponent")


def _name_of(email: str) -> str:
    """A name for somebody of whom only the address is known."""
    return email.partition("@")[0].replace(".", " ").replace("_", " ").title()


def _whole_minute(instant: datetime) -> datetime:
    """Prevail plans in whole minutes."""
    return instant.replace(second=0, microsecond=0)
