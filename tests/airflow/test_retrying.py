"""How often Airflow tries a task that fails, by what went wrong and by who says so."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

from airflow_provider_sessions.client import retry
from airflow_provider_sessions.sandbox import Sandbox
from tests.airflow.conftest import Run, RunDag

FILE = "retrying"
TRIES = 3


@pytest.fixture(autouse=True)
def policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAGs that name a policy are there where Airflow knows such."""
    from airflow_provider_sessions.retries import sessions_default_args

    monkeypatch.setenv("TESTS_WITH_POLICIES", "1" if sessions_default_args() else "")


def tries(run: Run) -> int:
    """How often the one task of a run was tried."""
    with create_session() as session:
        instance = session.query(TaskInstance).filter_by(dag_id=run.dag_id, run_id=run.run_id, task_id="task").one()
        return int(instance.try_number)


@pytest.mark.parametrize(
    ("dag_id", "message"),
    [
        ("wrong_room", "options.room_id='00000000-0000-4000-8000-000000000404' was not found"),
        ("wrong_session", "session_id='00000000-0000-4000-8000-000000000406' was not found"),
        ("wrong_session_to_download", "session_id='00000000-0000-4000-8000-000000000406' was not found"),
        ("wrong_argument", "arguments.room_id='00000000-0000-4000-8000-000000000406' was not found"),
        ("wrong_room_to_export", "room_id='00000000-0000-4000-8000-000000000406' was not found"),
        ("wrong_input", "session_id: 'None' is not an id"),
        ("mapped", "session_id='00000000-0000-4000-8000-000000000406' was not found"),
    ],
)
def test_permanent_errors_are_not_retried(
    run_dag: RunDag, vidinfra: Any, capfd: pytest.CaptureFixture[str], dag_id: str, message: str
) -> None:
    run = run_dag(FILE, dag_id)
    assert run.tasks["task"] == ["failed"]
    assert tries(run) == 1
    assert message in "".join(capfd.readouterr())


def test_a_refused_credential_is_not_retried(run_dag: RunDag, vidinfra: Any) -> None:
    vidinfra.new_api_key()
    run = run_dag(FILE, "failing")
    assert (run.tasks["task"], tries(run)) == (["failed"], 1)


@pytest.mark.parametrize("status", [400, 404, 408, 409, 423, 425, 503])
def test_transient_errors_are_retried(
    run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A 404, too, that is about no argument of the task."""
    monkeypatch.setattr(retry, "RetryPolicy", partial(retry.RetryPolicy, backoff=0.01))  # within a try, requests hurry
    sandbox.faults.add("status", status=status, times=None)
    run = run_dag(FILE, "failing")
    assert (run.tasks["task"], tries(run)) == (["failed"], TRIES)


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize(
    "dag_id",
    [
        "own_policy_none",
        "default_policy_none",
        "mapped_policy_none",
        "mapped_default_policy_none",
        "group_policy_none",
        "sensor_policy_none",
    ],
)
def test_a_policy_of_the_author_is_used(run_dag: RunDag, vidinfra: Any, dag_id: str) -> None:
    run = run_dag(FILE, dag_id)
    assert (run.tasks["task"], tries(run)) == (["failed"], TRIES)


@pytest.mark.needs_airflow("3.3")
def test_a_sensor_is_not_retried(run_dag: RunDag, vidinfra: Any) -> None:
    run = run_dag(FILE, "sensor")
    assert (run.tasks["task"], tries(run)) == (["failed"], 1)


def test_a_sensor_with_an_invalid_argument_fails_and_is_not_skipped(run_dag: RunDag, vidinfra: Any) -> None:
    """Whatever Airflow makes of its own errors with soft_fail."""
    assert run_dag(FILE, "skipping_sensor").tasks["task"] == ["failed"]
