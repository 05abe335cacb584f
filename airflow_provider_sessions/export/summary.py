"""Attendance summaries: who attended a session, and for how long.

Three pure functions: :func:`attribute_to_people` decides which intervals belong to one person,
:func:`infer_leave_times` adds times of leaving that the platform did not give, and :func:`summarize_attendance` adds
up.

People are distinguished by account, then by e-mail address. Two intervals with the same name never count as one person:
an interval of which only a name is known has a row of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from airflow_provider_sessions.model import (
    AttendanceInterval,
    AttendanceSummary,
    Attribution,
    Participant,
    Session,
    email_key,
)

_ACCOUNT = "account:"
_NEVER = datetime.max.replace(tzinfo=UTC)
_SURENESS = (Attribution.NAME_ONLY, Attribution.PROBABLE, Attribution.EXACT)


def resolve_presence(intervals: Iterable[AttendanceInterval], session: Session) -> list[AttendanceInterval]:
    """Return the intervals of a session in a stable order, with the keys of people and with times of leaving."""
    return infer_leave_times(attribute_to_people(intervals), session)


def attribute_to_people(intervals: Iterable[AttendanceInterval]) -> list[AttendanceInterval]:
    """Set the key of each interval's person, and return the intervals in a stable order.

    Someone who joined once with an account and once as a guest with the account's e-mail address is one person, unless
    several accounts share that address. Intervals of which only a name is known get keys of their own.
    """
    ordered = sorted(intervals, key=_order)
    accounts = accounts_by_address(ordered)
    names = Counter(one.participant_key for one in ordered if one.attribution is Attribution.NAME_ONLY)
    taken = {one.participant_key for one in ordered}
    met: Counter[str] = Counter()
    given = []
    for one in ordered:
        key = accounts.get(one.participant_key, one.participant_key)
        if one.attribution is Attribution.NAME_ONLY and names[key] > 1:
            met[key] += 1
            while f"{key}#{met[key]}" in taken:  # somebody's name
                met[key] += 1
            key = f"{key}#{met[key]}"
        given.append(one if key == one.participant_key else one.model_copy(update={"participant_key": key}))
    return sorted(given, key=lambda one: (one.participant_key, _order(one)))


def infer_leave_times(intervals: Iterable[AttendanceInterval], session: Session) -> list[AttendanceInterval]:
    """Set missing times of leaving to the end of the session, marked as inferred.

    That includes totals of the platform, whose sum does not depend on it. If the end is unknown, or before the time of
    joining because clocks differ, nothing is inferred.
    """
    end = session.actual_end
    return [
        one.model_copy(update={"left_at": end, "left_at_inferred": True})
        if one.left_at is None and one.joined_at is not None and end is not None and end >= one.joined_at
        else one
        for one in intervals
    ]


def summarize_attendance(intervals: Iterable[AttendanceInterval], session: Session) -> list[AttendanceSummary]:
    """Return one row per person, in the order of their keys, from the intervals of :func:`resolve_presence`."""
    people: defaultdict[str, list[AttendanceInterval]] = defaultdict(list)
    for one in intervals:
        people[one.participant_key].append(one)
    return [_summary(key, people[key], _length(session)) for key in sorted(people)]


def union_seconds(intervals: Iterable[tuple[datetime, datetime]]) -> float:
    """Return for how long at least one interval lasted. An interval that ends before it starts does not count."""
    total, covered = 0.0, None
    for start, end in sorted(intervals):
        if covered is None or start > covered:
            covered = start
        if end > covered:
            total += (end - covered).total_seconds()
            covered = end
    return total


def accounts_by_address(known: Iterable[AttendanceInterval | Participant]) -> dict[str, str]:
    """Return the account by the key of its e-mail address, for addresses that only one account has."""
    accounts: defaultdict[str, set[str]] = defaultdict(set)
    for one in known:
        if (key := email_key(one.email)) and one.participant_key.startswith(_ACCOUNT):
            accounts[key].add(one.participant_key)
    return {key: next(iter(same)) for key, same in accounts.items() if len(same) == 1}


def _order(one: AttendanceInterval) -> tuple[datetime, datetime, str, str, str]:
    """By time; the other values make the order independent of that of the response."""
    return (one.joined_at or _NEVER, one.left_at or _NEVER, one.participant_key, one.source_id or "", one.device or "")


def _length(session: Session) -> float | None:
    """Return how long a session lasted; None if unknown, or if its end is before its start because clocks differ."""
    if session.actual_start is None or session.actual_end is None or session.actual_end < session.actual_start:
        return None
    return (session.actual_end - session.actual_start).total_seconds()


def _count_seconds(intervals: Iterable[AttendanceInterval]) -> tuple[float, float] | None:
    """Return how long a person was present, and how long connected; None if unknown.

    A total of the platform lies somewhere between its first join and its last leave. So the presence is at most the
    union of the spans plus what totals exceed their own span by.
    """
    connected = beyond = 0.0
    spans: list[tuple[datetime, datetime]] = []
    is_known = False
    for one in intervals:
        span = 0.0
        if one.joined_at is not None and one.left_at is not None:
            spans.append((one.joined_at, one.left_at))
            span = max(0.0, (one.left_at - one.joined_at).total_seconds())
        elif one.reported_seconds is None:
            continue
        is_known = True
        seconds = span if one.reported_seconds is None else max(0.0, one.reported_seconds)
        connected += seconds
        beyond += max(0.0, seconds - span)
    return (min(connected, union_seconds(spans) + beyond), connected) if is_known else None


def _summary(key: str, intervals: list[AttendanceInterval], longest: float | None) -> AttendanceSummary:
    present, connected = _count_seconds(intervals) or (None, None)
    if present is not None and longest is not None:
        present = min(present, longest)
    joined = [one.joined_at for one in intervals if one.joined_at is not None]
    # If a time of leaving is before its join because clocks differ, the person was there at the join.
    left = [max(one.left_at, one.joined_at or one.left_at) for one in intervals if one.left_at is not None]
    return AttendanceSummary(
        participant_key=key,
        attribution=min((one.attribution for one in intervals), key=_SURENESS.index),
        name=next((one.name for one in intervals if one.name), None),
        email=next((one.email for one in intervals if one.email), None),
        is_guest=next((one.is_guest for one in intervals if one.is_guest is not None), None),
        first_join=min(joined, default=None),
        last_leave=max(left, default=None),
        present_seconds=present,
        connected_seconds=connected,
        rejoins=max(0, sum(one.joins for one in intervals) - 1),
        from_totals=any(one.reported_seconds is not None for one in intervals),
    )
