"""VidInfra as a platform: its initial objects, its authentication, its response formats, and its artifacts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.attendees import Person, Presence
from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.media import MediaFile
from airflow_provider_sessions.sandbox.platform_state import Platform, SharedState, manual_action
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, FieldError
from airflow_provider_sessions.sandbox.routing import Match, Routes
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra.request_bodies import CreatePreset
from airflow_provider_sessions.sandbox.vidinfra.state import (
    Account,
    Caller,
    Preset,
    Recording,
    Role,
    RoleName,
    Room,
    Settings,
    StoredObjects,
    Tokens,
    VidInfraDraft,
    Webinar,
    attendance_rows,
    unauthorized,
)
from airflow_provider_sessions.sandbox.vidinfra.webinar_script import make_messages, make_polls

routes = Routes()
"""VidInfra's routes; the modules of handlers add them. ``access`` is ``public``, ``user`` (any key or token), ``host``
(a host's key or token), or ``token`` (a token, not a key)."""

VIDEO_MOUNT = "/vidinfra/v1/vidinfra"
"""Path of the base URL of the video API, whose routes are in the table with their whole path."""

_LIBRARY = "/libraries/"
NO_CREDENTIAL = (
    "Could not determine authentication type from request. "
    "Please provide a valid Authorization header or X-API-Key header."
)


class VidInfra(Platform[Webinar, VidInfraDraft]):
    """The stand-in for VidInfra Live.

    From the start it has a host with a library, a room and a preset, and a colleague with a room in another library.
    """

    name = "vidinfra"
    mount = "/vidinfra/v1/webinar"
    other_paths = (VIDEO_MOUNT,)
    routes = routes
    artifact_kinds = ("attendance", "recording")
    states: ClassVar[frozenset[State]] = frozenset({State.SCHEDULED, State.LIVE, State.ENDED, State.EXPIRED})
    draft_type = VidInfraDraft
    settings: Settings

    def __init__(self, shared: SharedState) -> None:
        super().__init__(shared)
        self.settings = Settings()
        self.accounts: dict[str, Account] = {}
        self.rooms: dict[str, Room] = {}
        self.presets: dict[str, Preset] = {}
        self.objects = StoredObjects(self.ids)
        self.tokens = Tokens(self.ids)
        self._media: dict[tuple[str, int], MediaFile] = {}
        self._create_initial_objects()

    def _create_initial_objects(self) -> None:
        self.organization_id = self.ids.new("organization")
        self.host = self._create_host(self.population.people[20])
        self.colleague = self._create_host(self.population.people[21])
        self.api_key = self._create_key()
        self.viewer_api_key = self._create_key()
        self.preset_id = self._create_preset(self.host).id
        self.room_id = self._create_room(self.host, "Webinars").id
        self._create_preset(self.colleague)
        self.other_room_id = self._create_room(self.colleague, "Partner webinars").id

    def _create_host(self, person: Person) -> Account:
        account = self._account(person)
        account.role = "host"
        account.password = f"{self.ids.token('password', 4)}-Keel-{self.ids.token('password', 6)}"
        account.library_id = self.ids.new("library")
        self.objects.put(
            "libraries", {"id": account.library_id, "name": f"Videos of {person.name}", "status": "active"}
        )
        self.accounts[account.id] = account
        return account

    def _account(self, person: Person) -> Account:
        return Account(
            id=person.id,
            external_user_id=stable_id(person.id, "external"),
            organization_id=self.organization_id,
            email=person.email,
            username=person.name,
            role="viewer",
            created_at=person.member_since or self.opened_at,
        )

    def _create_preset(self, host: Account) -> Preset:
        body = CreatePreset(name="Standard", type="whip", primary_color="#1F6FEB", is_default=True)
        preset = Preset(
            self.ids.new("preset"), host.id, host.library_id, body.model_dump(), self.opened_at, self.opened_at
        )
        self.presets[preset.id] = preset
        return preset

    def _create_room(self, host: Account, title: str) -> Room:
        room = Room(
            self.ids.new("room"),
            host.id,
            host.library_id,
            title,
            f"{title} of {host.username}",
            self.opened_at,
            self.opened_at,
        )
        self.rooms[room.id] = room
        return room

    def _create_key(self) -> str:
        return f"tkb_{self.ids.token('key', 48)}"

    # --- credentials --------------------------------------------------------------------------------------------------

    @property
    def host_email(self) -> str:
        """The host's login."""
        return self.host.email or ""

    @property
    def host_password(self) -> str:
        """The host's password."""
        return self.host.password

    @property
    def library_id(self) -> str:
        """The library of the room and the preset that exist from the start."""
        return self.host.library_id or ""

    @property
    def other_library_id(self) -> str:
        """The colleague's library."""
        return self.colleague.library_id or ""

    @property
    def video_host(self) -> str:
        """The value of the connection's field for the video API."""
        return f"{self.shared.origin}{VIDEO_MOUNT}"

    def credentials(self) -> dict[str, str]:
        """Return what a client needs to connect, and the ids of the objects that exist from the start."""
        names = ("api_key", "viewer_api_key", "host_email", "host_password", "library_id", "room_id", "preset_id")
        return {name: getattr(self, name) for name in names}

    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection that uses the API key."""
        return {
            "conn_type": self.name,
            "host": self.base_url,
            "password": self.api_key,
            "extra": {"video_host": self.video_host},
        }

    @manual_action
    def new_api_key(self) -> str:
        """Replace the API key and return the new one; the old one is no longer valid."""
        self.api_key = self._create_key()
        return self.api_key

    @manual_action
    def revoke_tokens(self) -> None:
        """Revoke all access and refresh tokens."""
        self.tokens.revoke_all()

    # --- requests -----------------------------------------------------------------------------------------------------

    def matching_routes(self, path: str) -> list[Match]:
        """Return the routes that match a path; below ``/libraries/{library_id}`` the scoped ones."""
        if not path.startswith(_LIBRARY):
            return super().matching_routes(path)
        library_id, _, rest = path[len(_LIBRARY) :].partition("/")
        scoped = [match for match in super().matching_routes(f"/{rest}") if match.route.scoped]
        return [Match(match.route, match.path_params | {"library_id": library_id}) for match in scoped]

    def authenticate(self, request: ApiRequest) -> None:
        """Set ``request.caller`` and check that the caller may use the route.

        :raises ApiError: 401, 403; 404, the library of the path does not exist.
        """
        access, library_id = request.matched_route.access, request.path_params.get("library_id")
        if request.path.startswith(VIDEO_MOUNT):
            library_id = None  # the video API looks up its libraries itself
        # Below a library no route is public: the vendor documents only the unscoped lists as public.
        if access != "public" or library_id:
            request.caller = self._identify_caller(request)
        if library_id and library_id not in (self.library_id, self.other_library_id):
            raise ApiError(404, "Resource not found", gateway=True)
        if access == "token" and not request.caller.by_token:
            raise unauthorized("This route needs a Bearer token")
        if access == "host" and request.caller.account.role != "host":
            raise ApiError(403, "Only hosts can perform this action")
        if access == "host" and not request.caller.may_host:
            raise ApiError(403, "The API key does not have the required scope", code="forbidden", gateway=True)

    def _identify_caller(self, request: ApiRequest) -> Caller:
        key, header = request.headers.get("x-api-key"), request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if key is not None:
            if key not in (self.api_key, self.viewer_api_key):
                raise unauthorized("Invalid API key")
            return Caller(self.host, by_token=False, may_host=key == self.api_key)
        if scheme.lower() != "bearer" or not token:
            raise ApiError(401, NO_CREDENTIAL, code="auth_type_not_found", gateway=True)
        account = self.accounts.get(self.tokens.verify(token.strip(), request.now))
        if account is None:
            raise unauthorized("Invalid token")
        return Caller(account, by_token=True, may_host=True)

    def build_response(self, result: Any, request: ApiRequest) -> Response:
        """Put a result into ``{success, data, timestamp}``, or into the envelope of the video API."""
        content: dict[str, Any] = {"success": True, "data": result, "timestamp": int(request.now.timestamp())}
        if request.path.startswith(VIDEO_MOUNT):
            content = _video_envelope(request, result)
        return JSONResponse(content, request.matched_route.status)

    def build_error_response(self, error: ApiError, request: ApiRequest) -> Response:
        """Format an error as the gateway does (``message``) or as the application does (``error``)."""
        content: dict[str, Any] = {"success": False}
        if error.gateway:
            content["message"] = error.reason
        else:
            content |= {"error": error.reason, "timestamp": int(request.now.timestamp())}
        if error.code:
            content["code"] = error.code
        if error.fields:
            content["errors"] = [vars(field) for field in error.fields]
        return JSONResponse(content, error.status, error.headers)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def build_session(self, draft: VidInfraDraft, lifecycle: Lifecycle, attendees: int) -> Webinar:
        """Build a webinar from a draft."""
        room = self.rooms.get(draft.room_id or self.room_id)
        preset = self.presets.get(draft.preset_id or self.preset_id)
        if room is None or preset is None:
            raise ValueError(f"There is no room {draft.room_id} or no preset {draft.preset_id}")
        session = Webinar(
            id=self.ids.new("session"),
            title=draft.title or "",
            lifecycle=lifecycle,
            attendees=attendees,
            room_id=room.id,
            preset_id=preset.id,
            mode=draft.mode,
            description=draft.description,
            stream_key=self.ids.token("stream key", 24),
            updated_at=lifecycle.created_at,
        )
        people = [person.id for person in self.population.people[30:]]
        for number in range(draft.co_hosts + draft.moderators):
            role: RoleName = "co_host" if number < draft.co_hosts else "moderator"
            self.assign_role(session, people[number], role, lifecycle.created_at)
        begin = rfc3339(lifecycle.started_at or lifecycle.scheduled_start or lifecycle.created_at)
        for kind, stored in (
            *(("polls", one) for one in make_polls(session.id, draft.polls, begin)),
            *(("chat", one) for one in make_messages(session.id, self.population.people, draft.chat_messages, begin)),
        ):
            self.objects.put(kind, stored)
        return session

    def list_owner(self, session: Webinar) -> str:
        """Return the id of its library."""
        return self.rooms[session.room_id].library_id or ""

    def assign_role(self, session: Webinar, user_id: str, role: RoleName, now: datetime) -> Role:
        """Make somebody co-host or moderator, unless they already are."""
        for existing in session.roles:
            if (existing.user_id, existing.role, existing.removed_at) == (user_id, role, None):
                return existing
        role_id = stable_id(session.id, user_id, role, str(len(session.roles)))
        host = self.accounts[self.rooms[session.room_id].host_id]
        assigned = Role(role_id, user_id, role, now, host)
        session.roles.append(assigned)
        return assigned

    def find_account(self, user_id: str) -> Account | None:
        """Return the account of a host, of a registered viewer, or of a person who attends."""
        if user_id in self.accounts:
            return self.accounts[user_id]
        person = self.population.by_id.get(user_id)
        return self._account(person) if person else None

    def session_host(self, session: Webinar) -> Person:
        """Return the host of the session's room."""
        return self.accounts[self.rooms[session.room_id].host_id].person

    def active_session_id(self, room_id: str) -> str | None:
        """Return the room's live session; the latest, if manual actions have started several."""
        live = [
            session
            for session in self._open.values()
            if session.room_id == room_id
            and session.lifecycle.state is State.LIVE
            and session.lifecycle.deleted_at is None
        ]
        return max(live, key=lambda session: session.lifecycle.started_at or self.opened_at).id if live else None

    def presences(self, session: Webinar, now: datetime) -> list[Presence]:
        """Return the made-up presences, and those of people who joined through the API."""
        lifecycle = session.lifecycle
        presences = super().presences(session, now)
        until = min(now, lifecycle.ended_at) if lifecycle.ended_at else now
        for visit in session.visits:
            left = visit.left_at or lifecycle.ended_at
            presences.append(Presence(visit.person, "API", visit.joined_at, left, left or until))
        return presences

    def reported_presences(self, session: Webinar, now: datetime) -> list[Presence]:
        """Return the presences that the attendance list shows: until it is ready, nobody has left with the end."""
        presences, lifecycle = self.presences(session, now), session.lifecycle
        if lifecycle.ended_at is None or lifecycle.is_ready("attendance", now):
            return presences
        if self.settings.late_attendance == "empty":
            return []
        return [
            replace(presence, left_at=None) if presence.left_at == lifecycle.ended_at else presence
            for presence in presences
        ]

    # --- recordings ---------------------------------------------------------------------------------------------------

    def is_recorded(self, session: Webinar) -> bool:
        """Return whether recording starts when the session goes live."""
        preset = self.presets[session.preset_id]
        return bool(preset.fields["recording_enabled"]) and session.lifecycle.script.recording != "none"

    def recordings(self, session: Webinar) -> list[Recording]:
        """Return the session's recordings that are not deleted, oldest first."""
        lifecycle = session.lifecycle
        if lifecycle.started_at and not session.recorded_from_start and self.is_recorded(session):
            session.recorded_from_start = True
            session.recordings.insert(0, self.new_recording(session, lifecycle.started_at))
        return [recording for recording in session.recordings if not recording.deleted]

    def new_recording(self, session: Webinar, started_at: datetime) -> Recording:
        """Build a recording that starts at ``started_at``."""
        number = str(len(session.recordings))
        recording_id = stable_id(str(self.shared.seed), session.id, "recording", number)
        egress = stable_id(recording_id, "egress").replace("-", "")[:12]
        return Recording(recording_id, f"EG_{egress}", started_at, f"{session.title} ({int(number) + 1})")

    def recording_ready_at(self, session: Webinar, recording: Recording) -> datetime | None:
        """Return when the file of a recording is ready; None while that is unknown, or if it never is."""
        stopped = recording.stopped_at or session.lifecycle.ended_at
        delay = session.lifecycle.script.artifact_delay("recording")
        return stopped + timedelta(seconds=delay) if stopped and delay is not None else None

    def recording_status(self, session: Webinar, recording: Recording, now: datetime) -> str:
        """Return ``recording`` until the file is ready, then the outcome that the script sets."""
        ready = self.recording_ready_at(session, recording)
        if ready is None or ready > now:
            return "recording"
        return "failed" if session.lifecycle.script.recording == "failed" else "completed"

    def recording_seconds(self, session: Webinar, recording: Recording) -> float:
        """Return the length of a recording that has stopped."""
        stopped = recording.stopped_at or session.lifecycle.ended_at
        return (stopped - recording.started_at).total_seconds() if stopped else 0.0

    def media(self, session: Webinar, recording: Recording, now: datetime) -> MediaFile:
        """Return the file of a recording, in its revision at ``now``."""
        key = (recording.id, len(session.lifecycle.revisions("recording", now)))
        if key not in self._media:
            size = self.settings.recording_bytes if session.recording_bytes is None else session.recording_bytes
            self._media[key] = MediaFile(f"{self.shared.seed}:{key[0]}:{key[1]}", size)
        return self._media[key]

    # --- artifacts ----------------------------------------------------------------------------------------------------

    def artifact_content(self, session: Webinar, now: datetime) -> dict[str, Any]:
        """Return attendance rows and recordings, as the API returns them once they are ready."""
        presences = self.presences(session, now)
        return {
            "attendance": attendance_rows(session, presences),
            "presences": [
                {
                    "user_id": presence.person.id,
                    "username": presence.person.name,
                    "device": presence.device,
                    "joined_at": presence.joined_at.isoformat(),
                    "left_at": presence.left_at.isoformat() if presence.left_at else None,
                    "last_seen_at": presence.last_seen_at.isoformat(),
                }
                for presence in presences
            ],
            "recording": [self._describe_file(session, recording, now) for recording in self.recordings(session)],
            "polls": list(self.objects.find_all("polls", {"session_id": session.id})),
            "chat": list(self.objects.find_all("chat", {"session_id": session.id})),
        }

    def _describe_file(self, session: Webinar, recording: Recording, now: datetime) -> dict[str, Any]:
        status = self.recording_status(session, recording, now)
        content = {"id": recording.id, "name": recording.name, "status": status}
        if session.lifecycle.ended_at is None and recording.stopped_at is None:
            return content
        media = self.media(session, recording, now)
        return content | {"size": media.size, "sha256": media.sha256, "content_type": media.content_type}


def _video_envelope(request: ApiRequest, result: Any) -> dict[str, Any]:
    """Put a result of the video API into ``{data, message, success}``; lists are paginated."""
    envelope = {"message": "OK", "success": True}
    if isinstance(result, dict) and set(result) == {"message"}:
        return envelope | result
    if not isinstance(result, list):
        return envelope | {"data": result}
    page, size = parse_number(request, "page", 1), parse_number(request, "limit", 20)
    total = len(result)
    pagination = {"page": page, "page_size": size, "total": total, "total_pages": -(-total // size)}
    return envelope | {"data": result[(page - 1) * size : page * size], "meta": {"pagination": pagination}}


def parse_number(request: ApiRequest, name: str, default: int, least: int = 1) -> int:
    """Parse a whole number in the query.

    :raises ApiError: 422, it is not a whole number, or less than ``least``.
    """
    text = request.query.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        error = FieldError(name, "validation_min", f"{name} must be a whole number of at least {least}")
        raise ApiError(422, "Invalid Request", fields=(error,), gateway=True)
    return int(text)
