"""Sessions, and which of them are meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_sessions.model import Session, SessionQuery, SessionState, Window, WindowBy

THREE = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def session(**fields: Any) -> Session:
    return Session(
        **{"platform": "p", "session_id": "s", "title": "Weekly Amber", "state": SessionState.ENDED, **fields}
    )


def test_an_end_is_the_actual_one_or_the_planned_one_of_a_session_that_is_over() -> None:
    planned = {"scheduled_start": THREE, "scheduled_end": THREE + HOUR}
    assert session(**planned, actual_end=THREE).ended_at == THREE
    assert session(**planned).ended_at == THREE + HOUR
    assert session(**planned, state=SessionState.LIVE).ended_at is None
    assert session(**planned, state=SessionState.CANCELED).ended_at is None
    assert session().ended_at is None


def test_a_duration_is_the_actual_one_or_the_planned_one() -> None:
    planned = {"scheduled_start": THREE, "scheduled_end": THREE + HOUR}
    assert session(**planned).duration_seconds == 3600
    assert session(**planned, actual_start=THREE, actual_end=THREE + 2 * HOUR).duration_seconds == 7200
    assert session(**planned, actual_start=THREE).duration_seconds == 3600
    assert session(**planned, actual_start=THREE, actual_end=THREE - HOUR).duration_seconds == 3600
    assert session(actual_start=THREE, actual_end=THREE - HOUR).duration_seconds is None
    assert session().duration_seconds is None


def test_a_summary_is_small_json() -> None:
    summary = session(scheduled_start=THREE, description="d" * 10_000).summary()
    assert json.loads(json.dumps(summary)) == summary
    assert summary["scheduled_start"] == "2026-03-02T15:00:00+00:00"
    assert summary["state"] == "ended"
    assert len(json.dumps(summary)) < 500


def test_final_states() -> None:
    assert {state for state in SessionState if state.is_final} == {"ended", "canceled", "expired"}


WINDOW = Window(start=THREE, end=THREE + HOUR)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ({}, True),
        ({"window": WINDOW}, True),
        ({"window": Window(start=THREE + HOUR, end=THREE + 2 * HOUR)}, False),
        ({"window": WINDOW, "by": WindowBy.SCHEDULED_START}, False),
        ({"room_id": "r"}, True),
        ({"room_id": "q"}, False),
        ({"case": "c"}, False),
        ({"title": "AMBER"}, True),
        ({"title": "jade"}, False),
        ({"states": (SessionState.ENDED,)}, True),
        ({"states": (SessionState.LIVE,)}, False),
    ],
)
def test_a_query(query: dict[str, Any], meant: bool) -> None:
    held = session(scheduled_start=THREE - HOUR, actual_end=THREE, room_id="r")
    assert SessionQuery(**query).matches(held) is meant


def test_a_session_without_the_instant_is_in_no_window() -> None:
    assert not SessionQuery(window=WINDOW).matches(session())
    assert not SessionQuery(window=WINDOW, by=WindowBy.SCHEDULED_START).matches(session())


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"scheduled_start": THREE, "actual_start": THREE - HOUR}, True),
        ({"scheduled_start": THREE - HOUR, "actual_start": THREE}, False),
        ({"actual_start": THREE, "created_at": THREE - HOUR}, True),
        ({"created_at": THREE}, True),
    ],
)
def test_every_session_has_a_beginning(fields: dict[str, Any], meant: bool) -> None:
    assert SessionQuery(window=WINDOW, by=WindowBy.BEGINNING).matches(session(**fields)) is meant
