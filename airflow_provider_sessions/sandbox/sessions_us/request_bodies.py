"""The request bodies of Sessions: what public clients sent, and otherwise what is most plausible.

Times need a zone, zones must be IANA names. Only the aliases are valid names: a field with another spelling is unknown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as unknown:  # the last two: for a path, or a folder of zones
        raise ValueError("must be a valid IANA time-zone") from unknown
    return name


def _email(text: str) -> str:
    name, at, host = text.partition("@")
    if not (name and at and "." in host) or any(c.isspace() or c == "@" for c in host):
        raise ValueError("must be an email")
    return text


Routing = Literal["AVAILABILITY", "PRIORITY"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=255)]
Zone = Annotated[str, AfterValidator(_zone)]
Email = Annotated[str, AfterValidator(_email)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class CreateSession(BaseModel):
    """Observed: the first four, which are always sent. The rest is inferred."""

    name: Name
    start_at: AwareDatetime = Field(alias="startAt")
    planned_end: AwareDatetime = Field(alias="plannedEnd")
    time_zone: Zone = Field(alias="timeZone")
    description: str = ""
    room_id: UUID | None = Field(default=None, alias="roomId")


class UpdateSession(BaseModel):
    """Inferred: the same fields, all optional."""

    name: Name | None = None
    start_at: AwareDatetime | None = Field(default=None, alias="startAt")
    planned_end: AwareDatetime | None = Field(default=None, alias="plannedEnd")
    time_zone: Zone | None = Field(default=None, alias="timeZone")
    description: str | None = None
    room_id: UUID | None = Field(default=None, alias="roomId")


class NewParticipant(BaseModel):
    """Inferred."""

    email: Email
    first_name: Name | None = Field(default=None, alias="firstName")
    last_name: Name | None = Field(default=None, alias="lastName")
    role: Name | None = None


class AddParticipants(BaseModel):
    """Inferred."""

    participants: list[NewParticipant] = Field(min_length=1)


class ChangedParticipant(BaseModel):
    """Inferred."""

    id: UUID
    first_name: Name | None = Field(default=None, alias="firstName")
    last_name: Name | None = Field(default=None, alias="lastName")
    role: Name | None = None


class UpdateParticipants(BaseModel):
    """Inferred."""

    participants: list[ChangedParticipant] = Field(min_length=1)


class RemoveParticipants(BaseModel):
    """Inferred."""

    participants: list[UUID] = Field(min_length=1)


class CreateRoom(BaseModel):
    """Inferred. By default the slug is made from the name; ``settings`` are stored unchanged."""

    name: Name
    slug: Slug | None = None
    description: str = ""
    settings: dict[str, Any] = {}


class UpdateRoom(BaseModel):
    """Inferred. The slug cannot be changed in the newer product."""

    name: Name | None = None
    description: str | None = None
    settings: dict[str, Any] | None = None


class CloneRoom(BaseModel):
    """Inferred."""

    name: Name | None = None
    slug: Slug | None = None


class ShareRoom(BaseModel):
    """Inferred: addresses or ids of users."""

    emails: list[Email] = []
    user_ids: list[UUID] = Field(default=[], alias="userIds")


class CreateEvent(BaseModel):
    """Observed: the first five, which are always sent."""

    name: Name
    slug: Slug
    start_at: AwareDatetime = Field(alias="startAt")
    planned_end: AwareDatetime = Field(alias="plannedEnd")
    time_zone: Zone = Field(alias="timeZone")
    description: str | None = None
    form: list[dict[str, Any]] = []


class CloneEvent(BaseModel):
    """Inferred."""

    name: Name | None = None
    slug: Slug | None = None
    start_at: AwareDatetime | None = Field(default=None, alias="startAt")
    planned_end: AwareDatetime | None = Field(default=None, alias="plannedEnd")
    time_zone: Zone | None = Field(default=None, alias="timeZone")


class Answer(BaseModel):
    """The answer to a question of a form; observed in a webhook."""

    question: str
    answer: str


class Register(BaseModel):
    """Inferred from the webhook about a registration."""

    email: Email
    first_name: Name = Field(alias="firstName")
    last_name: Name | None = Field(default=None, alias="lastName")
    form: list[Answer] = []


class Period(BaseModel):
    """Inferred: a period of a day."""

    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="to")


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Schedule = dict[Weekday, list[Period]]


class UpdateBookingPage(BaseModel):
    """Inferred from the sections of the product's editor."""

    name: Name | None = None
    slug: Slug | None = None
    description: str | None = None
    duration: Annotated[int, Field(ge=5, le=720)] | None = None
    time_zone: Zone | None = Field(default=None, alias="timeZone")
    schedule: Schedule | None = None
    buffer: Annotated[int, Field(ge=0)] | None = None
    minimum_notice: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="minimumNotice")
    routing: Routing | None = None
    form: list[dict[str, Any]] | None = None


class CreateBookingPage(UpdateBookingPage):
    """Inferred; other fields have defaults."""

    name: Name


class ComputeSlots(BaseModel):
    """Documented: two dates. Their names are inferred."""

    start_at: AwareDatetime = Field(alias="startAt")
    end_at: AwareDatetime = Field(alias="endAt")
    time_zone: Zone | None = Field(default=None, alias="timeZone")


class AddCollaborator(BaseModel):
    """Inferred: a user by id or by address."""

    user_id: UUID | None = Field(default=None, alias="userId")
    email: Email | None = None
    priority: int = 1
    permission: str = "EDIT"


class NameCollaborator(BaseModel):
    """Inferred: selects a collaborator of the page, by its id or the user's."""

    id: UUID | None = None
    user_id: UUID | None = Field(default=None, alias="userId")


class UpdateCollaborator(NameCollaborator):
    """Inferred."""

    priority: int | None = None
    permission: str | None = None


class CreateBooking(BaseModel):
    """Inferred."""

    booking_page_id: UUID = Field(alias="bookingPageId")
    start_at: AwareDatetime = Field(alias="startAt")
    time_zone: Zone = Field(alias="timeZone")
    participant_name: Name = Field(alias="participantName")
    participant_email: Email = Field(alias="participantEmail")
    guests: list[Email] = []
    form: list[Answer] = []


class UpdateBooking(BaseModel):
    """Inferred."""

    start_at: AwareDatetime | None = Field(default=None, alias="startAt")
    time_zone: Zone | None = Field(default=None, alias="timeZone")
    participant_name: Name | None = Field(default=None, alias="participantName")
    participant_email: Email | None = Field(default=None, alias="participantEmail")
    guests: list[Email] | None = None
    form: list[Answer] | None = None


class ChangeCollaborator(BaseModel):
    """Inferred."""

    collaborator_id: UUID = Field(alias="collaboratorId")
