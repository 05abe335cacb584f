"""Stand-ins for the platforms, served over real HTTP, for tests of this package and of your own DAGs.

In a test::

    pytest_plugins = ["airflow_provider_sessions.sandbox.fixtures"]

    def test_export(sandbox_server):
        webinars = sandbox_server.sandbox.vidinfra
        webinars.create(count=3, ended_at=sandbox_server.sandbox.clock.now())
        ...

On the command line: ``python -m airflow_provider_sessions.sandbox --help``.

Layers, from the bottom: time, identifiers, attendees and media; ``platform_state`` (what all platforms share); one
package a platform (its state below, its routes above); ``control_routes`` and ``middleware``; ``sandbox`` on top. It
imports nothing of the client that it is there to test.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.second_host import SecondHost

__all__ = ["Sandbox", "SandboxClock", "SandboxServer", "SecondHost"]
