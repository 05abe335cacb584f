"""What a user asks for: a session to be made, or changes to one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, field_validator

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model.values import UtcDatetime, Value, parse_instant, parse_seconds, zone


class Invitee(Value):
    """A person to be invited. ``role`` is the platform's own word (``host``, ``participant``), if any."""

    email: str
    name: str | None = None
    role: str | None = None

    @field_validator("email")
    @classmethod
    def _looks_like_an_address(cls, email: str) -> str:
        if email.count("@") != 1 or not all(email.split("@")) or any(c.isspace() for c in email):
            raise ValueError(f"{email!r} is not an e-mail address")
        return email


class SessionDraft(Value):
    """A session that is to be made. Use :meth:`read` to make one from what a user gave.

    ``key`` stands for one logical create: every attempt at it has the same, so that a later attempt finds what an
    earlier one made.
    """

    title: str
    start: UtcDatetime | None = None
    duration_seconds: float | None = None
    time_zone: str | None = None
    description: str | None = None
    participants: tuple[Invitee, ...] = ()
    options: Mapping[str, Any] = Field(default_factory=dict)
    key: str | None = None

    @property
    def end(self) -> datetime | None:
        """The planned end, where both start and duration are given."""
        if self.start is None or self.duration_seconds is None:
            return None
        return self.start + timedelta(seconds=self.duration_seconds)

    @classmethod
    def read(
        cls,
        *,
        title: str,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        end: datetime | str | float | None = None,
        time_zone: str | None = None,
        description: str | None = None,
        participants: object = None,
        options: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> SessionDraft:
        """Read what a user gave (templates included) and refuse what cannot be meant.

        :param title: the session's title.
        :param start: planned start; without an offset it is a wall clock time of ``time_zone``.
        :param duration: planned duration in seconds, as a timedelta, or as ISO 8601.
        :param end: planned end, instead of ``duration``.
        :param time_zone: IANA name.
        :param description: text for the session's page.
        :param participants: addresses, or mappings with ``email`` and perhaps ``name`` and ``role``.
        :param options: what only the platform knows.
        :param key: what stands for this one logical create.
        :raises InputError: a field cannot be meant; the text names it.
        """
        if not isinstance(title, str) or not title.strip():
            raise InputError(f"title: {title!r} is not a title")
        if time_zone is not None:
            zone(time_zone)
        if options is not None and not isinstance(options, Mapping):
            raise InputError(f"options: expected a mapping, got {type(options).__name__}")
        begins = None if start is None else parse_instant(start, "start", time_zone=time_zone)
        return cls(
            title=title,
            start=begins,
            duration_seconds=_duration(begins, duration, end, time_zone),
            time_zone=time_zone,
            description=description,
            participants=read_invitees(participants),
            options=dict(options or {}),
            key=key,
        )


class SessionChanges(Value):
    """What is to change in a session; a field that is None stays as it is."""

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
        title: str | None = None,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        time_zone: str | None = None,
        description: str | None = None,
        add_participants: object = None,
        options: Mapping[str, Any] | None = None,
    ) -> SessionChanges:
        """Read what a user gave. Parameters are those of :meth:`SessionDraft.read`; at least one must be given.

        :raises InputError: a field cannot be meant, or none is given.
        """
        if time_zone is not None:
            zone(time_zone)
        if options is not None and not isinstance(options, Mapping):
            raise InputError(f"options: expected a mapping, got {type(options).__name__}")
        if title is not None and not title.strip():
            raise InputError("title: an empty title cannot be set")
        begins = None if start is None else parse_instant(start, "start", time_zone=time_zone)
        changes = cls(
            title=title,
            start=begins,
            duration_seconds=_duration(begins, duration, None, time_zone),
            time_zone=time_zone,
            description=description,
            add_participants=read_invitees(add_participants),
            options=dict(options or {}),
        )
        if changes == cls():
            raise InputError(
                "nothing to change: give at least one of title, start, duration, time_zone, description, options"
            )
        return changes


def read_invitees(participants: object) -> tuple[Invitee, ...]:
    """Read invitees: addresses or mappings. The order and repetitions are kept.

    :raises InputError: something is neither.
    """
    if participants is None or participants == "":
        return ()
    if isinstance(participants, str | Mapping | Invitee):
        participants = [participants]
    if not isinstance(participants, list | tuple | set | frozenset):
        raise InputError(f"participants: expected a list of addresses, got {type(participants).__name__}")
    return tuple(_invitee(item) for item in participants)


def _invitee(item: object) -> Invitee:
    if isinstance(item, Invitee):
        return item
    fields = {"email": item} if isinstance(item, str) else item
    if not isinstance(fields, Mapping):
        raise InputError(f"participants: {item!r} is neither an address nor a mapping with 'email'")
    try:
        return Invitee.model_validate(dict(fields))
    except ValueError as refused:
        raise InputError(f"participants: {item!r} cannot be read: {_first_reason(refused)}") from None


def _first_reason(refused: ValueError) -> str:
    """The first complaint of a pydantic error, in a few words."""
    details: list[Any] = refused.errors() if hasattr(refused, "errors") else []
    if not details:
        return str(refused)
    return f"{'.'.join(str(part) for part in details[0]['loc'])}: {details[0]['msg']}"


def _duration(
    start: datetime | None,
    duration: timedelta | str | float | None,
    end: datetime | str | float | None,
    time_zone: str | None,
) -> float | None:
    if duration is not None and end is not None:
        raise InputError("give duration or end, not both")
    if duration is not None:
        return parse_seconds(duration, "duration")
    if end is None:
        return None
    ends = parse_instant(end, "end", time_zone=time_zone)
    if start is None:
        raise InputError("end: an end without a start has no duration")
    if ends <= start:
        raise InputError(f"end: {ends.isoformat()} is not after the start, {start.isoformat()}")
    return (ends - start).total_seconds()
