"""What the stand-in for Prevail stores: organizations, invites, e-mails, and what its sessions have besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.platform_state import PlatformSettings, SessionDraft, StoredSession
from airflow_provider_sessions.sandbox.prevail import request_bodies

ZOOM = "zoom_meeting"


class Settings(PlatformSettings):
    """How this Prevail behaves where its documentation is silent or contradicts itself.

    :param state_after_create: state of a session that was scheduled by Self-Service: the documented example has
        ``scheduled``, the documented table of states ``ready``.
    :param conflict_status: status of the response if a slug is taken, or the state does not allow an action.
    :param canceled_frees_slug: whether the slug of a canceled session can be used again.
    :param list_canceled: whether ``GET /sessions`` lists canceled sessions.
    :param after_end: the state of a session that has ended, for which there is no documented name: it stays
        ``active``, returns to the state before the start (``ready``), or the session is no longer listed (``gone``).
    :param page_items: the page size.
    :param default_duration: ``estimated_duration`` in hours if a request has none; None: it stays null.
    :param show_hosts: whether invites of hosts contain their ``access_level``.
    :param case_in_sessions: whether items of ``GET /sessions`` contain the case; requests always do.
    :param requests_listed: whether ``GET /session_requests`` also lists sessions scheduled without a request.
    :param transcript_status: values of this field: before the end, while the transcript is produced, once it is ready.
    :param transcripts_wrapped: whether transcripts come as ``{"transcripts": [...]}`` or as a bare list.
    :param transcript_times: format of times within a transcript: seconds, or ``HH:MM:SS.mmm``.
    :param transcript_ends: whether segments contain their end.
    :param recordings_wrapped: whether recordings come as ``{"recordings": [...]}`` or as a bare list.
    :param missing_materials: the response if there are no artifacts (yet): an empty list, or 404.
    :param speaker_tracks: whether each speaker is recorded in a separate file too.
    :param recording_bytes: size of a recording.
    :param presigned_lifetime: seconds until a presigned URL expires.
    :param range_support: whether downloads support byte ranges.
    :param files_origin: scheme, host and port in presigned URLs; None: the sandbox's own. With another name of its host
        (``http://localhost:54321``) the sandbox serves the files itself, and rejects requests that carry a token.
    :param error_key: the key of the message in an error response; ``errors`` holds a list, the others a text.
    """

    state_after_create: Literal["scheduled", "ready"] = "scheduled"
    conflict_status: Literal[409, 422] = 409
    canceled_frees_slug: bool = True
    list_canceled: bool = True
    after_end: Literal["active", "ready", "gone"] = "active"
    page_items: int = Field(default=100, ge=1)
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

    :param company_id: the claim ``slug`` of its tokens.
    :param members: people with an account, who can be hosts.
    :param self_service: whether it may schedule, edit and cancel without Prevail's staff.
    """

    company_id: str
    name: str
    api_key: str = field(repr=False)
    members: list[Person]
    self_service: bool = True

    def is_member(self, email: str) -> bool:
        """Return whether an address belongs to a member."""
        return any(person.email == email.lower() for person in self.members)


@dataclass(frozen=True)
class Invite:
    """One item of ``invites``; several may have the same address."""

    email: str
    host: bool = False


@dataclass(frozen=True)
class Email:
    """An e-mail that Prevail sent.

    :param kind: ``invitation``, or ``cancellation``.
    """

    at: datetime
    to: str
    kind: Literal["invitation", "cancellation"]
    session_id: str
    subject: str
    join_url: str

    def as_json(self) -> dict[str, Any]:
        """Return the e-mail as the control API shows it."""
        return vars(self) | {"at": self.at.isoformat()}


class PrevailDraft(SessionDraft):
    """A session that a test or a client creates.

    :param company_id: the organization; by default the one whose credentials are returned.
    :param case: its case; made up by default.
    :param time_zone: Rails or IANA name.
    :param estimated_duration: hours.
    :param invites: as in the API; by default ``attendees`` people, or else 2 to 5.
    :param deponent: as in the API; made up if ``invites`` are.
    :param remote_session_id: the requested slug; made from the title by default.
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
    """A session on Prevail, from the request on. ``id`` is the request's number; clients know the slug.

    :param slug: None until staff have scheduled it.
    :param requested_slug: the slug that it gets if that is free.
    :param initial_state: Prevail's name of its state between scheduling and start.
    :param emailed: the addresses that were invited by e-mail, in order.
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
    requested_slug: str
    requested: bool
    initial_state: Literal["scheduled", "ready"]
    slug: str | None = None
    emailed: dict[str, None] = field(default_factory=dict)


def build_invites(
    invited: Sequence[str | request_bodies.Invitee],
    deponent: request_bodies.Deponent | None,
    organization: Organization,
) -> list[Invite]:
    """Return the invites of a request, with the deponent last. Repeated addresses are kept.

    Only members can be hosts; Prevail makes others participants without an error.
    """
    people = [
        item if isinstance(item, request_bodies.Invitee) else request_bodies.Invitee(email=item) for item in invited
    ]
    invites = [
        Invite(person.email, person.access_level == "host" and organization.is_member(person.email))
        for person in people
    ]
    return [*invites, Invite(deponent.email)] if deponent and deponent.email else invites
