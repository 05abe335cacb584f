"""One deferral through a real scheduler and a real triggerer, on every supported Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._airflow_api import AirflowApi
from scripts._standalone import Standalone

DAG_ID = "one_deferral"
TASK_ID = "wait_until_ended"

pytestmark = [pytest.mark.e2e, pytest.mark.matrix]


def test_a_deferred_task_ends_well_when_its_session_has_ended() -> None:
    sandbox = Sandbox()
    now = datetime.now(UTC)
    [session_id] = sandbox.vidinfra.create(
        "Board meeting", scheduled_start=now - timedelta(minutes=2), started_at=now - timedelta(minutes=1)
    )
    with SandboxServer(sandbox), Standalone(Path(__file__).parent / "dags", parallelism=1) as airflow:
        api = airflow.api
        api.add_connection("vidinfra_default", sandbox.vidinfra.connection())
        run_id = _started(api, session_id)

        api.wait_for("the deferral", lambda: _state(api, run_id) in {"deferred", "failed"}, timeout=60)
        assert _state(api, run_id) == "deferred", _log(api, run_id)

        # Long enough for the triggerer to look, and to see that the session is still live.
        looks = sandbox.log.count()
        api.wait_for("two looks of the triggerer", lambda: sandbox.log.count() >= looks + 2, timeout=60)
        assert _state(api, run_id) == "deferred"

        sandbox.vidinfra.end(session_id)
        assert api.wait_for_run(DAG_ID, run_id, timeout=60) == "success", _log(api, run_id)

        log = _log(api, run_id)
        assert sandbox.vidinfra.api_key not in log
        assert session_id in log
        result = api.xcom(DAG_ID, run_id, TASK_ID)
        assert "ended" in str(result)
        assert session_id in str(result)


def _started(api: AirflowApi, session_id: str) -> str:
    api.wait_for("the DAG", lambda: api.knows_dag(DAG_ID), timeout=60)
    api.unpause(DAG_ID)
    return api.trigger(DAG_ID, {"session_id": session_id})


def _state(api: AirflowApi, run_id: str) -> str | None:
    return api.task_states(DAG_ID, run_id).get(TASK_ID)


def _log(api: AirflowApi, run_id: str) -> str:
    return "\n".join(api.log(DAG_ID, run_id, TASK_ID))
