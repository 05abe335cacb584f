"""Prevail as a platform: its organizations, tokens, slugs, e-mails, state names, response formats and artifacts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import jwt
from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.identifiers import seeded_random
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.media import MediaFile
from airflow_provider_sessions.sandbox.platform_state import Platform, SharedState, manual_action
from airflow_provider_sessions.sandbox.prevail import request_bodies
from airflow_provider_sessions.sandbox.prevail.deposition_script import Segment, Speakers, write_transcript
from airflow_provider_sessions.sandbox.prevail.rails import slug_of
from airflow_provider_sessions.sandbox.prevail.state import (
    Deposition,
    Email,
    Organization,
    PrevailDraft,
    Settings,
    build_invites,
)
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, verify_signature
from airflow_provider_sessions.sandbox.routing import Routes

routes = Routes()
"""Prevail's routes; the modules of handlers add them. ``access`` is ``token`` (of any organization), ``self_service``
(of an organization with Self-Service), or ``public`` (web pages, and files behind a presigned URL)."""
controls = Routes()

REQUEST = "request:"
"""Prefix of a request's number: the id by which tests know a session that has no slug yet."""
_FIRST_NUMBER = 11760


@dataclass(frozen=True)
class Track:
    """One audio file of a session; ``user`` is the speaker on it, or ``Recording`` for the mix of all speakers."""

    filename: str
    user: str


class Prevail(Platform[Deposition, PrevailDraft]):
    """The stand-in for Prevail.

    From the start it has an organization with Self-Service and ten members, and another organization.
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
        self.organization = self._create_organization("Halcyon Law", people[10:20])
        self.other_organization = self._create_organization("Northwind Counsel", people[20:24])
        self.organizations = {own.company_id: own for own in (self.organization, self.other_organization)}
        self._by_email = {person.email: person for person in people}
        self._slugs: dict[str, Deposition] = {}
        self._last_numbers: dict[str, int] = {}
        self._requested: dict[str, Deposition] = {}
        self._media: dict[tuple[str, str, int], MediaFile] = {}

    def _create_organization(self, name: str, members: list[Person]) -> Organization:
        company_id = f"{slug_of(name)}-{self.ids.token('company', 6)}"
        return Organization(company_id, name, self.ids.token("api key", 48), list(members))

    # --- credentials --------------------------------------------------------------------------------------------------

    @property
    def api_key(self) -> str:
        """The organization's API key, which signs its tokens."""
        return self.organization.api_key

    @property
    def company_id(self) -> str:
        """The claim ``slug`` of the organization's tokens."""
        return self.organization.company_id

    @property
    def member_email(self) -> str:
        """The address of a member, who can be a host."""
        return self.organization.members[1].email or ""

    def credentials(self) -> dict[str, str]:
        """Return what a client needs to connect, the address of a member, and the credentials of the other one."""
        return {
            "api_key": self.api_key,
            "company_id": self.company_id,
            "member_email": self.member_email,
            "other_api_key": self.other_organization.api_key,
            "other_company_id": self.other_organization.company_id,
        }

    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection of the organization."""
        return {"conn_type": self.name, "host": self.base_url, "login": self.company_id, "password": self.api_key}

    @manual_action
    def new_api_key(self) -> str:
        """Replace the organization's API key and return the new one; tokens signed with the old one become invalid."""
        self.organization.api_key = self.ids.token("api key", 48)
        return self.api_key

    @manual_action
    def allow_self_service(self, allowed: bool, company_id: str | None = None) -> None:
        """Enable or disable Self-Service for an organization.

        :param company_id: the organization; by default the one whose credentials are returned.
        :raises LookupError: there is no such organization.
        """
        self._find_organization(company_id).self_service = allowed

    @manual_action
    def add_member(self, email: str, name: str | None = None) -> None:
        """Add a member to the organization, who can then be a host."""
        now = self.shared.clock.now()
        person = Person(self.ids.new("member"), name or _name_from_email(email), email.lower(), now)
        self.organization.members.append(person)
        self._by_email[person.email] = person

    def _find_organization(self, company_id: str | None) -> Organization:
        found = self.organizations.get(company_id or self.company_id)
        if found is None:
            raise LookupError(f"prevail has no organization {company_id}")
        return found

    # --- requests -----------------------------------------------------------------------------------------------------

    def authenticate(self, request: ApiRequest) -> None:
        """Set ``request.caller`` to the organization whose token was sent, and check that it may use the route.

        :raises ApiError: 401, 403.
        """
        if request.matched_route.access == "public":
            return
        token = _find_token(request)
        if not token:
            raise ApiError(401, "A signed token is required")
        organization, claims = self._verify(token)
        expiry = claims.get("exp")
        if isinstance(expiry, bool) or not isinstance(expiry, int | float):
            raise ApiError(401, "The token must say when it expires (exp)")
        if expiry <= (request.now + self.shared.clock.skew).timestamp():
            raise ApiError(401, "The token has expired")
        request.caller = organization
        if request.matched_route.access == "self_service" and not organization.self_service:
            raise ApiError(403, "Self-Service is not enabled for your Organization")

    def _verify(self, token: str) -> tuple[Organization, dict[str, Any]]:
        """Return the organization that a token names and that has signed it, and the token's claims.

        :raises ApiError: 401.
        """
        for organization in self.organizations.values():
            try:
                claims = verify_signature(token, organization.api_key)
            except jwt.InvalidTokenError:
                continue
            if claims.get("slug") == organization.company_id:
                return organization, claims
        raise ApiError(401, "The token is not valid")

    def rate_limit_key(self, request: ApiRequest) -> str:
        """Count by organization, because a client may send a new token with each request."""
        try:
            return self._verify(_find_token(request))[0].company_id
        except ApiError:
            return ""

    def build_response(self, result: Any, request: ApiRequest) -> Response:
        """Return the result without an envelope."""
        return JSONResponse(result, request.matched_route.status)

    def build_error_response(self, error: ApiError, request: ApiRequest) -> Response:
        """Format an error. The format is undocumented: a list of texts or one text, as the settings say."""
        reasons = [f"{field.field}: {field.message}" for field in error.fields] or [error.reason]
        key = self.settings.error_key
        content = {key: reasons if key == "errors" else "; ".join(reasons)}
        return JSONResponse(content, error.status, error.headers)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def build_session(self, draft: PrevailDraft, lifecycle: Lifecycle, attendees: int) -> Deposition:
        """Build a session from a draft; a requested one gets its slug when staff schedule it."""
        number = self.ids.number("request")
        rng = seeded_random(f"{self.shared.seed}:{self.name}:{number}")
        organization, title = self._find_organization(draft.company_id), draft.title or ""
        invited, deponent = draft.invites, draft.deponent
        if invited is None:
            size = 2 + attendees % 4 if draft.attendees is None else attendees
            people = rng.sample(self.population.people[30:], size)
            invited = [person.email for person in people if person.email]
            deponent = deponent or _deponent(rng.choice(self.population.people[2:10]))
        start = lifecycle.scheduled_start or lifecycle.created_at + timedelta(hours=1)
        lifecycle.scheduled_start = start.replace(second=0, microsecond=0)  # Prevail plans in whole minutes
        lifecycle.awaits_staff = draft.requested
        session = Deposition(
            id=str(_FIRST_NUMBER + number),
            title=title,
            lifecycle=lifecycle,
            attendees=len(invited),
            organization=organization,
            case=draft.case or f"{rng.randint(100, 999)}-cv-{rng.randint(1000, 9999)}",
            time_zone=draft.time_zone,
            estimated_duration=draft.estimated_duration or self.settings.default_duration,
            invites=build_invites(invited, deponent, organization),
            deponent=deponent,
            details=draft.session_details,
            meeting_id=rng.randint(90_000_000_000, 99_999_999_999),
            password=self.ids.token("meeting password", 10),
            pwd=self.ids.token("meeting pwd", 30),
            requested_slug=slug_of(draft.remote_session_id or title) or f"session-{number}",
            requested=draft.requested,
            initial_state="scheduled" if draft.requested else self.settings.state_after_create,
        )
        if draft.requested:
            self._requested[session.id] = session
        else:
            self._schedule(session, lifecycle.created_at)
        return session

    def apply_due_changes(self) -> None:
        """Apply all changes that are due by now; requests that staff have scheduled get their slugs."""
        super().apply_due_changes()
        for session in [session for session in self._requested.values() if not session.lifecycle.awaits_staff]:
            del self._requested[session.id]
            self._schedule(session, session.lifecycle.approved_at or self.shared.clock.now())

    def _schedule(self, session: Deposition, at: datetime) -> None:
        """Give a session its slug, and send the invitations."""
        session.slug = self._find_free_slug(session.requested_slug)
        self._slugs[session.slug] = session
        self.send_invitations(session, at)

    def is_taken(self, slug: str) -> bool:
        """Return whether a scheduled session of any organization has this slug."""
        owner = self._slugs.get(slug)
        if owner is None or owner.lifecycle.deleted_at:
            return False
        return not (owner.lifecycle.state is State.CANCELED and self.settings.canceled_frees_slug)

    def _find_free_slug(self, wanted: str) -> str:
        """Return a slug that is not taken: people who schedule in the web pages choose the next number."""
        slug = wanted
        while self.is_taken(slug):
            number = self._last_numbers[wanted] = self._last_numbers.get(wanted, 1) + 1
            slug = f"{wanted}-{number}"
        return slug

    def find_by_slug(self, slug: str) -> Deposition | None:
        """Return the session with a slug; the latest, if the slug was freed and taken again."""
        session = self._slugs.get(slug)
        return session if session and not session.lifecycle.deleted_at else None

    def public_id(self, session: Deposition) -> str:
        """Return the slug; while there is none, ``request:`` and the number."""
        return session.slug or f"{REQUEST}{session.id}"

    def find_including_deleted(self, session_id: str) -> Deposition | None:
        """Return a session by its slug, or by the number of its request with or without ``request:``."""
        return self._slugs.get(session_id) or self.all_sessions.get(session_id.removeprefix(REQUEST))

    def list_owner(self, session: Deposition) -> str:
        """Return the id of its organization."""
        return session.organization.company_id

    def state_name(self, session: Deposition) -> str:
        """Return Prevail's name for the state. It has none for a session that has ended."""
        state = session.lifecycle.state
        if state is State.ENDED:
            return session.initial_state if self.settings.after_end == "ready" else "active"
        names = {State.REQUESTED: "initial", State.LIVE: "active", State.CANCELED: "canceled"}
        return names.get(state, session.initial_state)

    def session_url(self, session: Deposition, origin: str) -> str | None:
        """Return the URL of the session's page; None while it has no slug."""
        return f"{origin}{self.other_paths[0]}/{quote(session.slug, safe='')}" if session.slug else None

    # --- e-mails ------------------------------------------------------------------------------------------------------

    def send_invitations(self, session: Deposition, at: datetime) -> None:
        """E-mail everybody invited who has no e-mail yet. Hosts get none, unless they are also listed otherwise."""
        new = {invite.email: None for invite in session.invites if not invite.host}
        for address in [address for address in new if address not in session.emailed]:
            session.emailed[address] = None
            self._send(session, address, "invitation", f"Invitation: {session.title}", at)

    def send_cancellations(self, session: Deposition, at: datetime) -> None:
        """E-mail everybody who was invited by e-mail."""
        for address in session.emailed:
            self._send(session, address, "cancellation", f"Canceled: {session.title}", at)

    def _send(
        self,
        session: Deposition,
        address: str,
        kind: Literal["invitation", "cancellation"],
        subject: str,
        at: datetime,
    ) -> None:
        join_url = self.session_url(session, self.shared.origin) or ""
        self.outbox.append(Email(at, address, kind, self.public_id(session), subject, join_url))

    @manual_action
    def emails(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the sent e-mails, oldest first.

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
        """Remove all sent e-mails from the outbox."""
        self.outbox.clear()

    # --- manual actions -----------------------------------------------------------------------------------------------

    @manual_action
    def approve(self, session_id: str, remote_session_id: str | None = None) -> str:
        """Schedule a request, as Prevail's staff do, and return its slug.

        :param session_id: ``request:`` and the request's number, or the number alone.
        :param remote_session_id: another slug than the requested one.
        :raises ValueError: it does not wait for staff.
        """
        session = self._require_requested(session_id)
        session.requested_slug = slug_of(remote_session_id or "") or session.requested_slug
        session.lifecycle.awaits_staff, session.lifecycle.approved_at = False, self.shared.clock.now()
        self.apply_due_changes()
        return self.public_id(session)

    @manual_action
    def decline(self, session_id: str) -> None:
        """Decline a request, as Prevail's staff do: it is canceled, and no e-mail is sent.

        :raises ValueError: it does not wait for staff.
        """
        self._require_requested(session_id).lifecycle.canceled_at = self.shared.clock.now()

    def _require_requested(self, session_id: str) -> Deposition:
        session = self._require_session(session_id)
        if session.lifecycle.state is not State.REQUESTED:
            raise ValueError(f"Session {session_id} does not wait for staff: it is {session.lifecycle.state.value}")
        return session

    @manual_action
    def cancel(self, session_id: str, *, notify: bool = True) -> None:
        """Cancel a session.

        :param notify: whether e-mails are sent.
        :raises ValueError: it has ended.
        """
        session = self._require_session(session_id)
        already_canceled = session.lifecycle.canceled_at is not None
        super().cancel(session_id)
        if notify and not already_canceled:
            self.send_cancellations(session, self.shared.clock.now())

    # --- artifacts ----------------------------------------------------------------------------------------------------

    def session_host(self, session: Deposition) -> Person:
        """Return the first invited host, or else the organization's first member."""
        hosts = {invite.email.lower() for invite in session.invites if invite.host}
        members = session.organization.members
        return next((person for person in members if person.email in hosts), members[0])

    def speakers(self, session: Deposition) -> Speakers:
        """Return the names of those who speak in a session."""
        deponent = session.deponent or request_bodies.Deponent()
        invites = session.invites
        counsel = list(dict.fromkeys(i.email for i in invites if not i.host and i.email != deponent.email))
        host = self.session_host(session).name
        names = [self._name(email) for email in counsel] or [host]
        return Speakers(
            officer=session.details.preferred_manager or host,
            examiner=names[0],
            defender=names[min(1, len(names) - 1)],
            deponent=deponent.name or self._name(deponent.email) or "The witness",
        )

    def _name(self, email: str | None) -> str:
        known = self._by_email.get(email.lower()) if email else None
        return known.name if known else _name_from_email(email or "")

    def segments(self, session: Deposition, now: datetime) -> tuple[Segment, ...]:
        """Return the transcript in its revision at ``now``; empty until the session has ended."""
        seconds = session.lifecycle.live_seconds
        if seconds is None:
            return ()
        revision = len(session.lifecycle.revisions("transcript", now))
        key = f"{self.shared.seed}:{session.id}"
        return write_transcript(key, self.speakers(session), session.title, seconds, revision)

    def ready_tracks(self, session: Deposition, now: datetime) -> list[Track]:
        """Return the audio files that are ready at ``now``."""
        return self._tracks(session) if session.lifecycle.is_ready("recording", now) else []

    def _tracks(self, session: Deposition) -> list[Track]:
        started = session.lifecycle.started_at
        if started is None or session.lifecycle.script.recording != "completed":
            return []
        stem = f"{session.slug}-{started:%Y%m%d}"
        tracks = [Track(f"{stem}.mp4", "Recording")]
        if self.settings.speaker_tracks:
            speakers = dict.fromkeys(vars(self.speakers(session)).values())
            tracks += [Track(f"{stem}-{number}-{slug_of(name)}.mp4", name) for number, name in enumerate(speakers, 1)]
        return tracks

    def media(self, session: Deposition, track: Track, now: datetime) -> MediaFile:
        """Return the file of a track, in its revision at ``now``."""
        key = (session.id, track.filename, len(session.lifecycle.revisions("recording", now)))
        if key not in self._media:
            size = self.settings.recording_bytes if session.recording_bytes is None else session.recording_bytes
            self._media[key] = MediaFile(f"{self.shared.seed}:{key[0]}:{key[1]}:{key[2]}", size, "audio/mp4")
        return self._media[key]

    def participants(self, session: Deposition) -> list[dict[str, Any]]:
        """Return the invited people, each once, and the deponent, in this package's terms."""
        hosts = {invite.email.lower() for invite in session.invites if invite.host}
        people = {
            invite.email.lower(): {"email": invite.email, "role": "host" if invite.email.lower() in hosts else None}
            for invite in session.invites
        }
        if deponent := session.deponent:
            row = {"email": deponent.email, "role": deponent.role or "deponent", "name": deponent.name}
            people[(deponent.email or "").lower()] = row
        return list(people.values())

    def artifact_content(self, session: Deposition, now: datetime) -> dict[str, Any]:
        """Return transcript, recordings and invited people, as the API returns them once they are ready."""
        has_ended = session.lifecycle.ended_at is not None
        tracks = self._tracks(session) if has_ended else []
        return {
            "participants": self.participants(session),
            "transcript": [vars(segment) for segment in self.segments(session, now)],
            "recording": [self._describe_file(session, track, now) for track in tracks],
            "case": session.case,
        }

    def _describe_file(self, session: Deposition, track: Track, now: datetime) -> dict[str, Any]:
        media = self.media(session, track, now)
        return {
            "name": track.filename,
            "user": track.user,
            "size": media.size,
            "sha256": media.sha256,
            "content_type": media.content_type,
        }


def _find_token(request: ApiRequest) -> str:
    """Return the token of a request: from its header, or ``jwt_payload`` in query or body. Empty if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.query.get("jwt_payload") or _find_token_in_body(request.body)


def _find_token_in_body(body: bytes) -> str:
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    return str(content.get("jwt_payload", "")) if isinstance(content, dict) else ""


def _deponent(person: Person) -> request_bodies.Deponent:
    return request_bodies.Deponent(name=person.name, email=person.email, role="deponent")


def _name_from_email(email: str) -> str:
    """Make a name for somebody of whom only the address is known."""
    return email.partition("@")[0].replace(".", " ").replace("_", " ").title()
