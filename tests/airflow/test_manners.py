"""What only one platform does, seen from a DAG: Prevail e-mails people, Sessions counts requests and has two keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from tests.airflow.conftest import RunDag
from tests.connected import Connect, requests_of

FILE = "three_platforms"
DEPOSITION = {"case": "24-cv-1138", "deponent": {"name": "Malachite Yarrow", "email": "malachite@example.com"}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in real time, because Airflow is."""
    made = Sandbox(clock=SandboxClock())
    yield made
    made.close()


@pytest.fixture
def prevail(connect: Connect, sandbox_server: SandboxServer) -> Any:
    platform = sandbox_server.sandbox.prevail
    connect("prevail_default", **platform.connection())
    return platform


@pytest.fixture
def sessions_us(connect: Connect, sandbox_server: SandboxServer) -> Any:
    platform = sandbox_server.sandbox.sessions_us
    platform.set_rate_limit(10, 3)
    connect("sessions_us_default", **platform.connection(), extra={"rate_limit": "10/3s"})
    return platform


def test_prevail_writes_to_people_once_and_not_again_when_a_session_is_canceled_quietly(
    run_dag: RunDag, prevail: Any, sandbox: Sandbox
) -> None:
    sandbox.faults.add("lost_response", route="create_session")
    run = run_dag(FILE, "cancel", conn_id="prevail_default", options=DEPOSITION)

    assert run.state == "success"
    first, later = run.xcom("create")["session_id"], run.xcom("later")["session_id"]
    emails = [(email["kind"], email["to"], email["session_id"]) for email in prevail.emails()]
    assert emails == [
        ("invitation", "malachite@example.com", first),
        ("invitation", "malachite@example.com", later),
    ]


def test_the_error_of_a_company_without_self_service_names_the_other_flow(
    run_dag: RunDag, prevail: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    prevail.allow_self_service(False)
    run = run_dag(FILE, "cancel", conn_id="prevail_default", options=DEPOSITION)

    assert run.tasks["create"] == ["failed"]
    log = "".join(capfd.readouterr())
    assert "PermissionDeniedError: prevail responded with 403" in log
    assert "options={'flow': 'request'}" in log
    assert prevail.api_key not in log
    assert prevail.emails() == []


def test_requests_to_sessions_keep_its_rate_limit(
    run_dag: RunDag, sessions_us: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    sessions_us.create(count=12, ended_between=("2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z"))
    run = run_dag(
        FILE,
        "features",
        conn_id="sessions_us_default",
        features=["participants"],
        path=str(tmp_path),
        begin="2026-03-02T00:00:00Z",
        end="2026-03-03T00:00:00Z",
    )

    assert run.tasks["participants_export_participants"] == ["success"]
    entries = sandbox.log.entries(platform="sessions_us")
    assert [entry.status for entry in entries] == [200] * 13
    times = sorted(entry.wall for entry in entries)
    assert min(later - earlier for earlier, later in zip(times, times[10:], strict=False)) >= 3
    assert max(later - earlier for earlier, later in pairwise(times[:10])) < 3, "the first ten need not wait"


def test_a_guests_key_fails_before_any_request(
    run_dag: RunDag, sessions_us: Any, connect: Connect, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    key = sessions_us.guest_api_key
    connect("sessions_us_default", **sessions_us.connection() | {"password": key, "extra": {"key_role": "GUEST"}})
    run = run_dag(FILE, "cancel", conn_id="sessions_us_default")

    assert run.tasks["create"] == ["failed"]
    log = "".join(capfd.readouterr())
    assert "key_role is GUEST, which serves guest requests alone" in log
    assert key not in log
    assert requests_of(sandbox) == []


def test_a_guests_key_that_passes_for_a_users_is_explained(
    run_dag: RunDag, sessions_us: Any, connect: Connect, capfd: pytest.CaptureFixture[str]
) -> None:
    key = sessions_us.guest_api_key
    connect("sessions_us_default", **sessions_us.connection() | {"password": key})
    run = run_dag(FILE, "cancel", conn_id="sessions_us_default")

    assert run.tasks["create"] == ["failed"]
    log = "".join(capfd.readouterr())
    assert "PermissionDeniedError: sessions_us responded with 403" in log
    assert "a key of role GUEST serves guest requests alone; make one of role USER" in log
    assert key not in log
