"""The sandbox as a process, as users start it."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from scripts._processes import ChildProcess, ChildProcessFailed
from scripts._standalone import make_base_environment

START_TIMEOUT = 30.0


class SandboxProcess:
    """``python -m airflow_provider_sessions.sandbox`` on a free port, for the time of a ``with`` block."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airflow-sessions-sandbox-")))
            ready_file = folder / "ready.json"
            command = [sys.executable, "-m", "airflow_provider_sessions.sandbox", "--ready-file", str(ready_file)]
            child = stack.enter_context(
                ChildProcess("the sandbox", command, make_base_environment(), folder / "sandbox.log")
            )
            deadline = time.monotonic() + START_TIMEOUT
            while not ready_file.exists():
                child.check_running()
                if time.monotonic() > deadline:
                    raise ChildProcessFailed(f"the sandbox did not start in time:\n{child.read_log_tail()}")
                time.sleep(0.1)
            self._ready = json.loads(ready_file.read_text())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The base URL: scheme, host and port."""
        url: str = self._ready["url"]
        return url

    def connection(self, platform: str) -> Mapping[str, Any]:
        """Return the fields of an Airflow connection to a platform."""
        connection: dict[str, Any] = self._ready["platforms"][platform]["connection"]
        return connection

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to a control route and return its response; ``GET /`` lists the routes."""
        response = httpx.request(method, f"{self._ready['control']}{path}", json=body, trust_env=False)
        response.raise_for_status()
        return response.json() if response.content else None
