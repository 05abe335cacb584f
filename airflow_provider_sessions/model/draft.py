"""What a user asks for: a session to be made, or changes to one."""

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
    """A person to be invited. ``role`` is the platform's own word (``host``, ``participant``), if any."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    email: str
    name: str | None = None
    role: str | None = None

    @field_validator("email")
    @classmethod
    def _looks_like_an_address(cls, email: str) -> str:
        email = email.strip()
        if email.count("@") != 1 or not all(email.split("@")) or any(c.isspace() for c in email):
            raise ValueError(f"{email!r} is not an e-mail address")
        return email


class SessionDraft(Value):
    """A session that is to be made. Use :meth:`read` to make one from what a user gave.

    The last five fields are no part of what is asked for: they tell this create from others. ``key`` stands for one
    logical create: every attempt at it has the same, so that a later attempt finds what an earlier one made.
    ``attempt`` is this very attempt's own. ``turn`` counts how often the session was made and called off again.
    ``since`` is a time before which no attempt made anything. ``mark`` allows to leave the key where people may read
    it.
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
        """What is asked for, without what tells this create from others, and without what was not given."""
        return self.model_dump(exclude={"key", "attempt", "turn", "since", "mark"}, exclude_defaults=True)

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
        """Read what a user gave (templates included) and refuse what cannot be meant.

        An optional field that is empty, or the text ``None``, was not given: that is what a template leaves that found
        nothing. Only of the description an empty text is a value.

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
        fields = _read_fields(start, duration, end, time_zone, description, options)
        return cls(title=_title(title), participants=parse_invitees(participants), key=key, **fields)


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
        title: str | float | None = None,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        time_zone: str | None = None,
        description: str | float | None = None,
        add_participants: object = None,
        options: Mapping[str, Any] | None = None,
    ) -> SessionChanges:
        """Read what a user gave. Parameters are those of :meth:`SessionDraft.read`; at least one must be given.

        :raises InputError: a field cannot be meant, or none is given.
        """
        fields = _read_fields(start, duration, None, time_zone, description, options)
        if is_given(title):
            fields["title"] = _title(title)
        changes = cls(add_participants=parse_invitees(add_participants), **fields)
        if changes == cls():
            raise InputError(
                "nothing to change: give at least one of title, start, duration, time_zone, description, "
                "add_participants, options"
            )
        return changes

    def are_applied_to(self, session: Session) -> bool:
        """Whether a session is as wanted already; False where that cannot be seen (people, a platform's options)."""
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
            "time_zone": session.time_zone or self.time_zone,  # where none is kept, it only said when the start is
            "description": session.description or "",
        }
        return all(value is None or value == known[name] for name, value in wanted.items())


def _read_fields(
    start: datetime | str | float | None,
    duration: timedelta | str | float | None,
    end: datetime | str | float | None,
    time_zone: str | None,
    description: str | float | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The fields that a draft and changes to a session have in common."""
    place = time_zone if is_given(time_zone) else None
    if place is not None:
        find_zone(place)
    text = as_text(description)
    if description is not None and text is None:
        raise InputError(f"description: expected a text, got {quote_value(description)}")
    begins = parse_instant(start, "start", time_zone=place) if start is not None and is_given(start) else None
    return {
        "start": begins,
        "duration_seconds": _duration(begins, duration, end, place),
        "time_zone": place,
        "description": text if is_given(text) or text == "" else None,
        "options": _options(options),
    }


def _title(title: object) -> str:
    text = as_text(title)
    if text is None or not is_given(text):
        raise InputError(f"title: {quote_value(title)} is not a title")
    return text.strip()


def _options(options: object) -> dict[str, Any]:
    if not is_given(options):
        return {}
    if not isinstance(options, Mapping):
        raise InputError(f"options: expected a mapping, got {type(options).__name__}: {quote_value(options)}")
    if strange := [name for name in options if not isinstance(name, str)]:
        raise InputError(f"options: expected names as texts, got {quote_value(strange[0])}")
    return dict(options)


def parse_invitees(participants: object) -> tuple[Invitee, ...]:
    """Read invitees: addresses or mappings, also as JSON, as a template gives a list. Order and repetitions are kept.

    :raises InputError: something is neither.
    """
    if not is_given(participants):
        return ()
    if isinstance(participants, str) and participants.lstrip().startswith("["):
        try:
            participants = json.loads(participants)
        except ValueError:
            raise InputError(
                f"participants: {quote_value(participants)} is no JSON; in a template write {{{{ people | tojson }}}}"
            ) from None
    if isinstance(participants, str | Mapping | Invitee):
        participants = [participants]
    if isinstance(participants, set | frozenset):
        participants = sorted(participants, key=str)
    if not isinstance(participants, list | tuple):
        raise InputError(f"participants: expected a list of addresses, got {type(participants).__name__}")
    return tuple(_invitee(item) for item in participants)


def _invitee(item: object) -> Invitee:
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


def _duration(
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
    ends = parse_instant(end, "end", time_zone=time_zone)
    if start is None:
        raise InputError(f"end: an end ({quote_value(end)}) without a start has no duration")
    if ends <= start:
        raise InputError(f"end: {quote_value(end)} is not after the start, {start.isoformat()}")
    return (ends - start).total_seconds()
