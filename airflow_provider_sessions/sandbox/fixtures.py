"""pytest fixtures: ``pytest_plugins = ["airflow_provider_sessions.sandbox.fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_sessions.sandbox.clock import SandboxClock
from airflow_provider_sessions.sandbox.sandbox import Sandbox
from airflow_provider_sessions.sandbox.server import SandboxServer


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose clock stands still at 2026-03-02 15:00 UTC; step it with ``sandbox.clock.advance(seconds)``."""
    made = Sandbox(clock=SandboxClock.still())
    yield made
    made.close()


@pytest.fixture
def sandbox_server(sandbox: Sandbox) -> Iterator[SandboxServer]:
    """The same sandbox on a free loopback port."""
    with SandboxServer(sandbox) as server:
        yield server
