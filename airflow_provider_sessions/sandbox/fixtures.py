"""pytest fixtures: ``pytest_plugins = ["airflow_provider_sessions.sandbox.fixtures"]`` in your top ``conftest.py``.

A task that finds its connection in the environment, against a platform that is played by the test::

    def test_waits_until_it_is_over(sandbox_server, monkeypatch):
        vidinfra = sandbox_server.sandbox.vidinfra
        monkeypatch.setenv("AIRFLOW_CONN_VIDINFRA_DEFAULT", json.dumps(vidinfra.connection()))
        session_id = vidinfra.create("Launch", script={"live_after": 0, "duration": 600})[0]
        sandbox_server.sandbox.clock.advance(600)
        ...
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_sessions.sandbox.sandbox import Sandbox
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.server import SandboxServer


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in process: ``httpx.ASGITransport(sandbox.app)`` reaches it.

    Its clock stands still at 2026-03-02 15:00 UTC; step it with ``sandbox.clock.advance(seconds)``. For another time or
    seed override this fixture with one of your own; ``sandbox_server`` then serves yours.
    """
    made = Sandbox(clock=SandboxClock.still())
    yield made
    made.close()


@pytest.fixture
def sandbox_server(sandbox: Sandbox) -> Iterator[SandboxServer]:
    """The same sandbox on a free loopback port."""
    with SandboxServer(sandbox) as server:
        yield server
