"""A task whose account has no slot left, in Airflow's own task runner: it is deferred, and goes on in time."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_sessions.operators import _create, _deferring_operator
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.request_log import LogEntry
from tests.airflow.conftest import RunDag
from tests.connected import Connect, requests_of


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a task be deferred for less than the usual 10 s, so that the tests are short."""
    monkeypatch.setattr(_deferring_operator, "SHORT_WAIT", 1.0)


def test_a_create_beyond_the_rate_limit_is_deferred_and_creates_one_session(
    run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    limited = {"rate_limit": "8/12s"}
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password=vidinfra.api_key, extra=limited)
    options = {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}
    with caplog.at_level(logging.INFO):
        run = run_dag("session_operators", "create_when_full", options=options)

    assert run.state == "success"
    (message,) = [text for text in caplog.messages if text.startswith("Deferred for ")]
    assert "the account allows 8 requests per 12 s; the next request can be sent at" in message
    (session,) = vidinfra.sessions()
    assert run.xcom("create")["session_id"] == run.xcom("create", "session_id") == session["id"]
    assert requests_of(sandbox, method="POST") == ["create_session"]


def test_a_retry_at_once_waits_for_a_create_that_is_carried_out_late(
    run_dag: RunDag,
    vidinfra: Any,
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_create, "_LATE_REQUEST_SECONDS", 9.0)  # a minute is long; it is deferred for less as well
    sandbox.faults.add("late", route="create_session", seconds=6)

    def carry_out(entry: LogEntry) -> None:
        if sandbox.log.count(route="list_room_sessions") == 5:  # after two searches of each try, one after the deferral
            sandbox.clock.advance(6)

    sandbox.on_request(carry_out)
    options = {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}
    with caplog.at_level(logging.INFO):
        run = run_dag("session_operators", "create_again_at_once", options=options)

    assert run.state == "success"
    assert [text for text in caplog.messages if text.startswith("Deferred for ")]
    (session,) = vidinfra.sessions()
    assert run.xcom("create")["session_id"] == run.xcom("create", "session_id") == session["id"]
    assert requests_of(sandbox, method="POST") == ["create_session"]
