"""pytest fixtures: ``pytest_plugins = ["airflow_provider_sessions.sandbox.fixtures"]`` in your top ``conftest.py``.

A task that reads its connection from the environment, and a session that the test simulates::

    def test_waits_until_the_session_has_ended(sandbox_server, monkeypatch):
        vidinfra = sandbox_server.sandbox.vidinfra
        monkeypatch.setenv("AIRFLOW_CONN_VIDINFRA_DEFAULT", json.dumps(vidinfra.connection()))
        session_id = vidinfra.create("Launch", script={"live_after": 0, "duration": 600})[0]
        sandbox_server.sandbox.clock.advance(600)
        ...
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_sessions.sandbox.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in process, for ``httpx.ASGITransport(sandbox.app)``.

    Its clock is stopped at 2026-03-02 15:00 UTC; advance it with ``sandbox.clock.advance(seconds)``. To use another
    time or seed, override this fixture; ``sandbox_server`` then serves yours.
    """
    sandbox = Sandbox(clock=SandboxClock.stopped())
    yield sandbox
    sandbox.close()


@pytest.fixture
def sandbox_server(sandbox: Sandbox) -> Iterator[SandboxServer]:
    """The same sandbox on a free loopback port."""
    with SandboxServer(sandbox) as server:
        yield server
