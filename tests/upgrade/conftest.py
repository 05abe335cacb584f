from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.rate_limit import stores
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from tests.connected import Connect, close_portal, connect
from tests.upgrade.world import PLATFORMS, Time, own_port

__all__ = ["close_portal", "connect"]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time of all: it stands still."""
    made = Time()
    monkeypatch.setattr(SystemClock, "now", lambda _: made.now())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: made.sleep(seconds))
    return made


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of rate-limit pages, behind the variable that always named it."""
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
    stores._reset()  # what was opened before lies elsewhere
    return tmp_path / "rates"


@pytest.fixture
def platforms(time: Time, rates: Path, connect: Connect) -> Iterator[Sandbox]:
    """All platforms behind their default connections, as the older version met them, still empty."""
    sandbox = Sandbox(clock=SandboxClock(follow=time))
    with own_port() as port, SandboxServer(sandbox, port=port):
        for name in PLATFORMS:
            platform = sandbox.platform(name)
            platform.remove_rate_limit()
            fields = json.loads(json.dumps(platform.connection()))
            connect(f"{name}_default", **fields | {"extra": {**fields.get("extra", {}), "rate_limit": "1000/s"}})
        yield sandbox
