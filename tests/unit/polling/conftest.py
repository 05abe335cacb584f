"""A poller on VidInfra's sandbox, in process; poller, client and sandbox have one virtual clock."""

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
from airflow_provider_sessions.polling.poller import Poller, poller_for
from airflow_provider_sessions.polling.wait import Outcome, Wait, wait_for
from airflow_provider_sessions.polling.wait_conditions import ArtifactGoal, Goal, StateGoal, Tolerance
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def sandbox(clock: VirtualClock) -> Iterator[Sandbox]:
    made = Sandbox(clock=SandboxClock(follow=clock))
    yield made
    made.close()


class Room:
    """A room full of waiters on one connection."""

    def __init__(self, sandbox: Sandbox, clock: VirtualClock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.opened: list[Adapter] = []
        self.closed: list[Adapter] = []
        self.api_key = sandbox.vidinfra.api_key
        self.extra: dict[str, Any] = {}
        self.transport: httpx.AsyncBaseTransport = httpx.ASGITransport(sandbox.app)
        self.on_connect: Callable[[], None] = lambda: None
        self.tasks: list[asyncio.Task[Outcome]] = []

    async def connect(self, current: Adapter | None) -> Adapter:
        """As the triggers do: the same adapter, unless the connection was edited."""
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
        return poller_for("vidinfra_default", self.connect, clock=self.clock)

    def wait(
        self,
        session_id: str,
        goal: Goal | SessionState | Artifact = SessionState.ENDED,
        *,
        every: float = 30.0,
        timeout: float = 86400.0,
        seen: bool = False,
        **tolerance: Any,
    ) -> asyncio.Task[Outcome]:
        """Begin to wait."""
        if isinstance(goal, SessionState):
            goal = StateGoal(goal)
        elif isinstance(goal, Artifact):
            goal = ArtifactGoal(goal)
        wait = Wait(
            session_id=session_id,
            goal=goal,
            poll_interval=every,
            deadline=self.clock.now().timestamp() + timeout,
            tolerance=Tolerance(**tolerance),
            seen=seen,
        )
        task = asyncio.ensure_future(wait_for(wait, self.poller()))
        self.tasks.append(task)
        return task

    async def settle(self) -> None:
        """Let everybody do what can be done without time passing. The sandbox needs many turns to answer."""
        for _ in range(8):
            await self.clock.advance(0)

    async def passes(self, seconds: float) -> None:
        """Let time pass, and everybody do what they do meanwhile."""
        until = self.clock.now() + timedelta(seconds=seconds)
        await self.settle()
        while self.clock.now() < until:
            # From one sleeper to the next: an answer is read whole before somebody else wakes up.
            due = min((sleeper[0] for sleeper in self.clock._sleepers), default=until)
            await self.clock.advance_to(min(due, until))
            await self.settle()

    def requests(self, **wanted: Any) -> list[str]:
        """The names of the operations that the sandbox was asked for."""
        return [str(entry.route) for entry in self.sandbox.log.entries(**wanted)]


@pytest.fixture
async def room(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[Room]:
    made = Room(sandbox, clock)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
