"""Texts of a platform in a task's log, XCom and error."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_sessions.errors import RejectedError
from airflow_provider_sessions.operators.sessions import StartSessionOperator
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sensors.sessions import SessionStateSensor

FOREIGN = "Town\nhall ::group::hidden\x1b[31m::endgroup::" + "x" * 60_000


@pytest.fixture
def start(vidinfra: Any, context: Any) -> Any:
    def run(session_id: str) -> Any:
        return StartSessionOperator(task_id="start", conn_id="vidinfra_default", session_id=session_id).execute(context)

    return run


def assert_fit(text: str) -> None:
    assert "::group::" not in text
    assert "::endgroup::" not in text
    assert "\x1b" not in text
    assert len(text) < 5_000


def test_a_title(start: Any, vidinfra: Any, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    (session_id,) = vidinfra.create("Town hall", scheduled_start="2026-03-02T15:00:00Z")
    sandbox.faults.add("edit", times=None, changes={"data.title": FOREIGN, "data.session.title": FOREIGN})

    with caplog.at_level(logging.DEBUG, logger="airflow_provider_sessions"):
        result = start(session_id)

    assert result["title"].startswith("Town\\nhall : :group::hidden")
    assert len(result["title"]) == 500
    for message in caplog.messages:
        assert_fit(message)


def test_a_link(connect: Any, sandbox_server: SandboxServer, context: Any) -> None:
    sandbox = sandbox_server.sandbox
    connect("sessions_us_default", **sandbox.sessions_us.connection())
    (session_id,) = sandbox.sessions_us.create("Stand-up", started_at="2026-03-02T15:00:00Z")
    sandbox.faults.add("edit", times=None, changes={"data.sessionLink": "javascript:alert(1)", "sessionLink": "data:x"})
    wait = SessionStateSensor(
        task_id="wait", conn_id="sessions_us_default", session_id=session_id, state="live", deferrable=False
    )

    result = wait.poke(context).xcom_value

    assert (result["session_id"], result["url"], result["join_url"]) == (session_id, None, None)
    assert context["ti"].xcoms["join_url"] is None


@pytest.mark.parametrize("headers", [{}, {"X-Request-Id": "r-" + "::group::" * 9_000}], ids=["reason", "request id"])
def test_reasons(start: Any, sandbox: Sandbox, headers: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    body = {"success": False, "error": FOREIGN, "code": FOREIGN, "errors": {FOREIGN: [FOREIGN]}}
    sandbox.faults.add("status", status=400, body=body, headers=headers, times=None)

    with caplog.at_level(logging.DEBUG, logger="airflow_provider_sessions"), pytest.raises(RejectedError) as refused:
        start("s1")

    assert_fit(str(refused.value))
    assert "\n" not in str(refused.value)
    for message in caplog.messages:
        assert_fit(message)
