"""VidInfra as a platform: its state, who may do what, its envelopes, and what its sessions leave behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.attendees import Person, Presence
from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.media import MediaFile
from airflow_provider_sessions.sandbox.platform_state import Platform, SharedState, manual_action
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.routing import Match
from airflow_provider_sessions.sandbox.vidinfra import (
    attendance_routes,
    auth_routes,
    live_object_routes,
    participant_routes,
    preset_routes,
    recording_routes,
    response_bodies,
    room_routes,
    session_routes,
    video_routes,
)
from airflow_provider_sessions.sandbox.vidinfra.state import (
    Account,
    Preset,
    Role,
    RoleName,
    Room,
    Settings,
    Take,
    VidInfraDraft,
    Webinar,
)
from airflow_provider_sessions.sandbox.vidinfra.stored_objects import StoredObjects
from airflow_provider_sessions.sandbox.vidinfra.table import VIDEO_MOUNT, routes

# The modules of handlers enter their routes when they are imported.
HANDLERS = (
    auth_routes,
    room_routes,
    preset_routes,
    session_routes,
    participant_routes,
    attendance_routes,
    recording_routes,
    live_object_routes,
    video_routes,
)

_LIBRARY = "/libraries/"


class VidInfra(Platform[Webinar, VidInfraDraft]):
    """The stand-in for VidInfra Live.

    There from the start: a host with a library, a room and a preset, and a colleague with a room in another library.
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
        self.tokens = auth_routes.Tokens(self.ids)
        self._media: dict[tuple[str, int], MediaFile] = {}
        self._furnish()

    def _furnish(self) -> None:
        """What is there before anybody did anything."""
        self.organization_id = self.ids.new("organization")
        self.host = self._host(self.population.people[20])
        self.colleague = self._host(self.population.people[21])
        self.api_key = self._key()
        self.viewer_api_key = self._key()
        self.preset_id = self._first_preset(self.host).id
        self.room_id = self._first_room(self.host, "Webinars").id
        self._first_preset(self.colleague)
        self.other_room_id = self._first_room(self.colleague, "Partner webinars").id

    def _host(self, person: Person) -> Account:
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

    def _first_preset(self, host: Account) -> Preset:
        fields = preset_routes.fields_of(
            {"name": "Standard", "type": "whip", "primary_color": "#1F6FEB", "is_default": True}
        )
        preset = Preset(self.ids.new("preset"), host.id, host.library_id, fields, self.opened_at, self.opened_at)
        self.presets[preset.id] = preset
        return preset

    def _first_room(self, host: Account, title: str) -> Room:
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

    def _key(self) -> str:
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
        """The library of the room and the preset that are there from the start."""
        return self.host.library_id or ""

    @property
    def other_library_id(self) -> str:
        """The colleague's library."""
        return self.colleague.library_id or ""

    @property
    def video_host(self) -> str:
        """What goes into the connection's field for the video API."""
        return f"{self.shared.origin}{VIDEO_MOUNT}"

    def credentials(self) -> dict[str, str]:
        """What a client needs to connect, and the ids of what is there from the start."""
        names = ("api_key", "viewer_api_key", "host_email", "host_password", "library_id", "room_id", "preset_id")
        return {name: getattr(self, name) for name in names}

    def connection(self) -> dict[str, Any]:
        """An Airflow connection by API key."""
        return {
            "conn_type": self.name,
            "host": self.base_url,
            "password": self.api_key,
            "extra": {"video_host": self.video_host},
        }

    @manual_action
    def new_api_key(self) -> str:
        """Replace the API key; the old one is worth nothing from now on."""
        self.api_key = self._key()
        return self.api_key

    @manual_action
    def revoke_tokens(self) -> None:
        """End all logins: access tokens and refresh tokens."""
        self.tokens.revoke_all()

    # --- requests -----------------------------------------------------------------------------------------------------

    def candidates(self, path: str) -> list[Match]:
        """The routes whose path fits; below ``/libraries/{library_id}`` those that have a twin there."""
        if not path.startswith(_LIBRARY):
            return super().candidates(path)
        library_id, _, rest = path[len(_LIBRARY) :].partition("/")
        twins = [match for match in super().candidates(f"/{rest}") if match.route.scoped]
        return [Match(match.route, match.args | {"library_id": library_id}) for match in twins]

    def authenticate(self, asked: PlatformRequest) -> None:
        """Find out who asks, and whether the route is open to them."""
        auth_routes.authenticate(self, asked)

    def build_response(self, result: Any, asked: PlatformRequest) -> Response:
        """Put a result into ``{success, data, timestamp}``."""
        content: dict[str, Any] = {"success": True, "data": result, "timestamp": int(asked.now.timestamp())}
        if asked.path.startswith(VIDEO_MOUNT):
            content = video_routes.envelope(asked, result)
        return JSONResponse(content, asked.operation.status)

    def refuse(self, refusal: ApiError, asked: PlatformRequest) -> Response:
        """Put a refusal into the gateway's shape (``message``) or the application's (``error``)."""
        content: dict[str, Any] = {"success": False}
        if refusal.gateway:
            content["message"] = refusal.reason
        else:
            content |= {"error": refusal.reason, "timestamp": int(asked.now.timestamp())}
        if refusal.code:
            content["code"] = refusal.code
        if refusal.fields:
            content["errors"] = [vars(fault) for fault in refusal.fields]
        return JSONResponse(content, refusal.status, refusal.headers)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def hold(self, draft: VidInfraDraft, lifecycle: Lifecycle, attendees: int) -> Webinar:
        """Make a webinar from a draft."""
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
            self.assign(session, people[number], role, lifecycle.created_at)
        return session

    def assign(self, session: Webinar, user_id: str, role: RoleName, now: datetime) -> Role:
        """Make somebody co-host or moderator; who is already stays so."""
        for held in session.roles:
            if (held.user_id, held.role, held.removed_at) == (user_id, role, None):
                return held
        role_id = stable_id(session.id, user_id, role, str(len(session.roles)))
        host = self.accounts[self.rooms[session.room_id].host_id]
        assigned = Role(role_id, user_id, role, now, host)
        session.roles.append(assigned)
        return assigned

    def known_account(self, user_id: str) -> Account | None:
        """Somebody with an account: who signed in here, or one of the people who attend."""
        if user_id in self.accounts:
            return self.accounts[user_id]
        person = self.population.by_id.get(user_id)
        return self._account(person) if person else None

    def session_host(self, session: Webinar) -> Person:
        """The host of the session's room."""
        return self.accounts[self.rooms[session.room_id].host_id].person

    def active_session_id(self, room_id: str) -> str | None:
        """The room's live session, the latest if hands have made several."""
        live = [s for s in self._open.values() if s.room_id == room_id and s.lifecycle.state is State.LIVE]
        live = [session for session in live if session.lifecycle.deleted_at is None]
        return max(live, key=lambda session: session.lifecycle.started_at or self.opened_at).id if live else None

    def presences(self, session: Webinar, now: datetime) -> list[Presence]:
        """Who has been connected when: the made-up planned_presences, and whoever joined through the API."""
        lifecycle = session.lifecycle
        found = super().presences(session, now)
        until = min(now, lifecycle.ended_at) if lifecycle.ended_at else now
        for visit in session.visits:
            left = visit.left_at or lifecycle.ended_at
            found.append(Presence(visit.person, "API", visit.joined_at, left, left or until))
        return found

    def settled_presences(self, session: Webinar, now: datetime) -> list[Presence]:
        """The same as the attendance list shows it: until attendance is ready, nobody has left with the end."""
        found, lifecycle = self.presences(session, now), session.lifecycle
        if lifecycle.ended_at is None or lifecycle.is_ready("attendance", now):
            return found
        if self.settings.late_attendance == "empty":
            return []
        return [_not_yet_gone(presence) if presence.left_at == lifecycle.ended_at else presence for presence in found]

    # --- recordings ---------------------------------------------------------------------------------------------------

    def is_recorded(self, session: Webinar) -> bool:
        """Whether recording begins by itself when the session goes live."""
        preset = self.presets[session.preset_id]
        return bool(preset.fields["recording_enabled"]) and session.lifecycle.script.recording != "none"

    def takes(self, session: Webinar) -> list[Take]:
        """The session's recordings that are not deleted, oldest first."""
        lifecycle = session.lifecycle
        if lifecycle.started_at and not session.recorded_from_start and self.is_recorded(session):
            session.recorded_from_start = True
            session.takes.insert(0, self.new_take(session, lifecycle.started_at))
        return [take for take in session.takes if not take.deleted]

    def new_take(self, session: Webinar, started_at: datetime) -> Take:
        """A recording that begins at ``started_at``."""
        number = str(len(session.takes))
        take_id = stable_id(str(self.shared.seed), session.id, "recording", number)
        egress = stable_id(take_id, "egress").replace("-", "")[:12]
        return Take(take_id, f"EG_{egress}", started_at, f"{session.title} ({int(number) + 1})")

    def recording_ready_at(self, session: Webinar, take: Take) -> datetime | None:
        """When the file of a recording is there."""
        stopped = take.stopped_at or session.lifecycle.ended_at
        delay = session.lifecycle.script.artifact_delay("recording")
        return stopped + timedelta(seconds=delay) if stopped and delay is not None else None

    def recording_status(self, session: Webinar, take: Take, now: datetime) -> str:
        """``recording`` until the file is there; then what the script says."""
        ready = self.recording_ready_at(session, take)
        if ready is None or ready > now:
            return "recording"
        return "failed" if session.lifecycle.script.recording == "failed" else "completed"

    def recording_seconds(self, session: Webinar, take: Take) -> float:
        """How long a recording that has stopped is."""
        stopped = take.stopped_at or session.lifecycle.ended_at
        return (stopped - take.started_at).total_seconds() if stopped else 0.0

    def media(self, session: Webinar, take: Take, now: datetime) -> MediaFile:
        """The file of a recording, in the revision of ``now``."""
        revision = len(session.lifecycle.revisions("recording", now))
        key = (take.id, revision)
        if key not in self._media:
            size = self.settings.recording_bytes if session.recording_bytes is None else session.recording_bytes
            self._media[key] = MediaFile(f"{self.shared.seed}:{take.id}:{revision}", size)
        return self._media[key]

    # --- the truth ----------------------------------------------------------------------------------------------------

    def content(self, session: Webinar, now: datetime) -> dict[str, Any]:
        """Attendance rows and recordings, as the API will give them when they are ready."""
        presences = self.presences(session, now)
        return {
            "attendance": response_bodies.attendance(session, presences),
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
            "recording": [self._file(session, take, now) for take in self.takes(session)],
        }

    def _file(self, session: Webinar, take: Take, now: datetime) -> dict[str, Any]:
        status = self.recording_status(session, take, now)
        told = {"id": take.id, "name": take.name, "status": status}
        if session.lifecycle.ended_at is None and take.stopped_at is None:
            return told
        media = self.media(session, take, now)
        return told | {"size": media.size, "sha256": media.sha256, "content_type": media.content_type}


def _not_yet_gone(presence: Presence) -> Presence:
    return Presence(presence.person, presence.device, presence.joined_at, None, presence.last_seen_at)
