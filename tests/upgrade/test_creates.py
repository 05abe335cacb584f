"""Sessions that an older version made are found again, by their mark or by what Airflow keeps of the task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sandbox import Sandbox
from tests.upgrade.world import HOUR, NOON, PLATFORMS, Time, stored, task


class Store(dict[str, Any]):
    """A task's state store."""

    def set(self, key: str, value: Any, **retention: Any) -> None:
        self[key] = json.loads(json.dumps(value))


def create(platforms: Sandbox, name: str) -> CreateSessionOperator:
    """The task as its author wrote it."""
    options = {
        "prevail": {"case": "24-cv-1138"},
        "vidinfra": {"room_id": platforms.vidinfra.room_id, "preset_id": platforms.vidinfra.preset_id},
        "sessions_us": {},
    }[name]
    return CreateSessionOperator(
        task_id="create",
        conn_id=f"{name}_default",
        title="Town hall",
        start="2026-03-04T09:00:00+00:00",
        description=None if name == "prevail" else "All are welcome.",
        options=options,
        **({} if name == "vidinfra" else {"duration": 3600, "time_zone": "America/New_York"}),
    )


def restore(platforms: Sandbox, name: str, sent: dict[str, Any], **changed: Any) -> str:
    """Let the platform hold what the older version sent."""
    if name == "prevail":
        planned = sent["session_request"]["remote_session"]
        fields = {key: planned[key] for key in ("case", "time_zone", "estimated_duration", "remote_session_id")}
    else:
        fields = {"description": sent["description"]}
    if name == "sessions_us":
        fields |= {"planned_end": NOON + 46 * HOUR, "time_zone": sent["timeZone"]}
    given = {"title": "Town hall", "scheduled_start": NOON + 45 * HOUR, **fields, **changed}
    [session_id] = platforms.platform(name).create(**given)
    return str(session_id)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_session_is_found_by_its_mark(name: str, platforms: Sandbox, time: Time) -> None:
    old, context, time.at = stored("creates")[name], task("create"), NOON
    session_id = restore(platforms, name, old["sent"])

    result = create(platforms, name).execute(context)

    assert result["session_id"] == session_id
    assert result == old["result"]
    assert context["ti"].xcoms == old["xcoms"]
    assert len(platforms.platform(name).sessions()) == 1


@pytest.mark.parametrize("name", ["vidinfra", "sessions_us"])
def test_a_session_is_found_by_what_airflow_keeps(name: str, platforms: Sandbox, time: Time) -> None:
    """Where people have given it another title, and taken its mark away."""
    old, time.at = stored("creates")[name], NOON
    session_id = restore(platforms, name, old["sent"], title="Town hall, moved", description="")
    store = Store(old["store"])

    result = create(platforms, name).execute(task("create", try_number=2, store=store))

    assert result["session_id"] == session_id
    assert len(platforms.platform(name).sessions()) == 1
    assert store == old["store"]


@pytest.mark.parametrize("name", PLATFORMS)
def test_what_is_made_is_marked_and_kept_as_it_was(name: str, platforms: Sandbox, time: Time) -> None:
    old, store, time.at = stored("creates")[name], Store(), NOON

    create(platforms, name).execute(task("create", store=store))

    [sent] = [entry.body for entry in platforms.log.entries(platform=name, method="POST") if entry.body]
    assert _without_attempt(sent) == _without_attempt(old["sent"])
    assert store == old["store"]


def _without_attempt(sent: dict[str, Any]) -> dict[str, Any]:
    """Without what distinguishes an attempt from others, at the end of the mark."""
    description, has_mark, mark = str(sent.get("description", "")).partition("[airflow ")
    return sent | {"description": description + has_mark + mark.rpartition("-")[0]}
