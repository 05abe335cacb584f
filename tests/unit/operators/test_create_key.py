"""The key of a create: the task instance and its request."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.operators._create_key import CreateKey, get_earliest_attempt

PLAN: dict[str, Any] = {
    "title": "Town hall",
    "start": "2026-03-03T09:00:00Z",
    "duration": 3600,
    "participants": ["ada@example.com"],
    "options": {"room_id": "r", "extra": {"b": 1, "a": [1, 2]}},
}


def task(**given: Any) -> Any:
    known = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1} | given
    return {"ti": SimpleNamespace(**known)}


def key(context: Any = None, **changes: Any) -> str:
    return str(CreateKey.of(context or task(), SessionDraft.read(**{**PLAN, **changes})))


def test_a_key_is_short_and_fits_into_a_url() -> None:
    assert re.fullmatch(r"[0-9a-f]{10}-[0-9a-f]{6}", key())


def test_keys_are_those_of_earlier_versions() -> None:
    assert (key(), key(task(map_index=3))) == ("bb0e412011-370855", "bc9e32324d-370855")


def test_each_iteration_of_a_task_loop_has_its_own_key() -> None:
    iterations = [task() | {"loop": SimpleNamespace(index=index)} for index in range(3)]
    assert len({key(), *(key(iteration) for iteration in iterations)}) == 4
    assert key(iterations[1]) == key(task() | {"loop": SimpleNamespace(index=1)})


@pytest.mark.parametrize(
    "same",
    [
        {"start": datetime(2026, 3, 3, 9, tzinfo=UTC)},
        {"start": "2026-03-03T10:00:00+01:00"},
        {"duration": "PT1H"},
        {"duration": timedelta(hours=1)},
        {"duration": None, "end": "2026-03-03T10:00:00Z"},
        {"title": " Town hall "},
        {"options": {"extra": {"a": [1, 2], "b": 1}, "room_id": "r"}},
        {"participants": [{"email": "ada@example.com"}]},
        {"description": None},
    ],
)
def test_the_same_request_in_another_form_has_the_same_key(same: dict[str, Any]) -> None:
    assert key(**same) == key()


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Town hall 2"},
        {"start": "2026-03-03T09:00:01Z"},
        {"duration": 3601},
        {"time_zone": "Europe/Berlin"},
        {"description": "All welcome"},
        {"participants": ["bo@example.com"]},
        {"options": {"room_id": "s"}},
    ],
)
def test_another_request_has_another_key_of_the_same_task(other: dict[str, Any]) -> None:
    assert key(**other) != key()
    assert key(**other).partition("-")[0] == key().partition("-")[0]


@pytest.mark.parametrize("other", [{"dag_id": "e"}, {"run_id": "s"}, {"task_id": "u"}, {"map_index": 0}])
def test_another_task_instance_has_another_key_of_the_same_request(other: dict[str, Any]) -> None:
    assert key(task(**other)) != key()
    assert key(task(**other)).partition("-")[2] == key().partition("-")[2]


def test_a_later_try_has_the_same_key() -> None:
    assert key(task(try_number=7)) == key()
    assert key(task(map_index=None)) == key()


def test_fields_of_an_attempt_are_no_part_of_the_key() -> None:
    draft = SessionDraft.read(**PLAN)
    later = draft.model_copy(update={"key": "k", "attempt": "ab", "turn": 3, "since": draft.start, "mark": False})
    assert CreateKey.of(task(), later) == CreateKey.of(task(), draft)


def test_a_key_is_the_same_in_every_process() -> None:
    code = (
        "from types import SimpleNamespace as N\n"
        "from airflow_provider_sessions.model import SessionDraft\n"
        "from airflow_provider_sessions.operators._create_key import CreateKey\n"
        "ti = N(dag_id='d', run_id='r', task_id='t', map_index=-1)\n"
        "print(CreateKey.of({'ti': ti}, SessionDraft.read(title='x', options={'tags': {'a', 'b', 'c', 'd', 'e'}})))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_the_earliest_attempt_is_when_the_run_was_due() -> None:
    due = datetime(2026, 3, 2, tzinfo=UTC)
    run = SimpleNamespace(run_after=due)
    assert get_earliest_attempt(task(try_number=2) | {"dag_run": run}) == due
    assert get_earliest_attempt(task()) is None
    ago = get_earliest_attempt(task() | {"dag_run": SimpleNamespace(run_after=datetime(2020, 1, 1, tzinfo=UTC))})
    assert ago is not None
    assert datetime.now(UTC) - ago < timedelta(days=1, minutes=1)
