"""Fixtures of the tests that reach a platform through an Airflow connection: a sandbox on a real port behind it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_sessions.hooks.portal import get_process_portal
from airflow_provider_sessions.rate_limit import stores
from airflow_provider_sessions.rate_limit.file_store import shared_folder
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.fixtures import sandbox, sandbox_server

__all__ = ["RecordingTaskInstance", "close_portal", "connect", "context", "sandbox", "sandbox_server", "vidinfra"]

Connect = Callable[..., str]


@pytest.fixture(autouse=True)
def close_portal() -> Iterator[None]:
    """What one test opened is not there in the next, nor what it learned of rate limits.

    A sandbox may get the port of one before: it would be the same account, which may still be refused.
    """
    yield
    get_process_portal().close()
    stores._get_file_limiter.cache_clear()
    stores._get_retry_after_limiter.cache_clear()
    shutil.rmtree(shared_folder(), ignore_errors=True)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make a connection, as users do with an environment variable; gives its id."""

    def connect(conn_id: str, **fields: Any) -> str:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        return conn_id

    return connect


@pytest.fixture
def vidinfra(connect: Connect, sandbox_server: SandboxServer) -> Any:
    """VidInfra's sandbox, behind the connection ``vidinfra_default``."""
    platform = sandbox_server.sandbox.vidinfra
    connect(
        "vidinfra_default",
        conn_type="vidinfra",
        host=platform.base_url,
        password=platform.api_key,
        extra={"session_url": "https://live.example.com/sessions/{session_id}"},
    )
    return platform


class RecordingTaskInstance:
    """As much of a task instance as an operator talks to."""

    def __init__(self, run_id: str = "manual__1", map_index: int | None = -1, try_number: int = 1) -> None:
        self.dag_id, self.task_id = "a_dag", "a_task"
        self.run_id, self.map_index, self.try_number = run_id, map_index, try_number
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@pytest.fixture
def context() -> dict[str, Any]:
    """As much of a task's context as an operator reads."""
    return {"ti": RecordingTaskInstance()}


def requests_of(sandbox: Sandbox, **wanted: Any) -> list[str]:
    """The names of the operations that the sandbox was asked for."""
    return [str(entry.route) for entry in sandbox.log.entries(**wanted)]
