"""A Sessions adapter that is connected to the sandbox in process; both have one virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.sessions_us.adapter import SessionsUsAdapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock

Open = Callable[..., SessionsUsAdapter]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


@pytest.fixture
def sandbox(clock: VirtualClock) -> Iterator[Sandbox]:
    made = Sandbox(clock=SandboxClock(follow=clock))
    yield made
    made.close()


@pytest.fixture
async def open_adapter(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[Open]:
    """Opens an adapter for a connection to the sandbox; fields of the account may be given."""
    opened: list[SessionsUsAdapter] = []

    def open_it(**fields: Any) -> SessionsUsAdapter:
        fields = {"host": sandbox.sessions_us.base_url, "password": sandbox.sessions_us.api_key} | fields
        adapter = SessionsUsAdapter.open(
            Account("sessions_us_default", "sessions_us", **fields),
            clock=clock,
            transport=httpx.ASGITransport(sandbox.app),
        )
        opened.append(adapter)
        return adapter

    yield open_it
    for adapter in opened:
        await adapter.aclose()


@pytest.fixture
def adapter(open_adapter: Open) -> SessionsUsAdapter:
    return open_adapter()
