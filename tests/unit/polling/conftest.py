"""A poller of VidInfra's sandbox in the same process; poller, client and sandbox share a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.polling.poller import Poller, get_poller
from airflow_provider_sessions.polling.wait import Wait, wait_for
from airflow_provider_sessions.polling.wait_conditions import (
    ArtifactCondition,
    FailureLimits,
    StateCondition,
    WaitCondition,
    WaitResult,
)
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock
from tests.metrics import RecordingMetrics


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def sandbox(clock: VirtualClock) -> Iterator[Sandbox]:
    sandbox = Sandbox(clock=SandboxClock(follow=clock))
    yield sandbox
    sandbox.close()


class PollerHarness:
    """Waits on one connection, and the sandbox behind it."""

    def __init__(self, sandbox: Sandbox, clock: VirtualClock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.opened: list[Adapter] = []
        self.closed: list[Adapter] = []
        self.api_key = sandbox.vidinfra.api_key
        self.extra: dict[str, Any] = {}
        self.transport: httpx.AsyncBaseTransport = httpx.ASGITransport(sandbox.app)
        self.on_connect: Callable[[], None] = lambda: None
        self.metrics = RecordingMetrics()
        self.tasks: list[asyncio.Task[WaitResult]] = []

    async def connect(self, current: Adapter | None) -> Adapter:
        """Return the same adapter as before, unless the connection was edited, like the triggers."""
        self.on_connect()
        account = Account(
            "vidinfra_default",
            "vidinfra",
            host=self.sandbox.vidinfra.base_url,
            password=self.api_key,
            extra=self.extra,
        )
        if current is not None and current.account == account:
            return current
        adapter = VidInfraAdapter.open(
            account,
            clock=self.clock,
            metrics=self.metrics,
            traffic_class=TrafficClass.POLL,
            attempts=1,
            max_wait=300.0,
            transport=self.transport,
        )
        self.opened.append(adapter)
        closing = adapter.aclose

        async def aclose() -> None:
            self.closed.append(adapter)
            await closing()

        adapter.aclose = aclose  # type: ignore[method-assign]
        return adapter

    def poller(self) -> Poller:
        return get_poller("vidinfra_default", self.connect, clock=self.clock)

    def start_wait(
        self,
        session_id: str,
        condition: WaitCondition | SessionState | Artifact = SessionState.ENDED,
        *,
        poll_interval: float = 30.0,
        timeout: float = 86400.0,
        seen: bool = False,
        **limits: Any,
    ) -> asyncio.Task[WaitResult]:
        """Start to wait in a task."""
        if isinstance(condition, SessionState):
            condition = StateCondition(condition)
        elif isinstance(condition, Artifact):
            condition = ArtifactCondition(condition)
        wait = Wait(
            session_id=session_id,
            condition=condition,
            poll_interval=poll_interval,
            deadline=self.clock.now().timestamp() + timeout,
            limits=FailureLimits(**limits),
            seen=seen,
        )
        task = asyncio.ensure_future(wait_for(wait, self.poller()))
        self.tasks.append(task)
        return task

    async def run_ready_tasks(self) -> None:
        """Run all tasks without advancing the clock. The sandbox needs many loop iterations for a response."""
        for _ in range(8):
            await self.clock.advance(0)

    async def advance(self, seconds: float) -> None:
        """Advance the clock and run all tasks meanwhile."""
        until = self.clock.now() + timedelta(seconds=seconds)
        await self.run_ready_tasks()
        while self.clock.now() < until:
            # From one sleeping task to the next, so that a response is read completely before another task wakes up.
            due = min((sleeper[0] for sleeper in self.clock._sleepers), default=until)
            await self.clock.advance_to(min(due, until))
            await self.run_ready_tasks()

    def requests(self, **wanted: Any) -> list[str]:
        """Return the routes of the requests that the sandbox received."""
        return [str(entry.route) for entry in self.sandbox.log.entries(**wanted)]


@pytest.fixture
async def harness(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[PollerHarness]:
    harness = PollerHarness(sandbox, clock)
    yield harness
    for task in harness.tasks:
        task.cancel()
    await asyncio.gather(*harness.tasks, return_exceptions=True)
