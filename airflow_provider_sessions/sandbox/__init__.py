"""Stand-ins for the platforms, served over real HTTP, for tests of this package and of your own DAGs.

In a test::

    pytest_plugins = ["airflow_provider_sessions.sandbox.fixtures"]

    def test_export(sandbox_server):
        webinars = sandbox_server.sandbox.vidinfra
        webinars.create(count=3, ended_at=sandbox_server.sandbox.clock.now())
        ...

On the command line: ``python -m airflow_provider_sessions.sandbox --help``.

Its modules: ``sandbox`` (the whole), ``gate`` (the way of a request), ``platform`` (what all platforms have), ``life``,
``people`` and ``media`` (what sessions are made of), ``faults``, ``log``, ``limits``, ``control``, and one folder a
platform. It imports nothing of the client it is there to test.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.clock import SandboxClock
from airflow_provider_sessions.sandbox.foreign import ForeignHost
from airflow_provider_sessions.sandbox.sandbox import Sandbox
from airflow_provider_sessions.sandbox.server import SandboxServer

__all__ = ["ForeignHost", "Sandbox", "SandboxClock", "SandboxServer"]
