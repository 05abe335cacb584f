"""What the stand-in for Prevail keeps: organizations, e-mails, and what is special about its sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.platform_state import SessionDraft, StoredSession
from airflow_provider_sessions.sandbox.prevail import request_bodies

ZOOM = "zoom_meeting"


class Settings(BaseModel):
    """How this Prevail behaves where its documentation is silent, or says two things.

    :param state_after_create: state of a session that was scheduled by Self-Service: the documented example says
        ``scheduled``, the documented table of states ``ready``.
    :param conflict_status: status of the answer to a slug that is taken, or an action that the state does not allow.
    :param canceled_frees_slug: whether the slug of a canceled session can be had again.
    :param list_canceled: whether ``GET /sessions`` lists canceled sessions.
    :param after_end: what becomes of the state when a session has ended, for which there is no word: it stays
        ``active``, goes back to what it was (``ready``), or the session is no longer listed (``gone``).
    :param page_items: how many items a page has.
    :param newest_first: order of the lists, by creation.
    :param default_duration: ``estimated_duration`` in hours where none is asked for; None: it stays null.
    :param show_hosts: whether invites of hosts show their ``access_level``.
    :param case_in_sessions: whether items of ``GET /sessions`` show the case; requests always do.
    :param requests_listed: whether ``GET /session_requests`` lists what was scheduled without a request too.
    :param transcript_status: values of this field: before the end, while the transcript is being made, when it is
        there.
    :param transcripts_wrapped: whether transcripts come as ``{"transcripts": [...]}`` or as a bare list.
    :param transcript_times: times within a transcript: seconds, or ``HH:MM:SS.mmm``.
    :param transcript_ends: whether segments say when they end.
    :param recordings_wrapped: whether recordings come as ``{"recordings": [...]}`` or as a bare list.
    :param missing_materials: the answer where there are no materials (yet): an empty list, or 404.
    :param speaker_tracks: whether each speaker's voice is recorded in a file of its own too.
    :param recording_bytes: size of a recording.
    :param presigned_lifetime: seconds until a presigned URL expires.
    :param range_support: whether parts of a recording can be asked for.
    :param files_origin: scheme, host and port in presigned URLs; the sandbox's own if None. By another name of its host
        (``http://localhost:54321``) the sandbox answers there itself, and refuses who sends a token along.
    :param error_key: under which key an error answer says what is wrong; ``errors`` holds a list, the others a text.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    state_after_create: Literal["scheduled", "ready"] = "scheduled"
    conflict_status: Literal[409, 422] = 409
    canceled_frees_slug: bool = True
    list_canceled: bool = True
    after_end: Literal["active", "ready", "gone"] = "active"
    page_items: int = Field(default=100, ge=1)
    newest_first: bool = True
    default_duration: float | None = Field(default=1.25, gt=0)
    show_hosts: bool = True
    case_in_sessions: bool = False
    requests_listed: Literal["all", "requested"] = "all"
    transcript_status: tuple[str | None, str | None, str | None] = (None, "processing", "ready")
    transcripts_wrapped: bool = True
    transcript_times: Literal["seconds", "clock"] = "seconds"
    transcript_ends: bool = True
    recordings_wrapped: bool = False
    missing_materials: Literal["empty", "404"] = "empty"
    speaker_tracks: bool = False
    recording_bytes: int = Field(default=200_000, ge=0)
    presigned_lifetime: int = Field(default=86_400, ge=1)
    range_support: bool = True
    files_origin: str | None = None
    error_key: Literal["errors", "error", "message", "messages"] = "errors"


@dataclass
class Organization:
    """A customer of Prevail.

    :param company_id: what tokens name in their claim ``slug``.
    :param members: people with an account, who can be hosts.
    :param self_service: whether it may schedule, edit and cancel without Prevail's staff.
    """

    company_id: str
    name: str
    api_key: str = field(repr=False)
    members: list[Person]
    self_service: bool = True

    def is_member(self, email: str) -> bool:
        """Whether an address belongs to a member."""
        return any(person.email == email.lower() for person in self.members)


@dataclass(frozen=True)
class Invite:
    """One entry of ``invites``; the same address may stand in several."""

    email: str
    host: bool = False


@dataclass(frozen=True)
class Email:
    """An e-mail that Prevail has sent.

    :param kind: ``invitation``, or ``cancellation``.
    """

    at: datetime
    to: str
    kind: Literal["invitation", "cancellation"]
    session_id: str
    subject: str
    join_url: str

    def as_json(self) -> dict[str, Any]:
        """The e-mail as it appears in the control API."""
        return vars(self) | {"at": self.at.isoformat()}


class PrevailDraft(SessionDraft):
    """A session made by hand, or through the API.

    :param company_id: the organization; the one whose credentials are given out if not given.
    :param case: its case; made up if not given.
    :param time_zone: friendly or IANA name.
    :param estimated_duration: hours.
    :param invites: as in the API; as many people as ``attendees`` says if not given, or else 2 to 5.
    :param deponent: as in the API; made up, if ``invites`` are.
    :param remote_session_id: the slug wished for; made of the title if not given.
    :param requested: whether it waits for Prevail's staff.
    """

    company_id: str | None = None
    case: str | None = None
    time_zone: request_bodies.ZoneName = "Eastern Time (US & Canada)"
    estimated_duration: float | None = Field(default=None, gt=0)
    invites: list[request_bodies.Email | request_bodies.Invitee] | None = None
    deponent: request_bodies.Deponent | None = None
    session_details: request_bodies.Details = request_bodies.Details()
    remote_session_id: str | None = None
    requested: bool = False


@dataclass(kw_only=True)
class Deposition(StoredSession):
    """A session as Prevail knows it, from the request on. ``id`` is the request's number; clients know the slug.

    :param slug: None while staff have not scheduled it.
    :param wished_slug: what the slug will be made of.
    :param word: its state while it is scheduled and has not begun.
    :param mailed: who has been invited by e-mail, in order.
    """

    organization: Organization
    case: str
    time_zone: str
    estimated_duration: float | None
    invites: list[Invite]
    deponent: request_bodies.Deponent | None
    details: request_bodies.Details
    meeting_id: int
    password: str = field(repr=False)
    pwd: str = field(repr=False)
    wished_slug: str
    requested: bool
    word: Literal["scheduled", "ready"]
    slug: str | None = None
    mailed: dict[str, None] = field(default_factory=dict)
