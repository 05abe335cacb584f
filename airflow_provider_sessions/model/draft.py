"""What a user requests: a session to create, or changes to one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, field_validator

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value
from airflow_provider_sessions.model.session import Session
from airflow_provider_sessions.model.values import (
    UtcDatetime,
    Value,
    as_text,
    find_zone,
    is_given,
    parse_instant,
    parse_seconds,
)


class Invitee(Value):
    """A person to invite. ``role`` is a role of the platform (``host``, ``participant``), if any."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    email: str
    name: str | None = None
    role: str | None = None

    @field_validator("email")
    @classmethod
    def _check_email(cls, email: str) -> str:
        email = email.strip()
        if email.count("@") != 1 or not all(email.split("@")) or any(c.isspace() for c in email):
            raise ValueError(f"{email!r} is not an e-mail address")
        return email


class SessionDraft(Value):
    """A session to create. Use :meth:`read` to make one from a user's arguments.

    The last five fields are not part of the request, but identify this create. ``key`` identifies one logical create:
    all its tries have the same key, so that a later try finds the session of an earlier one. ``attempt`` identifies one
    create request. ``turn`` is the session's number among those of the create: a canceled one may have been created
    again. Sessions created before ``since`` are not searched for. ``mark`` is whether the key may be left in a field
    that people can read.
    """

    title: str
    start: UtcDatetime | None = None
    duration_seconds: float | None = None
    time_zone: str | None = None
    description: str | None = None
    participants: tuple[Invitee, ...] = ()
    options: Mapping[str, Any] = Field(default_factory=dict)
    key: str | None = None
    attempt: str = "0"
    turn: int = 1
    since: UtcDatetime | None = None
    mark: bool = True

    @property
    def requested_fields(self) -> dict[str, Any]:
        """The fields that were given, without those that identify this create."""
        return self.model_dump(exclude={"key", "attempt", "turn", "since", "mark"}, exclude_defaults=True)

    @property
    def end(self) -> datetime | None:
        """The planned end, if both start and duration are given."""
        if self.start is None or self.duration_seconds is None:
            return None
        return self.start + timedelta(seconds=self.duration_seconds)

    @classmethod
    def read(
        cls,
        *,
        title: str | float,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        end: datetime | str | float | None = None,
        time_zone: str | None = None,
        description: str | float | None = None,
        participants: object = None,
        options: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> SessionDraft:
        """Parse a user's arguments, including rendered templates.

        An optional field that is empty, or the text ``None``, counts as not given, because that is how a template
        renders a missing value. Only an empty description is a value.

        :param title: the session's title.
        :param start: planned start; without an offset it is a local time in ``time_zone``.
        :param duration: planned duration in seconds, as a timedelta, or as ISO 8601.
        :param end: planned end, instead of ``duration``.
        :param time_zone: IANA name.
        :param description: text for the session's page.
        :param participants: addresses, or mappings with ``email`` and optionally ``name`` and ``role``.
        :param options: options of the platform.
        :param key: identifies this logical create.
        :raises InputError: a field is invalid; the text names it.
        """
        fields = _parse_fields(start, duration, end, time_zone, description, options)
        return cls(title=_parse_title(title), participants=parse_invitees(participants), key=key, **fields)


class SessionChanges(Value):
    """Changes to a session; a field that is None is not changed."""

    title: str | None = None
    start: UtcDatetime | None = None
    duration_seconds: float | None = None
    time_zone: str | None = None
    description: str | None = None
    add_participants: tuple[Invitee, ...] = ()
    options: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def read(
        cls,
        *,
        title: str | float | None = None,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        time_zone: str | None = None,
        description: str | float | None = None,
        add_participants: object = None,
        options: Mapping[str, Any] | None = None,
    ) -> SessionChanges:
        """Parse a user's arguments. The parameters are those of :meth:`SessionDraft.read`; at least one is required.

        :raises InputError: a field is invalid, or none is given.
        """
        fields = _parse_fields(start, duration, None, time_zone, description, options)
        if is_given(title):
            fields["title"] = _parse_title(title)
        changes = cls(add_participants=parse_invitees(add_participants), **fields)
        if changes == cls():
            raise InputError(
                "nothing to change: give at least one of title, start, duration, time_zone, description, "
                "add_participants, options"
            )
        return changes

    def are_applied_to(self, session: Session) -> bool:
        """Return whether a session has these values already; False for participants and options, which are unknown."""
        if self.add_participants or self.options:
            return False
        wanted = {
            "title": self.title,
            "scheduled_start": self.start and self.start.replace(microsecond=0),
            "duration_seconds": self.duration_seconds,
            "time_zone": self.time_zone,
            "description": self.description,
        }
        planned = session.model_copy(update={"actual_start": None, "actual_end": None})
        start = session.scheduled_start
        known = {
            "title": session.title,
            "scheduled_start": start and start.replace(microsecond=0),
            "duration_seconds": planned.duration_seconds,
            "time_zone": session.time_zone or self.time_zone,  # if none is stored, it only served to parse the start
            "description": session.description or "",
        }
        return all(value is None or value == known[name] for name, value in wanted.items())


def _parse_fields(
    start: datetime | str | float | None,
    duration: timedelta | str | float | None,
    end: datetime | str | float | None,
    time_zone: str | None,
    description: str | float | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Parse the fields that a draft and changes to a session have in common."""
    zone_name = time_zone if is_given(time_zone) else None
    if zone_name is not None:
        find_zone(zone_name)
    text = as_text(description)
    if description is not None and text is None:
        raise InputError(f"description: expected a text, got {quote_value(description)}")
    starts_at = parse_instant(start, "start", time_zone=zone_name) if start is not None and is_given(start) else None
    return {
        "start": starts_at,
        "duration_seconds": _parse_duration(starts_at, duration, end, zone_name),
        "time_zone": zone_name,
        "description": text if is_given(text) or text == "" else None,
        "options": _parse_options(options),
    }


def _parse_title(title: object) -> str:
    text = as_text(title)
    if text is None or not is_given(text):
        raise InputError(f"title: {quote_value(title)} is not a title")
    return text.strip()


def _parse_options(options: object) -> dict[str, Any]:
    if not is_given(options):
        return {}
    if not isinstance(options, Mapping):
        raise InputError(f"options: expected a mapping, got {type(options).__name__}: {quote_value(options)}")
    if invalid := [name for name in options if not isinstance(name, str)]:
        raise InputError(f"options: expected names as texts, got {quote_value(invalid[0])}")
    return dict(options)


def parse_invitees(participants: object) -> tuple[Invitee, ...]:
    """Parse invitees: addresses or mappings, also as JSON, as templates render a list. Order and repetitions are kept.

    :raises InputError: an item is neither an address nor a mapping.
    """
    if not is_given(participants):
        return ()
    if isinstance(participants, str) and participants.lstrip().startswith("["):
        try:
            participants = json.loads(participants)
        except ValueError:
            raise InputError(
                f"participants: {quote_value(participants)} is not JSON; in a template use {{{{ people | tojson }}}}"
            ) from None
    if isinstance(participants, str | Mapping | Invitee):
        participants = [participants]
    if isinstance(participants, set | frozenset):
        participants = sorted(participants, key=str)
    if not isinstance(participants, list | tuple):
        raise InputError(f"participants: expected a list of addresses, got {type(participants).__name__}")
    return tuple(_parse_invitee(item) for item in participants)


def _parse_invitee(item: object) -> Invitee:
    if isinstance(item, Invitee):
        return item
    fields = {"email": item} if isinstance(item, str) else item
    if not isinstance(fields, Mapping):
        raise InputError(f"participants: {quote_value(item)} is neither an address nor a mapping with 'email'")
    try:
        return Invitee.model_validate(dict(fields))
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"participants: {quote_value(item)} cannot be read: {where}: {first['msg']}") from None


def _parse_duration(
    start: datetime | None,
    duration: timedelta | str | float | None,
    end: datetime | str | float | None,
    time_zone: str | None,
) -> float | None:
    if duration is not None and is_given(duration):
        if is_given(end):
            raise InputError(f"give duration or end, not both: got {quote_value(duration)} and {quote_value(end)}")
        return parse_seconds(duration, "duration")
    if end is None or not is_given(end):
        return None
    ends_at = parse_instant(end, "end", time_zone=time_zone)
    if start is None:
        raise InputError(f"end: an end ({quote_value(end)}) without a start has no duration")
    if ends_at <= start:
        raise InputError(f"end: {quote_value(end)} is not after the start, {start.isoformat()}")
    return (ends_at - start).total_seconds()
