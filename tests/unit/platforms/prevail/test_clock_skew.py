"""A worker whose clock is off: Prevail refuses its tokens, and the error says why. Over HTTP, with the real clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.errors import AuthenticationError
from airflow_provider_sessions.hooks.prevail import PrevailHook
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer(Sandbox(clock=SandboxClock())) as server:
        monkeypatch.setenv("AIRFLOW_CONN_PREVAIL_DEFAULT", json.dumps(server.sandbox.prevail.connection()))
        yield server


def shift(server: SandboxServer, seconds: float) -> None:
    httpx.post(f"{server.control_url}/clock", json={"skew": seconds}).raise_for_status()


def test_a_clock_behind_the_platforms(server: SandboxServer) -> None:
    shift(server, 330)
    with pytest.raises(AuthenticationError, match=r"expired.*This machine's clock is [56] min behind") as refused:
        list(PrevailHook().list_sessions())
    assert "API key" not in str(refused.value)


def test_a_clock_ahead_of_the_platforms(server: SandboxServer) -> None:
    shift(server, -330)
    server.sandbox.faults.add("status", status=401, times=None)
    with pytest.raises(AuthenticationError, match=r"This machine's clock is [56] min ahead of") as refused:
        list(PrevailHook().list_sessions())
    assert "API key" not in str(refused.value)


def test_a_clock_that_is_right(server: SandboxServer) -> None:
    server.sandbox.prevail.new_api_key()
    with pytest.raises(AuthenticationError, match="API key") as refused:
        list(PrevailHook().list_sessions())
    assert "clock" not in str(refused.value)


def test_a_short_key_is_not_warned_of(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, because Python shows a warning once."""
    connection: dict[str, Any] = server.sandbox.prevail.connection() | {"password": "short"}
    monkeypatch.setenv("AIRFLOW_CONN_PREVAIL_DEFAULT", json.dumps(connection))
    code = (
        "from airflow_provider_sessions.hooks.prevail import PrevailHook\n"
        "try: list(PrevailHook().list_sessions())\n"
        "except Exception as refused: print(type(refused).__name__)"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert "AuthenticationError" in done.stdout
    assert "InsecureKeyLength" not in done.stdout + done.stderr
